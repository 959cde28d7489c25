/* Conv1DTranspose, Conv2DTranspose: the gradient of a convolution's image, as a layer. The
 * convolution goes from the layer's result to its input. */
#include "kernel/kernels.h"
#include "layer/call.h"
#include "layer/convolution.h"

enum { KERNEL };

static const struct ls_option options[] = {
    LS_FILTERS_OPTION,
    LS_KERNEL_SIZE_OPTION,
    LS_STRIDES_OPTION("steps between the places of two elements of the input, by axis"),
    LS_PADDING_OPTION(ls_convolution_paddings,
                      "valid: all that the kernel reaches; same: strides times the input"),
    {.name = "output_padding",
     .type = LS_OPTION_INTS,
     LS_CONVOLUTION_FIELD(output_padding),
     .initial = "null",
     .max = LS_CONVOLUTION_STEPS_MAX,
     .help = "cells more at the end, below the strides; null: as padding says"},
    LS_CHANNELS_LAST_OPTION(struct ls_convolution_options),
    LS_DILATION_OPTION,
    LS_ACTIVATION_OPTION(struct ls_convolution_options, "linear"),
    LS_USE_BIAS_OPTION(struct ls_convolution_options),
    LS_INITIALIZER_OPTION("kernel", struct ls_convolution_options, kernel, "GlorotUniform"),
    LS_INITIALIZER_OPTION("bias", struct ls_convolution_options, bias, "Zeros"),
    LS_REGULARIZER_OPTION("kernel", struct ls_convolution_options, kernel),
    LS_REGULARIZER_OPTION("bias", struct ls_convolution_options, bias),
    LS_ACTIVITY_REGULARIZER_OPTION(struct ls_convolution_options),
    LS_CONSTRAINT_OPTION("kernel", struct ls_convolution_options, kernel),
    LS_CONSTRAINT_OPTION("bias", struct ls_convolution_options, bias),
    {.name = NULL},
};

/* -- shapes */

/* Keras, by axis, k being the kernel's span and p the output_padding: valid has (n - 1) s + k + p
 * cells, p being max(s - k, 0) where it is null; same n s, or (n - 1) s + k mod 2 + p. What same
 * has less than the (n - 1) s + k that the kernel reaches is cut off at both ends, the odd one at
 * the end. */
static struct ls_convolution_shape geometry(const struct ls_convolution_options *o,
                                            const struct ls_shape *in)
{
    const int spatial = in->rank - 1;
    const bool padded = o->output_padding.count > 0;
    struct ls_convolution_shape g = ls_convolution_window(o, in);
    g.filters = g.channels;
    g.channels = o->filters;
    g.groups = 1;
    for (int a = 0; a < 2; a++) {
        const int64_t span = (g.kernel[a] - 1) * g.dilation[a] + 1, stride = g.stride[a];
        const int64_t padding = padded ? ls_convolution_at(&o->output_padding, a, spatial, 0) : 0;
        const int64_t reached = (g.in[a] - 1) * stride + span;
        int64_t size;
        if (o->padding == LS_PADDING_VALID)
            size = reached + (padded ? padding : span < stride ? stride - span : 0);
        else
            size = padded ? reached - span + span % 2 + padding : g.in[a] * stride;
        g.out[a] = g.in[a];
        g.in[a] = size;
        g.before[a] = reached > size ? (reached - size) / 2 : 0;
    }
    return g;
}

static ls_status check_output_padding(const struct ls_layer *layer, int spatial)
{
    const struct ls_convolution_options *o = layer->options;
    const struct ls_ints *padding = &o->output_padding;
    if (padding->count > 0 && !padding->scalar && padding->count != (size_t)spatial)
        return ls_layer_fail(layer, "output_padding: expected one number%s, found %zu",
                             spatial == 2 ? ", or two: height and width" : "", padding->count);
    for (int a = 2 - spatial; padding->count && a < 2; a++) {
        const int64_t stride = ls_convolution_at(&o->strides, a, spatial, 1);
        const int64_t found = ls_convolution_at(padding, a, spatial, 0);
        if (found >= stride)
            return ls_layer_fail(layer,
                                 "output_padding: must be below the stride, %lld, found %lld",
                                 (long long)stride, (long long)found);
    }
    return LS_OK;
}

static ls_status check_result(const struct ls_layer *layer, const struct ls_convolution_shape *g,
                              const struct ls_shape *in)
{
    char text[LS_SHAPE_TEXT];
    ls_shape_format(text, in);
    if (g->in[0] > 0 && g->in[1] > 0)
        return LS_OK;
    return ls_layer_fail(layer, "output_padding: nothing is left of the result of %s", text);
}

static ls_status shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                       struct ls_call_needs *needs, int spatial)
{
    LS_TRY(ls_convolution_check(layer, &shapes->in[0], spatial));
    LS_TRY(ls_convolution_check_steps(layer, spatial));
    LS_TRY(check_output_padding(layer, spatial));
    const struct ls_convolution_shape g = geometry(layer->options, &shapes->in[0]);
    LS_TRY(check_result(layer, &g, &shapes->in[0]));
    return ls_convolution_result(layer, shapes, needs, g.in, g.channels);
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
    const int64_t channels[2] = {g.channels, g.filters};
    struct ls_shape kernel = ls_convolution_kernel_shape(&g, shapes->in[0].rank - 1, channels);
    LS_TRY(ls_convolution_declare(layer, "kernel", kernel, &o->kernel));
    ls_convolution_declare_rest(layer, o->filters);
    return LS_OK;
}

/* -- calls */

static ls_status prepare(const struct ls_call *call, void **prepared)
{
    const struct ls_convolution_shape g = geometry(call->layer->options, &call->shapes->in[0]);
    return ls_convolution_prepare(prepared, call, &g, LS_CONVOLUTION_DATA, false);
}

static ls_status prepared_bytes(const struct ls_call *call, size_t *bytes)
{
    const struct ls_convolution_shape g = geometry(call->layer->options, &call->shapes->in[0]);
    return ls_convolution_prepared_bytes(bytes, call, &g, LS_CONVOLUTION_DATA, false);
}

static void forward(const struct ls_call *call)
{
    if (call->rows == 0)
        return;
    ls_convolution_data(call->prepared, call->out[0], call->in[0], call->weight[KERNEL]);
    ls_convolution_activate(call, ls_convolution_bias(call), call->saved);
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
        ls_convolution_kernel(call->prepared, kernel_grad, grad, call->in[0], call->accumulate);
    ls_call_written(call);
    if (call->in_grad[0])
        ls_convolution_forward(call->prepared, call->in_grad[0], grad, call->weight[KERNEL], NULL);
}

static void flops(const struct ls_layer *layer, const struct ls_call_shapes *shapes,
                  struct ls_call_flops *flops)
{
    const struct ls_convolution_shape g = geometry(layer->options, &shapes->in[0]);
    double product = ls_convolution_flops(&g);
    *flops = (struct ls_call_flops){product, product, product};
}

static const struct ls_layer_example examples_1[] = {
    {"filters: 3, kernel_size: 3", "[4, 2]", 1},
    {"filters: 2, kernel_size: [4], strides: 3, padding: same, output_padding: 1, activation: "
     "tanh, data_format: channels_last",
     "[3, 3]", 1},
    {"filters: 4, kernel_size: 3, padding: same, dilation_rate: 2, use_bias: false", "[5, 1]", 1},
    {0},
};

static const struct ls_layer_example examples_2[] = {
    {"filters: 3, kernel_size: 3, activation: softplus", "[3, 4, 2]", 1},
    {"filters: 2, kernel_size: [3, 2], strides: [2, 3], padding: same, activation: elu",
     "[3, 2, 3]", 1},
    {"filters: 1, kernel_size: 2, strides: 3, use_bias: false, kernel_initializer: he_normal, "
     "kernel_regularizer: l2, kernel_constraint: null, activity_regularizer: l2",
     "[2, 3, 2]", 1},
    {"filters: 2, kernel_size: 3, strides: 2, padding: same, output_padding: [0, 1], activation: "
     "gelu, bias_initializer: ones, bias_regularizer: l1, bias_constraint: null",
     "[3, 3, 2]", 1},
    {"filters: 2, kernel_size: 2, strides: 2, output_padding: 1, data_format: null", "[2, 3, 4]",
     1},
    {"filters: 17, kernel_size: 3, dilation_rate: [2, 1], padding: same", "[4, 3, 1]", 1},
    {0},
};

const struct ls_layer_kind ls_layer_conv_1d_transpose = {
    .kind = {.name = "Conv1DTranspose",
             .aliases = (const char *const[]){"Convolution1DTranspose", NULL},
             .summary = "a convolution backwards: every step writes a kernel",
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

const struct ls_layer_kind ls_layer_conv_2d_transpose = {
    .kind = {.name = "Conv2DTranspose",
             .aliases = (const char *const[]){"Convolution2DTranspose", NULL},
             .summary = "a convolution backwards: every element writes a kernel",
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
