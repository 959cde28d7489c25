/* Regularizers: penalties on weights or outputs. One row each. */
#include "kernel/kernels.h"
#include "layer/layer.h"

struct l1_l2 {
    double l1, l2;
};

static double penalty(const void *options, const float *weights, size_t n)
{
    const struct l1_l2 *o = options;
    double total = 0;
    if (o->l1 != 0)
        total += o->l1 * ls_sum_blocks(weights, n, LS_SUM_ABSOLUTE);
    if (o->l2 != 0)
        total += o->l2 * ls_sum_blocks(weights, n, LS_SUM_SQUARES);
    return total;
}

/* The gradient of |w| at 0 is 0, as Keras'. */
static void add_gradient(const void *options, float *grad, const float *weights, double factor,
                         size_t n)
{
    const struct l1_l2 *o = options;
    float l1 = (float)(factor * o->l1);
    if (o->l2 != 0)
        ls_k->axpy(grad, (float)(2 * factor * o->l2), weights, n);
    for (size_t i = 0; l1 != 0 && i < n; i++)
        grad[i] += weights[i] > 0 ? l1 : weights[i] < 0 ? -l1 : 0;
}

#define LS_FACTOR_OPTION(field, default_, help_)                                                   \
    {                                                                                              \
        .name = #field, .type = LS_OPTION_FLOAT, .offset = offsetof(struct l1_l2, field),          \
        .initial = default_, .min = 0, .max = INFINITY, .open_max = true, .help = help_            \
    }

static const struct ls_option l1_options[] = {
    LS_FACTOR_OPTION(l1, "0.01", "factor of the sum of magnitudes"), {.name = NULL}};
static const struct ls_option l2_options[] = {
    LS_FACTOR_OPTION(l2, "0.01", "factor of the sum of squares"), {.name = NULL}};
static const struct ls_option l1_l2_options[] = {
    LS_FACTOR_OPTION(l1, "0.0", "factor of the sum of magnitudes"),
    LS_FACTOR_OPTION(l2, "0.0", "factor of the sum of squares"),
    {.name = NULL}};

static const char *const l1_examples[] = {"{}", "l1: 0.5", NULL};
static const char *const l2_examples[] = {"{}", "l2: 0.5", NULL};
static const char *const l1_l2_examples[] = {"{}", "l1: 0.25, l2: 0.5", NULL};

static const struct ls_regularizer_kind l1 = {
    .kind = {.name = "L1",
             .summary = "l1 sum |w|",
             .options = l1_options,
             .options_size = sizeof(struct l1_l2)},
    .penalty = penalty,
    .add_gradient = add_gradient,
    .examples = l1_examples,
};
static const struct ls_regularizer_kind l2 = {
    .kind = {.name = "L2",
             .summary = "l2 sum w^2",
             .options = l2_options,
             .options_size = sizeof(struct l1_l2)},
    .penalty = penalty,
    .add_gradient = add_gradient,
    .examples = l2_examples,
};
static const struct ls_regularizer_kind l1_l2 = {
    .kind = {.name = "L1L2",
             .summary = "l1 sum |w| + l2 sum w^2",
             .options = l1_l2_options,
             .options_size = sizeof(struct l1_l2)},
    .penalty = penalty,
    .add_gradient = add_gradient,
    .examples = l1_l2_examples,
};

static const struct ls_kind *const kinds[] = {&l1.kind, &l2.kind, &l1_l2.kind, NULL};
const struct ls_registry ls_regularizers = {.noun = "regularizer", .kinds = kinds};

double ls_penalty(const struct ls_instance *regularizer, const float *weights, size_t n)
{
    if (!regularizer || !regularizer->kind)
        return 0;
    const struct ls_regularizer_kind *kind = (const struct ls_regularizer_kind *)regularizer->kind;
    return kind->penalty(regularizer->options, weights, n);
}

void ls_penalty_add_gradient(const struct ls_instance *regularizer, float *grad,
                             const float *weights, double factor, size_t n)
{
    if (!regularizer || !regularizer->kind)
        return;
    const struct ls_regularizer_kind *kind = (const struct ls_regularizer_kind *)regularizer->kind;
    kind->add_gradient(regularizer->options, grad, weights, factor, n);
}
