/* Attention and AdditiveAttention (Luong et al., EMNLP 2015; Bahdanau et al., ICLR 2015): for each
 * query the sum of the values, weighted by softmax over the scores of the keys.
 *
 *     dot:      scale (q k)
 *     concat:   weight sum tanh(scale (q + k))
 *     additive: sum scale tanh(q + k)
 *
 * Hidden keys have 1e9 less, so that a query from which all are hidden weighs them by their scores;
 * the results of masked queries are 0. */
#include <string.h>

#include "kernel/gemm.h"
#include "kernel/kernels.h"
#include "layer/attention.h"
#include "layer/attention_scores.h"
#include "layer/options.h"

enum mode { DOT, CONCAT, ADDITIVE };

struct attention {
    bool use_scale;
    int score_mode; /* enum mode */
    struct ls_weights_dropout dropout;
};

static const char *const modes[] = {"dot", "concat", NULL};

#define LS_ATTENTION_DROPOUT_OPTIONS                                                               \
    {.name = "dropout",                                                                            \
     .type = LS_OPTION_FLOAT,                                                                      \
     .offset = offsetof(struct attention, dropout.rate),                                           \
     .initial = "0.0",                                                                             \
     .min = 0,                                                                                     \
     .max = 1,                                                                                     \
     .help = "part of the weights of the keys that is dropped while training"},                    \
    {                                                                                              \
        .name = "seed", .type = LS_OPTION_INT, .offset = offsetof(struct attention, dropout.seed), \
        .initial = "null", .unwritten = true,                                                      \
        .help = "of the dropout's random numbers; null: the run's"                                 \
    }

static const struct ls_option options[] = {
    {.name = "use_scale",
     .type = LS_OPTION_BOOL,
     .offset = offsetof(struct attention, use_scale),
     .initial = "false",
     .help = "the scores have a factor that is trained"},
    {.name = "score_mode",
     .type = LS_OPTION_CHOICE,
     .offset = offsetof(struct attention, score_mode),
     .initial = "dot",
     .choices = modes,
     .unwritten = true, /* Keras takes "dot" in an .h5 for the function of that name, and fails */
     .help = "dot: scale (q k); concat: weight sum tanh(scale (q + k))"},
    LS_ATTENTION_DROPOUT_OPTIONS,
    {.name = NULL},
};

static const struct ls_option additive_options[] = {
    {.name = "use_scale",
     .type = LS_OPTION_BOOL,
     .offset = offsetof(struct attention, use_scale),
     .initial = "true",
     .help = "the features of the scores have factors that are trained"},
    LS_ATTENTION_DROPOUT_OPTIONS,
    {.name = NULL},
};

extern const struct ls_layer_kind ls_layer_additive_attention;

static enum mode mode_of(const struct ls_layer *layer)
{
    const struct attention *o = layer->options;
    return layer->kind == &ls_layer_additive_attention ? ADDITIVE : (enum mode)o->score_mode;
}

/* -- shapes */

struct sizes {
    size_t queries, keys, width, value; /* width: of queries and keys; value: of values */
    size_t key;                         /* the input that is keys */
};

static struct sizes sizes_of(const struct ls_call_shapes *shapes)
{
    const struct ls_shape *in = shapes->in;
    return (struct sizes){(size_t)in[0].size[0], (size_t)in[1].size[0], (size_t)in[0].size[1],
                          (size_t)in[1].size[1], shapes->inputs - shapes->masks > 2 ? 2 : 1};
}

static ls_status shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                       struct ls_call_needs *needs)
{
    const struct ls_attention_arguments *arguments = shapes->arguments;
    const size_t inputs = shapes->inputs - shapes->masks;
    const struct ls_shape *in = shapes->in, *key = &in[inputs - 1];
    char text[3][LS_SHAPE_TEXT] = {"", "", ""};
    bool fits = true;
    for (size_t i = 0; i < inputs; i++) {
        ls_shape_format(text[i], &in[i]);
        fits &= in[i].rank == 2;
    }
    fits = fits && key->size[0] == in[1].size[0] && key->size[1] == in[0].size[1];
    if (!fits)
        return ls_layer_fail(layer,
                             "expected queries (None, positions, features), values (None, others, "
                             "any) and keys (None, others, features); found %s, %s%s%s",
                             text[0], text[1], inputs > 2 ? ", " : "", text[2]);
    const struct sizes s = sizes_of(shapes);
    shapes->outputs = arguments->return_attention_scores ? 2 : 1;
    shapes->out[0] = (struct ls_shape){2, {in[0].size[0], in[1].size[1]}};
    shapes->out[1] = (struct ls_shape){2, {in[0].size[0], in[1].size[0]}};
    LS_TRY(ls_layer_check_size(layer, &shapes->out[1]));
    LS_TRY(ls_layer_check_size(layer, &shapes->out[0]));
    needs->saved_floats_per_row = s.queries * s.keys;
    needs->work_floats = 3 * s.queries * s.keys + s.keys * s.width + s.queries * s.value;
    return LS_OK;
}

/* What a call works with, for one sample. */
struct scratch {
    float *dropped, *grad, *raw; /* [queries][keys] */
    float *tanh;                 /* [keys][width] */
    float *out;                  /* [queries][value] */
};

static struct scratch scratch_of(const struct ls_call *call, const struct sizes *s)
{
    const size_t scores = s->queries * s->keys;
    return (struct scratch){call->work, call->work + scores, call->work + 2 * scores,
                            call->work + 3 * scores, call->work + 3 * scores + s->keys * s->width};
}

/* -- weights */

static ls_status build(struct ls_layer *layer, const struct ls_call_shapes *shapes)
{
    extern const struct ls_initializer_kind ls_initializer_ones;
    static const struct ls_instance ones = {&ls_initializer_ones.kind, NULL};
    const struct attention *o = layer->options;
    struct ls_variable scale = {.name = "scale", .trainable = true, .initializer = &ones};
    if (mode_of(layer) == ADDITIVE) {
        scale.shape = (struct ls_shape){1, {shapes->in[0].size[1]}};
        scale.initializer = &ls_default_glorot_uniform;
    }
    if (o->use_scale)
        layer->variable[layer->variables++] = scale;
    if (mode_of(layer) == CONCAT)
        layer->variable[layer->variables++] = (struct ls_variable){
            .name = "concat_score_weight", .trainable = true, .initializer = &ones};
    return LS_OK;
}

/* Where the gradients of the weights go; NULL: not wanted. */
struct weight_gradients {
    float *inside, *whole, *feature;
};

static struct weight_gradients gradients_of(const struct ls_call *call)
{
    const struct attention *o = call->layer->options;
    const enum mode mode = mode_of(call->layer);
    struct weight_gradients grad = {NULL, NULL, NULL};
    float *scale = o->use_scale && call->weight_grad ? call->weight_grad[0] : NULL;
    if (mode == ADDITIVE)
        grad.feature = scale;
    else if (mode == CONCAT)
        grad.inside = scale;
    else
        grad.whole = scale;
    if (mode == CONCAT && call->weight_grad)
        grad.whole = call->weight_grad[o->use_scale ? 1 : 0];
    return grad;
}

static struct ls_scores scores_of(const struct ls_call *call, const struct sizes *s)
{
    const struct attention *o = call->layer->options;
    const enum mode mode = mode_of(call->layer);
    struct ls_scores scores = {.dot = mode == DOT,
                               .queries = s->queries,
                               .keys = s->keys,
                               .width = s->width,
                               .inside = 1,
                               .whole = 1,
                               .feature_grad = gradients_of(call).feature,
                               .tanh = scratch_of(call, s).tanh};
    if (o->use_scale && mode == ADDITIVE)
        scores.feature = call->weight[0];
    else if (o->use_scale && mode == CONCAT)
        scores.inside = *call->weight[0];
    else if (o->use_scale)
        scores.whole = *call->weight[0];
    if (mode == CONCAT)
        scores.whole = *call->weight[o->use_scale ? 1 : 0];
    return scores;
}

/* -- one sample */

struct sample {
    int64_t row;
    struct ls_scores scores;
    const float *value, *query_mask;
    float *weights; /* saved: after softmax */
    struct ls_hidden hidden;
};

static struct sample sample_of(const struct ls_call *call, const struct sizes *s, int64_t row)
{
    const struct ls_attention_arguments *arguments = call->shapes->arguments;
    const float *query = ls_call_mask(call, 0), *value = ls_call_mask(call, 1);
    const size_t r = (size_t)row;
    struct ls_scores scores = scores_of(call, s);
    struct ls_hidden hidden = {
        .axes = 2, .size = {s->queries, s->keys}, .causal = arguments->use_causal_mask};
    if (value)
        hidden.mask[hidden.masks++] = (struct ls_hiding){value + r * s->keys, {0, 1}};
    scores.query = call->in[0] + r * s->queries * s->width;
    scores.key = call->in[s->key] + r * s->keys * s->width;
    return (struct sample){
        .row = row,
        .scores = scores,
        .value = call->in[1] + r * s->keys * s->value,
        .query_mask = query ? query + r * s->queries : NULL,
        .weights = call->saved + r * s->queries * s->keys,
        .hidden = hidden,
    };
}

/* Where the mask of the queries is 0, their rows become 0. */
static void silence(const struct sizes *s, const struct sample *x, float *rows)
{
    for (size_t q = 0; x->query_mask && q < s->queries; q++)
        if (x->query_mask[q] == 0)
            ls_k->fill(rows + q * s->value, 0, s->value);
}

static const float *drop(const struct ls_call *call, const struct sizes *s, const struct sample *x)
{
    const struct attention *o = call->layer->options;
    const struct scratch scratch = scratch_of(call, s);
    if (!ls_weights_drop(call, &o->dropout))
        return x->weights;
    ls_weights_apply(call, &o->dropout, scratch.dropped, x->weights,
                     (struct ls_weights_of){x->row, s->queries * s->keys});
    return scratch.dropped;
}

static void forward_sample(const struct ls_call *call, const struct sizes *s,
                           const struct sample *x)
{
    const struct ls_activation softmax = ls_activation_default(LS_ACTIVATION_SOFTMAX);
    const size_t scores = s->queries * s->keys;
    float *out = call->out[0] + (size_t)x->row * s->queries * s->value;
    ls_scores_raw(&x->scores, x->weights);
    if (x->scores.whole != 1)
        ls_k->scale(x->weights, x->weights, x->scores.whole, scores);
    ls_hidden_set(&x->hidden, x->weights, -1e9F, true);
    ls_k->activate(x->weights, x->weights, &softmax, scores, s->keys);
    const float *weights = drop(call, s, x);
    if (call->shapes->outputs > 1)
        memcpy(call->out[1] + (size_t)x->row * scores, weights, scores * sizeof *weights);
    ls_gemm(&(struct ls_gemm){.m = (int64_t)s->queries,
                              .n = (int64_t)s->value,
                              .k = (int64_t)s->keys,
                              .a = weights,
                              .b = x->value,
                              .c = out});
    silence(s, x, out);
}

static void forward(const struct ls_call *call)
{
    const struct sizes s = sizes_of(call->shapes);
    for (int64_t row = 0; row < call->rows; row++) {
        const struct sample x = sample_of(call, &s, row);
        forward_sample(call, &s, &x);
    }
}

/* -- backward */

/* The gradient of the weights of the keys, and of the values. */
static void backward_weights(const struct ls_call *call, const struct sizes *s,
                             const struct sample *x, float *value_grad)
{
    const struct scratch scratch = scratch_of(call, s);
    const size_t scores = s->queries * s->keys, results = s->queries * s->value;
    ls_k->fill(scratch.out, 0, results);
    if (call->out_grad[0])
        memcpy(scratch.out, call->out_grad[0] + (size_t)x->row * results,
               results * sizeof *scratch.out);
    silence(s, x, scratch.out);
    if (value_grad)
        ls_gemm(&(struct ls_gemm){.transpose_a = true,
                                  .m = (int64_t)s->keys,
                                  .n = (int64_t)s->value,
                                  .k = (int64_t)s->queries,
                                  .a = drop(call, s, x),
                                  .b = scratch.out,
                                  .c = value_grad});
    ls_gemm(&(struct ls_gemm){.transpose_b = true,
                              .m = (int64_t)s->queries,
                              .n = (int64_t)s->keys,
                              .k = (int64_t)s->value,
                              .a = scratch.out,
                              .b = x->value,
                              .c = scratch.grad});
    if (call->shapes->outputs > 1 && call->out_grad[1])
        ls_k->add(scratch.grad, scratch.grad, call->out_grad[1] + (size_t)x->row * scores, scores);
}

/* From there to the gradient of the scores, and of their factor. */
static double backward_scores(const struct ls_call *call, const struct sizes *s,
                              const struct sample *x)
{
    const struct ls_activation softmax = ls_activation_default(LS_ACTIVATION_SOFTMAX);
    const struct attention *o = call->layer->options;
    const bool wanted = gradients_of(call).whole;
    const struct scratch scratch = scratch_of(call, s);
    const size_t scores = s->queries * s->keys;
    double whole = 0;
    if (ls_weights_drop(call, &o->dropout))
        ls_weights_apply(call, &o->dropout, scratch.grad, scratch.grad,
                         (struct ls_weights_of){x->row, scores});
    ls_k->activate_backward(scratch.grad, scratch.grad, x->weights, &softmax, scores, s->keys);
    if (wanted)
        ls_scores_raw(&x->scores, scratch.raw);
    for (size_t i = 0; wanted && i < scores; i++)
        whole += (double)scratch.grad[i] * (double)scratch.raw[i];
    ls_k->scale(scratch.grad, scratch.grad, x->scores.whole, scores);
    return whole;
}

static void set(float *grad, double sum, bool accumulate)
{
    if (grad)
        *grad = accumulate ? *grad + (float)sum : (float)sum;
}

static float *gradient_of(const struct ls_call *call, size_t input, int64_t row, size_t floats)
{
    return call->in_grad[input] ? call->in_grad[input] + (size_t)row * floats : NULL;
}

static void backward(const struct ls_call *call)
{
    const struct sizes s = sizes_of(call->shapes);
    const struct weight_gradients weight = gradients_of(call);
    double whole = 0, inside = 0;
    if (weight.feature && !call->accumulate)
        ls_k->fill(weight.feature, 0, s.width);
    for (int64_t row = 0; row < call->rows; row++) {
        const struct sample x = sample_of(call, &s, row);
        const struct ls_scores_gradients to = {gradient_of(call, 0, row, s.queries * s.width),
                                               gradient_of(call, s.key, row, s.keys * s.width),
                                               s.key == 1};
        backward_weights(call, &s, &x, gradient_of(call, 1, row, s.keys * s.value));
        whole += backward_scores(call, &s, &x);
        inside += ls_scores_backward(&x.scores, scratch_of(call, &s).grad, &to);
    }
    set(weight.whole, whole, call->accumulate);
    set(weight.inside, inside, call->accumulate);
}

static void flops(const struct ls_layer *layer, const struct ls_call_shapes *shapes,
                  struct ls_call_flops *flops)
{
    const struct sizes s = sizes_of(shapes);
    const double scores = 2.0 * (double)s.queries * (double)s.keys;
    const double dot = mode_of(layer) == DOT ? scores * (double)s.width : 0;
    *flops = (struct ls_call_flops){dot + scores * (double)s.value,
                                    2 * (dot + scores * (double)s.value), 0};
}

static const struct ls_layer_example examples[] = {
    {"{}", "[[3, 2], [4, 2]]", 1},
    {"use_scale: true, dropout: 0.3, seed: 4",
     "[{masked: [3, 2]}, {masked: [4, 3]}, [4, 2], {call: {return_attention_scores: true}}]", 1},
    {"score_mode: concat", "[[3, 2], [4, 2], {call: {use_causal_mask: true}}]", 1},
    {"score_mode: concat, use_scale: true, dropout: 1", "[[2, 3], {masked: [3, 1]}, [3, 3]]", 1},
    {"score_mode: concat, use_scale: true", "[[2, 3], [3, 1], [3, 3]]", 1},
    {0},
};

static const struct ls_layer_example additive_examples[] = {
    {"{}", "[[3, 2], [4, 2]]", 1},
    {"use_scale: false, dropout: 0.3, seed: 4",
     "[{masked: [3, 2]}, {masked: [4, 3]}, {masked: [4, 2]}, {call: {return_attention_scores: true}}]",
     1},
    {0},
};

#define LS_ATTENTION(id, class, help, table, shown)                                                \
    const struct ls_layer_kind id = {                                                              \
        .kind = {.name = class,                                                                    \
                 .summary = help,                                                                  \
                 .options = table,                                                                 \
                 .options_size = sizeof(struct attention)},                                        \
        .flags = LS_LAYER_READS_IN | LS_LAYER_READS_MASK | LS_LAYER_PASSES_MASK,                   \
        .least_inputs = 2,                                                                         \
        .most_inputs = 3,                                                                          \
        .arguments = &ls_attention_arguments,                                                      \
        .build = build,                                                                            \
        .shape = shape,                                                                            \
        .forward = forward,                                                                        \
        .backward = backward,                                                                      \
        .flops = flops,                                                                            \
        .examples = shown,                                                                         \
    };

LS_ATTENTION(ls_layer_attention, "Attention",
             "each query's sum of values, weighted by the product of query and keys", options,
             examples)
LS_ATTENTION(ls_layer_additive_attention, "AdditiveAttention",
             "each query's sum of values, weighted by the sum of query and keys", additive_options,
             additive_examples)
