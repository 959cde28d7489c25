/* The graph that runs, while it is made: shared by the parts of it. */
#ifndef MODEL_BUILD_H
#define MODEL_BUILD_H

#include "model/append.h"

/* A call to be added. */
struct ls_graph_new {
    struct ls_layer *layer; /* of the model's flat list */
    const struct ls_edge *in;
    size_t inputs;
    const struct ls_use *use; /* whose names and arguments it has; NULL: none */
    bool inference;
};

/* Adds the calls of all uses to a model whose layers are in the flat list, and finds its inputs and
 * outputs among them. */
ls_status ls_graph_add_calls(struct ls_model *model);
/* Adds a call at the end, with its shapes; the layer is built when it is its first. */
ls_status ls_graph_add_call(struct ls_model *model, const struct ls_graph_new *new_call,
                            size_t *call);
/* Finds the mask of a call's first result, adding calls that compute it where masks are merged. */
ls_status ls_graph_mask(struct ls_model *model, size_t call);
/* Makes the masks of a call's inputs its last inputs. Its layer reads masks. */
ls_status ls_graph_read_masks(const struct ls_model *model, struct ls_graph_call *call);
/* LS_BAD_INPUT where a mask that the call reads has not the axes of its input but for the last (of
 * a TimeDistributed whose layer drops one). */
ls_status ls_graph_check_masks(const struct ls_model *model, const struct ls_graph_call *call);

#endif
