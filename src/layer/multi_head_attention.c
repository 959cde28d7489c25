/* MultiHeadAttention (Vaswani et al., Attention is all you need, NeurIPS 2017): query, key and
 * value are projected to `num_heads` heads; in each head the weights of the keys are softmax(q k^T
 * / sqrt(key_dim)), the values' sum by these weights is the head's result, and all heads together
 * are projected to the output. heads.c computes it. */
#include "layer/heads.h"

static const char *const input_names[] = {"query", "value", "key", "attention_mask", NULL};
static const char *const never[] = {"false", NULL};

static const struct ls_option options[] = {
    {.name = "num_heads",
     .type = LS_OPTION_INT,
     .offset = offsetof(struct ls_heads_options, num_heads),
     .min = 1,
     .max = 65536,
     .help = "number of heads"},
    {.name = "key_dim",
     .type = LS_OPTION_INT,
     .offset = offsetof(struct ls_heads_options, key_dim),
     .min = 1,
     .max = INT32_MAX,
     .help = "size of a head's queries and keys"},
    {.name = "value_dim",
     .type = LS_OPTION_INT,
     .offset = offsetof(struct ls_heads_options, value_dim),
     .initial = "null",
     .min = 1,
     .max = INT32_MAX,
     .help = "size of a head's values; null: key_dim"},
    {.name = "dropout",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct ls_heads_options, dropout.rate),
     .initial = "0.0",
     .min = 0,
     .max = 1,
     .help = "part of the weights of the keys that is dropped while training"},
    LS_USE_BIAS_OPTION(struct ls_heads_options),
    {.name = "output_shape",
     .type = LS_OPTION_INTS,
     .offset = offsetof(struct ls_heads_options, output_shape),
     .initial = "null",
     .min = 1,
     .max = INT32_MAX,
     .help = "last axes of the output; null: as the query's last axis"},
    {.name = "attention_axes",
     .type = LS_OPTION_INTS,
     .offset = offsetof(struct ls_heads_options, attention_axes),
     .initial = "null",
     .help = "null, or all axes but the samples' and the last, over which it attends"},
    {.name = "sliding_window",
     .type = LS_OPTION_INT,
     .offset = offsetof(struct ls_heads_options, sliding_window),
     .initial = "null",
     .min = 1,
     .max = INT32_MAX,
     .unwritten = true,
     .help = "a query sees keys whose places are less far away; null: all"},
    {.name = "flash_attention",
     .type = LS_OPTION_CHOICE,
     .offset = offsetof(struct ls_heads_options, flash_attention),
     .initial = "null",
     .choices = never,
     .unwritten = true,
     .help = "null or false: it is a way of GPUs"},
    LS_INITIALIZER_OPTION("kernel", struct ls_heads_options, kernel, "GlorotUniform"),
    LS_INITIALIZER_OPTION("bias", struct ls_heads_options, bias, "Zeros"),
    LS_REGULARIZER_OPTION("kernel", struct ls_heads_options, kernel),
    LS_REGULARIZER_OPTION("bias", struct ls_heads_options, bias),
    {.name = "activity_regularizer",
     .type = LS_OPTION_KIND,
     .offset = offsetof(struct ls_heads_options, activity_regularizer),
     .initial = "null",
     .registry = &ls_regularizers,
     .refused = "is not supported: it would be on each of the four projections",
     .help = "null: a penalty on the projections is not supported"},
    LS_CONSTRAINT_OPTION("kernel", struct ls_heads_options, kernel),
    LS_CONSTRAINT_OPTION("bias", struct ls_heads_options, bias),
    {.name = "use_gate",
     .type = LS_OPTION_BOOL,
     .offset = offsetof(struct ls_heads_options, use_gate),
     .initial = "false",
     .refused = "is not supported: the heads' results are not gated",
     .unwritten = true,
     .help = "false: the heads' results are not gated"},
    {.name = "seed",
     .type = LS_OPTION_INT,
     .offset = offsetof(struct ls_heads_options, dropout.seed),
     .initial = "null",
     .unwritten = true,
     .help = "of the dropout's random numbers; null: the run's"},
    {.name = NULL},
};

/* -- shapes */

static ls_status check_axes(const struct ls_layer *layer, int axes)
{
    const struct ls_heads_options *o = layer->options;
    bool all = o->attention_axes.count == (size_t)axes;
    for (size_t i = 0; all && i < o->attention_axes.count; i++) {
        int64_t axis = o->attention_axes.value[i];
        all = (axis < 0 ? axis + axes + 2 : axis) == (int64_t)i + 1;
    }
    return all || o->attention_axes.count == 0
               ? LS_OK
               : ls_layer_fail(layer,
                               "attention_axes: it attends over all axes but the samples' and the "
                               "last: null, or 1 to %d",
                               axes);
}

static ls_status check_inputs(const struct ls_layer *layer, const struct ls_call_shapes *shapes)
{
    const struct ls_shape *query = &shapes->in[ls_call_input(shapes, LS_HEADS_QUERY)];
    const struct ls_shape *value = &shapes->in[ls_call_input(shapes, LS_HEADS_VALUE)];
    const struct ls_shape *key = &shapes->in[ls_heads_key(shapes)];
    char q[LS_SHAPE_TEXT], v[LS_SHAPE_TEXT], k[LS_SHAPE_TEXT];
    ls_shape_format(q, query);
    ls_shape_format(v, value);
    ls_shape_format(k, key);
    if (query->rank < 2 || query->rank != value->rank)
        return ls_layer_fail(layer,
                             "query and value need as many axes, two or more beside the samples; "
                             "they are %s and %s",
                             q, v);
    bool same = key->rank == value->rank;
    for (int i = 0; same && i < key->rank - 1; i++)
        same = key->size[i] == value->size[i];
    if (!same)
        return ls_layer_fail(layer, "key and value differ in more than the last axis: %s and %s", k,
                             v);
    return check_axes(layer, query->rank - 1);
}

/* The mask that is an input: [queries][keys] or [heads][queries][keys], each of them or 1. */
static ls_status check_mask(const struct ls_layer *layer, const struct ls_call_shapes *shapes)
{
    const struct ls_heads_options *o = layer->options;
    size_t input = ls_call_input(shapes, LS_HEADS_MASK);
    const struct ls_shape *query = &shapes->in[ls_call_input(shapes, LS_HEADS_QUERY)];
    const struct ls_shape *value = &shapes->in[ls_call_input(shapes, LS_HEADS_VALUE)];
    const struct ls_attention_arguments *arguments = shapes->arguments;
    char text[LS_SHAPE_TEXT];
    if (query->rank != 2 && (input != SIZE_MAX || shapes->masks > 0 || arguments->use_causal_mask ||
                             o->sliding_window != LS_NULL_INT))
        return ls_layer_fail(layer, "masks, causal ones and windows need queries with one axis of "
                                    "positions, of (None, positions, features)");
    if (input == SIZE_MAX)
        return LS_OK;
    const struct ls_shape *mask = &shapes->in[input];
    const int64_t wanted[] = {o->num_heads, query->size[0], value->size[0]};
    bool fits = mask->rank == 2 || mask->rank == 3;
    for (int i = 0; fits && i < mask->rank; i++) {
        int64_t size = mask->size[mask->rank - 1 - i];
        fits = size == 1 || size == wanted[2 - i];
    }
    ls_shape_format(text, mask);
    return fits ? LS_OK
                : ls_layer_fail(layer,
                                "attention_mask is (None, %lld, %lld), or has an axis for %lld "
                                "heads before these; it is %s",
                                (long long)wanted[1], (long long)wanted[2], (long long)wanted[0],
                                text);
}

static ls_status set_results(const struct ls_layer *layer, struct ls_call_shapes *shapes)
{
    const struct ls_heads_options *o = layer->options;
    const struct ls_attention_arguments *arguments = shapes->arguments;
    const struct ls_shape *query = &shapes->in[ls_call_input(shapes, LS_HEADS_QUERY)];
    const struct ls_shape *value = &shapes->in[ls_call_input(shapes, LS_HEADS_VALUE)];
    const int axes = query->rank - 1;
    struct ls_shape *out = &shapes->out[0], *scores = &shapes->out[1];
    const size_t last = o->output_shape.count ? o->output_shape.count : 1;
    if (axes + (int)last > LS_RANK_MAX || 1 + 2 * axes > LS_RANK_MAX)
        return ls_layer_fail(layer, "its results have more than %d axes beside the samples",
                             LS_RANK_MAX);
    *out = *query;
    for (size_t i = 0; i < o->output_shape.count; i++)
        out->size[axes + (int)i] = o->output_shape.value[i];
    out->rank = axes + (int)last;
    *scores = (struct ls_shape){1 + 2 * axes, {o->num_heads}};
    for (int i = 0; i < axes; i++) {
        scores->size[1 + i] = query->size[i];
        scores->size[1 + axes + i] = value->size[i];
    }
    shapes->outputs = arguments->return_attention_scores ? 2 : 1;
    LS_TRY(ls_layer_check_size(layer, scores));
    return ls_layer_check_size(layer, out);
}

static ls_status shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                       struct ls_call_needs *needs)
{
    LS_TRY(check_inputs(layer, shapes));
    LS_TRY(check_mask(layer, shapes));
    LS_TRY(set_results(layer, shapes));
    ls_heads_needs(layer, shapes, needs);
    return LS_OK;
}

/* -- variables */

/* What Keras calls the weights of the projections, and the layers that have them. */
static const struct {
    const char *kernel, *bias, *group;
} names[LS_PROJECTIONS] = {
    {"query/kernel", "query/bias", "query_dense"},
    {"key/kernel", "key/bias", "key_dense"},
    {"value/kernel", "value/bias", "value_dense"},
    {"attention_output/kernel", "attention_output/bias", "output_dense"},
};

static void declare(struct ls_layer *layer, size_t projection, const struct ls_shape shape[2],
                    size_t inputs)
{
    const struct ls_heads_options *o = layer->options;
    const size_t first = layer->variables;
    ls_layer_declare(layer, names[projection].kernel, shape[0], &o->kernel);
    layer->variable[first].inputs = (uint8_t)inputs;
    if (o->use_bias)
        ls_layer_declare(layer, names[projection].bias, shape[1], &o->bias);
    for (size_t v = first; v < layer->variables; v++)
        layer->variable[v].group = names[projection].group;
}

static ls_status build(struct ls_layer *layer, const struct ls_call_shapes *shapes)
{
    const struct ls_heads_options *o = layer->options;
    const struct ls_heads_sizes s = ls_heads_sizes(layer, shapes);
    const int64_t heads = o->num_heads;
    for (size_t p = 0; p < LS_HEADS_OUTPUT; p++) {
        const int64_t dim = (int64_t)(p == LS_HEADS_TO_VALUE ? s.value_dim : s.key_dim);
        declare(
            layer, p,
            (const struct ls_shape[]){{3, {(int64_t)s.width[p], heads, dim}}, {2, {heads, dim}}},
            1);
    }
    struct ls_shape out[2] = {{2, {heads, (int64_t)s.value_dim}}, {0}};
    const struct ls_shape *result = &shapes->out[0];
    const int axes = shapes->in[ls_call_input(shapes, LS_HEADS_QUERY)].rank - 1;
    for (int i = axes; i < result->rank; i++) {
        out[0].size[out[0].rank++] = result->size[i];
        out[1].size[out[1].rank++] = result->size[i];
    }
    declare(layer, LS_HEADS_OUTPUT, out, 2);
    return LS_OK;
}

static void flops(const struct ls_layer *layer, const struct ls_call_shapes *shapes,
                  struct ls_call_flops *flops)
{
    const struct ls_heads_sizes s = ls_heads_sizes(layer, shapes);
    double projections = 0, products = 2.0 * (double)s.scores * (double)(s.key_dim + s.value_dim);
    for (size_t p = 0; p < LS_PROJECTIONS; p++)
        projections += 2.0 * (double)s.places[p] * (double)s.width[p] * (double)s.columns[p];
    *flops =
        (struct ls_call_flops){projections + products, projections + 2 * products, projections};
}

/* -- Keras' configs */

static void remove_key(struct ls_tree *config, const char *key)
{
    struct ls_tree *entry = (struct ls_tree *)ls_tree_find(config, key);
    if (entry)
        ls_tree_remove(entry); /* config's own */
}

/* Keras 2 writes the shapes for which it was built. */
static ls_status read(struct ls_tree *config)
{
    remove_key(config, "query_shape");
    remove_key(config, "key_shape");
    remove_key(config, "value_shape");
    return LS_OK;
}

/* Keras keeps no flash_attention. */
static ls_status write(const struct ls_layer *layer, struct ls_tree *config)
{
    (void)layer;
    remove_key(config, "flash_attention");
    return LS_OK;
}

static const struct ls_layer_example examples[] = {
    {"num_heads: 2, key_dim: 3", "[[4, 5], [4, 5]]", 1},
    {"num_heads: 1, key_dim: 2, value_dim: 3, use_bias: false, flash_attention: false",
     "[[3, 2], [5, 4], [5, 3]]", 1},
    {"num_heads: 2, key_dim: 2, output_shape: 3, dropout: 0.4, seed: 3, kernel_regularizer: l2, "
     "bias_regularizer: l1",
     "[[3, 2], [4, 2], {call: {use_causal_mask: true, return_attention_scores: true}}]", 1},
    {"num_heads: 2, key_dim: 2, output_shape: [2, 3], attention_axes: [1], kernel_initializer: "
     "he_normal, bias_initializer: ones, activity_regularizer: null, kernel_constraint: null, "
     "bias_constraint: null, use_gate: false",
     "[{masked: [3, 2]}, {masked: [4, 2]}, {masked: [4, 3]}]", 1},
    {"num_heads: 2, key_dim: 2, dropout: 0.2, sliding_window: 2",
     "[{masked: [4, 2]}, [4, 2], {attention_mask: [4, 4]}, {call: {use_causal_mask: true}}]", 1},
    {"num_heads: 2, key_dim: 2, attention_axes: [1, -2], dropout: 1", "[[2, 2, 3], [3, 1, 3]]", 1},
    {"num_heads: 1, key_dim: 2",
     "[[3, 2], {key: [4, 2]}, {value: [4, 2]}, {call: {return_attention_scores: true}}]", 1},
    {0},
};

const struct ls_layer_kind ls_layer_multi_head_attention = {
    .kind = {.name = "MultiHeadAttention",
             .summary = "each query's sum of values, weighted by how keys fit it, in several heads",
             .options = options,
             .options_size = sizeof(struct ls_heads_options)},
    .flags = LS_LAYER_READS_IN | LS_LAYER_READS_MASK | LS_LAYER_PASSES_MASK,
    .least_inputs = 2,
    .most_inputs = 3,
    .input_names = input_names,
    .arguments = &ls_attention_arguments,
    .build = build,
    .shape = shape,
    .forward = ls_heads_forward,
    .backward = ls_heads_backward,
    .flops = flops,
    .read = read,
    .write = write,
    .examples = examples,
};
