/* Completing a model: the flat list of its layers and those of nested models, their calls
 * (calls.c), variables, the arena of weights. */
#include <string.h>

#include "base/memory.h"
#include "model/build.h"
#include "model/size.h"

static bool is_input(const struct ls_layer *layer)
{
    return layer->kind->flags & LS_LAYER_INPUT;
}

static void forget_graph(struct ls_model *model)
{
    for (; model->hidden > 0; model->hidden--)
        ls_part_release(&(struct ls_part){.layer = model->layer[--model->layers]});
    ls_release(model->layer);
    ls_release(model->call);
    ls_release(model->input);
    ls_release(model->output);
    model->layer = NULL;
    model->call = NULL;
    model->input = model->output = NULL;
    ls_release(model->penalty_room);
    model->penalty_room = NULL;
    model->layers = model->calls = 0;
}

void ls_model_unbuild(struct ls_model *model)
{
    for (size_t l = 0; model->initialized && l < model->layers; l++)
        for (size_t v = 0; v < model->layer[l]->variables; v++) {
            struct ls_variable *variable = &model->layer[l]->variable[v];
            variable->values = model->weights + variable->offset;
        }
    if (model->weights) {
        model->kept = model->weights;
        model->weights = NULL;
    }
    model->built = model->initialized = false;
    ls_trained_free(model->trained); /* its arenas are laid out as the weights' was */
    model->trained = NULL;
    forget_graph(model);
}

/* -- layers */

static ls_status add_layers(struct ls_model *whole, struct ls_model *model, const char *path,
                            bool trainable);

/* A layer of the whole; `path` is that of the model it is in, with a slash behind it. Inputs of
 * nested models are no calls of their own. */
static ls_status add_layer(struct ls_model *whole, struct ls_layer *layer, const char *path,
                           bool trainable)
{
    ls_release(layer->path);
    LS_TRY(ls_format(&layer->path, "%s%s", path, layer->name));
    if (is_input(layer) && *path)
        return LS_OK;
    layer->trainable = layer->trainable && trainable;
    layer->number = (uint32_t)whole->layers;
    LS_TRY(ls_grow(&whole->layer, whole->layers, sizeof(struct ls_layer *)));
    whole->layer[whole->layers++] = layer;
    return LS_OK;
}

/* The layers of a part, as add_layers adds them. */
static size_t count_layers(const struct ls_part *part, bool nested)
{
    size_t count = 0;
    if (part->layer)
        return is_input(part->layer) && nested ? 0 : 1;
    for (size_t p = 0; p < part->model->parts; p++)
        count += count_layers(&part->model->part[p], true);
    return count;
}

size_t ls_part_layers(const struct ls_part *part)
{
    return count_layers(part, false);
}

static ls_status add_nested(struct ls_model *whole, struct ls_model *nested, const char *path,
                            bool trainable)
{
    char *inner = NULL;
    ls_model_unbuild(nested);
    LS_TRY(ls_format(&inner, "%s%s/", path, nested->name));
    ls_status status = add_layers(whole, nested, inner, trainable && nested->trainable);
    ls_release(inner);
    return status;
}

static ls_status add_layers(struct ls_model *whole, struct ls_model *model, const char *path,
                            bool trainable)
{
    LS_TRY(ls_model_order(model));
    for (size_t p = 0; p < model->parts; p++) {
        struct ls_part *part = &model->part[p];
        if (part->layer)
            LS_TRY(add_layer(whole, part->layer, path, trainable));
        else
            LS_TRY(add_nested(whole, part->model, path, trainable));
    }
    return LS_OK;
}

/* -- variables */

size_t ls_variable_count(const struct ls_variable *variable)
{
    return (size_t)ls_shape_count(&variable->shape);
}

/* The parts of the arena. */
enum part { TRAINS, UPDATED, REST };

static enum part part_of(const struct ls_layer *layer, const struct ls_variable *variable)
{
    if (!layer->trainable)
        return REST;
    return variable->trainable ? TRAINS : variable->updated ? UPDATED : REST;
}

/* Places the variables of one part one after the other, each at an aligned offset. */
static size_t place_variables(struct ls_model *model, size_t offset, enum part part)
{
    for (size_t i = 0; i < model->layers; i++) {
        struct ls_layer *layer = model->layer[i];
        for (size_t v = 0; v < layer->variables; v++) {
            if (part_of(layer, &layer->variable[v]) != part)
                continue;
            layer->variable[v].offset = offset;
            offset += ls_round_up(ls_variable_count(&layer->variable[v]), LS_ALIGNMENT_FLOATS);
        }
    }
    return offset;
}

static void forget_kept(struct ls_model *model)
{
    ls_release(model->kept);
    model->kept = NULL;
}

/* A nested model's weights are in the arena of the whole. */
static void forget_nested(struct ls_model *model)
{
    for (size_t p = 0; p < model->parts; p++) {
        struct ls_model *nested = model->part[p].model;
        if (!nested)
            continue;
        forget_nested(nested);
        forget_kept(nested);
    }
}

/* Values that the model or nested ones came with go into the arena, unless another rank fills it,
 * and where they were goes. */
static void move_values(struct ls_model *model, bool fill)
{
    for (size_t l = 0; l < model->layers; l++)
        for (size_t v = 0; v < model->layer[l]->variables; v++) {
            struct ls_variable *variable = &model->layer[l]->variable[v];
            float *place = model->weights + variable->offset;
            if (!variable->values)
                continue;
            if (fill)
                memcpy(place, variable->values, ls_variable_count(variable) * sizeof *place);
            variable->values = place;
        }
    forget_nested(model);
    forget_kept(model);
}

ls_status ls_model_build(struct ls_model *model)
{
    LS_TRY(ls_model_check_own(model));
    if (model->built)
        return LS_OK;
    if (model->outputs == 0)
        return ls_fail(LS_BAD_INPUT, model->parts > 0 && !model->sequential
                                         ? "the model has no outputs"
                                         : "the model has no layers");
    forget_graph(model); /* of a try that failed */
    LS_TRY(add_layers(model, model, "", model->trainable));
    LS_TRY(ls_graph_add_calls(model));
    LS_TRY(ls_size_count_weights(model));
    model->trainable_floats = place_variables(model, 0, TRAINS);
    model->gradient_floats = place_variables(model, model->trainable_floats, UPDATED);
    model->floats = place_variables(model, model->gradient_floats, REST);
    model->built = true;
    return LS_OK;
}

ls_status ls_model_make_weights(struct ls_model *model)
{
    LS_TRY(ls_model_build(model));
    if (model->weights)
        return LS_OK;
    LS_TRY(ls_size_check_weights(model));
    LS_TRY(ls_model_make_penalty_room(model));
    LS_TRY(ls_allocate(&model->weights, ls_model_arena_floats(model), sizeof(float)));
    move_values(model, true);
    return LS_OK;
}

ls_status ls_model_lend_weights(struct ls_model *model, float *arena, bool fill)
{
    float *before = model->weights;
    LS_TRY(ls_model_make_penalty_room(model));
    if (before && fill)
        memcpy(arena, before, model->floats * sizeof *arena);
    model->weights = arena;
    move_values(model, fill && !before);
    ls_release(before);
    return LS_OK;
}

void ls_model_return_weights(struct ls_model *model, float *own)
{
    model->weights = own;
    model->initialized = model->initialized && own;
    for (size_t l = 0; l < model->layers; l++)
        for (size_t v = 0; v < model->layer[l]->variables; v++) {
            struct ls_variable *variable = &model->layer[l]->variable[v];
            if (variable->values)
                variable->values = own ? own + variable->offset : NULL;
        }
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
    for (enum part part = TRAINS; part <= REST; part++) {
        uint32_t number = 0;
        for (size_t i = 0; i < model->layers; i++) {
            struct ls_layer *layer = model->layer[i];
            for (size_t v = 0; v < layer->variables; v++, number++)
                if (part_of(layer, &layer->variable[v]) == part && index-- == 0)
                    return (struct ls_variable_at){layer, &layer->variable[v], part == TRAINS,
                                                   number};
        }
    }
    return (struct ls_variable_at){0};
}

static bool is_same(const struct ls_model *model, struct ls_edge edge)
{
    return ls_layer_flags(model->layer[model->call[edge.call].layer]) & LS_LAYER_SAME;
}

struct ls_edge ls_model_maker(const struct ls_model *model, struct ls_edge edge)
{
    while (is_same(model, edge))
        edge = model->call[edge.call].in[0];
    return edge;
}

/* Whether another call than `reader`, or another output, reads of this one. */
static bool is_read(const struct ls_model *model, size_t call, size_t output, size_t reader)
{
    for (size_t o = 0; o < model->outputs; o++)
        if (o != output && model->output[o].call == call)
            return true;
    for (size_t c = call + 1; c < model->calls; c++)
        for (size_t i = 0; c != reader && i < model->call[c].shapes.inputs; i++)
            if (model->call[c].in[i].call == call)
                return true;
    return false;
}

bool ls_model_output_is_last(const struct ls_model *model, size_t output)
{
    struct ls_edge edge = model->output[output];
    size_t reader = SIZE_MAX;
    for (; is_same(model, edge); edge = model->call[edge.call].in[0]) {
        if (is_read(model, edge.call, output, reader))
            return false;
        reader = edge.call;
    }
    return !is_read(model, edge.call, output, reader);
}
