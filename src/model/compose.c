/* Models made by a program, piece by piece. */
#include <string.h>

#include "base/memory.h"
#include "model/append.h"

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

static ls_status make_use(const struct ls_model *model, struct ls_use *use, size_t part,
                          struct ls_tensors inputs)
{
    *use = (struct ls_use){.part = part, .inputs = inputs.count};
    if (inputs.count == 0 || inputs.count > LS_TENSORS_MAX)
        return ls_fail(LS_USAGE, "a layer is applied to 1 to %d tensors, not %zu", LS_TENSORS_MAX,
                       inputs.count);
    for (size_t i = 0; i < inputs.count; i++) {
        if (inputs.tensor[i].call >= model->uses)
            return ls_fail(LS_USAGE, "tensor %zu is none of this model", i);
        use->in[i] = (struct ls_edge){inputs.tensor[i].call, inputs.tensor[i].output};
    }
    return LS_OK;
}

/* Takes the part over when it succeeds. */
static ls_status apply_part(struct ls_model *model, struct ls_part part, struct ls_tensors inputs,
                            struct ls_tensor *result)
{
    struct ls_use use;
    LS_TRY(make_use(model, &use, model->parts, inputs));
    LS_TRY(ls_model_add_part(model, part));
    ls_status status = ls_model_add_use(model, &use);
    if (status == LS_OK)
        *result = (struct ls_tensor){model->uses - 1, 0};
    else
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

ls_status ls_layer_apply(struct ls_model *model, const char *kind, const char *options,
                         struct ls_tensors inputs, struct ls_tensor *result)
{
    struct ls_part part = {0};
    LS_TRY(open_graph(model));
    ls_status status = make_layer(model, kind, options, &part);
    if (status == LS_OK && part.layer->kind->flags & LS_LAYER_INPUT)
        status = ls_fail(LS_USAGE, "an input is made by ls_input");
    if (status == LS_OK)
        status = apply_part(model, part, inputs, result);
    if (status == LS_OK)
        return LS_OK;
    ls_part_release(&part);
    return ls_fail_within(status, "%s", kind);
}

ls_status ls_layer_call(struct ls_model *model, const char *name, struct ls_tensors inputs,
                        struct ls_tensor *result)
{
    struct ls_use use;
    LS_TRY(open_graph(model));
    for (size_t p = 0; p < model->parts; p++) {
        const struct ls_layer *layer = model->part[p].layer;
        if (strcmp(ls_part_name(&model->part[p]), name) != 0 ||
            (layer && layer->kind->flags & LS_LAYER_INPUT))
            continue;
        LS_TRY(make_use(model, &use, p, inputs));
        LS_TRY(ls_model_add_use(model, &use));
        *result = (struct ls_tensor){model->uses - 1, 0};
        return LS_OK;
    }
    return ls_fail(LS_USAGE, "the model has no layer '%s'", name);
}

ls_status ls_model_apply(struct ls_model *model, struct ls_model *nested, struct ls_tensors inputs,
                         struct ls_tensor *result)
{
    LS_TRY(open_graph(model));
    if (nested == model || nested->outputs == 0)
        return ls_fail(LS_USAGE, "a model in a layer's place is another one, and has outputs");
    if (nested->nested)
        return ls_fail(LS_USAGE,
                       "model '%s' is a part of a model already: ls_layer_call calls it again",
                       nested->name);
    LS_TRY(ls_model_rename(model, nested, NULL, NULL));
    LS_TRY(apply_part(model, (struct ls_part){.model = nested}, inputs, result));
    nested->nested = true;
    return LS_OK;
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
