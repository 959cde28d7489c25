/* Concatenate: the inputs one after the other along an axis. */
#include <string.h>

#include "layer/call.h"

struct concatenate {
    int64_t axis;
};

static const struct ls_option options[] = {
    {.name = "axis",
     .type = LS_OPTION_INT,
     .offset = offsetof(struct concatenate, axis),
     .initial = "-1",
     .min = INT32_MIN,
     .max = INT32_MAX,
     .help = "the axis that grows, the samples' being 0; negative: from the last"},
    {.name = NULL},
};

static ls_status check_fits(const struct ls_layer *layer, const struct ls_call_shapes *shapes,
                            size_t input, int axis)
{
    const struct ls_shape *in = &shapes->in[input], *first = &shapes->in[0];
    char text[LS_SHAPE_TEXT], other[LS_SHAPE_TEXT];
    bool fits = in->rank == first->rank;
    for (int i = 0; fits && i < in->rank; i++)
        fits = i == axis || in->size[i] == first->size[i];
    if (fits)
        return LS_OK;
    ls_shape_format(text, in);
    ls_shape_format(other, first);
    return ls_layer_fail(layer, "input %zu, %s, does not fit %s: all axes but %d must be equal",
                         input + 1, text, other, axis + 1);
}

static ls_status shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                       struct ls_call_needs *needs)
{
    const struct concatenate *o = layer->options;
    struct ls_shape *out = &shapes->out[0];
    int axis;
    (void)needs;
    LS_TRY(ls_layer_check_inputs(layer, shapes->inputs));
    LS_TRY(ls_layer_axis(layer, &shapes->in[0], "axis", o->axis, &axis));
    shapes->outputs = 1;
    *out = shapes->in[0];
    for (size_t i = 1; i < shapes->inputs; i++) {
        LS_TRY(check_fits(layer, shapes, i, axis));
        out->size[axis] += shapes->in[i].size[axis];
    }
    return ls_layer_check_size(layer, out);
}

/* Elements of an axis and of those after it: what lies together. */
static size_t piece(const struct ls_shape *shape, int axis)
{
    size_t count = 1;
    for (int i = axis; i < shape->rank; i++)
        count *= (size_t)shape->size[i];
    return count;
}

/* Copies the inputs' pieces into the result, or its gradient's back. */
static void copy(const struct ls_call *call, bool back)
{
    const struct concatenate *o = call->layer->options;
    const struct ls_shape *out = &call->shapes->out[0];
    int axis = (int)(o->axis < 0 ? o->axis + out->rank : o->axis - 1);
    size_t width = piece(out, axis), at = 0;
    size_t pieces = (size_t)(call->rows * ls_shape_count(out)) / width;
    for (size_t i = 0; i < call->shapes->inputs; i++) {
        size_t n = piece(&call->shapes->in[i], axis);
        for (size_t p = 0; !back && p < pieces; p++)
            memcpy(call->out[0] + p * width + at, call->in[i] + p * n, n * sizeof(float));
        for (size_t p = 0; back && call->in_grad[i] && p < pieces; p++)
            memcpy(call->in_grad[i] + p * n, call->out_grad[0] + p * width + at, n * sizeof(float));
        at += n;
    }
}

static void forward(const struct ls_call *call)
{
    copy(call, false);
}

static void backward(const struct ls_call *call)
{
    copy(call, true);
}

/* Along the last axis, which masks do not have, a position counts where some input counts it. */
static int mask_axis(const struct ls_layer *layer, const struct ls_call_shapes *shapes)
{
    const struct concatenate *o = layer->options;
    int rank = shapes->in[0].rank, axis = (int)(o->axis < 0 ? o->axis + rank + 1 : o->axis);
    return axis == rank ? -1 : axis;
}

const struct ls_layer_kind ls_layer_concatenate = {
    .kind = {.name = "Concatenate",
             .summary = "the inputs one after the other along an axis",
             .options = options,
             .options_size = sizeof(struct concatenate)},
    .flags = LS_LAYER_PASSES_MASK,
    .least_inputs = 2,
    .most_inputs = LS_TENSORS_MAX,
    .shape = shape,
    .mask_axis = mask_axis,
    .forward = forward,
    .backward = backward,
    .examples = (const struct ls_layer_example[]){{"{}", "[[3], [2], [1]]", 1},
                                                  {"axis: 1", "[[1, 3], [2, 3]]", 1},
                                                  {"axis: -2", "[[2, 3, 2], [2, 1, 2]]", 1},
                                                  {0}},
};
