/* MultiHeadAttention (Vaswani et al., Attention is all you need, NeurIPS 2017): query, key and
 * value are projected to `num_heads` heads; in each head the weights of the keys are softmax(q k^T
 * / sqrt(key_dim)), the values' sum by these weights is the head's result, and all heads together
 * are projected to the output. With a gate (Qiu et al., Gated Attention for Large Language Models,
 * 2025) the heads' results are first multiplied by sigmoid of a projection of the query. heads.c
 * computes it. */
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
     .help = "over which it attends, from 1, the first behind the samples; null: all positions"},
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
     .help = "penalty on what each projection gives, divided by the batch size"},
    LS_CONSTRAINT_OPTION("kernel", struct ls_heads_options, kernel),
    LS_CONSTRAINT_OPTION("bias", struct ls_heads_options, bias),
    {.name = "use_gate",
     .type = LS_OPTION_BOOL,
     .offset = offsetof(struct ls_heads_options, use_gate),
     .initial = "false",
     .unwritten = true, /* for a Keras older than the gate */
     .help = "the heads' results are multiplied by sigmoid of a projection of the query"},
    {.name = "seed",
     .type = LS_OPTION_INT,
     .offset = offsetof(struct ls_heads_options, dropout.seed),
     .initial = "null",
     .unwritten = true,
     .help = "of the dropout's random numbers; null: the run's"},
    {.name = NULL},
};

/* -- variables */

/* What Keras calls the weights of the projections, and the attributes that hold the layers that
 * have them: the gate's is a private one. */
static const struct {
    const char *kernel, *bias, *group;
} names[LS_PROJECTIONS] = {
    {"query/kernel", "query/bias", "query_dense"},
    {"key/kernel", "key/bias", "key_dense"},
    {"gate/kernel", "gate/bias", "_gate_dense"},
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

static bool ignores_axes(const struct ls_layer *layer, const struct ls_call_shapes *shapes)
{
    const struct ls_ints *axes = &((const struct ls_heads_options *)layer->options)->attention_axes;
    const bool first = axes->count == 1 && (axes->value[0] == 1 || axes->value[0] == -2);
    return axes->count > 0 && !first && ls_heads_fused(layer, shapes);
}

static ls_status build(struct ls_layer *layer, const struct ls_call_shapes *shapes)
{
    const struct ls_heads_options *o = layer->options;
    const struct ls_heads_sizes s = ls_heads_sizes(layer, shapes);
    const int64_t heads = o->num_heads;
    for (size_t p = 0; p < LS_HEADS_OUTPUT; p++) {
        const int64_t dim = (int64_t)(s.columns[p] / s.heads);
        if (dim > 0)
            declare(layer, p,
                    (const struct ls_shape[]){{3, {(int64_t)s.width[p], heads, dim}},
                                              {2, {heads, dim}}},
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
    layer->activity_regularizer = o->activity_regularizer.kind ? &o->activity_regularizer : NULL;
    if (ignores_axes(layer, shapes))
        ls_warn("layer '%s' (MultiHeadAttention): attention_axes does nothing, as in Keras, where "
                "there is one axis of positions and the weights are neither dropped nor returned",
                layer->name);
    return LS_OK;
}

static unsigned flags_of(const struct ls_layer *layer)
{
    return LS_LAYER_READS_IN | LS_LAYER_READS_MASK | LS_LAYER_PASSES_MASK |
           (layer->activity_regularizer ? LS_LAYER_READS_OUT : 0);
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
    {"num_heads: 2, key_dim: 2, value_dim: 3, use_gate: true, activity_regularizer: {L2: {l2: "
     "0.3}}",
     "[[3, 2], [4, 2]]", 1},
    {"num_heads: 2, key_dim: 3, use_gate: true, use_bias: false, activity_regularizer: l2, dropout: "
     "0.3, attention_axes: 2",
     "[[2, 3, 2], [2, 4, 3], {call: {return_attention_scores: true}}]", 1},
    {"num_heads: 2, key_dim: 2, attention_axes: [-2, 1], output_shape: [2, 2], use_gate: true",
     "[[2, 3, 2, 2], [3, 3, 4, 2], {attention_mask: [3, 2, 2, 4, 3]}]", 1},
    {"num_heads: 2, key_dim: 2, attention_axes: 2, sliding_window: 2, activity_regularizer: l2",
     "[{masked: [2, 2, 2]}, {masked: [2, 2, 3]}]", 1},
    {"num_heads: 3, key_dim: 2, dropout: 0.2, attention_axes: [-1]",
     "[{masked: [3, 2]}, [3, 2], {attention_mask: [3, 3]}]", 1},
    {0},
};

const struct ls_layer_kind ls_layer_multi_head_attention = {
    .kind = {.name = "MultiHeadAttention",
             .summary = "each query's sum of values, weighted by how keys fit it, in several heads",
             .options = options,
             .options_size = sizeof(struct ls_heads_options)},
    .flags = LS_LAYER_READS_IN | LS_LAYER_READS_OUT | LS_LAYER_READS_MASK | LS_LAYER_PASSES_MASK,
    .flags_of = flags_of,
    .least_inputs = 2,
    .most_inputs = 3,
    .input_names = input_names,
    .arguments = &ls_attention_arguments,
    .build = build,
    .shape = ls_heads_shape,
    .forward = ls_heads_forward,
    .backward = ls_heads_backward,
    .penalty = ls_heads_penalty,
    .flops = flops,
    .read = read,
    .write = write,
    .examples = examples,
};
