/* Models made by a program, piece by piece. */
#include <string.h>

#include "base/memory.h"
#include "model/append.h"
#include "model/call.h"

/* -- Sequential */

ls_status ls_layer_add(struct ls_model *model, const char *kind_name, const char *options)
{
    struct ls_tree *tree = NULL;
    const struct ls_kind *kind;
    LS_TRY(ls_kind_require(&ls_layers, NULL, kind_name, &kind));
    ls_status status = ls_tree_parse_options(&tree, options);
    if (status == LS_OK)
        status = ls_model_append(model, kind, tree);
    if (status == LS_OK)
        model->part[model->parts - 1].layer->own_place = tree;
    else
        ls_tree_free(tree);
    return status == LS_OK ? LS_OK : ls_fail_within(status, "%s", kind_name);
}

/* -- Functional */

static ls_status open_graph(struct ls_model *model)
{
    LS_TRY(ls_model_check_own(model));
    if (model->built)
        return ls_fail(LS_USAGE, "the model is complete: layers are added before its first use");
    if (model->sequential && model->parts > 0)
        return ls_fail(LS_USAGE, "a Sequential model (ls_layer_add) takes no tensors");
    if (model->sequential && strcmp(model->name, "sequential") == 0) {
        ls_release(model->name);
        model->name = NULL;
        LS_TRY(ls_duplicate(&model->name, "functional"));
    }
    model->sequential = false;
    return LS_OK;
}

static ls_status make_layer(struct ls_model *model, const char *kind_name, const char *options,
                            struct ls_part *part)
{
    const struct ls_kind *kind;
    struct ls_tree *tree;
    LS_TRY(ls_kind_require(&ls_layers, NULL, kind_name, &kind));
    ls_status status = ls_tree_parse_options(&tree, options);
    if (status == LS_OK)
        status = ls_layer_create(model, &part->layer, kind, tree);
    if (status == LS_OK)
        part->layer->own_place = tree;
    else
        ls_tree_free(tree);
    return status;
}

static ls_status find_edges(const struct ls_model *model, struct ls_edge edge[LS_TENSORS_MAX],
                            struct ls_tensors tensors)
{
    if (tensors.count > LS_TENSORS_MAX)
        return ls_fail(LS_USAGE, "a layer is applied to 1 to %d tensors, not %zu", LS_TENSORS_MAX,
                       tensors.count);
    for (size_t i = 0; i < tensors.count; i++) {
        if (tensors.tensor[i].call >= model->uses)
            return ls_fail(LS_USAGE, "tensor %zu is none of this model", i);
        edge[i] = (struct ls_edge){tensors.tensor[i].call, tensors.tensor[i].output};
    }
    return LS_OK;
}

static bool is_given(const struct ls_argument *argument)
{
    return argument && argument->name;
}

/* The names of all arguments, those of tensors without a value, in the map of the others: what the
 * run file's `call` is. */
static ls_status check_names(const struct ls_layer *layer, struct ls_tree *map,
                             const struct ls_argument *named)
{
    const char *known[LS_CALL_NAMES_MAX];
    for (const struct ls_tree *value = map->child; value; value = value->next)
        if (ls_call_takes(layer, value->key))
            return ls_fail(LS_USAGE, "'%s' is a tensor: it is given as one of `named`", value->key);
    for (; is_given(named); named++) {
        if (ls_tree_find(map, named->name))
            return ls_fail(LS_USAGE, "'%s' is given twice", named->name);
        if (!ls_tree_add_null(map, named->name))
            return ls_fail(LS_FAILED, "out of memory");
    }
    ls_call_names(layer, LS_CALL_TRAINING | LS_CALL_TENSORS | LS_CALL_OPTIONS, known);
    return ls_keys_check(map, known);
}

static ls_status add_named(const struct ls_model *model, struct ls_use *use,
                           const struct ls_layer *layer, const struct ls_argument *named)
{
    struct ls_edge edge[LS_TENSORS_MAX];
    const struct ls_call_tensors tensors = {named->name, edge, named->tensors.count, NULL};
    if (!ls_call_takes(layer, named->name))
        return ls_fail(LS_USAGE, "'%s' is no tensor: it is given among `options`", named->name);
    ls_status status = find_edges(model, edge, named->tensors);
    return status == LS_OK ? ls_use_add_tensors(use, layer, &tensors)
                           : ls_fail_within(status, "%s", named->name);
}

/* What the call is given besides tensors in order. */
static ls_status add_arguments(const struct ls_model *model, struct ls_use *use,
                               const struct ls_layer *layer, const struct ls_arguments *given)
{
    struct ls_tree *map;
    LS_TRY(ls_tree_parse_options(&map, given->options));
    ls_status status = check_names(layer, map, given->named);
    for (const struct ls_argument *one = given->named; status == LS_OK && is_given(one); one++)
        status = add_named(model, use, layer, one);
    if (status == LS_OK)
        status = ls_use_set_options(use, layer, map);
    ls_tree_free(map);
    return status;
}

static ls_status make_use(const struct ls_model *model, struct ls_use *use,
                          const struct ls_layer *layer, const struct ls_arguments *given)
{
    use->inputs = given->inputs.count;
    LS_TRY(find_edges(model, use->in, given->inputs));
    ls_status status = add_arguments(model, use, layer, given);
    if (status != LS_OK)
        return ls_fail_within(status, "call");
    return use->inputs > 0
               ? LS_OK
               : ls_fail(LS_USAGE, "a layer is applied to 1 to %d tensors, not 0", LS_TENSORS_MAX);
}

static ls_status add_use(struct ls_model *model, size_t part, const struct ls_layer *layer,
                         const struct ls_arguments *given, struct ls_tensor *result)
{
    struct ls_use use = {.part = part};
    ls_status status = make_use(model, &use, layer, given);
    if (status == LS_OK)
        status = ls_model_add_use(model, &use);
    if (status == LS_OK)
        *result = (struct ls_tensor){model->uses - 1, 0};
    else
        ls_use_release(&use);
    return status;
}

/* Takes the part over when it succeeds. */
static ls_status apply_part(struct ls_model *model, struct ls_part part,
                            const struct ls_arguments *given, struct ls_tensor *result)
{
    LS_TRY(ls_model_add_part(model, part));
    ls_status status = add_use(model, model->parts - 1, part.layer, given, result);
    if (status != LS_OK)
        model->parts--;
    return status;
}

ls_status ls_input(struct ls_model *model, const char *options, struct ls_tensor *result)
{
    struct ls_part part = {0};
    LS_TRY(open_graph(model));
    if (model->inputs == LS_TENSORS_MAX)
        return ls_fail(LS_USAGE, "a model has at most %d inputs", LS_TENSORS_MAX);
    ls_status status = make_layer(model, "Input", options, &part);
    if (status == LS_OK)
        status = ls_model_add_part(model, part);
    if (status != LS_OK) {
        ls_part_release(&part);
        return ls_fail_within(status, "Input");
    }
    model->input_structure = model->inputs > 1 ? LS_STRUCTURE_LIST : LS_STRUCTURE_ONE;
    *result = (struct ls_tensor){model->uses - 1, 0};
    return LS_OK;
}

ls_status ls_layer_apply_with(struct ls_model *model, const char *kind, const char *options,
                              const struct ls_arguments *arguments, struct ls_tensor *result)
{
    struct ls_part part = {0};
    LS_TRY(open_graph(model));
    ls_status status = make_layer(model, kind, options, &part);
    if (status == LS_OK && part.layer->kind->flags & LS_LAYER_INPUT)
        status = ls_fail(LS_USAGE, "an input is made by ls_input");
    if (status == LS_OK)
        status = apply_part(model, part, arguments, result);
    if (status == LS_OK)
        return LS_OK;
    ls_part_release(&part);
    return ls_fail_within(status, "%s", kind);
}

ls_status ls_layer_apply(struct ls_model *model, const char *kind, const char *options,
                         struct ls_tensors inputs, struct ls_tensor *result)
{
    return ls_layer_apply_with(model, kind, options, &(struct ls_arguments){.inputs = inputs},
                               result);
}

ls_status ls_layer_call_with(struct ls_model *model, const char *name,
                             const struct ls_arguments *arguments, struct ls_tensor *result)
{
    LS_TRY(open_graph(model));
    for (size_t p = 0; p < model->parts; p++) {
        const struct ls_layer *layer = model->part[p].layer;
        if (strcmp(ls_part_name(&model->part[p]), name) != 0 ||
            (layer && layer->kind->flags & LS_LAYER_INPUT))
            continue;
        ls_status status = add_use(model, p, layer, arguments, result);
        return status == LS_OK ? LS_OK : ls_fail_within(status, "%s", name);
    }
    return ls_fail(LS_USAGE, "the model has no layer '%s'", name);
}

ls_status ls_layer_call(struct ls_model *model, const char *name, struct ls_tensors inputs,
                        struct ls_tensor *result)
{
    return ls_layer_call_with(model, name, &(struct ls_arguments){.inputs = inputs}, result);
}

ls_status ls_model_apply_with(struct ls_model *model, struct ls_model *nested,
                              const struct ls_arguments *arguments, struct ls_tensor *result)
{
    LS_TRY(open_graph(model));
    if (nested == model || nested->outputs == 0)
        return ls_fail(LS_USAGE, "a model in a layer's place is another one, and has outputs");
    if (nested->nested)
        return ls_fail(LS_USAGE,
                       "model '%s' is a part of a model already: ls_layer_call calls it again",
                       nested->name);
    LS_TRY(ls_model_rename(model, nested, NULL, NULL));
    ls_status status = apply_part(model, (struct ls_part){.model = nested}, arguments, result);
    if (status != LS_OK)
        return ls_fail_within(status, "%s", nested->name);
    nested->nested = true;
    return LS_OK;
}

ls_status ls_model_apply(struct ls_model *model, struct ls_model *nested, struct ls_tensors inputs,
                         struct ls_tensor *result)
{
    return ls_model_apply_with(model, nested, &(struct ls_arguments){.inputs = inputs}, result);
}

ls_status ls_model_output(struct ls_model *model, struct ls_tensor tensor, const char *name)
{
    LS_TRY(open_graph(model));
    if (tensor.call >= model->uses)
        return ls_fail(LS_USAGE, "the tensor is none of this model");
    if (model->outputs == LS_TENSORS_MAX)
        return ls_fail(LS_USAGE, "a model has at most %d outputs", LS_TENSORS_MAX);
    if (!name)
        name = ls_part_name(&model->part[model->use[tensor.call].part]);
    for (size_t o = 0; o < model->outputs; o++)
        if (strcmp(model->output_name[o], name) == 0)
            return ls_fail(LS_USAGE, "there is an output '%s' already", name);
    LS_TRY(ls_model_set_result(model, (struct ls_edge){tensor.call, tensor.output}, name));
    model->output_structure = model->outputs > 1 ? LS_STRUCTURE_LIST : LS_STRUCTURE_ONE;
    return LS_OK;
}
