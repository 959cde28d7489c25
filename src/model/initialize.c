/* Initial weights: a function of the seed alone, then what the run file sets by hand. */
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "model/append.h"

/* Walks a nested list of numbers; returns how many there are, and stores those that fit. */
static ls_status collect(const struct ls_tree *tree, float *values, size_t room, size_t *count)
{
    if (tree->type == LS_TREE_LIST) {
        for (const struct ls_tree *item = tree->child; item; item = item->next)
            LS_TRY(collect(item, values, room, count));
        return LS_OK;
    }
    double number;
    LS_TRY(ls_tree_double(tree, &number));
    if (*count < room)
        values[*count] = (float)number;
    (*count)++;
    return LS_OK;
}

/* Whether lists are nested as the axes of a shape from `axis` on. */
static bool nested_as(const struct ls_tree *tree, const struct ls_shape *shape, int axis)
{
    if (tree->type != LS_TREE_LIST)
        return axis == shape->rank;
    if (axis == shape->rank || (int64_t)tree->count != shape->size[axis])
        return false;
    for (const struct ls_tree *item = tree->child; item; item = item->next)
        if (!nested_as(item, shape, axis + 1))
            return false;
    return true;
}

/* One list of all numbers, in the order in which they lie in memory. */
static bool is_flat(const struct ls_tree *tree)
{
    for (const struct ls_tree *item = tree->child; item; item = item->next)
        if (item->type == LS_TREE_LIST)
            return false;
    return true;
}

static ls_status fail_nested(const struct ls_variable *variable, const struct ls_tree *numbers)
{
    struct ls_text shape = {0};
    for (int axis = 0; axis < variable->shape.rank; axis++)
        ls_text_append(&shape, "%s%lld", axis ? ", " : "", (long long)variable->shape.size[axis]);
    ls_status status = ls_text_status(&shape);
    if (status == LS_OK)
        status = ls_fail_at(numbers, LS_BAD_INPUT,
                            "%s has the shape (%s), these lists are nested otherwise",
                            variable->name, shape.data ? shape.data : "");
    ls_text_release(&shape);
    return status;
}

ls_status ls_variable_set(const struct ls_model *model, const struct ls_variable *variable,
                          const struct ls_tree *numbers)
{
    size_t count = 0, wanted = ls_variable_count(variable);
    LS_TRY(collect(numbers, model->weights + variable->offset, wanted, &count));
    if (count != wanted)
        return ls_fail_at(numbers, LS_BAD_INPUT, "%s has %zu numbers, %zu were given",
                          variable->name, wanted, count);
    if (!is_flat(numbers) && !nested_as(numbers, &variable->shape, 0))
        return fail_nested(variable, numbers);
    return LS_OK;
}

static const struct ls_variable *find_variable(const struct ls_layer *layer, const char *name)
{
    for (size_t v = 0; v < layer->variables; v++)
        if (strcmp(layer->variable[v].name, name) == 0)
            return &layer->variable[v];
    return NULL;
}

/* `weights: {kernel: [[1], [1]], bias: [-1.5]}` of a layer in the run file. */
static ls_status set_by_hand(const struct ls_model *model, const struct ls_layer *layer)
{
    const struct ls_tree *weights = layer->place ? ls_tree_find(layer->place, "weights") : NULL;
    if (!weights || ls_tree_is_null(weights))
        return LS_OK;
    if (weights->type != LS_TREE_MAP)
        return ls_fail_at(weights, LS_BAD_INPUT, "expected a map of weights by name");
    for (const struct ls_tree *entry = weights->child; entry; entry = entry->next) {
        const struct ls_variable *variable = find_variable(layer, entry->key);
        if (!variable)
            return ls_fail_at(entry, LS_BAD_INPUT, "the layer has no weight '%s'", entry->key);
        LS_TRY(ls_variable_set(model, variable, entry));
    }
    return LS_OK;
}

bool ls_model_is_given(const struct ls_model *model)
{
    size_t count = ls_model_variables(model);
    for (size_t i = 0; i < count; i++) {
        struct ls_variable_at at = ls_model_variable(model, i);
        const struct ls_tree *place = at.layer->place;
        const struct ls_tree *weights = place ? ls_tree_find(place, "weights") : NULL;
        if (at.variable->values)
            continue; /* it came with them */
        if (!weights || weights->type != LS_TREE_MAP || !ls_tree_find(weights, at.variable->name))
            return false;
    }
    return true;
}

ls_status ls_model_initialize(struct ls_model *model, uint64_t seed)
{
    LS_TRY(ls_model_make_weights(model));
    size_t count = ls_model_variables(model);
    for (size_t i = 0; i < count; i++) {
        struct ls_variable_at at = ls_model_variable(model, i);
        if (at.variable->values)
            continue; /* it came with them */
        const struct ls_shape shape = ls_initializer_shape(at.variable);
        ls_status status =
            ls_initialize(at.variable->initializer, model->weights + at.variable->offset, &shape,
                          seed, at.number);
        if (status != LS_OK)
            return ls_fail_within(status, "%s/%s", at.layer->path, at.variable->name);
    }
    for (size_t i = 0; i < model->layers; i++)
        LS_TRY(set_by_hand(model, model->layer[i]));
    model->initialized = true;
    return LS_OK;
}

ls_status ls_model_hash(struct ls_model *model, uint64_t *hash)
{
    LS_TRY(ls_model_make_weights(model));
    *hash = ls_hash64(model->weights, model->floats * sizeof(float), 0);
    return LS_OK;
}

static ls_status find_weights(struct ls_model *model, const char *layer_name, const char *name,
                              size_t count, float **values)
{
    LS_TRY(ls_model_make_weights(model));
    for (size_t i = 0; i < model->layers; i++) {
        if (strcmp(model->layer[i]->path, layer_name) != 0)
            continue;
        const struct ls_variable *variable = find_variable(model->layer[i], name);
        if (!variable)
            return ls_fail(LS_USAGE, "layer '%s' has no weight '%s'", layer_name, name);
        if (ls_variable_count(variable) != count)
            return ls_fail(LS_USAGE, "%s/%s has %zu numbers, not %zu", layer_name, name,
                           ls_variable_count(variable), count);
        *values = model->weights + variable->offset;
        return LS_OK;
    }
    return ls_fail(LS_USAGE, "the model has no layer '%s'", layer_name);
}

ls_status ls_model_get_weights(struct ls_model *model, const char *layer, const char *variable,
                               float *values, size_t count)
{
    float *found;
    LS_TRY(find_weights(model, layer, variable, count, &found));
    memcpy(values, found, count * sizeof *values);
    return LS_OK;
}

ls_status ls_model_set_weights(struct ls_model *model, const char *layer, const char *variable,
                               const float *values, size_t count)
{
    float *found;
    if (!model->initialized)
        LS_TRY(ls_model_initialize(model, 0));
    LS_TRY(find_weights(model, layer, variable, count, &found));
    memcpy(found, values, count * sizeof *values);
    return LS_OK;
}

size_t ls_model_input_size(struct ls_model *model, size_t index)
{
    if (ls_model_build(model) != LS_OK || index >= model->inputs)
        return 0;
    struct ls_edge edge = model->input[index];
    return (size_t)ls_shape_count(&model->call[edge.call].shapes.out[edge.output]);
}

size_t ls_model_output_size(struct ls_model *model, size_t index)
{
    if (ls_model_build(model) != LS_OK || index >= model->outputs)
        return 0;
    struct ls_edge edge = model->output[index];
    return (size_t)ls_shape_count(&model->call[edge.call].shapes.out[edge.output]);
}
