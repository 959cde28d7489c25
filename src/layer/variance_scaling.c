/* Initializers whose spread comes from the weight's fans: VarianceScaling, and the Glorot (Glorot,
 * Bengio, AISTATS 2010), He (He et al., ICCV 2015) and LeCun (LeCun et al., Efficient BackProp,
 * 1998) families, which are settings of it. */
#include "layer/initializer.h"

/* Every kind's options begin with it. */
struct fans {
    int64_t seed;
    struct ls_ints input_axes, output_axes;
};

struct variance_scaling {
    struct fans fans;
    double scale;
    int mode, distribution;
};

enum mode { FAN_IN, FAN_OUT, FAN_AVG };
static const char *const modes[] = {"fan_in", "fan_out", "fan_avg", NULL};

enum distribution { TRUNCATED_NORMAL, UNTRUNCATED_NORMAL, UNIFORM, NORMAL };
static const char *const distributions[] = {"truncated_normal", "untruncated_normal", "uniform",
                                            "normal", NULL};

#define LS_FANS_OPTIONS                                                                            \
    {.name = "seed",                                                                               \
     .type = LS_OPTION_INT,                                                                        \
     .offset = offsetof(struct fans, seed),                                                        \
     .initial = "null",                                                                            \
     .help = "of its random numbers; null: the run's"},                                            \
        {.name = "input_axes",                                                                     \
         .type = LS_OPTION_INTS,                                                                   \
         .offset = offsetof(struct fans, input_axes),                                              \
         .initial = "null",                                                                        \
         .unwritten = true,                                                                        \
         .help = "axes whose sizes make the fan in; null: all but the last"},                      \
    {                                                                                              \
        .name = "output_axes", .type = LS_OPTION_INTS,                                             \
        .offset = offsetof(struct fans, output_axes), .initial = "null", .unwritten = true,        \
        .help = "axes whose sizes make the fan out; null: the last and a kernel's extent"          \
    }

static const struct ls_option fans_options[] = {LS_FANS_OPTIONS, {.name = NULL}};

static const struct ls_option variance_scaling_options[] = {
    {.name = "scale",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct variance_scaling, scale),
     .initial = "1.0",
     .min = 0,
     .max = INFINITY,
     .open_min = true,
     .open_max = true,
     .help = "variance times fan"},
    {.name = "mode",
     .type = LS_OPTION_CHOICE,
     .offset = offsetof(struct variance_scaling, mode),
     .initial = "fan_in",
     .choices = modes,
     .help = "the fan"},
    {.name = "distribution",
     .type = LS_OPTION_CHOICE,
     .offset = offsetof(struct variance_scaling, distribution),
     .initial = "truncated_normal",
     .choices = distributions,
     .help = "normal is truncated_normal"},
    LS_FANS_OPTIONS,
    {.name = NULL},
};

static ls_status product_of(const struct ls_ints *axes, const struct ls_shape *shape,
                            double *product)
{
    *product = 1;
    for (size_t i = 0; i < axes->count; i++) {
        int64_t axis = axes->value[i] < 0 ? axes->value[i] + shape->rank : axes->value[i];
        if (axis < 0 || axis >= shape->rank)
            return ls_fail(LS_BAD_INPUT, "the weight has %d axes, no axis %lld", shape->rank,
                           (long long)axes->value[i]);
        *product *= (double)shape->size[axis];
    }
    return LS_OK;
}

/* Keras' compute_fans: a kernel's extent counts on both sides. */
static ls_status find_fans(const struct fans *o, const struct ls_shape *shape, double *in,
                           double *out)
{
    if (o->input_axes.count && o->output_axes.count) {
        LS_TRY(product_of(&o->input_axes, shape, in));
        return product_of(&o->output_axes, shape, out);
    }
    if (o->input_axes.count || o->output_axes.count)
        return ls_fail(LS_BAD_INPUT, "input_axes and output_axes are given together or not at all");
    double extent = 1;
    for (int i = 0; i < shape->rank - 2; i++)
        extent *= (double)shape->size[i];
    *out = shape->rank ? extent * (double)shape->size[shape->rank - 1] : 1;
    *in = shape->rank > 1 ? extent * (double)shape->size[shape->rank - 2] : *out;
    return LS_OK;
}

static bool by_fans(const void *options)
{
    const struct fans *o = options;
    return o->input_axes.count == 0;
}

static ls_status fill_scaled(const struct variance_scaling *o, float *values,
                             const struct ls_shape *shape, struct ls_random_key key,
                             uint32_t number)
{
    static const double truncated_deviation = 0.87962566103423978; /* of N(0, 1) within 2 */
    size_t count = (size_t)ls_shape_count(shape);
    double in = 1, out = 1;
    struct ls_draw draw;
    LS_TRY(find_fans(&o->fans, shape, &in, &out));
    double fan = o->mode == FAN_IN ? in : o->mode == FAN_OUT ? out : (in + out) / 2;
    double variance = o->scale / (fan > 1 ? fan : 1);
    ls_draw_start(&draw, key, number);
    for (size_t i = 0; i < count; i++)
        switch (o->distribution) {
        case UNIFORM:
            values[i] = (float)((2 * ls_draw_uniform(&draw, i) - 1) * sqrt(3 * variance));
            break;
        case UNTRUNCATED_NORMAL:
            values[i] = (float)(ls_draw_normal(&draw, i) * sqrt(variance));
            break;
        default:
            values[i] = (float)(ls_draw_truncated_normal(&draw, i) *
                                (sqrt(variance) / truncated_deviation));
        }
    return LS_OK;
}

static ls_status fill_variance_scaling(const void *options, float *values,
                                       const struct ls_shape *shape, struct ls_random_key key,
                                       uint32_t number)
{
    return fill_scaled(options, values, shape, key, number);
}

static const char *const variance_scaling_examples[] = {
    "{}",
    "scale: 2, mode: fan_out, distribution: uniform",
    "scale: 0.5, mode: fan_avg, distribution: untruncated_normal, seed: 7",
    "distribution: normal, input_axes: [1], output_axes: [-2]",
    NULL,
};

const struct ls_initializer_kind ls_initializer_variance_scaling = {
    .kind = {.name = "VarianceScaling",
             .summary = "variance scale / fan",
             .options = variance_scaling_options,
             .options_size = sizeof(struct variance_scaling)},
    .fill = fill_variance_scaling,
    .by_fans = by_fans,
    .seed_offset = offsetof(struct fans, seed),
    .examples = variance_scaling_examples,
};

static const char *const fans_examples[] = {"{}", "seed: 7, input_axes: [0], output_axes: [1]",
                                            NULL};

#define LS_FAMILY(id, class, factor, fan, spread, help)                                            \
    static ls_status fill_##id(const void *options, float *values, const struct ls_shape *shape,   \
                               struct ls_random_key key, uint32_t number)                          \
    {                                                                                              \
        struct variance_scaling o = {.scale = factor, .mode = fan, .distribution = spread};        \
        o.fans = *(const struct fans *)options;                                                    \
        return fill_scaled(&o, values, shape, key, number);                                        \
    }                                                                                              \
    const struct ls_initializer_kind ls_initializer_##id = {                                       \
        .kind = {.name = class,                                                                    \
                 .summary = help,                                                                  \
                 .options = fans_options,                                                          \
                 .options_size = sizeof(struct fans)},                                             \
        .fill = fill_##id,                                                                         \
        .by_fans = by_fans,                                                                        \
        .seed_offset = offsetof(struct fans, seed),                                                \
        .examples = fans_examples,                                                                 \
    };

LS_FAMILY(glorot_normal, "GlorotNormal", 1, FAN_AVG, TRUNCATED_NORMAL,
          "truncated normal, variance 2 / (fan in + fan out)")
LS_FAMILY(glorot_uniform, "GlorotUniform", 1, FAN_AVG, UNIFORM,
          "uniform within sqrt(6 / (fan in + fan out))")
LS_FAMILY(he_normal, "HeNormal", 2, FAN_IN, TRUNCATED_NORMAL,
          "truncated normal, variance 2 / fan in")
LS_FAMILY(he_uniform, "HeUniform", 2, FAN_IN, UNIFORM, "uniform within sqrt(6 / fan in)")
LS_FAMILY(lecun_normal, "LecunNormal", 1, FAN_IN, TRUNCATED_NORMAL,
          "truncated normal, variance 1 / fan in")
LS_FAMILY(lecun_uniform, "LecunUniform", 1, FAN_IN, UNIFORM, "uniform within sqrt(3 / fan in)")

static const struct fans default_options = {.seed = LS_NULL_INT};
const struct ls_instance ls_default_glorot_uniform = {&ls_initializer_glorot_uniform.kind,
                                                      (void *)&default_options}; /* is only read */
