/* Metrics of numbers: MeanSquaredError, MeanAbsoluteError. */
#include "kernel/kernels.h"
#include "metric/mean.h"

static const struct ls_option options[] = {LS_METRIC_COMMON_OPTIONS, {.name = NULL}};
static const char *const examples[] = {"{}", "name: mine", NULL};

/* The sum of each position's errors, by one of the kernel room's sums. */
static void update(const struct ls_metric_call *call, double (*sum)(const float *, size_t))
{
    size_t columns = (size_t)call->columns;
    ls_k->subtract(call->work, call->prediction, call->target, (size_t)call->positions * columns);
    for (int64_t p = 0; p < call->positions; p++)
        ls_mean_add(call, p, sum(call->work + (size_t)p * columns, columns), (double)columns);
}

static void update_squared(const struct ls_metric_call *call)
{
    update(call, ls_k->sum_squares);
}

static const char *const squared_aliases[] = {"mse", "MSE", NULL};

const struct ls_metric_kind ls_metric_mean_squared_error = {
    .kind = {.name = "MeanSquaredError",
             .aliases = squared_aliases,
             .summary = "mean of (prediction - target)^2",
             .options = options,
             .options_size = sizeof(struct ls_metric_common)},
    .target = LS_TARGET_SAME,
    .state_doubles = ls_mean_doubles,
    .update = update_squared,
    .result = ls_mean_result,
    .examples = examples,
};

static void update_absolute(const struct ls_metric_call *call)
{
    update(call, ls_k->sum_absolute);
}

static const char *const absolute_aliases[] = {"mae", "MAE", NULL};

const struct ls_metric_kind ls_metric_mean_absolute_error = {
    .kind = {.name = "MeanAbsoluteError",
             .aliases = absolute_aliases,
             .summary = "mean of |prediction - target|",
             .options = options,
             .options_size = sizeof(struct ls_metric_common)},
    .target = LS_TARGET_SAME,
    .state_doubles = ls_mean_doubles,
    .update = update_absolute,
    .result = ls_mean_result,
    .examples = examples,
};
