/* Exact results of metrics that have a fixed number of thresholds while training: an evaluation
 * keeps all scores. */
#ifndef TRAIN_EXACT_H
#define TRAIN_EXACT_H

#include "comm/comm.h"
#include "train/objective.h"

struct ls_exact;

/* For up to `samples` samples of this rank. What is given must outlive it. Not collective. */
ls_status ls_exact_create(struct ls_exact **exact, const struct ls_objective *objective,
                          int64_t samples);
void ls_exact_free(struct ls_exact *exact);

/* For struct ls_measure: what its `see` shows. */
void ls_exact_see(struct ls_exact *exact, const struct ls_seen *seen);

/* Puts the exact results in place of the others in the values of ls_objective_values. Collective;
 * the same on all ranks. */
ls_status ls_exact_values(struct ls_exact *exact, struct ls_comm *comm, double *values);

#endif
