/* What several losses, and the metrics that are their means, share: Keras' clipping of
 * probabilities, and options. */
#ifndef LOSS_PROBABILITY_H
#define LOSS_PROBABILITY_H

#include "loss/loss.h"

/* Keras' epsilon and 1 - epsilon in float32, as it computes them: the upper bound is 1 - 2^-23. */
#define LS_PROBABILITY_LEAST 1e-7F
#define LS_PROBABILITY_MOST  (1.0F - 1e-7F)

/* To [epsilon, 1 - epsilon]; the clipping lets no gradient through outside. */
static inline float ls_probability_clip(float p)
{
    return p < LS_PROBABILITY_LEAST  ? LS_PROBABILITY_LEAST
           : p > LS_PROBABILITY_MOST ? LS_PROBABILITY_MOST
                                     : p;
}

static inline bool ls_probability_passes(float p)
{
    return p >= LS_PROBABILITY_LEAST && p <= LS_PROBABILITY_MOST;
}

/* Options of cross-entropies but the sparse one; those of the focal ones begin with it. */
struct ls_smoothed {
    struct ls_loss_common common;
    bool from_logits;
    double label_smoothing;
    int64_t axis;
};

/* Of CosineSimilarity. */
struct ls_axial {
    struct ls_loss_common common;
    int64_t axis;
};

/* Of SparseCategoricalCrossentropy. */
struct ls_sparse {
    struct ls_loss_common common;
    bool from_logits;
    int64_t ignore_class, axis;
};

/* Rows of option tables: field_ is what offsetof(type_, field_) takes. */
#define LS_FROM_LOGITS_OPTION(type_, field_)                                                       \
    {                                                                                              \
        .name = "from_logits", .type = LS_OPTION_BOOL, .offset = offsetof(type_, field_),          \
        .initial = "false", .help = "predictions are logits, not probabilities"                    \
    }
#define LS_SMOOTHING_OPTION(type_, field_)                                                         \
    {                                                                                              \
        .name = "label_smoothing", .type = LS_OPTION_FLOAT, .offset = offsetof(type_, field_),     \
        .initial = "0.0", .min = 0, .max = 1, .help = "part of each target that is spread evenly"  \
    }
#define LS_IGNORE_CLASS_OPTION(type_, field_)                                                      \
    {                                                                                              \
        .name = "ignore_class", .type = LS_OPTION_INT, .offset = offsetof(type_, field_),          \
        .initial = "null",                                                                         \
        .help = "targets of this class do not count (also -1 or 255); null: all do"                \
    }
/* unwritten_: Keras leaves it out of the config. */
#define LS_LAST_AXIS_OPTION(type_, field_, unwritten_)                                             \
    {                                                                                              \
        .name = "axis", .type = LS_OPTION_INT, .offset = offsetof(type_, field_), .initial = "-1", \
        .unwritten = unwritten_, .refused = "is supported for the last axis only: -1",             \
        .help = "the last axis"                                                                    \
    }

/* The targets of a loss with struct ls_smoothed, mixed with `even`: in `room`, [positions][columns]
 * floats, where there is smoothing. */
const float *ls_smooth_targets(const struct ls_loss_call *call, double even, float *room);

#endif
