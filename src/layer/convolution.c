#include "layer/convolution.h"

#include <string.h>

#include "kernel/kernels.h"
#include "layer/call.h"
#include "layer/images.h"

const char *const ls_convolution_paddings[] = {"valid", "same", NULL};
const char *const ls_convolution_causal_paddings[] = {"valid", "same", "causal", NULL};

/* -- the window */

static ls_status check_sizes(const struct ls_layer *layer, const char *name,
                             const struct ls_ints *sizes, int spatial)
{
    if (sizes->scalar || sizes->count == (size_t)spatial) /* Keras takes no list of one for two */
        return LS_OK;
    return ls_layer_fail(layer, "%s: expected one number%s, found %zu", name,
                         spatial == 2 ? ", or two: height and width" : "", sizes->count);
}

ls_status ls_convolution_check(const struct ls_layer *layer, const struct ls_shape *in, int spatial)
{
    const struct ls_convolution_options *o = layer->options;
    LS_TRY(ls_image_check(layer, in, spatial));
    LS_TRY(check_sizes(layer, "kernel_size", &o->kernel_size, spatial));
    LS_TRY(check_sizes(layer, "strides", &o->strides, spatial));
    return check_sizes(layer, "dilation_rate", &o->dilation_rate, spatial);
}

int64_t ls_convolution_at(const struct ls_ints *option, int axis, int spatial, int64_t single)
{
    if (spatial == 1 && axis == 0)
        return single;
    return option->value[option->count == 2 ? axis : 0];
}

ls_status ls_convolution_check_steps(const struct ls_layer *layer, int spatial)
{
    const struct ls_convolution_options *o = layer->options;
    bool strides = false, dilated = false;
    for (int a = 0; a < 2; a++) {
        strides |= ls_convolution_at(&o->strides, a, spatial, 1) > 1;
        dilated |= ls_convolution_at(&o->dilation_rate, a, spatial, 1) > 1;
    }
    if (strides && dilated)
        return ls_layer_fail(layer, "strides and dilation_rate cannot both be more than 1");
    return LS_OK;
}

struct ls_convolution_shape ls_convolution_window(const struct ls_convolution_options *o,
                                                  const struct ls_shape *in)
{
    const int spatial = in->rank - 1;
    struct ls_convolution_shape w = {.channels = in->size[spatial]};
    for (int a = 0; a < 2; a++) {
        const bool none = spatial == 1 && a == 0;
        const int64_t size = none ? 1 : in->size[a - (2 - spatial)];
        w.in[a] = size;
        w.kernel[a] = ls_convolution_at(&o->kernel_size, a, spatial, 1);
        w.stride[a] = ls_convolution_at(&o->strides, a, spatial, 1);
        w.dilation[a] = ls_convolution_at(&o->dilation_rate, a, spatial, 1);
        const int64_t span = (w.kernel[a] - 1) * w.dilation[a] + 1;
        w.out[a] = (size - 1) / w.stride[a] + 1; /* same, causal */
        const int64_t lacks = (w.out[a] - 1) * w.stride[a] + span - size;
        if (o->padding == LS_PADDING_SAME)
            w.before[a] = lacks > 0 ? lacks / 2 : 0;
        else if (o->padding == LS_PADDING_CAUSAL)
            w.before[a] = span - 1;
        else
            w.out[a] = size < span ? 0 : (size - span) / w.stride[a] + 1;
    }
    return w;
}

ls_status ls_convolution_check_window(const struct ls_layer *layer,
                                      const struct ls_convolution_shape *w,
                                      const struct ls_shape *in)
{
    char text[LS_SHAPE_TEXT];
    ls_shape_format(text, in);
    for (int a = 0; a < 2; a++)
        if (w->out[a] < 1)
            return ls_layer_fail(
                layer, "kernel_size: the kernel spans %lld cells of an axis that has %lld in %s",
                (long long)((w->kernel[a] - 1) * w->dilation[a] + 1), (long long)w->in[a], text);
    return LS_OK;
}

ls_status ls_convolution_result(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                                struct ls_call_needs *needs, const int64_t size[2],
                                int64_t channels)
{
    const struct ls_convolution_options *o = layer->options;
    const struct ls_activation f = ls_activation_of(&o->activation);
    const int spatial = shapes->in[0].rank - 1;
    struct ls_shape *out = &shapes->out[0];
    shapes->outputs = 1;
    *out = (struct ls_shape){.rank = spatial + 1};
    for (int a = 0; a < spatial; a++)
        out->size[a] = size[a + 2 - spatial];
    out->size[spatial] = channels;
    LS_TRY(ls_layer_check_size(layer, out));
    size_t count = (size_t)ls_shape_count(out);
    if (f.id != LS_ACTIVATION_LINEAR)
        needs->work_floats_per_row = count;
    if (ls_activation_saves(&f) == LS_SAVES_INPUT)
        needs->saved_floats_per_row = count;
    return LS_OK;
}

/* -- variables */

struct ls_shape ls_convolution_kernel_shape(const struct ls_convolution_shape *window, int spatial,
                                            const int64_t channels[2])
{
    struct ls_shape shape = {.rank = spatial + 2};
    for (int a = 0; a < spatial; a++)
        shape.size[a] = window->kernel[a + 2 - spatial];
    shape.size[spatial] = channels[0];
    shape.size[spatial + 1] = channels[1];
    return shape;
}

ls_status ls_convolution_declare(struct ls_layer *layer, const char *name, struct ls_shape shape,
                                 const struct ls_weight_options *options)
{
    static const int64_t most = (int64_t)1 << 40; /* as of a result */
    if (ls_shape_count(&shape) > most)
        return ls_layer_fail(layer, "a %s of %lld numbers is too large", name,
                             (long long)ls_shape_count(&shape));
    ls_layer_declare(layer, name, shape, options);
    return LS_OK;
}

void ls_convolution_declare_rest(struct ls_layer *layer, int64_t filters)
{
    const struct ls_convolution_options *o = layer->options;
    if (o->use_bias)
        ls_layer_declare(layer, "bias", (struct ls_shape){1, {filters}}, &o->bias);
    layer->has_activation = true;
    layer->activation = ls_activation_of(&o->activation);
    layer->activity_regularizer = o->activity_regularizer.kind ? &o->activity_regularizer : NULL;
}

unsigned ls_convolution_flags(const struct ls_layer *layer)
{
    const struct ls_convolution_options *o = layer->options;
    const struct ls_activation f = ls_activation_of(&o->activation);
    return LS_LAYER_READS_IN |
           (ls_activation_saves(&f) == LS_SAVES_OUTPUT ? LS_LAYER_READS_OUT : 0);
}

/* -- what comes after and before the products */

static struct ls_activation function_of(const struct ls_call *call)
{
    return call->defer_activation ? ls_activation_default(LS_ACTIVATION_LINEAR)
                                  : call->layer->activation;
}

static size_t cells_of(const struct ls_call *call)
{
    const struct ls_shape *out = &call->shapes->out[0];
    return (size_t)(call->rows * (ls_shape_count(out) / (int64_t)ls_last_axis(out)));
}

static bool has_bias(const struct ls_call *call)
{
    const struct ls_convolution_options *o = call->layer->options;
    return o->use_bias;
}

const float *ls_convolution_bias(const struct ls_call *call)
{
    return has_bias(call) ? call->weight[call->layer->variables - 1] : NULL;
}

void ls_convolution_activate(const struct ls_call *call, const float *bias, float *before)
{
    const struct ls_activation f = function_of(call);
    if (ls_activation_saves(&f) != LS_SAVES_INPUT)
        before = NULL;
    if (bias || f.id != LS_ACTIVATION_LINEAR)
        ls_k->bias_activate(call->out[0], before, bias, &f, cells_of(call),
                            ls_last_axis(&call->shapes->out[0]));
}

const float *ls_convolution_activate_back(const struct ls_call *call, const float *before)
{
    const struct ls_activation f = function_of(call);
    const size_t cells = cells_of(call), filters = ls_last_axis(&call->shapes->out[0]);
    const float *grad = call->out_grad[0];
    float *bias_grad = has_bias(call) ? call->weight_grad[call->layer->variables - 1] : NULL;
    if (f.id != LS_ACTIVATION_LINEAR) {
        ls_k->activate_backward(call->work, grad, ls_activation_saved(&f, before, call->out[0]), &f,
                                cells * filters, filters);
        grad = call->work;
    }
    if (bias_grad)
        ls_k->column_sums(bias_grad, grad, cells, filters, call->accumulate);
    return grad;
}

void ls_convolution_no_rows(const struct ls_call *call)
{
    for (size_t v = 0; v < call->layer->variables && !call->accumulate; v++)
        if (call->weight_grad[v])
            ls_k->fill(call->weight_grad[v], 0,
                       (size_t)ls_shape_count(&call->layer->variable[v].shape));
}

double ls_convolution_flops(const struct ls_convolution_shape *s)
{
    return 2.0 * (double)(s->out[0] * s->out[1]) * (double)s->filters *
           (double)(s->kernel[0] * s->kernel[1]) * (double)(s->channels / s->groups);
}

/* -- for the tables */

/* Keras 2 writes what these layers inherit and do not have: groups of 1 (into all of them), and in
 * depthwise ones the options of a kernel. */
ls_status ls_convolution_read(struct ls_tree *config)
{
    static const char *const kernel[] = {"kernel_initializer", "kernel_regularizer",
                                         "kernel_constraint"};
    struct ls_tree *groups = (struct ls_tree *)ls_tree_find(config, "groups");
    if (groups && groups->type == LS_TREE_SCALAR && strcmp(groups->text, "1") == 0)
        ls_tree_remove(groups);
    for (size_t i = 0; ls_tree_find(config, "depthwise_initializer") && i < 3; i++) {
        struct ls_tree *entry = (struct ls_tree *)ls_tree_find(config, kernel[i]);
        if (entry)
            ls_tree_remove(entry);
    }
    return LS_OK;
}

static unsigned passes_of(const struct ls_call *call, enum ls_convolution_pass result)
{
    unsigned passes = 1u << result;
    if (call->in_grad[0])
        passes |= 1u << LS_CONVOLUTION_FORWARD | 1u << LS_CONVOLUTION_DATA;
    if (call->weight_grad[0])
        passes |= 1u << LS_CONVOLUTION_KERNEL;
    if (call->training)
        passes |= LS_CONVOLUTION_FAST;
    return passes;
}

ls_status ls_convolution_prepare(void **prepared, const struct ls_call *call,
                                 const struct ls_convolution_shape *window,
                                 enum ls_convolution_pass result, bool bias)
{
    struct ls_convolution_shape shape = *window;
    struct ls_convolution *made;
    shape.rows = call->rows;
    LS_TRY(ls_convolution_create(&made, &shape, passes_of(call, result), bias));
    *prepared = made;
    return LS_OK;
}

ls_status ls_convolution_prepared_bytes(size_t *bytes, const struct ls_call *call,
                                        const struct ls_convolution_shape *window,
                                        enum ls_convolution_pass result, bool bias)
{
    struct ls_convolution_shape shape = *window;
    shape.rows = call->rows;
    return ls_convolution_bytes(bytes, &shape, passes_of(call, result), bias);
}

void ls_convolution_discard(void *prepared)
{
    ls_convolution_free(prepared);
}
