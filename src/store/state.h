/* Our part of a checkpoint, the group /lockstep:
 *
 *     attributes    format (1), program (version), digest, state (JSON), compile (YAML)
 *     slots/SLOT/LAYER/VARIABLE    an optimizer slot of a variable, in the variable's shape; the
 *                                  attributes of slots: their names, and `iteration`, the steps
 *                                  that the optimizer has done
 *     partial                      sums of the epoch so far
 *     kept/NUMBER/LAYER/VARIABLE   weights of before that callbacks keep, from 0
 *     epochs/COLUMN                the history; the attribute `columns` has their order
 *
 * See digest.h for the digest. */
#ifndef STORE_STATE_H
#define STORE_STATE_H

#include "store/checkpoint.h"
#include "store/h5.h"

enum { LS_STATE_FORMAT = 1 };

/* The values are borrowed until the image is finished. */
ls_status ls_state_write(struct ls_h5_image *image, const struct ls_checkpoint *checkpoint);
/* Whether the file has our part, in a format that we know; *newer: it fails since it is newer. */
ls_status ls_state_find(const struct ls_h5 *h5, bool *found, bool *newer);
/* The part that is there, into checkpoint, whose model is there. */
ls_status ls_state_read(const struct ls_h5 *h5, struct ls_checkpoint *checkpoint);

#endif
