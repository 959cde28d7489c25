/* What a plan's calls compute, for profiles. */
#include "model/plan_layout.h"

size_t ls_plan_calls(const struct ls_plan *plan)
{
    return plan->calls;
}

static bool gives_gradient(const struct ls_plan *plan, size_t call)
{
    for (size_t i = 0; i < plan->model->call[call].shapes.inputs; i++)
        if (plan->call[call].in_grad[i] != LS_PLAN_NONE)
            return true;
    return false;
}

static void count_calls(const struct ls_plan *plan, size_t call, struct ls_plan_work *work)
{
    for (size_t c = 0; c < plan->calls; c++) {
        work->of += ls_plan_layer(plan, c) == work->layer;
        work->number += ls_plan_layer(plan, c) == work->layer && c <= call;
    }
}

bool ls_plan_work_of(const struct ls_plan *plan, size_t call, struct ls_plan_work *work)
{
    const struct ls_layer *layer = ls_plan_layer(plan, call);
    struct ls_call_flops flops = {0};
    bool forward = ls_plan_runs_forward(plan, call), backward = ls_plan_runs_backward(plan, call);
    *work = (struct ls_plan_work){.layer = layer};
    if (!forward && !backward)
        return false;
    count_calls(plan, call, work);
    if (layer->kind->flops && !plan->call[call].view)
        layer->kind->flops(layer, &plan->model->call[call].shapes, &flops);
    work->forward_flops = flops.forward;
    if (backward && gives_gradient(plan, call))
        work->backward_flops += flops.to_data;
    if (backward && ls_layer_has_trainable(layer))
        work->backward_flops += flops.to_weights;
    return true;
}

/* Of an item, all or until it has written gradients; of the loss and the count before it half each.
 */
static double item_seconds(const struct ls_plan *plan, const struct ls_plan_times *times,
                           size_t index, bool early)
{
    const struct ls_plan_item *item = &plan->item[index];
    const struct ls_plan_call_time *call = times->call + item->call;
    if (item->action == LS_PLAN_LOSS || item->action == LS_PLAN_COUNT)
        return times->loss / (plan->count ? 2 : 1);
    double all = call->backward;
    if (item->action == LS_PLAN_FORWARD)
        all = call->forward;
    else if (early && call->written > 0)
        all = call->written;
    return all / (double)(ls_plan_points(plan, item->action, item->call) + 1);
}

double ls_plan_seconds(const struct ls_plan *plan, const struct ls_plan_times *times, size_t items)
{
    double seconds = 0;
    for (size_t i = 0; i < items && i < plan->items; i++)
        seconds += item_seconds(plan, times, i, i + 1 == items);
    return seconds;
}
