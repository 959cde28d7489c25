/* Losses of distributions: KLDivergence, Poisson, CategoricalGeneralizedCrossEntropy. Formulas:
 * Keras, losses/losses.py. */
#include "kernel/activation.h"
#include "loss/terms.h"

/* Keras' epsilon, as float32 holds it. */
static const double epsilon = 1e-7F;

static const struct ls_option common_options[] = {LS_LOSS_COMMON_OPTIONS, {.name = NULL}};
static const char *const common_examples[] = {"{}", "reduction: sum", NULL};

/* -- KLDivergence */

static double clip(double x)
{
    return x < epsilon ? epsilon : x > 1 ? 1 : x;
}

/* Both clipped to [epsilon, 1]; no gradient outside. */
static struct ls_term divergence_term(double p, double y, const void *options)
{
    (void)options;
    double q = clip(p), wanted = clip(y);
    return (struct ls_term){wanted * ls_loss_log(wanted / q), p == q ? -wanted / q : 0};
}

static void divergence(const struct ls_loss_call *call)
{
    ls_loss_sum_terms(call, divergence_term);
}

static const char *const divergence_aliases[] = {"kld", "KLD", "kullback_leibler_divergence", NULL};

const struct ls_loss_kind ls_loss_kl_divergence = {
    .kind = {.name = "KLDivergence",
             .aliases = divergence_aliases,
             .summary = "sum of target log(target / prediction) over the classes",
             .options = common_options,
             .options_size = sizeof(struct ls_loss_common)},
    .target = LS_TARGET_SAME,
    .logits_of = LS_ACTIVATION_LINEAR,
    .from_logits_offset = SIZE_MAX,
    .compute = divergence,
    .examples = common_examples,
};

/* -- Poisson */

static struct ls_term poisson_term(double p, double y, const void *options)
{
    (void)options;
    double rate = p + epsilon;
    return (struct ls_term){p - y * ls_loss_log(rate), 1 - y / rate};
}

static void poisson(const struct ls_loss_call *call)
{
    ls_loss_mean_terms(call, call->target, poisson_term);
}

const struct ls_loss_kind ls_loss_poisson = {
    .kind = {.name = "Poisson",
             .summary = "mean of prediction - target log(prediction): counts of rare events",
             .options = common_options,
             .options_size = sizeof(struct ls_loss_common)},
    .target = LS_TARGET_SAME,
    .logits_of = LS_ACTIVATION_LINEAR,
    .from_logits_offset = SIZE_MAX,
    .compute = poisson,
    .examples = common_examples,
};

/* -- CategoricalGeneralizedCrossEntropy: (1 - p^q) / q, p being the class' probability */

struct generalized {
    struct ls_loss_common common;
    double q;
};

static const struct ls_option generalized_options[] = {
    LS_LOSS_COMMON_OPTIONS,
    {.name = "q",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct generalized, q),
     .initial = "0.5",
     .min = 0,
     .max = 1,
     .open_min = true,
     .open_max = true,
     .help =
         "near 0 it is cross-entropy, near 1 the mean absolute error, which bears wrong labels"},
    {.name = NULL},
};

static void generalized(const struct ls_loss_call *call)
{
    double q = ((const struct generalized *)call->options)->q;
    for (int64_t p = 0; p < call->positions; p++) {
        const float *row = call->prediction + p * call->columns;
        int64_t class = (int64_t)call->target[p];
        double power = ls_loss_power((double)row[class], q);
        call->value[p] = (float)((1 - power) / q);
        for (int64_t c = 0; call->grad && c < call->columns; c++)
            call->grad[p * call->columns + c] = c != class    ? 0
                                                : row[c] == 0 ? -INFINITY
                                                              : (float)(-power / row[c]);
    }
}

static const char *const generalized_examples[] = {"{}", "q: 0.7, reduction: mean", NULL};

const struct ls_loss_kind ls_loss_categorical_generalized_cross_entropy = {
    .kind = {.name = "CategoricalGeneralizedCrossEntropy",
             .summary = "(1 - p^q) / q of the target's class (an integer), for wrong labels among",
             .options = generalized_options,
             .options_size = sizeof(struct generalized)},
    .target = LS_TARGET_CLASS,
    .logits_of = LS_ACTIVATION_LINEAR,
    .answer = LS_ANSWER_CLASSES,
    .from_logits_offset = SIZE_MAX,
    .compute = generalized,
    .examples = generalized_examples,
};
