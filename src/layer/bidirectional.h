/* Bidirectional: what its options and shapes (bidirectional.c) and its calls (bidirectional_run.c)
 * share. Private to the room. */
#ifndef LAYER_BIDIRECTIONAL_H
#define LAYER_BIDIRECTIONAL_H

#include "layer/wrapped.h"

enum ls_both_mode {
    LS_BOTH_CONCAT,
    LS_BOTH_SUM,
    LS_BOTH_MUL,
    LS_BOTH_AVE,
    LS_BOTH_SEPARATE = -1 /* null: they stay two */
};

enum { LS_BOTH_FORWARD, LS_BOTH_BACKWARD, LS_BOTH };

struct ls_bidirectional {
    struct ls_inner layer, backward_layer;
    int merge_mode;
};

/* The two layers that are built: the state. */
struct ls_both {
    struct ls_inner inner[LS_BOTH];
    struct ls_wrapped wrapped[LS_BOTH];
};

/* What a call of it is for the two layers. */
struct ls_both_shapes {
    struct ls_call_shapes shapes[LS_BOTH];
    struct ls_call_needs needs[LS_BOTH];
};

ls_status ls_both_find_shapes(const struct ls_layer *layer, const struct ls_call_shapes *shapes,
                              struct ls_both_shapes *both);
/* What the call needs for them. */
void ls_both_find_needs(const struct ls_both_shapes *both, struct ls_call_needs *needs);

/* -- the kind's functions */
void ls_both_forward(const struct ls_call *call);
void ls_both_backward(const struct ls_call *call);
double ls_both_penalty(const struct ls_call *call);
ls_status ls_both_prepare(const struct ls_call *call, void **prepared);
void ls_both_discard(void *prepared);

#endif
