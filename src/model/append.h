/* Making layers from options: shared by the run file's reader, Keras' reader and ls_layer_add. */
#ifndef MODEL_APPEND_H
#define MODEL_APPEND_H

#include "model/graph.h"

/* Options that every layer has besides its kind's; ends with NULL. */
extern const char *const ls_layer_common_options[];

/* A layer that is not yet in the model, with a name that is free there. `options` (NULL: none) must
 * outlive it. */
ls_status ls_layer_create(const struct ls_model *model, struct ls_layer **layer,
                          const struct ls_kind *kind, const struct ls_tree *options);

/* Appends a layer to a Sequential model, and makes its result the output. `options` must outlive
 * the model. */
ls_status ls_model_append(struct ls_model *model, const struct ls_kind *kind,
                          const struct ls_tree *options);

/* LS_BAD_INPUT, with the nearest right one, when a map has a key that is not in known (ends with
 * NULL). */
ls_status ls_keys_check(const struct ls_tree *map, const char *const *known);

/* Copies numbers into a variable: one list of as many as it has, or lists nested as its axes. */
ls_status ls_variable_set(const struct ls_model *model, const struct ls_variable *variable,
                          const struct ls_tree *numbers);

#endif
