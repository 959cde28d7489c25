/* Embedding: the row of a table for each whole number of the input. The numbers are checked when
 * they are read from the data; one that a layer before made and that is none of the table's gives
 * NaN, which the training finds, and never touches memory outside the table. */
#include <string.h>

#include "kernel/kernels.h"
#include "layer/call.h"
#include "layer/options.h"

struct embedding {
    int64_t input_dim, output_dim;
    struct ls_weight_options embeddings;
    struct ls_instance activity_regularizer;
    bool mask_zero;
    struct ls_ints input_length;
    int64_t lora_rank, lora_alpha;
    char *quantization_config;
};

static const struct ls_option options[] = {
    {.name = "input_dim",
     .type = LS_OPTION_INT,
     .offset = offsetof(struct embedding, input_dim),
     .min = 1,
     .max = LS_INTEGERS_MAX,
     .help = "rows of the table: the input's whole numbers are below it (up to 2^24, as float32 "
             "holds them exactly)"},
    {.name = "output_dim",
     .type = LS_OPTION_INT,
     .offset = offsetof(struct embedding, output_dim),
     .min = 1,
     .max = INT32_MAX,
     .help = "length of a row: the output's last axis"},
    LS_INITIALIZER_OPTION("embeddings", struct embedding, embeddings, "RandomUniform"),
    LS_REGULARIZER_OPTION("embeddings", struct embedding, embeddings),
    LS_ACTIVITY_REGULARIZER_OPTION(struct embedding),
    LS_CONSTRAINT_OPTION("embeddings", struct embedding, embeddings),
    {.name = "mask_zero",
     .type = LS_OPTION_BOOL,
     .offset = offsetof(struct embedding, mask_zero),
     .initial = "false",
     .help = "0 is no word: positions that hold it are masked"},
    {.name = "input_length",
     .type = LS_OPTION_INTS,
     .offset = offsetof(struct embedding, input_length),
     .initial = "null",
     .unwritten = true,
     .help = "what Keras 2 wrote: the input's own shape says it"},
    {.name = "lora_rank",
     .type = LS_OPTION_INT,
     .offset = offsetof(struct embedding, lora_rank),
     .initial = "null",
     .refused = "is not supported: the table itself is trained",
     .unwritten = true,
     .help = "null: the table itself is trained"},
    {.name = "lora_alpha",
     .type = LS_OPTION_INT,
     .offset = offsetof(struct embedding, lora_alpha),
     .initial = "null",
     .refused = "is not supported: the table itself is trained",
     .unwritten = true,
     .help = "null: the table itself is trained"},
    LS_QUANTIZATION_OPTION(struct embedding),
    {.name = NULL},
};

static ls_status shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                       struct ls_call_needs *needs)
{
    const struct embedding *o = layer->options;
    const struct ls_shape *in = &shapes->in[0];
    (void)needs;
    if (in->rank == LS_RANK_MAX)
        return ls_layer_fail(layer, "the input has %d axes beside the samples, at most %d fit",
                             in->rank, LS_RANK_MAX - 1);
    shapes->outputs = o->mask_zero ? 2 : 1;
    shapes->out[0] = *in;
    shapes->out[0].size[shapes->out[0].rank++] = o->output_dim;
    shapes->out[1] = *in;
    return LS_OK;
}

static ls_status build(struct ls_layer *layer, const struct ls_call_shapes *shapes)
{
    const struct embedding *o = layer->options;
    (void)shapes;
    ls_layer_declare(layer, "embeddings", (struct ls_shape){2, {o->input_dim, o->output_dim}},
                     &o->embeddings);
    layer->activity_regularizer = o->activity_regularizer.kind ? &o->activity_regularizer : NULL;
    return LS_OK;
}

static unsigned flags_of(const struct ls_layer *layer)
{
    const struct embedding *o = layer->options;
    return LS_LAYER_READS_IN | (o->mask_zero ? LS_LAYER_MAKES_MASK : 0);
}

/* Where the row of a number begins in the table; SIZE_MAX: it has none. Keras cuts what stands
 * behind the point. */
static size_t row_of(const struct embedding *o, float number)
{
    return number > -1 && number < (float)o->input_dim ? (size_t)number * (size_t)o->output_dim
                                                       : SIZE_MAX;
}

/* Keras 3 knows input_length as something to remove. */
static ls_status write(const struct ls_layer *layer, struct ls_tree *config)
{
    struct ls_tree *length = (struct ls_tree *)ls_tree_find(config, "input_length");
    (void)layer;
    if (length)
        ls_tree_remove(length); /* config's own */
    return LS_OK;
}

static int64_t integers(const struct ls_layer *layer, size_t input)
{
    const struct embedding *o = layer->options;
    (void)input;
    return o->input_dim;
}

static void forward(const struct ls_call *call)
{
    const struct embedding *o = call->layer->options;
    const float *in = call->in[0], *table = call->weight[0];
    size_t n = ls_call_elements(call), columns = (size_t)o->output_dim;
    for (size_t p = 0; p < n; p++) {
        size_t row = row_of(o, in[p]);
        if (row == SIZE_MAX)
            ls_k->fill(call->out[0] + p * columns, NAN, columns);
        else
            memcpy(call->out[0] + p * columns, table + row, columns * sizeof *table);
    }
    for (size_t p = 0; o->mask_zero && p < n; p++)
        call->out[1][p] = row_of(o, in[p]) != 0 ? 1 : 0;
}

/* The combine adds the gradients of whole tables, so that the rows that no sample has are 0, which
 * is one pass over memory that the update goes over several times. Rows are added in the order of
 * samples and positions. */
static void backward(const struct ls_call *call)
{
    const struct embedding *o = call->layer->options;
    const float *in = call->in[0], *grad = call->out_grad[0];
    float *table = call->weight_grad[0];
    size_t n = ls_call_elements(call), columns = (size_t)o->output_dim;
    if (call->in_grad[0])
        ls_k->fill(call->in_grad[0], 0, n);
    if (table && !call->accumulate)
        ls_k->fill(table, 0, (size_t)o->input_dim * columns);
    for (size_t p = 0; table && p < n; p++) {
        size_t row = row_of(o, in[p]);
        if (row != SIZE_MAX)
            ls_k->add(table + row, table + row, grad + p * columns, columns);
    }
}

static const struct ls_layer_example examples[] = {
    {"input_dim: 7, output_dim: 3", "[4]", 1},
    {"input_dim: 3, output_dim: 2, mask_zero: true, embeddings_regularizer: {L2: {l2: 0.1}}",
     "[2, 3]", 1},
    {"input_dim: 1, output_dim: 2, embeddings_initializer: ones, embeddings_constraint: null, "
     "activity_regularizer: l1, input_length: 4, lora_rank: null, lora_alpha: null, "
     "quantization_config: null",
     "[]", 1},
    {"input_dim: 20, output_dim: 1, embeddings_initializer: null, input_length: [2]", "[2]", 1},
    {0},
};

const struct ls_layer_kind ls_layer_embedding = {
    .kind = {.name = "Embedding",
             .summary = "a row of a table for each whole number: words as vectors",
             .options = options,
             .options_size = sizeof(struct embedding)},
    .flags = LS_LAYER_READS_IN | LS_LAYER_MAKES_MASK,
    .flags_of = flags_of,
    .integers = integers,
    .write = write,
    .build = build,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .examples = examples,
};
