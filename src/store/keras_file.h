/* Keras' part of a whole-model file: model_config, training_config, model_weights. */
#ifndef STORE_KERAS_FILE_H
#define STORE_KERAS_FILE_H

#include "store/checkpoint.h"
#include "store/h5.h"

/* The weights are borrowed until the image is finished. */
ls_status ls_keras_file_write(struct ls_h5_image *image, const struct ls_checkpoint *checkpoint);

/* The model with its weights, and the compile state (NULL: none) in the run file's terms. Layers
 * are matched by name when all names match, else by position, as Keras does; weights by position.
 */
ls_status ls_keras_file_read(const struct ls_h5 *h5, struct ls_model **model,
                             struct ls_tree **compile);

/* The weights alone, into a model that is built, from the group that has `layer_names`:
 * LS_KERAS_WEIGHTS, or "" for the root, where save_weights of Keras 2 puts them. */
#define LS_KERAS_WEIGHTS "/model_weights"
ls_status ls_keras_weights_read(const struct ls_h5 *h5, const char *group, struct ls_model *model);

/* What a name in a config means may hang on the version of Keras: adds it to a model's config,
 * unless it is there. version NULL: not known. */
ls_status ls_keras_add_version(struct ls_tree *config, const char *version);

/* The version whose files ours are like: readers of Keras 2 look at it. */
#define LS_KERAS_VERSION "3.15.1"

#endif
