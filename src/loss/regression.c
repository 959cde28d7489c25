/* Losses of numbers: MeanSquaredError, MeanAbsoluteError, Huber, LogCosh. Each position's value is
 * the mean over its columns. The family to copy. */
#include "kernel/activation.h"
#include "kernel/kernels.h"
#include "loss/loss.h"

static const struct ls_option common_options[] = {LS_LOSS_COMMON_OPTIONS, {.name = NULL}};
static const char *const common_examples[] = {"{}", "reduction: sum", NULL};

/* work = prediction - target; how many in all. */
static size_t find_errors(const struct ls_loss_call *call)
{
    size_t n = (size_t)(call->positions * call->columns);
    ls_k->subtract(call->work, call->prediction, call->target, n);
    return n;
}

/* -- MeanSquaredError */

static void squared_error(const struct ls_loss_call *call)
{
    size_t n = find_errors(call), columns = (size_t)call->columns;
    for (int64_t p = 0; p < call->positions; p++)
        call->value[p] =
            (float)(ls_k->sum_squares(call->work + (size_t)p * columns, columns) / (double)columns);
    if (call->grad)
        ls_k->scale(call->grad, call->work, 2.0F / (float)columns, n);
}

static const char *const squared_aliases[] = {"mse", "MSE", NULL};

const struct ls_loss_kind ls_loss_mean_squared_error = {
    .kind = {.name = "MeanSquaredError",
             .aliases = squared_aliases,
             .summary = "mean of (prediction - target)^2",
             .options = common_options,
             .options_size = sizeof(struct ls_loss_common)},
    .target = LS_TARGET_SAME,
    .logits_of = LS_ACTIVATION_LINEAR,
    .from_logits_offset = SIZE_MAX,
    .compute = squared_error,
    .examples = common_examples,
};

/* -- MeanAbsoluteError */

static void absolute_error(const struct ls_loss_call *call)
{
    size_t n = find_errors(call), columns = (size_t)call->columns;
    float part = 1.0F / (float)columns;
    for (int64_t p = 0; p < call->positions; p++)
        call->value[p] = (float)(ls_k->sum_absolute(call->work + (size_t)p * columns, columns) /
                                 (double)columns);
    for (size_t i = 0; call->grad && i < n; i++)
        call->grad[i] = call->work[i] > 0 ? part : call->work[i] < 0 ? -part : 0;
}

static const char *const absolute_aliases[] = {"mae", "MAE", NULL};

const struct ls_loss_kind ls_loss_mean_absolute_error = {
    .kind = {.name = "MeanAbsoluteError",
             .aliases = absolute_aliases,
             .summary = "mean of |prediction - target|",
             .options = common_options,
             .options_size = sizeof(struct ls_loss_common)},
    .target = LS_TARGET_SAME,
    .logits_of = LS_ACTIVATION_LINEAR,
    .from_logits_offset = SIZE_MAX,
    .compute = absolute_error,
    .examples = common_examples,
};

/* -- Huber */

struct huber {
    struct ls_loss_common common;
    double delta;
};

static const struct ls_option huber_options[] = {
    LS_LOSS_COMMON_OPTIONS,
    {.name = "delta",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct huber, delta),
     .initial = "1.0",
     .min = 0,
     .max = INFINITY,
     .open_min = true,
     .open_max = true,
     .help = "errors up to it count as squares, beyond it as magnitudes"},
    {.name = NULL},
};

static void huber(const struct ls_loss_call *call)
{
    const struct huber *o = call->options;
    double delta = o->delta;
    float part = 1.0F / (float)call->columns, limit = (float)delta;
    find_errors(call);
    for (int64_t p = 0; p < call->positions; p++) {
        const float *error = call->work + p * call->columns;
        double sum = 0;
        for (int64_t c = 0; c < call->columns; c++) {
            double e = error[c], size = fabs(e);
            sum += size <= delta ? e * e / 2 : delta * size - delta * delta / 2;
        }
        call->value[p] = (float)(sum / (double)call->columns);
        for (int64_t c = 0; call->grad && c < call->columns; c++) {
            float e = error[c];
            call->grad[p * call->columns + c] = (e > limit    ? limit
                                                 : e < -limit ? -limit
                                                              : e) *
                                                part;
        }
    }
}

static const char *const huber_aliases[] = {"huber_loss", NULL};
static const char *const huber_examples[] = {"{}", "delta: 0.4, reduction: sum", NULL};

const struct ls_loss_kind ls_loss_huber = {
    .kind = {.name = "Huber",
             .aliases = huber_aliases,
             .summary = "squares of small errors, magnitudes of large ones",
             .options = huber_options,
             .options_size = sizeof(struct huber)},
    .target = LS_TARGET_SAME,
    .logits_of = LS_ACTIVATION_LINEAR,
    .from_logits_offset = SIZE_MAX,
    .compute = huber,
    .examples = huber_examples,
};

/* -- LogCosh: log cosh d = d + softplus(-2 d) - log 2 */

static void log_cosh(const struct ls_loss_call *call)
{
    static const double log_2 = 0.69314718055994530942;
    struct ls_activation softplus = ls_activation_default(LS_ACTIVATION_SOFTPLUS);
    struct ls_activation tanh = ls_activation_default(LS_ACTIVATION_TANH);
    size_t n = find_errors(call);
    ls_k->scale(call->work, call->work, -2, n);
    ls_k->activate(call->work, call->work, &softplus, n, 1);
    for (int64_t p = 0; p < call->positions; p++) {
        double sum = 0;
        for (int64_t i = p * call->columns; i < (p + 1) * call->columns; i++)
            sum += (double)(call->prediction[i] - call->target[i]) + call->work[i] - log_2;
        call->value[p] = (float)(sum / (double)call->columns);
    }
    if (!call->grad)
        return;
    ls_k->subtract(call->grad, call->prediction, call->target, n);
    ls_k->activate(call->grad, call->grad, &tanh, n, 1);
    ls_k->scale(call->grad, call->grad, 1.0F / (float)call->columns, n);
}

static const char *const log_cosh_aliases[] = {"logcosh", NULL};

const struct ls_loss_kind ls_loss_log_cosh = {
    .kind = {.name = "LogCosh",
             .aliases = log_cosh_aliases,
             .summary = "mean of log(cosh(prediction - target))",
             .options = common_options,
             .options_size = sizeof(struct ls_loss_common)},
    .target = LS_TARGET_SAME,
    .logits_of = LS_ACTIVATION_LINEAR,
    .from_logits_offset = SIZE_MAX,
    .compute = log_cosh,
    .examples = common_examples,
};
