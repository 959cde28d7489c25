/* Activation functions by name, and the layers that are one activation function. */
#include <string.h>

#include "kernel/kernels.h"
#include "layer/call.h"

/* -- the names */

struct activation_kind {
    struct ls_kind kind;
    enum ls_activation_id id;
};

/* Other names that are read; a row of NULLs is an empty list. */
static const char *const aliases[LS_ACTIVATION_COUNT][2] = {
    [LS_ACTIVATION_SILU] = {"swish"},
};

/* What Keras has no name for is written as a function of ours; gelu(approximate=True) has no name
 * in a config. */
#define LS_IS_FOREIGN(id)                                                                          \
    ((id) == LS_ACTIVATION_GELU_TANH || (id) == LS_ACTIVATION_STEP || (id) == LS_ACTIVATION_SIGN)

#define X(text, number, saves, help)                                                               \
    static const struct activation_kind activation_##number = {                                    \
        {.name = text,                                                                             \
         .aliases = aliases[LS_ACTIVATION_##number],                                               \
         .summary = help,                                                                          \
         .function = LS_IS_FOREIGN(LS_ACTIVATION_##number) ? "lockstep>" text : text},             \
        LS_ACTIVATION_##number};
LS_ACTIVATIONS(X)
#undef X

static const struct ls_kind *const activations[] = {
#define X(text, number, saves, help) &activation_##number.kind,
    LS_ACTIVATIONS(X)
#undef X
        NULL};

const struct ls_registry ls_activations = {.noun = "activation", .kinds = activations};

struct ls_activation ls_activation_of(const struct ls_instance *instance)
{
    const struct activation_kind *kind = (const struct activation_kind *)instance->kind;
    return ls_activation_default(kind ? kind->id : LS_ACTIVATION_LINEAR);
}

/* -- what the layers share */

static void forward(const struct ls_call *call)
{
    size_t n = ls_call_elements(call);
    if (!call->defer_activation)
        ls_k->activate(call->out[0], call->in[0], &call->layer->activation, n,
                       ls_last_axis(&call->shapes->in[0]));
    else if (call->out[0] != call->in[0] && n > 0)
        memcpy(call->out[0], call->in[0], n * sizeof(float));
}

static void backward(const struct ls_call *call)
{
    const struct ls_activation *f = &call->layer->activation;
    size_t n = ls_call_elements(call);
    if (!call->in_grad[0])
        return;
    if (!call->defer_activation)
        ls_k->activate_backward(call->in_grad[0], call->out_grad[0],
                                ls_activation_saved(f, call->in[0], call->out[0]), f, n,
                                ls_last_axis(&call->shapes->in[0]));
    else if (call->in_grad[0] != call->out_grad[0] && n > 0)
        memcpy(call->in_grad[0], call->out_grad[0], n * sizeof(float));
}

static unsigned flags_for(struct ls_activation f)
{
    switch (ls_activation_saves(&f)) {
    case LS_SAVES_INPUT:
        return LS_LAYER_PASSES_MASK | LS_LAYER_READS_IN;
    case LS_SAVES_OUTPUT:
        return LS_LAYER_PASSES_MASK | LS_LAYER_IN_PLACE | LS_LAYER_READS_OUT;
    default:
        return LS_LAYER_PASSES_MASK | LS_LAYER_IN_PLACE;
    }
}

/* Each kind has `static struct ls_activation function(const struct ls_layer *)`: from its options.
 */
#define LS_BUILD_AND_FLAGS(prefix)                                                                 \
    static ls_status prefix##_build(struct ls_layer *layer, const struct ls_call_shapes *shapes)   \
    {                                                                                              \
        (void)shapes;                                                                              \
        layer->has_activation = true;                                                              \
        layer->activation = prefix##_function(layer);                                              \
        return LS_OK;                                                                              \
    }                                                                                              \
    static unsigned prefix##_flags(const struct ls_layer *layer)                                   \
    {                                                                                              \
        return flags_for(prefix##_function(layer));                                                \
    }

/* -- Activation */

struct activation {
    struct ls_instance activation;
};

static const struct ls_option activation_options[] = {
    {.name = "activation",
     .type = LS_OPTION_KIND,
     .offset = offsetof(struct activation, activation),
     .registry = &ls_activations,
     .help = "the function"},
    {.name = NULL},
};

static struct ls_activation activation_function(const struct ls_layer *layer)
{
    const struct activation *o = layer->options;
    return ls_activation_of(&o->activation);
}
LS_BUILD_AND_FLAGS(activation)

static const struct ls_layer_example activation_examples[] = {
#define X(text, number, saves, help) {"activation: " text, "[2, 3]", 4},
    LS_ACTIVATIONS(X)
#undef X
        {0},
};

const struct ls_layer_kind ls_layer_activation = {
    .kind = {.name = "Activation",
             .summary = "an activation function by its name",
             .options = activation_options,
             .options_size = sizeof(struct activation)},
    .flags = LS_LAYER_PASSES_MASK | LS_LAYER_READS_IN | LS_LAYER_READS_OUT,
    .flags_of = activation_flags,
    .build = activation_build,
    .forward = forward,
    .backward = backward,
    .examples = activation_examples,
};

/* -- ReLU */

struct relu {
    double max_value, negative_slope, threshold;
};

static const struct ls_option relu_options[] = {
    {.name = "max_value",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct relu, max_value),
     .initial = "null",
     .min = 0,
     .max = INFINITY,
     .help = "the largest output; null: none"},
    {.name = "negative_slope",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct relu, negative_slope),
     .initial = "0.0",
     .min = 0,
     .max = INFINITY,
     .open_max = true,
     .help = "slope below the threshold"},
    {.name = "threshold",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct relu, threshold),
     .initial = "0.0",
     .min = 0,
     .max = INFINITY,
     .open_max = true,
     .help = "inputs up to it are damped by negative_slope"},
    {.name = NULL},
};

static struct ls_activation relu_function(const struct ls_layer *layer)
{
    const struct relu *o = layer->options;
    return (struct ls_activation){.id = LS_ACTIVATION_RELU,
                                  .a = (float)o->negative_slope,
                                  .max = isnan(o->max_value) ? INFINITY : (float)o->max_value,
                                  .threshold = (float)o->threshold};
}
LS_BUILD_AND_FLAGS(relu)

static const struct ls_layer_example relu_examples[] = {
    {"{}", "[3]", 2},
    {"max_value: 1.5", "[2, 3]", 3},
    {"negative_slope: 0.25, threshold: 0.5, max_value: 2.0", "[4]", 4},
    {0},
};

const struct ls_layer_kind ls_layer_relu = {
    .kind = {.name = "ReLU",
             .summary = "x above the threshold, up to max_value; below it negative_slope times "
                        "(x - threshold)",
             .options = relu_options,
             .options_size = sizeof(struct relu)},
    .flags = LS_LAYER_PASSES_MASK | LS_LAYER_READS_IN | LS_LAYER_READS_OUT,
    .flags_of = relu_flags,
    .build = relu_build,
    .forward = forward,
    .backward = backward,
    .examples = relu_examples,
};

/* -- LeakyReLU */

struct leaky_relu {
    double negative_slope;
};

static const struct ls_option leaky_relu_options[] = {
    {.name = "negative_slope",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct leaky_relu, negative_slope),
     .initial = "0.3",
     .min = 0,
     .max = INFINITY,
     .open_max = true,
     .alias = "alpha",
     .help = "slope below 0"},
    {.name = NULL},
};

static struct ls_activation leaky_relu_function(const struct ls_layer *layer)
{
    const struct leaky_relu *o = layer->options;
    return (struct ls_activation){.id = LS_ACTIVATION_LEAKY_RELU, .a = (float)o->negative_slope};
}
LS_BUILD_AND_FLAGS(leaky_relu)

/* Under the name that Keras 2 reads too. */
static ls_status leaky_relu_write(const struct ls_layer *layer, struct ls_tree *config)
{
    const struct leaky_relu *o = layer->options;
    ls_tree_remove((struct ls_tree *)ls_tree_find(config, "negative_slope")); /* config's own */
    return ls_tree_add_double(config, "alpha", o->negative_slope)
               ? LS_OK
               : ls_fail(LS_FAILED, "out of memory");
}

static const struct ls_layer_example leaky_relu_examples[] = {
    {"{}", "[3]", 2},
    {"alpha: 0.1", "[2, 2]", 2},
    {"negative_slope: 1.5", "[3]", 2},
    {0},
};

const struct ls_layer_kind ls_layer_leaky_relu = {
    .kind = {.name = "LeakyReLU",
             .summary = "x above 0, negative_slope times x below",
             .options = leaky_relu_options,
             .options_size = sizeof(struct leaky_relu)},
    .flags = LS_LAYER_PASSES_MASK | LS_LAYER_READS_IN | LS_LAYER_READS_OUT,
    .flags_of = leaky_relu_flags,
    .build = leaky_relu_build,
    .write = leaky_relu_write,
    .forward = forward,
    .backward = backward,
    .examples = leaky_relu_examples,
};

/* -- ELU */

struct elu {
    double alpha;
};

/* Keras takes a negative alpha too; the backward pass here tells the branches apart by the sign of
 * the output, so that is refused. */
static const struct ls_option elu_options[] = {
    {.name = "alpha",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct elu, alpha),
     .initial = "1.0",
     .min = 0,
     .max = INFINITY,
     .open_max = true,
     .help = "minus the limit at minus infinity"},
    {.name = NULL},
};

static struct ls_activation elu_function(const struct ls_layer *layer)
{
    const struct elu *o = layer->options;
    return (struct ls_activation){.id = LS_ACTIVATION_ELU, .a = (float)o->alpha};
}
LS_BUILD_AND_FLAGS(elu)

static const struct ls_layer_example elu_examples[] = {
    {"{}", "[3]", 2},
    {"alpha: 0.5", "[2, 2]", 2},
    {0},
};

const struct ls_layer_kind ls_layer_elu = {
    .kind = {.name = "ELU",
             .summary = "x above 0, alpha (e^x - 1) below",
             .options = elu_options,
             .options_size = sizeof(struct elu)},
    .flags = LS_LAYER_PASSES_MASK | LS_LAYER_READS_IN | LS_LAYER_READS_OUT,
    .flags_of = elu_flags,
    .build = elu_build,
    .forward = forward,
    .backward = backward,
    .examples = elu_examples,
};

/* -- Softmax */

struct softmax {
    struct ls_ints axis;
};

static const struct ls_option softmax_options[] = {
    {.name = "axis",
     .type = LS_OPTION_INTS,
     .offset = offsetof(struct softmax, axis),
     .initial = "-1",
     .help = "the last axis: -1"},
    {.name = NULL},
};

static struct ls_activation softmax_function(const struct ls_layer *layer)
{
    (void)layer;
    return ls_activation_default(LS_ACTIVATION_SOFTMAX);
}
LS_BUILD_AND_FLAGS(softmax)

/* Keras counts the samples' axis as 0, so the last one is the rank. */
static ls_status softmax_shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                               struct ls_call_needs *needs)
{
    const struct softmax *o = layer->options;
    const struct ls_shape *in = &shapes->in[0];
    char text[LS_SHAPE_TEXT];
    (void)needs;
    ls_shape_format(text, in);
    if (in->rank == 0)
        return ls_layer_fail(
            layer, "the input needs at least one axis beside the samples, it is %s", text);
    if (o->axis.count != 1 || (o->axis.value[0] != -1 && o->axis.value[0] != in->rank))
        return ls_layer_fail(layer, "axis: only the last axis of %s is supported: -1 or %d", text,
                             in->rank);
    shapes->outputs = 1;
    shapes->out[0] = *in;
    return LS_OK;
}

static const struct ls_layer_example softmax_examples[] = {
    {"{}", "[4]", 2},
    {"axis: 2", "[2, 3]", 2},
    {"axis: [-1]", "[3]", 2},
    {0},
};

/* Keras' Softmax gives masked elements no part. */
static unsigned softmax_layer_flags(const struct ls_layer *layer)
{
    return softmax_flags(layer) | LS_LAYER_REFUSES_MASKS;
}

const struct ls_layer_kind ls_layer_softmax = {
    .kind = {.name = "Softmax",
             .summary = "e^x / sum e^x over the last axis",
             .options = softmax_options,
             .options_size = sizeof(struct softmax)},
    .flags = LS_LAYER_PASSES_MASK | LS_LAYER_READS_IN | LS_LAYER_READS_OUT,
    .flags_of = softmax_layer_flags,
    .build = softmax_build,
    .shape = softmax_shape,
    .forward = forward,
    .backward = backward,
    .examples = softmax_examples,
};
