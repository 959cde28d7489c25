/* price_is_right.c: a plugin, with one kind of each sort. To be copied.
 *
 *     cc -O2 -shared -fPIC price_is_right.c -o price_is_right.so $(pkg-config --cflags lockstep)
 *     lockstep list losses --plugin ./price_is_right.so
 *
 * and in a run file beside it
 *
 *     plugins: [price_is_right.so]
 *     model:
 *       input: {shape: [5]}
 *       layers:
 *         - Dense: {units: 16, activation: relu}
 *         - Dense: {units: 1}
 *         - AxisScale
 *     compile: {optimizer: adam, loss: {PriceIsRight: {over: 10}}, metrics: [over_bids]}
 *     fit: {epochs: 50, callbacks: [{StopBelow: {loss: 0.1, steps: 20}}]}
 *     data: {train: prices.h5:train}
 *
 * A program registers the same table: ls_plugin_register(&lockstep_plugin). */
#include <math.h>
#include <stdio.h>

#include "lockstep/plugin.h"

/* -- a loss: closest without going over. What a bid is below the price it costs as it is; what it
 * is above, `over` times. The mean over the columns, as Keras' losses are. */

enum { OVER };
static const struct ls_custom_option price_options[] = {
    [OVER] = {.name = "over",
              .initial = 10,
              .min = 0,
              .max = 1e6,
              .help = "how much worse a bid over the price is than one under it"},
    {.name = NULL},
};

static void price_is_right(const struct ls_custom_loss_call *call)
{
    const float over = (float)call->option[OVER];
    const float part = 1.0F / (float)call->columns;
    for (int64_t p = 0; p < call->positions; p++) {
        double sum = 0;
        for (int64_t c = 0; c < call->columns; c++) {
            const int64_t i = p * call->columns + c;
            const float left = call->target[i] - call->prediction[i];
            sum += left >= 0 ? left : -over * left;
            if (call->gradient)
                call->gradient[i] = left >= 0 ? -part : over * part;
        }
        call->value[p] = (float)(sum / (double)call->columns);
    }
}

static const struct ls_custom_loss price_loss = {
    .kind = {.name = "PriceIsRight",
             .summary = "closest without going over",
             .options = price_options},
    .compute = price_is_right,
};

/* -- a metric: the part of the bids that are over the price. */

enum { BIDS_OVER, BIDS, BID_SUMS };

static size_t bid_sums(const double *option, int64_t columns)
{
    (void)option, (void)columns;
    return BID_SUMS;
}

static void count_bids(const struct ls_custom_metric_call *call)
{
    for (int64_t p = 0; p < call->positions; p++) {
        const double weight = call->weight ? call->weight[p] : 1;
        for (int64_t c = 0; c < call->columns; c++) {
            const int64_t i = p * call->columns + c;
            call->state[BIDS_OVER] += call->prediction[i] > call->target[i] ? weight : 0;
            call->state[BIDS] += weight;
        }
    }
}

static double share_over(const double *option, const double *state, int64_t columns)
{
    (void)option, (void)columns;
    return state[BIDS] > 0 ? state[BIDS_OVER] / state[BIDS] : 0;
}

static const struct ls_custom_metric over_bids = {
    .kind = {.name = "OverBids", .summary = "part of the bids that are over the price"},
    .state_doubles = bid_sums,
    .update = count_bids,
    .result = share_over,
};

/* -- a layer: y = x * scale + shift along the last axis, one of each for an element of it. */

enum { SCALE, SHIFT };
static const struct ls_custom_weight axis_weights[] = {
    [SCALE] = {.name = "scale", .initializer = "ones"},
    [SHIFT] = {.name = "shift", .initializer = "zeros"},
    {.name = NULL},
};

static ls_status axis_shape(struct ls_custom_layer_shapes *shapes)
{
    const struct ls_custom_shape *in = &shapes->input[0];
    if (in->rank == 0) {
        snprintf(shapes->message, LS_CUSTOM_MESSAGE, "expected at least one axis");
        return LS_BAD_INPUT;
    }
    /* the output is the input's shape already */
    shapes->weight[SCALE] = (struct ls_custom_shape){.rank = 1, .size = {in->size[in->rank - 1]}};
    shapes->weight[SHIFT] = shapes->weight[SCALE];
    return LS_OK;
}

static int64_t last_axis(const struct ls_custom_layer_call *call)
{
    return call->input_shape[0].size[call->input_shape[0].rank - 1];
}

static void axis_forward(const struct ls_custom_layer_call *call)
{
    const int64_t count = call->rows * (int64_t)ls_custom_count(&call->input_shape[0]);
    const int64_t columns = last_axis(call);
    for (int64_t i = 0; i < count; i++)
        call->output[i] =
            call->input[0][i] * call->weight[SCALE][i % columns] + call->weight[SHIFT][i % columns];
}

static void axis_backward(const struct ls_custom_layer_call *call)
{
    const int64_t count = call->rows * (int64_t)ls_custom_count(&call->input_shape[0]);
    const int64_t columns = last_axis(call);
    for (int64_t i = 0; i < count; i++) {
        const int64_t c = i % columns;
        const float gradient = call->output_gradient[i];
        if (call->weight_gradient[SCALE])
            call->weight_gradient[SCALE][c] += gradient * call->input[0][i];
        if (call->weight_gradient[SHIFT])
            call->weight_gradient[SHIFT][c] += gradient;
        if (call->input_gradient[0])
            call->input_gradient[0][i] = gradient * call->weight[SCALE][c];
    }
}

static const struct ls_custom_layer axis_scale = {
    .kind = {.name = "AxisScale", .summary = "x * scale + shift along the last axis"},
    .weights = axis_weights,
    .shape = axis_shape,
    .forward = axis_forward,
    .backward = axis_backward,
    .example = "[3, 4]",
};

/* -- a callback: ends the training when the loss was below a bound for some steps in a row. */

enum { BOUND, STEPS };
static const struct ls_custom_option stop_options[] = {
    [BOUND] = {.name = "loss", .initial = NAN, .help = "the bound"},
    [STEPS] = {.name = "steps",
               .initial = 1,
               .min = 1,
               .max = INFINITY,
               .help = "for so many steps in a row"},
    {.name = NULL},
};

/* The count is in `state`, not in a variable, so that a checkpoint has it too. */
static ls_status count_steps(struct ls_custom_callback_call *call)
{
    call->state[0] = call->loss < call->option[BOUND] ? call->state[0] + 1 : 0;
    call->stop = call->state[0] >= call->option[STEPS];
    return LS_OK;
}

static const struct ls_custom_callback stop_below = {
    .kind = {.name = "StopBelow",
             .summary = "ends the training when the loss is below a bound",
             .options = stop_options},
    .state_doubles = 1,
    .on_step_end = count_steps,
};

/* -- what the shared object exports */

static const struct ls_custom_loss *const losses[] = {&price_loss, NULL};
static const struct ls_custom_metric *const metrics[] = {&over_bids, NULL};
static const struct ls_custom_layer *const layers[] = {&axis_scale, NULL};
static const struct ls_custom_callback *const callbacks[] = {&stop_below, NULL};

const struct ls_plugin lockstep_plugin = {
    .abi = LS_PLUGIN_ABI,
    .name = "price_is_right",
    .losses = losses,
    .metrics = metrics,
    .layers = layers,
    .callbacks = callbacks,
};
