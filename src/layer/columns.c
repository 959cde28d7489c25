#include "layer/columns.h"

#include "layer/call.h"

struct ls_columns ls_columns_of(const struct ls_shape *in, int axis, int64_t samples)
{
    struct ls_columns m = {.rows = (size_t)samples, .channels = (size_t)in->size[axis], .each = 1};
    for (int i = 0; i < axis; i++)
        m.rows *= (size_t)in->size[i];
    for (int i = axis + 1; i < in->rank; i++)
        m.each *= (size_t)in->size[i];
    m.columns = m.channels * m.each;
    return m;
}

/* Where the channels are the last axis a position is a row, and a stretch takes as many as are
 * alike; else it is a piece of a row. */
bool ls_columns_next(const struct ls_call *call, const struct ls_columns *m, size_t *at,
                     struct ls_stretch *stretch)
{
    const float *mask = ls_call_mask(call, 0);
    size_t last = ls_last_axis(&call->shapes->in[0]), each = m->columns / last;
    size_t positions = m->rows * each, begin = *at, end = begin + 1;
    if (begin >= positions)
        return false;
    if (!mask)
        end = positions;
    while (mask && each == 1 && end < positions && (mask[end] != 0) == (mask[begin] != 0))
        end++;
    *at = end;
    *stretch = (struct ls_stretch){.row = begin / each,
                                   .rows = mask && each > 1 ? 1 : (end - begin) / each,
                                   .column = mask ? begin % each * last : 0,
                                   .columns = mask ? last : m->columns,
                                   .counts = !mask || mask[begin] != 0};
    return true;
}
