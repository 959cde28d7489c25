/* Memory of a plan: the largest buffers first, each at the lowest place where nothing that is
 * wanted at the same time lies. */
#include <stdlib.h>

#include "base/memory.h"
#include "model/plan_layout.h"

static bool together(const struct ls_interval *a, const struct ls_interval *b)
{
    return a->from <= b->to && b->from <= a->to;
}

static int larger_first(const void *a, const void *b)
{
    const struct ls_interval *left = *(const struct ls_interval *const *)a;
    const struct ls_interval *right = *(const struct ls_interval *const *)b;
    if (left->floats != right->floats)
        return left->floats > right->floats ? -1 : 1;
    return left < right ? -1 : left > right;
}

/* The lowest offset for `wanted` among the `count` placed ones: 0, or the end of one of them. */
static size_t lowest_place(struct ls_interval *const *placed, size_t count,
                           const struct ls_interval *wanted)
{
    size_t offset = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t i = 0; i < count; i++) {
            const struct ls_interval *other = placed[i];
            if (!together(other, wanted) || offset + wanted->floats <= other->offset ||
                other->offset + other->floats <= offset)
                continue;
            offset = other->offset + other->floats;
            moved = true;
        }
    }
    return offset;
}

ls_status ls_intervals_place(struct ls_interval *interval, size_t count, size_t *floats)
{
    struct ls_interval **order = NULL;
    *floats = 0;
    LS_TRY(ls_allocate(&order, count + 1, sizeof(struct ls_interval *)));
    for (size_t i = 0; i < count; i++) {
        interval[i].floats = ls_round_up(interval[i].floats, LS_ALIGNMENT_FLOATS);
        order[i] = &interval[i];
    }
    qsort(order, count, sizeof(struct ls_interval *), larger_first);
    for (size_t i = 0; i < count; i++) {
        order[i]->offset = lowest_place(order, i, order[i]);
        if (order[i]->offset + order[i]->floats > *floats)
            *floats = order[i]->offset + order[i]->floats;
    }
    ls_release(order);
    return LS_OK;
}
