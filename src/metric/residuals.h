/* What a regression leaves over, from all its numbers. */
#ifndef METRIC_RESIDUALS_H
#define METRIC_RESIDUALS_H

#include "lockstep/evaluation.h"

/* target and prediction are [rows][columns]; the statistics depend on their order, as sums of
 * doubles do. */
ls_status ls_residuals_find(struct ls_residuals *residuals, const float *target,
                            const float *prediction, size_t rows, size_t columns);

#endif
