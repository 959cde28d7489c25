/* Layers that put a sample's elements elsewhere: Permute, RepeatVector. */
#include <string.h>

#include "kernel/kernels.h"
#include "layer/call.h"
#include "layer/strides.h"

/* -- Permute */

struct permute {
    struct ls_ints dims;
};

static const struct ls_option permute_options[] = {
    {.name = "dims",
     .type = LS_OPTION_INTS,
     .offset = offsetof(struct permute, dims),
     .min = 1,
     .max = LS_RANK_MAX,
     .help = "the axes in their new order, counted from 1 (the samples' axis stays): [2, 1]"},
    {.name = NULL},
};

static ls_status check_dims(const struct ls_layer *layer, const struct ls_shape *in)
{
    const struct permute *o = layer->options;
    const size_t rank = (size_t)in->rank;
    unsigned seen = 0;
    char text[LS_SHAPE_TEXT];
    if (o->dims.scalar) /* Keras reads lists only */
        return ls_layer_fail(layer, "dims: expected a list of axes, as [2, 1]");
    for (size_t i = 0; i < o->dims.count; i++)
        seen |= 1U << (o->dims.value[i] - 1);
    if (seen != (1U << o->dims.count) - 1)
        return ls_layer_fail(layer, "dims: each axis from 1 to %zu must stand in it once",
                             o->dims.count);
    ls_shape_format(text, in);
    if (o->dims.count != rank)
        return ls_layer_fail(layer, "dims: %zu axes, but the input, %s, has %zu", o->dims.count,
                             text, rank);
    return LS_OK;
}

static ls_status permute_shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                               struct ls_call_needs *needs)
{
    const struct permute *o = layer->options;
    (void)needs;
    LS_TRY(check_dims(layer, &shapes->in[0]));
    shapes->outputs = 1;
    shapes->out[0].rank = shapes->in[0].rank;
    for (size_t i = 0; i < o->dims.count; i++)
        shapes->out[0].size[i] = shapes->in[0].size[o->dims.value[i] - 1];
    return LS_OK;
}

/* Where the result's elements lie in the input. */
static struct ls_strides permuted(const struct ls_call *call)
{
    const struct permute *o = call->layer->options;
    const struct ls_shape *in = &call->shapes->in[0];
    struct ls_strides s = {.shape = call->shapes->out[0]};
    size_t step[LS_RANK_MAX], all = 1;
    for (int i = in->rank; i-- > 0; all *= (size_t)in->size[i])
        step[i] = all;
    for (size_t i = 0; i < o->dims.count; i++)
        s.step[i] = step[o->dims.value[i] - 1];
    return s;
}

static void permute_forward(const struct ls_call *call)
{
    const struct ls_strides s = permuted(call);
    size_t length = ls_strides_length(&s), step = ls_strides_step(&s), runs = ls_strides_runs(&s);
    const float *in = call->in[0];
    float *out = call->out[0];
    for (int64_t r = 0; r < call->rows; r++, in += length * runs)
        for (size_t run = 0; run < runs; run++, out += length) {
            const float *from = in + ls_strides_at(&s, run);
            for (size_t i = 0; i < length; i++)
                out[i] = from[i * step];
        }
}

static void permute_backward(const struct ls_call *call)
{
    const struct ls_strides s = permuted(call);
    size_t length = ls_strides_length(&s), step = ls_strides_step(&s), runs = ls_strides_runs(&s);
    const float *grad = call->out_grad[0];
    float *in_grad = call->in_grad[0];
    for (int64_t r = 0; in_grad && r < call->rows; r++, in_grad += length * runs)
        for (size_t run = 0; run < runs; run++, grad += length) {
            float *to = in_grad + ls_strides_at(&s, run);
            for (size_t i = 0; i < length; i++)
                to[i * step] = grad[i];
        }
}

const struct ls_layer_kind ls_layer_permute = {
    .kind = {.name = "Permute",
             .summary = "the axes of a sample in another order",
             .options = permute_options,
             .options_size = sizeof(struct permute)},
    .shape = permute_shape,
    .forward = permute_forward,
    .backward = permute_backward,
    .examples = (const struct ls_layer_example[]){{"dims: [2, 1]", "[2, 3]", 1},
                                                  {"dims: [3, 1, 2]", "[2, 3, 4]", 1},
                                                  {"dims: [1]", "[3]", 1},
                                                  {0}},
};

/* -- RepeatVector */

struct repeat_vector {
    int64_t n;
};

static const struct ls_option repeat_vector_options[] = {
    {.name = "n",
     .type = LS_OPTION_INT,
     .offset = offsetof(struct repeat_vector, n),
     .min = 1,
     .max = INT32_MAX,
     .help = "how often"},
    {.name = NULL},
};

static ls_status repeat_vector_shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                                     struct ls_call_needs *needs)
{
    const struct repeat_vector *o = layer->options;
    const struct ls_shape *in = &shapes->in[0];
    char text[LS_SHAPE_TEXT];
    (void)needs;
    ls_shape_format(text, in);
    if (in->rank != 1)
        return ls_layer_fail(layer, "the input needs one axis beside the samples, it is %s", text);
    shapes->outputs = 1;
    shapes->out[0] = (struct ls_shape){.rank = 2, .size = {o->n, in->size[0]}};
    return ls_layer_check_size(layer, &shapes->out[0]);
}

static void repeat_vector_forward(const struct ls_call *call)
{
    const struct repeat_vector *o = call->layer->options;
    size_t columns = ls_last_axis(&call->shapes->in[0]);
    float *out = call->out[0];
    for (int64_t r = 0; r < call->rows; r++)
        for (int64_t i = 0; i < o->n; i++, out += columns)
            memcpy(out, call->in[0] + (size_t)r * columns, columns * sizeof *out);
}

static void repeat_vector_backward(const struct ls_call *call)
{
    const struct repeat_vector *o = call->layer->options;
    size_t columns = ls_last_axis(&call->shapes->in[0]), n = (size_t)o->n;
    for (size_t r = 0; call->in_grad[0] && r < (size_t)call->rows; r++)
        ls_k->column_sums(call->in_grad[0] + r * columns, call->out_grad[0] + r * n * columns, n,
                          columns, false);
}

const struct ls_layer_kind ls_layer_repeat_vector = {
    .kind = {.name = "RepeatVector",
             .summary = "a vector n times, as a new first axis",
             .options = repeat_vector_options,
             .options_size = sizeof(struct repeat_vector)},
    .shape = repeat_vector_shape,
    .forward = repeat_vector_forward,
    .backward = repeat_vector_backward,
    .examples = (const struct ls_layer_example[]){{"n: 3", "[4]", 1}, {"n: 1", "[1]", 1}, {0}},
};
