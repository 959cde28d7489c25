/* Running a plan. */
#include <string.h>

#include "base/memory.h"
#include "base/pulse.h"
#include "kernel/kernels.h"
#include "model/plan_layout.h"

static ls_status create(struct ls_plan_run **run, const struct ls_plan *plan,
                        const struct ls_plan_run *first)
{
    struct ls_plan_run *made = NULL;
    *run = NULL;
    LS_TRY(ls_allocate(&made, 1, sizeof *made));
    made->plan = plan;
    made->loss = plan->loss;
    made->count = plan->count;
    ls_status status = ls_allocate(&made->block, plan->floats + 1, sizeof(float));
    if (status == LS_OK)
        status = ls_allocate(&made->point, ls_plan_point_doubles_most(plan) + 1, sizeof(double));
    if (status == LS_OK && first) {
        made->prepared = first->prepared;
        made->borrowed = true;
    } else if (status == LS_OK && plan->prepares) {
        status = ls_plan_make_prepared(made);
    }
    if (status == LS_OK)
        *run = made;
    else
        ls_plan_run_free(made);
    return status;
}

ls_status ls_plan_run_create(struct ls_plan_run **run, const struct ls_plan *plan)
{
    return create(run, plan, NULL);
}

ls_status ls_plan_run_create_beside(struct ls_plan_run **run, const struct ls_plan_run *first)
{
    return create(run, first->plan, first);
}

void ls_plan_run_free(struct ls_plan_run *run)
{
    if (!run)
        return;
    if (!run->borrowed)
        ls_plan_forget_prepared(run);
    ls_release(run->block);
    ls_release(run->point);
    ls_release(run);
}

static struct ls_penalized activity_of(const struct ls_call *call)
{
    return (struct ls_penalized){.values = call->out[0],
                                 .n = (size_t)(ls_shape_count(&call->shapes->out[0]) * call->rows)};
}

static void forward(struct ls_plan_run *run, const struct ls_call *call, size_t c)
{
    const struct ls_layer *layer = call->layer;
    const struct ls_penalized activity = activity_of(call);
    layer->kind->forward(call);
    if (layer->activity_regularizer && call->phase == ls_plan_points(run->plan, LS_PLAN_FORWARD, c))
        run->penalty += layer->kind->penalty ? layer->kind->penalty(call)
                                             : ls_penalty(layer->activity_regularizer, &activity);
}

/* A view is no work, but its gradient has to come to where its input's is. */
static void layer_backward(const struct ls_bound_call *bound, bool view)
{
    const struct ls_call *call = &bound->call;
    size_t n = (size_t)(ls_shape_count(&call->shapes->in[0]) * call->rows);
    if (!view)
        call->layer->kind->backward(call);
    else if (bound->in_grad[0])
        memcpy(bound->in_grad[0], bound->out_grad[0], n * sizeof(float));
}

/* Gradients of inputs that others read too are added to theirs. */
static void add_gradients(const struct ls_plan_run *run, const struct ls_bound_call *bound,
                          size_t c)
{
    const struct ls_plan *plan = run->plan;
    for (size_t i = 0; i < bound->call.shapes->inputs; i++) {
        struct ls_edge edge = plan->model->call[c].in[i];
        float *sum = ls_plan_place(run, plan->call[edge.call].grad[edge.output]);
        size_t n = (size_t)(ls_shape_count(&bound->call.shapes->in[i]) * run->rows);
        if (plan->call[c].add[i])
            ls_k->add(sum, sum, bound->in_grad[i], n);
    }
}

static void backward(const struct ls_plan_run *run, const struct ls_bound_call *bound, size_t c)
{
    const struct ls_call *call = &bound->call;
    const struct ls_layer *layer = call->layer;
    float *grad = (float *)bound->out_grad[0];
    const struct ls_penalized activity = activity_of(call);
    bool view = run->plan->call[c].view;
    if (run->plan->call[c].from_zero && call->phase == 0)
        ls_k->fill(grad, 0, activity.n);
    if (layer->activity_regularizer && !layer->kind->penalty && call->phase == 0)
        ls_penalty_add_gradient(layer->activity_regularizer, grad, &activity,
                                1.0 / (double)run->global_rows);
    layer_backward(bound, view);
    if (view || call->phase == ls_plan_points(run->plan, LS_PLAN_BACKWARD, c))
        add_gradients(run, bound, c);
}

/* Of outputs that are one tensor. */
static void add_output_gradients(const struct ls_plan_run *run)
{
    const struct ls_plan *plan = run->plan;
    for (size_t o = 0; o < plan->outputs; o++) {
        struct ls_edge edge = plan->output[o];
        const struct ls_shape *shape = &plan->model->call[edge.call].shapes.out[edge.output];
        float *sum = ls_plan_place(run, plan->call[edge.call].grad[edge.output]);
        const float *mine = ls_plan_output_grad(run, o);
        if (mine && mine != sum)
            ls_k->add(sum, sum, mine, (size_t)(ls_shape_count(shape) * run->rows));
    }
}

/* The time since the item before it is this one's. */
static void lap(struct ls_plan_times *times, const struct ls_plan_item *item)
{
    double *sum = &times->loss;
    if (item->action == LS_PLAN_FORWARD)
        sum = &times->call[item->call].forward;
    else if (item->action == LS_PLAN_BACKWARD)
        sum = &times->call[item->call].backward;
    ls_lap(times->watch, sum);
}

struct passing {
    struct ls_plan_run *run;
    const struct ls_plan_item *item;
};

/* An item is through. */
static void pass(struct passing *passing)
{
    struct ls_plan_run *run = passing->run;
    if (run->times)
        lap(run->times, passing->item);
    if (run->passed)
        run->passed(run->user, run, (size_t)(passing->item - run->plan->item) + 1);
}

/* What an item does for the gradient arena is through. */
static void pass_early(void *user)
{
    struct passing *passing = user;
    struct ls_plan_times *times = passing->run->times;
    struct ls_plan_call_time *call = times ? &times->call[passing->item->call] : NULL;
    double before = call ? call->backward : 0;
    pass(passing);
    if (call)
        call->written += call->backward - before;
}

static void execute_item(struct ls_plan_run *run, const struct ls_plan_item *item)
{
    struct ls_bound_call bound;
    struct passing passing = {run, item};
    if (item->action == LS_PLAN_LOSS) {
        ls_pulse_begin(LS_PULSE_WORK, "computing the loss");
        run->loss(run->user, run);
        add_output_gradients(run);
        return;
    }
    if (item->action == LS_PLAN_COUNT) {
        run->count(run->user, run);
        return;
    }
    ls_plan_bind(&bound, run, item);
    bound.call.written = run->passed || run->times ? pass_early : NULL;
    bound.call.written_user = &passing;
    ls_pulse_begin(item->action == LS_PLAN_FORWARD ? LS_PULSE_FORWARD : LS_PULSE_BACKWARD,
                   bound.call.layer->path);
    if (item->action == LS_PLAN_FORWARD)
        forward(run, &bound.call, item->call);
    else
        backward(run, &bound, item->call);
}

/* What a run starts with. */
static void begin(struct ls_plan_run *run)
{
    const struct ls_plan *plan = run->plan;
    run->penalty = 0;
    for (size_t i = 0; run->gradient && i < plan->silences; i++)
        ls_k->fill(run->gradient + plan->silence[i].offset, 0, plan->silence[i].floats);
}

ls_status ls_plan_execute(struct ls_plan_run *run, size_t segment)
{
    const struct ls_plan *plan = run->plan;
    if (segment == 0)
        begin(run);
    if (run->times && segment == 0)
        run->times->rows += run->rows;
    for (size_t i = plan->segment[segment]; i < plan->segment[segment + 1]; i++) {
        execute_item(run, &plan->item[i]);
        pass(&(struct passing){run, &plan->item[i]});
    }
    return ls_kernels_fault();
}

const float *ls_plan_output(const struct ls_plan_run *run, size_t output)
{
    struct ls_edge edge = run->plan->output[output];
    return ls_plan_place(run, run->plan->call[edge.call].value[edge.output]);
}

const float *ls_plan_output_mask(const struct ls_plan_run *run, size_t output)
{
    const struct ls_plan *plan = run->plan;
    const struct ls_edge *mask = ls_model_mask(plan->model, plan->output[output]);
    return mask ? ls_plan_place(run, plan->call[mask->call].value[mask->output]) : NULL;
}

double ls_plan_output_valid(const struct ls_plan_run *run, size_t output)
{
    return run->point[output];
}

float *ls_plan_output_grad(const struct ls_plan_run *run, size_t output)
{
    return ls_plan_place(run, run->plan->output_grad[output]);
}

/* The layer of an item that gave a result which is not finite, or NULL. */
static const struct ls_layer *find_bad_result(struct ls_plan_run *run,
                                              const struct ls_plan_item *item, int64_t *row)
{
    struct ls_bound_call bound;
    if (item->phase < ls_plan_points(run->plan, item->action, item->call))
        return NULL;
    ls_plan_bind(&bound, run, item);
    for (size_t o = 0; o < bound.call.shapes->outputs; o++) {
        int64_t one = ls_shape_count(&bound.call.shapes->out[o]), n = one * run->rows;
        int64_t at = (int64_t)ls_k->find_nonfinite(bound.out[o], (size_t)n);
        *row = at < n ? at / one : 0;
        if (at < n)
            return bound.call.layer;
    }
    return NULL;
}

const struct ls_layer *ls_plan_find_nonfinite(struct ls_plan_run *run, const double *points,
                                              int64_t *row)
{
    const struct ls_plan *plan = run->plan;
    const struct ls_layer *found = NULL;
    for (size_t s = 0; s < plan->segments; s++) {
        for (size_t i = plan->segment[s]; i < plan->segment[s + 1] && !found; i++) {
            if (plan->item[i].action != LS_PLAN_FORWARD)
                return NULL;
            execute_item(run, &plan->item[i]);
            found = find_bad_result(run, &plan->item[i], row);
        }
        if (found)
            return found;
        for (size_t i = 0; i < plan->point[s]; i++)
            run->point[i] = *points++;
    }
    return NULL;
}
