/* Initializers with random numbers of a given spread: RandomNormal, RandomUniform, TruncatedNormal,
 * Orthogonal. */
#include "base/memory.h"
#include "kernel/gemm.h"
#include "layer/initializer.h"

#define LS_SEED_OPTION(type_)                                                                      \
    {                                                                                              \
        .name = "seed", .type = LS_OPTION_INT, .offset = offsetof(type_, seed), .initial = "null", \
        .help = "of its random numbers; null: the run's"                                           \
    }

/* -- RandomNormal and TruncatedNormal: the same options */

struct normal {
    int64_t seed;
    double mean, stddev;
};

static const struct ls_option normal_options[] = {
    {.name = "mean",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct normal, mean),
     .initial = "0.0",
     .help = "mean"},
    {.name = "stddev",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct normal, stddev),
     .initial = "0.05",
     .min = 0,
     .max = INFINITY,
     .help = "standard deviation, before truncation"},
    LS_SEED_OPTION(struct normal),
    {.name = NULL},
};

static ls_status fill_normal(const void *options, float *values, const struct ls_shape *shape,
                             struct ls_random_key key, uint32_t number)
{
    const struct normal *o = options;
    size_t count = (size_t)ls_shape_count(shape);
    struct ls_draw draw;
    ls_draw_start(&draw, key, number);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(o->mean + o->stddev * ls_draw_normal(&draw, i));
    return LS_OK;
}

static ls_status fill_truncated(const void *options, float *values, const struct ls_shape *shape,
                                struct ls_random_key key, uint32_t number)
{
    const struct normal *o = options;
    size_t count = (size_t)ls_shape_count(shape);
    struct ls_draw draw;
    ls_draw_start(&draw, key, number);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(o->mean + o->stddev * ls_draw_truncated_normal(&draw, i));
    return LS_OK;
}

static const char *const normal_aliases[] = {"normal", NULL};
static const char *const normal_examples[] = {"{}", "mean: 1, stddev: 2, seed: 7", NULL};

const struct ls_initializer_kind ls_initializer_random_normal = {
    .kind = {.name = "RandomNormal",
             .aliases = normal_aliases,
             .summary = "normal distribution",
             .options = normal_options,
             .options_size = sizeof(struct normal)},
    .fill = fill_normal,
    .seed_offset = offsetof(struct normal, seed),
    .examples = normal_examples,
};

const struct ls_initializer_kind ls_initializer_truncated_normal = {
    .kind = {.name = "TruncatedNormal",
             .summary = "normal distribution within two standard deviations",
             .options = normal_options,
             .options_size = sizeof(struct normal)},
    .fill = fill_truncated,
    .seed_offset = offsetof(struct normal, seed),
    .examples = normal_examples,
};

/* -- RandomUniform */

struct uniform {
    int64_t seed;
    double minval, maxval;
};

static const struct ls_option uniform_options[] = {
    {.name = "minval",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct uniform, minval),
     .initial = "-0.05",
     .help = "lower bound"},
    {.name = "maxval",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct uniform, maxval),
     .initial = "0.05",
     .help = "upper bound"},
    LS_SEED_OPTION(struct uniform),
    {.name = NULL},
};

static ls_status fill_uniform(const void *options, float *values, const struct ls_shape *shape,
                              struct ls_random_key key, uint32_t number)
{
    const struct uniform *o = options;
    size_t count = (size_t)ls_shape_count(shape);
    struct ls_draw draw;
    if (o->minval > o->maxval)
        return ls_fail(LS_BAD_INPUT, "RandomUniform: minval %g is above maxval %g", o->minval,
                       o->maxval);
    ls_draw_start(&draw, key, number);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(o->minval + (o->maxval - o->minval) * ls_draw_uniform(&draw, i));
    return LS_OK;
}

static const char *const uniform_aliases[] = {"uniform", NULL};
static const char *const uniform_examples[] = {"{}", "minval: 1, maxval: 3, seed: 7", NULL};

const struct ls_initializer_kind ls_initializer_random_uniform = {
    .kind = {.name = "RandomUniform",
             .aliases = uniform_aliases,
             .summary = "uniform between two bounds",
             .options = uniform_options,
             .options_size = sizeof(struct uniform)},
    .fill = fill_uniform,
    .seed_offset = offsetof(struct uniform, seed),
    .examples = uniform_examples,
};

/* -- Orthogonal (Saxe, McClelland, Ganguli: Exact solutions to the nonlinear dynamics of learning
 * in deep linear neural networks, ICLR 2014)
 * --------------------------------------------------------
 */

struct orthogonal {
    int64_t seed;
    double gain;
};

static const struct ls_option orthogonal_options[] = {
    {.name = "gain",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct orthogonal, gain),
     .initial = "1.0",
     .help = "factor"},
    LS_SEED_OPTION(struct orthogonal),
    {.name = NULL},
};

/* All axes but the last are rows; the longer side gets the basis. */
static ls_status fill_orthogonal(const void *options, float *values, const struct ls_shape *shape,
                                 struct ls_random_key key, uint32_t number)
{
    const struct orthogonal *o = options;
    double *q = NULL;
    struct ls_draw draw;
    ls_status status = LS_OK;
    if (shape->rank < 2)
        return ls_fail(LS_BAD_INPUT, "Orthogonal: the weight has %d axes, it needs at least 2",
                       shape->rank);
    int64_t columns = shape->size[shape->rank - 1], count = ls_shape_count(shape);
    int64_t rows = count / columns;
    int64_t longer = rows > columns ? rows : columns, shorter = rows + columns - longer;
    LS_TRY(ls_allocate(&q, (size_t)count, sizeof *q));
    ls_draw_start(&draw, key, number);
    for (int64_t i = 0; i < count; i++)
        q[i] = ls_draw_normal(&draw, (uint64_t)i);
    LS_TRY_OUT(ls_orthonormalize(q, longer, shorter));
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < columns; c++)
            values[r * columns + c] =
                (float)(o->gain * (rows < columns ? q[c * rows + r] : q[r * columns + c]));
out:
    ls_release(q);
    return status;
}

static const char *const orthogonal_aliases[] = {"OrthogonalInitializer", NULL};
static const char *const orthogonal_examples[] = {"{}", "gain: 1.5, seed: 7", NULL};

const struct ls_initializer_kind ls_initializer_orthogonal = {
    .kind = {.name = "Orthogonal",
             .aliases = orthogonal_aliases,
             .summary = "gain times orthonormal rows or columns",
             .options = orthogonal_options,
             .options_size = sizeof(struct orthogonal)},
    .fill = fill_orthogonal,
    .seed_offset = offsetof(struct orthogonal, seed),
    .examples = orthogonal_examples,
};
