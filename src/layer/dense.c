/* Dense: y = f(x W + b) on the last axis. The family to copy. */
#include "base/memory.h"
#include "kernel/gemm.h"
#include "kernel/kernels.h"
#include "layer/call.h"
#include "layer/options.h"

struct dense {
    int64_t units;
    bool use_bias;
    struct ls_instance activation;
    struct ls_weight_options kernel, bias;
    struct ls_instance activity_regularizer;
    char *quantization_config;
};

enum { KERNEL, BIAS };

static const struct ls_option options[] = {
    {.name = "units",
     .type = LS_OPTION_INT,
     .offset = offsetof(struct dense, units),
     .min = 1,
     .max = INT32_MAX,
     .help = "size of the output's last axis"},
    LS_ACTIVATION_OPTION(struct dense, "linear"),
    LS_USE_BIAS_OPTION(struct dense),
    LS_INITIALIZER_OPTION("kernel", struct dense, kernel, "GlorotUniform"),
    LS_INITIALIZER_OPTION("bias", struct dense, bias, "Zeros"),
    LS_REGULARIZER_OPTION("kernel", struct dense, kernel),
    LS_REGULARIZER_OPTION("bias", struct dense, bias),
    LS_ACTIVITY_REGULARIZER_OPTION(struct dense),
    LS_CONSTRAINT_OPTION("kernel", struct dense, kernel),
    LS_CONSTRAINT_OPTION("bias", struct dense, bias),
    LS_QUANTIZATION_OPTION(struct dense),
    {.name = NULL},
};

static ls_status shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                       struct ls_call_needs *needs)
{
    const struct dense *o = layer->options;
    const struct ls_shape *in = &shapes->in[0];
    struct ls_activation f = ls_activation_of(&o->activation);
    char text[LS_SHAPE_TEXT];
    if (in->rank == 0) {
        ls_shape_format(text, in);
        return ls_layer_fail(
            layer, "the input needs at least one axis beside the samples, it is %s", text);
    }
    shapes->outputs = 1;
    shapes->out[0] = *in;
    shapes->out[0].size[in->rank - 1] = o->units;
    size_t count = (size_t)ls_shape_count(&shapes->out[0]);
    if (f.id != LS_ACTIVATION_LINEAR)
        needs->work_floats_per_row = count;
    if (ls_activation_saves(&f) == LS_SAVES_INPUT)
        needs->saved_floats_per_row = count;
    return LS_OK;
}

static ls_status build(struct ls_layer *layer, const struct ls_call_shapes *shapes)
{
    const struct dense *o = layer->options;
    int64_t inputs = (int64_t)ls_last_axis(&shapes->in[0]);
    ls_layer_declare(layer, "kernel", (struct ls_shape){2, {inputs, o->units}}, &o->kernel);
    if (o->use_bias)
        ls_layer_declare(layer, "bias", (struct ls_shape){1, {o->units}}, &o->bias);
    layer->has_activation = true;
    layer->activation = ls_activation_of(&o->activation);
    layer->activity_regularizer = o->activity_regularizer.kind ? &o->activity_regularizer : NULL;
    return LS_OK;
}

/* The kernel's gradient reads the input; the activation's reads the output or what is saved. */
static unsigned flags_of(const struct ls_layer *layer)
{
    const struct dense *o = layer->options;
    struct ls_activation f = ls_activation_of(&o->activation);
    return LS_LAYER_PASSES_MASK | LS_LAYER_READS_IN |
           (ls_activation_saves(&f) == LS_SAVES_OUTPUT ? LS_LAYER_READS_OUT : 0);
}

static struct ls_activation function_of(const struct ls_call *call)
{
    return call->defer_activation ? ls_activation_default(LS_ACTIVATION_LINEAR)
                                  : call->layer->activation;
}

struct sizes {
    int64_t rows, inputs, units; /* rows: of all axes but the last */
};

static struct sizes sizes_of(const struct ls_call *call)
{
    const struct ls_shape *in = &call->shapes->in[0];
    int64_t inputs = (int64_t)ls_last_axis(in);
    return (struct sizes){.rows = call->rows * (ls_shape_count(in) / inputs),
                          .inputs = inputs,
                          .units = (int64_t)ls_last_axis(&call->shapes->out[0])};
}

static void forward(const struct ls_call *call)
{
    struct ls_activation f = function_of(call);
    struct sizes s = sizes_of(call);
    const float *bias = call->layer->variables > BIAS ? call->weight[BIAS] : NULL;
    float *before = ls_activation_saves(&f) == LS_SAVES_INPUT ? call->saved : NULL;
    if (s.rows == 0)
        return;
    ls_gemm(&(struct ls_gemm){.m = s.rows,
                              .n = s.units,
                              .k = s.inputs,
                              .a = call->in[0],
                              .b = call->weight[KERNEL],
                              .c = call->out[0]});
    if (bias || f.id != LS_ACTIVATION_LINEAR)
        ls_k->bias_activate(call->out[0], before, bias, &f, (size_t)s.rows, (size_t)s.units);
}

static void backward(const struct ls_call *call)
{
    struct ls_activation f = function_of(call);
    struct sizes s = sizes_of(call);
    const float *grad = call->out_grad[0];
    float *kernel_grad = call->weight_grad[KERNEL];
    float *bias_grad = call->layer->variables > BIAS ? call->weight_grad[BIAS] : NULL;
    if (f.id != LS_ACTIVATION_LINEAR) {
        ls_k->activate_backward(call->work, grad,
                                ls_activation_saved(&f, call->saved, call->out[0]), &f,
                                (size_t)(s.rows * s.units), (size_t)s.units);
        grad = call->work;
    }
    if (kernel_grad)
        ls_gemm(&(struct ls_gemm){.transpose_a = true,
                                  .m = s.inputs,
                                  .n = s.units,
                                  .k = s.rows,
                                  .a = call->in[0],
                                  .b = grad,
                                  .c = kernel_grad,
                                  .beta = call->accumulate ? 1 : 0});
    if (bias_grad)
        ls_k->column_sums(bias_grad, grad, (size_t)s.rows, (size_t)s.units, call->accumulate);
    ls_call_written(call);
    if (call->in_grad[0] && s.rows > 0)
        ls_gemm(&(struct ls_gemm){.transpose_b = true,
                                  .m = s.rows,
                                  .n = s.inputs,
                                  .k = s.units,
                                  .a = grad,
                                  .b = call->weight[KERNEL],
                                  .c = call->in_grad[0]});
}

/* Each of the three products has as many operations. */
static void flops(const struct ls_layer *layer, const struct ls_call_shapes *shapes,
                  struct ls_call_flops *flops)
{
    const struct dense *o = layer->options;
    double product = 2.0 * (double)ls_shape_count(&shapes->in[0]) * (double)o->units;
    *flops = (struct ls_call_flops){product, product, product};
}

static const struct ls_layer_example examples[] = {
    {"units: 3", "[4]", 1},
    {"units: 1, activation: sigmoid, kernel_regularizer: l2", "[5]", 1},
    {"units: 4, activation: softmax, use_bias: false", "[3]", 1},
    {"units: 3, activation: gelu, kernel_initializer: he_normal, bias_initializer: {Constant: "
     "{value: 0.25}}",
     "[2, 4]", 1},
    {"units: 5, activation: tanh, bias_regularizer: {L1: {l1: 0.1}}", "[2, 2, 3]", 1},
    {"units: 3, activation: relu, activity_regularizer: {L1L2: {l1: 0.1, l2: 0.2}}", "[4]", 2},
    {"units: 3, activation: mish, use_bias: false", "[4]", 2},
    {"units: 2, activation: null, kernel_initializer: null, bias_initializer: ones, "
     "kernel_constraint: null, bias_constraint: null, quantization_config: null",
     "[3]", 1},
    {0},
};

const struct ls_layer_kind ls_layer_dense = {
    .kind = {.name = "Dense",
             .summary = "fully connected: activation(x kernel + bias) on the last axis",
             .options = options,
             .options_size = sizeof(struct dense)},
    .flags = LS_LAYER_PASSES_MASK | LS_LAYER_READS_IN | LS_LAYER_READS_OUT,
    .flags_of = flags_of,
    .build = build,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .flops = flops,
    .examples = examples,
};
