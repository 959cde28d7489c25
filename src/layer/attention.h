/* What the layers of attention share: the arguments of their calls, and from scores to weights.
 * Private to the room.
 *
 * The scores of one sample are [..][queries][keys]; softmax over the keys makes weights of them.
 * A key that a query must not see is hidden from it: by the masks of the inputs, by a mask that is
 * an input itself, by coming later, by being too far away. */
#ifndef LAYER_ATTENTION_H
#define LAYER_ATTENTION_H

#include "layer/call.h"

struct ls_attention_arguments {
    bool use_causal_mask, return_attention_scores;
};
extern const struct ls_kind ls_attention_arguments;

/* What hides keys, of one sample. */
struct ls_hidden {
    int axes; /* of the scores, two or more: the last is the keys', the one before the queries' */
    size_t size[LS_RANK_MAX];
    size_t masks;
    struct ls_hiding {
        const float *mask;        /* 0 hides; what it says of a score lies at the sum of its */
        size_t step[LS_RANK_MAX]; /* index times these: 0 where it is the same along an axis; that
                                     of the last axis is 0 or 1 */
    } mask[4];
    bool causal;   /* a key behind the query's place */
    size_t window; /* a key so far away or farther; 0: none */
};

/* Whether anything may be hidden. */
bool ls_hidden_any(const struct ls_hidden *hidden);
/* Hidden scores become `value`, or, with `add` (for at most one mask of keys), that is added to
 * them. */
void ls_hidden_set(const struct ls_hidden *hidden, float *scores, float value, bool add);

/* Dropout of weights. */
struct ls_weights_dropout {
    double rate;
    int64_t seed; /* LS_NULL_INT: the run's */
};
/* Whether it does anything in this call. */
bool ls_weights_drop(const struct ls_call *call, const struct ls_weights_dropout *dropout);
/* Of the weights of one row of the call, forward and backward alike; in place allowed. */
struct ls_weights_of {
    int64_t row;
    size_t columns; /* how many weights */
};
void ls_weights_apply(const struct ls_call *call, const struct ls_weights_dropout *dropout,
                      float *out, const float *in, struct ls_weights_of of);

#endif
