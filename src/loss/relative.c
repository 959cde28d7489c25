/* Losses of numbers that are measured by their size: MeanAbsolutePercentageError,
 * MeanSquaredLogarithmicError, CosineSimilarity. Formulas: Keras, losses/losses.py. */
#include "kernel/activation.h"
#include "loss/probability.h"
#include "loss/terms.h"

/* Keras' epsilon, as float32 holds it. */
static const double epsilon = 1e-7F;

static const struct ls_option common_options[] = {LS_LOSS_COMMON_OPTIONS, {.name = NULL}};
static const char *const common_examples[] = {"{}", "reduction: sum", NULL};

/* -- MeanAbsolutePercentageError */

static struct ls_term percentage_term(double p, double y, const void *options)
{
    (void)options;
    double size = fabs(y) > epsilon ? fabs(y) : epsilon, error = (p - y) / size;
    return (struct ls_term){100 * fabs(error), error > 0   ? 100 / size
                                               : error < 0 ? -100 / size
                                                           : 0 * error};
}

static void percentage(const struct ls_loss_call *call)
{
    ls_loss_mean_terms(call, call->target, percentage_term);
}

static const char *const percentage_aliases[] = {"mape", "MAPE", NULL};

const struct ls_loss_kind ls_loss_mean_absolute_percentage_error = {
    .kind = {.name = "MeanAbsolutePercentageError",
             .aliases = percentage_aliases,
             .summary = "100 times the mean of |prediction - target| / |target|",
             .options = common_options,
             .options_size = sizeof(struct ls_loss_common)},
    .target = LS_TARGET_SAME,
    .logits_of = LS_ACTIVATION_LINEAR,
    .from_logits_offset = SIZE_MAX,
    .compute = percentage,
    .examples = common_examples,
};

/* -- MeanSquaredLogarithmicError */

/* Numbers below epsilon count as epsilon, and get no gradient. */
static struct ls_term logarithmic_term(double p, double y, const void *options)
{
    (void)options;
    double above = p < epsilon ? epsilon : p, wanted = y < epsilon ? epsilon : y;
    double error = ls_loss_log(above + 1) - ls_loss_log(wanted + 1);
    return (struct ls_term){error * error, p >= epsilon ? 2 * error / (p + 1) : 0};
}

static void logarithmic(const struct ls_loss_call *call)
{
    ls_loss_mean_terms(call, call->target, logarithmic_term);
}

static const char *const logarithmic_aliases[] = {"msle", "MSLE", NULL};

const struct ls_loss_kind ls_loss_mean_squared_logarithmic_error = {
    .kind = {.name = "MeanSquaredLogarithmicError",
             .aliases = logarithmic_aliases,
             .summary = "mean of (log(prediction + 1) - log(target + 1))^2",
             .options = common_options,
             .options_size = sizeof(struct ls_loss_common)},
    .target = LS_TARGET_SAME,
    .logits_of = LS_ACTIVATION_LINEAR,
    .from_logits_offset = SIZE_MAX,
    .compute = logarithmic,
    .examples = common_examples,
};

/* -- CosineSimilarity */

/* Keras' config leaves the axis out. */
static const struct ls_option cosine_options[] = {
    LS_LOSS_COMMON_OPTIONS,
    LS_LAST_AXIS_OPTION(struct ls_axial, axis, true),
    {.name = NULL},
};

/* 1 / the length of a vector, at most 1 / epsilon: Keras' normalize. */
static double inverse_length(const float *row, int64_t columns, bool *limited)
{
    double squares = 0;
    for (int64_t c = 0; c < columns; c++)
        squares += (double)row[c] * row[c];
    *limited = sqrt(squares) < epsilon;
    return *limited ? 1 / epsilon : 1 / sqrt(squares);
}

/* With u, v the vectors divided by their lengths: value = -u v; d value / d p = ((u v) u - v) /
 * |p|, without (u v) u where the length is limited. */
static void cosine(const struct ls_loss_call *call)
{
    for (int64_t p = 0; p < call->positions; p++) {
        const float *row = call->prediction + p * call->columns;
        const float *target = call->target + p * call->columns;
        bool limited, limited_target;
        double scale = inverse_length(row, call->columns, &limited), inner = 0;
        double scale_target = inverse_length(target, call->columns, &limited_target);
        for (int64_t c = 0; c < call->columns; c++)
            inner += (row[c] * scale) * (target[c] * scale_target);
        call->value[p] = (float)-inner;
        for (int64_t c = 0; call->grad && c < call->columns; c++) {
            double along = limited ? 0 : inner * row[c] * scale;
            call->grad[p * call->columns + c] = (float)((along - target[c] * scale_target) * scale);
        }
    }
}

static const char *const cosine_examples[] = {"{}", "axis: -1, reduction: sum", NULL};

const struct ls_loss_kind ls_loss_cosine_similarity = {
    .kind = {.name = "CosineSimilarity",
             .summary = "-cosine of the angle between prediction and target: -1 where they agree",
             .options = cosine_options,
             .options_size = sizeof(struct ls_axial)},
    .target = LS_TARGET_SAME,
    .logits_of = LS_ACTIVATION_LINEAR,
    .from_logits_offset = SIZE_MAX,
    .compute = cosine,
    .examples = cosine_examples,
};
