/* ActivityRegularization: its input as it is, penalized as by an activity_regularizer. */
#include <string.h>

#include "layer/call.h"

struct activity {
    struct ls_l1_l2 penalty; /* first: the regularizer's options */
    struct ls_instance regularizer;
};

static const struct ls_option options[] = {
    {.name = "l1",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct activity, penalty.l1),
     .initial = "0.0",
     .min = 0,
     .max = INFINITY,
     .open_max = true,
     .help = "factor of the sum of magnitudes, divided by the batch size"},
    {.name = "l2",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct activity, penalty.l2),
     .initial = "0.0",
     .min = 0,
     .max = INFINITY,
     .open_max = true,
     .help = "factor of the sum of squares, divided by the batch size"},
    {.name = NULL},
};

static ls_status build(struct ls_layer *layer, const struct ls_call_shapes *shapes)
{
    struct activity *o = layer->options;
    (void)shapes;
    o->regularizer = (struct ls_instance){&ls_regularizer_l1_l2.kind, &o->penalty};
    layer->activity_regularizer = o->penalty.l1 != 0 || o->penalty.l2 != 0 ? &o->regularizer : NULL;
    return LS_OK;
}

static void copy(float *to, const float *from, const struct ls_call *call)
{
    if (to && to != from)
        memcpy(to, from, ls_call_elements(call) * sizeof *to);
}

static void forward(const struct ls_call *call)
{
    copy(call->out[0], call->in[0], call);
}

static void backward(const struct ls_call *call)
{
    copy(call->in_grad[0], call->out_grad[0], call);
}

const struct ls_layer_kind ls_layer_activity_regularization = {
    .kind = {.name = "ActivityRegularization",
             .summary = "its input as it is, with a penalty on it",
             .options = options,
             .options_size = sizeof(struct activity)},
    .flags = LS_LAYER_IN_PLACE | LS_LAYER_PASSES_MASK,
    .build = build,
    .forward = forward,
    .backward = backward,
    .examples =
        (const struct ls_layer_example[]){
            {"l1: 0.25", "[2, 3]", 1}, {"l1: 0.25, l2: 0.5", "[]", 1}, {"{}", "[3]", 1}, {0}},
};
