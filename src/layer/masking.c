/* Masking: a position (all axes but the last) at which every feature is mask_value is masked: its
 * features become 0, and the mask, the second output, says so. The mask is kept for the backward
 * pass apart from that output, which the graph may be done with. */
#include <string.h>

#include "layer/call.h"

struct masking {
    double mask_value;
};

static const struct ls_option options[] = {
    {.name = "mask_value",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct masking, mask_value),
     .initial = "0.0",
     .help = "a position at which every feature has this value is masked"},
    {.name = NULL},
};

static ls_status shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                       struct ls_call_needs *needs)
{
    const struct ls_shape *in = &shapes->in[0];
    char text[LS_SHAPE_TEXT];
    ls_shape_format(text, in);
    if (in->rank == 0)
        return ls_layer_fail(
            layer, "the input needs at least one axis beside the samples, it is %s", text);
    shapes->outputs = 2;
    shapes->out[0] = *in;
    shapes->out[1] = *in;
    shapes->out[1].rank--;
    needs->saved_floats_per_row = (size_t)ls_shape_count(&shapes->out[1]);
    return LS_OK;
}

static size_t positions(const struct ls_call *call)
{
    return ls_call_elements(call) / ls_last_axis(&call->shapes->in[0]);
}

/* out = in where the mask is 1, else 0; a product would keep NaN. */
static void apply(const struct ls_call *call, float *out, const float *in, const float *mask)
{
    size_t n = positions(call), columns = ls_last_axis(&call->shapes->in[0]);
    for (size_t p = 0; p < n; p++)
        for (size_t c = p * columns; c < (p + 1) * columns; c++)
            out[c] = mask[p] != 0 ? in[c] : 0;
}

static void forward(const struct ls_call *call)
{
    const struct masking *o = call->layer->options;
    size_t n = positions(call), columns = ls_last_axis(&call->shapes->in[0]);
    for (size_t p = 0; p < n; p++) {
        bool differs = false;
        for (size_t c = p * columns; c < (p + 1) * columns; c++)
            differs |= call->in[0][c] != (float)o->mask_value;
        call->saved[p] = differs ? 1 : 0;
    }
    if (n > 0)
        memcpy(call->out[1], call->saved, n * sizeof(float));
    apply(call, call->out[0], call->in[0], call->saved);
}

static void backward(const struct ls_call *call)
{
    if (call->in_grad[0])
        apply(call, call->in_grad[0], call->out_grad[0], call->saved);
}

const struct ls_layer_kind ls_layer_masking = {
    .kind = {.name = "Masking",
             .summary = "masks the positions at which every feature is mask_value",
             .options = options,
             .options_size = sizeof(struct masking)},
    .flags = LS_LAYER_IN_PLACE | LS_LAYER_MAKES_MASK,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .examples =
        (const struct ls_layer_example[]){{"{}", "[3, 2]", 1}, {"mask_value: -1.5", "[4]", 1}, {0}},
};
