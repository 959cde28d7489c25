/* Writing Keras' configs: shared by the parts of it. */
#ifndef MODEL_KERAS_WRITE_H
#define MODEL_KERAS_WRITE_H

#include "model/graph.h"
#include "model/keras.h"

/* [null, 28, 28] of a sample's shape, under key (NULL in a list). */
ls_status ls_keras_write_shape(struct ls_tree *parent, const char *key,
                               const struct ls_shape *shape);
/* "class_name" and "config" of a part, into entry. `shape` is the result of its first use. With
 * `nodes` the calls in models inside are written as Keras 3's nodes. */
ls_status ls_keras_write_part(struct ls_tree *entry, const struct ls_part *part,
                              const struct ls_shape *shape, bool nodes);
/* Completes the config of a Functional model: layers with their calls, inputs, outputs. */
ls_status ls_keras_write_graph(struct ls_tree *config, const struct ls_model *model, bool nodes);
/* The first use of a part. */
const struct ls_use *ls_model_first_use(const struct ls_model *model, size_t part);

#endif
