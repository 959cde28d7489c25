/* The scores of Attention and AdditiveAttention, and their gradients, of one sample. Private to the
 * room.
 *
 *     dot:            whole (q k)
 *     otherwise:      whole sum_c feature_c tanh(inside (q_c + k_c)) */
#ifndef LAYER_ATTENTION_SCORES_H
#define LAYER_ATTENTION_SCORES_H

#include "layer/layer.h"

struct ls_scores {
    bool dot;
    size_t queries, keys, width;
    const float *query, *key; /* [queries][width], [keys][width] */
    float inside, whole;
    const float *feature; /* [width]; NULL: 1 */
    float *feature_grad;  /* is added to; NULL: not wanted */
    float *tanh;          /* room: [keys][width] */
};

/* Those before `whole`: [queries][keys]. */
void ls_scores_raw(const struct ls_scores *s, float *scores);

/* From the gradient of those before `whole` to those of queries and keys (NULL: not wanted), the
 * latter being added with `add`; returns that of `inside`. */
struct ls_scores_gradients {
    float *query, *key;
    bool add;
};
double ls_scores_backward(const struct ls_scores *s, const float *grad,
                          const struct ls_scores_gradients *to);

#endif
