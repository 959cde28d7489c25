/* Curves over all scores: exact, where a metric while training has a fixed number of thresholds. */
#ifndef METRIC_CURVE_H
#define METRIC_CURVE_H

#include "lockstep/evaluation.h"

/* How strongly a sample is taken for one of a class, and whether it is. */
struct ls_score {
    float value; /* NAN counts as minus infinity */
    float weight;
    bool positive;
};

/* From the highest down; equal values in an order of their own, so that sums over them have the
 * same bits wherever the scores came from. */
void ls_scores_sort(struct ls_score *score, size_t count);

/* Sorts what consists of sorted runs of these lengths, one after the other. */
ls_status ls_scores_merge(struct ls_score *score, const size_t *length, size_t runs);

/* A walk over the values that occur, from the highest down: the weights of all scores of at least
 * `threshold`. Begins with all 0 but score and count; false at the end. */
struct ls_scores_walk {
    const struct ls_score *score; /* sorted */
    size_t count, next;
    float threshold;
    double true_positive, false_positive;
};
bool ls_scores_next(struct ls_scores_walk *walk);

/* The curves of sorted scores, whose weights are all 1. */
ls_status ls_curve_create(struct ls_curve *curve, const struct ls_score *score, size_t count);
void ls_curve_release(struct ls_curve *curve);

#endif
