/* Activation functions: one table makes the enum, the names, the registry and the loops. */
#ifndef KERNEL_ACTIVATION_H
#define KERNEL_ACTIVATION_H

#include <stdbool.h>
#include <stddef.h>

/* What the backward pass needs of the forward pass. */
enum ls_activation_saves { LS_SAVES_NOTHING, LS_SAVES_OUTPUT, LS_SAVES_INPUT };

/* X(name, enum, what backward needs, help). Formulas as Keras 3's keras.activations. `a` and `b` of
 * struct ls_activation are the parameters named in the help. */
#define LS_ACTIVATIONS(X)                                                                          \
    X("linear", LINEAR, NOTHING, "x")                                                              \
    X("relu", RELU, INPUT, "x > t ? min(x, max) : slope (x - t); see LeakyReLU and ReLU")          \
    X("relu6", RELU6, OUTPUT, "min(max(x, 0), 6)")                                                 \
    X("leaky_relu", LEAKY_RELU, OUTPUT, "x > 0 ? x : a x, a = 0.2")                                \
    X("elu", ELU, OUTPUT, "x > 0 ? x : a (e^x - 1), a = 1")                                        \
    X("selu", SELU, OUTPUT, "1.0507010 elu(x, 1.6732632)")                                         \
    X("gelu", GELU, INPUT, "x (1 + erf(x / sqrt 2)) / 2")                                          \
    X("gelu_tanh", GELU_TANH, INPUT, "gelu(approximate=True)")                                     \
    X("silu", SILU, INPUT, "x sigmoid(x)")                                                         \
    X("softplus", SOFTPLUS, INPUT, "log(1 + e^x)")                                                 \
    X("softsign", SOFTSIGN, INPUT, "x / (1 + |x|)")                                                \
    X("exponential", EXPONENTIAL, OUTPUT, "e^x")                                                   \
    X("sigmoid", SIGMOID, OUTPUT, "1 / (1 + e^-x)")                                                \
    X("hard_sigmoid", HARD_SIGMOID, OUTPUT, "relu6(x + 3) / 6")                                    \
    X("tanh", TANH, OUTPUT, "tanh x")                                                              \
    X("softmax", SOFTMAX, OUTPUT, "e^x / sum e^x over the last axis")                              \
    X("log_softmax", LOG_SOFTMAX, OUTPUT, "x - log sum e^x over the last axis")                    \
    X("mish", MISH, INPUT, "x tanh(softplus x)")                                                   \
    X("step", STEP, NOTHING, "x >= 0 ? 1 : 0; its gradient is 0, so it does not train")            \
    X("sign", SIGN, NOTHING, "-1, 0 or 1; its gradient is 0, so it does not train")

enum ls_activation_id {
#define X(name, id, saves, help) LS_ACTIVATION_##id,
    LS_ACTIVATIONS(X)
#undef X
        LS_ACTIVATION_COUNT
};

/* A function with its parameters. a: slope of leaky_relu (0.2), alpha of elu (1). For relu: slope
 * (0), max (INFINITY) and threshold (0) of Keras' ReLU layer. */
struct ls_activation {
    enum ls_activation_id id;
    float a;
    float max, threshold;
};

/* The function with its default parameters. */
struct ls_activation ls_activation_default(enum ls_activation_id id);

/* Which of its input and output the backward pass reads. Plain relu (slope 0, threshold 0) needs
 * only its output. */
enum ls_activation_saves ls_activation_saves(const struct ls_activation *f);

/* True for softmax and log_softmax, whose rows belong together. */
bool ls_activation_by_row(const struct ls_activation *f);

#endif
