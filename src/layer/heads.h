/* What MultiHeadAttention computes. Private to the room.
 *
 * Query, key and value are projected, so that a sample of each is [positions..][heads][dim]. The
 * axes that are attended make the sides of matrices of scores; for each place on the others, of
 * which the heads are the last, there is one matrix, a group. Scores of a sample are [others..]
 * [attended, of the query..][attended, of the key..]; where all positions are attended, [heads]
 * [queries][keys]. */
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
/* The projections, in the order of their weights: each has a kernel, and a bias behind it with
 * use_bias. The gate is there with use_gate alone. */
enum {
    LS_HEADS_TO_QUERY,
    LS_HEADS_TO_KEY,
    LS_HEADS_TO_GATE,
    LS_HEADS_TO_VALUE,
    LS_HEADS_OUTPUT,
    LS_PROJECTIONS
};

/* -- axes and sizes. The shapes' inputs, and for sizes the first output, are known. */

/* Axes of a projected sample without `dim`: positions from 0, the heads are the last. */
struct ls_heads_axes {
    int positions;
    int attended, axis[LS_RANK_MAX]; /* in the order of the option */
    int others, other[LS_RANK_MAX];  /* ascending */
};
/* The option attention_axes was checked. */
struct ls_heads_axes ls_heads_axes(const struct ls_layer *layer,
                                   const struct ls_call_shapes *shapes);
/* Whether Keras takes one function for all that is between the projections: it attends over the one
 * axis of positions, whatever attention_axes says, and a query from which all keys are hidden sees
 * all of them alike. Else hidden keys have no weight at all. */
bool ls_heads_fused(const struct ls_layer *layer, const struct ls_call_shapes *shapes);

struct ls_heads_sizes {
    size_t heads, key_dim, value_dim;
    size_t groups, queries, keys;   /* matrices of scores of a sample, and the sides of each */
    bool strided;                   /* all positions are attended, in their order: a group is a
                                       head, whose vectors lie as the projection leaves them */
    size_t places[LS_PROJECTIONS];  /* of a sample, that are projected */
    size_t width[LS_PROJECTIONS];   /* of what is projected */
    size_t columns[LS_PROJECTIONS]; /* of the result; 0: there is no such projection */
    size_t scores;                  /* of a sample */
    size_t room; /* what a pass works in, row by row: dropped weights and a gradient, each as long
                    as the scores; or what is grouped */
};
struct ls_heads_sizes ls_heads_sizes(const struct ls_layer *layer,
                                     const struct ls_call_shapes *shapes);

/* The input that the keys are made from: that of the values where none is given for them. */
size_t ls_heads_key(const struct ls_call_shapes *shapes);
/* The input that a projection, not the output's, is made from. */
size_t ls_heads_input(const struct ls_call_shapes *shapes, size_t projection);

/* From inputs to outputs, and what a call needs. */
ls_status ls_heads_shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                         struct ls_call_needs *needs);

/* From [positions..][heads][dim] to [groups][queries or keys][dim], in place, or back. Of one
 * projection, or of the heads' results (LS_HEADS_OUTPUT). Does nothing where groups are strided;
 * else `room` holds one row. */
void ls_heads_group(const struct ls_call *call, size_t projection, float *block, float *room);
void ls_heads_ungroup(const struct ls_call *call, size_t projection, float *block, float *room);

/* -- masks: as Keras broadcasts them over the scores, but the samples are always samples */

/* LS_BAD_INPUT where a mask, use_causal_mask or sliding_window does not fit the scores. */
ls_status ls_heads_check_masks(const struct ls_layer *layer, const struct ls_call_shapes *shapes,
                               const struct ls_shape *scores);
/* What hides keys in one row of a call. */
struct ls_hidden ls_heads_hidden(const struct ls_call *call, int64_t row);

/* -- projections of all rows */

/* The variable that is the kernel of a projection; its bias is the next one. */
size_t ls_heads_kernel(const struct ls_layer *layer, size_t projection);
/* `f` is applied to the result. */
void ls_heads_project(const struct ls_call *call, size_t projection, const float *in, float *out);

/* The gradients of a projection's kernel and bias, and of what it projects (in_grad, or NULL), to
 * which that is added with beta 1. */
struct ls_unprojection {
    const float *in, *grad;
    float *in_grad, beta;
};
void ls_heads_unproject(const struct ls_call *call, size_t projection,
                        const struct ls_unprojection *unprojection);

/* -- passes */

void ls_heads_forward(const struct ls_call *call);
void ls_heads_backward(const struct ls_call *call);
/* Of what each projection gives. */
double ls_heads_penalty(const struct ls_call *call);

#endif
