/* Metrics of the four counts at thresholds: TruePositives and its kin, Precision, Recall
 * (keras/src/metrics/confusion_metrics.py). */
#include "metric/confusion.h"

static const double half = 0.5, all = LS_CONFUSION_NONE;

/* Fits the options of both families: they begin alike. */
struct counted {
    struct ls_metric_common common;
    struct ls_floats thresholds;
};

static size_t list(const struct ls_instance *metric, int64_t columns)
{
    const struct counted *o = metric->options;
    (void)columns;
    return o->thresholds.count > 1 ? o->thresholds.count : 0;
}

#define THRESHOLDS_OPTION                                                                          \
    {                                                                                              \
        .name = "thresholds", .type = LS_OPTION_FLOATS,                                            \
        .offset = offsetof(struct counted, thresholds), .initial = "null", .min = 0, .max = 1,     \
        .help = "predictions above it are 1; of several, a result each"                            \
    }

/* -- TruePositives, TrueNegatives, FalsePositives, FalseNegatives */

static struct ls_confusion_rule counted_rule(const void *options)
{
    const struct counted *o = options;
    return ls_confusion_rule(&o->thresholds, &half);
}

static size_t counted_doubles(const struct ls_instance *metric, int64_t columns)
{
    struct ls_confusion_rule rule = counted_rule(metric->options);
    (void)columns;
    return ls_confusion_doubles(&rule);
}

static void update_counted(const struct ls_metric_call *call)
{
    struct ls_confusion_rule rule = counted_rule(call->options);
    ls_confusion_add(call, &rule);
}

static const struct ls_option counted_options[] = {
    LS_METRIC_COMMON_OPTIONS, THRESHOLDS_OPTION, {.name = NULL}};
static const char *const counted_examples[] = {"{}", "thresholds: 0.25, name: mine",
                                               "thresholds: [0.75, 0.25, 0.5]",
                                               "thresholds: [0.0, 0.5, 1.0]", NULL};

#define COUNTED_KIND(variable, class_name, field, text)                                            \
    static void results_##field(const struct ls_instance *metric, const double *state,             \
                                int64_t columns, double *values)                                   \
    {                                                                                              \
        struct ls_confusion_rule rule = counted_rule(metric->options);                             \
        (void)columns;                                                                             \
        for (size_t i = 0; i < rule.thresholds; i++)                                               \
            values[i] = ls_confusion_at(&rule, state, i).field;                                    \
    }                                                                                              \
    const struct ls_metric_kind variable = {                                                       \
        .kind = {.name = class_name,                                                               \
                 .summary = text,                                                                  \
                 .options = counted_options,                                                       \
                 .options_size = sizeof(struct counted)},                                          \
        .target = LS_TARGET_SAME,                                                                  \
        .state_doubles = counted_doubles,                                                          \
        .update = update_counted,                                                                  \
        .list = list,                                                                              \
        .results = results_##field,                                                                \
        .examples = counted_examples,                                                              \
    }

COUNTED_KIND(ls_metric_true_positives, "TruePositives", true_positive,
             "how many targets 1 are predicted as 1");
COUNTED_KIND(ls_metric_true_negatives, "TrueNegatives", true_negative,
             "how many targets 0 are predicted as 0");
COUNTED_KIND(ls_metric_false_positives, "FalsePositives", false_positive,
             "how many targets 0 are predicted as 1");
COUNTED_KIND(ls_metric_false_negatives, "FalseNegatives", false_negative,
             "how many targets 1 are predicted as 0");

/* -- Precision, Recall */

struct part {
    struct counted counted;
    int64_t top_k, class_id;
};

static struct ls_confusion_rule part_rule(const void *options)
{
    const struct part *o = options;
    struct ls_confusion_rule rule =
        ls_confusion_rule(&o->counted.thresholds, o->top_k == LS_NULL_INT ? &half : &all);
    rule.top_k = o->top_k;
    rule.class_id = o->class_id;
    return rule;
}

static size_t part_doubles(const struct ls_instance *metric, int64_t columns)
{
    struct ls_confusion_rule rule = part_rule(metric->options);
    (void)columns;
    return ls_confusion_doubles(&rule);
}

static ls_status check_part(const struct ls_instance *metric, int64_t columns,
                            enum ls_target_form given)
{
    const struct part *o = metric->options;
    (void)given;
    return ls_confusion_check(o->class_id, o->top_k, columns);
}

static void update_part(const struct ls_metric_call *call)
{
    struct ls_confusion_rule rule = part_rule(call->options);
    ls_confusion_add(call, &rule);
}

static void results_part(const struct ls_instance *metric, const double *state, double *values,
                         double (*part)(const struct ls_confusion *))
{
    struct ls_confusion_rule rule = part_rule(metric->options);
    for (size_t i = 0; i < rule.thresholds; i++) {
        struct ls_confusion counts = ls_confusion_at(&rule, state, i);
        values[i] = part(&counts);
    }
}

static void results_precision(const struct ls_instance *metric, const double *state,
                              int64_t columns, double *values)
{
    (void)columns;
    results_part(metric, state, values, ls_precision);
}

static void results_recall(const struct ls_instance *metric, const double *state, int64_t columns,
                           double *values)
{
    (void)columns;
    results_part(metric, state, values, ls_recall);
}

static const struct ls_option part_options[] = {
    LS_METRIC_COMMON_OPTIONS,
    THRESHOLDS_OPTION,
    {.name = "top_k",
     .type = LS_OPTION_INT,
     .offset = offsetof(struct part, top_k),
     .initial = "null",
     .min = 1,
     .max = 0,
     .help = "only the k largest of a row may be 1, whatever they are where there is no threshold"},
    {.name = "class_id",
     .type = LS_OPTION_INT,
     .offset = offsetof(struct part, class_id),
     .initial = "null",
     .min = 0,
     .max = -1,
     .help = "of this class alone"},
    {.name = NULL},
};
static const char *const part_examples[] = {"{}", "thresholds: [0.75, 0.25], class_id: 0",
                                            "top_k: 1", "thresholds: 0.5, top_k: 1", NULL};

const struct ls_metric_kind ls_metric_precision = {
    .kind = {.name = "Precision",
             .summary = "part of what is predicted as 1 that is",
             .options = part_options,
             .options_size = sizeof(struct part)},
    .direction = LS_DIRECTION_UP,
    .target = LS_TARGET_SAME,
    .check = check_part,
    .state_doubles = part_doubles,
    .update = update_part,
    .list = list,
    .results = results_precision,
    .examples = part_examples,
};

const struct ls_metric_kind ls_metric_recall = {
    .kind = {.name = "Recall",
             .summary = "part of what is 1 that is predicted as such",
             .options = part_options,
             .options_size = sizeof(struct part)},
    .direction = LS_DIRECTION_UP,
    .target = LS_TARGET_SAME,
    .check = check_part,
    .state_doubles = part_doubles,
    .update = update_part,
    .list = list,
    .results = results_recall,
    .examples = part_examples,
};
