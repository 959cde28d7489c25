/* F1Score, FBetaScore: formulas and small numbers of keras/src/metrics/f_score_metrics.py, in
 * double. */
#include <math.h>

#include "metric/metric.h"

static const char *const averages[] = {"micro", "macro", "weighted", NULL};
enum { MICRO, MACRO, WEIGHTED };

static const double epsilon = 1e-7; /* Keras' backend.epsilon() */
static const float least = 1e-9F;   /* a largest prediction below it is none */

struct f_score {
    struct ls_metric_common common;
    int average; /* -1: none */
    double threshold;
};

struct f_beta_score {
    struct f_score f;
    double beta;
};

/* Of a class, or of all of them together. */
struct counts {
    double true_positive, false_positive, false_negative;
};
enum { COUNTS = sizeof(struct counts) / sizeof(double) };

static size_t classes(const struct f_score *o, int64_t columns)
{
    return o->average == MICRO ? 1 : (size_t)columns;
}

static size_t state_doubles(const struct ls_instance *metric, int64_t columns)
{
    return COUNTS * classes(metric->options, columns);
}

/* What a prediction must at least be to be a 1, where there is no threshold: the row's largest. */
static float largest(const float *row, int64_t columns)
{
    float most = row[0];
    for (int64_t c = 1; c < columns; c++)
        most = row[c] > most ? row[c] : most;
    return most;
}

static void count_row(const struct ls_metric_call *call, int64_t position)
{
    const struct f_score *o = call->options;
    const float *row = call->prediction + position * call->columns;
    const float *target = call->target + position * call->columns;
    bool by_largest = isnan(o->threshold);
    float threshold = by_largest ? largest(row, call->columns) : (float)o->threshold;
    double weight = call->weight ? call->weight[position] : 1;
    for (int64_t c = 0; c < call->columns; c++) {
        struct counts *counts = (struct counts *)call->state + (o->average == MICRO ? 0 : c);
        bool positive =
            by_largest ? row[c] >= threshold && fabsf(row[c]) > least : row[c] > threshold;
        counts->true_positive += positive ? weight * target[c] : 0;
        counts->false_positive += positive ? weight * (1 - target[c]) : 0;
        counts->false_negative += positive ? 0 : weight * target[c];
    }
}

static void update(const struct ls_metric_call *call)
{
    for (int64_t p = 0; p < call->positions; p++)
        count_row(call, p);
}

static double score(const struct counts *counts, double beta)
{
    double right = counts->true_positive;
    double precision = right / (right + counts->false_positive + epsilon);
    double recall = right / (right + counts->false_negative + epsilon);
    double square = beta * beta;
    return (1 + square) * (precision * recall / (square * precision + recall + epsilon));
}

/* The mean of the classes' scores, each with the weight of its true instances or alike. */
static double mean_score(const struct counts *counts, size_t count, double beta, bool weighted)
{
    double all = 0, sum = 0;
    for (size_t c = 0; c < count; c++)
        all += counts[c].true_positive + counts[c].false_negative;
    for (size_t c = 0; c < count; c++) {
        double support = counts[c].true_positive + counts[c].false_negative;
        sum += score(&counts[c], beta) * (weighted ? support / (all + epsilon) : 1 / (double)count);
    }
    return sum;
}

static size_t list(const struct ls_instance *metric, int64_t columns)
{
    const struct f_score *o = metric->options;
    return o->average < 0 ? (size_t)columns : 0;
}

static void results(const struct f_score *o, const double *state, int64_t columns, double beta,
                    double *values)
{
    const struct counts *counts = (const struct counts *)state;
    size_t count = classes(o, columns);
    if (o->average >= 0)
        *values = mean_score(counts, count, beta, o->average == WEIGHTED);
    for (size_t c = 0; o->average < 0 && c < count; c++)
        values[c] = score(&counts[c], beta);
}

#define COMMON_OPTIONS                                                                             \
    LS_METRIC_COMMON_OPTIONS,                                                                      \
        {.name = "average",                                                                        \
         .type = LS_OPTION_CHOICE,                                                                 \
         .offset = offsetof(struct f_score, average),                                              \
         .initial = "null",                                                                        \
         .choices = averages,                                                                      \
         .help = "of the classes' scores; null: a score for each"},                                \
    {                                                                                              \
        .name = "threshold", .type = LS_OPTION_FLOAT,                                              \
        .offset = offsetof(struct f_score, threshold), .initial = "null", .min = 0, .max = 1,      \
        .open_min = true, .help = "predictions above it are 1; null: the largest of a row is"      \
    }

/* -- F1Score */

static void results_1(const struct ls_instance *metric, const double *state, int64_t columns,
                      double *values)
{
    results(metric->options, state, columns, 1, values);
}

static const struct ls_option options_1[] = {COMMON_OPTIONS, {.name = NULL}};
static const char *const examples_1[] = {"{}", "average: macro, threshold: 0.5",
                                         "average: weighted", "average: micro, name: f1", NULL};

const struct ls_metric_kind ls_metric_f1_score = {
    .kind = {.name = "F1Score",
             .summary = "harmonic mean of precision and recall, of every class",
             .options = options_1,
             .options_size = sizeof(struct f_score)},
    .direction = LS_DIRECTION_UP,
    .target = LS_TARGET_SAME,
    .state_doubles = state_doubles,
    .update = update,
    .list = list,
    .results = results_1,
    .examples = examples_1,
};

/* -- FBetaScore */

static void results_beta(const struct ls_instance *metric, const double *state, int64_t columns,
                         double *values)
{
    const struct f_beta_score *o = metric->options;
    results(&o->f, state, columns, o->beta, values);
}

static const struct ls_option options_beta[] = {
    COMMON_OPTIONS,
    {.name = "beta",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct f_beta_score, beta),
     .initial = "1.0",
     .min = 0,
     .open_min = true,
     .help = "how much more recall counts than precision"},
    {.name = NULL},
};
static const char *const examples_beta[] = {"{}", "beta: 2.0, average: micro, threshold: 0.25",
                                            "beta: 0.5, average: weighted", NULL};

const struct ls_metric_kind ls_metric_f_beta_score = {
    .kind = {.name = "FBetaScore",
             .summary = "weighted harmonic mean of precision and recall, of every class",
             .options = options_beta,
             .options_size = sizeof(struct f_beta_score)},
    .direction = LS_DIRECTION_UP,
    .key = "fbeta_score",
    .target = LS_TARGET_SAME,
    .state_doubles = state_doubles,
    .update = update,
    .list = list,
    .results = results_beta,
    .examples = examples_beta,
};
