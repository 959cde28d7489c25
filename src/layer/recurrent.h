/* What the recurrent kinds share (SimpleRNN, LSTM, GRU): options, the loop over time, masks,
 * dropout, states, go_backwards. A kind adds its cell, what happens in one step. Private to the
 * room.
 *
 * Inside a call tensors are time-major, [step][rows][..], in the order in which steps are taken;
 * the cell sees one step. With G columns of gates and U units:
 *
 *     forward:  gates = x kernel for all steps at once; a step adds the state's product and the
 *               bias, applies the activations (all of this stays for backward), makes the state
 *     backward: a step turns the state's gradient into that of the gates, and that (times the
 *               recurrent kernel) into the gradient of the state before; all other products are
 *               made once for all steps
 */
#ifndef LAYER_RECURRENT_H
#define LAYER_RECURRENT_H

#include <string.h>

#include "kernel/gemm.h"
#include "kernel/kernels.h"
#include "layer/call.h"
#include "layer/options.h"

/* The options that all of them have; the first member of a kind's option struct. */
struct ls_recurrent {
    int64_t units;
    struct ls_instance activation, recurrent_activation; /* SimpleRNN has no gates */
    bool use_bias;
    struct ls_weight_options kernel, recurrent, bias;
    struct ls_instance activity_regularizer;
    double dropout, recurrent_dropout;
    bool return_sequences, return_state, go_backwards, stateful, unroll, zero_output_for_mask;
    int64_t seed;
    bool time_major;        /* these two: Keras 2's */
    int64_t implementation; /* not of SimpleRNN */
};

enum { LS_RECURRENT_KERNEL, LS_RECURRENT_RECURRENT, LS_RECURRENT_BIAS };

/* The rows of the options, in Keras' order; a kind's own stand between. */
#define LS_RECURRENT_UNITS_OPTIONS                                                                 \
    {.name = "units",                                                                              \
     .type = LS_OPTION_INT,                                                                        \
     .offset = offsetof(struct ls_recurrent, units),                                               \
     .min = 1,                                                                                     \
     .max = INT32_MAX / 4,                                                                         \
     .help = "size of the state and of the output's last axis"},                                   \
        LS_ACTIVATION_OPTION(struct ls_recurrent, "tanh")

#define LS_RECURRENT_ACTIVATION_OPTION                                                             \
    {                                                                                              \
        .name = "recurrent_activation", .type = LS_OPTION_KIND,                                    \
        .offset = offsetof(struct ls_recurrent, recurrent_activation), .initial = "sigmoid",       \
        .nullable = true, .registry = &ls_activations, .help = "function of the gates"             \
    }

#define LS_RECURRENT_INITIALIZER_OPTIONS                                                           \
    LS_USE_BIAS_OPTION(struct ls_recurrent),                                                       \
        LS_INITIALIZER_OPTION("kernel", struct ls_recurrent, kernel, "GlorotUniform"),             \
        LS_INITIALIZER_OPTION("recurrent", struct ls_recurrent, recurrent, "Orthogonal"),          \
        LS_INITIALIZER_OPTION("bias", struct ls_recurrent, bias, "Zeros")

#define LS_RECURRENT_RATE_OPTION(member, what)                                                     \
    {                                                                                              \
        .name = #member, .type = LS_OPTION_FLOAT, .offset = offsetof(struct ls_recurrent, member), \
        .initial = "0.0", .min = 0, .max = 1, .open_max = true,                                    \
        .help = "part of the " what " that is dropped, the same in all steps"                      \
    }

#define LS_RECURRENT_BOOL_OPTION(member, text)                                                     \
    {                                                                                              \
        .name = #member, .type = LS_OPTION_BOOL, .offset = offsetof(struct ls_recurrent, member),  \
        .initial = "false", .help = text                                                           \
    }

#define LS_RECURRENT_OTHER_OPTIONS                                                                 \
    LS_REGULARIZER_OPTION("kernel", struct ls_recurrent, kernel),                                  \
        LS_REGULARIZER_OPTION("recurrent", struct ls_recurrent, recurrent),                        \
        LS_REGULARIZER_OPTION("bias", struct ls_recurrent, bias),                                  \
        LS_ACTIVITY_REGULARIZER_OPTION(struct ls_recurrent),                                       \
        LS_CONSTRAINT_OPTION("kernel", struct ls_recurrent, kernel),                               \
        LS_CONSTRAINT_OPTION("recurrent", struct ls_recurrent, recurrent),                         \
        LS_CONSTRAINT_OPTION("bias", struct ls_recurrent, bias),                                   \
        LS_RECURRENT_RATE_OPTION(dropout, "input's features"),                                     \
        LS_RECURRENT_RATE_OPTION(recurrent_dropout, "state"),                                      \
        LS_RECURRENT_BOOL_OPTION(return_sequences, "the output of every step, not of the last"),   \
        LS_RECURRENT_BOOL_OPTION(return_state, "the last state as further results"),               \
        LS_RECURRENT_BOOL_OPTION(go_backwards, "take the steps from the last to the first"),       \
        {.name = "stateful",                                                                       \
         .type = LS_OPTION_BOOL,                                                                   \
         .offset = offsetof(struct ls_recurrent, stateful),                                        \
         .initial = "false",                                                                       \
         .refused =                                                                                \
             "is not supported: samples are shuffled, so no batch continues the one before; "      \
             "return_state gives states, which another call takes: from: [x, lstm:1, lstm:2]",     \
         .help = "false: no state is kept from batch to batch"},                                   \
        LS_RECURRENT_BOOL_OPTION(unroll, "read for Keras' sake: nothing changes"),                 \
        {.name = "zero_output_for_mask",                                                           \
         .type = LS_OPTION_BOOL,                                                                   \
         .offset = offsetof(struct ls_recurrent, zero_output_for_mask),                            \
         .initial = "false",                                                                       \
         .unwritten = true,                                                                        \
         .help = "masked steps give zeros, not the output of the step before"},                    \
        {.name = "seed",                                                                           \
         .type = LS_OPTION_INT,                                                                    \
         .offset = offsetof(struct ls_recurrent, seed),                                            \
         .initial = "null",                                                                        \
         .unwritten = true,                                                                        \
         .help = "of the random numbers of dropout; null: the run's"},                             \
    {                                                                                              \
        .name = "time_major", .type = LS_OPTION_BOOL,                                              \
        .offset = offsetof(struct ls_recurrent, time_major), .initial = "false",                   \
        .unwritten = true, .refused = "is not supported: samples are the first axis",              \
        .help = "false: samples are the first axis"                                                \
    }

/* Keras 2's and 3's, of LSTM and GRU: how they compute what is the same. */
#define LS_RECURRENT_IMPLEMENTATION_OPTION                                                         \
    {                                                                                              \
        .name = "implementation", .type = LS_OPTION_INT,                                           \
        .offset = offsetof(struct ls_recurrent, implementation), .initial = "2", .min = 0,         \
        .max = 2, .unwritten = true, .help = "read for Keras' sake: nothing changes"               \
    }

struct ls_cell;

/* A run of rows, or of steps. */
struct ls_run {
    int64_t first, count;
};

/* A weight's gradient, which is written, or added to. */
struct ls_weigh {
    float *grad;
    bool add;
};

/* One call: its sizes, and where everything lies. */
struct ls_steps {
    const struct ls_call *call;
    const struct ls_cell *cell;
    int64_t steps, rows, inputs, units, columns; /* columns: of the gates */
    int64_t together;                            /* so many steps are the rows of one product */
    struct ls_activation activation, recurrent_activation;
    const float *recurrent, *bias; /* weights; bias may be NULL */
    const float *mask;             /* [rows][steps] of the call, or NULL */
    bool given;                    /* the state to begin with is an input (else it is 0) */

    /* saved, [steps][rows][..] */
    float *x;        /* [inputs]: the input, or what is not dropped of it */
    float *gates;    /* [columns]: what comes out of the activations */
    float *before;   /* [columns]: what goes into them, where backward needs it, or NULL */
    float *extra;    /* [units]: the cell's own, or NULL */
    float *fed;      /* [units]: the state, or what is not dropped of it */
    float *state[2]; /* [units], of steps + 1: the first is the one to begin with; or NULL */

    /* in work */
    float *shown;                   /* [rows][steps], 1 or 0: see ls_steps_show; NULL: no mask */
    float *input_keep, *state_keep; /* [rows][..]: 0 or 1 / (1 - rate); NULL: nothing is dropped */
    float *inner;                   /* forward: [rows][columns], where reads_inner */
    float *gates_grad;    /* [together][rows][columns]: of x kernel + bias; 0 where masked */
    float *inner_grad;    /* the same of fed recurrent_kernel: gates_grad where not reads_inner */
    float *state_grad[2]; /* [rows][units] */
    float *transposed;    /* the recurrent kernel, [columns][units] */
    float *product;       /* [rows][units], where something is dropped of the state, or the cell
                             makes the products */
    float *x_grad;        /* [together][rows][inputs] */
};

/* What one kind does in a step. */
struct ls_cell {
    const char *name;    /* "lstm_cell": Keras keeps the variables in a layer of its own */
    int gates, states;   /* columns of the kernels, in units; 1 or 2 */
    bool extra;          /* wants extra */
    bool reads_inner;    /* the state's product is no summand of gates but inner, with a gradient of
                            its own, and a bias of its own: the second row */
    bool makes_products; /* of the state, and derives them */
    /* From gates[t] (x kernel, to which the state's product is added, without the bias),
     * state[..][t] and fed[t] to gates[t], before[t], extra[t], state[..][t + 1], for all rows (of
     * masked rows the state is put right afterwards). */
    void (*forward)(const struct ls_steps *s, int64_t t);
    /* From state_grad, of state[..][t + 1], to gates_grad[t] and inner_grad[t], and to what comes
     * to state[..][t] other than through the state's product. By ls_steps_next: masked rows stay.
     */
    void (*backward)(const struct ls_steps *s, int64_t t);
    /* Where it makes the products: the recurrent kernel's gradient, of a run of steps together. */
    void (*weigh)(const struct ls_steps *s, struct ls_run steps, const struct ls_weigh *to);
};

/* The call with its memory, and what is dropped drawn; of one that has rows. */
struct ls_steps ls_steps_start(const struct ls_call *call, const struct ls_cell *cell,
                               bool backward);

bool ls_steps_masked(const struct ls_steps *s, int64_t r, int64_t t);

/* Whether the output of a step is the state after it, else it is 0: before the first step that
 * counts there is no output to repeat. */
bool ls_steps_show(const struct ls_steps *s, int64_t r, int64_t t);

/* The next run of rows that are not masked in step t, behind *run (at first {0, 0}); false: there
 * is none. */
bool ls_steps_next(const struct ls_steps *s, int64_t t, struct ls_run *run);

/* The place of a step in gates_grad or inner_grad. */
static inline float *ls_steps_gradient(const struct ls_steps *s, float *grad, int64_t t)
{
    return grad + t % s->together * s->rows * s->columns;
}

/* For a cell that makes the products: adds what comes to the fed state, which is scribbled in. */
void ls_steps_add_product_gradient(const struct ls_steps *s, float *grad);

/* -- the functions of a kind, with its cell */
ls_status ls_recurrent_shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                             struct ls_call_needs *needs, const struct ls_cell *cell);
ls_status ls_recurrent_build(struct ls_layer *layer, const struct ls_call_shapes *shapes,
                             const struct ls_cell *cell);
unsigned ls_recurrent_flags(const struct ls_layer *layer);
void ls_recurrent_flops(const struct ls_layer *layer, const struct ls_call_shapes *shapes,
                        struct ls_call_flops *flops, const struct ls_cell *cell);
void ls_recurrent_forward(const struct ls_call *call, const struct ls_cell *cell);
void ls_recurrent_backward(const struct ls_call *call, const struct ls_cell *cell);

#endif
