/* MODEL on the command line: a run file, Keras' JSON, .h5 or .keras, a checkpoint, or a run
 * directory. */
#ifndef TRAIN_OPEN_MODEL_H
#define TRAIN_OPEN_MODEL_H

#include "comm/comm.h"
#include "store/checkpoint.h"

/* Reads it into a checkpoint (a run file gives its model with its `weights`, else the initial ones
 * of its seed, and `compile`). Not collective. */
ls_status ls_model_open(struct ls_checkpoint *checkpoint, const char *path);
/* The same for who needs no weights: those that a run file would initialize, or has from `weights`,
 * are not made, so that a model of any size is opened. */
ls_status ls_model_open_shapes(struct ls_checkpoint *checkpoint, const char *path);

/* What a model is opened for. */
enum ls_open_purpose {
    LS_OPEN_TO_USE,   /* to predict and evaluate: it must have weights */
    LS_OPEN_TO_START, /* to begin a training: weights or none */
    LS_OPEN_TO_GO_ON, /* the same, with the optimizer's state: that which cannot be taken is an
                         error */
};

/* A model file on all ranks: rank 0 reads, the others get it from rank 0. In *opened, which is to
 * be released: the model with its `compile`; the run's state (NULL where the file has none); to go
 * on, slots and iteration. A run file is refused unless it gives all weights. Collective. */
ls_status ls_model_open_all(struct ls_checkpoint *opened, struct ls_comm *comm, const char *path,
                            enum ls_open_purpose purpose);

/* Opens the models that a run file names in a layer's place, on all ranks: for ls_model_parse,
 * which is then collective. */
struct ls_model_files ls_model_files_all(struct ls_comm *comm);

#endif
