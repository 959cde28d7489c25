/* What a kind of metric is: a vector of doubles that is added over samples (so that replicas, ranks
 * and steps add up exactly), and a result computed from the total. One file a family;
 * metric/registry.c has one row a kind. metric/accuracy.c is the one to copy. */
#ifndef METRIC_METRIC_H
#define METRIC_METRIC_H

#include "base/kind.h"
#include "base/shape.h"
#include "loss/loss.h"

struct ls_metric_call {
    const void *options;
    int64_t positions, columns; /* as in struct ls_loss_call */
    const float *prediction;    /* never logits: as the model's output is */
    const float *target;        /* in the metric's form */
    const float *weight;        /* [positions], or NULL: 1 */
    double *state;              /* added to */
    float *work;                /* [positions][columns] */
};

struct ls_metric_kind {
    struct ls_kind kind;
    enum ls_target_form target;
    /* Number of doubles of the state, for predictions of `columns` columns. */
    size_t (*state_doubles)(const void *options, int64_t columns);
    void (*update)(const struct ls_metric_call *call);
    /* The metric of a total state; one number (`values` of a vector metric come with issue D). */
    double (*result)(const void *options, const double *state, int64_t columns);
};

extern const struct ls_registry ls_metrics;

/* "accuracy", "acc" and "crossentropy"/"ce" name no kind: Keras resolves them by the output and the
 * target. The kind for an output with `columns` last elements whose target has the form; NULL for
 * other names (look in the registry then). */
const struct ls_metric_kind *ls_metric_resolve(const char *name, int64_t columns,
                                               enum ls_target_form target);

#endif
