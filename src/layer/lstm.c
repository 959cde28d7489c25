/* LSTM (Hochreiter, Schmidhuber, Neural Computation 9, 1997; the forget gate: Gers, Schmidhuber,
 * Cummins, Neural Computation 12, 2000). The gates stand as i, f, c, o:
 *
 *     i, f, o = s(x W + h U + b);  g = a(x W + h U + b);  c' = f c + i g;  h' = o a(c')
 *
 * With Keras' activations a step is one loop of the kernels; with others it goes gate by gate. */
#include "base/memory.h"
#include "layer/initializer.h"
#include "layer/recurrent.h"

struct lstm {
    struct ls_recurrent common;
    bool unit_forget_bias;
};

enum { I, F, C, O, GATES }; /* the gates in a row, each of `units` */
enum { HIDDEN, CELL };      /* the states */

static const struct ls_option options[] = {
    LS_RECURRENT_UNITS_OPTIONS,
    LS_RECURRENT_ACTIVATION_OPTION,
    LS_RECURRENT_INITIALIZER_OPTIONS,
    {.name = "unit_forget_bias",
     .type = LS_OPTION_BOOL,
     .offset = offsetof(struct lstm, unit_forget_bias),
     .initial = "true",
     .help = "the forget gate's bias begins as 1"},
    LS_RECURRENT_OTHER_OPTIONS,
    LS_RECURRENT_IMPLEMENTATION_OPTION,
    {.name = NULL},
};

/* -- a step */

static bool is_fused(const struct ls_steps *s)
{
    return s->activation.id == LS_ACTIVATION_TANH &&
           s->recurrent_activation.id == LS_ACTIVATION_SIGMOID;
}

static void plain_forward(const struct ls_steps *s, const struct ls_lstm_step *at, float *before)
{
    const struct ls_activation linear = ls_activation_default(LS_ACTIVATION_LINEAR);
    const struct ls_activation *a = &s->activation, *recurrent = &s->recurrent_activation;
    const size_t u = at->units;
    ls_k->bias_activate(at->gates, before, at->bias, &linear, at->rows, GATES * u);
    for (size_t r = 0; r < at->rows; r++) {
        float *gate = at->gates + r * GATES * u, *cell = at->cell + r * u;
        const float *cell_before = at->cell_before + r * u;
        ls_k->activate(gate + I * u, gate + I * u, recurrent, 2 * u, u);
        ls_k->activate(gate + C * u, gate + C * u, a, u, u);
        ls_k->activate(gate + O * u, gate + O * u, recurrent, u, u);
        for (size_t i = 0; i < u; i++)
            cell[i] = gate[F * u + i] * cell_before[i] + gate[I * u + i] * gate[C * u + i];
        ls_k->activate(at->cell_out + r * u, cell, a, u, u);
        ls_k->multiply(at->hidden + r * u, gate + O * u, at->cell_out + r * u, u);
    }
}

static void step_forward(const struct ls_steps *s, int64_t t)
{
    const int64_t at = t * s->rows * s->units, next = at + s->rows * s->units;
    const struct ls_lstm_step step = {
        .gates = s->gates + GATES * at,
        .cell = s->state[CELL] + next,
        .cell_out = s->extra + at,
        .hidden = s->state[HIDDEN] + next,
        .bias = s->bias,
        .cell_before = s->state[CELL] + at,
        .rows = (size_t)s->rows,
        .units = (size_t)s->units,
    };
    if (is_fused(s))
        ls_k->lstm_forward(&step);
    else
        plain_forward(s, &step, s->before ? s->before + GATES * at : NULL);
}

/* The gradient of what goes into an activation, in place of that of what comes out. */
static void undo(float *grad, const struct ls_activation *f, const float *before,
                 const float *after, size_t u)
{
    ls_k->activate_backward(grad, grad, ls_activation_saved(f, before, after), f, u, u);
}

/* One row: `cell` is the state after the step. */
static void plain_backward(const struct ls_steps *s, const struct ls_lstm_gradient *at,
                           const float *before, const float *cell)
{
    const size_t u = at->units;
    const float *gate = at->gates;
    float *grad = at->gates_grad;
    for (size_t i = 0; i < u; i++) {
        grad[O * u + i] = at->hidden_grad[i] * at->cell_out[i];
        at->hidden_grad[i] *= gate[O * u + i];
    }
    undo(at->hidden_grad, &s->activation, cell, at->cell_out, u);
    for (size_t i = 0; i < u; i++) {
        const float sum = at->cell_grad[i] + at->hidden_grad[i];
        grad[I * u + i] = sum * gate[C * u + i];
        grad[F * u + i] = sum * at->cell_before[i];
        grad[C * u + i] = sum * gate[I * u + i];
        at->cell_grad[i] = sum * gate[F * u + i];
        at->hidden_grad[i] = 0;
    }
    for (size_t g = 0; g < GATES; g++)
        undo(grad + g * u, g == C ? &s->activation : &s->recurrent_activation,
             before ? before + g * u : NULL, gate + g * u, u);
}

static struct ls_lstm_gradient gradient_at(const struct ls_steps *s, int64_t t, struct ls_run run)
{
    const int64_t u = s->units, at = (t * s->rows + run.first) * u;
    return (struct ls_lstm_gradient){
        .gates_grad = ls_steps_gradient(s, s->gates_grad, t) + GATES * run.first * u,
        .hidden_grad = s->state_grad[HIDDEN] + run.first * u,
        .cell_grad = s->state_grad[CELL] + run.first * u,
        .gates = s->gates + GATES * at,
        .cell_before = s->state[CELL] + at,
        .cell_out = s->extra + at,
        .rows = (size_t)run.count,
        .units = (size_t)u,
    };
}

static void step_backward(const struct ls_steps *s, int64_t t)
{
    struct ls_run run = {0};
    while (ls_steps_next(s, t, &run)) {
        const struct ls_lstm_gradient all = gradient_at(s, t, run);
        if (is_fused(s))
            ls_k->lstm_backward(&all);
        for (int64_t r = run.first; !is_fused(s) && r < run.first + run.count; r++) {
            const struct ls_lstm_gradient row = gradient_at(s, t, (struct ls_run){r, 1});
            plain_backward(s, &row, s->before ? s->before + (t * s->rows + r) * s->columns : NULL,
                           s->state[CELL] + ((t + 1) * s->rows + r) * s->units);
        }
    }
}

static const struct ls_cell cell = {
    .name = "lstm_cell",
    .gates = GATES,
    .states = 2,
    .extra = true,
    .forward = step_forward,
    .backward = step_backward,
};

/* -- the bias that begins as 1 for the forget gate, else as its initializer says */

struct forget_bias {
    struct ls_instance rest, whole; /* rest is borrowed from the layer's options */
};

static ls_status fill_forget_bias(const void *options, float *values, const struct ls_shape *shape,
                                  struct ls_random_key key, uint32_t number)
{
    static const uint32_t second = 1U << 31; /* the random numbers of another variable */
    const struct forget_bias *o = options;
    const int64_t u = shape->size[0] / GATES;
    LS_TRY(ls_initialize_by_key(&o->rest, values, &(struct ls_shape){1, {u}}, key, number));
    ls_k->fill(values + F * u, 1, (size_t)u);
    return ls_initialize_by_key(&o->rest, values + C * u, &(struct ls_shape){1, {2 * u}}, key,
                                number | second);
}

static const struct ls_initializer_kind forget_bias_kind = {
    .kind = {.name = "forget bias"},
    .fill = fill_forget_bias,
    .seed_offset = SIZE_MAX,
};

static ls_status build(struct ls_layer *layer, const struct ls_call_shapes *shapes)
{
    const struct lstm *o = layer->options;
    struct forget_bias *made;
    LS_TRY(ls_recurrent_build(layer, shapes, &cell));
    if (!o->common.use_bias || !o->unit_forget_bias)
        return LS_OK;
    LS_TRY(ls_allocate(&made, 1, sizeof *made));
    made->rest = o->common.bias.initializer;
    made->whole = (struct ls_instance){&forget_bias_kind.kind, made};
    layer->state = made;
    layer->variable[LS_RECURRENT_BIAS].initializer = &made->whole;
    return LS_OK;
}

/* -- the kind */

static ls_status shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                       struct ls_call_needs *needs)
{
    return ls_recurrent_shape(layer, shapes, needs, &cell);
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
    {"units: 2, return_sequences: true, use_bias: false, go_backwards: true", "[3, 3]", 1},
    {"units: 3, return_sequences: true, return_state: true, kernel_initializer: he_normal, "
     "recurrent_initializer: glorot_uniform, bias_initializer: ones, unit_forget_bias: false",
     "[[3, 2], [3], [3]]", 1},
    {"units: 2, activation: gelu, recurrent_activation: hard_sigmoid, kernel_regularizer: l2, "
     "recurrent_regularizer: l1, bias_regularizer: l2, activity_regularizer: {L2: {l2: 0.1}}, "
     "unroll: true",
     "[3, 2]", 1},
    {"units: 2, activation: softmax, recurrent_activation: silu, return_sequences: true",
     "[{masked: [4, 2]}, [2], [2]]", 1},
    {"units: 2, activation: null, recurrent_activation: softmax", "[3, 2]", 1},
    {"units: 3, dropout: 0.3, recurrent_dropout: 0.4, seed: 7, return_sequences: true", "[3, 4]",
     1},
    {"units: 3, recurrent_dropout: 0.5, go_backwards: true, return_state: true", "{masked: [4, 2]}",
     1},
    {"units: 3, zero_output_for_mask: true, return_sequences: true, return_state: true",
     "[{masked: [5, 2]}, [3], [3]]", 1},
    {"units: 3, kernel_constraint: null, recurrent_constraint: null, bias_constraint: null, "
     "stateful: false, time_major: false, implementation: 1",
     "{masked: [5, 2]}", 1},
    {0},
};

const struct ls_layer_kind ls_layer_lstm = {
    .kind = {.name = "LSTM",
             .summary = "a recurrent layer with gates around a state that lasts",
             .options = options,
             .options_size = sizeof(struct lstm)},
    .flags = LS_LAYER_READS_MASK | LS_LAYER_STATES,
    .flags_of = ls_recurrent_flags,
    .least_inputs = 1,
    .most_inputs = 3,
    .build = build,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .flops = flops,
    .examples = examples,
};
