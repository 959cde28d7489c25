#include "layer/wrapped.h"

#include <string.h>

#include "base/memory.h"
#include "kernel/kernels.h"

enum { NAME_TEXT = 128 };

struct ls_layer ls_wrapped_layer(const struct ls_layer *outer, const struct ls_inner *inner)
{
    return (struct ls_layer){.kind = ls_layer_kind_of(inner->instance.kind),
                             .options = inner->instance.options,
                             .name = outer->name,
                             .trainable = outer->trainable && inner->trainable,
                             .place = inner->place,
                             .number = outer->number};
}

ls_status ls_wrapped_shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                           struct ls_call_needs *needs)
{
    LS_TRY(ls_layer_check_inputs(layer, shapes->inputs - shapes->masks));
    *needs = (struct ls_call_needs){0};
    if (layer->kind->shape)
        return layer->kind->shape(layer, shapes, needs);
    shapes->outputs = 1;
    shapes->out[0] = shapes->in[0];
    return LS_OK;
}

/* -- building */

static ls_status make_name(char **name, const struct ls_wrapped_parts *parts)
{
    char class[NAME_TEXT];
    const char *given = parts->inner->name;
    size_t length = strlen(parts->prefix);
    ls_snake_case(class, sizeof class, parts->inner->instance.kind->name);
    if (!given)
        given = class;
    else if (strncmp(given, parts->prefix, length) == 0)
        given += length;
    return ls_format(name, "%s%s", parts->prefix, given);
}

static ls_status add_variable(struct ls_wrapped *wrapped, struct ls_layer *outer, size_t v,
                              const char *attribute)
{
    const struct ls_variable *inner = &wrapped->layer.variable[v];
    char **name = &wrapped->text[2 * v], **group = &wrapped->text[2 * v + 1];
    if (outer->variables == LS_VARIABLES_MAX)
        return ls_layer_fail(outer, "it has more weights than %d", LS_VARIABLES_MAX);
    LS_TRY(ls_format(name, "%s/%s%s%s", wrapped->name, inner->within ? inner->within : "",
                     inner->within ? "/" : "", inner->name));
    LS_TRY(ls_format(group, "%s%s%s", attribute, inner->group ? "/" : "",
                     inner->group ? inner->group : ""));
    struct ls_variable *made = &outer->variable[outer->variables++];
    *made = *inner;
    made->name = *name;
    made->within = NULL; /* the name has it */
    made->group = *group;
    made->trainable = inner->trainable && wrapped->layer.trainable;
    return LS_OK;
}

ls_status ls_wrapped_build(struct ls_wrapped *wrapped, struct ls_layer *outer,
                           const struct ls_wrapped_parts *parts)
{
    wrapped->layer = ls_wrapped_layer(outer, parts->inner);
    wrapped->layer.trainable = parts->inner->trainable;
    wrapped->first = outer->variables;
    LS_TRY(make_name(&wrapped->name, parts));
    if (wrapped->layer.kind->build)
        LS_TRY(wrapped->layer.kind->build(&wrapped->layer, parts->shapes));
    wrapped->layer.built = true;
    for (size_t v = 0; v < wrapped->layer.variables; v++)
        LS_TRY(add_variable(wrapped, outer, v, parts->attribute));
    return LS_OK;
}

void ls_wrapped_release(struct ls_wrapped *wrapped)
{
    if (wrapped->layer.kind)
        ls_layer_forget(&wrapped->layer);
    for (size_t i = 0; i < sizeof wrapped->text / sizeof *wrapped->text; i++)
        ls_release(wrapped->text[i]);
    ls_release(wrapped->name);
    *wrapped = (struct ls_wrapped){0};
}

/* -- calls */

void ls_wrapped_bind(struct ls_wrapped_call *bound, const struct ls_wrapped *wrapped,
                     const struct ls_call *outer, const struct ls_call_shapes *shapes)
{
    memset(bound, 0, sizeof *bound);
    bound->call = *outer;
    bound->call.layer = &wrapped->layer;
    bound->call.shapes = shapes;
    bound->call.defer_activation = false;
    bound->call.in = bound->in;
    bound->call.out = bound->out;
    bound->call.out_grad = bound->out_grad;
    bound->call.in_grad = bound->in_grad;
    bound->call.weight = outer->weight + wrapped->first;
    bound->call.weight_grad = outer->weight_grad + wrapped->first;
    bound->call.prepared = NULL;
    bound->call.written = NULL;
}

void ls_wrapped_clear_gradients(const struct ls_call *outer)
{
    const struct ls_layer *layer = outer->layer;
    for (size_t v = 0; v < layer->variables && !outer->accumulate; v++)
        if (outer->weight_grad[v])
            ls_k->fill(outer->weight_grad[v], 0, (size_t)ls_shape_count(&layer->variable[v].shape));
}

void ls_wrapped_flops(const struct ls_wrapped *wrapped, const struct ls_call_shapes *shapes,
                      double times, struct ls_call_flops *flops)
{
    struct ls_call_flops one = {0};
    if (wrapped->layer.kind->flops)
        wrapped->layer.kind->flops(&wrapped->layer, shapes, &one);
    flops->forward += times * one.forward;
    flops->to_data += times * one.to_data;
    flops->to_weights += times * one.to_weights;
}

/* -- Keras' configs */

ls_status ls_wrapped_read(struct ls_tree *config, const char *key)
{
    const struct ls_tree *entry = ls_tree_find(config, key);
    const struct ls_kind *kind;
    if (!entry || entry->type != LS_TREE_MAP || !ls_tree_find(entry, "class_name"))
        return LS_OK;
    LS_TRY(ls_kind_require_keras(&ls_layers, entry, &kind));
    struct ls_tree *options = (struct ls_tree *)ls_tree_find(entry, "config"); /* config's own */
    if (!options || options->type != LS_TREE_MAP)
        return LS_OK;
    if (ls_layer_kind_of(kind)->read)
        LS_TRY(ls_layer_kind_of(kind)->read(options));
    const struct ls_tree *shape = ls_tree_find(options, "batch_input_shape"); /* of Keras 2 */
    if (shape)
        ls_tree_remove((struct ls_tree *)shape);
    return LS_OK;
}

ls_status ls_wrapped_write(const struct ls_wrapped *wrapped, const struct ls_inner *inner,
                           struct ls_tree *config, const char *key)
{
    const struct ls_tree *before = ls_tree_find(config, key);
    struct ls_inner named = *inner;
    struct ls_layer layer = wrapped->layer; /* the options may have been read anew */
    layer.options = inner->instance.options;
    named.name = wrapped->name;
    if (before)
        ls_tree_remove((struct ls_tree *)before); /* config's own */
    LS_TRY(ls_inner_write(&named, config, key));
    struct ls_tree *written = (struct ls_tree *)ls_tree_find(ls_tree_find(config, key), "config");
    return layer.kind->write ? layer.kind->write(&layer, written) : LS_OK;
}
