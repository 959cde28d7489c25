/* What MultiHeadAttention computes. A sample's projections are [positions][heads][dim], so that a
 * head is a matrix with a stride and nothing is transposed. The queries, and so their gradients,
 * carry the factor 1 / sqrt(key_dim). */
#include "layer/heads.h"

#include <float.h>
#include <string.h>

#include "kernel/gemm.h"
#include "kernel/kernels.h"

/* -- sizes */

static size_t positions(const struct ls_shape *shape)
{
    return (size_t)ls_shape_count(shape) / ls_last_axis(shape);
}

size_t ls_heads_key(const struct ls_call_shapes *shapes)
{
    size_t key = ls_call_input(shapes, LS_HEADS_KEY);
    return key == SIZE_MAX ? ls_call_input(shapes, LS_HEADS_VALUE) : key;
}

struct ls_heads_sizes ls_heads_sizes(const struct ls_layer *layer,
                                     const struct ls_call_shapes *shapes)
{
    const struct ls_heads_options *o = layer->options;
    const struct ls_shape *query = &shapes->in[ls_call_input(shapes, LS_HEADS_QUERY)];
    const struct ls_shape *value = &shapes->in[ls_call_input(shapes, LS_HEADS_VALUE)];
    const size_t n = (size_t)o->num_heads, k = (size_t)o->key_dim;
    const size_t v = o->value_dim == LS_NULL_INT ? k : (size_t)o->value_dim;
    const size_t queries = positions(query), keys = positions(value);
    return (struct ls_heads_sizes){
        .heads = n,
        .queries = queries,
        .keys = keys,
        .key_dim = k,
        .value_dim = v,
        .places = {queries, keys, keys, queries},
        .width = {ls_last_axis(query), ls_last_axis(&shapes->in[ls_heads_key(shapes)]),
                  ls_last_axis(value), n * v},
        .columns = {n * k, n * k, n * v, (size_t)ls_shape_count(&shapes->out[0]) / queries},
        .scores = n * queries * keys,
    };
}

/* What a call saves, and, but for the weights, their gradients, in blocks of [rows][..]. */
struct blocks {
    float *to[LS_HEADS_OUTPUT]; /* query, key, value, projected */
    float *heads;               /* the heads' results, which are projected to the output */
    float *weights;             /* of the keys, [heads][queries][keys] */
};

static struct blocks cut(float *memory, const struct ls_heads_sizes *s, int64_t rows)
{
    struct blocks b;
    for (size_t p = 0; p < LS_HEADS_OUTPUT; p++) {
        b.to[p] = memory;
        memory += (size_t)rows * s->places[p] * s->columns[p];
    }
    b.heads = memory;
    b.weights = memory + (size_t)rows * s->queries * s->width[LS_HEADS_OUTPUT];
    return b;
}

void ls_heads_needs(const struct ls_layer *layer, const struct ls_call_shapes *shapes,
                    struct ls_call_needs *needs)
{
    const struct ls_heads_sizes s = ls_heads_sizes(layer, shapes);
    size_t projected = s.queries * s.width[LS_HEADS_OUTPUT];
    for (size_t p = 0; p < LS_HEADS_OUTPUT; p++)
        projected += s.places[p] * s.columns[p];
    needs->saved_floats_per_row = projected + s.scores;
    needs->work_floats_per_row = projected;
    needs->work_floats = 2 * s.scores; /* of one row: dropped weights, and a gradient */
}

/* -- projections */

static const float *projected_input(const struct ls_call *call, size_t projection)
{
    const size_t query = ls_call_input(call->shapes, LS_HEADS_QUERY);
    const size_t value = ls_call_input(call->shapes, LS_HEADS_VALUE);
    return call->in[projection == LS_HEADS_TO_QUERY ? query
                    : projection == LS_HEADS_TO_KEY ? ls_heads_key(call->shapes)
                                                    : value];
}

static size_t kernel_of(const struct ls_call *call, size_t projection)
{
    const struct ls_heads_options *o = call->layer->options;
    return o->use_bias ? 2 * projection : projection;
}

static void project(const struct ls_call *call, const struct ls_heads_sizes *s, size_t p,
                    const float *in, float *out)
{
    const struct ls_heads_options *o = call->layer->options;
    const struct ls_activation linear = ls_activation_default(LS_ACTIVATION_LINEAR);
    const size_t kernel = kernel_of(call, p), rows = (size_t)call->rows * s->places[p];
    ls_gemm(&(struct ls_gemm){.m = (int64_t)rows,
                              .n = (int64_t)s->columns[p],
                              .k = (int64_t)s->width[p],
                              .a = in,
                              .b = call->weight[kernel],
                              .c = out});
    if (o->use_bias)
        ls_k->bias_activate(out, NULL, call->weight[kernel + 1], &linear, rows, s->columns[p]);
}

/* The gradients of a projection's kernel and bias, and of what it projects (in_grad, or NULL), to
 * which that is added with beta 1. */
struct unprojection {
    const float *in, *grad;
    float *in_grad, beta;
};

static void unproject(const struct ls_call *call, const struct ls_heads_sizes *s, size_t p,
                      const struct unprojection *u)
{
    const struct ls_heads_options *o = call->layer->options;
    const size_t kernel = kernel_of(call, p);
    const int64_t rows = call->rows * (int64_t)s->places[p], columns = (int64_t)s->columns[p];
    const int64_t width = (int64_t)s->width[p];
    float *bias_grad = o->use_bias ? call->weight_grad[kernel + 1] : NULL;
    if (call->weight_grad[kernel])
        ls_gemm(&(struct ls_gemm){.transpose_a = true,
                                  .m = width,
                                  .n = columns,
                                  .k = rows,
                                  .a = u->in,
                                  .b = u->grad,
                                  .c = call->weight_grad[kernel],
                                  .beta = call->accumulate ? 1 : 0});
    if (bias_grad)
        ls_k->column_sums(bias_grad, u->grad, (size_t)rows, (size_t)columns, call->accumulate);
    if (u->in_grad && rows > 0)
        ls_gemm(&(struct ls_gemm){.transpose_b = true,
                                  .m = rows,
                                  .n = width,
                                  .k = columns,
                                  .a = u->grad,
                                  .b = call->weight[kernel],
                                  .c = u->in_grad,
                                  .beta = u->beta});
}

/* -- heads of one sample. Matrices [places][heads][dim] with the head's first element. */

struct head {
    size_t rows, columns; /* of the scores: queries and keys */
    int64_t key_stride, value_stride;
    size_t key_dim, value_dim;
};

static struct head head_of(const struct ls_heads_sizes *s)
{
    return (struct head){s->queries,
                         s->keys,
                         (int64_t)(s->heads * s->key_dim),
                         (int64_t)(s->heads * s->value_dim),
                         s->key_dim,
                         s->value_dim};
}

/* scores = query key^T, or with `values` the same of a result's gradient and the values: the
 * gradient of the weights. */
static void scores_of(const struct head *h, float *scores, const float *a, const float *b,
                      bool values)
{
    const int64_t stride = values ? h->value_stride : h->key_stride;
    ls_gemm(&(struct ls_gemm){.transpose_b = true,
                              .m = (int64_t)h->rows,
                              .n = (int64_t)h->columns,
                              .k = (int64_t)(values ? h->value_dim : h->key_dim),
                              .a = a,
                              .lda = stride,
                              .b = b,
                              .ldb = stride,
                              .c = scores});
}

/* out = scores b, by queries; or, transposed, scores^T b, by keys. */
static void sum_of(const struct head *h, float *out, const float *scores, const float *b,
                   const bool how[2])
{
    const bool transposed = how[0], values = how[1];
    const int64_t stride = values ? h->value_stride : h->key_stride;
    ls_gemm(&(struct ls_gemm){.transpose_a = transposed,
                              .m = (int64_t)(transposed ? h->columns : h->rows),
                              .n = (int64_t)(values ? h->value_dim : h->key_dim),
                              .k = (int64_t)(transposed ? h->rows : h->columns),
                              .a = scores,
                              .lda = (int64_t)h->columns,
                              .b = b,
                              .ldb = stride,
                              .c = out,
                              .ldc = stride});
}

/* -- what is hidden */

/* Keras computes with Softmax, whose masked elements have no weight, where it drops or returns
 * weights or there are several axes of positions; else hidden keys have the same score, so that a
 * query from which all are hidden sees all of them alike. */
static bool is_by_softmax(const struct ls_call *call)
{
    const struct ls_heads_options *o = call->layer->options;
    const struct ls_attention_arguments *arguments = call->shapes->arguments;
    return o->dropout.rate > 0 || arguments->return_attention_scores ||
           call->shapes->in[ls_call_input(call->shapes, LS_HEADS_QUERY)].rank != 2;
}

static const float *mask_of_row(const struct ls_call *call, size_t input, int64_t row)
{
    const float *mask = ls_call_mask(call, input);
    return mask ? mask + row * ls_shape_count(&call->shapes->in[call->shapes->mask_of[input]])
                : NULL;
}

static struct ls_hidden hidden_of(const struct ls_call *call, const struct ls_heads_sizes *s,
                                  int64_t row)
{
    const struct ls_heads_options *o = call->layer->options;
    const struct ls_attention_arguments *arguments = call->shapes->arguments;
    const struct ls_call_shapes *shapes = call->shapes;
    const size_t key = ls_call_input(shapes, LS_HEADS_KEY);
    const size_t given = ls_call_input(shapes, LS_HEADS_MASK);
    struct ls_hidden hidden = {
        .heads = s->heads,
        .queries = s->queries,
        .keys = s->keys,
        .query = mask_of_row(call, ls_call_input(shapes, LS_HEADS_QUERY), row),
        .value = mask_of_row(call, ls_call_input(shapes, LS_HEADS_VALUE), row),
        .key = key == SIZE_MAX ? NULL : mask_of_row(call, key, row),
        .causal = arguments->use_causal_mask,
        .window = o->sliding_window == LS_NULL_INT ? 0 : (size_t)o->sliding_window,
    };
    if (given == SIZE_MAX)
        return hidden;
    const struct ls_shape *mask = &shapes->in[given];
    size_t step = 1;
    hidden.given = call->in[given] + row * ls_shape_count(mask);
    for (int i = mask->rank, at = 2; i-- > 0; at--) {
        hidden.given_step[at] = mask->size[i] > 1 ? step : 0;
        step *= (size_t)mask->size[i];
    }
    return hidden;
}

/* -- forward */

/* The weights of all keys of one sample. */
static void weigh(const struct ls_call *call, const struct ls_heads_sizes *s,
                  const struct blocks *b, int64_t row)
{
    static const float least = -0.7F * FLT_MAX;
    const struct ls_activation softmax = ls_activation_default(LS_ACTIVATION_SOFTMAX);
    const struct ls_hidden hidden = hidden_of(call, s, row);
    const struct head h = head_of(s);
    float *weights = b->weights + (size_t)row * s->scores;
    for (size_t head = 0; head < s->heads; head++)
        scores_of(&h, weights + head * s->queries * s->keys,
                  b->to[LS_HEADS_TO_QUERY] + (size_t)row * s->queries * s->heads * s->key_dim +
                      head * s->key_dim,
                  b->to[LS_HEADS_TO_KEY] + (size_t)row * s->keys * s->heads * s->key_dim +
                      head * s->key_dim,
                  false);
    ls_hidden_set(&hidden, weights, least, false);
    ls_k->activate(weights, weights, &softmax, s->scores, s->keys);
    if (is_by_softmax(call))
        ls_hidden_set(&hidden, weights, 0, false);
}

static void forward_row(const struct ls_call *call, const struct ls_heads_sizes *s,
                        const struct blocks *b, int64_t row)
{
    const struct ls_heads_options *o = call->layer->options;
    const struct head h = head_of(s);
    const float *weights = b->weights + (size_t)row * s->scores;
    const size_t values = (size_t)row * s->keys * s->width[LS_HEADS_OUTPUT];
    const size_t results = (size_t)row * s->queries * s->width[LS_HEADS_OUTPUT];
    weigh(call, s, b, row);
    if (call->shapes->outputs > 1)
        memcpy(call->out[1] + (size_t)row * s->scores, weights, s->scores * sizeof *weights);
    if (ls_weights_drop(call, &o->dropout)) {
        ls_weights_apply(call, &o->dropout, call->work, weights,
                         (struct ls_weights_of){row, s->scores});
        weights = call->work;
    }
    for (size_t head = 0; head < s->heads; head++)
        sum_of(&h, b->heads + results + head * s->value_dim, weights + head * s->queries * s->keys,
               b->to[LS_HEADS_TO_VALUE] + values + head * s->value_dim,
               (const bool[]){false, true});
}

static float query_scale(const struct ls_heads_sizes *s)
{
    return (float)(1 / sqrt((double)s->key_dim));
}

void ls_heads_forward(const struct ls_call *call)
{
    const struct ls_heads_sizes s = ls_heads_sizes(call->layer, call->shapes);
    const struct blocks b = cut(call->saved, &s, call->rows);
    if (call->rows == 0)
        return;
    for (size_t p = 0; p < LS_HEADS_OUTPUT; p++)
        project(call, &s, p, projected_input(call, p), b.to[p]);
    ls_k->scale(b.to[LS_HEADS_TO_QUERY], b.to[LS_HEADS_TO_QUERY], query_scale(&s),
                (size_t)call->rows * s.queries * s.columns[LS_HEADS_TO_QUERY]);
    for (int64_t row = 0; row < call->rows; row++)
        forward_row(call, &s, &b, row);
    project(call, &s, LS_HEADS_OUTPUT, b.heads, call->out[0]);
}

/* -- backward */

/* From the gradient of the weights to that of the scores, in place. */
static void unweigh(const struct ls_call *call, const struct ls_heads_sizes *s, float *grad,
                    const float *weights, int64_t row)
{
    const struct ls_heads_options *o = call->layer->options;
    const struct ls_activation softmax = ls_activation_default(LS_ACTIVATION_SOFTMAX);
    const struct ls_hidden hidden = hidden_of(call, s, row);
    if (ls_weights_drop(call, &o->dropout))
        ls_weights_apply(call, &o->dropout, grad, grad, (struct ls_weights_of){row, s->scores});
    if (call->shapes->outputs > 1 && call->out_grad[1])
        ls_k->add(grad, grad, call->out_grad[1] + (size_t)row * s->scores, s->scores);
    ls_k->activate_backward(grad, grad, weights, &softmax, s->scores, s->keys);
    ls_hidden_set(&hidden, grad, 0, false);
}

/* d: the gradients of what is saved in b; that of the heads' results is there. */
static void backward_row(const struct ls_call *call, const struct ls_heads_sizes *s,
                         const struct blocks *b, const struct blocks *d, int64_t row)
{
    const struct ls_heads_options *o = call->layer->options;
    const struct head h = head_of(s);
    const float *weights = b->weights + (size_t)row * s->scores, *dropped = weights;
    float *grad = call->work + s->scores;
    const size_t matrix = s->queries * s->keys;
    const size_t query = (size_t)row * s->queries * s->columns[LS_HEADS_TO_QUERY];
    const size_t key = (size_t)row * s->keys * s->columns[LS_HEADS_TO_KEY];
    const size_t value = (size_t)row * s->keys * s->columns[LS_HEADS_TO_VALUE];
    const size_t result = (size_t)row * s->queries * s->width[LS_HEADS_OUTPUT];
    if (ls_weights_drop(call, &o->dropout)) {
        ls_weights_apply(call, &o->dropout, call->work, weights,
                         (struct ls_weights_of){row, s->scores});
        dropped = call->work;
    }
    for (size_t head = 0, at = 0; head < s->heads; head++, at += s->value_dim) {
        const float *out = d->heads + result + at;
        sum_of(&h, d->to[LS_HEADS_TO_VALUE] + value + at, dropped + head * matrix, out,
               (const bool[]){true, true});
        scores_of(&h, grad + head * matrix, out, b->to[LS_HEADS_TO_VALUE] + value + at, true);
    }
    unweigh(call, s, grad, weights, row);
    for (size_t head = 0, at = 0; head < s->heads; head++, at += s->key_dim) {
        sum_of(&h, d->to[LS_HEADS_TO_QUERY] + query + at, grad + head * matrix,
               b->to[LS_HEADS_TO_KEY] + key + at, (const bool[]){false, false});
        sum_of(&h, d->to[LS_HEADS_TO_KEY] + key + at, grad + head * matrix,
               b->to[LS_HEADS_TO_QUERY] + query + at, (const bool[]){true, false});
    }
}

/* The gradients of the projections' kernels and biases, and of the inputs; keys that are made from
 * the values add to these. */
static void unproject_inputs(const struct ls_call *call, const struct ls_heads_sizes *s,
                             const struct blocks *d)
{
    const struct ls_call_shapes *shapes = call->shapes;
    const size_t value = ls_call_input(shapes, LS_HEADS_VALUE), key = ls_heads_key(shapes);
    const size_t input[] = {ls_call_input(shapes, LS_HEADS_QUERY), key, value};
    for (size_t p = LS_HEADS_OUTPUT; p-- > 0;)
        unproject(call, s, p,
                  &(struct unprojection){projected_input(call, p), d->to[p],
                                         call->in_grad[input[p]],
                                         p == LS_HEADS_TO_KEY && key == value ? 1 : 0});
    const size_t mask = ls_call_input(shapes, LS_HEADS_MASK);
    if (mask != SIZE_MAX && call->in_grad[mask])
        ls_k->fill(call->in_grad[mask], 0,
                   (size_t)(call->rows * ls_shape_count(&shapes->in[mask])));
}

/* Nobody may read the output, but the weights of the keys alone. */
static void unproject_output(const struct ls_call *call, const struct ls_heads_sizes *s,
                             const struct blocks *b, const struct blocks *d)
{
    if (call->out_grad[0]) {
        unproject(call, s, LS_HEADS_OUTPUT,
                  &(struct unprojection){b->heads, call->out_grad[0], d->heads, 0});
        return;
    }
    ls_k->fill(d->heads, 0, (size_t)call->rows * s->queries * s->width[LS_HEADS_OUTPUT]);
    for (size_t v = kernel_of(call, LS_HEADS_OUTPUT); v < call->layer->variables; v++)
        if (call->weight_grad[v] && !call->accumulate)
            ls_k->fill(call->weight_grad[v], 0,
                       (size_t)ls_shape_count(&call->layer->variable[v].shape));
}

void ls_heads_backward(const struct ls_call *call)
{
    const struct ls_heads_sizes s = ls_heads_sizes(call->layer, call->shapes);
    const struct blocks b = cut(call->saved, &s, call->rows);
    const struct blocks d = cut(call->work + 2 * s.scores, &s, call->rows);
    unproject_output(call, &s, &b, &d);
    for (int64_t row = 0; row < call->rows; row++)
        backward_row(call, &s, &b, &d, row);
    if (call->rows > 0)
        ls_k->scale(d.to[LS_HEADS_TO_QUERY], d.to[LS_HEADS_TO_QUERY], query_scale(&s),
                    (size_t)call->rows * s.queries * s.columns[LS_HEADS_TO_QUERY]);
    unproject_inputs(call, &s, &d);
}
