/* Normalization of the numbers of a sample in groups: y = (x - shift) inverse gamma + beta, shift
 * and inverse being a group's own. What a kind gives is which numbers are a group, and what is
 * taken of them; forward and backward are the same for all. Private to the room. */
#ifndef LAYER_GROUPS_H
#define LAYER_GROUPS_H

#include "layer/layer.h"

enum ls_groups_mode {
    LS_GROUPS_CENTERED, /* shift: the mean; inverse: 1 / sqrt(variance + epsilon) */
    LS_GROUPS_SCALED,   /* that without the shift */
    LS_GROUPS_RMS,      /* 1 / sqrt(mean of squares + epsilon), no shift */
    LS_GROUPS_UNIT,     /* 1 / sqrt(sum of squares), at most 1 / epsilon; no shift */
};

struct ls_groups {
    enum ls_groups_mode mode;
    double epsilon;
    int gamma, beta; /* variables, or -1 */

    /* Groups by axes: a group is what lies along the axes that are named, and gamma and beta have a
     * number for each place there. Or parts of one axis, each with all other axes; gamma and beta
     * have a number for each of its places. */
    bool along[LS_RANK_MAX];
    int64_t parts; /* 0: groups by axes */
    int axis;      /* of parts */
};

/* Sets `along` from the values of the option `axis`; *weight is the shape that Keras gives to gamma
 * and beta: the sizes in the order of these values. LS_BAD_INPUT where there is no such axis, or
 * one is named twice. */
ls_status ls_groups_along(struct ls_groups *groups, const struct ls_layer *layer,
                          const struct ls_ints *axis, const struct ls_shape *in,
                          struct ls_shape *weight);

/* The functions of a kind. */
void ls_groups_needs(const struct ls_groups *groups, const struct ls_shape *in,
                     struct ls_call_needs *needs);
ls_status ls_groups_prepare(const struct ls_groups *groups, const struct ls_call *call,
                            void **prepared);
void ls_groups_discard(void *prepared);
void ls_groups_forward(const struct ls_groups *groups, const struct ls_call *call);
void ls_groups_backward(const struct ls_groups *groups, const struct ls_call *call);

#endif
