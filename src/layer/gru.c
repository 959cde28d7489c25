/* GRU (Cho et al., EMNLP 2014), in two forms. The gates stand as z, r, h:
 *
 *     z, r = s(x W + h U + b);  h' = z h + (1 - z) g
 *     reset_after (as cuDNN has it): g = a(x W + b + r (h U + b')), its bias is [2][3 units]
 *     else (as in the paper):        g = a(x W + b + (r h) U)
 *
 * With Keras' activations and reset_after a step is one loop of the kernels. */
#include "layer/recurrent.h"

struct gru {
    struct ls_recurrent common;
    bool reset_after;
};

enum { Z, R, H, GATES }; /* the gates in a row, each of `units` */

static const struct ls_option options[] = {
    LS_RECURRENT_UNITS_OPTIONS,
    LS_RECURRENT_ACTIVATION_OPTION,
    LS_RECURRENT_INITIALIZER_OPTIONS,
    LS_RECURRENT_OTHER_OPTIONS,
    LS_RECURRENT_IMPLEMENTATION_OPTION,
    {.name = "reset_after",
     .type = LS_OPTION_BOOL,
     .offset = offsetof(struct gru, reset_after),
     .initial = "true",
     .help = "the reset gate counts after the recurrent kernel, not before"},
    {.name = NULL},
};

/* -- what both forms share */

/* One row of a step. */
struct row {
    float *gate, *before, *extra, *next;
    const float *state, *fed;
};

static struct row row_of(const struct ls_steps *s, int64_t t, int64_t r)
{
    const int64_t at = (t * s->rows + r) * s->units;
    return (struct row){
        .gate = s->gates + GATES * at,
        .before = s->before ? s->before + GATES * at : NULL,
        .extra = s->extra + at,
        .next = s->state[0] + at + s->rows * s->units,
        .state = s->state[0] + at,
        .fed = s->fed + at,
    };
}

/* Gates `first` to `first` + `count`, in place; what goes in is kept where backward needs it. */
static void apply(const struct ls_steps *s, const struct row *row, size_t first, size_t count)
{
    const size_t u = (size_t)s->units;
    float *gate = row->gate + first * u;
    if (row->before)
        memcpy(row->before + first * u, gate, count * u * sizeof *gate);
    ls_k->activate(gate, gate, first == H ? &s->activation : &s->recurrent_activation, count * u,
                   u);
}

/* The gradient of what goes into the activation, in place of that of what comes out. */
static void undo(const struct ls_steps *s, const struct row *row, float *grad, size_t gate)
{
    const size_t u = (size_t)s->units;
    const struct ls_activation *f = gate == H ? &s->activation : &s->recurrent_activation;
    ls_k->activate_backward(
        grad, grad,
        ls_activation_saved(f, row->before ? row->before + gate * u : NULL, row->gate + gate * u),
        f, u, u);
}

static void mix(const struct ls_steps *s, const struct row *row)
{
    const size_t u = (size_t)s->units;
    const float *z = row->gate + Z * u, *g = row->gate + H * u;
    for (size_t i = 0; i < u; i++)
        row->next[i] = z[i] * row->state[i] + (1 - z[i]) * g[i];
}

/* From the state's gradient to those of z and g, before their activations. */
static void undo_mix(const struct ls_steps *s, const struct row *row, float *grad,
                     float *state_grad)
{
    const size_t u = (size_t)s->units;
    const float *z = row->gate + Z * u, *g = row->gate + H * u;
    for (size_t i = 0; i < u; i++) {
        grad[Z * u + i] = state_grad[i] * (row->state[i] - g[i]);
        grad[H * u + i] = state_grad[i] * (1 - z[i]);
        state_grad[i] *= z[i];
    }
    undo(s, row, grad + Z * u, Z);
    undo(s, row, grad + H * u, H);
}

/* -- reset after the product: `extra` holds h U + b' of the candidate */

static bool is_fused(const struct ls_steps *s)
{
    return s->activation.id == LS_ACTIVATION_TANH &&
           s->recurrent_activation.id == LS_ACTIVATION_SIGMOID;
}

static void after_row_forward(const struct ls_steps *s, const struct row *row, const float *inner)
{
    const size_t u = (size_t)s->units;
    const float *bias = s->bias;
    memcpy(row->extra, inner + H * u, u * sizeof *inner);
    ls_k->add(row->gate, row->gate, inner, 2 * u);
    if (bias) {
        ls_k->add(row->gate, row->gate, bias, GATES * u);
        ls_k->add(row->gate, row->gate, bias + GATES * u, 2 * u);
        ls_k->add(row->extra, row->extra, bias + (GATES + H) * u, u);
    }
    apply(s, row, Z, 2);
    for (size_t i = 0; i < u; i++)
        row->gate[H * u + i] += row->gate[R * u + i] * row->extra[i];
    apply(s, row, H, 1);
    mix(s, row);
}

static void after_forward(const struct ls_steps *s, int64_t t)
{
    const struct row first = row_of(s, t, 0);
    if (is_fused(s)) {
        ls_k->gru_forward(&(struct ls_gru_step){.gates = first.gate,
                                                .extra = first.extra,
                                                .hidden = first.next,
                                                .inner = s->inner,
                                                .bias = s->bias,
                                                .before = first.state,
                                                .rows = (size_t)s->rows,
                                                .units = (size_t)s->units});
        return;
    }
    for (int64_t r = 0; r < s->rows; r++) {
        const struct row row = row_of(s, t, r);
        after_row_forward(s, &row, s->inner + r * s->columns);
    }
}

static void after_row_backward(const struct ls_steps *s, const struct row *row,
                               const struct ls_gru_gradient *at)
{
    const size_t u = at->units;
    float *grad = at->gates_grad, *inner = at->inner_grad;
    undo_mix(s, row, grad, at->hidden_grad);
    ls_k->multiply(grad + R * u, grad + H * u, row->extra, u);
    undo(s, row, grad + R * u, R);
    memcpy(inner, grad, 2 * u * sizeof *inner);
    ls_k->multiply(inner + H * u, grad + H * u, row->gate + R * u, u);
}

static void after_backward(const struct ls_steps *s, int64_t t)
{
    struct ls_run run = {0};
    while (ls_steps_next(s, t, &run)) {
        const int64_t end = run.first + run.count;
        int64_t rows = is_fused(s) ? run.count : 1;
        for (int64_t r = run.first; r < end; r += rows) {
            const struct row row = row_of(s, t, r);
            const struct ls_gru_gradient gradient = {
                .gates_grad = ls_steps_gradient(s, s->gates_grad, t) + r * s->columns,
                .inner_grad = ls_steps_gradient(s, s->inner_grad, t) + r * s->columns,
                .hidden_grad = s->state_grad[0] + r * s->units,
                .gates = row.gate,
                .extra = row.extra,
                .before = row.state,
                .rows = (size_t)rows,
                .units = (size_t)s->units,
            };
            if (is_fused(s))
                ls_k->gru_backward(&gradient);
            else
                after_row_backward(s, &row, &gradient);
        }
    }
}

static const struct ls_cell after = {
    .name = "gru_cell",
    .gates = GATES,
    .states = 1,
    .extra = true,
    .reads_inner = true,
    .forward = after_forward,
    .backward = after_backward,
};

/* -- reset before the product: `extra` holds r h, which the product of the candidate is made of */

/* Gates `first` to `first` + `count` of a step += from (columns of the recurrent kernel). */
static void add_gates(const struct ls_steps *s, int64_t t, const float *from, int first, int count)
{
    ls_gemm(&(struct ls_gemm){.m = s->rows,
                              .n = count * s->units,
                              .k = s->units,
                              .a = from,
                              .b = s->recurrent + first * s->units,
                              .ldb = s->columns,
                              .c = s->gates + t * s->rows * s->columns + first * s->units,
                              .ldc = s->columns,
                              .beta = 1});
}

static void before_forward(const struct ls_steps *s, int64_t t)
{
    const size_t u = (size_t)s->units;
    const int64_t at = t * s->rows * s->units;
    add_gates(s, t, s->fed + at, Z, 2);
    for (int64_t r = 0; r < s->rows; r++) {
        const struct row row = row_of(s, t, r);
        if (s->bias)
            ls_k->add(row.gate, row.gate, s->bias, GATES * u);
        apply(s, &row, Z, 2);
        ls_k->multiply(row.extra, row.gate + R * u, row.fed, u);
    }
    add_gates(s, t, s->extra + at, H, 1);
    for (int64_t r = 0; r < s->rows; r++) {
        const struct row row = row_of(s, t, r);
        apply(s, &row, H, 1);
        mix(s, &row);
    }
}

/* product (+)= what comes from the gates through the recurrent kernel */
static void take_gates(const struct ls_steps *s, const float *grad, int first, int count)
{
    ls_gemm(&(struct ls_gemm){.m = s->rows,
                              .n = s->units,
                              .k = count * s->units,
                              .a = grad + first * s->units,
                              .lda = s->columns,
                              .b = s->transposed + first * s->units * s->units,
                              .c = s->product,
                              .beta = first == H ? 0 : 1});
}

static void before_backward(const struct ls_steps *s, int64_t t)
{
    const int64_t u = s->units;
    float *grad = ls_steps_gradient(s, s->gates_grad, t);
    for (struct ls_run run = {0}; ls_steps_next(s, t, &run);)
        for (int64_t r = run.first; r < run.first + run.count; r++) {
            const struct row row = row_of(s, t, r);
            undo_mix(s, &row, grad + r * s->columns, s->state_grad[0] + r * u);
        }
    take_gates(s, grad, H, 1);
    for (struct ls_run run = {0}; ls_steps_next(s, t, &run);)
        for (int64_t r = run.first; r < run.first + run.count; r++) {
            const struct row row = row_of(s, t, r);
            float *reset = grad + r * s->columns + R * u, *product = s->product + r * u;
            ls_k->multiply(reset, product, row.fed, (size_t)u);
            ls_k->multiply(product, product, row.gate + R * u, (size_t)u);
            undo(s, &row, reset, R);
        }
    take_gates(s, grad, Z, 2);
    ls_steps_add_product_gradient(s, s->product);
}

static void before_weigh(const struct ls_steps *s, struct ls_run steps, const struct ls_weigh *to)
{
    const int64_t at = steps.first * s->rows * s->units;
    for (int first = Z; first < GATES; first += 2)
        ls_gemm(&(struct ls_gemm){.transpose_a = true,
                                  .m = s->units,
                                  .n = (first == H ? 1 : 2) * s->units,
                                  .k = steps.count * s->rows,
                                  .a = (first == H ? s->extra : s->fed) + at,
                                  .b = s->gates_grad + first * s->units,
                                  .ldb = s->columns,
                                  .c = to->grad + first * s->units,
                                  .ldc = s->columns,
                                  .beta = to->add ? 1 : 0});
}

static const struct ls_cell before = {
    .name = "gru_cell",
    .gates = GATES,
    .states = 1,
    .extra = true,
    .makes_products = true,
    .forward = before_forward,
    .backward = before_backward,
    .weigh = before_weigh,
};

/* -- the kind */

static const struct ls_cell *cell_of(const struct ls_layer *layer)
{
    const struct gru *o = layer->options;
    return o->reset_after ? &after : &before;
}

static ls_status shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                       struct ls_call_needs *needs)
{
    return ls_recurrent_shape(layer, shapes, needs, cell_of(layer));
}

static ls_status build(struct ls_layer *layer, const struct ls_call_shapes *shapes)
{
    return ls_recurrent_build(layer, shapes, cell_of(layer));
}

static void forward(const struct ls_call *call)
{
    ls_recurrent_forward(call, cell_of(call->layer));
}

static void backward(const struct ls_call *call)
{
    ls_recurrent_backward(call, cell_of(call->layer));
}

static void flops(const struct ls_layer *layer, const struct ls_call_shapes *shapes,
                  struct ls_call_flops *flops)
{
    ls_recurrent_flops(layer, shapes, flops, cell_of(layer));
}

static const struct ls_layer_example examples[] = {
    {"units: 3", "[4, 2]", 1},
    {"units: 3, reset_after: false", "[4, 2]", 1},
    {"units: 2, return_sequences: true, use_bias: false, go_backwards: true", "[3, 3]", 1},
    {"units: 2, return_sequences: true, use_bias: false, go_backwards: true, reset_after: false",
     "[3, 3]", 1},
    {"units: 3, return_sequences: true, return_state: true, kernel_initializer: he_normal, "
     "recurrent_initializer: glorot_uniform, bias_initializer: ones",
     "[[3, 2], [3]]", 1},
    {"units: 2, activation: gelu, recurrent_activation: hard_sigmoid, kernel_regularizer: l2, "
     "recurrent_regularizer: l1, bias_regularizer: l2, activity_regularizer: {L2: {l2: 0.1}}, "
     "unroll: true",
     "[3, 2]", 1},
    {"units: 2, activation: softmax, recurrent_activation: silu, return_sequences: true, "
     "reset_after: false",
     "[{masked: [4, 2]}, [2]]", 1},
    {"units: 2, activation: null, recurrent_activation: softmax", "[{masked: [4, 2]}, [2]]", 1},
    {"units: 3, dropout: 0.3, recurrent_dropout: 0.4, seed: 7, return_sequences: true", "[3, 4]",
     1},
    {"units: 3, recurrent_dropout: 0.4, reset_after: false, return_state: true",
     "[{masked: [3, 4]}, [3]]", 1},
    {"units: 3, kernel_constraint: null, recurrent_constraint: null, bias_constraint: null, "
     "stateful: false, time_major: false, implementation: 1, zero_output_for_mask: true",
     "{masked: [5, 2]}", 1},
    {0},
};

const struct ls_layer_kind ls_layer_gru = {
    .kind = {.name = "GRU",
             .summary = "a recurrent layer with gates, of one state",
             .options = options,
             .options_size = sizeof(struct gru)},
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
