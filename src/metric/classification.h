/* What scikit-learn's classification_report says of counts (sklearn.metrics, user guide 3.4.4). */
#ifndef METRIC_CLASSIFICATION_H
#define METRIC_CLASSIFICATION_H

#include "lockstep/evaluation.h"

/* Sums over samples of what multi-label answers are worth one by one. */
struct ls_label_sums {
    double precision, recall, f1, all_right;
};

/* A classification of `classes` with zero counts, named 0, 1, 2, .... Freed with
 * ls_classification_free, a NULL too. */
ls_status ls_classification_create(struct ls_classification **classification, size_t classes,
                                   bool multi_label);
void ls_classification_free(struct ls_classification *classification);

/* Adds a sample of these labels, true or not, to the counts; its worth to sums. */
void ls_classification_add_labels(struct ls_classification *classification, const bool *target,
                                  const bool *prediction, struct ls_label_sums *sums);

/* Numbers of the confusion. */
size_t ls_classification_counts(const struct ls_classification *classification);

/* The rows and the accuracy, from the counts of all `samples` (and, of labels, the sums). */
void ls_classification_finish(struct ls_classification *classification, int64_t samples,
                              const struct ls_label_sums *sums);

#endif
