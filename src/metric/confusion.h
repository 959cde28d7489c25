/* What thresholds make of predictions: of every number of a prediction its target says whether it
 * is a positive (it is not 0), and a threshold that it is above takes it for one. The state holds
 * the weights of positives and negatives by how many thresholds they are above, from which the four
 * counts follow at each of any number of thresholds. Rules of keras/src/metrics/metrics_utils.py.
 * Private to the room. */
#ifndef METRIC_CONFUSION_H
#define METRIC_CONFUSION_H

#include "metric/metric.h"

enum { LS_THRESHOLDS_MOST = 1000000 };

/* What a prediction outside the largest k of its row becomes, and a threshold that lets all others
 * pass. */
#define LS_CONFUSION_NONE (-1e10)

struct ls_confusion_rule {
    size_t thresholds;
    const double *list; /* [thresholds], in any order; NULL: evenly from 0 to 1 */
    bool outside;       /* and two more: the first is just below 0, the last just above 1 */
    int64_t top_k;      /* only the k largest of a row can be above a threshold; or LS_NULL_INT */
    int64_t class_id;   /* only this column; or LS_NULL_INT: all together */
    bool by_column;     /* each by itself */
    const double *column_weight; /* [columns], or NULL */
};

/* A rule whose thresholds are an option: an empty list means `one`. */
struct ls_confusion_rule ls_confusion_rule(const struct ls_floats *thresholds, const double *one);
/* Whether Keras takes a list, with thresholds outside of it (sorted then) or without, for the even
 * one, whose comparisons are other ones at the last bit. */
bool ls_confusion_even(const double *list, size_t count, bool outside);

size_t ls_confusion_doubles(const struct ls_confusion_rule *rule); /* of one column's */
void ls_confusion_add(const struct ls_metric_call *call, const struct ls_confusion_rule *rule);

/* The counts at a threshold. */
struct ls_confusion {
    double true_positive, false_positive, true_negative, false_negative;
};

/* At the thresholds in turn, from the highest down: begin, then ls_confusion_next as often as there
 * are thresholds (those outside too). */
struct ls_confusion_walk {
    const double *at; /* into the state */
    double positives, negatives;
    struct ls_confusion counts;
};
void ls_confusion_begin(struct ls_confusion_walk *walk, const struct ls_confusion_rule *rule,
                        const double *state);
void ls_confusion_next(struct ls_confusion_walk *walk);

/* At threshold `index` of a list. */
struct ls_confusion ls_confusion_at(const struct ls_confusion_rule *rule, const double *state,
                                    size_t index);

/* a / b, 0 where b is 0. */
static inline double ls_ratio(double a, double b)
{
    return b != 0 ? a / b : 0;
}
static inline double ls_precision(const struct ls_confusion *c)
{
    return ls_ratio(c->true_positive, c->true_positive + c->false_positive);
}
static inline double ls_recall(const struct ls_confusion *c)
{
    return ls_ratio(c->true_positive, c->true_positive + c->false_negative);
}
static inline double ls_specificity(const struct ls_confusion *c)
{
    return ls_ratio(c->true_negative, c->true_negative + c->false_positive);
}

/* LS_BAD_INPUT where there is no such column, or no k of them; either may be LS_NULL_INT. */
ls_status ls_confusion_check(int64_t class_id, int64_t top_k, int64_t columns);

#endif
