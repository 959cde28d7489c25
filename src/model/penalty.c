/* Weights as their regularizers take them. */
#include "base/memory.h"
#include "model/graph.h"

size_t ls_model_penalty_room(const struct ls_model *model)
{
    size_t most = 0;
    for (size_t l = 0; l < model->layers; l++) {
        const struct ls_layer *layer = model->layer[l];
        for (size_t v = 0; v < layer->variables; v++) {
            const struct ls_variable *variable = &layer->variable[v];
            size_t room = ls_penalty_room(variable->regularizer, &variable->shape);
            most = room > most ? room : most;
        }
    }
    return most;
}

ls_status ls_model_make_penalty_room(struct ls_model *model)
{
    size_t floats = ls_model_penalty_room(model);
    return floats && !model->penalty_room ? ls_allocate(&model->penalty_room, floats, sizeof(float))
                                          : LS_OK;
}

struct ls_penalized ls_model_penalized(const struct ls_model *model,
                                       const struct ls_variable *variable)
{
    return (struct ls_penalized){.values = model->weights + variable->offset,
                                 .n = ls_variable_count(variable),
                                 .shape = &variable->shape,
                                 .room = model->penalty_room};
}
