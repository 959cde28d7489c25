/* Who holds what: pure arithmetic on integers, so that one process can test any number of ranks. */
#ifndef COMM_PARTITION_H
#define COMM_PARTITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ls_range {
    int64_t begin, end; /* [begin, end) */
};

static inline int64_t ls_range_length(struct ls_range range)
{
    return range.end - range.begin;
}

/* Part `index` of `parts` of [0, n): contiguous, in order, sizes that differ by at most one, the
 * larger first. Used for replicas over positions, samples of a batch over replicas, blocks over
 * ranks, elements over ranks. */
struct ls_range ls_part(int64_t n, int64_t parts, int64_t index);

/* The fixed tree: the middle of [lo, hi), hi - lo >= 2: lo + the largest power of two below
 * hi - lo. */
int64_t ls_tree_middle(int64_t lo, int64_t hi);

/* The maximal subtrees of the tree over [0, n) that lie within [range.begin, range.end), from left
 * to right: at most LS_SUBTREES_MAX. Returns how many. */
enum { LS_SUBTREES_MAX = 128 };
size_t ls_tree_subtrees(struct ls_range out[LS_SUBTREES_MAX], int64_t n, struct ls_range range);

#endif
