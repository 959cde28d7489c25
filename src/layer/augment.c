/* RandomFlip, RandomTranslation, RandomRotation, RandomZoom: images changed at random while
 * training.
 *
 * What is done to a sample is a function of (seed, layer call, epoch, sample) alone, as in
 * layer/dropout.c: one counter of Philox, two words for the first number that is drawn (a flip, the
 * angle, the height's factor), two for the width's factor. The backward pass draws them again. What
 * a factor makes of an image is Keras' (layers/preprocessing/image_preprocessing). */
#include <math.h>
#include <string.h>

#include "layer/call.h"
#include "layer/images.h"
#include "layer/options.h"
#include "layer/portable.h"
#include "layer/resample.h"

enum { HORIZONTAL, VERTICAL, HORIZONTAL_AND_VERTICAL };

struct augment {
    struct ls_floats first, second; /* factors; second: of the width */
    int mode;                       /* of RandomFlip */
    int fill_mode, interpolation, data_format;
    double fill_value;
    int64_t seed;
};

static const char *const modes[] = {"horizontal", "vertical", "horizontal_and_vertical", NULL};
static const char *const fill_modes[] = {"reflect", "wrap", "constant", "nearest", NULL};
enum { NEAREST, BILINEAR };
static const char *const interpolations[] = {"nearest", "bilinear", NULL};

#define SAMPLING_OPTIONS                                                                           \
    {.name = "fill_mode",                                                                          \
     .type = LS_OPTION_CHOICE,                                                                     \
     .offset = offsetof(struct augment, fill_mode),                                                \
     .initial = "reflect",                                                                         \
     .choices = fill_modes,                                                                        \
     .help = "what is beyond the border of an image"},                                             \
        {.name = "interpolation",                                                                  \
         .type = LS_OPTION_CHOICE,                                                                 \
         .offset = offsetof(struct augment, interpolation),                                        \
         .initial = "bilinear",                                                                    \
         .choices = interpolations,                                                                \
         .help = "what is between its pixels"},                                                    \
        LS_LAYER_SEED_OPTION(struct augment),                                                      \
        {.name = "fill_value",                                                                     \
         .type = LS_OPTION_FLOAT,                                                                  \
         .offset = offsetof(struct augment, fill_value),                                           \
         .initial = "0.0",                                                                         \
         .help = "what is beyond the border with fill_mode constant"},                             \
        LS_CHANNELS_LAST_OPTION(struct augment),                                                   \
    {                                                                                              \
        .name = NULL                                                                               \
    }

/* -- shapes */

static ls_status shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                       struct ls_call_needs *needs)
{
    (void)needs;
    LS_TRY(ls_image_check(layer, &shapes->in[0], 2));
    shapes->outputs = 1;
    shapes->out[0] = shapes->in[0];
    return LS_OK;
}

static ls_status check_factor(const struct ls_layer *layer, const char *option,
                              const struct ls_floats *factor)
{
    size_t wanted = factor->scalar ? 1 : 2;
    if (factor->count != wanted)
        return ls_layer_fail(layer,
                             "%s: expected a number or a pair of numbers, found a list of %zu",
                             option, factor->count);
    return LS_OK;
}

static ls_status rotation_shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                                struct ls_call_needs *needs)
{
    const struct augment *o = layer->options;
    LS_TRY(check_factor(layer, "factor", &o->first));
    return shape(layer, shapes, needs);
}

static ls_status factors_shape(const struct ls_layer *layer, struct ls_call_shapes *shapes,
                               struct ls_call_needs *needs)
{
    const struct augment *o = layer->options;
    LS_TRY(check_factor(layer, "height_factor", &o->first));
    if (o->second.count > 0)
        LS_TRY(check_factor(layer, "width_factor", &o->second));
    return shape(layer, shapes, needs);
}

/* -- what is drawn */

/* Two numbers in [0, 1) for a row. */
struct draw {
    double first, second;
};

static struct draw draw(const struct ls_call *call, int64_t row)
{
    const struct augment *o = call->layer->options;
    const uint64_t sample = (uint64_t)call->samples[row];
    uint32_t word[4];
    ls_philox(word, (uint32_t[4]){0, (uint32_t)sample, (uint32_t)(sample >> 32), call->stream},
              ls_call_key(call, o->seed, LS_PURPOSE_NOISE));
    return (struct draw){ls_uniform_double(word[0], word[1]), ls_uniform_double(word[2], word[3])};
}

/* One number is that far to both sides. */
static double between(const struct ls_floats *factor, double uniform)
{
    double a = factor->value[0], b = factor->scalar ? -a : factor->value[1];
    double low = fmin(a, b), high = fmax(a, b);
    return low + (high - low) * uniform;
}

/* -- RandomFlip */

static size_t row_floats(const struct ls_call *call)
{
    return (size_t)ls_shape_count(&call->shapes->in[0]);
}

/* Keras draws once: both axes are flipped, or none. It is its own transpose. */
static void flip(const struct ls_call *call, float *out, const float *in)
{
    const struct augment *o = call->layer->options;
    const int64_t *size = call->shapes->in[0].size;
    const int64_t height = size[0], width = size[1], channels = size[2];
    for (int64_t r = 0; r < call->rows; r++, in += height * width * channels) {
        bool flips = call->training && draw(call, r).first <= 0.5;
        bool down = flips && o->mode != HORIZONTAL, across = flips && o->mode != VERTICAL;
        for (int64_t y = 0; y < height; y++)
            for (int64_t x = 0; x < width; x++, out += channels) {
                int64_t from = (down ? height - 1 - y : y) * width + (across ? width - 1 - x : x);
                memcpy(out, in + from * channels, (size_t)channels * sizeof *out);
            }
    }
}

static void flip_forward(const struct ls_call *call)
{
    flip(call, call->out[0], call->in[0]);
}

static void flip_backward(const struct ls_call *call)
{
    if (call->in_grad[0])
        flip(call, call->in_grad[0], call->out_grad[0]);
}

static const struct ls_option flip_options[] = {
    {.name = "mode",
     .type = LS_OPTION_CHOICE,
     .offset = offsetof(struct augment, mode),
     .initial = "horizontal_and_vertical",
     .choices = modes,
     .help = "which axes are flipped, one as the other"},
    LS_LAYER_SEED_OPTION(struct augment),
    LS_CHANNELS_LAST_OPTION(struct augment),
    {.name = NULL},
};

const struct ls_layer_kind ls_layer_random_flip = {
    .kind = {.name = "RandomFlip",
             .summary = "flips every other image while training",
             .options = flip_options,
             .options_size = sizeof(struct augment)},
    .flags = LS_LAYER_TRAINING | LS_LAYER_SAYS_TRAINING,
    .shape = shape,
    .forward = flip_forward,
    .backward = flip_backward,
    .examples = (const struct ls_layer_example[]){{"{}", "[2, 3, 2]", 1},
                                                  {"mode: horizontal, seed: 3", "[2, 3, 1]", 1},
                                                  {"mode: vertical, data_format: channels_last",
                                                   "[3, 2, 2]", 1},
                                                  {0}},
};

/* -- what reads at other places: a function from a draw to a map */

typedef struct ls_affine map_function(const struct augment *o, struct draw d, float height,
                                      float width);

static struct ls_resample sampling(const struct ls_call *call)
{
    const struct augment *o = call->layer->options;
    const struct ls_shape *in = &call->shapes->in[0];
    return (struct ls_resample){.height = in->size[0],
                                .width = in->size[1],
                                .channels = in->size[2],
                                .fill_mode = (enum ls_fill_mode)o->fill_mode,
                                .fill_value = (float)o->fill_value,
                                .bilinear = o->interpolation == BILINEAR};
}

typedef void resample_function(float *out, const float *in, const struct ls_resample *r,
                               const struct ls_affine *map);

struct pass {
    map_function *map;
    resample_function *resample;
    float *out;
    const float *in;
};

static void apply(const struct ls_call *call, const struct pass *pass)
{
    const struct ls_resample r = sampling(call);
    size_t count = row_floats(call);
    if (!pass->out || call->rows == 0)
        return;
    if (!call->training) {
        memcpy(pass->out, pass->in, ls_call_elements(call) * sizeof(float));
        return;
    }
    for (int64_t row = 0; row < call->rows; row++) {
        struct ls_affine map =
            pass->map(call->layer->options, draw(call, row), (float)r.height, (float)r.width);
        pass->resample(pass->out + (size_t)row * count, pass->in + (size_t)row * count, &r, &map);
    }
}

#define PASSES(name)                                                                               \
    static void name##_forward(const struct ls_call *call)                                         \
    {                                                                                              \
        apply(call, &(struct pass){name##_map, ls_resample, call->out[0], call->in[0]});           \
    }                                                                                              \
    static void name##_backward(const struct ls_call *call)                                        \
    {                                                                                              \
        apply(call, &(struct pass){name##_map, ls_resample_backward, call->in_grad[0],             \
                                   call->out_grad[0]});                                            \
    }

/* -- RandomTranslation: a positive factor moves an image down, and right */

static struct ls_affine translation_map(const struct augment *o, struct draw d, float height,
                                        float width)
{
    float down = (float)between(&o->first, d.first) * height;
    float right = (float)between(&o->second, d.second) * width;
    return (struct ls_affine){{1, 0, -right}, {0, 1, -down}};
}
PASSES(translation)

static const struct ls_option translation_options[] = {
    {.name = "height_factor",
     .type = LS_OPTION_FLOATS,
     .offset = offsetof(struct augment, first),
     .min = -1,
     .max = 1,
     .help = "how far down, as part of the height: from and to, or as far to both sides"},
    {.name = "width_factor",
     .type = LS_OPTION_FLOATS,
     .offset = offsetof(struct augment, second),
     .min = -1,
     .max = 1,
     .help = "how far to the right, as part of the width"},
    SAMPLING_OPTIONS,
};

const struct ls_layer_kind ls_layer_random_translation = {
    .kind = {.name = "RandomTranslation",
             .summary = "moves images while training",
             .options = translation_options,
             .options_size = sizeof(struct augment)},
    .flags = LS_LAYER_TRAINING | LS_LAYER_SAYS_TRAINING,
    .shape = factors_shape,
    .forward = translation_forward,
    .backward = translation_backward,
    .examples =
        (const struct ls_layer_example[]){
            {"height_factor: 0.3, width_factor: [-0.2, 0.4]", "[3, 4, 2]", 1},
            {"height_factor: 1, width_factor: 1, fill_mode: wrap", "[3, 1, 2]", 1},
            {"height_factor: 0.5, width_factor: 0.5, fill_mode: constant, fill_value: 0.5, seed: 3",
             "[3, 4, 1]", 1},
            {"height_factor: 0.5, width_factor: 0.5, fill_mode: nearest, interpolation: nearest",
             "[1, 4, 2]", 1},
            {0}},
};

/* -- RandomRotation: a positive factor turns an image counter-clockwise */

static struct ls_affine rotation_map(const struct augment *o, struct draw d, float height,
                                     float width)
{
    double sine, cosine;
    ls_portable_sine(between(&o->first, d.first), &sine, &cosine);
    float s = (float)sine, c = (float)cosine, x = 0.5F * (width - 1), y = 0.5F * (height - 1);
    return (struct ls_affine){{c, -s, x - x * c + y * s}, {s, c, y - x * s - y * c}};
}
PASSES(rotation)

static const struct ls_option rotation_options[] = {
    {.name = "factor",
     .type = LS_OPTION_FLOATS,
     .offset = offsetof(struct augment, first),
     .min = -1,
     .max = 1,
     .help = "how far counter-clockwise, in turns: from and to, or as far to both sides"},
    SAMPLING_OPTIONS,
};

const struct ls_layer_kind ls_layer_random_rotation = {
    .kind = {.name = "RandomRotation",
             .summary = "turns images while training",
             .options = rotation_options,
             .options_size = sizeof(struct augment)},
    .flags = LS_LAYER_TRAINING | LS_LAYER_SAYS_TRAINING,
    .shape = rotation_shape,
    .forward = rotation_forward,
    .backward = rotation_backward,
    .examples =
        (const struct ls_layer_example[]){
            {"factor: 0.3", "[3, 4, 2]", 1},
            {"factor: [0.1, 1], fill_mode: wrap, seed: 3", "[3, 4, 1]", 1},
            {"factor: 1, fill_mode: constant, fill_value: 0.5, interpolation: nearest", "[3, 4, 2]",
             1},
            {0}},
};

/* -- RandomZoom: a positive factor makes what is in an image smaller */

static struct ls_affine zoom_map(const struct augment *o, struct draw d, float height, float width)
{
    float down = (float)(1 + between(&o->first, d.first));
    float across = o->second.count ? (float)(1 + between(&o->second, d.second)) : down;
    return (struct ls_affine){{across, 0, (width - 1) / 2 * (1 - across)},
                              {0, down, (height - 1) / 2 * (1 - down)}};
}
PASSES(zoom)

static const struct ls_option zoom_options[] = {
    {.name = "height_factor",
     .type = LS_OPTION_FLOATS,
     .offset = offsetof(struct augment, first),
     .min = -1,
     .max = 1,
     .open_min = true,
     .help = "how much more of the height is seen: from and to, or as far to both sides"},
    {.name = "width_factor",
     .type = LS_OPTION_FLOATS,
     .offset = offsetof(struct augment, second),
     .initial = "null",
     .min = -1,
     .max = 1,
     .open_min = true,
     .help = "the same of the width; null: as the height, whose proportion stays"},
    SAMPLING_OPTIONS,
};

const struct ls_layer_kind ls_layer_random_zoom = {
    .kind = {.name = "RandomZoom",
             .summary = "makes what is in images larger or smaller while training",
             .options = zoom_options,
             .options_size = sizeof(struct augment)},
    .flags = LS_LAYER_TRAINING | LS_LAYER_SAYS_TRAINING,
    .shape = factors_shape,
    .forward = zoom_forward,
    .backward = zoom_backward,
    .examples =
        (const struct ls_layer_example[]){
            {"height_factor: 0.3", "[3, 4, 2]", 1},
            {"height_factor: [0.2, 0.9], width_factor: [-0.5, -0.2], fill_mode: wrap, seed: 3",
             "[3, 4, 1]", 1},
            {"height_factor: 0.9, width_factor: null, fill_mode: constant, fill_value: 0.5, "
             "interpolation: nearest",
             "[3, 4, 2]", 1},
            {0}},
};
