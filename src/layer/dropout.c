/* Dropout (Srivastava et al., JMLR 15, 2014), SpatialDropout1D and 2D (Tompson et al., CVPR 2015)
 * and AlphaDropout (Klambauer et al., Self-Normalizing Neural Networks, NIPS 2017).
 *
 * Whether an element is dropped is a function of (seed, layer call, epoch, sample, element) alone,
 * whatever else the call computes: call and sample and element are words of Philox' counter, the
 * epoch is added into a word of its key (a different key for every epoch of one seed). The backward
 * pass draws the same numbers again, so that nothing is saved. Where one number stands for several
 * elements (noise_shape, channels) a sample's numbers are drawn first, as factors. */
#include <math.h>
#include <string.h>

#include "kernel/kernels.h"
#include "layer/call.h"
#include "layer/options.h"
#include "layer/strides.h"

struct dropout {
    double rate;
    int64_t seed;
    struct ls_ints noise_shape;
    int data_format; /* of SpatialDropout2D */
};

#define NOISE_SHAPE_OPTION                                                                         \
    {                                                                                              \
        .name = "noise_shape", .type = LS_OPTION_INTS,                                             \
        .offset = offsetof(struct dropout, noise_shape), .initial = "null", .min = 1,              \
        .max = INT32_MAX, .null_entries = true,                                                    \
        .help = "an axis of 1 is dropped as one: [null, 1, 8]; null: each element by itself"       \
    }

static const struct ls_option options[] = {
    {.name = "rate",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct dropout, rate),
     .min = 0,
     .max = 1,
     .help = "part of the elements that is dropped"},
    LS_LAYER_SEED_OPTION(struct dropout),
    NOISE_SHAPE_OPTION,
    {.name = NULL},
};

/* -- where a sample's noise lies over its elements */

/* `one`: bit i: axis i is dropped as one. */
static struct ls_strides spread(const struct ls_shape *in, unsigned one)
{
    struct ls_strides s = {.shape = *in};
    size_t all = 1;
    for (int i = in->rank; i-- > 0;) {
        s.step[i] = one >> i & 1 ? 0 : all;
        all *= one >> i & 1 ? 1 : (size_t)in->size[i];
    }
    return s;
}

static size_t noise_count(const struct ls_strides *s)
{
    size_t all = 1;
    for (int i = 0; i < s->shape.rank; i++)
        all *= s->step[i] ? (size_t)s->shape.size[i] : 1;
    return all;
}

/* The axes of a sample that noise_shape, which has the samples' axis before them, drops as one. */
static unsigned shared_axes(const struct dropout *o)
{
    unsigned one = 0;
    for (size_t i = 1; i < o->noise_shape.count; i++)
        one |= o->noise_shape.value[i] == 1 ? 1U << (i - 1) : 0;
    return one;
}

static ls_status check_noise_shape(const struct ls_layer *layer, const struct ls_shape *in)
{
    const struct ls_ints *noise = &((const struct dropout *)layer->options)->noise_shape;
    char text[LS_SHAPE_TEXT];
    if (noise->count == 0)
        return LS_OK;
    ls_shape_format(text, in);
    if (noise->scalar || noise->count != (size_t)in->rank + 1)
        return ls_layer_fail(layer, "noise_shape: expected a list of %d sizes, as of the input %s",
                             in->rank + 1, text);
    if (noise->value[0] != LS_NULL_INT)
        return ls_layer_fail(layer, "noise_shape: the first size, of the samples, must be null: "
                                    "each sample is dropped by itself");
    for (int i = 0; i < in->rank; i++) {
        int64_t size = noise->value[i + 1];
        if (size != LS_NULL_INT && size != 1 && size != in->size[i])
            return ls_layer_fail(layer,
                                 "noise_shape: %lld does not fit axis %d of the input %s, it must "
                                 "be 1, null or its size",
                                 (long long)size, i + 1, text);
    }
    return LS_OK;
}

static ls_status shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                       struct ls_call_needs *needs)
{
    const struct dropout *o = layer->options;
    struct ls_strides s = spread(&shapes->in[0], shared_axes(o));
    LS_TRY(check_noise_shape(layer, &shapes->in[0]));
    shapes->outputs = 1;
    shapes->out[0] = shapes->in[0];
    if (shared_axes(o))
        needs->work_floats_per_row = noise_count(&s);
    return LS_OK;
}

/* -- Dropout */

/* One factor for each number of noise of all rows: 0, or what the others are scaled with. */
static void draw_factors(const struct ls_call *call, float *factor, size_t count)
{
    const struct dropout *o = call->layer->options;
    ls_k->fill(factor, 1, (size_t)call->rows * count);
    ls_k->dropout(factor, factor, (float)o->rate, ls_call_key(call, o->seed, LS_PURPOSE_DROPOUT),
                  call->stream, call->samples, (size_t)call->rows, count);
}

static void multiply(float *out, const float *in, const float *factor, const struct ls_strides *s)
{
    size_t length = ls_strides_length(s), step = ls_strides_step(s), runs = ls_strides_runs(s);
    for (size_t run = 0; run < runs; run++, out += length, in += length) {
        const float *at = factor + ls_strides_at(s, run);
        if (step)
            ls_k->multiply(out, in, at, length);
        else
            ls_k->scale(out, in, *at, length);
    }
}

static void apply_shared(const struct ls_call *call, float *out, const float *in, unsigned one)
{
    struct ls_strides s = spread(&call->shapes->in[0], one);
    size_t count = noise_count(&s), columns = (size_t)ls_shape_count(&s.shape);
    draw_factors(call, call->work, count);
    for (size_t r = 0; r < (size_t)call->rows; r++)
        multiply(out + r * columns, in + r * columns, call->work + r * count, &s);
}

static void apply(const struct ls_call *call, float *out, const float *in, unsigned one)
{
    const struct dropout *o = call->layer->options;
    size_t columns = (size_t)ls_shape_count(&call->shapes->in[0]), rows = (size_t)call->rows;
    if (!call->training || o->rate == 0) {
        if (out != in && rows > 0)
            memcpy(out, in, rows * columns * sizeof *out);
    } else if (o->rate == 1) {
        ls_k->fill(out, 0, rows * columns);
    } else if (one) {
        apply_shared(call, out, in, one);
    } else {
        ls_k->dropout(out, in, (float)o->rate, ls_call_key(call, o->seed, LS_PURPOSE_DROPOUT),
                      call->stream, call->samples, rows, columns);
    }
}

static void forward(const struct ls_call *call)
{
    apply(call, call->out[0], call->in[0], shared_axes(call->layer->options));
}

static void backward(const struct ls_call *call)
{
    if (call->in_grad[0])
        apply(call, call->in_grad[0], call->out_grad[0], shared_axes(call->layer->options));
}

const struct ls_layer_kind ls_layer_dropout = {
    .kind = {.name = "Dropout",
             .summary = "drops elements at random while training, and scales the others up",
             .options = options,
             .options_size = sizeof(struct dropout)},
    .flags = LS_LAYER_PASSES_MASK | LS_LAYER_IN_PLACE | LS_LAYER_TRAINING,
    .shape = shape,
    .forward = forward,
    .backward = backward,
    .examples =
        (const struct ls_layer_example[]){
            {"rate: 0.5", "[7]", 1},
            {"rate: 0.2, seed: 3, noise_shape: null", "[2, 3]", 1},
            {"rate: 0.5, noise_shape: [null, 1, 3]", "[4, 3]", 1},
            {"rate: 0.5, noise_shape: [null, null, 1]", "[4, 3]", 1},
            {"rate: 0.5, noise_shape: [null, 3, 1, 2]", "[3, 4, 2]", 1},
            {"rate: 0.4, noise_shape: [null, 4, 3]", "[4, 3]", 1},
            {"rate: 0", "[3]", 1},
            {"rate: 1", "[3]", 1},
            {0}},
};

/* -- SpatialDropout: all positions of a channel together */

static ls_status spatial_shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                               struct ls_call_needs *needs, int rank)
{
    const struct ls_shape *in = &shapes->in[0];
    char text[LS_SHAPE_TEXT];
    ls_shape_format(text, in);
    if (in->rank != rank)
        return ls_layer_fail(layer, "the input needs %d axes beside the samples, it is %s", rank,
                             text);
    shapes->outputs = 1;
    shapes->out[0] = *in;
    needs->work_floats_per_row = ls_last_axis(in);
    return LS_OK;
}

static unsigned positions(const struct ls_call *call)
{
    return (1U << (call->shapes->in[0].rank - 1)) - 1;
}

static void spatial_forward(const struct ls_call *call)
{
    apply(call, call->out[0], call->in[0], positions(call));
}

static void spatial_backward(const struct ls_call *call)
{
    if (call->in_grad[0])
        apply(call, call->in_grad[0], call->out_grad[0], positions(call));
}

/* Keras' class takes no more than these: it refuses a file in which it finds `trainable`. */
static ls_status spatial_write(const struct ls_layer *layer, struct ls_tree *config)
{
    const struct ls_tree *trainable = ls_tree_find(config, "trainable");
    (void)layer;
    if (trainable)
        ls_tree_remove((struct ls_tree *)trainable);
    return LS_OK;
}

#define SPATIAL_OPTIONS                                                                            \
    {.name = "rate",                                                                               \
     .type = LS_OPTION_FLOAT,                                                                      \
     .offset = offsetof(struct dropout, rate),                                                     \
     .min = 0,                                                                                     \
     .max = 1,                                                                                     \
     .help = "part of the channels that is dropped"},                                              \
        LS_LAYER_SEED_OPTION(struct dropout)

static const struct ls_option spatial_options_1[] = {SPATIAL_OPTIONS, {.name = NULL}};
static const struct ls_option spatial_options_2[] = {
    SPATIAL_OPTIONS, LS_CHANNELS_LAST_OPTION(struct dropout), {.name = NULL}};

#define SPATIAL(number, rank, what, first, second, more)                                           \
    static ls_status spatial_shape_##number(                                                       \
        const struct ls_layer *layer, struct ls_call_shapes *shapes, struct ls_call_needs *needs)  \
    {                                                                                              \
        return spatial_shape(layer, shapes, needs, rank);                                          \
    }                                                                                              \
    const struct ls_layer_kind ls_layer_spatial_dropout_##number##d = {                            \
        .kind = {.name = "SpatialDropout" #number "D",                                             \
                 .summary = "drops whole channels of " what " at random while training",           \
                 .options = spatial_options_##number,                                              \
                 .options_size = sizeof(struct dropout)},                                          \
        .flags = LS_LAYER_PASSES_MASK | LS_LAYER_IN_PLACE | LS_LAYER_TRAINING,                     \
        .shape = spatial_shape_##number,                                                           \
        .forward = spatial_forward,                                                                \
        .backward = spatial_backward,                                                              \
        .write = spatial_write,                                                                    \
        .examples = (const struct ls_layer_example[]){{"rate: 0.5", first, 1},                     \
                                                      {"rate: 0.3, seed: 3" more, second, 1},      \
                                                      {"rate: 0", first, 1},                       \
                                                      {"rate: 1", first, 1},                       \
                                                      {0}},                                        \
    };
SPATIAL(1, 2, "a series", "[3, 5]", "[2, 9]", "")
SPATIAL(2, 3, "images", "[2, 3, 5]", "[2, 2, 9]", ", data_format: channels_last")

/* -- AlphaDropout: what is dropped becomes the value at which SELU saturates, and all is scaled so
 * that mean and variance stay 0 and 1 */

static const struct ls_option alpha_options[] = {
    {.name = "rate",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct dropout, rate),
     .min = 0,
     .max = 1,
     .open_max = true,
     .help = "part of the elements that is dropped"},
    NOISE_SHAPE_OPTION,
    LS_LAYER_SEED_OPTION(struct dropout),
    {.name = NULL},
};

static ls_status alpha_shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                             struct ls_call_needs *needs)
{
    struct ls_strides s = spread(&shapes->in[0], shared_axes(layer->options));
    LS_TRY(shape(layer, shapes, needs));
    needs->work_floats_per_row = noise_count(&s);
    return LS_OK;
}

/* out = in factor + offset where the noise keeps it, else `dropped`. */
struct alpha {
    float factor, offset, dropped;
};

static struct alpha alpha_of(double rate)
{
    static const double saturation =
        -1.6732632423543772848170429916717 * 1.0507009873554804934193349852946; /* SELU's */
    double factor = 1 / sqrt((1 - rate) * (1 + rate * saturation * saturation));
    double offset = -factor * saturation * rate;
    return (struct alpha){(float)factor, (float)offset, (float)(factor * saturation + offset)};
}

static void alpha_apply(const struct ls_call *call, float *out, const float *in, struct alpha a)
{
    const struct dropout *o = call->layer->options;
    struct ls_strides s = spread(&call->shapes->in[0], shared_axes(o));
    size_t count = noise_count(&s), columns = ls_call_elements(call);
    if (!call->training || o->rate == 0) {
        if (out != in && columns > 0)
            memcpy(out, in, columns * sizeof *out);
        return;
    }
    if (s.shape.rank == 0) /* one number a sample */
        s = (struct ls_strides){.shape = {1, {1}}, .step = {1}};
    size_t length = ls_strides_length(&s), step = ls_strides_step(&s), runs = ls_strides_runs(&s);
    draw_factors(call, call->work, count);
    for (size_t r = 0; r < (size_t)call->rows; r++)
        for (size_t run = 0; run < runs; run++, out += length, in += length) {
            const float *keep = call->work + r * count + ls_strides_at(&s, run);
            for (size_t i = 0; i < length; i++)
                out[i] = keep[i * step] != 0 ? in[i] * a.factor + a.offset : a.dropped;
        }
}

static void alpha_forward(const struct ls_call *call)
{
    const struct dropout *o = call->layer->options;
    alpha_apply(call, call->out[0], call->in[0], alpha_of(o->rate));
}

static void alpha_backward(const struct ls_call *call)
{
    const struct dropout *o = call->layer->options;
    if (call->in_grad[0])
        alpha_apply(call, call->in_grad[0], call->out_grad[0],
                    (struct alpha){.factor = alpha_of(o->rate).factor});
}

const struct ls_layer_kind ls_layer_alpha_dropout = {
    .kind = {.name = "AlphaDropout",
             .summary = "drops elements to SELU's lowest value while training, keeps mean and "
                        "variance",
             .options = alpha_options,
             .options_size = sizeof(struct dropout)},
    .flags = LS_LAYER_PASSES_MASK | LS_LAYER_IN_PLACE | LS_LAYER_TRAINING,
    .shape = alpha_shape,
    .forward = alpha_forward,
    .backward = alpha_backward,
    .examples =
        (const struct ls_layer_example[]){
            {"rate: 0.5", "[7]", 1},
            {"rate: 0.5", "[]", 1},
            {"rate: 0.3, seed: 3, noise_shape: [null, 1, 3]", "[4, 3]", 1},
            {"rate: 0.3, noise_shape: [null, 4, 1]", "[4, 3]", 1},
            {"rate: 0", "[3]", 1},
            {0}},
};
