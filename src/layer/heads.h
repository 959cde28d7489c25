/* What MultiHeadAttention computes. Private to the room. */
#ifndef LAYER_HEADS_H
#define LAYER_HEADS_H

#include "layer/attention.h"
#include "layer/options.h"

struct ls_heads_options {
    int64_t num_heads, key_dim, value_dim; /* value_dim LS_NULL_INT: key_dim */
    struct ls_weights_dropout dropout;
    bool use_bias, use_gate;
    struct ls_ints output_shape, attention_axes;
    int64_t sliding_window; /* LS_NULL_INT: none */
    int flash_attention;
    struct ls_weight_options kernel, bias;
    struct ls_instance activity_regularizer;
};

/* The inputs of a call, by name. */
enum { LS_HEADS_QUERY, LS_HEADS_VALUE, LS_HEADS_KEY, LS_HEADS_MASK };
/* The projections: each has a kernel, and a bias behind it with use_bias. */
enum { LS_HEADS_TO_QUERY, LS_HEADS_TO_KEY, LS_HEADS_TO_VALUE, LS_HEADS_OUTPUT, LS_PROJECTIONS };

struct ls_heads_sizes {
    size_t heads, queries, keys;    /* positions of a sample */
    size_t key_dim, value_dim;      /* of a head */
    size_t places[LS_PROJECTIONS];  /* of a sample, that are projected */
    size_t width[LS_PROJECTIONS];   /* of what is projected */
    size_t columns[LS_PROJECTIONS]; /* of the result */
    size_t scores;                  /* of a sample */
};
/* The shapes' inputs and the first output are known. */
struct ls_heads_sizes ls_heads_sizes(const struct ls_layer *layer,
                                     const struct ls_call_shapes *shapes);

/* The input that the keys are made from: that of the values where none is given for them. */
size_t ls_heads_key(const struct ls_call_shapes *shapes);

void ls_heads_needs(const struct ls_layer *layer, const struct ls_call_shapes *shapes,
                    struct ls_call_needs *needs);
void ls_heads_forward(const struct ls_call *call);
void ls_heads_backward(const struct ls_call *call);

#endif
