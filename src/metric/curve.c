#include "metric/curve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static int compare(const void *a, const void *b)
{
    const struct ls_score *x = a, *y = b;
    if (x->value != y->value)
        return x->value > y->value ? -1 : 1;
    if (x->weight != y->weight)
        return x->weight > y->weight ? -1 : 1;
    return (int)y->positive - (int)x->positive;
}

void ls_scores_sort(struct ls_score *score, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (isnan(score[i].value))
            score[i].value = -INFINITY;
    qsort(score, count, sizeof *score, compare);
}

/* Sorted a and b, one after the other, become one in `out`. */
static void merge(struct ls_score *out, const struct ls_score *a, size_t as, size_t bs)
{
    const struct ls_score *b = a + as, *a_end = b, *b_end = b + bs;
    while (a < a_end || b < b_end)
        *out++ = b == b_end || (a < a_end && compare(a, b) <= 0) ? *a++ : *b++;
}

/* Half as many runs, each of two. */
static size_t merge_pairs(struct ls_score *out, const struct ls_score *in, size_t *length,
                          size_t runs)
{
    size_t made = 0;
    for (size_t r = 0; r < runs; r += 2, made++) {
        size_t second = r + 1 < runs ? length[r + 1] : 0, both = length[r] + second;
        merge(out, in, length[r], second);
        length[made] = both;
        out += both;
        in += both;
    }
    return made;
}

ls_status ls_scores_merge(struct ls_score *score, const size_t *length, size_t runs)
{
    struct ls_score *work = NULL;
    size_t *left = NULL, count = 0;
    ls_status status;
    for (size_t r = 0; r < runs; r++)
        count += length[r];
    LS_TRY_OUT(ls_allocate(&work, count + 1, sizeof *work));
    LS_TRY_OUT(ls_allocate(&left, runs + 1, sizeof *left));
    memcpy(left, length, runs * sizeof *left);
    while (runs > 1) {
        runs = merge_pairs(work, score, left, runs);
        memcpy(score, work, count * sizeof *work);
    }
out:
    ls_release(work);
    ls_release(left);
    return status;
}

bool ls_scores_next(struct ls_scores_walk *walk)
{
    if (walk->next == walk->count)
        return false;
    walk->threshold = walk->score[walk->next].value;
    for (; walk->next < walk->count && walk->score[walk->next].value == walk->threshold;
         walk->next++) {
        const struct ls_score *score = &walk->score[walk->next];
        *(score->positive ? &walk->true_positive : &walk->false_positive) += score->weight;
    }
    return true;
}

/* -- the curves */

static ls_status make_room(struct ls_curve *curve, const struct ls_score *score, size_t count)
{
    struct ls_scores_walk walk = {.score = score, .count = count};
    for (curve->points = 1; ls_scores_next(&walk); curve->points++)
        ;
    LS_TRY(ls_allocate(&curve->threshold, curve->points, sizeof(double)));
    LS_TRY(ls_allocate(&curve->false_positive_rate, curve->points, sizeof(double)));
    LS_TRY(ls_allocate(&curve->true_positive_rate, curve->points, sizeof(double)));
    return ls_allocate(&curve->precision, curve->points, sizeof(double));
}

/* The trapezoids below the ROC curve, the steps below the precision-recall curve. */
static void add_areas(struct ls_curve *curve)
{
    for (size_t i = 1; i < curve->points; i++) {
        const double *x = &curve->false_positive_rate[i], *y = &curve->true_positive_rate[i];
        curve->roc_auc += (x[0] - x[-1]) * (y[0] + y[-1]) / 2;
        curve->average_precision += (y[0] - y[-1]) * curve->precision[i];
    }
}

static void fill(struct ls_curve *curve, const struct ls_score *score, size_t count)
{
    struct ls_scores_walk walk = {.score = score, .count = count};
    double positives = 0, negatives = 0;
    for (size_t i = 0; i < count; i++)
        *(score[i].positive ? &positives : &negatives) += 1;
    curve->threshold[0] = INFINITY;
    curve->precision[0] = 1;
    curve->false_positive_rate[0] = negatives > 0 ? 0 : NAN;
    curve->true_positive_rate[0] = positives > 0 ? 0 : NAN;
    for (size_t i = 1; ls_scores_next(&walk); i++) {
        curve->threshold[i] = walk.threshold;
        curve->false_positive_rate[i] = walk.false_positive / negatives;
        curve->true_positive_rate[i] = walk.true_positive / positives;
        curve->precision[i] = walk.true_positive / (walk.true_positive + walk.false_positive);
    }
    add_areas(curve);
}

ls_status ls_curve_create(struct ls_curve *curve, const struct ls_score *score, size_t count)
{
    memset(curve, 0, sizeof *curve);
    ls_status status = make_room(curve, score, count);
    if (status == LS_OK)
        fill(curve, score, count);
    else
        ls_curve_release(curve);
    return status;
}

void ls_curve_release(struct ls_curve *curve)
{
    ls_release(curve->threshold);
    ls_release(curve->false_positive_rate);
    ls_release(curve->true_positive_rate);
    ls_release(curve->precision);
    memset(curve, 0, sizeof *curve);
}
