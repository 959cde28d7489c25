#include "base/shape.h"

#include <stdio.h>

int64_t ls_shape_count(const struct ls_shape *shape)
{
    int64_t count = 1;
    for (int i = 0; i < shape->rank; i++)
        if (__builtin_mul_overflow(count, shape->size[i], &count))
            return INT64_MAX;
    return count;
}

bool ls_shape_equal(const struct ls_shape *a, const struct ls_shape *b)
{
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->size[i] != b->size[i])
            return false;
    return true;
}

void ls_shape_format(char out[LS_SHAPE_TEXT], const struct ls_shape *shape)
{
    int length = snprintf(out, LS_SHAPE_TEXT, "(None%s", shape->rank == 0 ? "," : "");
    for (int i = 0; i < shape->rank; i++)
        length += snprintf(out + length, LS_SHAPE_TEXT - (size_t)length, ", %lld",
                           (long long)shape->size[i]);
    snprintf(out + length, LS_SHAPE_TEXT - (size_t)length, ")");
}
