/* Reading Keras' configs: shared by the parts of it. */
#ifndef MODEL_KERAS_READ_H
#define MODEL_KERAS_READ_H

#include "model/graph.h"
#include "model/keras.h"

/* NULL for what is no map or has no such key. */
const struct ls_tree *ls_keras_find(const struct ls_tree *map, const char *key);
/* class_name of an object, or NULL. */
const char *ls_keras_class(const struct ls_tree *entry);
bool ls_keras_is_model(const struct ls_tree *entry);

/* A layer or a model in a layer's place, as an entry of `layers` without its calls. */
ls_status ls_keras_read_part(struct ls_tree *entry, const struct ls_tree *keras);
/* A model as the run file's `model` map, which is empty. */
ls_status ls_keras_read_model(struct ls_tree *model, const struct ls_tree *keras);
/* The graph of a Functional model's config: layers with their calls, inputs, outputs. */
ls_status ls_keras_read_graph(struct ls_tree *model, const struct ls_tree *config);

#endif
