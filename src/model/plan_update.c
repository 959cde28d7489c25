/* Variables that do not train but change in training: which layers have some, which calls say what
 * they become, and their update after a step. */
#include "base/memory.h"
#include "model/plan_layout.h"

/* Numbers the calls of a layer that train; every one but the first follows another. */
static size_t count_calls(struct ls_plan *plan, size_t layer)
{
    size_t count = 0;
    for (size_t c = 0; c < plan->calls; c++)
        if (plan->model->call[c].layer == layer && plan->call[c].needed && ls_plan_trains(plan, c))
            plan->call[c].follows = count++ > 0;
    return count;
}

ls_status ls_plan_find_updates(struct ls_plan *plan)
{
    const struct ls_model *model = plan->model;
    LS_TRY(ls_allocate(&plan->update, model->layers + 1, sizeof *plan->update));
    for (size_t l = 0; plan->training && l < model->layers; l++) {
        const struct ls_layer *layer = model->layer[l];
        if (layer->kind->update && layer->trainable)
            plan->update[plan->updates++] = (struct ls_plan_update){layer, count_calls(plan, l)};
    }
    return LS_OK;
}

void ls_plan_update(const struct ls_plan *plan, float *weights, const float *sum)
{
    for (size_t u = 0; u < plan->updates; u++) {
        const struct ls_layer *layer = plan->update[u].layer;
        float *weight[LS_VARIABLES_MAX];
        const float *summed[LS_VARIABLES_MAX];
        for (size_t v = 0; v < layer->variables; v++) {
            weight[v] = weights + layer->variable[v].offset;
            summed[v] = sum + layer->variable[v].offset;
        }
        if (plan->update[u].calls > 0)
            layer->kind->update(layer, weight, summed, plan->update[u].calls);
    }
}
