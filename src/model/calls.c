/* The calls of a model that is completed: nested models are taken apart, so that what runs is one
 * graph of calls of layers, each with its shapes. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "model/build.h"
#include "model/size.h"

static const struct ls_shape *edge_shape(const struct ls_model *model, struct ls_edge edge)
{
    return &model->call[edge.call].shapes.out[edge.output];
}

static bool same_variables(const struct ls_layer *a, const struct ls_layer *b)
{
    bool same = a->variables == b->variables;
    for (size_t v = 0; same && v < a->variables; v++)
        same = ls_shape_equal(&a->variable[v].shape, &b->variable[v].shape);
    return same;
}

/* A layer's weights have the shapes that its first call gave them. */
static ls_status check_shared(const struct ls_layer *layer, const struct ls_call_shapes *shapes)
{
    char text[LS_SHAPE_TEXT];
    struct ls_layer again = {.kind = layer->kind,
                             .options = layer->options,
                             .name = layer->name,
                             .trainable = layer->trainable,
                             .place = layer->place};
    ls_status status = layer->kind->build(&again, shapes);
    ls_layer_forget(&again);
    LS_TRY(status);
    ls_shape_format(text, &shapes->in[0]);
    return same_variables(layer, &again)
               ? LS_OK
               : ls_layer_fail(layer,
                               "called again with samples of %s, for which its weights have other "
                               "shapes than in its first call",
                               text);
}

static ls_status build_call(const struct ls_model *model, struct ls_graph_call *call, size_t named)
{
    struct ls_layer *layer = model->layer[call->layer];
    LS_TRY(ls_layer_check_named(layer, &call->shapes, named));
    if (ls_layer_flags(layer) & LS_LAYER_READS_MASK)
        LS_TRY(ls_graph_read_masks(model, call));
    for (size_t i = 0; i < call->shapes.inputs; i++)
        call->shapes.in[i] = *edge_shape(model, call->in[i]);
    LS_TRY(ls_graph_check_masks(model, call));
    if (layer->kind->shape) {
        LS_TRY(layer->kind->shape(layer, &call->shapes, &call->needs));
    } else {
        call->shapes.outputs = 1;
        call->shapes.out[0] = call->shapes.in[0];
    }
    LS_TRY(ls_size_check_call(layer, &call->shapes));
    if (layer->built)
        return layer->kind->build ? check_shared(layer, &call->shapes) : LS_OK;
    if (layer->kind->build)
        LS_TRY(layer->kind->build(layer, &call->shapes));
    LS_TRY(ls_layer_check_variables(layer));
    layer->built = true;
    return LS_OK;
}

/* The results of a use in the graph that runs. */
struct results {
    struct ls_edge edge[LS_TENSORS_MAX];
    size_t count;
};

/* The results of the uses of one model, while it is taken apart. */
struct frame {
    struct ls_model *whole, *model;
    struct results *use;
    const struct results *given; /* NULL: the whole's own inputs */
    const struct ls_use *caller; /* what they are given to */
    size_t *taken;               /* uses that were taken apart, in all of the whole */
    bool inference;
};

/* A failure at the use's place in the run file, where it has one. */
__attribute__((format(printf, 2, 3))) static ls_status fail_use(const struct ls_use *use,
                                                                const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return use && use->place && use->place->file ? ls_fail_at(use->place, LS_BAD_INPUT, "%s", text)
                                                 : ls_fail(LS_BAD_INPUT, "%s", text);
}

/* `reader`: whose input it is, or NULL. */
static ls_status find_edge(const struct frame *f, struct ls_edge edge, const struct ls_use *reader,
                           struct ls_edge *found)
{
    const struct results *from = &f->use[edge.call];
    const struct ls_part *part = &f->model->part[f->model->use[edge.call].part];
    if (edge.output >= from->count)
        return fail_use(reader, "'%s' has %zu result%s: there is no '%s:%zu'", ls_part_name(part),
                        from->count, from->count == 1 ? "" : "s", ls_part_name(part), edge.output);
    *found = from->edge[edge.output];
    return LS_OK;
}

static void set_arguments(struct ls_call_shapes *shapes, const struct ls_use *use)
{
    const size_t named = use ? use->named : 0;
    for (size_t i = 0; i < shapes->inputs; i++)
        shapes->name_of[i] = i < shapes->inputs - named ? (uint8_t)i : use->name_of[i];
    shapes->arguments = use ? use->arguments.options : NULL;
}

ls_status ls_graph_add_call(struct ls_model *model, const struct ls_graph_new *new_call,
                            size_t *number)
{
    LS_TRY(ls_grow(&model->call, model->calls, sizeof *model->call));
    struct ls_graph_call *call = &model->call[model->calls];
    memset(call, 0, sizeof *call);
    call->layer = new_call->layer->number;
    call->inference = new_call->inference;
    call->shapes.inputs = new_call->inputs;
    memcpy(call->in, new_call->in, new_call->inputs * sizeof *call->in);
    set_arguments(&call->shapes, new_call->use);
    LS_TRY(build_call(model, call, new_call->use ? new_call->use->named : 0));
    *number = model->calls++;
    return LS_OK;
}

static ls_status call_layer(struct frame *f, struct ls_use *use, struct results *results)
{
    struct ls_edge in[LS_TENSORS_MAX];
    struct ls_layer *layer = f->model->part[use->part].layer;
    size_t call;
    for (size_t i = 0; i < use->inputs; i++)
        LS_TRY(find_edge(f, use->in[i], use, &in[i]));
    if (layer->kind->arguments && !use->arguments.kind)
        LS_TRY(ls_instance_create(&use->arguments, layer->kind->arguments, NULL, NULL));
    const struct ls_graph_new wanted = {.layer = layer,
                                        .in = in,
                                        .inputs = use->inputs,
                                        .use = use,
                                        .inference = f->inference || use->inference};
    LS_TRY(ls_graph_add_call(f->whole, &wanted, &call));
    LS_TRY(ls_graph_mask(f->whole, call));
    results->count = f->whole->call[call].shapes.outputs;
    if (ls_layer_flags(layer) & LS_LAYER_MAKES_MASK)
        results->count--; /* the mask is no result for users */
    if (results->count > 1 && f->model->sequential)
        return ls_layer_fail(layer,
                             "it gives %zu results: layers in a row hand on one. In the Functional "
                             "form (inputs, outputs) others take them: from: %s:1",
                             results->count, layer->name);
    for (size_t o = 0; o < results->count; o++)
        results->edge[o] = (struct ls_edge){call, o};
    return LS_OK;
}

/* An input of a nested model is what the model is called with, where the shape is right. */
static ls_status take_input(const struct frame *f, const struct ls_use *use, size_t input,
                            struct results *results)
{
    const struct ls_layer *layer = f->model->part[use->part].layer;
    struct ls_call_shapes wanted = {0};
    struct ls_call_needs needs = {0};
    const struct ls_shape *found = edge_shape(f->whole, f->given->edge[input]);
    char takes[LS_SHAPE_TEXT], gets[LS_SHAPE_TEXT];
    LS_TRY(layer->kind->shape(layer, &wanted, &needs));
    ls_shape_format(takes, &wanted.out[0]);
    ls_shape_format(gets, found);
    if (!ls_shape_equal(&wanted.out[0], found))
        return fail_use(f->caller, "model '%s': its input '%s' has shape %s, but gets %s",
                        f->model->name, layer->name, takes, gets);
    results->count = 1;
    results->edge[0] = f->given->edge[input];
    return LS_OK;
}

static ls_status take_apart(struct frame *f, struct results *results);

static ls_status call_nested(const struct frame *f, const struct ls_use *use,
                             struct results *results)
{
    struct results given = {.count = use->inputs};
    struct ls_model *nested = f->model->part[use->part].model;
    if (use->inputs != nested->inputs)
        return fail_use(use, "model '%s' has %zu input%s, but is called with %zu", nested->name,
                        nested->inputs, nested->inputs == 1 ? "" : "s", use->inputs);
    for (size_t i = 0; i < use->inputs; i++)
        LS_TRY(find_edge(f, use->in[i], use, &given.edge[i]));
    struct frame inner = {.whole = f->whole,
                          .model = nested,
                          .given = &given,
                          .caller = use,
                          .taken = f->taken,
                          .inference = f->inference || use->inference};
    LS_TRY(ls_allocate(&inner.use, nested->uses, sizeof *inner.use));
    ls_status status = take_apart(&inner, results);
    ls_release(inner.use);
    return status;
}

static size_t which_input(const struct ls_model *model, size_t use)
{
    size_t i = 0;
    while (i < model->inputs && model->given[i].call != use)
        i++;
    return i;
}

static ls_status note_shapes(const struct frame *f, struct ls_use *use, const struct results *made)
{
    ls_release(use->out);
    ls_release(use->made);
    use->made = NULL;
    use->outputs = 0;
    LS_TRY(ls_allocate(&use->out, made->count, sizeof *use->out));
    LS_TRY(ls_allocate(&use->made, made->count, sizeof *use->made));
    for (; use->outputs < made->count; use->outputs++) {
        use->out[use->outputs] = *edge_shape(f->whole, made->edge[use->outputs]);
        use->made[use->outputs] = made->edge[use->outputs];
    }
    return LS_OK;
}

/* All uses of a model; its results. */
static ls_status take_apart(struct frame *f, struct results *results)
{
    for (size_t u = 0; u < f->model->uses; u++) {
        struct ls_use *use = &f->model->use[u];
        const struct ls_part *part = &f->model->part[use->part];
        if (++*f->taken > LS_LAYERS_MAX)
            return ls_fail(LS_BAD_INPUT,
                           "the model has more than %d calls of layers, those of nested models "
                           "included",
                           LS_LAYERS_MAX);
        if (part->model)
            LS_TRY(call_nested(f, use, &f->use[u]));
        else if (part->layer->kind->flags & LS_LAYER_INPUT && f->given)
            LS_TRY(take_input(f, use, which_input(f->model, u), &f->use[u]));
        else
            LS_TRY(call_layer(f, use, &f->use[u]));
        LS_TRY(note_shapes(f, use, &f->use[u]));
    }
    results->count = f->model->outputs;
    for (size_t o = 0; o < f->model->outputs; o++)
        LS_TRY(find_edge(f, f->model->result[o], NULL, &results->edge[o]));
    return LS_OK;
}

ls_status ls_graph_add_calls(struct ls_model *model)
{
    size_t taken = 0;
    struct frame f = {.whole = model, .model = model, .taken = &taken};
    struct results results;
    LS_TRY(ls_allocate(&model->input, model->inputs, sizeof *model->input));
    LS_TRY(ls_allocate(&model->output, model->outputs, sizeof *model->output));
    LS_TRY(ls_allocate(&f.use, model->uses, sizeof *f.use));
    ls_status status = take_apart(&f, &results);
    for (size_t i = 0; i < model->inputs && status == LS_OK; i++)
        status = find_edge(&f, model->given[i], NULL, &model->input[i]);
    for (size_t o = 0; o < model->outputs && status == LS_OK; o++)
        model->output[o] = results.edge[o];
    ls_release(f.use);
    return status;
}
