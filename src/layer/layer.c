#include "layer/call.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "layer/options.h"

const char *const ls_layer_data_formats[] = {"channels_last", "channels_first", NULL};

static size_t most_inputs(const struct ls_layer_kind *kind)
{
    size_t most = kind->flags & LS_LAYER_INPUT ? 0 : kind->most_inputs ? kind->most_inputs : 1;
    return most < LS_TENSORS_MAX ? most : LS_TENSORS_MAX;
}

ls_status ls_layer_check_inputs(const struct ls_layer *layer, size_t inputs)
{
    size_t most = most_inputs(layer->kind);
    size_t least = layer->kind->least_inputs ? layer->kind->least_inputs : most;
    if (inputs >= least && inputs <= most)
        return LS_OK;
    return ls_layer_fail(layer, "it takes %s%zu input%s, not %zu",
                         least == most    ? ""
                         : inputs < least ? "at least "
                                          : "at most ",
                         inputs < least ? least : most, most == 1 ? "" : "s", inputs);
}

size_t ls_call_input(const struct ls_call_shapes *shapes, size_t name)
{
    for (size_t i = 0; i < shapes->inputs - shapes->masks; i++)
        if (shapes->name_of[i] == name)
            return i;
    return SIZE_MAX;
}

size_t ls_layer_input_name(const struct ls_layer_kind *kind, const char *name)
{
    for (size_t i = 0; kind->input_names && kind->input_names[i]; i++)
        if (strcmp(kind->input_names[i], name) == 0)
            return i;
    return SIZE_MAX;
}

ls_status ls_layer_check_named(const struct ls_layer *layer, const struct ls_call_shapes *shapes,
                               size_t named)
{
    const struct ls_layer_kind *kind = layer->kind;
    const size_t ordered = shapes->inputs - named;
    if (named == 0 || ordered > most_inputs(kind))
        return ls_layer_check_inputs(layer, ordered);
    for (size_t i = ordered; i < shapes->inputs; i++)
        if (ls_call_input(shapes, shapes->name_of[i]) != i)
            return ls_layer_fail(layer, "its call has '%s' twice",
                                 kind->input_names[shapes->name_of[i]]);
    for (size_t name = 0; name < kind->least_inputs; name++)
        if (ls_call_input(shapes, name) == SIZE_MAX)
            return ls_layer_fail(layer, "its call has no '%s'", kind->input_names[name]);
    return LS_OK;
}

ls_status ls_layer_check_size(const struct ls_layer *layer, const struct ls_shape *out)
{
    static const int64_t most = (int64_t)1 << 40; /* times rows still far from overflow */
    char text[LS_SHAPE_TEXT];
    if (ls_shape_count(out) <= most)
        return LS_OK;
    ls_shape_format(text, out);
    return ls_layer_fail(layer, "a result of %s is too large", text);
}

ls_status ls_layer_axis(const struct ls_layer *layer, const struct ls_shape *shape,
                        const char *option, int64_t axis, int *index)
{
    char text[LS_SHAPE_TEXT];
    int64_t found = axis < 0 ? axis + shape->rank : axis - 1;
    *index = (int)found;
    if (axis == 0 || found == -1)
        return ls_layer_fail(layer, "%s: %lld is the samples' axis, which stays as it is", option,
                             (long long)axis);
    ls_shape_format(text, shape);
    if (found < 0 || found >= shape->rank)
        return ls_layer_fail(layer, "%s: %s has no axis %lld", option, text, (long long)axis);
    return LS_OK;
}

/* The epoch is added into a word: a different key for every epoch of one seed. */
struct ls_random_key ls_call_key(const struct ls_call *call, int64_t seed, enum ls_purpose purpose)
{
    struct ls_random_key key =
        ls_random_key(seed == LS_NULL_INT ? call->seed : (uint64_t)seed, purpose);
    key.word[1] += call->epoch;
    return key;
}

void ls_layer_forget(struct ls_layer *layer)
{
    if (layer->state && layer->kind->release)
        layer->kind->release(layer);
    ls_release(layer->state);
    layer->state = NULL;
}

void ls_layer_declare(struct ls_layer *layer, const char *name, struct ls_shape shape,
                      const struct ls_weight_options *options)
{
    layer->variable[layer->variables++] = (struct ls_variable){
        .name = name,
        .shape = shape,
        .trainable = true,
        .initializer = &options->initializer,
        .regularizer = &options->regularizer,
        .constraint = &options->constraint,
    };
}

ls_status ls_layer_check_variables(const struct ls_layer *layer)
{
    for (size_t v = 0; v < layer->variables; v++) {
        const struct ls_variable *variable = &layer->variable[v];
        if (ls_constraint_check(variable->constraint, &variable->shape) != LS_OK ||
            ls_penalty_check(variable->regularizer, &variable->shape) != LS_OK)
            return ls_layer_fail(layer, "%s: %s", variable->name, ls_message());
    }
    if (ls_penalty_check(layer->activity_regularizer, NULL) != LS_OK)
        return ls_layer_fail(layer, "activity_regularizer: %s", ls_message());
    return LS_OK;
}

ls_status ls_layer_fail(const struct ls_layer *layer, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (layer->place && layer->place->file)
        return ls_fail_at_name(layer->place, LS_BAD_INPUT, "%s", text);
    return ls_fail(LS_BAD_INPUT, "%s (%s): %s", layer->name, layer->kind->kind.name, text);
}
