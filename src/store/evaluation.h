/* An evaluation in an HDF5 file of its own. On one rank. */
#ifndef STORE_EVALUATION_H
#define STORE_EVALUATION_H

#include "lockstep/evaluation.h"

/* A new file at path, whole or not there, with all of the evaluation under /evaluation: each of its
 * values by name; of an output's report, with its prefix, confusion_matrix, classification_report
 * (names and one dataset a column), roc_curve/CLASS and precision_recall_curve/CLASS, residuals.
 * LS_CANNOT_WRITE. */
ls_status ls_evaluation_write(const char *path, const struct ls_evaluation *evaluation);

#endif
