/* R2Score: the part of the targets' variance that predictions explain
 * (keras/src/metrics/regression_metrics.py). */
#include <math.h>

#include "metric/metric.h"

static const char *const aggregations[] = {"uniform_average", "variance_weighted_average", NULL};
enum { UNIFORM, BY_VARIANCE };

struct r2_score {
    struct ls_metric_common common;
    int class_aggregation; /* -1: none */
    int64_t num_regressors;
};

/* The state: how many numbers there were, whatever their weights, and of each column weighted sums.
 */
struct sums {
    double target, square, residual, weight;
};
enum { SUMS = sizeof(struct sums) / sizeof(double) };

static size_t state_doubles(const struct ls_instance *metric, int64_t columns)
{
    (void)metric;
    return 1 + SUMS * (size_t)columns;
}

static void update(const struct ls_metric_call *call)
{
    call->state[0] += (double)(call->positions * call->columns);
    for (int64_t p = 0; p < call->positions; p++) {
        double weight = call->weight ? call->weight[p] : 1;
        for (int64_t c = 0; c < call->columns; c++) {
            struct sums *sums = (struct sums *)(call->state + 1) + c;
            double target = call->target[p * call->columns + c];
            double residual = target - call->prediction[p * call->columns + c];
            sums->target += weight * target;
            sums->square += weight * (target * target);
            sums->residual += weight * (residual * residual);
            sums->weight += weight;
        }
    }
}

static double variance(const struct sums *sums)
{
    return sums->square - sums->target * (sums->target / sums->weight);
}

/* 0 where targets do not vary and predictions differ from them; not a number where both are
 * constant, as Keras'. */
static double score(const struct sums *sums)
{
    double score = 1 - sums->residual / variance(sums);
    return isinf(score) ? 0 : score;
}

/* For the number of regressors, where there are more samples. */
static double adjust(const struct r2_score *o, double score, double samples)
{
    double regressors = (double)o->num_regressors;
    if (regressors == 0 || regressors >= samples - 1)
        return score;
    return 1 - (1 - score) * (samples - 1) / (samples - regressors - 1);
}

static size_t list(const struct ls_instance *metric, int64_t columns)
{
    const struct r2_score *o = metric->options;
    return o->class_aggregation < 0 ? (size_t)columns : 0;
}

static void results(const struct ls_instance *metric, const double *state, int64_t columns,
                    double *values)
{
    const struct r2_score *o = metric->options;
    const struct sums *sums = (const struct sums *)(state + 1);
    double sum = 0, weights = 0;
    for (int64_t c = 0; c < columns; c++) {
        double weight = o->class_aggregation == BY_VARIANCE ? variance(&sums[c]) : 1;
        sum += weight * score(&sums[c]);
        weights += weight;
        if (o->class_aggregation < 0)
            values[c] = adjust(o, score(&sums[c]), state[0]);
    }
    if (o->class_aggregation >= 0)
        values[0] = adjust(o, sum / weights, state[0]);
}

static const struct ls_option options[] = {
    LS_METRIC_COMMON_OPTIONS,
    {.name = "class_aggregation",
     .type = LS_OPTION_CHOICE,
     .offset = offsetof(struct r2_score, class_aggregation),
     .initial = "uniform_average",
     .nullable = true,
     .choices = aggregations,
     .help = "of the columns' scores; null: a score for each"},
    {.name = "num_regressors",
     .type = LS_OPTION_INT,
     .offset = offsetof(struct r2_score, num_regressors),
     .initial = "0",
     .min = 0,
     .max = -1,
     .help = "adjusts the score to so many independent variables; 0: does not"},
    {.name = NULL},
};
static const char *const examples[] = {"{}", "class_aggregation: null, num_regressors: 1",
                                       "class_aggregation: variance_weighted_average, name: mine",
                                       NULL};

const struct ls_metric_kind ls_metric_r2_score = {
    .kind = {.name = "R2Score",
             .summary = "part of the targets' variance that is explained",
             .options = options,
             .options_size = sizeof(struct r2_score)},
    .direction = LS_DIRECTION_UP,
    .target = LS_TARGET_SAME,
    .state_doubles = state_doubles,
    .update = update,
    .list = list,
    .results = results,
    .examples = examples,
};
