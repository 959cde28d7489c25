/* MODEL on the command line: a run file, Keras' JSON or .h5, a checkpoint, or a run directory. */
#ifndef TRAIN_OPEN_MODEL_H
#define TRAIN_OPEN_MODEL_H

#include "comm/comm.h"
#include "store/checkpoint.h"

/* Reads it into a checkpoint (a run file gives its model with the initial weights of its seed, and
 * `compile`). Not collective. */
ls_status ls_model_open(struct ls_checkpoint *checkpoint, const char *path);

/* A model file on all ranks: rank 0 reads, the others get it from rank 0. *model is the caller's,
 * with its `compile`; *state too (the run's, NULL where the file has none). A run file is refused
 * unless it gives all weights (by hand), and, where it must be `trained`, a model without weights
 * (Keras' JSON). Collective. */
ls_status ls_model_open_all(struct ls_model **model, struct ls_tree **state, struct ls_comm *comm,
                            const char *path, bool trained);

/* Opens the models that a run file names in a layer's place, on all ranks: for ls_model_parse,
 * which is then collective. */
struct ls_model_files ls_model_files_all(struct ls_comm *comm);

#endif
