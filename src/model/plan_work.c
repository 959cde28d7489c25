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
