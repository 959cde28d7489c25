/* Compiling a plan. Time: call c runs forward at c, the loss at the number of calls N, and call c
 * backward at 2 N - c. */
#include "model/plan.h"

#include <string.h>

#include "base/memory.h"
#include "model/plan_layout.h"
#include "model/size.h"

const struct ls_layer *ls_plan_layer(const struct ls_plan *plan, size_t call)
{
    return plan->model->layer[plan->model->call[call].layer];
}

bool ls_plan_trains(const struct ls_plan *plan, size_t call)
{
    const struct ls_layer *layer = ls_plan_layer(plan, call);
    bool frozen = (ls_layer_flags(layer) & LS_LAYER_FROZEN_INFERS) && !layer->trainable;
    return plan->training && !plan->model->call[call].inference && !frozen;
}

size_t ls_plan_points(const struct ls_plan *plan, enum ls_plan_action action, size_t call)
{
    const struct ls_layer_kind *kind = ls_plan_layer(plan, call)->kind;
    if (!ls_plan_trains(plan, call))
        return 0;
    return action == LS_PLAN_FORWARD ? kind->forward_points : kind->backward_points;
}

unsigned ls_plan_flags(const struct ls_plan *plan, size_t call)
{
    const struct ls_layer *layer = ls_plan_layer(plan, call);
    unsigned flags = ls_layer_flags(layer);
    if ((flags & LS_LAYER_TRAINING) && !ls_plan_trains(plan, call))
        flags |= LS_LAYER_VIEW;
    if (layer->activity_regularizer)
        flags |= LS_LAYER_READS_OUT;
    return flags;
}

int64_t ls_plan_backward_time(const struct ls_plan *plan, size_t call)
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
        plan->output[i] = wanted[i];
        plan->output_grad[i] = LS_PLAN_NONE;
    }
    plan->calls = plan->model->calls;
    LS_TRY(ls_allocate(&plan->call, plan->calls, sizeof *plan->call));
    for (size_t i = 0; i < plan->outputs; i++)
        if (options->defer && options->defer[i])
            plan->call[ls_model_maker(plan->model, wanted[i]).call].defer = true;
    return LS_OK;
}

bool ls_layer_has_trainable(const struct ls_layer *layer)
{
    for (size_t v = 0; v < layer->variables; v++)
        if (layer->trainable && layer->variable[v].trainable)
            return true;
    return false;
}

/* What leads to an output or to its mask, and, where the outputs are the model's, to a penalty. */
static void find_needed(struct ls_plan *plan, bool penalties)
{
    for (size_t o = 0; o < plan->outputs; o++) {
        const struct ls_edge *mask = ls_model_mask(plan->model, plan->output[o]);
        plan->call[plan->output[o].call].needed = true;
        if (mask)
            plan->call[mask->call].needed = true;
    }
    for (size_t c = plan->calls; c-- > 0;) {
        const struct ls_graph_call *call = &plan->model->call[c];
        plan->call[c].needed |= penalties && ls_plan_layer(plan, c)->activity_regularizer;
        for (size_t i = 0; plan->call[c].needed && i < call->shapes.inputs; i++)
            plan->call[call->in[i].call].needed = true;
    }
}

static void mark_calls(struct ls_plan *plan)
{
    for (size_t c = 0; c < plan->calls; c++) {
        const struct ls_graph_call *call = &plan->model->call[c];
        struct ls_plan_call *mine = &plan->call[c];
        mine->stream = (uint32_t)c;
        mine->view = ls_plan_flags(plan, c) & LS_LAYER_VIEW;
        mine->wants_grad = plan->training && ls_layer_has_trainable(ls_plan_layer(plan, c));
        for (size_t i = 0; i < call->shapes.inputs - call->shapes.masks; i++)
            mine->wants_grad |= plan->call[call->in[i].call].wants_grad;
        mine->wants_grad &= mine->needed;
        plan->prepares |= mine->needed && !mine->view && ls_plan_layer(plan, c)->kind->prepare;
    }
}

/* -- values */

int ls_plan_add_interval(struct ls_plan *plan, size_t floats, int64_t from, int64_t to)
{
    plan->interval[plan->intervals] = (struct ls_interval){floats, 0, from, to};
    return (int)plan->intervals++;
}

size_t ls_plan_tensor_floats(const struct ls_plan *plan, const struct ls_shape *shape)
{
    return (size_t)ls_shape_count(shape) * (size_t)plan->rows;
}

size_t ls_plan_readers(const struct ls_plan *plan, struct ls_edge edge)
{
    size_t count = 0;
    for (size_t c = edge.call + 1; c < plan->calls; c++)
        for (size_t i = 0; plan->call[c].needed && i < plan->model->call[c].shapes.inputs; i++)
            count += ls_edge_equal(plan->model->call[c].in[i], edge);
    return count;
}

/* Whether the loss reads it: an output, or the mask of one. */
static bool is_kept(const struct ls_plan *plan, struct ls_edge edge)
{
    for (size_t i = 0; i < plan->outputs; i++) {
        const struct ls_edge *mask = ls_model_mask(plan->model, plan->output[i]);
        if (ls_edge_equal(plan->output[i], edge) || (mask && ls_edge_equal(*mask, edge)))
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
        until = ls_plan_backward_time(plan, edge.call);
    if (is_kept(plan, edge))
        until = until < (int64_t)plan->calls ? (int64_t)plan->calls : until;
    for (size_t c = edge.call + 1; c < plan->calls; c++)
        for (size_t i = 0; plan->call[c].needed && i < plan->model->call[c].shapes.inputs; i++) {
            if (!ls_edge_equal(plan->model->call[c].in[i], edge))
                continue;
            if (c != except && until < (int64_t)c)
                until = (int64_t)c;
            bool reads = (ls_plan_flags(plan, c) & LS_LAYER_READS_IN) ||
                         ls_plan_is_mask(&plan->model->call[c].shapes, i);
            if (plan->call[c].wants_grad && !plan->call[c].view && reads &&
                until < ls_plan_backward_time(plan, c))
                until = ls_plan_backward_time(plan, c);
        }
    return until;
}

void ls_plan_extend(struct ls_plan *plan, int interval, int64_t to)
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
            shared[source] |= ls_plan_readers(plan, call->in[0]) > 1;
            mine->value[0] = source;
            ls_plan_extend(plan, source, others);
            ls_plan_extend(plan, source, wanted_until(plan, (struct ls_edge){c, 0}, SIZE_MAX));
            ls_plan_extend(plan, source, (int64_t)c);
            return;
        }
    }
    for (size_t o = 0; o < call->shapes.outputs; o++) {
        int64_t until = wanted_until(plan, (struct ls_edge){c, o}, SIZE_MAX);
        mine->value[o] =
            ls_plan_add_interval(plan, ls_plan_tensor_floats(plan, &call->shapes.out[o]),
                                 (int64_t)c, until < (int64_t)c ? (int64_t)c : until);
    }
}

static ls_status place_values(struct ls_plan *plan)
{
    bool *shared = NULL;
    LS_TRY(ls_allocate(&shared, plan->room, sizeof *shared));
    for (size_t i = 0; i < plan->model->inputs; i++) {
        int input = ls_plan_add_interval(plan, 0, 0, 0);
        struct ls_edge edge = plan->model->input[i];
        if (edge.call < plan->calls)
            plan->call[edge.call].value[edge.output] = input;
    }
    for (size_t c = 0; c < plan->calls; c++)
        if (plan->call[c].needed && !(ls_plan_flags(plan, c) & LS_LAYER_INPUT))
            place_value(plan, c, shared);
    ls_release(shared);
    return LS_OK;
}

static void place_scratch(struct ls_plan *plan)
{
    size_t work = 0, rows = (size_t)plan->rows;
    for (size_t c = 0; c < plan->calls; c++) {
        const struct ls_call_needs *needs = &plan->model->call[c].needs;
        size_t wanted = needs->work_floats + needs->work_floats_per_row * rows;
        int64_t to = plan->training ? ls_plan_backward_time(plan, c) : (int64_t)c;
        work = plan->call[c].needed && wanted > work ? wanted : work;
        plan->call[c].saved = LS_PLAN_NONE;
        size_t saved = needs->saved_floats + needs->saved_floats_per_row * rows;
        if (saved && plan->call[c].needed && !plan->call[c].view)
            plan->call[c].saved = ls_plan_add_interval(plan, saved, (int64_t)c, to);
    }
    plan->work = LS_PLAN_NONE;
    if (work)
        plan->work = ls_plan_add_interval(plan, work, 0, 2 * (int64_t)plan->calls);
}

/* -- the order of work */

/* The segment ends at a point. */
static void add_point(struct ls_plan *plan, size_t doubles)
{
    plan->point[plan->segments - 1] = doubles;
    plan->segment[plan->segments++] = plan->items;
}

/* Items of one call in one direction, with points between its phases. Points of the replica's own
 * are what the phase left. */
static void add_items(struct ls_plan *plan, enum ls_plan_action action, size_t c)
{
    const struct ls_layer *layer = ls_plan_layer(plan, c);
    size_t points = ls_plan_points(plan, action, c);
    size_t doubles = points ? layer->kind->point_doubles(layer, &plan->model->call[c].shapes) : 0;
    plan->most = doubles > plan->most ? doubles : plan->most;
    for (size_t phase = 0; phase <= points; phase++) {
        plan->item[plan->items++] = (struct ls_plan_item){action, c, phase};
        if (phase < points && !plan->own_points)
            add_point(plan, doubles);
    }
}

/* The loss is a mean over what counts in the global batch: a point before it. */
static void add_count(struct ls_plan *plan)
{
    plan->item[plan->items++] = (struct ls_plan_item){LS_PLAN_COUNT, 0, 0};
    plan->most = plan->outputs > plan->most ? plan->outputs : plan->most;
    add_point(plan, plan->outputs);
}

bool ls_plan_runs_forward(const struct ls_plan *plan, size_t call)
{
    return plan->call[call].needed && !plan->call[call].view &&
           !(ls_plan_flags(plan, call) & LS_LAYER_INPUT);
}

bool ls_plan_runs_backward(const struct ls_plan *plan, size_t call)
{
    return plan->training && plan->call[call].backward &&
           (!plan->call[call].view || !ls_plan_passes_gradient(plan, call));
}

static ls_status order_items(struct ls_plan *plan)
{
    size_t room = 3;
    for (size_t c = 0; c < plan->calls; c++) {
        const struct ls_layer_kind *kind = ls_plan_layer(plan, c)->kind;
        room += 2 + kind->forward_points + kind->backward_points;
    }
    LS_TRY(ls_allocate(&plan->item, room, sizeof *plan->item));
    LS_TRY(ls_allocate(&plan->segment, room + 1, sizeof *plan->segment));
    LS_TRY(ls_allocate(&plan->point, room + 1, sizeof *plan->point));
    plan->segments = 1;
    for (size_t c = 0; c < plan->calls; c++)
        if (ls_plan_runs_forward(plan, c))
            add_items(plan, LS_PLAN_FORWARD, c);
    if (plan->training && plan->count)
        add_count(plan);
    if (plan->training) {
        plan->item[plan->items++] = (struct ls_plan_item){LS_PLAN_LOSS, 0, 0};
        for (size_t c = plan->calls; c-- > 0;)
            if (ls_plan_runs_backward(plan, c))
                add_items(plan, LS_PLAN_BACKWARD, c);
    }
    plan->segment[plan->segments] = plan->items;
    return LS_OK;
}

/* Room for every interval that is made: of inputs, of the gradients of outputs, of the scratch
 * memory; of a call's results, of what it adds to its inputs' gradients, of what it saves, and of a
 * gradient that its penalty alone gives. */
static size_t most_intervals(const struct ls_plan *plan)
{
    size_t room = plan->model->inputs + plan->outputs + 1;
    for (size_t c = 0; c < plan->calls; c++) {
        const struct ls_call_shapes *shapes = &plan->model->call[c].shapes;
        room += shapes->inputs + shapes->outputs + 2;
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
    made->own_points = options->own_points;
    made->loss = options->loss;
    made->count = options->count;
    LS_TRY_OUT(set_outputs(made, options));
    find_needed(made, !options->outputs);
    mark_calls(made);
    made->room = most_intervals(made);
    LS_TRY_OUT(ls_allocate(&made->interval, made->room, sizeof *made->interval));
    LS_TRY_OUT(place_values(made));
    LS_TRY_OUT(ls_plan_find_updates(made));
    LS_TRY_OUT(ls_plan_place_gradients(made, options->no_loss));
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
    ls_release(plan->update);
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
    return plan->most;
}

size_t ls_plan_point_doubles_all(const struct ls_plan *plan)
{
    size_t all = 0;
    for (size_t s = 0; s < plan->segments; s++)
        all += plan->point[s];
    return all;
}

bool ls_plan_is_forward(const struct ls_plan *plan, size_t segment)
{
    size_t end = plan->segment[segment + 1];
    return end > 0 && plan->item[end - 1].action == LS_PLAN_FORWARD;
}

size_t ls_plan_bytes(const struct ls_plan *plan)
{
    return plan->floats * sizeof(float);
}
