/* When a pass has done with an element of the gradient arena. */
#include "model/plan_layout.h"

/* A variable that trains is written by the backward passes of its layer's calls, one that is
 * updated by the forward passes. */
static size_t final_of(const struct ls_plan *plan, const struct ls_layer *layer,
                       const struct ls_variable *variable)
{
    enum ls_plan_action action = variable->trainable ? LS_PLAN_BACKWARD : LS_PLAN_FORWARD;
    size_t last = 0;

    for (size_t i = 0; i < plan->items; i++)
        if (plan->item[i].action == action && ls_plan_layer(plan, plan->item[i].call) == layer)
            last = i + 1;
    return last;
}

size_t ls_plan_final(const struct ls_plan *plan, size_t begin, size_t end)
{
    size_t last = 0;

    for (size_t l = 0; l < plan->model->layers; l++) {
        const struct ls_layer *layer = plan->model->layer[l];
        for (size_t v = 0; v < layer->variables; v++) {
            const struct ls_variable *variable = &layer->variable[v];
            size_t first = variable->offset, count = ls_variable_count(variable);
            if (first >= end || first + count <= begin)
                continue;
            size_t mine = final_of(plan, layer, variable);
            last = mine > last ? mine : last;
        }
    }
    return last;
}
