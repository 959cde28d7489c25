/* What a kind of optimizer is. It updates any range of elements of the weights arena from the
 * summed gradient; it knows no layer. One file a kind; optimizer/registry.c has one row.
 * optimizer/sgd.c is the one to copy. */
#ifndef OPTIMIZER_OPTIMIZER_H
#define OPTIMIZER_OPTIMIZER_H

#include "base/kind.h"

enum { LS_SLOTS_MAX = 4 };

struct ls_optimizer_call {
    const void *options;
    float *weights; /* n elements */
    const float *gradient;
    float *slot[LS_SLOTS_MAX]; /* zero before the first step */
    size_t n;
    int64_t iteration;    /* steps done before this one, from 0 */
    double learning_rate; /* of this step */
};

struct ls_optimizer_kind {
    struct ls_kind kind;
    /* The slots in use with these options, by Keras' names ("momentum", "velocity"); returns how
     * many.
     */
    size_t (*slots)(const void *options, const char *names[LS_SLOTS_MAX]);
    void (*step)(const struct ls_optimizer_call *call);
    size_t learning_rate_offset; /* of the double option in options */
};

extern const struct ls_registry ls_optimizers;

#endif
