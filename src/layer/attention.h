/* What the layers of attention share: the arguments of their calls, and from scores to weights.
 * Private to the room.
 *
 * The scores of one sample are [heads][queries][keys]; softmax over the keys makes weights of them.
 * A key that a query must not see is hidden from it: by the masks of the inputs, by a mask that is
 * an input itself, by coming later, by being too far away. */
#ifndef LAYER_ATTENTION_H
#define LAYER_ATTENTION_H

#include "layer/call.h"

struct ls_attention_arguments {
    bool use_causal_mask, return_attention_scores;
};
extern const struct ls_kind ls_attention_arguments;

/* What hides keys. Pointers are of one sample: 0 hides; NULL: nothing is hidden so. */
struct ls_hidden {
    size_t heads, queries, keys;
    const float *query, *key, *value; /* [queries], [keys], [keys] */
    const float *given;               /* element (head, query, key) lies at the sum of its steps */
    size_t given_step[3];
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
