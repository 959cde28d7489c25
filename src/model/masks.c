/* Masks: which positions of a tensor count. A layer that makes one (Masking) gives it as its last
 * result; layers through which it passes hand it on to their result; where several masked tensors
 * are merged, their masks are. At the outputs the loss leaves out what is masked. What a mask does
 * at a merge is Keras' (layers/merging). */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "model/build.h"

/* The first result of a call is the one that has a mask. */
static bool masked(const struct ls_model *model, struct ls_edge edge)
{
    return model->call[edge.call].masked && edge.output == 0;
}

ls_status ls_graph_read_masks(const struct ls_model *model, struct ls_graph_call *call)
{
    struct ls_call_shapes *shapes = &call->shapes;
    const size_t inputs = shapes->inputs;
    /* Keras hands a recurrent layer no mask in a call that gives it states, but to its result. */
    if (ls_layer_flags(model->layer[call->layer]) & LS_LAYER_STATES && inputs > 1)
        return LS_OK;
    for (size_t i = 0; i < inputs; i++) {
        if (!masked(model, call->in[i]))
            continue;
        if (shapes->inputs == LS_TENSORS_MAX)
            return ls_layer_fail(model->layer[call->layer],
                                 "it has more inputs and masks of inputs than %d", LS_TENSORS_MAX);
        shapes->mask_of[i] = (uint8_t)shapes->inputs;
        call->in[shapes->inputs++] = model->call[call->in[i].call].mask;
        shapes->masks++;
    }
    return LS_OK;
}

ls_status ls_graph_check_masks(const struct ls_model *model, const struct ls_graph_call *call)
{
    const struct ls_call_shapes *shapes = &call->shapes;
    for (size_t i = 0; i < shapes->inputs - shapes->masks; i++) {
        struct ls_shape wanted = shapes->in[i];
        char text[LS_SHAPE_TEXT], mask[LS_SHAPE_TEXT];
        wanted.rank -= wanted.rank > 0;
        if (!shapes->mask_of[i] || ls_shape_equal(&shapes->in[shapes->mask_of[i]], &wanted))
            continue;
        ls_shape_format(text, &shapes->in[i]);
        ls_shape_format(mask, &shapes->in[shapes->mask_of[i]]);
        return ls_layer_fail(model->layer[call->layer],
                             "the input is %s, but its mask is %s: it takes a mask of all axes but "
                             "the last",
                             text, mask);
    }
    return LS_OK;
}

static size_t count_masked(const struct ls_model *model, const struct ls_graph_call *call)
{
    size_t count = 0;
    for (size_t i = 0; i < call->shapes.inputs; i++)
        count += masked(model, call->in[i]);
    return count;
}

static void set_mask(struct ls_model *model, size_t call, struct ls_edge mask)
{
    model->call[call].masked = true;
    model->call[call].mask = mask;
}

/* "mask of add", "mask of add#2" of the layer's second call: as profiles show it. */
static ls_status name_mask(char **path, const struct ls_model *model, size_t call)
{
    const char *merge = model->layer[model->call[call].layer]->path;
    size_t number = 1;
    for (size_t c = 0; c < call; c++)
        number += model->call[c].layer == model->call[call].layer;
    return number == 1 ? ls_format(path, "mask of %s", merge)
                       : ls_format(path, "mask of %s#%zu", merge, number);
}

/* A layer of no part of the model: it works on the masks of a call. */
static ls_status add_layer(struct ls_model *model, size_t call, const char *kind_name,
                           const char *options, struct ls_layer **layer)
{
    const struct ls_kind *kind;
    struct ls_tree *tree = NULL;
    *layer = NULL;
    LS_TRY(ls_kind_require(&ls_layers, NULL, kind_name, &kind));
    LS_TRY(ls_grow(&model->layer, model->layers, sizeof(struct ls_layer *)));
    LS_TRY(ls_tree_parse_yaml(&tree, options, strlen(options), NULL));
    ls_status status = ls_layer_create(model, layer, kind, tree);
    if (status == LS_OK)
        status = name_mask(&(*layer)->path, model, call);
    if (*layer)
        (*layer)->own_place = tree;
    else
        ls_tree_free(tree);
    if (status != LS_OK && *layer)
        ls_part_release(&(struct ls_part){.layer = *layer});
    if (status != LS_OK)
        return status;
    (*layer)->number = (uint32_t)model->layers;
    (*layer)->trainable = false;
    model->layer[model->layers++] = *layer;
    model->hidden++;
    return LS_OK;
}

/* The masks of a merge's inputs as one: what some input counts, or, along `axis`, one behind the
 * other. */
static ls_status merge_masks(struct ls_model *model, size_t call, int axis)
{
    struct ls_edge in[LS_TENSORS_MAX];
    struct ls_layer *layer;
    size_t inputs = model->call[call].shapes.inputs, made;
    char options[32];
    for (size_t i = 0; i < inputs; i++)
        in[i] = model->call[model->call[call].in[i].call].mask;
    snprintf(options, sizeof options, axis < 0 ? "{}" : "{axis: %d}", axis);
    LS_TRY(add_layer(model, call, axis < 0 ? "Maximum" : "Concatenate", options, &layer));
    LS_TRY(ls_graph_add_call(
        model, &(struct ls_graph_new){.layer = layer, .in = in, .inputs = inputs}, &made));
    set_mask(model, call, (struct ls_edge){made, 0});
    return LS_OK;
}

static ls_status mask_of_merge(struct ls_model *model, size_t call)
{
    const struct ls_graph_call *graph = &model->call[call];
    const struct ls_layer *layer = model->layer[graph->layer];
    size_t count = count_masked(model, graph);
    int axis = layer->kind->mask_axis ? layer->kind->mask_axis(layer, &graph->shapes) : -1;
    if (count == graph->shapes.inputs)
        return merge_masks(model, call, axis);
    if (count > 0 && axis >= 0)
        return ls_layer_fail(layer, "some of its inputs are masked and some are not");
    return LS_OK;
}

ls_status ls_graph_mask(struct ls_model *model, size_t call)
{
    struct ls_graph_call *graph = &model->call[call];
    const struct ls_layer *layer = model->layer[graph->layer];
    unsigned flags = ls_layer_flags(layer);
    if (flags & LS_LAYER_MAKES_MASK) {
        set_mask(model, call, (struct ls_edge){call, graph->shapes.outputs - 1});
        return LS_OK;
    }
    if (flags & LS_LAYER_READS_MASK) {
        const struct ls_edge first = graph->in[ls_call_input(&graph->shapes, 0)];
        if (flags & LS_LAYER_PASSES_MASK && masked(model, first))
            set_mask(model, call, model->call[first.call].mask);
        return LS_OK;
    }
    if (count_masked(model, graph) == 0)
        return LS_OK;
    if (flags & LS_LAYER_REFUSES_MASKS)
        return ls_layer_fail(layer, "its input is masked: %s of masked samples is not known here",
                             layer->kind->kind.name);
    if (!(flags & LS_LAYER_PASSES_MASK) && !model->copied)
        ls_warn("layer '%s' (%s) does not hand on the mask of its input", layer->path,
                layer->kind->kind.name);
    if (!(flags & LS_LAYER_PASSES_MASK))
        return LS_OK;
    if (graph->shapes.inputs > 1)
        return mask_of_merge(model, call);
    set_mask(model, call, model->call[graph->in[0].call].mask);
    return LS_OK;
}
