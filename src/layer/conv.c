/* Conv1D, Conv2D, and the depthwise ones, which are convolutions of as many groups as channels.
 * The file to copy for another convolution. */
#include "kernel/kernels.h"
#include "layer/call.h"
#include "layer/convolution.h"

enum { KERNEL };

/* The rows of all four, in Keras' order; `word` is how Keras calls the kernel's options. */
#define REST_OF_OPTIONS(word)                                                                      \
    LS_ACTIVATION_OPTION(struct ls_convolution_options, "linear"),                                 \
        LS_USE_BIAS_OPTION(struct ls_convolution_options),                                         \
        LS_INITIALIZER_OPTION(word, struct ls_convolution_options, kernel, "GlorotUniform"),       \
        LS_INITIALIZER_OPTION("bias", struct ls_convolution_options, bias, "Zeros"),               \
        LS_REGULARIZER_OPTION(word, struct ls_convolution_options, kernel),                        \
        LS_REGULARIZER_OPTION("bias", struct ls_convolution_options, bias),                        \
        LS_ACTIVITY_REGULARIZER_OPTION(struct ls_convolution_options),                             \
        LS_CONSTRAINT_OPTION(word, struct ls_convolution_options, kernel),                         \
        LS_CONSTRAINT_OPTION("bias", struct ls_convolution_options, bias), {.name = NULL},

#define STRIDES_HELP "steps from one place of the kernel to the next, by axis"

#define CONV_OPTIONS(paddings, padding_help)                                                       \
    LS_FILTERS_OPTION, LS_KERNEL_SIZE_OPTION, LS_STRIDES_OPTION(STRIDES_HELP),                     \
        LS_PADDING_OPTION(paddings, padding_help),                                                 \
        LS_CHANNELS_LAST_OPTION(struct ls_convolution_options), LS_DILATION_OPTION,                \
        LS_CONVOLUTION_COUNT_OPTION(groups, "1",                                                   \
                                    "parts of the channels that know only their own"),             \
        REST_OF_OPTIONS("kernel")

static const struct ls_option conv_options[] = {
    CONV_OPTIONS(ls_convolution_paddings, LS_PADDING_HELP)};
static const struct ls_option causal_options[] = {CONV_OPTIONS(
    ls_convolution_causal_paddings, LS_PADDING_HELP "; causal: zeros before it, no step sees the "
                                                    "ones after it")};
static const struct ls_option depthwise_options[] = {
    LS_KERNEL_SIZE_OPTION,
    LS_STRIDES_OPTION(STRIDES_HELP),
    LS_PADDING_OPTION(ls_convolution_paddings, LS_PADDING_HELP),
    LS_MULTIPLIER_OPTION,
    LS_CHANNELS_LAST_OPTION(struct ls_convolution_options),
    LS_DILATION_OPTION,
    REST_OF_OPTIONS("depthwise")};

/* -- shapes */

static bool is_depthwise(const struct ls_convolution_options *o)
{
    return o->depth_multiplier > 0;
}

static struct ls_convolution_shape geometry(const struct ls_convolution_options *o,
                                            const struct ls_shape *in)
{
    struct ls_convolution_shape g = ls_convolution_window(o, in);
    g.groups = is_depthwise(o) ? g.channels : o->groups;
    g.filters = o->filters;
    if (is_depthwise(o) && __builtin_mul_overflow(g.channels, o->depth_multiplier, &g.filters))
        g.filters = INT64_MAX; /* the result is too large */
    return g;
}

static ls_status check_groups(const struct ls_layer *layer, const struct ls_convolution_shape *g)
{
    if (g->channels % g->groups != 0)
        return ls_layer_fail(layer, "groups: %lld groups do not divide the %lld channels",
                             (long long)g->groups, (long long)g->channels);
    if (g->filters % g->groups != 0)
        return ls_layer_fail(layer, "groups: %lld groups do not divide the %lld filters",
                             (long long)g->groups, (long long)g->filters);
    return LS_OK;
}

static ls_status shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                       struct ls_call_needs *needs, int spatial)
{
    const struct ls_convolution_options *o = layer->options;
    LS_TRY(ls_convolution_check(layer, &shapes->in[0], spatial));
    const struct ls_convolution_shape g = geometry(o, &shapes->in[0]);
    if (!is_depthwise(o)) {
        LS_TRY(ls_convolution_check_steps(layer, spatial));
        LS_TRY(check_groups(layer, &g));
    }
    LS_TRY(ls_convolution_check_window(layer, &g, &shapes->in[0]));
    return ls_convolution_result(layer, shapes, needs, g.out, g.filters);
}

static ls_status shape_1(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                         struct ls_call_needs *needs)
{
    return shape(layer, shapes, needs, 1);
}

static ls_status shape_2(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                         struct ls_call_needs *needs)
{
    return shape(layer, shapes, needs, 2);
}

static ls_status build(struct ls_layer *layer, const struct ls_call_shapes *shapes)
{
    const struct ls_convolution_options *o = layer->options;
    const struct ls_convolution_shape g = geometry(o, &shapes->in[0]);
    const int64_t plain[2] = {g.channels / g.groups, g.filters};
    const int64_t depthwise[2] = {g.channels, o->depth_multiplier};
    struct ls_shape kernel = ls_convolution_kernel_shape(&g, shapes->in[0].rank - 1,
                                                         is_depthwise(o) ? depthwise : plain);
    LS_TRY(ls_convolution_declare(layer, "kernel", kernel, &o->kernel));
    ls_convolution_declare_rest(layer, g.filters);
    return LS_OK;
}

/* -- calls */

static ls_status prepare(const struct ls_call *call, void **prepared)
{
    const struct ls_convolution_options *o = call->layer->options;
    const struct ls_convolution_shape g = geometry(o, &call->shapes->in[0]);
    return ls_convolution_prepare(prepared, call, &g, LS_CONVOLUTION_FORWARD, o->use_bias);
}

static ls_status prepared_bytes(const struct ls_call *call, size_t *bytes)
{
    const struct ls_convolution_options *o = call->layer->options;
    const struct ls_convolution_shape g = geometry(o, &call->shapes->in[0]);
    return ls_convolution_prepared_bytes(bytes, call, &g, LS_CONVOLUTION_FORWARD, o->use_bias);
}

static void forward(const struct ls_call *call)
{
    if (call->rows == 0)
        return;
    ls_convolution_forward(call->prepared, call->out[0], call->in[0], call->weight[KERNEL],
                           ls_convolution_bias(call));
    ls_convolution_activate(call, NULL, call->saved);
}

static void backward(const struct ls_call *call)
{
    const float *grad = ls_convolution_activate_back(call, call->saved);
    float *kernel_grad = call->weight_grad[KERNEL];
    if (call->rows == 0) {
        ls_convolution_no_rows(call);
        return;
    }
    if (kernel_grad)
        ls_convolution_kernel(call->prepared, kernel_grad, call->in[0], grad, call->accumulate);
    ls_call_written(call);
    if (call->in_grad[0])
        ls_convolution_data(call->prepared, call->in_grad[0], grad, call->weight[KERNEL]);
}

/* Every cell of the result is a sum over the kernel's cells and the channels of its group. */
static void flops(const struct ls_layer *layer, const struct ls_call_shapes *shapes,
                  struct ls_call_flops *flops)
{
    const struct ls_convolution_shape g = geometry(layer->options, &shapes->in[0]);
    double product = ls_convolution_flops(&g);
    *flops = (struct ls_call_flops){product, product, product};
}

static const struct ls_layer_example examples_1[] = {
    {"filters: 3, kernel_size: 3", "[7, 2]", 1},
    {"filters: 4, kernel_size: [3], padding: causal, dilation_rate: 2, activation: tanh", "[6, 3]",
     1},
    {"filters: 4, kernel_size: 2, strides: 3, padding: same, groups: 2, use_bias: false", "[8, 4]",
     1},
    {"filters: 2, kernel_size: 4, strides: 2, padding: causal, activation: gelu, data_format: null",
     "[5, 1]", 1},
    {"filters: 2, kernel_size: 1, activation: softmax, kernel_initializer: he_normal, "
     "kernel_regularizer: l2, bias_initializer: ones, bias_regularizer: l1, activity_regularizer: "
     "l2, kernel_constraint: null, bias_constraint: null",
     "[3, 2]", 1},
    {0},
};

static const struct ls_layer_example examples_2[] = {
    {"filters: 3, kernel_size: 3", "[5, 4, 2]", 1},
    {"filters: 4, kernel_size: [3, 2], strides: [2, 1], padding: same, activation: elu",
     "[5, 4, 3]", 1},
    {"filters: 6, kernel_size: 2, padding: same, dilation_rate: [2, 1], groups: 2, use_bias: false",
     "[4, 5, 4]", 1},
    {"filters: 2, kernel_size: 1, strides: 3, activation: mish, data_format: channels_last",
     "[4, 7, 5]", 1},
    {"filters: 1, kernel_size: 5, padding: same, kernel_initializer: orthogonal, "
     "kernel_regularizer: {L1L2: {l1: 0.1, l2: 0.2}}, bias_initializer: ones, bias_regularizer: "
     "l2, activity_regularizer: l1, kernel_constraint: null, bias_constraint: null",
     "[3, 4, 1]", 1},
    {"filters: 17, kernel_size: 3, strides: 2, activation: sigmoid", "[7, 7, 1]", 1},
    {"filters: 1, kernel_size: 2, activation: relu", "[2, 3, 1]", 1},
    {0},
};

static const struct ls_layer_example depthwise_examples_1[] = {
    {"kernel_size: 3", "[6, 3]", 1},
    {"kernel_size: [2], strides: 2, padding: same, depth_multiplier: 2, activation: silu, "
     "depthwise_initializer: he_uniform, depthwise_regularizer: l2, depthwise_constraint: null",
     "[5, 2]", 1},
    {"kernel_size: 2, dilation_rate: 2, use_bias: false, data_format: channels_last", "[6, 2]", 1},
    {0},
};

static const struct ls_layer_example depthwise_examples_2[] = {
    {"kernel_size: 3, padding: same, activation: softmax", "[4, 5, 3]", 1},
    {"kernel_size: [2, 3], strides: 2, depth_multiplier: 3, depthwise_initializer: ones, "
     "depthwise_regularizer: l2, depthwise_constraint: null",
     "[5, 6, 2]", 1},
    {"kernel_size: 2, padding: same, dilation_rate: [1, 2], use_bias: false, activity_regularizer: "
     "l1, data_format: null",
     "[4, 4, 1]", 1},
    {"kernel_size: 3, padding: same, bias_initializer: ones, bias_regularizer: l2, "
     "bias_constraint: null",
     "[5, 5, 17]", 1},
    {0},
};

const struct ls_layer_kind ls_layer_conv_1d = {
    .kind = {.name = "Conv1D",
             .aliases = (const char *const[]){"Convolution1D", NULL},
             .summary = "a kernel that goes along the steps of a series",
             .options = causal_options,
             .options_size = sizeof(struct ls_convolution_options)},
    .flags = LS_LAYER_READS_IN | LS_LAYER_READS_OUT,
    .flags_of = ls_convolution_flags,
    .build = build,
    .shape = shape_1,
    .forward = forward,
    .backward = backward,
    .prepare = prepare,
    .discard = ls_convolution_discard,
    .prepared_bytes = prepared_bytes,
    .flops = flops,
    .examples = examples_1,
};

const struct ls_layer_kind ls_layer_conv_2d = {
    .kind = {.name = "Conv2D",
             .aliases = (const char *const[]){"Convolution2D", NULL},
             .summary = "a kernel that goes over an image",
             .options = conv_options,
             .options_size = sizeof(struct ls_convolution_options)},
    .flags = LS_LAYER_READS_IN | LS_LAYER_READS_OUT,
    .flags_of = ls_convolution_flags,
    .build = build,
    .shape = shape_2,
    .forward = forward,
    .backward = backward,
    .prepare = prepare,
    .discard = ls_convolution_discard,
    .prepared_bytes = prepared_bytes,
    .flops = flops,
    .examples = examples_2,
};

const struct ls_layer_kind ls_layer_depthwise_conv_1d = {
    .kind = {.name = "DepthwiseConv1D",
             .summary = "kernels along the steps of a series, some for each channel",
             .options = depthwise_options,
             .options_size = sizeof(struct ls_convolution_options)},
    .flags = LS_LAYER_READS_IN | LS_LAYER_READS_OUT,
    .flags_of = ls_convolution_flags,
    .build = build,
    .shape = shape_1,
    .forward = forward,
    .backward = backward,
    .prepare = prepare,
    .discard = ls_convolution_discard,
    .prepared_bytes = prepared_bytes,
    .flops = flops,
    .read = ls_convolution_read,
    .examples = depthwise_examples_1,
};

const struct ls_layer_kind ls_layer_depthwise_conv_2d = {
    .kind = {.name = "DepthwiseConv2D",
             .summary = "kernels over an image, some for each channel",
             .options = depthwise_options,
             .options_size = sizeof(struct ls_convolution_options)},
    .flags = LS_LAYER_READS_IN | LS_LAYER_READS_OUT,
    .flags_of = ls_convolution_flags,
    .build = build,
    .shape = shape_2,
    .forward = forward,
    .backward = backward,
    .prepare = prepare,
    .discard = ls_convolution_discard,
    .prepared_bytes = prepared_bytes,
    .flops = flops,
    .read = ls_convolution_read,
    .examples = depthwise_examples_2,
};
