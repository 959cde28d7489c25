/* PearsonCorrelation, ConcordanceCorrelation: means of the coefficients of each position's row
 * (keras/src/metrics/correlation_metrics.py). */
#include <math.h>

#include "metric/mean.h"

struct correlation {
    struct ls_metric_common common;
    int64_t axis;
};

static const double epsilon = 1e-7; /* Keras' backend.epsilon() */

static double mean_of(const float *row, int64_t columns)
{
    double sum = 0;
    for (int64_t c = 0; c < columns; c++)
        sum += row[c];
    return sum / (double)columns;
}

/* The mean of (a - a_mean)(b - b_mean). */
static double moment(const float *a, double a_mean, const float *b, double b_mean, int64_t columns)
{
    double sum = 0;
    for (int64_t c = 0; c < columns; c++)
        sum += (a[c] - a_mean) * (b[c] - b_mean);
    return sum / (double)columns;
}

static double pearson(const float *target, const float *predicted, int64_t columns)
{
    double t = mean_of(target, columns), p = mean_of(predicted, columns);
    return moment(target, t, predicted, p, columns) /
           (sqrt(moment(target, t, target, t, columns)) *
            sqrt(moment(predicted, p, predicted, p, columns)));
}

static double concordance(const float *target, const float *predicted, int64_t columns)
{
    double t = mean_of(target, columns), p = mean_of(predicted, columns);
    double spread = moment(target, t, target, t, columns) +
                    moment(predicted, p, predicted, p, columns) + (t - p) * (t - p);
    return 2 * moment(target, t, predicted, p, columns) / (spread + epsilon);
}

static void update(const struct ls_metric_call *call,
                   double (*coefficient)(const float *, const float *, int64_t))
{
    for (int64_t p = 0; p < call->positions; p++)
        ls_mean_add(call, p,
                    coefficient(call->target + p * call->columns,
                                call->prediction + p * call->columns, call->columns),
                    1);
}

static void update_pearson(const struct ls_metric_call *call)
{
    update(call, pearson);
}

static void update_concordance(const struct ls_metric_call *call)
{
    update(call, concordance);
}

static const struct ls_option options[] = {
    LS_METRIC_COMMON_OPTIONS,
    {.name = "axis",
     .type = LS_OPTION_INT,
     .offset = offsetof(struct correlation, axis),
     .initial = "-1",
     .min = -1,
     .max = -1,
     .help = "along the last one"},
    {.name = NULL},
};
static const char *const examples[] = {"{}", "name: mine, axis: -1", NULL};

const struct ls_metric_kind ls_metric_pearson_correlation = {
    .kind = {.name = "PearsonCorrelation",
             .summary = "Pearson's coefficient of each row, on average",
             .options = options,
             .options_size = sizeof(struct correlation)},
    .direction = LS_DIRECTION_UP,
    .target = LS_TARGET_SAME,
    .state_doubles = ls_mean_doubles,
    .update = update_pearson,
    .result = ls_mean_result,
    .examples = examples,
};

const struct ls_metric_kind ls_metric_concordance_correlation = {
    .kind = {.name = "ConcordanceCorrelation",
             .summary = "concordance of each row, on average",
             .options = options,
             .options_size = sizeof(struct correlation)},
    .direction = LS_DIRECTION_UP,
    .target = LS_TARGET_SAME,
    .state_doubles = ls_mean_doubles,
    .update = update_concordance,
    .result = ls_mean_result,
    .examples = examples,
};
