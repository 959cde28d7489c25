/* Regularizers: penalties on weights or outputs. One row each. */
#include "kernel/kernels.h"
#include "layer/layer.h"

static double penalty(const void *options, const struct ls_penalized *p)
{
    const struct ls_l1_l2 *o = options;
    double total = 0;
    if (o->l1 != 0)
        total += o->l1 * ls_sum_blocks(p->values, p->n, LS_SUM_ABSOLUTE);
    if (o->l2 != 0)
        total += o->l2 * ls_sum_blocks(p->values, p->n, LS_SUM_SQUARES);
    return total;
}

/* The gradient of |w| at 0 is 0, as Keras'. */
static void add_gradient(const void *options, float *grad, const struct ls_penalized *p,
                         double factor)
{
    const struct ls_l1_l2 *o = options;
    const float *values = p->values;
    float l1 = (float)(factor * o->l1);
    if (o->l2 != 0)
        ls_k->axpy(grad, (float)(2 * factor * o->l2), values, p->n);
    for (size_t i = 0; l1 != 0 && i < p->n; i++)
        grad[i] += values[i] > 0 ? l1 : values[i] < 0 ? -l1 : 0;
}

#define LS_FACTOR_OPTION(field, default_, help_)                                                   \
    {                                                                                              \
        .name = #field, .type = LS_OPTION_FLOAT, .offset = offsetof(struct ls_l1_l2, field),       \
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
             .options_size = sizeof(struct ls_l1_l2)},
    .penalty = penalty,
    .add_gradient = add_gradient,
    .examples = l1_examples,
};
static const struct ls_regularizer_kind l2 = {
    .kind = {.name = "L2",
             .summary = "l2 sum w^2",
             .options = l2_options,
             .options_size = sizeof(struct ls_l1_l2)},
    .penalty = penalty,
    .add_gradient = add_gradient,
    .examples = l2_examples,
};
const struct ls_regularizer_kind ls_regularizer_l1_l2 = {
    .kind = {.name = "L1L2",
             .summary = "l1 sum |w| + l2 sum w^2",
             .options = l1_l2_options,
             .options_size = sizeof(struct ls_l1_l2)},
    .penalty = penalty,
    .add_gradient = add_gradient,
    .examples = l1_l2_examples,
};

extern const struct ls_regularizer_kind ls_regularizer_orthogonal;

static const struct ls_kind *const kinds[] = {&l1.kind, &l2.kind, &ls_regularizer_l1_l2.kind,
                                              &ls_regularizer_orthogonal.kind, NULL};
const struct ls_registry ls_regularizers = {.noun = "regularizer", .kinds = kinds};

static const struct ls_regularizer_kind *kind_of(const struct ls_instance *regularizer)
{
    return regularizer ? (const struct ls_regularizer_kind *)regularizer->kind : NULL;
}

double ls_penalty(const struct ls_instance *regularizer, const struct ls_penalized *penalized)
{
    const struct ls_regularizer_kind *kind = kind_of(regularizer);
    return kind ? kind->penalty(regularizer->options, penalized) : 0;
}

void ls_penalty_add_gradient(const struct ls_instance *regularizer, float *grad,
                             const struct ls_penalized *penalized, double factor)
{
    const struct ls_regularizer_kind *kind = kind_of(regularizer);
    if (kind)
        kind->add_gradient(regularizer->options, grad, penalized, factor);
}

ls_status ls_penalty_check(const struct ls_instance *regularizer, const struct ls_shape *shape)
{
    const struct ls_regularizer_kind *kind = kind_of(regularizer);
    return kind && kind->check ? kind->check(regularizer->options, shape) : LS_OK;
}

size_t ls_penalty_room(const struct ls_instance *regularizer, const struct ls_shape *shape)
{
    const struct ls_regularizer_kind *kind = kind_of(regularizer);
    return kind && kind->room ? kind->room(regularizer->options, shape) : 0;
}
