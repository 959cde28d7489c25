/* Evaluation: samples in fixed blocks, dealt whole to ranks and added up by block number, so that
 * the numbers do not depend on the number of ranks. */
#ifndef TRAIN_EVALUATOR_H
#define TRAIN_EVALUATOR_H

#include "comm/combine.h"
#include "train/answers.h"
#include "train/objective.h"
#include "train/tally.h"

struct ls_evaluator;

/* For a compiled model and data to measure it on. Collective; all must outlive it. */
ls_status ls_evaluator_create(struct ls_evaluator **evaluator, struct ls_comm *comm,
                              struct ls_model *model, const struct ls_tree *compile,
                              struct ls_data *data);
/* The bytes that it would take on this rank. Not collective. */
ls_status ls_evaluator_bytes(size_t *bytes, struct ls_comm *comm, struct ls_model *model,
                             const struct ls_tree *compile, struct ls_data *data);
void ls_evaluator_free(struct ls_evaluator *evaluator);

const struct ls_objective *ls_evaluator_objective(const struct ls_evaluator *evaluator);

/* Keeps all answers of the runs that follow (one), for exact values of metrics that have thresholds
 * while training, and for reports. Collective. */
ls_status ls_evaluator_keep(struct ls_evaluator *evaluator, bool curves);
/* The reports of what was kept, on rank 0 (train/answers.h). Collective. */
ls_status ls_evaluator_report(struct ls_evaluator *evaluator, const struct ls_answers_names *names,
                              struct ls_evaluation *evaluation);
/* From now on runs count what outputs take for what; the counts are the evaluator's. Not
 * collective, but to be called on all ranks. */
ls_status ls_evaluator_tally(struct ls_evaluator *evaluator, const struct ls_tally **tally);

/* Loss and metrics with the weights as they are, in the order of ls_objective_names. Collective. */
ls_status ls_evaluator_run(struct ls_evaluator *evaluator, double *values);

#endif
