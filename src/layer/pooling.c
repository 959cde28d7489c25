/* MaxPooling1D, MaxPooling2D, AveragePooling1D, AveragePooling2D: one number of each window. */
#include "kernel/kernels.h"
#include "layer/call.h"
#include "layer/images.h"
#include "layer/options.h"

struct pooling {
    struct ls_ints pool_size, strides;
    int padding, data_format;
};

enum { VALID, SAME };
static const char *const paddings[] = {"valid", "same", NULL};

static const struct ls_option options[] = {
    {.name = "pool_size",
     .type = LS_OPTION_INTS,
     .offset = offsetof(struct pooling, pool_size),
     .initial = "2",
     .min = 1,
     .max = LS_IMAGE_STEPS_MAX,
     .help = "cells of a window, by axis"},
    {.name = "strides",
     .type = LS_OPTION_INTS,
     .offset = offsetof(struct pooling, strides),
     .initial = "null",
     .min = 1,
     .max = LS_IMAGE_STEPS_MAX,
     .help = "cells from a window to the next, by axis; null: pool_size"},
    {.name = "padding",
     .type = LS_OPTION_CHOICE,
     .offset = offsetof(struct pooling, padding),
     .initial = "valid",
     .choices = paddings,
     .help = "valid: windows within the input; same: as many as cells a stride, cut at the edges"},
    LS_CHANNELS_LAST_OPTION(struct pooling),
    {.name = NULL},
};

/* The windows; LS_BAD_INPUT where none fits. */
static ls_status windows(struct ls_pool *p, const struct ls_layer *layer, const struct ls_shape *in)
{
    const struct pooling *o = layer->options;
    const struct ls_image image = ls_image_of(in);
    const struct ls_ints *strides = o->strides.count ? &o->strides : &o->pool_size;
    char text[LS_SHAPE_TEXT];
    *p = (struct ls_pool){.channels = image.channels, .mean = true};
    LS_TRY(ls_image_option(layer, "pool_size", &o->pool_size, in->rank - 1, p->size));
    LS_TRY(ls_image_option(layer, "strides", strides, in->rank - 1, p->stride));
    p->bytes = p->size[0] * p->size[1] <= UINT8_MAX + 1;
    ls_shape_format(text, in);
    for (int a = 0; a < 2; a++) {
        const size_t cells = image.size[a], span = p->size[a];
        if (o->padding == VALID && cells < span)
            return ls_layer_fail(layer,
                                 "pool_size: a window of %zu cells along an axis that has %zu in "
                                 "%s",
                                 span, cells, text);
        p->in[a] = cells;
        p->out[a] = ((o->padding == SAME ? cells : cells - span + 1) - 1) / p->stride[a] + 1;
        const size_t end = (p->out[a] - 1) * p->stride[a] + span;
        p->before[a] = o->padding == SAME && end > cells ? (end - cells) / 2 : 0;
    }
    return LS_OK;
}

static struct ls_pool windows_of(const struct ls_call *call)
{
    struct ls_pool p;
    (void)windows(&p, call->layer, &call->shapes->in[0]); /* shape saw to it */
    return p;
}

static ls_status shape(const struct ls_layer *layer, struct ls_call_shapes *shapes, int spatial)
{
    struct ls_pool p;
    LS_TRY(ls_image_check(layer, &shapes->in[0], spatial));
    LS_TRY(windows(&p, layer, &shapes->in[0]));
    return ls_image_result(layer, shapes, p.out);
}

/* -- maximum: of equals the first is the one that counts, in the order of a window's rows */

static ls_status max_shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                           struct ls_call_needs *needs, int spatial)
{
    static const size_t cells_max = 1 << 24; /* which a float counts */
    struct ls_pool p;
    LS_TRY(shape(layer, shapes, spatial));
    LS_TRY(windows(&p, layer, &shapes->in[0]));
    if (p.size[0] * p.size[1] > cells_max)
        return ls_layer_fail(layer, "pool_size: a window of %zu cells, there can be %zu",
                             p.size[0] * p.size[1], cells_max);
    const size_t count = (size_t)ls_shape_count(&shapes->out[0]);
    needs->saved_floats_per_row = p.bytes ? (count + sizeof(float) - 1) / sizeof(float) : count;
    return LS_OK;
}

static ls_status max_shape_1d(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                              struct ls_call_needs *needs)
{
    return max_shape(layer, shapes, needs, 1);
}

static ls_status max_shape_2d(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                              struct ls_call_needs *needs)
{
    return max_shape(layer, shapes, needs, 2);
}

static void max_forward(const struct ls_call *call)
{
    const struct ls_pool p = windows_of(call);
    ls_k->max_pool(call->out[0], call->saved, call->in[0], &p, (size_t)call->rows);
}

static void max_backward(const struct ls_call *call)
{
    const struct ls_pool p = windows_of(call);
    if (call->in_grad[0])
        ls_k->max_pool_backward(call->in_grad[0], call->out_grad[0], call->saved, &p,
                                (size_t)call->rows);
}

/* -- mean of the cells inside the input */

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

static void average_forward(const struct ls_call *call)
{
    const struct ls_pool p = windows_of(call);
    ls_k->mean_pool(call->out[0], call->in[0], &p, (size_t)call->rows);
}

static void average_backward(const struct ls_call *call)
{
    const struct ls_pool p = windows_of(call);
    if (call->in_grad[0])
        ls_k->mean_pool_backward(call->in_grad[0], call->out_grad[0], &p, (size_t)call->rows);
}

static const struct ls_layer_example examples_1d[] = {
    {"{}", "[6, 3]", 1},
    {"pool_size: 3, strides: 2, padding: same", "[7, 2]", 1},
    {"pool_size: [2], strides: [3], padding: valid, data_format: channels_last", "[9, 1]", 1},
    {"pool_size: 3, strides: 1, padding: same", "[4, 5]", 1},
    {0},
};

static const struct ls_layer_example examples_2d[] = {
    {"{}", "[4, 6, 3]", 1},
    {"pool_size: [3, 2], strides: [2, 1], padding: same", "[5, 4, 2]", 1},
    {"pool_size: 3, strides: 1, data_format: null", "[4, 5, 2]", 1},
    {"pool_size: [1, 2], strides: [2, 3], padding: valid", "[5, 5, 2]", 1},
    {"pool_size: [20, 15], padding: same", "[3, 4, 2]", 1},
    {0},
};

const struct ls_layer_kind ls_layer_max_pooling_1d = {
    .kind = {.name = "MaxPooling1D",
             .aliases = (const char *const[]){"MaxPool1D", NULL},
             .summary = "the largest of each window of steps",
             .options = options,
             .options_size = sizeof(struct pooling)},
    .shape = max_shape_1d,
    .forward = max_forward,
    .backward = max_backward,
    .examples = examples_1d,
};

const struct ls_layer_kind ls_layer_max_pooling_2d = {
    .kind = {.name = "MaxPooling2D",
             .aliases = (const char *const[]){"MaxPool2D", NULL},
             .summary = "the largest of each window of an image",
             .options = options,
             .options_size = sizeof(struct pooling)},
    .shape = max_shape_2d,
    .forward = max_forward,
    .backward = max_backward,
    .examples = examples_2d,
};

const struct ls_layer_kind ls_layer_average_pooling_1d = {
    .kind = {.name = "AveragePooling1D",
             .aliases = (const char *const[]){"AvgPool1D", NULL},
             .summary = "the mean of each window of steps",
             .options = options,
             .options_size = sizeof(struct pooling)},
    .shape = average_shape_1d,
    .forward = average_forward,
    .backward = average_backward,
    .examples = examples_1d,
};

const struct ls_layer_kind ls_layer_average_pooling_2d = {
    .kind = {.name = "AveragePooling2D",
             .aliases = (const char *const[]){"AvgPool2D", NULL},
             .summary = "the mean of each window of an image",
             .options = options,
             .options_size = sizeof(struct pooling)},
    .shape = average_shape_2d,
    .forward = average_forward,
    .backward = average_backward,
    .examples = examples_2d,
};
