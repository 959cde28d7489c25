/* The pointers of a plan's calls, and what the calls keep from run to run. */
#include "base/memory.h"
#include "model/plan_layout.h"

float *ls_plan_place(const struct ls_plan_run *run, int interval)
{
    if (interval == LS_PLAN_NONE)
        return NULL;
    if ((size_t)interval < run->plan->model->inputs)
        return run->input[interval];
    return run->block + run->plan->interval[interval].offset;
}

static void bind_tensors(struct ls_bound_call *bound, const struct ls_plan_run *run, size_t c)
{
    const struct ls_plan *plan = run->plan;
    const struct ls_graph_call *graph = &plan->model->call[c];
    for (size_t i = 0; i < graph->shapes.inputs; i++) {
        struct ls_edge edge = graph->in[i];
        bound->in[i] = ls_plan_place(run, plan->call[edge.call].value[edge.output]);
        bound->in_grad[i] = ls_plan_place(run, plan->call[c].in_grad[i]);
    }
    for (size_t o = 0; o < graph->shapes.outputs; o++) {
        bound->out[o] = ls_plan_place(run, plan->call[c].value[o]);
        bound->out_grad[o] = ls_plan_place(run, plan->call[c].grad[o]);
    }
}

/* Gradients of those that train where the call has a backward pass, and what the others become. */
static bool is_written(const struct ls_plan *plan, size_t call, size_t variable)
{
    const struct ls_layer *layer = ls_plan_layer(plan, call);
    const struct ls_variable *v = &layer->variable[variable];
    return layer->trainable && (v->trainable ? plan->call[call].backward : v->updated);
}

static void bind_weights(struct ls_bound_call *bound, const struct ls_plan_run *run, size_t call)
{
    const struct ls_layer *layer = ls_plan_layer(run->plan, call);
    for (size_t v = 0; v < layer->variables; v++) {
        const struct ls_variable *variable = &layer->variable[v];
        bool written = is_written(run->plan, call, v);
        bound->weight[v] = run->weights + variable->offset;
        bound->weight_grad[v] = run->gradient && written ? run->gradient + variable->offset : NULL;
    }
}

void ls_plan_bind(struct ls_bound_call *bound, const struct ls_plan_run *run,
                  const struct ls_plan_item *item)
{
    const struct ls_plan *plan = run->plan;
    const struct ls_plan_call *mine = &plan->call[item->call];
    const struct ls_graph_call *graph = &plan->model->call[item->call];
    const struct ls_layer *layer = plan->model->layer[graph->layer];
    bind_tensors(bound, run, item->call);
    bind_weights(bound, run, item->call);
    bound->call = (struct ls_call){
        .layer = layer,
        .shapes = &graph->shapes,
        .rows = run->rows,
        .global_rows = run->global_rows,
        .training = ls_plan_trains(plan, item->call),
        .defer_activation = mine->defer,
        .in = bound->in,
        .out = bound->out,
        .out_grad = bound->out_grad,
        .in_grad = bound->in_grad,
        .weight = bound->weight,
        .weight_grad = bound->weight_grad,
        .accumulate = item->action == LS_PLAN_BACKWARD ? mine->again : mine->follows,
        .saved = ls_plan_place(run, mine->saved),
        .work = ls_plan_place(run, plan->work),
        .prepared = ls_plan_prepared(run, item->call),
        .seed = run->seed,
        .epoch = run->epoch,
        .stream = mine->stream,
        .samples = run->samples,
        .phase = item->phase,
        .point = run->point,
    };
}

/* -- what calls keep, for the numbers of rows that came last */

struct set {
    int64_t rows;  /* 0: not made */
    uint64_t used; /* when it was wanted last */
    void **call;   /* one a call; an entry is NULL where it keeps nothing */
};

struct ls_plan_prepared {
    struct set set[LS_PLAN_SIZES];
    uint64_t used;
};

ls_status ls_plan_make_prepared(struct ls_plan_run *run)
{
    LS_TRY(ls_allocate(&run->prepared, 1, sizeof *run->prepared));
    for (size_t s = 0; s < LS_PLAN_SIZES; s++)
        LS_TRY(ls_allocate(&run->prepared->set[s].call, run->plan->calls, sizeof(void *)));
    return LS_OK;
}

static void discard(const struct ls_plan *plan, struct set *set)
{
    set->rows = 0;
    for (size_t c = 0; set->call && c < plan->calls; c++) {
        if (set->call[c])
            ls_plan_layer(plan, c)->kind->discard(set->call[c]);
        set->call[c] = NULL;
    }
}

void ls_plan_forget_prepared(struct ls_plan_run *run)
{
    for (size_t s = 0; run->prepared && s < LS_PLAN_SIZES; s++) {
        discard(run->plan, &run->prepared->set[s]);
        ls_release(run->prepared->set[s].call);
    }
    ls_release(run->prepared);
    run->prepared = NULL;
}

static struct set *find_set(struct ls_plan_prepared *prepared, int64_t rows)
{
    struct set *oldest = &prepared->set[0];
    for (size_t s = 0; s < LS_PLAN_SIZES; s++) {
        struct set *set = &prepared->set[s];
        if (set->rows == rows)
            return set;
        oldest = set->used < oldest->used ? set : oldest;
    }
    return oldest;
}

static bool keeps(const struct ls_plan *plan, size_t call)
{
    return ls_plan_layer(plan, call)->kind->prepare && plan->call[call].needed &&
           !plan->call[call].view;
}

static ls_status fill_set(struct ls_plan_run *run, struct set *set)
{
    const struct ls_plan *plan = run->plan;
    for (size_t c = 0; c < plan->calls; c++) {
        struct ls_bound_call bound;
        const struct ls_layer_kind *kind = ls_plan_layer(plan, c)->kind;
        if (!keeps(plan, c))
            continue;
        ls_plan_bind(&bound, run, &(struct ls_plan_item){LS_PLAN_FORWARD, c, 0});
        LS_TRY(kind->prepare(&bound.call, &set->call[c]));
    }
    set->rows = run->rows;
    return LS_OK;
}

ls_status ls_plan_prepare(struct ls_plan_run *run)
{
    if (!run->prepared || run->rows < 1)
        return LS_OK;
    struct set *set = find_set(run->prepared, run->rows);
    set->used = ++run->prepared->used;
    run->kept = set->call;
    if (set->rows == run->rows)
        return LS_OK;
    discard(run->plan, set);
    ls_status status = fill_set(run, set);
    if (status != LS_OK)
        discard(run->plan, set);
    return status;
}

void *ls_plan_prepared(const struct ls_plan_run *run, size_t call)
{
    return run->kept ? run->kept[call] : NULL;
}

/* -- what that takes */

/* Gradients are wanted where there is a place for them, which has no address yet. */
static ls_status count_call(const struct ls_plan *plan, size_t c, int64_t rows, size_t *bytes)
{
    static float somewhere;
    const struct ls_graph_call *graph = &plan->model->call[c];
    const struct ls_layer *layer = ls_plan_layer(plan, c);
    struct ls_bound_call bound = {0};
    for (size_t i = 0; i < graph->shapes.inputs; i++)
        if (plan->call[c].in_grad[i] != LS_PLAN_NONE)
            bound.in_grad[i] = &somewhere;
    for (size_t v = 0; v < layer->variables; v++)
        if (plan->training && is_written(plan, c, v))
            bound.weight_grad[v] = &somewhere;
    bound.call = (struct ls_call){
        .layer = layer,
        .shapes = &graph->shapes,
        .rows = rows,
        .training = ls_plan_trains(plan, c),
        .in = bound.in,
        .out = bound.out,
        .out_grad = bound.out_grad,
        .in_grad = bound.in_grad,
        .weight = bound.weight,
        .weight_grad = bound.weight_grad,
    };
    return layer->kind->prepared_bytes(&bound.call, bytes);
}

ls_status ls_plan_prepared_bytes(const struct ls_plan *plan, int64_t rows, size_t *bytes)
{
    *bytes = 0;
    for (size_t c = 0; rows > 0 && c < plan->calls; c++) {
        size_t here = 0;
        if (keeps(plan, c) && ls_plan_layer(plan, c)->kind->prepared_bytes)
            LS_TRY(count_call(plan, c, rows, &here));
        *bytes += here;
    }
    return LS_OK;
}
