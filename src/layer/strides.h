/* Tensors whose elements are walked in another order than they lie in: element (i, j, ..) of
 * `shape` lies at i step[0] + j step[1] + ..; a step of 0 finds one element again and again. The
 * walk goes by runs, the elements along the last axis. Private to the room. */
#ifndef LAYER_STRIDES_H
#define LAYER_STRIDES_H

#include "base/shape.h"

struct ls_strides {
    struct ls_shape shape; /* rank at least 1 */
    size_t step[LS_RANK_MAX];
};

static inline size_t ls_strides_length(const struct ls_strides *s)
{
    return (size_t)s->shape.size[s->shape.rank - 1];
}

static inline size_t ls_strides_step(const struct ls_strides *s)
{
    return s->step[s->shape.rank - 1];
}

static inline size_t ls_strides_runs(const struct ls_strides *s)
{
    return (size_t)ls_shape_count(&s->shape) / ls_strides_length(s);
}

/* Where a run begins. */
static inline size_t ls_strides_at(const struct ls_strides *s, size_t run)
{
    size_t at = 0;
    for (int i = s->shape.rank - 1; i-- > 0; run /= (size_t)s->shape.size[i])
        at += run % (size_t)s->shape.size[i] * s->step[i];
    return at;
}

#endif
