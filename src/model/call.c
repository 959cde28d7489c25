#include "model/call.h"

#include <string.h>

/* The argument of a recurrent layer's call that has what stands behind its first input. */
static const char states[] = "initial_state";

static const struct ls_layer_kind *kind_of(const struct ls_layer *layer)
{
    static const struct ls_layer_kind model = {0}; /* its calls have no arguments of their own */
    return layer ? layer->kind : &model;
}

void ls_call_names(const struct ls_layer *layer, unsigned which,
                   const char *names[LS_CALL_NAMES_MAX])
{
    const struct ls_layer_kind *kind = kind_of(layer);
    const struct ls_option *option = kind->arguments ? kind->arguments->options : NULL;
    size_t count = 0;
    if (which & LS_CALL_TRAINING)
        names[count++] = "training";
    if (which & LS_CALL_TENSORS) {
        for (size_t i = 0; kind->input_names && kind->input_names[i]; i++)
            names[count++] = kind->input_names[i];
        if (kind->flags & LS_LAYER_STATES)
            names[count++] = states;
    }
    for (; which & LS_CALL_OPTIONS && option && option->name; option++)
        names[count++] = option->name;
    names[count] = NULL;
}

bool ls_call_takes(const struct ls_layer *layer, const char *name)
{
    const char *names[LS_CALL_NAMES_MAX];
    ls_call_names(layer, LS_CALL_TENSORS, names);
    for (size_t i = 0; names[i]; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

ls_status ls_use_add_input(struct ls_use *use, struct ls_edge edge, const struct ls_tree *place)
{
    if (use->inputs == LS_TENSORS_MAX)
        return ls_fail_at(place, LS_BAD_INPUT, "a layer has at most %d inputs", LS_TENSORS_MAX);
    use->in[use->inputs++] = edge;
    return LS_OK;
}

/* Behind those in order, by their names, which is the order that Keras takes them in. */
static ls_status add_named(struct ls_use *use, const char *const *names, size_t name,
                           const struct ls_call_tensors *tensors)
{
    size_t at = use->inputs;
    LS_TRY(ls_use_add_input(use, tensors->edge[0], tensors->place));
    for (size_t first = at - use->named;
         at > first && strcmp(names[use->name_of[at - 1]], names[name]) > 0; at--) {
        use->in[at] = use->in[at - 1];
        use->name_of[at] = use->name_of[at - 1];
    }
    use->in[at] = tensors->edge[0];
    use->name_of[at] = (uint8_t)name;
    use->named++;
    return LS_OK;
}

ls_status ls_use_add_tensors(struct ls_use *use, const struct ls_layer *layer,
                             const struct ls_call_tensors *tensors)
{
    const struct ls_layer_kind *kind = kind_of(layer);
    size_t name = ls_layer_input_name(kind, tensors->name);
    if (name != SIZE_MAX && tensors->count != 1)
        return ls_fail_at(tensors->place, LS_BAD_INPUT, "'%s' is one tensor, not %zu",
                          tensors->name, tensors->count);
    if (name != SIZE_MAX)
        return add_named(use, kind->input_names, name, tensors);
    if (use->inputs != 1)
        return ls_fail_at(tensors->place, LS_BAD_INPUT,
                          "'%s' stands beside one input in order, the sequence, not %zu",
                          tensors->name, use->inputs);
    for (size_t i = 0; i < tensors->count; i++)
        LS_TRY(ls_use_add_input(use, tensors->edge[i], tensors->place));
    return LS_OK;
}

ls_status ls_use_set_options(struct ls_use *use, const struct ls_layer *layer,
                             const struct ls_tree *map)
{
    const struct ls_layer_kind *kind = kind_of(layer);
    const struct ls_tree *value = ls_tree_find(map, "training");
    const char *others[LS_CALL_NAMES_MAX];
    bool training = true;
    if (value && !ls_tree_is_null(value))
        LS_TRY(ls_tree_bool(value, &training));
    use->inference = !training;
    if (!kind->arguments)
        return LS_OK;
    ls_call_names(layer, LS_CALL_TRAINING | LS_CALL_TENSORS, others);
    return ls_instance_create(&use->arguments, kind->arguments, map, others);
}
