/* Making models piece by piece: shared by the readers of run files and of Keras' configs and by the
 * functions of lockstep/model.h. */
#ifndef MODEL_APPEND_H
#define MODEL_APPEND_H

#include "model/graph.h"

/* Options that every layer has besides its kind's; ends with NULL. */
extern const char *const ls_layer_common_options[];

/* A layer that is not yet in the model, with a name that is free there. `options` (NULL: none) must
 * outlive it. */
ls_status ls_layer_create(const struct ls_model *model, struct ls_layer **layer,
                          const struct ls_kind *kind, const struct ls_tree *options);
/* LS_BAD_INPUT where a layer in the options of a layer is a model. */
ls_status ls_layer_check_inner(const struct ls_kind *kind, const struct ls_tree *options);
bool ls_model_name_taken(const struct ls_model *model, const char *name);
/* A free name for a nested model: the one that is asked for, or Keras' (sequential, functional_1).
 * LS_BAD_INPUT at place where it is taken. */
ls_status ls_model_rename(const struct ls_model *model, struct ls_model *nested, const char *name,
                          const struct ls_tree *place);
/* Frees a part that was not taken over. */
void ls_part_release(struct ls_part *part);

/* -- a Sequential model: the part is applied to what was there last. Taken over when it succeeds.
 */
ls_status ls_model_append_part(struct ls_model *model, struct ls_part part,
                               const struct ls_tree *place);
ls_status ls_model_append(struct ls_model *model, const struct ls_kind *kind,
                          const struct ls_tree *options);

/* -- any model, part by part. An InputLayer is used at once, as the next input. Taken over when it
 * succeeds. */
ls_status ls_model_add_part(struct ls_model *model, struct ls_part part);
/* A use whose inputs are results of uses that are there. */
ls_status ls_model_add_use(struct ls_model *model, const struct ls_use *use);
ls_status ls_model_set_result(struct ls_model *model, struct ls_edge edge, const char *name);

/* LS_BAD_INPUT, with the nearest right one, when a map has a key that is not in known (ends with
 * NULL). */
ls_status ls_keys_check(const struct ls_tree *map, const char *const *known);

/* Copies numbers into a variable: one list of as many as it has, or lists nested as its axes. */
ls_status ls_variable_set(const struct ls_model *model, const struct ls_variable *variable,
                          const struct ls_tree *numbers);

#endif
