/* ZeroPadding1D, ZeroPadding2D, Cropping1D, Cropping2D: an image within a larger one. What one does
 * forward the other does backward. */
#include <string.h>

#include "kernel/kernels.h"
#include "layer/call.h"
#include "layer/images.h"
#include "layer/options.h"

struct padding {
    struct ls_ints amount; /* padding or cropping: one number, the begin's and the end's, or for
                              two axes both of each */
    int data_format;
};

#define AMOUNT_OPTION(option, first, two_axes, text)                                               \
    {                                                                                              \
        .name = option, .type = LS_OPTION_INTS, .offset = offsetof(struct padding, amount),        \
        .initial = first, .max = LS_IMAGE_STEPS_MAX, .pairs = two_axes, .help = text               \
    }

static const struct ls_option padding_1d_options[] = {
    AMOUNT_OPTION("padding", "1", false, "zeros at both ends, or [before, after]"),
    LS_CHANNELS_LAST_OPTION(struct padding),
    {.name = NULL},
};
static const struct ls_option padding_2d_options[] = {
    AMOUNT_OPTION("padding", "[[1, 1], [1, 1]]", true,
                  "zeros on all sides, or [height, width], each one number or [before, after]"),
    LS_CHANNELS_LAST_OPTION(struct padding),
    {.name = NULL},
};
static const struct ls_option cropping_1d_options[] = {
    AMOUNT_OPTION("cropping", "[1, 1]", false, "steps less at both ends, or [first, last]"),
    {.name = NULL},
};
static const struct ls_option cropping_2d_options[] = {
    AMOUNT_OPTION("cropping", "[[0, 0], [0, 0]]", true,
                  "cells less on all sides, or [height, width], each one number or [first, last]"),
    LS_CHANNELS_LAST_OPTION(struct padding),
    {.name = NULL},
};

/* By axis of the image: at its begin and at its end. */
struct amounts {
    size_t begin[2], end[2];
};

static struct amounts amounts_of(const struct ls_layer *layer, int spatial)
{
    const struct padding *o = layer->options;
    struct amounts a = {0};
    for (int axis = 2 - spatial; axis < 2; axis++) {
        const size_t first = o->amount.count == 4 ? 2 * (size_t)axis : 0;
        a.begin[axis] = (size_t)o->amount.value[first];
        a.end[axis] = (size_t)o->amount.value[o->amount.count == 1 ? 0 : first + 1];
    }
    return a;
}

static ls_status check(const struct ls_layer *layer, const struct ls_shape *in, int spatial)
{
    const struct padding *o = layer->options;
    const char *name = layer->kind->kind.options[0].name;
    LS_TRY(ls_image_check(layer, in, spatial));
    if (o->amount.count == 1 || o->amount.count == (size_t)spatial * 2)
        return LS_OK;
    return ls_layer_fail(layer, "%s: expected one number, or %s", name,
                         spatial == 1 ? "two: for the begin and the end"
                                      : "[height, width], each one number or two");
}

static ls_status pad_shape(const struct ls_layer *layer, struct ls_call_shapes *shapes, int spatial)
{
    size_t size[2];
    LS_TRY(check(layer, &shapes->in[0], spatial));
    const struct ls_image in = ls_image_of(&shapes->in[0]);
    const struct amounts amount = amounts_of(layer, spatial);
    for (int a = 0; a < 2; a++)
        size[a] = in.size[a] + amount.begin[a] + amount.end[a];
    return ls_image_result(layer, shapes, size);
}

static ls_status crop_shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                            int spatial)
{
    size_t size[2];
    char text[LS_SHAPE_TEXT];
    LS_TRY(check(layer, &shapes->in[0], spatial));
    const struct ls_image in = ls_image_of(&shapes->in[0]);
    const struct amounts amount = amounts_of(layer, spatial);
    ls_shape_format(text, &shapes->in[0]);
    for (int a = 0; a < 2; a++) {
        const size_t less = amount.begin[a] + amount.end[a];
        if (less >= in.size[a])
            return ls_layer_fail(layer, "cropping: %zu cells less leave none of the %zu in %s",
                                 less, in.size[a], text);
        size[a] = in.size[a] - less;
    }
    return ls_image_result(layer, shapes, size);
}

static ls_status padding_1d_shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                                  struct ls_call_needs *needs)
{
    (void)needs;
    return pad_shape(layer, shapes, 1);
}
static ls_status padding_2d_shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                                  struct ls_call_needs *needs)
{
    (void)needs;
    return pad_shape(layer, shapes, 2);
}
static ls_status cropping_1d_shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                                   struct ls_call_needs *needs)
{
    (void)needs;
    return crop_shape(layer, shapes, 1);
}
static ls_status cropping_2d_shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                                   struct ls_call_needs *needs)
{
    (void)needs;
    return crop_shape(layer, shapes, 2);
}

/* The larger image, the smaller, and where that lies in it. */
struct within {
    struct ls_image large, small;
    struct amounts amount;
    size_t rows;
};

static struct within within_of(const struct ls_call *call, const struct ls_shape *large,
                               const struct ls_shape *small)
{
    return (struct within){.large = ls_image_of(large),
                           .small = ls_image_of(small),
                           .amount = amounts_of(call->layer, large->rank - 1),
                           .rows = (size_t)call->rows};
}

static void put(float *large, const float *small, const struct within *w)
{
    const size_t before = w->amount.begin[1] * w->large.channels, row = ls_image_row(&w->small);
    const size_t after = w->amount.end[1] * w->large.channels, line = ls_image_row(&w->large);
    for (size_t r = 0; r < w->rows; r++) {
        memset(large, 0, w->amount.begin[0] * line * sizeof *large);
        large += w->amount.begin[0] * line;
        for (size_t y = 0; y < w->small.size[0]; y++, small += row, large += line) {
            memset(large, 0, before * sizeof *large);
            memcpy(large + before, small, row * sizeof *large);
            memset(large + before + row, 0, after * sizeof *large);
        }
        memset(large, 0, w->amount.end[0] * line * sizeof *large);
        large += w->amount.end[0] * line;
    }
}

static void take(float *small, const float *large, const struct within *w)
{
    const size_t before = w->amount.begin[1] * w->large.channels, row = ls_image_row(&w->small);
    const size_t line = ls_image_row(&w->large);
    for (size_t r = 0; r < w->rows; r++, large += ls_image_floats(&w->large))
        for (size_t y = 0; y < w->small.size[0]; y++, small += row)
            memcpy(small, large + (w->amount.begin[0] + y) * line + before, row * sizeof *small);
}

static void pad_forward(const struct ls_call *call)
{
    const struct within w = within_of(call, &call->shapes->out[0], &call->shapes->in[0]);
    put(call->out[0], call->in[0], &w);
}
static void pad_backward(const struct ls_call *call)
{
    const struct within w = within_of(call, &call->shapes->out[0], &call->shapes->in[0]);
    if (call->in_grad[0])
        take(call->in_grad[0], call->out_grad[0], &w);
}
static void crop_forward(const struct ls_call *call)
{
    const struct within w = within_of(call, &call->shapes->in[0], &call->shapes->out[0]);
    take(call->out[0], call->in[0], &w);
}
static void crop_backward(const struct ls_call *call)
{
    const struct within w = within_of(call, &call->shapes->in[0], &call->shapes->out[0]);
    if (call->in_grad[0])
        put(call->in_grad[0], call->out_grad[0], &w);
}

const struct ls_layer_kind ls_layer_zero_padding_1d = {
    .kind = {.name = "ZeroPadding1D",
             .summary = "zeros before and after the steps",
             .options = padding_1d_options,
             .options_size = sizeof(struct padding)},
    .shape = padding_1d_shape,
    .forward = pad_forward,
    .backward = pad_backward,
    .examples =
        (const struct ls_layer_example[]){
            {"{}", "[3, 2]", 1}, {"padding: [0, 2], data_format: channels_last", "[2, 3]", 1}, {0}},
};

const struct ls_layer_kind ls_layer_zero_padding_2d = {
    .kind = {.name = "ZeroPadding2D",
             .summary = "zeros around an image",
             .options = padding_2d_options,
             .options_size = sizeof(struct padding)},
    .shape = padding_2d_shape,
    .forward = pad_forward,
    .backward = pad_backward,
    .examples = (const struct ls_layer_example[]){{"{}", "[2, 3, 2]", 1},
                                                  {"padding: 2, data_format: null", "[1, 2, 1]", 1},
                                                  {"padding: [0, 1]", "[2, 2, 2]", 1},
                                                  {"padding: [[1, 0], [2, 3]]", "[2, 1, 2]", 1},
                                                  {"padding: [[1, 2], 1]", "[2, 1, 2]", 1},
                                                  {0}},
};

const struct ls_layer_kind ls_layer_cropping_1d = {
    .kind = {.name = "Cropping1D",
             .summary = "without the first and the last steps",
             .options = cropping_1d_options,
             .options_size = sizeof(struct padding)},
    .shape = cropping_1d_shape,
    .forward = crop_forward,
    .backward = crop_backward,
    .examples = (const struct ls_layer_example[]){{"{}", "[4, 2]", 1},
                                                  {"cropping: [0, 2]", "[5, 3]", 1},
                                                  {"cropping: 2", "[5, 1]", 1},
                                                  {0}},
};

const struct ls_layer_kind ls_layer_cropping_2d = {
    .kind = {.name = "Cropping2D",
             .summary = "an image without its edges",
             .options = cropping_2d_options,
             .options_size = sizeof(struct padding)},
    .shape = cropping_2d_shape,
    .forward = crop_forward,
    .backward = crop_backward,
    .examples = (const struct ls_layer_example[]){{"{}", "[2, 3, 2]", 1},
                                                  {"cropping: 1, data_format: channels_last",
                                                   "[3, 4, 2]", 1},
                                                  {"cropping: [1, 0]", "[3, 2, 2]", 1},
                                                  {"cropping: [[1, 0], [2, 1]]", "[3, 4, 2]", 1},
                                                  {0}},
};
