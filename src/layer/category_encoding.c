/* CategoryEncoding: whole numbers as vectors of as many elements as there are categories. They are
 * checked when they are read from the data; one that a layer before made and that is none of the
 * categories' counts for nothing, as in Keras' one_hot. NaN makes its whole vector NaN (Keras takes
 * it for whatever number the processor makes of it). */
#include <math.h>

#include "kernel/kernels.h"
#include "layer/call.h"
#include "layer/options.h"

enum { ONE_HOT, MULTI_HOT, COUNT };
static const char *const output_modes[] = {"one_hot", "multi_hot", "count", NULL};

struct category_encoding {
    int64_t num_tokens;
    int output_mode;
    bool sparse;
};

static const struct ls_option options[] = {
    {.name = "num_tokens",
     .type = LS_OPTION_INT,
     .offset = offsetof(struct category_encoding, num_tokens),
     .min = 1,
     .max = LS_INTEGERS_MAX,
     .help = "how many categories there are: the input's whole numbers are below it"},
    {.name = "output_mode",
     .type = LS_OPTION_CHOICE,
     .offset = offsetof(struct category_encoding, output_mode),
     .initial = "multi_hot",
     .choices = output_modes,
     .help = "a vector a number, or of all numbers of a sample: which there are, or how often"},
    {.name = "sparse",
     .type = LS_OPTION_BOOL,
     .offset = offsetof(struct category_encoding, sparse),
     .initial = "false",
     .refused = "is not supported: results are dense",
     .unwritten = true,
     .help = "false: results are dense"},
    {.name = NULL},
};

/* A call's inputs, by name. */
enum { INPUTS, COUNT_WEIGHTS, NAMES };
static const char *const input_names[] = {"inputs", "count_weights", NULL};

/* Where a call has its inputs of each name; SIZE_MAX: it has none. */
static void find_inputs(size_t found[NAMES], const struct ls_call_shapes *shapes)
{
    found[INPUTS] = found[COUNT_WEIGHTS] = SIZE_MAX;
    for (size_t i = 0; i < shapes->inputs; i++)
        found[shapes->name_of[i]] = i;
}

static ls_status check_weights(const struct ls_layer *layer, const struct ls_shape *in,
                               const struct ls_shape *weights)
{
    const struct category_encoding *o = layer->options;
    char wanted[LS_SHAPE_TEXT], given[LS_SHAPE_TEXT];
    ls_shape_format(wanted, in);
    ls_shape_format(given, weights);
    if (o->output_mode != COUNT)
        return ls_layer_fail(layer, "count_weights are for output_mode count only, it is %s",
                             output_modes[o->output_mode]);
    if (!ls_shape_equal(in, weights))
        return ls_layer_fail(layer, "count_weights %s do not have the shape of the input, %s",
                             given, wanted);
    return LS_OK;
}

static ls_status shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                       struct ls_call_needs *needs)
{
    const struct category_encoding *o = layer->options;
    size_t input[NAMES];
    char text[LS_SHAPE_TEXT];
    (void)needs;
    find_inputs(input, shapes);
    const struct ls_shape *in = &shapes->in[input[INPUTS]];
    if (input[COUNT_WEIGHTS] != SIZE_MAX)
        LS_TRY(check_weights(layer, in, &shapes->in[input[COUNT_WEIGHTS]]));
    ls_shape_format(text, in);
    if (o->output_mode != ONE_HOT && in->rank != 1)
        return ls_layer_fail(layer,
                             "output_mode %s needs one axis beside the samples, the input is %s",
                             output_modes[o->output_mode], text);
    shapes->outputs = 1;
    shapes->out[0] = *in;
    if (o->output_mode == ONE_HOT && ls_last_axis(in) == 1 && in->rank > 0)
        shapes->out[0].rank--; /* as of a column of a table */
    else if (o->output_mode != ONE_HOT)
        shapes->out[0].rank = 0;
    if (shapes->out[0].rank == LS_RANK_MAX)
        return ls_layer_fail(layer, "the input has %d axes beside the samples, at most %d fit",
                             in->rank, LS_RANK_MAX - 1);
    shapes->out[0].size[shapes->out[0].rank++] = o->num_tokens;
    return ls_layer_check_size(layer, &shapes->out[0]);
}

static unsigned flags_of(const struct ls_layer *layer)
{
    const struct category_encoding *o = layer->options;
    return o->output_mode == COUNT ? LS_LAYER_READS_IN : 0; /* for the gradient of the weights */
}

static int64_t integers(const struct ls_layer *layer, size_t input)
{
    const struct category_encoding *o = layer->options;
    return input == INPUTS ? o->num_tokens : 0;
}

/* A number's category, or SIZE_MAX. Keras cuts what stands behind the point. */
static size_t category_of(const struct category_encoding *o, float number)
{
    return number > -1 && number < (float)o->num_tokens ? (size_t)number : SIZE_MAX;
}

/* Numbers that share one vector. */
static size_t together(const struct ls_call *call, size_t input)
{
    const struct category_encoding *o = call->layer->options;
    return o->output_mode == ONE_HOT ? 1 : (size_t)ls_shape_count(&call->shapes->in[input]);
}

static void mark(const struct category_encoding *o, float *vector, float number, float weight)
{
    const size_t category = category_of(o, number);
    if (isnan(number))
        ls_k->fill(vector, NAN, (size_t)o->num_tokens);
    else if (category != SIZE_MAX)
        vector[category] += o->output_mode == COUNT ? weight : 1 - vector[category]; /* or NaN */
}

static void forward(const struct ls_call *call)
{
    const struct category_encoding *o = call->layer->options;
    size_t input[NAMES], tokens = (size_t)o->num_tokens, n = ls_call_elements(call);
    find_inputs(input, call->shapes);
    const size_t each = together(call, input[INPUTS]);
    const float *weight = input[COUNT_WEIGHTS] != SIZE_MAX ? call->in[input[COUNT_WEIGHTS]] : NULL;
    ls_k->fill(call->out[0], 0, n / each * tokens);
    for (size_t i = 0; i < n; i++)
        mark(o, call->out[0] + i / each * tokens, call->in[input[INPUTS]][i],
             weight ? weight[i] : 1);
}

/* Steps have no slope; the result is linear in the weights. */
static void backward(const struct ls_call *call)
{
    const struct category_encoding *o = call->layer->options;
    size_t input[NAMES], n = ls_call_elements(call);
    find_inputs(input, call->shapes);
    const size_t each = together(call, input[INPUTS]);
    float *weight_grad =
        input[COUNT_WEIGHTS] != SIZE_MAX ? call->in_grad[input[COUNT_WEIGHTS]] : NULL;
    if (call->in_grad[input[INPUTS]])
        ls_k->fill(call->in_grad[input[INPUTS]], 0, n);
    for (size_t i = 0; weight_grad && i < n; i++) {
        size_t category = category_of(o, call->in[input[INPUTS]][i]);
        weight_grad[i] = category == SIZE_MAX
                             ? 0
                             : call->out_grad[0][i / each * (size_t)o->num_tokens + category];
    }
}

static const struct ls_layer_example examples[] = {
    {"num_tokens: 4, output_mode: one_hot", "[3]", 5},
    {"num_tokens: 4, output_mode: one_hot, sparse: false", "[2, 1]", 5},
    {"num_tokens: 3, output_mode: one_hot", "[]", 3},
    {"num_tokens: 4", "[5]", 5},
    {"num_tokens: 4, output_mode: count", "[5]", 5},
    {"num_tokens: 4, output_mode: count", "[[5], [5]]", 5},
    {"num_tokens: 3, output_mode: count", "[[5], {count_weights: [5]}]", 3},
    {0},
};

const struct ls_layer_kind ls_layer_category_encoding = {
    .kind = {.name = "CategoryEncoding",
             .summary = "whole numbers as vectors with an element for each category",
             .options = options,
             .options_size = sizeof(struct category_encoding)},
    .flags = LS_LAYER_READS_IN,
    .flags_of = flags_of,
    .least_inputs = 1,
    .most_inputs = 2,
    .integers = integers,
    .input_names = input_names,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .examples = examples,
};
