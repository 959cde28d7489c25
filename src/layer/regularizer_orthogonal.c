/* OrthogonalRegularizer: factor times the mean |cosine| between all pairs of rows, or columns, of a
 * matrix (keras/src/regularizers/regularizers.py). */
#include <math.h>

#include "kernel/gemm.h"
#include "kernel/kernels.h"
#include "layer/layer.h"

enum { ROWS, COLUMNS };

static const float longest = 1e7F; /* 1 / norm is not taken to be larger, as in Keras */

struct orthogonal {
    double factor;
    int mode;
};

static const char *const modes[] = {"rows", "columns", NULL};
static const struct ls_option options[] = {
    {.name = "factor",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct orthogonal, factor),
     .initial = "0.01",
     .min = 0,
     .max = INFINITY,
     .open_max = true,
     .help = "of the mean magnitude of the cosines"},
    {.name = "mode",
     .type = LS_OPTION_CHOICE,
     .offset = offsetof(struct orthogonal, mode),
     .initial = "rows",
     .choices = modes,
     .help = "what is to be orthogonal to each other"},
    {.name = NULL},
};

/* The vectors of a matrix: how many, and where number d of vector v is: v * across + d * along. */
struct vectors {
    bool rows;
    int64_t count, length, across, along;
    double scale; /* of the sum of all |cosine|, each pair in it twice */
};

static struct vectors vectors_of(const struct orthogonal *o, const struct ls_shape *shape)
{
    const int64_t *size = shape->size;
    struct vectors v = {true, size[0], size[1], size[1], 1, 0};
    if (o->mode == COLUMNS)
        v = (struct vectors){false, size[1], size[0], 1, size[1], 0};
    v.scale = o->factor / ((double)v.count * (double)(v.count - 1));
    return v;
}

static ls_status check(const void *options_, const struct ls_shape *shape)
{
    const struct orthogonal *o = options_;
    if (!shape)
        return ls_fail(LS_BAD_INPUT, "OrthogonalRegularizer would compare each sample of a batch "
                                     "with all others: it is for weights");
    if (shape->rank != 2)
        return ls_fail(LS_BAD_INPUT, "OrthogonalRegularizer is for matrices, there are %d axes",
                       shape->rank);
    if (vectors_of(o, shape).count < 2)
        return ls_fail(LS_BAD_INPUT, "OrthogonalRegularizer: there is one of the %s, no pair",
                       modes[o->mode]);
    return LS_OK;
}

/* In the room: the vectors with norm 1, 1 / norms, cosines, and the gradient by the first. */
struct parts {
    float *unit, *inverse, *cosine, *grad;
};

static struct parts parts_of(float *room, const struct vectors *v)
{
    size_t n = (size_t)(v->count * v->length), count = (size_t)v->count;
    return (struct parts){room, room + 2 * n, room + 2 * n + count, room + n};
}

static size_t room(const void *options_, const struct ls_shape *shape)
{
    const struct vectors v = vectors_of(options_, shape);
    return (size_t)(2 * v.count * v.length + v.count + v.count * v.count);
}

static void normalize(const struct parts *p, const float *weights, const struct vectors *v)
{
    for (int64_t i = 0; i < v->count; i++) {
        const float *w = weights + i * v->across;
        float *unit = p->unit + i * v->across;
        double square = 0;
        for (int64_t d = 0; d < v->length; d++)
            square += (double)w[d * v->along] * (double)w[d * v->along];
        p->inverse[i] = fminf((float)(1 / sqrt(square)), longest);
        for (int64_t d = 0; d < v->length; d++)
            unit[d * v->along] = w[d * v->along] * p->inverse[i];
    }
}

/* Cosines between all vectors; 0 of each with itself. */
static struct parts compare(const struct ls_penalized *penalized, const struct vectors *v)
{
    const struct parts p = parts_of(penalized->room, v);
    normalize(&p, penalized->values, v);
    ls_gemm(&(struct ls_gemm){.transpose_a = !v->rows,
                              .transpose_b = v->rows,
                              .m = v->count,
                              .n = v->count,
                              .k = v->length,
                              .a = p.unit,
                              .b = p.unit,
                              .c = p.cosine});
    for (int64_t i = 0; i < v->count; i++)
        p.cosine[i * (v->count + 1)] = 0;
    return p;
}

static double penalty(const void *options_, const struct ls_penalized *penalized)
{
    const struct vectors v = vectors_of(options_, penalized->shape);
    const struct parts p = compare(penalized, &v);
    return v.scale * ls_sum_blocks(p.cosine, (size_t)(v.count * v.count), LS_SUM_ABSOLUTE);
}

/* By the vectors of norm 1: of each, the sum of those others, by the signs of the cosines. */
static void add_others(const struct parts *p, const struct vectors *v)
{
    for (int64_t i = 0; i < v->count * v->count; i++)
        p->cosine[i] = (float)((p->cosine[i] > 0) - (p->cosine[i] < 0));
    ls_gemm(&(struct ls_gemm){.m = v->rows ? v->count : v->length,
                              .n = v->rows ? v->length : v->count,
                              .k = v->count,
                              .a = v->rows ? p->cosine : p->unit,
                              .b = v->rows ? p->unit : p->cosine,
                              .c = p->grad});
}

/* Through the norms: what lies along a vector does not turn it. */
static void add_gradient(const void *options_, float *grad, const struct ls_penalized *penalized,
                         double factor)
{
    const struct vectors v = vectors_of(options_, penalized->shape);
    const struct parts p = compare(penalized, &v);
    add_others(&p, &v);
    for (int64_t i = 0; i < v.count; i++) {
        const float *unit = p.unit + i * v.across, *by_unit = p.grad + i * v.across;
        double along = 0, scale = 2 * factor * v.scale * (double)p.inverse[i];
        for (int64_t d = 0; p.inverse[i] < longest && d < v.length; d++)
            along += (double)unit[d * v.along] * (double)by_unit[d * v.along];
        for (int64_t d = 0; d < v.length; d++)
            grad[i * v.across + d * v.along] +=
                (float)(scale * ((double)by_unit[d * v.along] - along * (double)unit[d * v.along]));
    }
}

static const char *const examples[] = {"{}", "factor: 0.5, mode: columns", NULL};

const struct ls_regularizer_kind ls_regularizer_orthogonal = {
    .kind = {.name = "OrthogonalRegularizer",
             .summary = "factor mean |cosine| between rows or columns",
             .options = options,
             .options_size = sizeof(struct orthogonal)},
    .penalty = penalty,
    .add_gradient = add_gradient,
    .check = check,
    .room = room,
    .examples = examples,
};
