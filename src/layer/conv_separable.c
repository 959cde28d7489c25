/* SeparableConv1D, SeparableConv2D: a depthwise convolution, then a product over the channels. */
#include "kernel/gemm.h"
#include "kernel/kernels.h"
#include "layer/call.h"
#include "layer/convolution.h"

enum { DEPTHWISE, POINTWISE };

static const struct ls_option options[] = {
    LS_FILTERS_OPTION,
    LS_KERNEL_SIZE_OPTION,
    LS_STRIDES_OPTION("steps from one place of the kernel to the next, by axis"),
    LS_PADDING_OPTION(ls_convolution_paddings, LS_PADDING_HELP),
    LS_CHANNELS_LAST_OPTION(struct ls_convolution_options),
    LS_DILATION_OPTION,
    LS_MULTIPLIER_OPTION,
    LS_ACTIVATION_OPTION(struct ls_convolution_options, "linear"),
    LS_USE_BIAS_OPTION(struct ls_convolution_options),
    LS_INITIALIZER_OPTION("depthwise", struct ls_convolution_options, kernel, "GlorotUniform"),
    LS_INITIALIZER_OPTION("pointwise", struct ls_convolution_options, pointwise, "GlorotUniform"),
    LS_INITIALIZER_OPTION("bias", struct ls_convolution_options, bias, "Zeros"),
    LS_REGULARIZER_OPTION("depthwise", struct ls_convolution_options, kernel),
    LS_REGULARIZER_OPTION("pointwise", struct ls_convolution_options, pointwise),
    LS_REGULARIZER_OPTION("bias", struct ls_convolution_options, bias),
    LS_ACTIVITY_REGULARIZER_OPTION(struct ls_convolution_options),
    LS_CONSTRAINT_OPTION("depthwise", struct ls_convolution_options, kernel),
    LS_CONSTRAINT_OPTION("pointwise", struct ls_convolution_options, pointwise),
    LS_CONSTRAINT_OPTION("bias", struct ls_convolution_options, bias),
    {.name = NULL},
};

/* -- shapes */

/* Of the depthwise part, whose filters are the channels in between. */
static struct ls_convolution_shape geometry(const struct ls_convolution_options *o,
                                            const struct ls_shape *in)
{
    struct ls_convolution_shape g = ls_convolution_window(o, in);
    g.groups = g.channels;
    if (__builtin_mul_overflow(g.channels, o->depth_multiplier, &g.filters))
        g.filters = INT64_MAX; /* too large */
    return g;
}

static struct ls_shape between(const struct ls_convolution_shape *g)
{
    return (struct ls_shape){3, {g->out[0], g->out[1], g->filters}};
}

static ls_status shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                       struct ls_call_needs *needs, int spatial)
{
    const struct ls_convolution_options *o = layer->options;
    LS_TRY(ls_convolution_check(layer, &shapes->in[0], spatial));
    const struct ls_convolution_shape g = geometry(o, &shapes->in[0]);
    const struct ls_shape middle = between(&g);
    LS_TRY(ls_convolution_check_window(layer, &g, &shapes->in[0]));
    LS_TRY(ls_layer_check_size(layer, &middle));
    LS_TRY(ls_convolution_result(layer, shapes, needs, g.out, o->filters));
    needs->saved_floats_per_row += (size_t)ls_shape_count(&middle);
    needs->work_floats_per_row += (size_t)ls_shape_count(&middle);
    return LS_OK;
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
    static const struct ls_convolution_shape point = {.kernel = {1, 1}};
    const struct ls_convolution_options *o = layer->options;
    const int spatial = shapes->in[0].rank - 1;
    const struct ls_convolution_shape g = geometry(o, &shapes->in[0]);
    const int64_t depthwise[2] = {g.channels, o->depth_multiplier},
                  pointwise[2] = {g.filters, o->filters};
    LS_TRY(ls_convolution_declare(layer, "depthwise_kernel",
                                  ls_convolution_kernel_shape(&g, spatial, depthwise), &o->kernel));
    LS_TRY(ls_convolution_declare(layer, "pointwise_kernel",
                                  ls_convolution_kernel_shape(&point, spatial, pointwise),
                                  &o->pointwise));
    ls_convolution_declare_rest(layer, o->filters);
    return LS_OK;
}

/* -- calls */

struct parts {
    int64_t cells, channels, filters; /* of the product: all rows' */
    float *middle;                    /* the depthwise result, kept */
    float *before;                    /* what the activation reads */
    float *middle_grad;
};

static struct parts parts_of(const struct ls_call *call)
{
    const struct ls_convolution_shape g = geometry(call->layer->options, &call->shapes->in[0]);
    struct parts p = {.cells = call->rows * g.out[0] * g.out[1],
                      .channels = g.filters,
                      .filters = (int64_t)ls_last_axis(&call->shapes->out[0])};
    p.middle = call->saved;
    p.before = call->saved + p.cells * p.channels;
    p.middle_grad = call->work;
    if (call->layer->activation.id != LS_ACTIVATION_LINEAR)
        p.middle_grad += p.cells * p.filters;
    return p;
}

static ls_status prepare(const struct ls_call *call, void **prepared)
{
    const struct ls_convolution_shape g = geometry(call->layer->options, &call->shapes->in[0]);
    return ls_convolution_prepare(prepared, call, &g, LS_CONVOLUTION_FORWARD, false);
}

static ls_status prepared_bytes(const struct ls_call *call, size_t *bytes)
{
    const struct ls_convolution_shape g = geometry(call->layer->options, &call->shapes->in[0]);
    return ls_convolution_prepared_bytes(bytes, call, &g, LS_CONVOLUTION_FORWARD, false);
}

static void forward(const struct ls_call *call)
{
    const struct parts p = parts_of(call);
    if (call->rows == 0)
        return;
    ls_convolution_forward(call->prepared, p.middle, call->in[0], call->weight[DEPTHWISE], NULL);
    ls_gemm(&(struct ls_gemm){.m = p.cells,
                              .n = p.filters,
                              .k = p.channels,
                              .a = p.middle,
                              .b = call->weight[POINTWISE],
                              .c = call->out[0]});
    ls_convolution_activate(call, ls_convolution_bias(call), p.before);
}

static void backward(const struct ls_call *call)
{
    const struct parts p = parts_of(call);
    const float *grad = ls_convolution_activate_back(call, p.before);
    float *depthwise = call->weight_grad[DEPTHWISE], *pointwise = call->weight_grad[POINTWISE];
    if (call->rows == 0) {
        ls_convolution_no_rows(call);
        return;
    }
    if (pointwise)
        ls_gemm(&(struct ls_gemm){.transpose_a = true,
                                  .m = p.channels,
                                  .n = p.filters,
                                  .k = p.cells,
                                  .a = p.middle,
                                  .b = grad,
                                  .c = pointwise,
                                  .beta = call->accumulate ? 1 : 0});
    if (depthwise || call->in_grad[0])
        ls_gemm(&(struct ls_gemm){.transpose_b = true,
                                  .m = p.cells,
                                  .n = p.channels,
                                  .k = p.filters,
                                  .a = grad,
                                  .b = call->weight[POINTWISE],
                                  .c = p.middle_grad});
    if (depthwise)
        ls_convolution_kernel(call->prepared, depthwise, call->in[0], p.middle_grad,
                              call->accumulate);
    ls_call_written(call);
    if (call->in_grad[0])
        ls_convolution_data(call->prepared, call->in_grad[0], p.middle_grad,
                            call->weight[DEPTHWISE]);
}

static void flops(const struct ls_layer *layer, const struct ls_call_shapes *shapes,
                  struct ls_call_flops *flops)
{
    const struct ls_convolution_options *o = layer->options;
    const struct ls_convolution_shape g = geometry(o, &shapes->in[0]);
    const struct ls_shape middle = between(&g);
    double product =
        ls_convolution_flops(&g) + 2.0 * (double)ls_shape_count(&middle) * (double)o->filters;
    *flops = (struct ls_call_flops){product, product, product};
}

static const struct ls_layer_example examples_1[] = {
    {"filters: 3, kernel_size: 3, padding: same", "[6, 2]", 1},
    {"filters: 2, kernel_size: [2], strides: 2, depth_multiplier: 2, activation: gelu, "
     "activity_regularizer: l2, data_format: channels_last",
     "[5, 3]", 1},
    {"filters: 2, kernel_size: 2, dilation_rate: 3, use_bias: false, activation: tanh", "[6, 1]",
     1},
    {0},
};

static const struct ls_layer_example examples_2[] = {
    {"filters: 3, kernel_size: 3, activation: softsign", "[4, 5, 2]", 1},
    {"filters: 4, kernel_size: [2, 3], strides: 2, padding: same, depth_multiplier: 2, activation: "
     "silu, depthwise_initializer: he_normal, pointwise_initializer: ones, bias_initializer: ones",
     "[5, 4, 3]", 1},
    {"filters: 2, kernel_size: 2, dilation_rate: [1, 2], padding: same, use_bias: false, "
     "depthwise_regularizer: l2, pointwise_regularizer: l1, depthwise_constraint: null, "
     "pointwise_constraint: null, bias_constraint: null, data_format: null",
     "[3, 4, 2]", 1},
    {"filters: 2, kernel_size: 1, bias_regularizer: l2", "[2, 2, 17]", 1},
    {0},
};

const struct ls_layer_kind ls_layer_separable_conv_1d = {
    .kind = {.name = "SeparableConv1D",
             .aliases = (const char *const[]){"SeparableConvolution1D", NULL},
             .summary = "a depthwise convolution along a series, then a product over the channels",
             .options = options,
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
    .examples = examples_1,
};

const struct ls_layer_kind ls_layer_separable_conv_2d = {
    .kind = {.name = "SeparableConv2D",
             .aliases = (const char *const[]){"SeparableConvolution2D", NULL},
             .summary = "a depthwise convolution over an image, then a product over the channels",
             .options = options,
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
    .examples = examples_2,
};
