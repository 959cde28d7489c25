#include "model/graph.h"

#include <string.h>

#include "base/memory.h"
#include "model/append.h"

const char *const ls_layer_common_options[] = {"name", "trainable", "dtype", "weights", NULL};

ls_status ls_model_create(struct ls_model **model, const char *name)
{
    struct ls_model *made = NULL;
    *model = NULL;
    LS_TRY(ls_allocate(&made, 1, sizeof *made));
    ls_status status = ls_duplicate(&made->name, name ? name : "sequential");
    if (status != LS_OK) {
        ls_release(made);
        return status;
    }
    made->sequential = true;
    *model = made;
    return LS_OK;
}

static void free_layer(struct ls_layer *layer)
{
    struct ls_instance instance = {&layer->kind->kind, layer->options};
    ls_instance_release(&instance);
    ls_tree_free(layer->own_place);
    ls_release(layer->state);
    ls_release(layer->name);
    ls_release(layer);
}

void ls_model_free(struct ls_model *model)
{
    if (!model)
        return;
    for (size_t i = 0; i < model->layers; i++)
        free_layer(model->layer[i]);
    for (size_t i = 0; i < model->outputs; i++)
        ls_release(model->output_name[i]);
    ls_release(model->layer);
    ls_release(model->call);
    ls_release(model->input);
    ls_release(model->output);
    ls_release(model->output_name);
    ls_release(model->weights);
    ls_release(model->name);
    ls_tree_free(model->compile);
    ls_tree_free(model->source);
    ls_release(model);
}

static bool name_taken(const struct ls_model *model, const char *name)
{
    for (size_t i = 0; i < model->layers; i++)
        if (strcmp(model->layer[i]->name, name) == 0)
            return true;
    return false;
}

/* Keras' names for layers without one: dense, dense_1, dense_2. */
static ls_status make_name(const struct ls_model *model, const struct ls_kind *kind, char **name)
{
    char base[64];
    ls_snake_case(base, sizeof base, kind->name);
    LS_TRY(ls_duplicate(name, base));
    for (int n = 1; name_taken(model, *name); n++) {
        ls_release(*name);
        LS_TRY(ls_format(name, "%s_%d", base, n));
    }
    return LS_OK;
}

/* What every layer has besides its kind's options. */
static ls_status read_common(const struct ls_model *model, struct ls_layer *layer,
                             const struct ls_tree *options)
{
    const struct ls_tree *name = options ? ls_tree_find(options, "name") : NULL;
    const struct ls_tree *trainable = options ? ls_tree_find(options, "trainable") : NULL;
    const struct ls_tree *dtype = options ? ls_tree_find(options, "dtype") : NULL;
    layer->trainable = true;
    if (name && !ls_tree_is_null(name)) {
        const char *text;
        LS_TRY(ls_tree_text(name, &text));
        if (*text == '\0' || strchr(text, '/'))
            return ls_fail_at(name, LS_BAD_INPUT, "a layer's name is not empty and has no '/'");
        if (name_taken(model, text))
            return ls_fail_at(name, LS_BAD_INPUT, "the name '%s' is used twice", text);
        LS_TRY(ls_duplicate(&layer->name, text));
    } else {
        LS_TRY(make_name(model, &layer->kind->kind, &layer->name));
    }
    if (trainable)
        LS_TRY(ls_tree_bool(trainable, &layer->trainable));
    if (dtype && dtype->type == LS_TREE_SCALAR && strcmp(dtype->text, "float32") != 0)
        return ls_fail_at(dtype, LS_BAD_INPUT, "dtype '%s': layers compute in float32",
                          dtype->text);
    return LS_OK;
}

ls_status ls_layer_create(const struct ls_model *model, struct ls_layer **layer,
                          const struct ls_kind *kind, const struct ls_tree *options)
{
    struct ls_layer *made = NULL;
    struct ls_instance instance = {0};
    ls_status status = LS_OK;
    *layer = NULL;
    LS_TRY(ls_allocate(&made, 1, sizeof *made));
    made->kind = ls_layer_kind_of(kind);
    made->place = options;
    made->number = (uint32_t)model->layers;
    LS_TRY_OUT(ls_instance_create(&instance, kind, options, ls_layer_common_options));
    made->options = instance.options;
    LS_TRY_OUT(read_common(model, made, options));
    *layer = made;
    return LS_OK;
out:
    free_layer(made);
    return status;
}

static ls_status grow(void *array, size_t count, size_t item_bytes)
{
    return ls_reallocate(array, count + 1, item_bytes);
}

/* Room for one more layer and its call, so that what follows cannot fail half-way. */
static ls_status make_room(struct ls_model *model)
{
    LS_TRY(grow(&model->layer, model->layers, sizeof *model->layer));
    LS_TRY(grow(&model->call, model->calls, sizeof *model->call));
    LS_TRY(grow(&model->input, model->inputs, sizeof *model->input));
    LS_TRY(grow(&model->output, 0, sizeof *model->output));
    if (!model->output_name)
        LS_TRY(grow(&model->output_name, 0, sizeof *model->output_name));
    return LS_OK;
}

/* A call of a new layer on the result of the last call; its result is the model's one output. */
static void add_layer(struct ls_model *model, struct ls_layer *layer, char *output_name, bool input)
{
    struct ls_graph_call *call = &model->call[model->calls];
    memset(call, 0, sizeof *call);
    call->layer = model->layers;
    call->shapes.inputs = input ? 0 : 1;
    if (input)
        model->input[model->inputs++] = (struct ls_edge){model->calls, 0};
    else
        call->in[0] = (struct ls_edge){model->calls - 1, 0};
    model->layer[model->layers++] = layer;
    if (model->outputs == 1)
        ls_release(model->output_name[0]);
    model->outputs = 1;
    model->output_name[0] = output_name;
    model->output[0] = (struct ls_edge){model->calls++, 0};
}

ls_status ls_model_append(struct ls_model *model, const struct ls_kind *kind,
                          const struct ls_tree *options)
{
    struct ls_layer *layer = NULL;
    char *output_name = NULL;
    bool input = ls_layer_kind_of(kind)->flags & LS_LAYER_INPUT;
    if (model->built)
        return ls_fail(LS_USAGE, "the model is complete: layers are added before its first use");
    if (!input && model->layers == 0)
        return ls_fail_at(options, LS_BAD_INPUT,
                          "the model has no input: its first layer must be Input, with the shape "
                          "of a sample");
    if (input && model->layers > 0)
        return ls_fail_at(options, LS_BAD_INPUT,
                          "a Sequential model has one Input, its first layer");
    LS_TRY(make_room(model));
    LS_TRY(ls_layer_create(model, &layer, kind, options));
    ls_status status = ls_duplicate(&output_name, layer->name);
    if (status != LS_OK) {
        free_layer(layer);
        return status;
    }
    add_layer(model, layer, output_name, input);
    return LS_OK;
}

ls_status ls_layer_add(struct ls_model *model, const char *kind_name, const char *options)
{
    struct ls_tree *tree = NULL;
    struct ls_text flow = {0};
    const struct ls_kind *kind;
    ls_status status;
    LS_TRY(ls_kind_require(&ls_layers, NULL, kind_name, &kind));
    ls_text_append(&flow, "{%s}", options ? options : "");
    LS_TRY_OUT(ls_text_status(&flow));
    LS_TRY_OUT(ls_tree_parse_yaml(&tree, flow.data, flow.length, NULL));
    LS_TRY_OUT(ls_model_append(model, kind, tree));
    model->layer[model->layers - 1]->own_place = tree;
    tree = NULL;
out:
    ls_tree_free(tree);
    ls_text_release(&flow);
    return status == LS_OK ? LS_OK : ls_fail_within(status, "%s", kind_name);
}

/* -- completing */

static const struct ls_shape *edge_shape(const struct ls_model *model, struct ls_edge edge)
{
    return &model->call[edge.call].shapes.out[edge.output];
}

static ls_status build_call(struct ls_model *model, struct ls_graph_call *call)
{
    struct ls_layer *layer = model->layer[call->layer];
    for (size_t i = 0; i < call->shapes.inputs; i++)
        call->shapes.in[i] = *edge_shape(model, call->in[i]);
    if (layer->kind->shape) {
        LS_TRY(layer->kind->shape(layer, &call->shapes, &call->needs));
    } else {
        call->shapes.outputs = 1;
        call->shapes.out[0] = call->shapes.in[0];
    }
    if (!layer->built && layer->kind->build)
        LS_TRY(layer->kind->build(layer, &call->shapes));
    layer->built = true;
    return LS_OK;
}

size_t ls_variable_count(const struct ls_variable *variable)
{
    return (size_t)ls_shape_count(&variable->shape);
}

static bool trains(const struct ls_layer *layer, const struct ls_variable *variable)
{
    return layer->trainable && variable->trainable;
}

/* Places the variables of one sort one after the other, each at an aligned offset. */
static size_t place_variables(struct ls_model *model, size_t offset, bool trainable)
{
    for (size_t i = 0; i < model->layers; i++) {
        struct ls_layer *layer = model->layer[i];
        for (size_t v = 0; v < layer->variables; v++) {
            if (trains(layer, &layer->variable[v]) != trainable)
                continue;
            layer->variable[v].offset = offset;
            offset += ls_round_up(ls_variable_count(&layer->variable[v]), LS_ALIGNMENT_FLOATS);
        }
    }
    return offset;
}

ls_status ls_model_build(struct ls_model *model)
{
    if (model->built)
        return LS_OK;
    if (model->outputs == 0)
        return ls_fail(LS_BAD_INPUT, "the model has no layers");
    for (size_t i = 0; i < model->calls; i++)
        LS_TRY(build_call(model, &model->call[i]));
    model->trainable_floats = place_variables(model, 0, true);
    model->floats = place_variables(model, model->trainable_floats, false);
    LS_TRY(ls_allocate(&model->weights, model->floats + LS_ALIGNMENT_FLOATS, sizeof(float)));
    model->built = true;
    return LS_OK;
}

size_t ls_model_variables(const struct ls_model *model)
{
    size_t count = 0;
    for (size_t i = 0; i < model->layers; i++)
        count += model->layer[i]->variables;
    return count;
}

struct ls_variable_at ls_model_variable(const struct ls_model *model, size_t index)
{
    for (int trainable = 1; trainable >= 0; trainable--) {
        uint32_t number = 0;
        for (size_t i = 0; i < model->layers; i++) {
            struct ls_layer *layer = model->layer[i];
            for (size_t v = 0; v < layer->variables; v++, number++)
                if (trains(layer, &layer->variable[v]) == trainable && index-- == 0)
                    return (struct ls_variable_at){layer, &layer->variable[v], trainable, number};
        }
    }
    return (struct ls_variable_at){0};
}
