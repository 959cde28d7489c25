/* MatthewsCorrelation and CohenKappa, which Keras does not have: scikit-learn's matthews_corrcoef
 * and cohen_kappa_score of all classes that the output has. The predicted class is the largest of a
 * row, or, of an output of one number, whether that is above the threshold. Rows of zeros are
 * targets of no class, as a loss may ignore: they do not count. */
#include <math.h>

#include "kernel/kernels.h"
#include "metric/metric.h"

static const char *const weightings[] = {"linear", "quadratic", NULL};
enum { LINEAR, QUADRATIC };

struct agreement {
    struct ls_metric_common common;
    double threshold;
    int weights; /* CohenKappa's; -1: all disagreements are alike */
};

static size_t classes(int64_t columns)
{
    return columns == 1 ? 2 : (size_t)columns;
}

/* The state: the weight of each class among the targets, then among the predictions, then of what
 * the two say together. */
static size_t state_doubles(const struct ls_instance *metric, int64_t columns)
{
    (void)metric;
    return 2 * classes(columns) + 1;
}

/* `together` of a distance of classes: Matthews' says how much is right, Cohen's how far off. */
static void update(const struct ls_metric_call *call,
                   double (*together)(const struct agreement *, double))
{
    const struct agreement *o = call->options;
    size_t positions = (size_t)call->positions, columns = (size_t)call->columns;
    double *wanted = call->state, *predicted = wanted + classes(call->columns);
    double *both = predicted + classes(call->columns);
    float *best = call->work, *best_wanted = call->work + positions;
    if (columns > 1) {
        ls_k->argmax_rows(best, call->prediction, positions, columns);
        ls_k->argmax_rows(best_wanted, call->target, positions, columns);
    }
    for (size_t p = 0; p < positions; p++) {
        double weight = call->weight ? call->weight[p] : 1;
        size_t w = columns > 1 ? (size_t)best_wanted[p] : call->target[p] != 0;
        if (columns > 1 && call->target[p * columns + w] == 0)
            continue;
        size_t b = columns > 1 ? (size_t)best[p] : call->prediction[p] > (float)o->threshold;
        wanted[w] += weight;
        predicted[b] += weight;
        *both += weight * together(o, fabs((double)w - (double)b));
    }
}

#define THRESHOLD_OPTION                                                                           \
    {                                                                                              \
        .name = "threshold", .type = LS_OPTION_FLOAT,                                              \
        .offset = offsetof(struct agreement, threshold), .initial = "0.5",                         \
        .help = "of an output of one number: predictions above it are 1"                           \
    }

/* -- MatthewsCorrelation */

static double is_right(const struct agreement *o, double distance)
{
    (void)o;
    return distance == 0;
}

static void update_matthews(const struct ls_metric_call *call)
{
    update(call, is_right);
}

/* Gorodkin 2004, Comparing two K-category assignments by a K-category correlation coefficient; 0
 * where targets or predictions are of one class alone. */
static double result_matthews(const struct ls_instance *metric, const double *state,
                              int64_t columns)
{
    size_t count = classes(columns);
    const double *wanted = state, *predicted = state + count;
    double all = 0, right = state[2 * count], chance = 0, squares = 0, wanted_squares = 0;
    (void)metric;
    for (size_t k = 0; k < count; k++) {
        all += predicted[k];
        chance += wanted[k] * predicted[k];
        squares += predicted[k] * predicted[k];
        wanted_squares += wanted[k] * wanted[k];
    }
    double spread = (all * all - squares) * (all * all - wanted_squares);
    return spread > 0 ? (right * all - chance) / sqrt(spread) : 0;
}

static const struct ls_option matthews_options[] = {
    LS_METRIC_COMMON_OPTIONS, THRESHOLD_OPTION, {.name = NULL}};
static const char *const matthews_examples[] = {"{}", "threshold: 0.25, name: mcc", NULL};

const struct ls_metric_kind ls_metric_matthews_correlation = {
    .kind = {.name = "MatthewsCorrelation",
             .registered = "lockstep>MatthewsCorrelation",
             .summary = "correlation of predicted and true classes (not Keras')",
             .options = matthews_options,
             .options_size = sizeof(struct agreement)},
    .direction = LS_DIRECTION_UP,
    .target = LS_TARGET_SAME,
    .state_doubles = state_doubles,
    .update = update_matthews,
    .result = result_matthews,
    .examples = matthews_examples,
};

/* -- CohenKappa */

static double how_wrong(const struct agreement *o, double distance)
{
    if (o->weights < 0)
        return distance != 0;
    return o->weights == LINEAR ? distance : distance * distance;
}

static void update_kappa(const struct ls_metric_call *call)
{
    update(call, how_wrong);
}

/* Cohen 1960, 1968: 1 - what is wrong / what would be by chance; not a number where chance alone
 * has all right (one class), as scikit-learn's. */
static double result_kappa(const struct ls_instance *metric, const double *state, int64_t columns)
{
    size_t count = classes(columns);
    const double *wanted = state, *predicted = state + count;
    double all = 0, expected = 0;
    for (size_t w = 0; w < count; w++) {
        all += wanted[w];
        for (size_t b = 0; b < count; b++)
            expected +=
                how_wrong(metric->options, fabs((double)w - (double)b)) * wanted[w] * predicted[b];
    }
    return expected > 0 ? 1 - state[2 * count] / (expected / all) : NAN;
}

static const struct ls_option kappa_options[] = {
    LS_METRIC_COMMON_OPTIONS,
    THRESHOLD_OPTION,
    {.name = "weights",
     .type = LS_OPTION_CHOICE,
     .offset = offsetof(struct agreement, weights),
     .initial = "null",
     .choices = weightings,
     .help = "what a disagreement counts by the classes' distance; null: all alike"},
    {.name = NULL},
};
static const char *const kappa_examples[] = {"{}", "weights: linear",
                                             "weights: quadratic, threshold: 0.25", NULL};

const struct ls_metric_kind ls_metric_cohen_kappa = {
    .kind = {.name = "CohenKappa",
             .registered = "lockstep>CohenKappa",
             .summary = "agreement of predicted and true classes beyond chance (not Keras')",
             .options = kappa_options,
             .options_size = sizeof(struct agreement)},
    .direction = LS_DIRECTION_UP,
    .target = LS_TARGET_SAME,
    .state_doubles = state_doubles,
    .update = update_kappa,
    .result = result_kappa,
    .examples = kappa_examples,
};
