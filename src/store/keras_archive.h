/* Keras' .keras archives: config.json (the model and how it was compiled), model.weights.h5
 * (weights and the optimizer's state), metadata.json. */
#ifndef STORE_KERAS_ARCHIVE_H
#define STORE_KERAS_ARCHIVE_H

#include "store/checkpoint.h"

/* Fills a checkpoint: model, compile, slots. On failure it is empty. */
ls_status ls_keras_archive_read(struct ls_checkpoint *checkpoint, const char *path);

/* An archive from which Keras goes on, with slots that are zero where the checkpoint has none. */
ls_status ls_keras_archive_write(const struct ls_checkpoint *checkpoint, const char *path);

/* What save_weights of Keras 3 writes, .weights.h5: the archive's weights in a file of their own,
 * published at once. */
ls_status ls_keras_weights_save(const struct ls_checkpoint *checkpoint, const char *path);

/* Keras' to_json: the model's config and compile_config. Appends it to text. */
ls_status ls_keras_json_write(struct ls_text *text, const struct ls_checkpoint *checkpoint);
/* The model without weights, and compile (NULL: none), of what to_json gives, as a tree. */
ls_status ls_keras_json_read(struct ls_checkpoint *checkpoint, const struct ls_tree *config);

#endif
