/* GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalAveragePooling1D, GlobalAveragePooling2D: one
 * number of all cells of a channel. */
#include <string.h>

#include "kernel/kernels.h"
#include "layer/call.h"
#include "layer/images.h"
#include "layer/options.h"

struct global_pooling {
    int data_format;
    bool keepdims;
};

static const struct ls_option options[] = {
    LS_CHANNELS_LAST_OPTION(struct global_pooling),
    {.name = "keepdims",
     .type = LS_OPTION_BOOL,
     .offset = offsetof(struct global_pooling, keepdims),
     .initial = "false",
     .help = "keep the axes that are gone through, with one cell each"},
    {.name = NULL},
};

static ls_status shape(const struct ls_layer *layer, struct ls_call_shapes *shapes, int spatial)
{
    const struct global_pooling *o = layer->options;
    const struct ls_shape *in = &shapes->in[0];
    LS_TRY(ls_image_check(layer, in, spatial));
    shapes->outputs = 1;
    shapes->out[0] = (struct ls_shape){.rank = 1, .size = {in->size[spatial]}};
    return o->keepdims ? ls_image_result(layer, shapes, (const size_t[2]){1, 1}) : LS_OK;
}

static ls_status average_shape_1d(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                                  struct ls_call_needs *needs)
{
    (void)needs;
    return shape(layer, shapes, 1);
}

static ls_status average_shape_2d(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                                  struct ls_call_needs *needs)
{
    (void)needs;
    return shape(layer, shapes, 2);
}

static ls_status max_shape_1d(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                              struct ls_call_needs *needs)
{
    needs->work_floats = ls_last_axis(&shapes->in[0]);
    return shape(layer, shapes, 1);
}

static ls_status max_shape_2d(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                              struct ls_call_needs *needs)
{
    needs->work_floats = ls_last_axis(&shapes->in[0]);
    return shape(layer, shapes, 2);
}

struct sizes {
    size_t rows, cells, channels;
};

static struct sizes sizes_of(const struct ls_call *call)
{
    const struct ls_shape *in = &call->shapes->in[0];
    const size_t channels = ls_last_axis(in);
    return (struct sizes){.rows = (size_t)call->rows,
                          .cells = (size_t)ls_shape_count(in) / channels,
                          .channels = channels};
}

/* -- mean; of the steps that are not masked, where the input has a mask: NaN where all are, as in
 * Keras */

static float masked_sum(float *out, const float *in, const float *mask, const struct sizes *s)
{
    float count = 0;
    ls_k->fill(out, 0, s->channels);
    for (size_t i = 0; i < s->cells; i++)
        if (mask[i] != 0) {
            ls_k->add(out, out, in + i * s->channels, s->channels);
            count++;
        }
    return count;
}

static void average_forward(const struct ls_call *call)
{
    const struct sizes s = sizes_of(call);
    const float *in = call->in[0], *mask = ls_call_mask(call, 0);
    float *out = call->out[0];
    for (size_t r = 0; r < s.rows; r++, in += s.cells * s.channels, out += s.channels) {
        float count = (float)s.cells;
        if (mask)
            count = masked_sum(out, in, mask + r * s.cells, &s);
        else
            ls_k->column_sums(out, in, s.cells, s.channels, false);
        for (size_t c = 0; c < s.channels; c++)
            out[c] /= count;
    }
}

static void average_backward(const struct ls_call *call)
{
    const struct sizes s = sizes_of(call);
    const float *grad = call->out_grad[0], *mask = ls_call_mask(call, 0);
    float *in_grad = call->in_grad[0];
    for (size_t r = 0; in_grad && r < s.rows; r++, grad += s.channels) {
        size_t count = mask ? 0 : s.cells;
        for (size_t i = 0; mask && i < s.cells; i++)
            count += mask[r * s.cells + i] != 0;
        for (size_t i = 0; i < s.cells; i++, in_grad += s.channels) {
            if (mask && mask[r * s.cells + i] == 0)
                ls_k->fill(in_grad, 0, s.channels);
            else
                ls_k->scale(in_grad, grad, 1 / (float)count, s.channels);
        }
    }
}

/* -- maximum: equals share the gradient, as in Keras (windows give it to the first) */

static void max_forward(const struct ls_call *call)
{
    const struct sizes s = sizes_of(call);
    const float *in = call->in[0];
    float *out = call->out[0];
    for (size_t r = 0; r < s.rows; r++, out += s.channels) {
        memcpy(out, in, s.channels * sizeof *out);
        in += s.channels;
        for (size_t i = 1; i < s.cells; i++, in += s.channels)
            ls_k->maximum(out, out, in, s.channels);
    }
}

/* What each of the largest of a channel gets. */
static void shares(float *restrict share, const float *restrict in, const float *restrict out,
                   const float *restrict grad, const struct sizes *s)
{
    memset(share, 0, s->channels * sizeof *share);
    for (size_t i = 0; i < s->cells; i++, in += s->channels)
        for (size_t c = 0; c < s->channels; c++)
            share[c] += in[c] == out[c] ? 1.0F : 0.0F;
    for (size_t c = 0; c < s->channels; c++)
        share[c] = grad[c] / share[c];
}

static void max_backward(const struct ls_call *call)
{
    const struct sizes s = sizes_of(call);
    const float *in = call->in[0], *out = call->out[0], *grad = call->out_grad[0];
    float *in_grad = call->in_grad[0], *restrict share = call->work;
    for (size_t r = 0; in_grad && r < s.rows; r++, out += s.channels, grad += s.channels) {
        shares(share, in, out, grad, &s);
        for (size_t i = 0; i < s.cells; i++, in += s.channels, in_grad += s.channels)
            for (size_t c = 0; c < s.channels; c++)
                in_grad[c] = in[c] == out[c] ? share[c] : 0.0F;
    }
}

static const struct ls_layer_example examples_1d[] = {
    {"{}", "[4, 3]", 1},
    {"keepdims: true, data_format: channels_last", "[3, 17]", 1},
    {0},
};

static const struct ls_layer_example masked_examples[] = {
    {"{}", "[4, 3]", 1},
    {"keepdims: true, data_format: channels_last", "[3, 17]", 1},
    {"{}", "{masked: [6, 3]}", 1},
    {"keepdims: true", "{masked: [5, 2]}", 1},
    {0},
};

static const struct ls_layer_example examples_2d[] = {
    {"{}", "[3, 2, 3]", 1},
    {"keepdims: true, data_format: null", "[2, 3, 2]", 1},
    {0},
};

const struct ls_layer_kind ls_layer_global_max_pooling_1d = {
    .kind = {.name = "GlobalMaxPooling1D",
             .aliases = (const char *const[]){"GlobalMaxPool1D", NULL},
             .summary = "the largest of all steps",
             .options = options,
             .options_size = sizeof(struct global_pooling)},
    .flags = LS_LAYER_READS_IN | LS_LAYER_READS_OUT,
    .shape = max_shape_1d,
    .forward = max_forward,
    .backward = max_backward,
    .examples = examples_1d,
};

const struct ls_layer_kind ls_layer_global_max_pooling_2d = {
    .kind = {.name = "GlobalMaxPooling2D",
             .aliases = (const char *const[]){"GlobalMaxPool2D", NULL},
             .summary = "the largest of all cells of an image",
             .options = options,
             .options_size = sizeof(struct global_pooling)},
    .flags = LS_LAYER_READS_IN | LS_LAYER_READS_OUT,
    .shape = max_shape_2d,
    .forward = max_forward,
    .backward = max_backward,
    .examples = examples_2d,
};

const struct ls_layer_kind ls_layer_global_average_pooling_1d = {
    .kind = {.name = "GlobalAveragePooling1D",
             .aliases = (const char *const[]){"GlobalAvgPool1D", NULL},
             .summary = "the mean of all steps that are not masked",
             .options = options,
             .options_size = sizeof(struct global_pooling)},
    .flags = LS_LAYER_READS_MASK,
    .shape = average_shape_1d,
    .forward = average_forward,
    .backward = average_backward,
    .examples = masked_examples,
};

const struct ls_layer_kind ls_layer_global_average_pooling_2d = {
    .kind = {.name = "GlobalAveragePooling2D",
             .aliases = (const char *const[]){"GlobalAvgPool2D", NULL},
             .summary = "the mean of all cells of an image",
             .options = options,
             .options_size = sizeof(struct global_pooling)},
    .shape = average_shape_2d,
    .forward = average_forward,
    .backward = average_backward,
    .examples = examples_2d,
};
