/* The optimizer's state in a model: between the calls that train it, read it and save it. */
#ifndef TRAIN_TRAINED_H
#define TRAIN_TRAINED_H

#include "store/checkpoint.h"
#include "train/fit.h"

/* Moves what a file had into its model. */
ls_status ls_trained_from_file(struct ls_checkpoint *file);

/* What the model has, as a checkpoint borrows it. */
void ls_trained_lend(struct ls_checkpoint *checkpoint, const struct ls_model *model);

/* Into the slots of a training that begins; *before: the steps that were done. LS_BAD_INPUT when
 * the state was refused, or is of another optimizer. */
ls_status ls_trained_begin(const struct ls_model *model, struct ls_fit_run *run, int64_t *before);

/* Out of a training that ended, whose slots become the model's. On failure the model has none. */
ls_status ls_trained_end(struct ls_model *model, const struct ls_fit_run *run);

#endif
