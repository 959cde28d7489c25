/* What a call of a layer or of a nested model is given: tensors in order, tensors under the names
 * of arguments, and the other arguments. Shared by run files (`from`, `call`) and lockstep/model.h
 * (struct ls_arguments). `layer` is the one that is called, NULL for a nested model. */
#ifndef MODEL_CALL_H
#define MODEL_CALL_H

#include "model/graph.h"

/* An argument of a call that is a tensor, or a list of them. */
struct ls_call_tensors {
    const char *name;
    const struct ls_edge *edge;
    size_t count;
    const struct ls_tree *place; /* for messages, or NULL */
};

enum ls_call_arguments {
    LS_CALL_TRAINING = 1, /* `training`, which all calls have */
    LS_CALL_TENSORS = 2,
    LS_CALL_OPTIONS = 4, /* what is neither */
};
enum { LS_CALL_NAMES_MAX = 32 };
/* The names of a call's arguments, those of `which` kinds; ends with NULL. */
void ls_call_names(const struct ls_layer *layer, unsigned which,
                   const char *names[LS_CALL_NAMES_MAX]);
/* Whether an argument of this name is a tensor, or a list of them. */
bool ls_call_takes(const struct ls_layer *layer, const char *name);

/* One more input of a call, in order; before those that have names. */
ls_status ls_use_add_input(struct ls_use *use, struct ls_edge edge, const struct ls_tree *place);
/* The tensors of an argument that the call takes, when all inputs in order are there. */
ls_status ls_use_add_tensors(struct ls_use *use, const struct ls_layer *layer,
                             const struct ls_call_tensors *tensors);
/* `training` and the arguments that are no tensors, from a map whose keys are known to be names of
 * arguments. */
ls_status ls_use_set_options(struct ls_use *use, const struct ls_layer *layer,
                             const struct ls_tree *map);

#endif
