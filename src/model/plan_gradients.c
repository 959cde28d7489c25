/* Where a plan's gradients lie, and which calls have a backward pass. */
#include "base/memory.h"
#include "model/plan_layout.h"

static bool is_output(const struct ls_plan *plan, struct ls_edge edge)
{
    for (size_t o = 0; o < plan->outputs; o++)
        if (ls_edge_equal(plan->output[o], edge))
            return true;
    return false;
}

/* The loss writes the gradients of the outputs: of results that are outputs more than once each its
 * own, which is then added to the first's. */
static void place_output_gradients(struct ls_plan *plan, const bool *no_loss)
{
    int64_t now = (int64_t)plan->calls;
    for (size_t i = 0; i < plan->outputs; i++) {
        struct ls_edge edge = plan->output[i];
        int *grad = &plan->call[edge.call].grad[edge.output];
        size_t floats = ls_plan_tensor_floats(plan, ls_plan_shape(plan, edge));
        int64_t until = *grad == LS_PLAN_NONE ? ls_plan_backward_time(plan, edge.call) : now;
        if (no_loss && no_loss[i])
            continue;
        plan->output_grad[i] = ls_plan_add_interval(plan, floats, now, until);
        if (*grad == LS_PLAN_NONE)
            *grad = plan->output_grad[i];
    }
}

/* A call that may work in place, and that alone reads its input, leaves its gradient's memory to
 * it. */
bool ls_plan_passes_gradient(const struct ls_plan *plan, size_t c)
{
    const struct ls_graph_call *call = &plan->model->call[c];
    return call->shapes.inputs == 1 && ls_plan_readers(plan, call->in[0]) == 1 &&
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
    int64_t now = ls_plan_backward_time(plan, c), wanted = ls_plan_backward_time(plan, edge.call);
    if (!plan->call[edge.call].wants_grad || ls_plan_is_mask(&call->shapes, i))
        return;
    if (ls_plan_passes_gradient(plan, c)) {
        *grad = mine->grad[0];
        ls_plan_extend(plan, *grad, wanted);
    } else if (*grad == LS_PLAN_NONE) {
        *grad = ls_plan_add_interval(plan, ls_plan_tensor_floats(plan, &call->shapes.in[i]), now,
                                     wanted);
    } else {
        mine->add[i] = true;
        mine->in_grad[i] =
            ls_plan_add_interval(plan, ls_plan_tensor_floats(plan, &call->shapes.in[i]), now, now);
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
    if (reaches || !ls_plan_layer(plan, c)->activity_regularizer)
        return reaches;
    mine->from_zero = true;
    mine->grad[0] =
        ls_plan_add_interval(plan, ls_plan_tensor_floats(plan, &shapes->out[0]),
                             ls_plan_backward_time(plan, c), ls_plan_backward_time(plan, c));
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

/* -- variables that train, but that no gradient reaches, and that no call updates */

static bool has_backward(const struct ls_plan *plan, size_t layer)
{
    for (size_t c = 0; c < plan->calls; c++)
        if (plan->model->call[c].layer == layer && plan->call[c].backward)
            return true;
    return false;
}

static bool is_updated(const struct ls_plan *plan, const struct ls_layer *layer)
{
    for (size_t u = 0; u < plan->updates; u++)
        if (plan->update[u].layer == layer)
            return plan->update[u].calls > 0;
    return false;
}

static ls_status find_silences(struct ls_plan *plan)
{
    const struct ls_model *model = plan->model;
    LS_TRY(ls_allocate(&plan->silence, ls_model_variables(model) + 1, sizeof *plan->silence));
    for (size_t l = 0; plan->training && l < model->layers; l++) {
        const struct ls_layer *layer = model->layer[l];
        bool backward = has_backward(plan, l), updated = is_updated(plan, layer);
        for (size_t v = 0; v < layer->variables && layer->trainable; v++) {
            const struct ls_variable *variable = &layer->variable[v];
            if ((variable->trainable && !backward) || (variable->updated && !updated))
                plan->silence[plan->silences++] =
                    (struct ls_plan_silence){variable->offset, ls_variable_count(variable)};
        }
    }
    return LS_OK;
}

ls_status ls_plan_place_gradients(struct ls_plan *plan, const bool *no_loss)
{
    place_gradients(plan, no_loss);
    return find_silences(plan);
}
