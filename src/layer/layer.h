/* What a kind of layer is. One file a family; each ends in one table per kind; layer/registry.c has
 * one row for it. layer/dense.c is the one to copy.
 *
 * A layer is created once with its options; `build` declares its variables from the input shapes of
 * its first call. Each call of it in the graph (a shared layer has several) gets its shapes from
 * `shape`. A layer knows no rank, no batch position and no optimizer: it computes on the rows of
 * one replica's slice. */
#ifndef LAYER_LAYER_H
#define LAYER_LAYER_H

#include "base/custom.h"
#include "base/kind.h"
#include "base/random.h"
#include "base/shape.h"
#include "kernel/activation.h"

/* A weight. Its place in the arenas is the model's business. */
struct ls_variable {
    const char *name;   /* "kernel": Keras' variable name; of a layer that is an option of this
                           one: "dense/kernel", "forward_lstm/lstm_cell/kernel" */
    const char *within; /* "lstm_cell": the layer in the layer that Keras' .h5 files name it after;
                           NULL: none */
    const char *group;  /* "cell", "layer/cell": the attributes of the layer that lead to who has
                           it, as Keras' archives name them; NULL: the layer has it */
    struct ls_shape shape; /* its whole shape; rank 0: a scalar */
    uint8_t inputs;        /* axes, the first ones, that make the fan in of initializers by fans,
                              the others the fan out; 0: they find these by the shape */
    bool trainable;        /* by its nature (the layer's `trainable` comes on top) */
    bool updated;          /* does not train, but changes in training by its kind's `update` (moving
                              statistics) */
    const struct ls_instance *initializer; /* of ls_initializers; the layer's option; NULL: zeros */
    const struct ls_instance *regularizer; /* of ls_regularizers; NULL or kind NULL: none */
    const struct ls_instance *constraint;  /* of ls_constraints; NULL or kind NULL: none */
    size_t offset;                         /* in floats, in the weights arena (set by the model) */
    const float *values; /* that it came with, in a nested model that was trained; NULL: none */
};

enum { LS_VARIABLES_MAX = 10, LS_TENSORS_MAX = 32 };

enum { LS_INTEGERS_MAX = 1 << 24 }; /* float32 tells all whole numbers below it apart */

struct ls_layer {
    const struct ls_layer_kind *kind;
    void *options; /* the kind's option struct */
    char *name;    /* unique in its model */
    char *path;    /* "inner/dense": unique in the outermost model; set when that is built */
    bool trainable;
    const struct ls_tree *place; /* where it stands in the run file, for messages; or NULL */
    struct ls_tree *own_place;   /* the same tree where the layer owns it, else NULL */
    uint32_t number;             /* in the outermost model, from 0 (set when that is built) */

    /* set by build */
    bool built;
    struct ls_variable variable[LS_VARIABLES_MAX];
    size_t variables;
    void *state; /* the kind's own, from ls_allocate, freed by ls_layer_forget */

    /* A layer that ends in an activation function has it here (set by build), so that a loss can
     * take the logits: when the plan defers it, forward leaves it out and backward starts before
     * it. */
    bool has_activation;
    struct ls_activation activation;

    /* Penalizes out[0] of every call, its sum divided by the rows of the batch; set by build,
     * applied by the plan, which asks for it after the forward pass. NULL: none. */
    const struct ls_instance *activity_regularizer;
};

/* The shapes of one call, and what it is called with besides. The masks of its inputs, where its
 * layer reads masks (LS_LAYER_READS_MASK), are its last inputs: one number, 1 or 0, for each
 * position that the mask covers. */
struct ls_call_shapes {
    size_t inputs, outputs;
    const void *arguments;           /* the kind's `arguments`, or NULL where it has none */
    uint8_t name_of[LS_TENSORS_MAX]; /* by input that is no mask: which of the kind's input_names */
    size_t masks;                    /* of the inputs: the last ones */
    uint8_t mask_of[LS_TENSORS_MAX]; /* by input: the index in `in` of its mask; 0: it has none */
    struct ls_shape in[LS_TENSORS_MAX], out[LS_TENSORS_MAX];
};

/* What the plan gives a call besides tensors; set by `shape`, in bytes for `rows` samples:
 * saved_floats (fixed) + saved_floats_per_row of memory that stays from forward to backward, and
 * work_floats (fixed) + work_floats_per_row that it may scribble in during one forward or backward.
 */
struct ls_call_needs {
    size_t saved_floats_per_row, work_floats_per_row, work_floats, saved_floats;
};

/* Floating point operations of a call for one sample, for profiles: those of the products that it
 * is made of (a multiplication and an addition are two), not of what is done to single elements.
 * Backward in two parts, as a call may be spared one of them: the inputs' gradient, the weights'
 * (and what is done for either).
 */
struct ls_call_flops {
    double forward, to_data, to_weights;
};

/* One execution: rows of one replica. Tensors are [rows][shape]. */
struct ls_call {
    const struct ls_layer *layer;
    const struct ls_call_shapes *shapes;
    int64_t rows;        /* may be 0 */
    int64_t global_rows; /* of the batch, all replicas together, where it is training */
    bool training;
    bool defer_activation; /* see struct ls_layer */
    const float *const *in;
    float *const *out;            /* forward writes; backward reads */
    const float *const *out_grad; /* an entry is NULL when nobody reads that result: it is 0 */
    float *const *in_grad;        /* backward writes; an entry is NULL when nobody wants it */
    const float *const *weight;   /* one per variable */
    float *const *weight_grad;    /* backward writes, or adds when accumulate; NULL where the
                                     variable is not trainable. Of a variable that is updated:
                                     what forward leaves for `update` */
    bool accumulate;              /* an earlier call of the layer wrote weight_grad already: in
                                     backward one that comes later in the graph */
    float *saved, *work;
    void *prepared; /* what the kind's `prepare` made for this number of rows; or NULL */
    uint64_t seed;  /* of the run */
    uint32_t epoch;
    uint32_t stream;        /* number of this call in the graph */
    const int64_t *samples; /* rows: the sample's index in the data set */
    size_t phase;           /* 0 .. points; a phase ends at a cross-replica point; there are
                               points in training only: else phase 0 is all */
    double *point;          /* in phase p: written; in phase p + 1: the sum over replicas */
    /* Where not NULL, what backward may call as soon as weight_grad is written, before it turns to
     * in_grad: the gradients are sent on meanwhile. A layer within a layer has none. */
    void (*written)(void *user);
    void *written_user;
};

enum ls_layer_flags {
    LS_LAYER_VIEW = 1,        /* out is in with another shape: forward and backward do nothing, the
                                 plan lets both be the same memory (Flatten, Reshape, Identity) */
    LS_LAYER_IN_PLACE = 2,    /* out may be the memory of in[0], in_grad[0] that of out_grad */
    LS_LAYER_READS_IN = 4,    /* backward reads in */
    LS_LAYER_READS_OUT = 8,   /* backward reads out */
    LS_LAYER_TRAINING = 16,   /* does something in training only: else it is a view (Dropout) */
    LS_LAYER_INPUT = 32,      /* InputLayer */
    LS_LAYER_MAKES_MASK = 64, /* its last output is a mask for the graph, 1 or 0 for each position
                                 of the one before without the last axis; no result for users, and
                                 no gradient: its out_grad is NULL */
    LS_LAYER_PASSES_MASK = 128,   /* the mask of its input goes on with its result: where Keras has
                                     supports_masking (and compute_mask returns one: not Dot) */
    LS_LAYER_REFUSES_MASKS = 256, /* computes something else where its inputs are masked */
    LS_LAYER_READS_MASK = 512,    /* gets the masks of its inputs, with all axes of these but the
                                     last, as its last inputs; backward may read them. With
                                     PASSES_MASK its first result has the mask of its first input
                                     (the first of input_names), else it has none */
    LS_LAYER_STATES = 1024, /* the inputs behind the first are one argument of Keras' call, the
                               list initial_state; with them a call gets no masks */
    LS_LAYER_FROZEN_INFERS = 2048, /* a layer whose `trainable` is false is not training */
    LS_LAYER_SAYS_TRAINING = 4096, /* Keras' call has training=True as its default and its configs
                                      say so, which means no more than in other layers */
    LS_LAYER_SAME = 8192, /* a view that Keras' call returns its input for: whose result that is, is
                             seen through it */
};

/* What a layer that is adapted adds up: `doubles` of sums for a built layer (0: it needs none, as
 * its weights were given); `add` adds rows of its input, which has this shape; `finish` writes the
 * weights (one pointer a variable, as struct ls_call's) from the sums over all rows. */
struct ls_layer_adapter {
    size_t (*doubles)(const struct ls_layer *layer);
    void (*add)(const struct ls_layer *layer, double *sums, const float *in, int64_t rows,
                const struct ls_shape *shape);
    ls_status (*finish)(const struct ls_layer *layer, const double *sums, float *const *weight);
};

struct ls_layer_kind {
    struct ls_kind kind;
    unsigned flags;                                     /* of every layer of the kind, or */
    unsigned (*flags_of)(const struct ls_layer *layer); /* where they depend on the options */
    /* How many inputs a call has; 0 and 0: one (InputLayer: none). Some number that differs: it
     * merges them. */
    size_t least_inputs, most_inputs;
    /* Where an input holds the numbers of things, as an Embedding's ids: how many things there are,
     * LS_INTEGERS_MAX at most; 0: any numbers. NULL: any, in all inputs. `input` counts in the
     * order of input_names, where the kind has them. An input of the model that
     * comes to such a layer as it is, or through views, is checked by whoever reads it (the loader,
     * ls_model_predict_all): whole numbers in [0, count), else the sample is refused. What layers
     * compute is not: there the layer meets any float, and must stay within its memory; NaN gives
     * NaN, as in every layer. */
    int64_t (*integers)(const struct ls_layer *layer, size_t input);
    /* The names of the inputs, where Keras' call has an argument for each, NULL at the end; NULL:
     * it has one for all of them. A call gives the first most_inputs in this order or by their
     * names, the others by their names alone; the first least_inputs are never missing. */
    const char *const *input_names;
    /* The other arguments of a call ({use_causal_mask: true}), as options; NULL: none. */
    const struct ls_kind *arguments;
    /* Declares variables and state; in place errors use layer->place. NULL: nothing to build. */
    ls_status (*build)(struct ls_layer *layer, const struct ls_call_shapes *shapes);
    /* Releases what `state` (which is not NULL) points to, before it is freed. NULL: nothing. */
    void (*release)(struct ls_layer *layer);
    /* From shapes->in (and inputs) to shapes->out (and outputs); checks them. `needs` is zeroed
     * before. NULL: one input, one output of the same shape. */
    ls_status (*shape)(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                       struct ls_call_needs *needs);
    void (*forward)(const struct ls_call *call);
    void (*backward)(const struct ls_call *call);
    /* Of a kind that sets activity_regularizer for something else than out[0]: the penalty, after
     * forward; backward adds its gradient, divided by call->global_rows. NULL: it is out[0]'s. */
    double (*penalty)(const struct ls_call *call);
    /* What a call keeps from run to run for one number of rows (a library's primitives), made
     * before the first run that has so many, and released by `discard`. Asked with the call as it
     * will run (its pointers say what is wanted; their numbers do not count yet). NULL: nothing. */
    ls_status (*prepare)(const struct ls_call *call, void **prepared);
    void (*discard)(void *prepared);
    /* The bytes that `prepare` would take. NULL: next to none. */
    ls_status (*prepared_bytes)(const struct ls_call *call, size_t *bytes);
    /* What a call of these shapes computes; `flops` is zeroed before. NULL: it is not counted. */
    void (*flops)(const struct ls_layer *layer, const struct ls_call_shapes *shapes,
                  struct ls_call_flops *flops);
    /* Of a kind that passes masks and merges inputs: the axis (the samples are axis 0) along which
     * the inputs' masks are joined as they are; -1: what is masked in all inputs is masked. NULL:
     * -1. */
    int (*mask_axis)(const struct ls_layer *layer, const struct ls_call_shapes *shapes);
    size_t forward_points, backward_points; /* cross-replica points; and doubles at each: */
    size_t (*point_doubles)(const struct ls_layer *layer, const struct ls_call_shapes *shapes);
    /* After the step, once for all who have these weights: new values of the updated variables (one
     * pointer a variable, the others count for nothing) from what the `calls` calls of the layer
     * that trained left in weight_grad, summed over the replicas. NULL: the kind has none. */
    void (*update)(const struct ls_layer *layer, float *const *weight, const float *const *sum,
                   size_t calls);
    /* Learning weights from the data before the first step (Normalization without a mean), by sums
     * that add up over rows, replicas and ranks. NULL: the kind has nothing to adapt; use
     * ls_layer_needs_adapt and so on. */
    const struct ls_layer_adapter *adapter;
    /* Makes the option table's keys of what else Keras writes (InputLayer's batch_shape), in place,
     * before a Keras config is parsed. NULL: nothing to do. */
    ls_status (*read)(struct ls_tree *config);
    /* Completes the Keras config, in which the option table's values stand already: adds or changes
     * keys. The layer is built. NULL: nothing to do. */
    ls_status (*write)(const struct ls_layer *layer, struct ls_tree *config);
    /* Option values that only the registry-wide tests need: YAML maps that together exercise every
     * option, and the input shape for them ("[3]" or "[4, 3]"), or a list of the shapes of several
     * inputs ("[[3], [2, 3]]"); an input of a kind that reads masks may have one ("{masked: [4,
     * 3]}", also in the list), the last ones may be given by name ("{attention_mask: [4]}"), and
     * behind them the call's other arguments ("{call: {use_causal_mask: true}}"); ends with {NULL}.
     */
    const struct ls_layer_example {
        const char *options, *input;
        double scale; /* inputs are drawn from [-scale, scale]; 0: 1 */
    } * examples;
};

extern const struct ls_registry ls_layers;

/* A layer of a plugin as a kind, in new memory, freed with ls_custom_free (base/custom.h). */
ls_status ls_layer_custom(const struct ls_kind **kind, const struct ls_custom_layer *custom);

static inline const struct ls_layer_kind *ls_layer_kind_of(const struct ls_kind *kind)
{
    return (const struct ls_layer_kind *)kind; /* kind is its first member */
}

/* Doubles of sums that a built layer must be adapted with before the first step; 0: none. */
static inline size_t ls_layer_needs_adapt(const struct ls_layer *layer)
{
    return layer->kind->adapter ? layer->kind->adapter->doubles(layer) : 0;
}

/* LS_LAYER_* flags of a layer with its options. */
static inline unsigned ls_layer_flags(const struct ls_layer *layer)
{
    return layer->kind->flags_of ? layer->kind->flags_of(layer) : layer->kind->flags;
}

/* Whether calls of the kind may have one input: it can stand in a Sequential model. */
static inline bool ls_layer_takes_one_input(const struct ls_layer_kind *kind)
{
    return kind->least_inputs <= 1 && !(kind->flags & LS_LAYER_INPUT);
}

/* Frees what `build` made. */
void ls_layer_forget(struct ls_layer *layer);

/* LS_BAD_INPUT where the kind takes fewer or more inputs; never more than LS_TENSORS_MAX. Who makes
 * calls asks this before it fills their shapes. */
ls_status ls_layer_check_inputs(const struct ls_layer *layer, size_t inputs);
/* The same for a call whose last inputs, `named` of them, are given by name. */
ls_status ls_layer_check_named(const struct ls_layer *layer, const struct ls_call_shapes *shapes,
                               size_t named);
/* The input that is this one of the kind's input_names; SIZE_MAX: the call has none. */
size_t ls_call_input(const struct ls_call_shapes *shapes, size_t name);
/* Which of the kind's input_names this is; SIZE_MAX: none. */
size_t ls_layer_input_name(const struct ls_layer_kind *kind, const char *name);

/* Whether all variables of a built layer suit what their options hold for them: LS_BAD_INPUT at the
 * layer's place. */
ls_status ls_layer_check_variables(const struct ls_layer *layer);

/* A failure at the layer's place: "run.yaml:12: layers[2] Dense: ...", or "dense_1 (Dense): ..."
 * where there is no file. */
ls_status ls_layer_fail(const struct ls_layer *layer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* -- activations, as an option of a layer ---------------------------------------------------------
 * The registry of activation names; an option row is {LS_OPTION_KIND, .registry = &ls_activations}
 * with a struct ls_instance field. */
extern const struct ls_registry ls_activations;
struct ls_activation ls_activation_of(const struct ls_instance *instance); /* kind NULL: linear */

/* -- initializers: one row each in layer/initializer.c */
struct ls_initializer_kind {
    struct ls_kind kind;
    /* Fills values (of the variable's shape) as a function of (key, counter words, element) alone.
     * `number` numbers the variable in the model. LS_BAD_INPUT where the shape does not suit. */
    ls_status (*fill)(const void *options, float *values, const struct ls_shape *shape,
                      struct ls_random_key key, uint32_t number);
    size_t seed_offset; /* of the int64_t option `seed` in options, or SIZE_MAX */
    /* Whether it finds fans by the shape. NULL: it goes by none. */
    bool (*by_fans)(const void *options);
    /* Options that together exercise the table, as YAML maps; ends with NULL. */
    const char *const *examples;
};
extern const struct ls_registry ls_initializers;
/* Fills one variable from its initializer; `seed` is the run's (an initializer's own seed takes its
 * place). NULL or kind NULL: zeros. */
ls_status ls_initialize(const struct ls_instance *initializer, float *values,
                        const struct ls_shape *shape, uint64_t seed, uint32_t number);
/* What Keras' add_weight takes by itself. */
extern const struct ls_instance ls_default_glorot_uniform;
/* The shape by which a variable's initializer is to fill it: its own, or one of as many elements
 * that has its fans. */
struct ls_shape ls_initializer_shape(const struct ls_variable *variable);

/* -- regularizers: one row each in layer/regularizer.c */
/* What is penalized: a weight, or the results of some rows. */
struct ls_penalized {
    const float *values;
    size_t n;
    const struct ls_shape *shape; /* of the weight, n elements; NULL: results, which are known by
                                     the element alone */
    float *room;                  /* as much as ls_penalty_room says */
};
struct ls_regularizer_kind {
    struct ls_kind kind;
    double (*penalty)(const void *options, const struct ls_penalized *penalized);
    /* grad += factor * d penalty / d values. */
    void (*add_gradient)(const void *options, float *grad, const struct ls_penalized *penalized,
                         double factor);
    /* LS_BAD_INPUT for a shape (NULL: results) that does not suit. NULL: all do. */
    ls_status (*check)(const void *options, const struct ls_shape *shape);
    /* How many floats of room it needs for a weight of this shape. NULL: none. */
    size_t (*room)(const void *options, const struct ls_shape *shape);
    const char *const *examples; /* as struct ls_initializer_kind */
};
extern const struct ls_registry ls_regularizers;
/* L1L2 and its options. */
struct ls_l1_l2 {
    double l1, l2;
};
extern const struct ls_regularizer_kind ls_regularizer_l1_l2;
/* The same by instance; NULL or kind NULL: 0 and nothing. Sums are in the order of ls_sum_blocks.
 * `factor` is 1 for weights, 1 / rows of the batch for an activity. */
double ls_penalty(const struct ls_instance *regularizer, const struct ls_penalized *penalized);
void ls_penalty_add_gradient(const struct ls_instance *regularizer, float *grad,
                             const struct ls_penalized *penalized, double factor);
ls_status ls_penalty_check(const struct ls_instance *regularizer, const struct ls_shape *shape);
size_t ls_penalty_room(const struct ls_instance *regularizer, const struct ls_shape *shape);

/* -- constraints: one row each in layer/constraint.c. What a variable is set to after each step. */
struct ls_constraint_kind {
    struct ls_kind kind;
    /* Of a kind that scales vectors: what a vector of this norm is to have as its norm. Its option
     * struct begins with the axes that make a vector (struct ls_ints; none: all). NULL: none. */
    float (*norm)(const void *options, float norm);
    void (*each)(const void *options, float *weights, size_t n); /* of other kinds */
    const char *const *examples;                                 /* as struct ls_initializer_kind */
};
extern const struct ls_registry ls_constraints;
/* LS_BAD_INPUT where the axes do not suit the shape; NULL or kind NULL: LS_OK. */
ls_status ls_constraint_check(const struct ls_instance *constraint, const struct ls_shape *shape);
/* How many doubles of room it needs for a variable. */
size_t ls_constraint_room(const struct ls_instance *constraint, const struct ls_shape *shape);
void ls_constrain(const struct ls_instance *constraint, float *weights,
                  const struct ls_shape *shape, double *room);

#endif
