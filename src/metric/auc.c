/* AUC: the area under a curve of two rates over thresholds
 * (keras/src/metrics/confusion_metrics.py). */
#include "kernel/kernels.h"
#include "layer/portable.h"
#include "metric/confusion.h"

/* Keras reads both spellings. */
static const char *const curves[] = {"ROC", "PR", "PRGAIN", "roc", "pr", "prgain", NULL};
enum { ROC, PR, PRGAIN, CURVES };
static const char *const methods[] = {"interpolation", "minoring", "majoring", "Interpolation",
                                      "Minoring",      "Majoring", NULL};
enum { INTERPOLATION, MINORING, MAJORING, METHODS };

enum { COMMON_THRESHOLDS = 200 }; /* where nothing is said */

struct auc {
    struct ls_metric_common common;
    int64_t num_thresholds;
    int curve, summation_method;
    struct ls_floats thresholds;
    bool multi_label;
    int64_t num_labels;
    struct ls_floats label_weights;
    bool from_logits;
};

static struct ls_confusion_rule rule_of(const struct auc *o)
{
    struct ls_confusion_rule rule = {
        .thresholds = (size_t)o->num_thresholds,
        .outside = true,
        .top_k = LS_NULL_INT,
        .class_id = LS_NULL_INT,
        .by_column = o->multi_label,
        .column_weight = o->multi_label || !o->label_weights.count ? NULL : o->label_weights.value,
    };
    if (!o->thresholds.count)
        return rule;
    bool even = ls_confusion_even(o->thresholds.value, o->thresholds.count, true);
    rule.thresholds = o->thresholds.count + (even ? 2 : 0);
    rule.list = even ? NULL : o->thresholds.value;
    return rule;
}

static size_t labels(const struct auc *o, int64_t columns)
{
    return o->multi_label ? (size_t)columns : 1;
}

static size_t state_doubles(const struct ls_instance *metric, int64_t columns)
{
    struct ls_confusion_rule rule = rule_of(metric->options);
    return labels(metric->options, columns) * ls_confusion_doubles(&rule);
}

static ls_status check(const struct ls_instance *metric, int64_t columns, enum ls_target_form given)
{
    const struct auc *o = metric->options;
    (void)given;
    if (o->num_labels != LS_NULL_INT && !o->multi_label)
        return ls_fail(LS_BAD_INPUT, "num_labels goes with multi_label: true alone");
    if (o->num_labels != LS_NULL_INT && o->num_labels != columns)
        return ls_fail(LS_BAD_INPUT, "num_labels: the output has %lld labels, not %lld",
                       (long long)columns, (long long)o->num_labels);
    if (o->label_weights.count && o->label_weights.count != (size_t)columns)
        return ls_fail(LS_BAD_INPUT, "label_weights: the output has %lld labels, not %zu",
                       (long long)columns, o->label_weights.count);
    return LS_OK;
}

static void update(const struct ls_metric_call *call)
{
    const struct auc *o = call->options;
    struct ls_confusion_rule rule = rule_of(o);
    struct ls_metric_call seen = *call;
    if (o->from_logits) {
        struct ls_activation sigmoid = ls_activation_default(LS_ACTIVATION_SIGMOID);
        ls_k->activate(call->work, call->prediction, &sigmoid,
                       (size_t)(call->positions * call->columns), (size_t)call->columns);
        seen.prediction = call->work;
    }
    ls_confusion_add(&seen, &rule);
}

/* -- the area */

struct point {
    double x, y;
};

/* Gains are rates on a scale where chance is 0 (Flach & Kull 2015, Precision-Recall-Gain Curves);
 * below chance the recall's counts as 0. */
static struct point gain(const struct ls_confusion *c)
{
    if (c->true_positive == 0)
        return (struct point){0, 1};
    double odds =
        ls_ratio(c->true_positive + c->false_negative, c->true_negative + c->false_positive);
    struct point point = {1 - odds * (c->false_negative / c->true_positive),
                          1 - odds * (c->false_positive / c->true_positive)};
    point.x = point.x > 0 ? point.x : 0;
    return point;
}

static struct point point_of(int curve, const struct ls_confusion *c)
{
    if (curve == PRGAIN)
        return gain(c);
    if (curve == PR)
        return (struct point){ls_recall(c), ls_precision(c)};
    return (struct point){ls_ratio(c->false_positive, c->false_positive + c->true_negative),
                          ls_recall(c)};
}

static double rectangle(const struct auc *o, const struct ls_confusion *low,
                        const struct ls_confusion *high)
{
    struct point from = point_of(o->curve % CURVES, high), to = point_of(o->curve % CURVES, low);
    double height = (from.y + to.y) / 2;
    if (o->summation_method % METHODS == MINORING)
        height = from.y < to.y ? from.y : to.y;
    else if (o->summation_method % METHODS == MAJORING)
        height = from.y > to.y ? from.y : to.y;
    return (to.x - from.x) * height;
}

/* Between two thresholds positives of both sorts change evenly, precision does not: Davis &
 * Goadrich 2006, The Relationship Between Precision-Recall and ROC Curves. */
static double interpolated(const struct ls_confusion *low, const struct ls_confusion *high)
{
    double low_positives = low->true_positive + low->false_positive;
    double high_positives = high->true_positive + high->false_positive;
    double right = low->true_positive - high->true_positive;
    double slope = ls_ratio(right, low_positives - high_positives);
    double intercept = high->true_positive - slope * high_positives;
    double logarithm = low_positives > 0 && high_positives > 0
                           ? ls_portable_log(low_positives / high_positives)
                           : 0;
    return ls_ratio(slope * (right + intercept * logarithm),
                    high->true_positive + high->false_negative);
}

static double between(const struct auc *o, const struct ls_confusion *low,
                      const struct ls_confusion *high)
{
    bool by_counts = o->curve % CURVES == PR && o->summation_method % METHODS == INTERPOLATION;
    return by_counts ? interpolated(low, high) : rectangle(o, low, high);
}

static double area(const struct auc *o, const struct ls_confusion_rule *rule, const double *state)
{
    struct ls_confusion_walk walk;
    double sum = 0;
    size_t thresholds = rule->thresholds + (rule->list ? 2 : 0);
    ls_confusion_begin(&walk, rule, state);
    ls_confusion_next(&walk);
    for (size_t i = 1; i < thresholds; i++) {
        struct ls_confusion high = walk.counts;
        ls_confusion_next(&walk);
        sum += between(o, &walk.counts, &high);
    }
    return sum;
}

static double label_weight(const struct auc *o, size_t label)
{
    return o->multi_label && o->label_weights.count ? o->label_weights.value[label] : 1;
}

static double result(const struct ls_instance *metric, const double *state, int64_t columns)
{
    const struct auc *o = metric->options;
    struct ls_confusion_rule rule = rule_of(o);
    double sum = 0, weights = 0;
    for (size_t l = 0; l < labels(o, columns); l++) {
        sum += label_weight(o, l) * area(o, &rule, state + l * ls_confusion_doubles(&rule));
        weights += label_weight(o, l);
    }
    return ls_ratio(sum, weights);
}

/* -- the area of all scores: a threshold at each */

static bool wants_all(const struct ls_instance *metric)
{
    const struct auc *o = metric->options;
    return !o->thresholds.count && o->num_thresholds == COMMON_THRESHOLDS;
}

static size_t parts(const struct ls_instance *metric, int64_t columns)
{
    return labels(metric->options, columns);
}

static void score(const struct ls_metric_call *call, size_t part, struct ls_score *score)
{
    const struct auc *o = call->options;
    int64_t first = o->multi_label ? (int64_t)part : 0;
    int64_t end = o->multi_label ? first + 1 : call->columns;
    for (int64_t p = 0; p < call->positions; p++)
        for (int64_t c = first; c < end; c++, score++) {
            double weight = call->weight ? call->weight[p] : 1;
            if (!o->multi_label && o->label_weights.count)
                weight *= o->label_weights.value[c];
            *score = (struct ls_score){.value = call->prediction[p * call->columns + c],
                                       .weight = (float)weight,
                                       .positive = call->target[p * call->columns + c] != 0};
        }
}

static double area_of_all(const struct ls_instance *metric, const struct ls_score *sorted,
                          size_t count)
{
    struct ls_scores_walk walk = {.score = sorted, .count = count};
    while (ls_scores_next(&walk))
        ;
    struct ls_confusion high = {.true_negative = walk.false_positive,
                                .false_negative = walk.true_positive};
    double positives = walk.true_positive, negatives = walk.false_positive, sum = 0;
    walk = (struct ls_scores_walk){.score = sorted, .count = count};
    while (ls_scores_next(&walk)) {
        struct ls_confusion low = {walk.true_positive, walk.false_positive,
                                   negatives - walk.false_positive, positives - walk.true_positive};
        sum += between(metric->options, &low, &high);
        high = low;
    }
    return sum;
}

static double mean_area(const struct ls_instance *metric, const double *part, size_t count)
{
    double sum = 0, weights = 0;
    for (size_t l = 0; l < count; l++) {
        sum += label_weight(metric->options, l) * part[l];
        weights += label_weight(metric->options, l);
    }
    return ls_ratio(sum, weights);
}

static const struct ls_metric_exact exact = {
    .wanted = wants_all,
    .parts = parts,
    .score = score,
    .part = area_of_all,
    .result = mean_area,
};

static const struct ls_option options[] = {
    LS_METRIC_COMMON_OPTIONS,
    {.name = "num_thresholds",
     .type = LS_OPTION_INT,
     .offset = offsetof(struct auc, num_thresholds),
     .initial = "200",
     .min = 2,
     .max = LS_THRESHOLDS_MOST,
     .help = "points of the curve, at thresholds evenly from 0 to 1"},
    {.name = "curve",
     .type = LS_OPTION_CHOICE,
     .offset = offsetof(struct auc, curve),
     .initial = "ROC",
     .choices = curves,
     .help = "recall over the false positives' rate; precision over recall; the gains of both"},
    {.name = "summation_method",
     .type = LS_OPTION_CHOICE,
     .offset = offsetof(struct auc, summation_method),
     .initial = "interpolation",
     .choices = methods,
     .help = "what the curve is between points: a line (of PR: by counts), the lower, the higher"},
    {.name = "thresholds",
     .type = LS_OPTION_FLOATS,
     .offset = offsetof(struct auc, thresholds),
     .initial = "null",
     .help = "those between 0 and 1, in place of num_thresholds"},
    {.name = "multi_label",
     .type = LS_OPTION_BOOL,
     .offset = offsetof(struct auc, multi_label),
     .initial = "false",
     .help = "the mean of the columns' areas, not the area of all numbers together"},
    {.name = "num_labels",
     .type = LS_OPTION_INT,
     .offset = offsetof(struct auc, num_labels),
     .initial = "null",
     .min = 1,
     .max = 0,
     .help = "how many columns there are, where multi_label says so"},
    {.name = "label_weights",
     .type = LS_OPTION_FLOATS,
     .offset = offsetof(struct auc, label_weights),
     .initial = "null",
     .min = 0,
     .max = -1,
     .help = "a weight for each column"},
    {.name = "from_logits",
     .type = LS_OPTION_BOOL,
     .offset = offsetof(struct auc, from_logits),
     .initial = "false",
     .help = "take the sigmoid of the predictions"},
    {.name = NULL},
};
static const char *const examples[] = {
    "{}",
    "curve: PR",
    "curve: PRGAIN, summation_method: minoring, num_thresholds: 20",
    "thresholds: [0.9, 0.2, 0.5], summation_method: majoring, curve: pr",
    "multi_label: true, from_logits: true",
    NULL};

const struct ls_metric_kind ls_metric_auc = {
    .kind = {.name = "AUC",
             .summary = "area under the ROC or the precision-recall curve",
             .options = options,
             .options_size = sizeof(struct auc)},
    .direction = LS_DIRECTION_UP,
    .target = LS_TARGET_SAME,
    .check = check,
    .state_doubles = state_doubles,
    .update = update,
    .result = result,
    .exact = &exact,
    .examples = examples,
};
