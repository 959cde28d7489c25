/* Files for Keras, by the ending of their name. */
#ifndef STORE_EXPORT_H
#define STORE_EXPORT_H

#include "store/checkpoint.h"

enum ls_export_form { LS_EXPORT_KERAS, LS_EXPORT_H5, LS_EXPORT_JSON };

/* LS_USAGE for a name that ends otherwise. */
ls_status ls_export_form(const char *path, enum ls_export_form *form);

/* .keras: the archive, with the optimizer's state. .h5: Keras' whole-model file; the optimizer's
 * state stands under Keras' name for it only with `optimizer_weights`, since Keras 3 fails to train
 * on from such a file; a checkpoint's own part goes with it. .json: to_json. LS_BAD_INPUT when a
 * part that is asked for is not there; LS_CANNOT_WRITE. */
ls_status ls_export(const struct ls_checkpoint *checkpoint, const char *path,
                    bool optimizer_weights);

#endif
