/* evaluation.h: how a model does on a data set: loss, metrics, and what scikit-learn's reports say
 * of it. */
#ifndef LOCKSTEP_EVALUATION_H
#define LOCKSTEP_EVALUATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A row of scikit-learn's classification_report: a class, or an average over classes. Where a
 * quotient has nothing below, it is 0. */
struct ls_class_row {
    const char *name; /* of the class; "macro avg", "weighted avg", ... */
    double precision, recall, f1;
    int64_t support; /* samples whose target it is */
};

/* The ROC and the precision-recall curve of a class against all others, exact: a point for each
 * score that occurs, from the highest down. The first point is that of no positive at all:
 * threshold infinity, precision 1. */
struct ls_curve {
    size_t points;
    double *threshold; /* positives are those whose score is at least this */
    double *false_positive_rate,
        *true_positive_rate;           /* NAN where there are no negatives, positives */
    double *precision;                 /* over the true positive rate, the recall */
    double roc_auc, average_precision; /* NAN where it has no meaning */
};

/* What answers of classes are worth. Samples that a mask leaves out are not in it; sample weights
 * are not heeded, as scikit-learn's report does not by itself. */
struct ls_classification {
    bool multi_label; /* each class is a question of its own: yes above the threshold, 0.5 */
    size_t classes;
    char **name; /* [classes] */
    /* The classes, then macro and weighted avg; with multi_label micro, macro, weighted, samples.
     */
    size_t rows;
    struct ls_class_row *row;
    double accuracy; /* with multi_label: samples whose labels are all right */
    /* [target][prediction], samples; with multi_label [class][target][prediction] of 2 each. */
    int64_t *confusion;
    struct ls_curve *curve; /* by class; of class 1 alone where a sample has one score; or NULL */
    size_t curves;
};

/* What a regression leaves: target - prediction, over all numbers of the output. Quantiles are
 * interpolated linearly; the deviation is the population's; r2 and explained_variance are
 * scikit-learn's, the mean over the columns, NAN below 2 rows. */
#define LS_RESIDUALS(X)                                                                            \
    X(MEAN, "mean")                                                                                \
    X(STD, "std")                                                                                  \
    X(MIN, "min")                                                                                  \
    X(QUARTER, "25%")                                                                              \
    X(MEDIAN, "50%")                                                                               \
    X(THREE_QUARTERS, "75%")                                                                       \
    X(MAX, "max")                                                                                  \
    X(MEAN_ABSOLUTE, "mean_absolute_error")                                                        \
    X(MEDIAN_ABSOLUTE, "median_absolute_error")                                                    \
    X(LARGEST_ABSOLUTE, "max_error")                                                               \
    X(ROOT_MEAN_SQUARE, "root_mean_squared_error")                                                 \
    X(R2, "r2_score")                                                                              \
    X(EXPLAINED_VARIANCE, "explained_variance_score")
enum ls_residual {
#define X(id, name) LS_RESIDUAL_##id,
    LS_RESIDUALS(X)
#undef X
        LS_RESIDUALS_COUNT
};
struct ls_residuals {
    int64_t count;
    double value[LS_RESIDUALS_COUNT];
};
/* "mean", ...: the key in files. Constant. */
LS_API const char *ls_residual_name(enum ls_residual residual);

/* One output that has targets: one of the two is there. */
struct ls_output_report {
    char *output; /* the model's name for it */
    char *prefix; /* of its keys in files: "" in a model of one output, else "OUTPUT_" */
    struct ls_classification *classification;
    struct ls_residuals *residuals;
};

struct ls_evaluation {
    int64_t samples;
    size_t count;
    char **names; /* "loss", then each metric by its Keras name; one whose result is a list (F1Score
                     of every class) as NAME_0, NAME_1, ... */
    double *values;
    char **lists; /* by name: the NAME of the list that the number is one of; NULL: of none */
    /* By output that has targets; of ls_run_evaluate alone, and on rank 0. */
    struct ls_output_report *report;
    size_t reports;
};

/* Releases what it holds. One that is all 0 is allowed. */
LS_API void ls_evaluation_release(struct ls_evaluation *evaluation);

#ifdef __cplusplus
}
#endif
#endif
