/* Which inputs of a model must be whole numbers. */
#include "model/graph.h"

/* What a tensor is a view of. */
static struct ls_edge origin(const struct ls_model *model, struct ls_edge edge)
{
    while (ls_layer_flags(model->layer[model->call[edge.call].layer]) & LS_LAYER_VIEW)
        edge = model->call[edge.call].in[0];
    return edge;
}

struct ls_integers ls_model_integers(const struct ls_model *model, size_t input)
{
    const struct ls_edge wanted = model->input[input];
    struct ls_integers least = {0};
    for (size_t c = 0; c < model->calls; c++) {
        const struct ls_graph_call *call = &model->call[c];
        const struct ls_layer *layer = model->layer[call->layer];
        const size_t inputs = call->shapes.inputs - call->shapes.masks;
        for (size_t i = 0; layer->kind->integers && i < inputs; i++) {
            struct ls_edge from = origin(model, call->in[i]);
            int64_t count = layer->kind->integers(layer, call->shapes.name_of[i]);
            if (from.call == wanted.call && from.output == wanted.output && count > 0 &&
                (least.count == 0 || count < least.count))
                least = (struct ls_integers){count, layer};
        }
    }
    return least;
}
