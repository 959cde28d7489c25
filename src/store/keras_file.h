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

#endif
