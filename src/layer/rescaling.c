/* Rescaling: x scale + offset, by numbers or by lists along the last axis. */
#include "kernel/kernels.h"
#include "layer/call.h"

struct rescaling {
    struct ls_floats scale, offset;
};

static const struct ls_option options[] = {
    {.name = "scale",
     .type = LS_OPTION_FLOATS,
     .offset = offsetof(struct rescaling, scale),
     .help = "factor: a number, or one for each element of the last axis"},
    {.name = "offset",
     .type = LS_OPTION_FLOATS,
     .offset = offsetof(struct rescaling, offset),
     .initial = "0.0",
     .help = "added after scaling: a number, or one for each element of the last axis"},
    {.name = NULL},
};

static ls_status check(const struct ls_layer *layer, const struct ls_floats *list, const char *name,
                       size_t columns)
{
    if (list->count == 1 || list->count == columns)
        return LS_OK;
    return ls_layer_fail(layer, "%s: expected one number, or %zu for the last axis, found %zu",
                         name, columns, list->count);
}

static ls_status shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                       struct ls_call_needs *needs)
{
    const struct rescaling *o = layer->options;
    size_t columns = ls_last_axis(&shapes->in[0]);
    (void)needs;
    LS_TRY(check(layer, &o->scale, "scale", columns));
    LS_TRY(check(layer, &o->offset, "offset", columns));
    shapes->outputs = 1;
    shapes->out[0] = shapes->in[0];
    return LS_OK;
}

static float at(const struct ls_floats *list, size_t column)
{
    return (float)list->value[list->count == 1 ? 0 : column];
}

/* out = in * scale + offset, or without the offset. */
static void apply(const struct ls_call *call, float *out, const float *in, bool with_offset)
{
    static const double zero = 0;
    static const struct ls_floats none = {.value = (double *)&zero, .count = 1};
    const struct rescaling *o = call->layer->options;
    const struct ls_floats *offset = with_offset ? &o->offset : &none;
    size_t n = ls_call_elements(call), columns = ls_last_axis(&call->shapes->in[0]);
    if (o->scale.count == 1 && offset->count == 1) {
        ls_k->affine(out, in, at(&o->scale, 0), at(offset, 0), n);
        return;
    }
    for (size_t c = 0; c < columns; c++) {
        float scale = at(&o->scale, c), add = at(offset, c);
        for (size_t i = c; i < n; i += columns)
            out[i] = in[i] * scale + add;
    }
}

static void forward(const struct ls_call *call)
{
    apply(call, call->out[0], call->in[0], true);
}

static void backward(const struct ls_call *call)
{
    if (call->in_grad[0])
        apply(call, call->in_grad[0], call->out_grad[0], false);
}

const struct ls_layer_kind ls_layer_rescaling = {
    .kind = {.name = "Rescaling",
             .summary = "x scale + offset",
             .options = options,
             .options_size = sizeof(struct rescaling)},
    .flags = LS_LAYER_PASSES_MASK | LS_LAYER_IN_PLACE,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .examples =
        (const struct ls_layer_example[]){{"scale: 0.25, offset: -1", "[3]", 1},
                                          {"scale: [1, 2, -3], offset: [0.5, 0, 1]", "[2, 3]", 1},
                                          {"scale: 0.00392156862745098", "[2, 2]", 255},
                                          {0}},
};
