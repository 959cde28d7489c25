/* Compiling a plan. Time: call c runs forward at c, the loss at the number of calls N, and call c
 * backward at 2 N - c. */
#include "model/plan.h"

#include <string.h>

#include "base/memory.h"
#include "model/plan_layout.h"
#include "model/size.h"

static const struct ls_layer *layer_of(const struct ls_plan *plan, size_t call)
{
    return plan->model->layer[plan->model->call[call].layer];
}

bool ls_plan_trains(const struct ls_plan *plan, size_t call)
{
    return plan->training && !plan->model->call[call].inference;
}

unsigned ls_plan_flags(const struct ls_plan *plan, size_t call)
{
    const struct ls_layer *layer = layer_of(plan, call);
    unsigned flags = ls_layer_flags(layer);
    if ((flags & LS_LAYER_TRAINING) && !ls_plan_trains(plan, call))
        flags |= LS_LAYER_VIEW;
    if (layer->activity_regularizer)
        flags |= LS_LAYER_READS_OUT;
    return flags;
}

static int64_t backward_time(const struct ls_plan *plan, size_t call)
{
    return 2 * (int64_t)plan->calls - (int64_t)call;
}

/* -- which calls take part */

static ls_status set_outputs(struct ls_plan *plan, const struct ls_plan_options *options)
{
    const struct ls_edge *wanted = options->outputs ? options->outputs : plan->model->output;
    plan->outputs = options->outputs ? options->output_count : plan->model->outputs;
    LS_TRY(ls_allocate(&plan->output, plan->outputs, sizeof *plan->output));
    LS_TRY(ls_allocate(&plan->output_grad, plan->outputs, sizeof *plan->output_grad));
    for (size_t i = 0; i < plan->outputs; i++) {
        const struct ls_graph_call *call = &plan->model->call[wanted[i].call];
        size_t last =
            call->masked && call->mask.call > wanted[i].call ? call->mask.call : wanted[i].call;
        plan->output[i] = wanted[i];
        plan->output_grad[i] = LS_PLAN_NONE;
        if (last + 1 > plan->calls)
            plan->calls = last + 1;
    }
    LS_TRY(ls_allocate(&plan->call, plan->calls, sizeof *plan->call));
    for (size_t i = 0; i < plan->outputs; i++)
        if (options->defer && options->defer[i])
            plan->call[wanted[i].call].defer = true;
    return LS_OK;
}

static bool has_trainable(const struct ls_layer *layer)
{
    for (size_t v = 0; v < layer->variables; v++)
        if (layer->trainable && layer->variable[v].trainable)
            return true;
    return false;
}

static void mark_calls(struct ls_plan *plan)
{
    for (size_t c = 0; c < plan->calls; c++) {
        const struct ls_graph_call *call = &plan->model->call[c];
        struct ls_plan_call *mine = &plan->call[c];
        mine->stream = (uint32_t)c;
        mine->view = ls_plan_flags(plan, c) & LS_LAYER_VIEW;
        mine->wants_grad = plan->training && has_trainable(layer_of(plan, c));
        for (size_t i = 0; i < call->shapes.inputs; i++)
            mine->wants_grad |= plan->call[call->in[i].call].wants_grad;
    }
}

/* -- values */

static int new_interval(struct ls_plan *plan, size_t floats, int64_t from, int64_t to)
{
    plan->interval[plan->intervals] = (struct ls_interval){floats, 0, from, to};
    return (int)plan->intervals++;
}

static size_t tensor_floats(const struct ls_plan *plan, const struct ls_shape *shape)
{
    return (size_t)ls_shape_count(shape) * (size_t)plan->rows;
}

static bool same_edge(struct ls_edge a, struct ls_edge b)
{
    return a.call == b.call && a.output == b.output;
}

static size_t readers(const struct ls_plan *plan, struct ls_edge edge)
{
    size_t count = 0;
    for (size_t c = edge.call + 1; c < plan->calls; c++)
        for (size_t i = 0; i < plan->model->call[c].shapes.inputs; i++)
            count += same_edge(plan->model->call[c].in[i], edge);
    return count;
}

/* Whether the loss reads it: an output, or the mask of one. */
static bool is_kept(const struct ls_plan *plan, struct ls_edge edge)
{
    for (size_t i = 0; i < plan->outputs; i++) {
        const struct ls_graph_call *call = &plan->model->call[plan->output[i].call];
        if (same_edge(plan->output[i], edge) || (call->masked && same_edge(call->mask, edge)))
            return true;
    }
    return false;
}

/* The last time at which the values of an edge are read, but for the forward pass of call `except`.
 */
static int64_t wanted_until(const struct ls_plan *plan, struct ls_edge edge, size_t except)
{
    int64_t until = -1;
    if (plan->call[edge.call].wants_grad && (ls_plan_flags(plan, edge.call) & LS_LAYER_READS_OUT))
        until = backward_time(plan, edge.call);
    if (is_kept(plan, edge))
        until = until < (int64_t)plan->calls ? (int64_t)plan->calls : until;
    for (size_t c = edge.call + 1; c < plan->calls; c++)
        for (size_t i = 0; i < plan->model->call[c].shapes.inputs; i++) {
            if (!same_edge(plan->model->call[c].in[i], edge))
                continue;
            if (c != except && until < (int64_t)c)
                until = (int64_t)c;
            if (plan->call[c].wants_grad && !plan->call[c].view &&
                (ls_plan_flags(plan, c) & LS_LAYER_READS_IN) && until < backward_time(plan, c))
                until = backward_time(plan, c);
        }
    return until;
}

static void extend(struct ls_plan *plan, int interval, int64_t to)
{
    if (plan->interval[interval].to < to)
        plan->interval[interval].to = to;
}

/* A view's result is its input's memory; so is that of a call that may work in place, when nobody
 * reads the input after it. */
static void place_value(struct ls_plan *plan, size_t c, bool *shared)
{
    const struct ls_graph_call *call = &plan->model->call[c];
    struct ls_plan_call *mine = &plan->call[c];
    if (call->shapes.inputs == 1 && call->shapes.outputs == 1) {
        int source = plan->call[call->in[0].call].value[call->in[0].output];
        int64_t others = wanted_until(plan, call->in[0], c);
        bool in_place = (ls_plan_flags(plan, c) & LS_LAYER_IN_PLACE) && !shared[source] &&
                        others < (int64_t)c && plan->interval[source].to <= (int64_t)c;
        if (mine->view || in_place) {
            shared[source] |= readers(plan, call->in[0]) > 1;
            mine->value[0] = source;
            extend(plan, source, others);
            extend(plan, source, wanted_until(plan, (struct ls_edge){c, 0}, SIZE_MAX));
            extend(plan, source, (int64_t)c);
            return;
        }
    }
    for (size_t o = 0; o < call->shapes.outputs; o++) {
        int64_t until = wanted_until(plan, (struct ls_edge){c, o}, SIZE_MAX);
        mine->value[o] = new_interval(plan, tensor_floats(plan, &call->shapes.out[o]), (int64_t)c,
                                      until < (int64_t)c ? (int64_t)c : until);
    }
}

static ls_status place_values(struct ls_plan *plan)
{
    bool *shared = NULL;
    LS_TRY(ls_allocate(&shared, plan->room, sizeof *shared));
    for (size_t i = 0; i < plan->model->inputs; i++) {
        int input = new_interval(plan, 0, 0, 0);
        struct ls_edge edge = plan->model->input[i];
        if (edge.call < plan->calls)
            plan->call[edge.call].value[edge.output] = input;
    }
    for (size_t c = 0; c < plan->calls; c++)
        if (!(ls_plan_flags(plan, c) & LS_LAYER_INPUT))
            place_value(plan, c, shared);
    ls_release(shared);
    return LS_OK;
}

/* -- gradients */

static bool is_output(const struct ls_plan *plan, struct ls_edge edge)
{
    for (size_t o = 0; o < plan->outputs; o++)
        if (same_edge(plan->output[o], edge))
            return true;
    return false;
}

/* The loss writes the gradients of the outputs; where several outputs are one tensor, theirs are
 * added to the first one's. */
static void place_output_gradients(struct ls_plan *plan, const bool *no_loss)
{
    int64_t now = (int64_t)plan->calls;
    for (size_t i = 0; i < plan->outputs; i++) {
        struct ls_edge edge = plan->output[i];
        const struct ls_shape *shape = &plan->model->call[edge.call].shapes.out[edge.output];
        int *grad = &plan->call[edge.call].grad[edge.output];
        bool first = *grad == LS_PLAN_NONE;
        if (no_loss && no_loss[i])
            continue;
        plan->output_grad[i] = new_interval(plan, tensor_floats(plan, shape), now,
                                            first ? backward_time(plan, edge.call) : now);
        if (first)
            *grad = plan->output_grad[i];
    }
}

/* A call that may work in place, and that alone reads its input, leaves its gradient's memory to
 * it. */
static bool passes_gradient(const struct ls_plan *plan, size_t c)
{
    const struct ls_graph_call *call = &plan->model->call[c];
    return call->shapes.inputs == 1 && readers(plan, call->in[0]) == 1 &&
           !is_output(plan, call->in[0]) &&
           (plan->call[c].view || (ls_plan_flags(plan, c) & LS_LAYER_IN_PLACE));
}

/* Where call c writes the gradient of input i: the first of the readers (from behind) makes the
 * place, the others add to it. */
static void place_input_gradient(struct ls_plan *plan, size_t c, size_t i)
{
    const struct ls_graph_call *call = &plan->model->call[c];
    struct ls_plan_call *mine = &plan->call[c];
    struct ls_edge edge = call->in[i];
    int *grad = &plan->call[edge.call].grad[edge.output];
    int64_t now = backward_time(plan, c), wanted = backward_time(plan, edge.call);
    if (!plan->call[edge.call].wants_grad)
        return;
    if (passes_gradient(plan, c)) {
        *grad = mine->grad[0];
        extend(plan, *grad, wanted);
    } else if (*grad == LS_PLAN_NONE) {
        *grad = new_interval(plan, tensor_floats(plan, &call->shapes.in[i]), now, wanted);
    } else {
        mine->add[i] = true;
        mine->in_grad[i] = new_interval(plan, tensor_floats(plan, &call->shapes.in[i]), now, now);
        return;
    }
    mine->in_grad[i] = *grad;
}

static bool gradient_reaches(struct ls_plan *plan, size_t c)
{
    struct ls_plan_call *mine = &plan->call[c];
    const struct ls_call_shapes *shapes = &plan->model->call[c].shapes;
    bool reaches = false;
    if (!mine->wants_grad)
        return false;
    for (size_t o = 0; o < shapes->outputs; o++)
        reaches |= mine->grad[o] != LS_PLAN_NONE;
    if (reaches || !layer_of(plan, c)->activity_regularizer)
        return reaches;
    mine->from_zero = true;
    mine->grad[0] = new_interval(plan, tensor_floats(plan, &shapes->out[0]), backward_time(plan, c),
                                 backward_time(plan, c));
    return true;
}

/* From the last call to the first: each edge's gradient is written by its readers (or by the loss)
 * and read by the call that made the edge. */
static void place_gradients(struct ls_plan *plan, const bool *no_loss)
{
    for (size_t c = 0; c < plan->calls; c++)
        for (size_t o = 0; o < LS_TENSORS_MAX; o++)
            plan->call[c].grad[o] = plan->call[c].in_grad[o] = LS_PLAN_NONE;
    if (!plan->training)
        return;
    place_output_gradients(plan, no_loss);
    for (size_t c = plan->calls; c-- > 0;) {
        struct ls_plan_call *mine = &plan->call[c];
        mine->backward = gradient_reaches(plan, c);
        for (size_t i = 0; mine->backward && i < plan->model->call[c].shapes.inputs; i++)
            place_input_gradient(plan, c, i);
        for (size_t other = c + 1; mine->backward && other < plan->calls; other++)
            mine->again |= plan->call[other].backward &&
                           plan->model->call[other].layer == plan->model->call[c].layer;
    }
}

/* -- variables that train, but that no gradient reaches */

static bool has_backward(const struct ls_plan *plan, size_t layer)
{
    for (size_t c = 0; c < plan->calls; c++)
        if (plan->model->call[c].layer == layer && plan->call[c].backward)
            return true;
    return false;
}

static ls_status find_silences(struct ls_plan *plan)
{
    const struct ls_model *model = plan->model;
    LS_TRY(ls_allocate(&plan->silence, ls_model_variables(model) + 1, sizeof *plan->silence));
    for (size_t l = 0; plan->training && l < model->layers; l++) {
        const struct ls_layer *layer = model->layer[l];
        if (!has_trainable(layer) || has_backward(plan, l))
            continue;
        for (size_t v = 0; v < layer->variables; v++)
            if (layer->variable[v].trainable)
                plan->silence[plan->silences++] = (struct ls_plan_silence){
                    layer->variable[v].offset, ls_variable_count(&layer->variable[v])};
    }
    return LS_OK;
}

static void place_scratch(struct ls_plan *plan)
{
    size_t work = 0, rows = (size_t)plan->rows;
    for (size_t c = 0; c < plan->calls; c++) {
        const struct ls_call_needs *needs = &plan->model->call[c].needs;
        size_t wanted = needs->work_floats + needs->work_floats_per_row * rows;
        int64_t to = plan->training ? backward_time(plan, c) : (int64_t)c;
        work = wanted > work ? wanted : work;
        plan->call[c].saved = LS_PLAN_NONE;
        if (needs->saved_floats_per_row && !plan->call[c].view)
            plan->call[c].saved =
                new_interval(plan, needs->saved_floats_per_row * rows, (int64_t)c, to);
    }
    plan->work = LS_PLAN_NONE;
    if (work)
        plan->work = new_interval(plan, work, 0, 2 * (int64_t)plan->calls);
}

/* -- the order of work */

/* Items of one call in one direction; a phase that ends at a point ends the segment. */
static void add_items(struct ls_plan *plan, enum ls_plan_action action, size_t c)
{
    const struct ls_layer *layer = layer_of(plan, c);
    size_t points =
        action == LS_PLAN_FORWARD ? layer->kind->forward_points : layer->kind->backward_points;
    for (size_t phase = 0; phase <= points; phase++) {
        plan->item[plan->items++] = (struct ls_plan_item){action, c, phase};
        if (phase == points)
            break;
        plan->point[plan->segments - 1] =
            layer->kind->point_doubles(layer, &plan->model->call[c].shapes);
        plan->segment[plan->segments++] = plan->items;
    }
}

static bool has_masks(const struct ls_plan *plan)
{
    for (size_t o = 0; o < plan->outputs; o++)
        if (plan->model->call[plan->output[o].call].masked)
            return true;
    return false;
}

/* The loss is a mean over the positions of the global batch that count: a point before it. */
static void add_count(struct ls_plan *plan)
{
    plan->item[plan->items++] = (struct ls_plan_item){LS_PLAN_COUNT, 0, 0};
    plan->point[plan->segments - 1] = plan->outputs;
    plan->segment[plan->segments++] = plan->items;
}

static ls_status order_items(struct ls_plan *plan)
{
    size_t room = 3;
    for (size_t c = 0; c < plan->calls; c++) {
        const struct ls_layer_kind *kind = layer_of(plan, c)->kind;
        room += 2 + kind->forward_points + kind->backward_points;
    }
    LS_TRY(ls_allocate(&plan->item, room, sizeof *plan->item));
    LS_TRY(ls_allocate(&plan->segment, room + 1, sizeof *plan->segment));
    LS_TRY(ls_allocate(&plan->point, room + 1, sizeof *plan->point));
    plan->segments = 1;
    for (size_t c = 0; c < plan->calls; c++)
        if (!plan->call[c].view && !(ls_plan_flags(plan, c) & LS_LAYER_INPUT))
            add_items(plan, LS_PLAN_FORWARD, c);
    if (plan->training && has_masks(plan))
        add_count(plan);
    if (plan->training) {
        plan->item[plan->items++] = (struct ls_plan_item){LS_PLAN_LOSS, 0, 0};
        for (size_t c = plan->calls; c-- > 0;)
            if (plan->call[c].backward && (!plan->call[c].view || !passes_gradient(plan, c)))
                add_items(plan, LS_PLAN_BACKWARD, c);
    }
    plan->segment[plan->segments] = plan->items;
    return LS_OK;
}

/* Room for every interval that place_* may make. */
static size_t most_intervals(const struct ls_plan *plan)
{
    size_t room = plan->model->inputs + plan->outputs + 1;
    for (size_t c = 0; c < plan->calls; c++) {
        const struct ls_call_shapes *shapes = &plan->model->call[c].shapes;
        room += shapes->inputs + shapes->outputs + 1;
    }
    return room;
}

ls_status ls_plan_create(struct ls_plan **plan, const struct ls_plan_options *options)
{
    struct ls_plan *made = NULL;
    ls_status status;
    *plan = NULL;
    LS_TRY(ls_size_check_rows(options->model, options->rows));
    LS_TRY(ls_allocate(&made, 1, sizeof *made));
    made->model = options->model;
    made->rows = options->rows < 1 ? 1 : options->rows;
    made->training = options->training;
    made->loss = options->loss;
    LS_TRY_OUT(set_outputs(made, options));
    mark_calls(made);
    made->room = most_intervals(made);
    LS_TRY_OUT(ls_allocate(&made->interval, made->room, sizeof *made->interval));
    LS_TRY_OUT(place_values(made));
    place_gradients(made, options->no_loss);
    LS_TRY_OUT(find_silences(made));
    place_scratch(made);
    LS_TRY_OUT(ls_intervals_place(made->interval, made->intervals, &made->floats));
    LS_TRY_OUT(order_items(made));
    *plan = made;
    return LS_OK;
out:
    ls_plan_free(made);
    return status;
}

void ls_plan_free(struct ls_plan *plan)
{
    if (!plan)
        return;
    ls_release(plan->call);
    ls_release(plan->interval);
    ls_release(plan->output);
    ls_release(plan->output_grad);
    ls_release(plan->item);
    ls_release(plan->segment);
    ls_release(plan->point);
    ls_release(plan->silence);
    ls_release(plan);
}

size_t ls_plan_segments(const struct ls_plan *plan)
{
    return plan->segments;
}

size_t ls_plan_point_doubles(const struct ls_plan *plan, size_t segment)
{
    return plan->point[segment];
}

size_t ls_plan_point_doubles_most(const struct ls_plan *plan)
{
    size_t most = 0;
    for (size_t s = 0; s < plan->segments; s++)
        most = plan->point[s] > most ? plan->point[s] : most;
    return most;
}

size_t ls_plan_bytes(const struct ls_plan *plan)
{
    return plan->floats * sizeof(float);
}
