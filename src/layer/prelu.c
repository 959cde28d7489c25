/* PReLU (He et al., Delving Deep into Rectifiers, ICCV 2015): x above 0, alpha x below, with an
 * alpha that is learnt for each element of a sample, or for all along the shared axes. */
#include <string.h>

#include "kernel/kernels.h"
#include "layer/call.h"
#include "layer/options.h"
#include "layer/strides.h"

struct prelu {
    struct ls_weight_options alpha;
    struct ls_ints shared_axes;
};

enum { ALPHA };

static const struct ls_option options[] = {
    LS_INITIALIZER_OPTION("alpha", struct prelu, alpha, "Zeros"),
    LS_REGULARIZER_OPTION("alpha", struct prelu, alpha),
    LS_CONSTRAINT_OPTION("alpha", struct prelu, alpha),
    {.name = "shared_axes",
     .type = LS_OPTION_INTS,
     .offset = offsetof(struct prelu, shared_axes),
     .initial = "null",
     .min = 1,
     .max = LS_RANK_MAX,
     .help = "axes along which there is one alpha, counted from 1: [1, 2] of images; null: none"},
    {.name = NULL},
};

/* Of one sample's elements: where each has its alpha. A single number is an axis of 1. */
static struct ls_strides spread(const struct ls_layer *layer, const struct ls_shape *in)
{
    const struct ls_ints *shared = &((const struct prelu *)layer->options)->shared_axes;
    struct ls_strides s = {.shape = *in};
    size_t all = 1;
    bool one[LS_RANK_MAX + 1] = {0};
    if (in->rank == 0)
        s.shape = (struct ls_shape){1, {1}};
    for (size_t i = 0; i < shared->count; i++)
        one[shared->value[i] - 1] = true;
    for (int i = s.shape.rank; i-- > 0; all *= one[i] ? 1 : (size_t)s.shape.size[i])
        s.step[i] = one[i] ? 0 : all;
    return s;
}

static struct ls_shape alpha_shape(const struct ls_layer *layer, const struct ls_shape *in)
{
    const struct ls_ints *shared = &((const struct prelu *)layer->options)->shared_axes;
    struct ls_shape made = *in;
    for (size_t i = 0; i < shared->count; i++)
        made.size[shared->value[i] - 1] = 1;
    return made;
}

static ls_status shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                       struct ls_call_needs *needs)
{
    const struct ls_ints *shared = &((const struct prelu *)layer->options)->shared_axes;
    for (size_t i = 0; i < shared->count; i++) {
        int axis;
        LS_TRY(ls_layer_axis(layer, &shapes->in[0], "shared_axes", shared->value[i], &axis));
    }
    struct ls_shape alpha = alpha_shape(layer, &shapes->in[0]);
    shapes->outputs = 1;
    shapes->out[0] = shapes->in[0];
    needs->work_floats = (size_t)ls_shape_count(&alpha);
    return LS_OK;
}

static ls_status build(struct ls_layer *layer, const struct ls_call_shapes *shapes)
{
    const struct prelu *o = layer->options;
    ls_layer_declare(layer, "alpha", alpha_shape(layer, &shapes->in[0]), &o->alpha);
    return LS_OK;
}

/* One run of elements with their alphas, or, with a step of 0, their alpha. */
static void rectify(float *out, const float *in, const float *alpha, size_t step, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = in[i] > 0 ? in[i] : alpha[i * step] * in[i]; /* NaN stays NaN */
}

static void forward(const struct ls_call *call)
{
    struct ls_strides s = spread(call->layer, &call->shapes->in[0]);
    size_t n = ls_strides_length(&s), step = ls_strides_step(&s), runs = ls_strides_runs(&s);
    const float *in = call->in[0];
    float *out = call->out[0];
    for (int64_t r = 0; r < call->rows; r++)
        for (size_t run = 0; run < runs; run++, in += n, out += n) {
            const float *alpha = call->weight[ALPHA] + ls_strides_at(&s, run);
            if (step) /* so that the compiler sees both cases */
                rectify(out, in, alpha, 1, n);
            else
                rectify(out, in, alpha, 0, n);
        }
}

/* The slope at 0 is 0, as Keras' is. */
static void backward_input(const struct ls_call *call, const struct ls_strides *s)
{
    size_t n = ls_strides_length(s), step = ls_strides_step(s), runs = ls_strides_runs(s);
    const float *in = call->in[0], *grad = call->out_grad[0];
    float *in_grad = call->in_grad[0];
    for (int64_t r = 0; r < call->rows; r++)
        for (size_t run = 0; run < runs; run++, in += n, grad += n, in_grad += n) {
            const float *alpha = call->weight[ALPHA] + ls_strides_at(s, run);
            for (size_t i = 0; i < n; i++)
                in_grad[i] = grad[i] * (in[i] > 0 ? 1 : in[i] < 0 ? alpha[i * step] : in[i]);
        }
}

static void backward_alpha(const struct ls_call *call, const struct ls_strides *s)
{
    size_t n = ls_strides_length(s), step = ls_strides_step(s), runs = ls_strides_runs(s);
    const float *in = call->in[0], *grad = call->out_grad[0];
    size_t count = (size_t)ls_shape_count(&call->layer->variable[ALPHA].shape);
    ls_k->fill(call->work, 0, count);
    for (int64_t r = 0; r < call->rows; r++)
        for (size_t run = 0; run < runs; run++, in += n, grad += n) {
            float *sum = call->work + ls_strides_at(s, run);
            for (size_t i = 0; i < n; i++)
                sum[i * step] += grad[i] * (in[i] > 0 ? 0 : in[i]);
        }
    if (call->accumulate)
        ls_k->add(call->weight_grad[ALPHA], call->weight_grad[ALPHA], call->work, count);
    else
        memcpy(call->weight_grad[ALPHA], call->work, count * sizeof(float));
}

static void backward(const struct ls_call *call)
{
    struct ls_strides s = spread(call->layer, &call->shapes->in[0]);
    if (call->weight_grad[ALPHA])
        backward_alpha(call, &s);
    if (call->in_grad[0])
        backward_input(call, &s);
}

const struct ls_layer_kind ls_layer_prelu = {
    .kind = {.name = "PReLU",
             .summary = "x above 0, alpha x below, alpha being learnt",
             .options = options,
             .options_size = sizeof(struct prelu)},
    .flags = LS_LAYER_PASSES_MASK | LS_LAYER_READS_IN,
    .build = build,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .examples =
        (const struct ls_layer_example[]){
            {"{}", "[7]", 1},
            {"alpha_initializer: {Constant: {value: 0.25}}, shared_axes: [1]", "[2, 5]", 1},
            {"alpha_regularizer: l2, shared_axes: [1, 2]", "[2, 3, 4]", 1},
            {"alpha_constraint: null, shared_axes: 2", "[3, 4]", 1},
            {"shared_axes: null", "[]", 1},
            {0}},
};
