/* What a model answers to the samples of a data set, kept by output, for the reports of an
 * evaluation: classes, labels or numbers, as the output's loss and activation say. */
#ifndef TRAIN_ANSWERS_H
#define TRAIN_ANSWERS_H

#include "comm/comm.h"
#include "data/order.h"
#include "train/learnt.h"
#include "train/objective.h"

struct ls_answers;

struct ls_answers_options {
    struct ls_comm *comm;
    const struct ls_objective *objective;
    int64_t blocks;       /* of all ranks, of LS_BLOCK_ROWS samples */
    struct ls_range mine; /* this rank's */
    bool curves;          /* ROC and precision-recall curves too */
};

/* What is given must outlive it. Not collective. */
ls_status ls_answers_create(struct ls_answers **answers, const struct ls_answers_options *options);
void ls_answers_free(struct ls_answers *answers);

/* For struct ls_measure: what its `see` shows. Blocks come in their order. */
void ls_answers_see(struct ls_answers *answers, const struct ls_seen *seen);
/* To be called after each block. */
void ls_answers_end_block(struct ls_answers *answers);

/* Where names of an output's classes are: a data set, or the model's state, or NULL. */
struct ls_answers_names {
    const struct ls_data *data;
    const struct ls_tree *state;
};
/* The reports, in new memory, on rank 0: one an output that has targets. Collective. */
ls_status ls_answers_report(struct ls_answers *answers, const struct ls_answers_names *names,
                            struct ls_evaluation *evaluation);

#endif
