/* The passes of MultiHeadAttention. Where all positions are attended, a sample's projections are
 * [positions][heads][dim], so that a head is a matrix with a stride and nothing is moved; else they
 * are regrouped, and a group is a matrix of its own. What is saved of query, key and value stays
 * grouped. The scores carry the factor 1 / sqrt(key_dim). */
#include "layer/heads.h"

#include <float.h>
#include <string.h>

#include "kernel/gemm.h"
#include "kernel/kernels.h"

/* What a call saves, and, but for the weights, their gradients, in blocks of [rows][..]. */
struct blocks {
    float *to[LS_HEADS_OUTPUT]; /* query, key, gate and value, projected */
    float *heads;               /* the heads' results, before the gate */
    float *weights;             /* of the keys, as the scores; saved alone */
    float *out;                 /* the gradient of the result with its penalty's; worked in alone */
};

static size_t results_of(const struct ls_heads_sizes *s)
{
    return s->places[LS_HEADS_OUTPUT] * s->width[LS_HEADS_OUTPUT];
}

static struct blocks cut(float *memory, const struct ls_heads_sizes *s, int64_t rows)
{
    struct blocks b;
    for (size_t p = 0; p < LS_HEADS_OUTPUT; p++) {
        b.to[p] = memory;
        memory += (size_t)rows * s->places[p] * s->columns[p];
    }
    b.heads = memory;
    b.weights = b.out = memory + (size_t)rows * results_of(s);
    return b;
}

static struct blocks saved_of(const struct ls_call *call, const struct ls_heads_sizes *s)
{
    return cut(call->saved, s, call->rows);
}

static struct blocks work_of(const struct ls_call *call, const struct ls_heads_sizes *s)
{
    return cut(call->work + s->room, s, call->rows);
}

static bool is_gated(const struct ls_call *call)
{
    const struct ls_heads_options *o = call->layer->options;
    return o->use_gate;
}

/* -- the groups of one sample: matrices of vectors */

struct matrices {
    size_t queries, keys;
    struct side {
        size_t dim;
        int64_t stride;          /* from vector to vector */
        size_t of_query, of_key; /* from group to group */
    } key, value;                /* queries and keys; results and values */
};

static struct side side_of(const struct ls_heads_sizes *s, size_t dim)
{
    return s->strided ? (struct side){dim, (int64_t)(s->heads * dim), dim, dim}
                      : (struct side){dim, (int64_t)dim, s->queries * dim, s->keys * dim};
}

static struct matrices matrices_of(const struct ls_heads_sizes *s)
{
    return (struct matrices){s->queries, s->keys, side_of(s, s->key_dim), side_of(s, s->value_dim)};
}

/* scores = query key^T, or of a result's gradient and the values: the gradient of the weights. */
static void scores_of(const struct matrices *m, const struct side *side, float *scores,
                      const float *query, const float *key)
{
    ls_gemm(&(struct ls_gemm){.transpose_b = true,
                              .m = (int64_t)m->queries,
                              .n = (int64_t)m->keys,
                              .k = (int64_t)side->dim,
                              .a = query,
                              .lda = side->stride,
                              .b = key,
                              .ldb = side->stride,
                              .c = scores});
}

/* out = scores in: of each query. */
static void sum_keys(const struct matrices *m, const struct side *side, float *out,
                     const float *scores, const float *in)
{
    ls_gemm(&(struct ls_gemm){.m = (int64_t)m->queries,
                              .n = (int64_t)side->dim,
                              .k = (int64_t)m->keys,
                              .a = scores,
                              .b = in,
                              .ldb = side->stride,
                              .c = out,
                              .ldc = side->stride});
}

/* out = scores^T in: of each key. */
static void sum_queries(const struct matrices *m, const struct side *side, float *out,
                        const float *scores, const float *in)
{
    ls_gemm(&(struct ls_gemm){.transpose_a = true,
                              .m = (int64_t)m->keys,
                              .n = (int64_t)side->dim,
                              .k = (int64_t)m->queries,
                              .a = scores,
                              .b = in,
                              .ldb = side->stride,
                              .c = out,
                              .ldc = side->stride});
}

static float scale_of(const struct ls_heads_sizes *s)
{
    return (float)(1 / sqrt((double)s->key_dim));
}

/* -- forward */

/* Where a sample begins. */
static float *row_of(const struct ls_heads_sizes *s, const struct blocks *b, size_t p, int64_t row)
{
    if (p == LS_HEADS_OUTPUT)
        return b->heads + (size_t)row * results_of(s);
    return b->to[p] + (size_t)row * s->places[p] * s->columns[p];
}

/* The weights of all keys of one sample. */
static void weigh(const struct ls_call *call, const struct ls_heads_sizes *s,
                  const struct blocks *b, int64_t row)
{
    static const float least = -0.7F * FLT_MAX;
    const struct ls_activation softmax = ls_activation_default(LS_ACTIVATION_SOFTMAX);
    const struct ls_hidden hidden = ls_heads_hidden(call, row);
    const struct matrices m = matrices_of(s);
    const float *query = row_of(s, b, LS_HEADS_TO_QUERY, row);
    const float *key = row_of(s, b, LS_HEADS_TO_KEY, row);
    float *weights = b->weights + (size_t)row * s->scores;
    for (size_t g = 0; g < s->groups; g++)
        scores_of(&m, &m.key, weights + g * s->queries * s->keys, query + g * m.key.of_query,
                  key + g * m.key.of_key);
    ls_k->scale(weights, weights, scale_of(s), s->scores);
    ls_hidden_set(&hidden, weights, least, false);
    ls_k->activate(weights, weights, &softmax, s->scores, s->keys);
    if (!ls_heads_fused(call->layer, call->shapes))
        ls_hidden_set(&hidden, weights, 0, false);
}

/* The weights of one sample as they count, which may be in the room. */
static const float *drop(const struct ls_call *call, const struct ls_heads_sizes *s,
                         const float *weights, int64_t row)
{
    const struct ls_heads_options *o = call->layer->options;
    if (!ls_weights_drop(call, &o->dropout))
        return weights;
    ls_weights_apply(call, &o->dropout, call->work, weights,
                     (struct ls_weights_of){row, s->scores});
    return call->work;
}

static void forward_row(const struct ls_call *call, const struct ls_heads_sizes *s,
                        const struct blocks *b, int64_t row)
{
    const struct matrices m = matrices_of(s);
    const float *weights = b->weights + (size_t)row * s->scores;
    const float *value = row_of(s, b, LS_HEADS_TO_VALUE, row);
    float *result = row_of(s, b, LS_HEADS_OUTPUT, row);
    weigh(call, s, b, row);
    if (call->shapes->outputs > 1)
        memcpy(call->out[1] + (size_t)row * s->scores, weights, s->scores * sizeof *weights);
    weights = drop(call, s, weights, row);
    for (size_t g = 0; g < s->groups; g++)
        sum_keys(&m, &m.value, result + g * m.value.of_query, weights + g * s->queries * s->keys,
                 value + g * m.value.of_key);
}

/* What is projected to the output: gated, it comes into `product`. */
static const float *gate(const struct ls_call *call, const struct ls_heads_sizes *s,
                         const struct blocks *b, float *product)
{
    if (!is_gated(call))
        return b->heads;
    ls_k->multiply(product, b->heads, b->to[LS_HEADS_TO_GATE], (size_t)call->rows * results_of(s));
    return product;
}

void ls_heads_forward(const struct ls_call *call)
{
    const struct ls_heads_sizes s = ls_heads_sizes(call->layer, call->shapes);
    const struct blocks b = saved_of(call, &s), d = work_of(call, &s);
    if (call->rows == 0)
        return;
    for (size_t p = 0; p < LS_HEADS_OUTPUT; p++) {
        if (s.columns[p] == 0)
            continue;
        ls_heads_project(call, p, call->in[ls_heads_input(call->shapes, p)], b.to[p]);
        if (p != LS_HEADS_TO_GATE)
            ls_heads_group(call, p, b.to[p], call->work);
    }
    for (int64_t row = 0; row < call->rows; row++)
        forward_row(call, &s, &b, row);
    ls_heads_ungroup(call, LS_HEADS_OUTPUT, b.heads, call->work);
    ls_heads_project(call, LS_HEADS_OUTPUT, gate(call, &s, &b, d.heads), call->out[0]);
}

/* -- penalties: of what the projections give, the output's last */

static struct ls_penalized penalized_of(const struct ls_call *call, const struct ls_heads_sizes *s,
                                        size_t p)
{
    const struct blocks b = saved_of(call, s);
    return (struct ls_penalized){.values = p == LS_HEADS_OUTPUT ? call->out[0] : b.to[p],
                                 .n = (size_t)call->rows * s->places[p] * s->columns[p]};
}

double ls_heads_penalty(const struct ls_call *call)
{
    const struct ls_heads_sizes s = ls_heads_sizes(call->layer, call->shapes);
    double sum = 0;
    for (size_t p = 0; p < LS_PROJECTIONS; p++) {
        const struct ls_penalized penalized = penalized_of(call, &s, p);
        sum += ls_penalty(call->layer->activity_regularizer, &penalized);
    }
    return sum;
}

static void add_penalty(const struct ls_call *call, const struct ls_heads_sizes *s, size_t p,
                        float *grad)
{
    const struct ls_penalized penalized = penalized_of(call, s, p);
    ls_penalty_add_gradient(call->layer->activity_regularizer, grad, &penalized,
                            1.0 / (double)call->global_rows);
}

/* -- backward */

/* From the gradient of the weights to that of the products of queries and keys, in place. */
static void unweigh(const struct ls_call *call, const struct ls_heads_sizes *s, float *grad,
                    const float *weights, int64_t row)
{
    const struct ls_heads_options *o = call->layer->options;
    const struct ls_activation softmax = ls_activation_default(LS_ACTIVATION_SOFTMAX);
    const struct ls_hidden hidden = ls_heads_hidden(call, row);
    if (ls_weights_drop(call, &o->dropout))
        ls_weights_apply(call, &o->dropout, grad, grad, (struct ls_weights_of){row, s->scores});
    if (call->shapes->outputs > 1 && call->out_grad[1])
        ls_k->add(grad, grad, call->out_grad[1] + (size_t)row * s->scores, s->scores);
    ls_k->activate_backward(grad, grad, weights, &softmax, s->scores, s->keys);
    ls_hidden_set(&hidden, grad, 0, false);
    ls_k->scale(grad, grad, scale_of(s), s->scores);
}

/* d: the gradients of what is saved in b; that of the heads' results is there. */
static void backward_row(const struct ls_call *call, const struct ls_heads_sizes *s,
                         const struct blocks *b, const struct blocks *d, int64_t row)
{
    const struct matrices m = matrices_of(s);
    const size_t matrix = s->queries * s->keys;
    const float *weights = b->weights + (size_t)row * s->scores;
    const float *dropped = drop(call, s, weights, row);
    const float *result_grad = row_of(s, d, LS_HEADS_OUTPUT, row);
    const struct side *value = &m.value, *key = &m.key;
    float *grad = call->work + s->scores;
    for (size_t g = 0; g < s->groups; g++) {
        const float *out = result_grad + g * value->of_query;
        sum_queries(&m, value, row_of(s, d, LS_HEADS_TO_VALUE, row) + g * value->of_key,
                    dropped + g * matrix, out);
        scores_of(&m, value, grad + g * matrix, out,
                  row_of(s, b, LS_HEADS_TO_VALUE, row) + g * value->of_key);
    }
    unweigh(call, s, grad, weights, row);
    for (size_t g = 0; g < s->groups; g++) {
        const size_t of_query = g * key->of_query, of_key = g * key->of_key;
        sum_keys(&m, key, row_of(s, d, LS_HEADS_TO_QUERY, row) + of_query, grad + g * matrix,
                 row_of(s, b, LS_HEADS_TO_KEY, row) + of_key);
        sum_queries(&m, key, row_of(s, d, LS_HEADS_TO_KEY, row) + of_key, grad + g * matrix,
                    row_of(s, b, LS_HEADS_TO_QUERY, row) + of_query);
    }
}

/* The gradients of the projections' kernels and biases, and of the inputs; what is made from an
 * input that another projection was made from adds to its gradient. */
static void unproject_inputs(const struct ls_call *call, const struct ls_heads_sizes *s,
                             const struct blocks *d)
{
    const struct ls_call_shapes *shapes = call->shapes;
    const bool both = ls_heads_key(shapes) == ls_call_input(shapes, LS_HEADS_VALUE);
    const size_t mask = ls_call_input(shapes, LS_HEADS_MASK);
    for (size_t p = LS_HEADS_OUTPUT; p-- > 0;) {
        const size_t input = ls_heads_input(shapes, p);
        const bool add =
            (p == LS_HEADS_TO_KEY && both) || (p == LS_HEADS_TO_QUERY && is_gated(call));
        if (s->columns[p] > 0)
            ls_heads_unproject(call, p,
                               &(struct ls_unprojection){call->in[input], d->to[p],
                                                         call->in_grad[input], add ? 1 : 0});
    }
    if (mask != SIZE_MAX && call->in_grad[mask])
        ls_k->fill(call->in_grad[mask], 0,
                   (size_t)(call->rows * ls_shape_count(&shapes->in[mask])));
}

/* The gradient of the result; NULL: it is 0. */
static const float *result_grad(const struct ls_call *call, const struct ls_heads_sizes *s,
                                const struct blocks *d)
{
    const size_t floats =
        (size_t)call->rows * s->places[LS_HEADS_OUTPUT] * s->columns[LS_HEADS_OUTPUT];
    if (!call->layer->activity_regularizer)
        return call->out_grad[0];
    if (call->out_grad[0])
        memcpy(d->out, call->out_grad[0], floats * sizeof *d->out);
    else
        ls_k->fill(d->out, 0, floats);
    add_penalty(call, s, LS_HEADS_OUTPUT, d->out);
    return d->out;
}

/* The gradient of what was projected to the output. */
static void unproject_output(const struct ls_call *call, const struct ls_heads_sizes *s,
                             const struct blocks *b, const struct blocks *d)
{
    const float *grad = result_grad(call, s, d);
    if (grad) {
        const float *in = gate(call, s, b, d->to[LS_HEADS_TO_GATE]);
        ls_heads_unproject(call, LS_HEADS_OUTPUT, &(struct ls_unprojection){in, grad, d->heads, 0});
        return;
    }
    ls_k->fill(d->heads, 0, (size_t)call->rows * results_of(s));
    for (size_t v = ls_heads_kernel(call->layer, LS_HEADS_OUTPUT); v < call->layer->variables; v++)
        if (call->weight_grad[v] && !call->accumulate)
            ls_k->fill(call->weight_grad[v], 0,
                       (size_t)ls_shape_count(&call->layer->variable[v].shape));
}

/* From the gradient of the product to those of the heads' results and of what the gate is the
 * sigmoid of. */
static void ungate(const struct ls_call *call, const struct ls_heads_sizes *s,
                   const struct blocks *b, const struct blocks *d)
{
    const struct ls_activation sigmoid = ls_activation_default(LS_ACTIVATION_SIGMOID);
    const size_t n = (size_t)call->rows * results_of(s);
    const float *gate = b->to[LS_HEADS_TO_GATE];
    float *grad = d->to[LS_HEADS_TO_GATE];
    ls_k->multiply(grad, d->heads, b->heads, n);
    add_penalty(call, s, LS_HEADS_TO_GATE, grad);
    ls_k->activate_backward(grad, grad, gate, &sigmoid, n, n);
    ls_k->multiply(d->heads, d->heads, gate, n);
}

void ls_heads_backward(const struct ls_call *call)
{
    static const size_t grouped[] = {LS_HEADS_TO_QUERY, LS_HEADS_TO_KEY, LS_HEADS_TO_VALUE};
    const struct ls_heads_sizes s = ls_heads_sizes(call->layer, call->shapes);
    const struct blocks b = saved_of(call, &s), d = work_of(call, &s);
    unproject_output(call, &s, &b, &d);
    if (is_gated(call))
        ungate(call, &s, &b, &d);
    ls_heads_group(call, LS_HEADS_OUTPUT, d.heads, call->work);
    for (int64_t row = 0; row < call->rows; row++)
        backward_row(call, &s, &b, &d, row);
    for (size_t i = 0; i < sizeof grouped / sizeof *grouped; i++) {
        add_penalty(call, &s, grouped[i], d.to[grouped[i]]);
        ls_heads_ungroup(call, grouped[i], d.to[grouped[i]], call->work);
    }
    unproject_inputs(call, &s, &d);
}
