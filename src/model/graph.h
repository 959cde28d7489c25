/* A model: layers, the graph of their calls, variables and their places in the arenas. */
#ifndef MODEL_GRAPH_H
#define MODEL_GRAPH_H

#include "base/memory.h"
#include "base/tree.h"
#include "layer/layer.h"
#include "lockstep/model.h"

/* A tensor: the result `output` of call `call`. Model inputs are results of calls of InputLayers.
 */
struct ls_edge {
    size_t call, output;
};

/* One call of a layer in the graph that runs. */
struct ls_graph_call {
    size_t layer; /* index in layers */
    struct ls_edge in[LS_TENSORS_MAX];
    bool inference; /* its layer is not training, whatever the plan is */
    bool masked;    /* its first result has a mask: a result of a call, one number a position */
    struct ls_edge mask;
    struct ls_call_shapes shapes; /* with the inputs' count */
    struct ls_call_needs needs;
};

/* -- a model as it is described: parts, and uses of them ------------------------------------------
 */

/* What a model is made of: a layer, or another model in a layer's place. */
struct ls_part {
    struct ls_layer *layer; /* or */
    struct ls_model *model; /* owned either way */
};

/* One use of a part: what a Keras "node" is. An edge {u, o} is result o of use u. */
struct ls_use {
    size_t part;
    size_t nth; /* of this part's uses, from 0 */
    size_t inputs;
    struct ls_edge in[LS_TENSORS_MAX];
    size_t named;                    /* of the inputs: the last ones are given by name */
    uint8_t name_of[LS_TENSORS_MAX]; /* of these: which of the kind's input_names */
    struct ls_instance arguments; /* of the kind's `arguments`, owned; kind NULL until the model is
                                     built where none were given */
    bool inference;               /* called with training false: Dropout and the like do nothing */
    char *name; /* owned: what the run file's `from` calls its result, `as` or the layer's name;
                   NULL: none */
    struct ls_shape *out; /* its results' shapes, set by ls_model_build of the outermost model; */
    struct ls_edge
        *made; /* and the results in the graph that runs, of the last of its calls there */
    size_t outputs;
    const struct ls_tree *place; /* its entry in the run file, for messages; or NULL */
};

/* More parts, uses or calls are refused: some of what is done with a graph takes the square of
 * their number, and nested models that call nested models twice have more calls than any memory
 * holds. */
enum { LS_LAYERS_MAX = 10000 };

/* How Keras takes the inputs and gives the outputs of a model: a tensor, a list, or a dictionary
 * with the names of inputs and outputs as keys. */
enum ls_structure { LS_STRUCTURE_ONE, LS_STRUCTURE_LIST, LS_STRUCTURE_DICTIONARY };

struct ls_model {
    char *name;
    bool sequential;      /* as Keras saves it: parts in a row */
    bool trainable;       /* a nested model that is not freezes its layers */
    bool nested;          /* a program made it a part of another model, which owns it */
    struct ls_part *part; /* in Keras' order once built: inputs first, by depth */
    size_t parts;
    struct ls_use *use; /* in an order in which they can run */
    size_t uses;
    struct ls_edge *given, *result; /* inputs and outputs, as results of uses */
    size_t inputs, outputs;
    enum ls_structure input_structure, output_structure;
    char **input_name, **output_name; /* the run file's names: the layer's, or `as` */

    /* -- as it runs: nested models taken apart, set by ls_model_build of the outermost model */
    struct ls_layer **layer; /* of all parts, in Keras' order; the parts own them */
    size_t layers;
    size_t hidden;              /* the last of them, which are of no part and compute masks */
    struct ls_graph_call *call; /* in an order in which they can run */
    size_t calls;
    struct ls_edge *input, *output; /* results of calls; inputs and outputs of them */

    bool ordered; /* the parts are in Keras' order */
    bool copied;  /* of a model that was built: what there was to warn of was said then */
    bool built;
    bool initialized;           /* the weights have values */
    size_t trainable_floats;    /* the arena's first part: optimizer slots have this size */
    size_t gradient_floats;     /* the arena's first two parts: the size of gradients */
    size_t floats;              /* the whole arena: what trains, what is updated, the rest */
    float *weights;             /* the arena, LS_ALIGNMENT; each variable begins aligned; the
                                   gaps are zero and stay zero; NULL until ls_model_make_weights */
    float *kept;                /* the arena of before the model was taken apart, in which values
                                   of variables lie until the next one is made; or NULL */
    float *penalty_room;        /* of the regularizers, one variable at a time; NULL: none */
    struct ls_tree *compile;    /* `compile` of the run file or the Keras file, or NULL */
    struct ls_tree *source;     /* the tree that the layers' places point into, or NULL */
    struct ls_trained *trained; /* NULL: the next training begins with a new optimizer */
};

/* Frees what a use owns. */
void ls_use_release(struct ls_use *use);

/* The mask of a result of a call; NULL: it has none. */
static inline const struct ls_edge *ls_model_mask(const struct ls_model *model, struct ls_edge edge)
{
    const struct ls_graph_call *call = &model->call[edge.call];
    return call->masked && edge.output == 0 ? &call->mask : NULL;
}

/* The name of a part: its layer's or its model's. */
static inline const char *ls_part_name(const struct ls_part *part)
{
    return part->layer ? part->layer->name : part->model->name;
}
/* How many of the model's layers a part is: they follow each other in `layer`, part after part. */
size_t ls_part_layers(const struct ls_part *part);
/* The class that Keras calls it: its kind, "Sequential" or "Functional". */
const char *ls_part_class(const struct ls_part *part);

/* The optimizer's state that a training left in the model, or a file: the next training goes on
 * with it. */
enum { LS_TRAINED_SLOTS_MAX = 8 };
struct ls_trained {
    char *slot_name[LS_TRAINED_SLOTS_MAX];
    float *slot[LS_TRAINED_SLOTS_MAX]; /* arenas of trainable_floats */
    size_t slots;
    int64_t iteration; /* steps done */
    char *refused;     /* why the file's state was not taken, or NULL */
};
void ls_trained_free(struct ls_trained *trained);

/* The variables in arena order (trainable ones of all layers, those that are updated, then the
 * others), for array code that must go by variable. */
struct ls_variable_at {
    struct ls_layer *layer;
    struct ls_variable *variable;
    bool trainable;  /* by itself and by its layer */
    uint32_t number; /* in the model's order: keys its initial values */
};
size_t ls_model_variables(const struct ls_model *model); /* how many */
struct ls_variable_at ls_model_variable(const struct ls_model *model, size_t index);
size_t ls_variable_count(const struct ls_variable *variable);
/* A weight, as its regularizer takes it: one at a time, since they share the room. */
size_t ls_model_penalty_room(const struct ls_model *model); /* floats */
ls_status ls_model_make_penalty_room(struct ls_model *model);
struct ls_penalized ls_model_penalized(const struct ls_model *model,
                                       const struct ls_variable *variable);

/* From the run file's `model:` (a list of layers, or a map), complete but without values. The
 * layers' places point into the tree, which must outlive the model. */
ls_status ls_model_from_tree(struct ls_model **model, const struct ls_tree *tree);
/* Who opens the files that nested models are in (`Model: {file: base.keras}`): gives a complete
 * model, with weights where the file has some. */
struct ls_model_files {
    ls_status (*open)(void *user, const char *path, struct ls_model **model);
    void *user;
};
/* Whether an entry of `layers` of this name is a model: "Model", or what Keras calls it. */
bool ls_part_is_model(const char *name);
ls_status ls_model_parse(struct ls_model **model, const struct ls_tree *tree,
                         const struct ls_model_files *files);
/* From Keras' JSON (model_config, to_json) as a tree. */
ls_status ls_model_from_keras(struct ls_model **model, const struct ls_tree *config);
/* The same of what ls_model_to_keras made of a model here: nothing is warned of again. */
ls_status ls_model_from_copy(struct ls_model **model, const struct ls_tree *config);
/* Keras' config: {"class_name": "Sequential" or "Functional", "config": {...}}, a new tree, in the
 * dialect that all of Keras 3 reads (and Keras 2, where it has the options; but for models that
 * hold models). The model is built. */
ls_status ls_model_to_keras(const struct ls_model *model, struct ls_tree **config);
/* The same with all calls as Keras 3 alone writes them, the only ones that TensorBoard reads. */
ls_status ls_model_to_keras_nodes(const struct ls_model *model, struct ls_tree **config);
/* Keras' path of a variable ("sequential/dense/kernel"), in new memory. */
ls_status ls_keras_variable_path(char **path, const struct ls_model *model,
                                 const struct ls_layer *layer, const struct ls_variable *variable);

/* LS_USAGE for a model that is a part of another: its layers are laid out as that one's. */
ls_status ls_model_check_own(const struct ls_model *model);
/* Shapes, variables and their places in the arenas, which are not made: no more memory than the
 * description takes, whatever the model's size. Idempotent. */
ls_status ls_model_build(struct ls_model *model);
/* Builds the model, and makes the arena of weights: zero, but for what nested models came with.
 * Idempotent. LS_BAD_INPUT where there is less memory than it takes. */
ls_status ls_model_make_weights(struct ls_model *model);
/* Floats of an arena of weights, with what reading it in whole vectors takes behind it. */
static inline size_t ls_model_arena_floats(const struct ls_model *model)
{
    return model->floats + LS_ALIGNMENT_FLOATS;
}
/* The weights, where there are any, go into an arena of zeros that is another's, until it gives
 * them back in memory of the model's own (NULL: they are lost). `fill`: of several models that have
 * the arena in common this is the one that fills it. The model is built. */
ls_status ls_model_lend_weights(struct ls_model *model, float *arena, bool fill);
void ls_model_return_weights(struct ls_model *model, float *own);
/* Back to the description: the graph goes, values of weights stay with their variables until the
 * model is built again, or one that it is a part of. */
void ls_model_unbuild(struct ls_model *model);
/* Ends the model at the layer (or nested model) of this name: its result is the only output, and
 * what does not lead there goes. LS_BAD_INPUT where there is no such layer. */
ls_status ls_model_cut(struct ls_model *model, const char *layer);
/* Puts the parts of a Functional model in Keras' order, which the order of its weights in files
 * hangs on (model/order.c); LS_BAD_INPUT for a part that leads to no output. Idempotent. */
ls_status ls_model_order(struct ls_model *model);
/* Where an output stands among the model's outputs in Keras, which takes those of a dictionary in
 * the order of their names. */
size_t ls_model_output_rank(const struct ls_model *model, size_t output);
/* The edge that was made with this tensor, as Keras has it: behind it are layers that give what
 * they get (Identity). */
struct ls_edge ls_model_maker(const struct ls_model *model, struct ls_edge edge);
/* Whether nobody but the model's user reads this output, or what was its maker: no other call, no
 * other output. */
bool ls_model_output_is_last(const struct ls_model *model, size_t output);
/* What a layer asks of an input of the model that it reads as it is, or through views: whole
 * numbers in [0, count). Of several layers the one with the smallest count; count 0: none asks. */
struct ls_integers {
    int64_t count;
    const struct ls_layer *layer;
};
struct ls_integers ls_model_integers(const struct ls_model *model, size_t input);
/* Initial weights: a function of the seed alone, but for those that the run file sets by hand. */
ls_status ls_model_initialize(struct ls_model *model, uint64_t seed);
/* Whether the run file that the model is of gives all weights: by hand, or by the files of nested
 * models. The model is built. */
bool ls_model_is_given(const struct ls_model *model);

#endif
