/* Initializers: one row each. Each element is a function of (seed, variable, element) alone, so
 * that neither the place in the arena nor who computes it matters. */
#include "layer/initializer.h"

#include "base/memory.h"
#include "kernel/kernels.h"
#include "layer/portable.h"

#define LS_INITIALIZERS(X)                                                                         \
    X(ls_initializer_zeros)                                                                        \
    X(ls_initializer_ones)                                                                         \
    X(ls_initializer_constant)                                                                     \
    X(ls_initializer_identity)                                                                     \
    X(ls_initializer_orthogonal)                                                                   \
    X(ls_initializer_random_normal)                                                                \
    X(ls_initializer_random_uniform)                                                               \
    X(ls_initializer_truncated_normal)                                                             \
    X(ls_initializer_variance_scaling)                                                             \
    X(ls_initializer_glorot_normal)                                                                \
    X(ls_initializer_glorot_uniform)                                                               \
    X(ls_initializer_he_normal)                                                                    \
    X(ls_initializer_he_uniform)                                                                   \
    X(ls_initializer_lecun_normal)                                                                 \
    X(ls_initializer_lecun_uniform)

#define X(kind) extern const struct ls_initializer_kind kind;
LS_INITIALIZERS(X)
#undef X

static const struct ls_kind *const kinds[] = {
#define X(row) &row.kind,
    LS_INITIALIZERS(X)
#undef X
        NULL};

const struct ls_registry ls_initializers = {.noun = "initializer", .kinds = kinds};

/* -- numbers */

void ls_draw_start(struct ls_draw *draw, struct ls_random_key key, uint32_t number)
{
    *draw = (struct ls_draw){.key = key, .number = number, .block = UINT64_MAX};
}

double ls_draw_uniform(struct ls_draw *draw, uint64_t element)
{
    uint64_t block = element / 2;
    if (block != draw->block) {
        uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), draw->number, 0};
        ls_philox(draw->word, counter, draw->key);
        draw->block = block;
    }
    const uint32_t *half = draw->word + element % 2 * 2;
    uint64_t bits = ((uint64_t)half[0] << 32 | half[1]) >> 12;
    return ((double)bits + 0.5) * 0x1p-52;
}

double ls_draw_normal(struct ls_draw *draw, uint64_t element)
{
    return ls_portable_normal(ls_draw_uniform(draw, element));
}

/* The quantile of the middle part of the distribution: no number is drawn twice. */
double ls_draw_truncated_normal(struct ls_draw *draw, uint64_t element)
{
    static const double below = 0.022750131948179207; /* P(X < -2) */
    double p = below + ls_draw_uniform(draw, element) * (1 - 2 * below);
    return ls_portable_normal(p);
}

ls_status ls_initialize_by_key(const struct ls_instance *initializer, float *values,
                               const struct ls_shape *shape, struct ls_random_key key,
                               uint32_t number)
{
    if (!initializer || !initializer->kind) {
        ls_k->fill(values, 0, (size_t)ls_shape_count(shape));
        return LS_OK;
    }
    const struct ls_initializer_kind *kind = (const struct ls_initializer_kind *)initializer->kind;
    if (kind->seed_offset != SIZE_MAX) {
        int64_t own = *(const int64_t *)((const char *)initializer->options + kind->seed_offset);
        if (own != LS_NULL_INT)
            key = ls_random_key((uint64_t)own, LS_PURPOSE_INITIALIZE);
    }
    return kind->fill(initializer->options, values, shape, key, number);
}

ls_status ls_initialize(const struct ls_instance *initializer, float *values,
                        const struct ls_shape *shape, uint64_t seed, uint32_t number)
{
    return ls_initialize_by_key(initializer, values, shape,
                                ls_random_key(seed, LS_PURPOSE_INITIALIZE), number);
}

struct ls_shape ls_initializer_shape(const struct ls_variable *variable)
{
    const struct ls_shape *shape = &variable->shape;
    const struct ls_instance *initializer = variable->initializer;
    const struct ls_initializer_kind *kind =
        initializer ? (const struct ls_initializer_kind *)initializer->kind : NULL;
    if (variable->inputs == 0 || !kind || !kind->by_fans || !kind->by_fans(initializer->options))
        return *shape;
    struct ls_shape fans = {2, {1, 1}};
    for (int i = 0; i < shape->rank; i++)
        fans.size[i < variable->inputs ? 0 : 1] *= shape->size[i];
    return fans;
}
