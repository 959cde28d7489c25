/* The best of one rate where another is at least a value: SensitivityAtSpecificity and its kin
 * (keras/src/metrics/confusion_metrics.py), over thresholds from 0 to 1. */
#include "metric/confusion.h"

struct at {
    struct ls_metric_common common;
    double least;
    int64_t num_thresholds, class_id;
};

typedef double rate(const struct ls_confusion *counts);

static const double half = 0.5;

static struct ls_confusion_rule rule_of(const void *options)
{
    const struct at *o = options;
    return (struct ls_confusion_rule){
        .thresholds = (size_t)o->num_thresholds,
        .list = o->num_thresholds == 1 ? &half : NULL,
        .top_k = LS_NULL_INT,
        .class_id = o->class_id,
    };
}

static size_t state_doubles(const struct ls_instance *metric, int64_t columns)
{
    struct ls_confusion_rule rule = rule_of(metric->options);
    (void)columns;
    return ls_confusion_doubles(&rule);
}

static ls_status check(const struct ls_instance *metric, int64_t columns, enum ls_target_form given)
{
    const struct at *o = metric->options;
    (void)given;
    return ls_confusion_check(o->class_id, LS_NULL_INT, columns);
}

static void update(const struct ls_metric_call *call)
{
    struct ls_confusion_rule rule = rule_of(call->options);
    ls_confusion_add(call, &rule);
}

static double best(const struct ls_instance *metric, const double *state, rate *constrained,
                   rate *wanted)
{
    const struct at *o = metric->options;
    struct ls_confusion_rule rule = rule_of(o);
    struct ls_confusion_walk walk;
    double most = 0;
    ls_confusion_begin(&walk, &rule, state);
    for (size_t i = 0; i < rule.thresholds; i++) {
        ls_confusion_next(&walk);
        double found = wanted(&walk.counts);
        if (constrained(&walk.counts) >= o->least && found > most)
            most = found;
    }
    return most;
}

static const char *const specificity_examples[] = {
    "specificity: 0.5", "specificity: 0.9, num_thresholds: 1, class_id: 0", NULL};
static const char *const sensitivity_examples[] = {"sensitivity: 0.5",
                                                   "sensitivity: 0.9, num_thresholds: 2", NULL};
static const char *const recall_examples[] = {"recall: 0.5", "recall: 0.9, num_thresholds: 50",
                                              NULL};
static const char *const precision_examples[] = {"precision: 0.5", "precision: 0.9, class_id: 0",
                                                 NULL};

#define AT_KIND(variable, class_name, constraint, constraint_rate, wanted_rate, text)              \
    static double result_##constraint(const struct ls_instance *metric, const double *state,       \
                                      int64_t columns)                                             \
    {                                                                                              \
        (void)columns;                                                                             \
        return best(metric, state, constraint_rate, wanted_rate);                                  \
    }                                                                                              \
    static const struct ls_option constraint##_options[] = {                                       \
        LS_METRIC_COMMON_OPTIONS,                                                                  \
        {.name = #constraint,                                                                      \
         .type = LS_OPTION_FLOAT,                                                                  \
         .offset = offsetof(struct at, least),                                                     \
         .min = 0,                                                                                 \
         .max = 1,                                                                                 \
         .help = "what it must at least be"},                                                      \
        {.name = "num_thresholds",                                                                 \
         .type = LS_OPTION_INT,                                                                    \
         .offset = offsetof(struct at, num_thresholds),                                            \
         .initial = "200",                                                                         \
         .min = 1,                                                                                 \
         .max = LS_THRESHOLDS_MOST,                                                                \
         .help = "how many thresholds are tried, evenly from 0 to 1; 1: 0.5"},                     \
        {.name = "class_id",                                                                       \
         .type = LS_OPTION_INT,                                                                    \
         .offset = offsetof(struct at, class_id),                                                  \
         .initial = "null",                                                                        \
         .min = 0,                                                                                 \
         .max = -1,                                                                                \
         .help = "of this class alone"},                                                           \
        {.name = NULL},                                                                            \
    };                                                                                             \
    const struct ls_metric_kind variable = {                                                       \
        .kind = {.name = class_name,                                                               \
                 .summary = text,                                                                  \
                 .options = constraint##_options,                                                  \
                 .options_size = sizeof(struct at)},                                               \
        .direction = LS_DIRECTION_UP,                                                              \
        .target = LS_TARGET_SAME,                                                                  \
        .check = check,                                                                            \
        .state_doubles = state_doubles,                                                            \
        .update = update,                                                                          \
        .result = result_##constraint,                                                             \
        .examples = constraint##_examples,                                                         \
    }

/* Sensitivity is another word for recall. */
AT_KIND(ls_metric_sensitivity_at_specificity, "SensitivityAtSpecificity", specificity,
        ls_specificity, ls_recall, "the best recall where the specificity is at least a value");
AT_KIND(ls_metric_specificity_at_sensitivity, "SpecificityAtSensitivity", sensitivity, ls_recall,
        ls_specificity, "the best specificity where the recall is at least a value");
AT_KIND(ls_metric_precision_at_recall, "PrecisionAtRecall", recall, ls_recall, ls_precision,
        "the best precision where the recall is at least a value");
AT_KIND(ls_metric_recall_at_precision, "RecallAtPrecision", precision, ls_precision, ls_recall,
        "the best recall where the precision is at least a value");
