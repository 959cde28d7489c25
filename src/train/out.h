/* The file that a command is asked to write its results to. */
#ifndef TRAIN_OUT_H
#define TRAIN_OUT_H

#include "comm/comm.h"
#include "data/dataset.h"

/* Collective, before the work: that `out` (NULL: nothing is written) can be written, and is neither
 * the model, a file or a run directory, nor a file of the data. LS_CANNOT_WRITE, LS_USAGE. */
ls_status ls_out_check(struct ls_comm *comm, const char *out, const char *model,
                       const struct ls_data *data);

#endif
