/* What a kind of loss is. It returns per-sample values and gradients; weighting, reduction and the
 * choice of logits are the library's. One file a family; loss/registry.c has one row a kind.
 * loss/regression.c is the one to copy. */
#ifndef LOSS_LOSS_H
#define LOSS_LOSS_H

#include "base/custom.h"
#include "base/kind.h"
#include "base/shape.h"

/* How a loss, metric or data set lays out targets. */
enum ls_target_form {
    LS_TARGET_SAME,  /* the shape of the prediction */
    LS_TARGET_CLASS, /* an integer class instead of the prediction's last axis */
};

/* What a prediction says, for reports. */
enum ls_answer_form {
    LS_ANSWER_NUMBERS,
    LS_ANSWER_CLASSES, /* the largest of the last axis */
    LS_ANSWER_LABELS,  /* each number yes or no: probabilities, or logits */
    LS_ANSWER_SIGNS,   /* the same: above or below 0 */
};

/* One evaluation on rows of one replica. Positions are the elements of all axes but the last
 * (rows * inner), each with `columns` numbers. */
struct ls_loss_call {
    const struct ls_kind *kind; /* and its options */
    const void *options;
    int64_t positions, columns;
    const float *prediction; /* [positions][columns]; logits when from_logits */
    const float *target;     /* [positions][columns], or [positions] for LS_TARGET_CLASS */
    bool from_logits;        /* the option, or logits taken from a deferred activation */
    float *value;            /* out: [positions] */
    float *grad;             /* out: d value[p] / d prediction[p][c]; NULL: not wanted. May not
                                overlap prediction. */
    float *work;             /* [positions][columns] floats to scribble in */
};

/* How a batch's values become one number. What a mask or ignore_class leaves out counts nowhere.
 * (Keras' "none" is for training loops of one's own.) */
enum ls_reduction {
    LS_REDUCTION_MEAN, /* Keras' sum_over_batch_size: their sum / their count, weighted or not */
    LS_REDUCTION_SUM,
    LS_REDUCTION_ALSO_MEAN,     /* "mean", another name for the first */
    LS_REDUCTION_WEIGHTED_MEAN, /* mean_with_sample_weight: their sum / the sum of the weights */
};

/* Every loss's option struct begins with it. */
struct ls_loss_common {
    char *name; /* or NULL */
    int reduction, dtype;
};

/* Its rows in the option table of a loss. */
extern const char *const ls_reduction_names[];
extern const char *const ls_loss_dtypes[];
#define LS_LOSS_COMMON_OPTIONS                                                                     \
    {.name = "name",                                                                               \
     .type = LS_OPTION_TEXT,                                                                       \
     .offset = offsetof(struct ls_loss_common, name),                                              \
     .initial = "null",                                                                            \
     .unwritten = true,                                                                            \
     .help = "name, for messages"},                                                                \
        {.name = "reduction",                                                                      \
         .type = LS_OPTION_CHOICE,                                                                 \
         .offset = offsetof(struct ls_loss_common, reduction),                                     \
         .initial = "sum_over_batch_size",                                                         \
         .choices = ls_reduction_names,                                                            \
         .help = "the batch's values as one: their mean, sum, or mean by sample weights"},         \
    {                                                                                              \
        .name = "dtype", .type = LS_OPTION_CHOICE,                                                 \
        .offset = offsetof(struct ls_loss_common, dtype), .initial = "float32", .nullable = true,  \
        .unwritten = true, .choices = ls_loss_dtypes, .help = "float32 (sums are kept in double)"  \
    }

struct ls_loss_kind {
    struct ls_kind kind;
    enum ls_target_form target;
    /* The activation whose logits the loss takes when the output is its direct result (Keras with
     * TensorFlow does): LS_ACTIVATION_SOFTMAX, _SIGMOID; LS_ACTIVATION_LINEAR: none. */
    int logits_of;
    enum ls_answer_form answer;
    size_t from_logits_offset; /* of the bool option from_logits in options, or SIZE_MAX */
    /* With from_logits on the result of that activation, which is a mistake: Keras takes its logits
     * all the same, or, where this is set, what is given. */
    bool takes_given;
    /* Whether the options fit an output of `columns` numbers a position: LS_BAD_INPUT says what
     * does not, without the place. NULL: they always do. */
    ls_status (*check)(const void *options, int64_t columns);
    void (*compute)(const struct ls_loss_call *call);
    /* The class (of LS_TARGET_CLASS; any integer) whose positions do not count: compute gives them
     * the value and the gradient 0. LS_NULL_INT: none; NULL: the kind knows of none. */
    int64_t (*ignored)(const void *options);
    /* Examples of options for the registry-wide tests; ends with NULL. */
    const char *const *examples;
};

extern const struct ls_registry ls_losses;

/* "crossentropy" and "ce" name no kind: Keras resolves them by the output and the target. The kind
 * for an output with `columns` last elements whose target has the form; NULL for other names (look
 * in the registry then). */
const struct ls_loss_kind *ls_loss_resolve(const char *name, int64_t columns,
                                           enum ls_target_form target);

/* A loss of a plugin as a kind, in new memory, freed with ls_custom_free (base/custom.h). */
ls_status ls_loss_custom(const struct ls_kind **kind, const struct ls_custom_loss *custom);

#endif
