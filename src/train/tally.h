/* What a model takes for what: by output that tells classes, how often a position (a sample, or a
 * step of a sequence that no mask leaves out) of one class was taken for another. Whole numbers,
 * the same on any number of ranks; sample weights do not count. */
#ifndef TRAIN_TALLY_H
#define TRAIN_TALLY_H

#include "comm/comm.h"
#include "train/objective.h"

struct ls_tally;

enum { LS_TALLY_CLASSES_MAX = 256 };

/* The classes that an output tells apart, as its loss and target say: the largest of its last axis,
 * or 0 and 1 of a single number that is a probability or its logit. 0: it tells none. */
size_t ls_tally_classes(const struct ls_objective *objective, size_t output);

/* For all outputs that tell at most LS_TALLY_CLASSES_MAX classes. The objective must outlive it. */
ls_status ls_tally_create(struct ls_tally **tally, const struct ls_objective *objective);
void ls_tally_free(struct ls_tally *tally);

void ls_tally_clear(struct ls_tally *tally);
/* Counts a run's rows after its forward pass; measured: by output. */
void ls_tally_add(struct ls_tally *tally, const struct ls_plan_run *run,
                  const struct ls_measured *measured);
/* The counts of all ranks on each. Collective. */
ls_status ls_tally_sum(struct ls_tally *tally, struct ls_comm *comm);

/* [true class][predicted class] of an output; NULL: it has none. */
const int64_t *ls_tally_counts(const struct ls_tally *tally, size_t output);

#endif
