/* A model: layers, the graph of their calls, variables and their places in the arenas. */
#ifndef MODEL_GRAPH_H
#define MODEL_GRAPH_H

#include "base/tree.h"
#include "layer/layer.h"
#include "lockstep/model.h"

/* A tensor: the result `output` of call `call`. Model inputs are results of calls of InputLayers.
 */
struct ls_edge {
    size_t call, output;
};

struct ls_graph_call {
    size_t layer; /* index in layers */
    size_t nth;   /* of this layer's calls, from 0 */
    struct ls_edge in[LS_TENSORS_MAX];
    struct ls_call_shapes shapes; /* with the inputs' count */
    struct ls_call_needs needs;
};

struct ls_model {
    char *name;
    bool sequential;         /* as Keras saves it */
    struct ls_layer **layer; /* in the model's order, InputLayers first */
    size_t layers;
    struct ls_graph_call *call; /* in an order in which they can run */
    size_t calls;
    struct ls_edge *input, *output;
    size_t inputs, outputs;
    char **output_name; /* the run file's names: the layer's, or `as` */

    /* set by ls_model_build */
    bool built;
    bool initialized;        /* the weights have values */
    size_t trainable_floats; /* the arena's first part: gradients and slots have this size */
    size_t floats;           /* the whole arena: trainable, then the rest */
    float *weights;          /* the arena, LS_ALIGNMENT; each variable begins aligned; the
                                gaps are zero and stay zero */
    struct ls_tree *compile; /* `compile` of the run file or the Keras file, or NULL */
    struct ls_tree *source;  /* the tree that the layers' places point into, or NULL */
};

/* The variables in arena order (trainable ones of all layers, then the others), for array code that
 * must go by variable. */
struct ls_variable_at {
    struct ls_layer *layer;
    struct ls_variable *variable;
    bool trainable;  /* by itself and by its layer */
    uint32_t number; /* in the model's order: keys its initial values */
};
size_t ls_model_variables(const struct ls_model *model); /* how many */
struct ls_variable_at ls_model_variable(const struct ls_model *model, size_t index);
size_t ls_variable_count(const struct ls_variable *variable);

/* From the run file's `model:` (a list of layers, or a map), complete but without values. The
 * layers' places point into the tree, which must outlive the model. */
ls_status ls_model_from_tree(struct ls_model **model, const struct ls_tree *tree);
/* From Keras' JSON (model_config, to_json) as a tree. */
ls_status ls_model_from_keras(struct ls_model **model, const struct ls_tree *config);
/* Keras' config: {"class_name": "Sequential", "config": {...}}, a new tree, in the dialect that all
 * of Keras 3 reads (and Keras 2, where it has the options). The model is built. */
ls_status ls_model_to_keras(const struct ls_model *model, struct ls_tree **config);

/* Shapes, variables, arena. Does not fill the weights. Idempotent. */
ls_status ls_model_build(struct ls_model *model);
/* Initial weights: a function of the seed alone. */
ls_status ls_model_initialize(struct ls_model *model, uint64_t seed);

#endif
