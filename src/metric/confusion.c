#include "metric/confusion.h"

#include <math.h>

/* numpy's allclose with Keras' epsilon: what an even list may be off. */
static const double close_absolute = 1e-7, close_relative = 1e-5;

static bool is_close(double found, double even)
{
    return fabs(found - even) <= close_absolute + close_relative * fabs(even);
}

/* How many of a list's numbers come before one of them when they are sorted. */
static size_t rank_of(const double *list, size_t count, size_t index)
{
    size_t before = 0;
    for (size_t i = 0; i < count; i++)
        before += list[i] < list[index] || (list[i] == list[index] && i < index);
    return before;
}

bool ls_confusion_even(const double *list, size_t count, bool outside)
{
    size_t all = count + (outside ? 2 : 0);
    bool even = all >= 3;
    for (size_t i = 0; i < count && even; i++) {
        size_t place = outside ? 1 + rank_of(list, count, i) : i;
        even = is_close(list[i], (double)place / (double)(all - 1));
    }
    return even;
}

struct ls_confusion_rule ls_confusion_rule(const struct ls_floats *thresholds, const double *one)
{
    struct ls_confusion_rule rule = {
        .thresholds = thresholds->count ? thresholds->count : 1,
        .list = thresholds->count ? thresholds->value : one,
        .top_k = LS_NULL_INT,
        .class_id = LS_NULL_INT,
    };
    if (ls_confusion_even(rule.list, rule.thresholds, false))
        rule.list = NULL;
    return rule;
}

/* The weights of negatives and of positives, by how many thresholds they are above. */
enum { NEGATIVE, POSITIVE, SIGNS };

static size_t count_thresholds(const struct ls_confusion_rule *rule)
{
    return rule->thresholds + (rule->list && rule->outside ? 2 : 0);
}

size_t ls_confusion_doubles(const struct ls_confusion_rule *rule)
{
    return SIGNS * (count_thresholds(rule) + 1);
}

/* How many of the even thresholds a prediction is above, in the float32 of Keras. */
static size_t above_even(const struct ls_confusion_rule *rule, float prediction)
{
    float clipped = prediction > 0 ? prediction < 1 ? prediction : 1 : 0;
    size_t above = (size_t)ceilf(clipped * (float)(rule->thresholds - 1));
    return rule->outside && above == 0 ? 1 : above;
}

static size_t above_list(const struct ls_confusion_rule *rule, float prediction)
{
    size_t above = 0;
    for (size_t i = 0; i < rule->thresholds; i++)
        above += prediction > (float)rule->list[i];
    if (rule->outside)
        above += (prediction > -(float)close_absolute) +
                 (size_t)(prediction > (float)(1 + close_absolute));
    return above;
}

/* Leaves the k largest of a row, of equal ones the first, as they are. */
static void keep_largest(float *kept, const float *row, int64_t columns, int64_t k)
{
    int64_t last = -1;
    for (int64_t c = 0; c < columns; c++)
        kept[c] = (float)LS_CONFUSION_NONE;
    for (int64_t i = 0; i < k; i++) {
        int64_t best = -1;
        for (int64_t c = 0; c < columns; c++) {
            bool behind = last < 0 || row[c] < row[last] || (row[c] == row[last] && c > last);
            if (behind && (best < 0 || row[c] > row[best]))
                best = c;
        }
        if (best < 0)
            return;
        kept[best] = row[best];
        last = best;
    }
}

void ls_confusion_add(const struct ls_metric_call *call, const struct ls_confusion_rule *rule)
{
    int64_t first = rule->class_id == LS_NULL_INT ? 0 : rule->class_id;
    int64_t end = rule->class_id == LS_NULL_INT ? call->columns : rule->class_id + 1;
    size_t doubles = ls_confusion_doubles(rule);
    for (int64_t p = 0; p < call->positions; p++) {
        const float *row = call->prediction + p * call->columns;
        const float *target = call->target + p * call->columns;
        double weight = call->weight ? call->weight[p] : 1;
        if (rule->top_k != LS_NULL_INT) {
            keep_largest(call->work, row, call->columns, rule->top_k);
            row = call->work;
        }
        for (int64_t c = first; c < end; c++) {
            size_t above = rule->list ? above_list(rule, row[c]) : above_even(rule, row[c]);
            double *state = call->state + (rule->by_column ? (size_t)c * doubles : 0);
            state[SIGNS * above + (target[c] != 0 ? POSITIVE : NEGATIVE)] +=
                rule->column_weight ? weight * rule->column_weight[c] : weight;
        }
    }
}

/* -- results */

void ls_confusion_begin(struct ls_confusion_walk *walk, const struct ls_confusion_rule *rule,
                        const double *state)
{
    size_t thresholds = count_thresholds(rule);
    *walk = (struct ls_confusion_walk){.at = state + SIGNS * (thresholds + 1)};
    /* in the walk's order, so that what it has added at its end is all to the last bit */
    for (size_t i = thresholds + 1; i-- > 0;) {
        walk->positives += state[SIGNS * i + POSITIVE];
        walk->negatives += state[SIGNS * i + NEGATIVE];
    }
}

void ls_confusion_next(struct ls_confusion_walk *walk)
{
    struct ls_confusion *counts = &walk->counts;
    walk->at -= SIGNS;
    counts->true_positive += walk->at[POSITIVE];
    counts->false_positive += walk->at[NEGATIVE];
    counts->true_negative = walk->negatives - counts->false_positive;
    counts->false_negative = walk->positives - counts->true_positive;
}

struct ls_confusion ls_confusion_at(const struct ls_confusion_rule *rule, const double *state,
                                    size_t index)
{
    struct ls_confusion_walk walk;
    size_t below = index; /* how many thresholds are below this one */
    if (rule->list) {
        below = 0;
        for (size_t i = 0; i < rule->thresholds; i++)
            below += (float)rule->list[i] < (float)rule->list[index];
    }
    ls_confusion_begin(&walk, rule, state);
    for (size_t i = count_thresholds(rule); i > below; i--)
        ls_confusion_next(&walk);
    return walk.counts;
}

ls_status ls_confusion_check(int64_t class_id, int64_t top_k, int64_t columns)
{
    if (class_id != LS_NULL_INT && class_id >= columns)
        return ls_fail(LS_BAD_INPUT, "class_id: there is no class %lld: the output has %lld",
                       (long long)class_id, (long long)columns);
    if (top_k != LS_NULL_INT && top_k > columns)
        return ls_fail(LS_BAD_INPUT, "top_k: the output has %lld classes, not %lld",
                       (long long)columns, (long long)top_k);
    return LS_OK;
}
