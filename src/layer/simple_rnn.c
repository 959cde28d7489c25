/* SimpleRNN (Elman, Cognitive Science 14, 1990): h' = f(x W + h U + b). */
#include "layer/recurrent.h"

static const struct ls_option options[] = {
    LS_RECURRENT_UNITS_OPTIONS,
    LS_RECURRENT_INITIALIZER_OPTIONS,
    LS_RECURRENT_OTHER_OPTIONS,
    {.name = NULL},
};

static void step_forward(const struct ls_steps *s, int64_t t)
{
    const int64_t at = t * s->rows * s->units;
    float *state = s->state[0] + at + s->rows * s->units;
    const size_t n = (size_t)(s->rows * s->units);
    ls_k->bias_activate(s->gates + at, s->before ? s->before + at : NULL, s->bias, &s->activation,
                        (size_t)s->rows, (size_t)s->units);
    memcpy(state, s->gates + at, n * sizeof *state);
}

static void step_backward(const struct ls_steps *s, int64_t t)
{
    struct ls_run run = {0};
    while (ls_steps_next(s, t, &run)) {
        const int64_t at = (t * s->rows + run.first) * s->units;
        const size_t n = (size_t)(run.count * s->units);
        float *grad = s->state_grad[0] + run.first * s->units;
        ls_k->activate_backward(
            ls_steps_gradient(s, s->gates_grad, t) + run.first * s->units, grad,
            ls_activation_saved(&s->activation, s->before ? s->before + at : NULL, s->gates + at),
            &s->activation, n, (size_t)s->units);
        ls_k->fill(grad, 0, n);
    }
}

static const struct ls_cell cell = {
    .name = "simple_rnn_cell",
    .gates = 1,
    .states = 1,
    .forward = step_forward,
    .backward = step_backward,
};

static ls_status shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                       struct ls_call_needs *needs)
{
    return ls_recurrent_shape(layer, shapes, needs, &cell);
}

static ls_status build(struct ls_layer *layer, const struct ls_call_shapes *shapes)
{
    return ls_recurrent_build(layer, shapes, &cell);
}

static void forward(const struct ls_call *call)
{
    ls_recurrent_forward(call, &cell);
}

static void backward(const struct ls_call *call)
{
    ls_recurrent_backward(call, &cell);
}

static void flops(const struct ls_layer *layer, const struct ls_call_shapes *shapes,
                  struct ls_call_flops *flops)
{
    ls_recurrent_flops(layer, shapes, flops, &cell);
}

static const struct ls_layer_example examples[] = {
    {"units: 3", "[4, 2]", 1},
    {"units: 1", "[60, 1]", 1}, /* more steps than are taken together */
    {"units: 2, activation: relu, return_sequences: true, use_bias: false, go_backwards: true",
     "[3, 3]", 1},
    {"units: 3, activation: gelu, return_sequences: true, return_state: true, kernel_initializer: "
     "he_normal, recurrent_initializer: glorot_uniform, bias_initializer: ones",
     "[[3, 2], [3]]", 1},
    {"units: 2, activation: null, kernel_regularizer: l2, recurrent_regularizer: l1, "
     "bias_regularizer: l2, activity_regularizer: {L2: {l2: 0.1}}, unroll: true",
     "[3, 2]", 1},
    {"units: 3, dropout: 0.3, recurrent_dropout: 0.4, seed: 7, return_sequences: true", "[3, 4]",
     1},
    {"units: 3, zero_output_for_mask: true, return_sequences: true", "{masked: [5, 2]}", 1},
    {"units: 3, activation: softmax, kernel_constraint: null, recurrent_constraint: null, "
     "bias_constraint: null, stateful: false, time_major: false",
     "[{masked: [5, 2]}, [3]]", 1},
    {0},
};

const struct ls_layer_kind ls_layer_simple_rnn = {
    .kind = {.name = "SimpleRNN",
             .summary = "a recurrent layer: each step's output is an input of the next",
             .options = options,
             .options_size = sizeof(struct ls_recurrent)},
    .flags = LS_LAYER_READS_MASK | LS_LAYER_STATES,
    .flags_of = ls_recurrent_flags,
    .least_inputs = 1,
    .most_inputs = 2,
    .build = build,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .flops = flops,
    .examples = examples,
};
