/* The fixed tree over partial sums that are there already: leaves, each a whole subtree, from left
 * to right. Compiled once to a list of additions, then run over any range of the elements. */
#ifndef COMM_TREESUM_H
#define COMM_TREESUM_H

#include "base/status.h"
#include "comm/partition.h"

/* The leaves of a tree over [0, n) by who holds them: the maximal subtrees of each holder's part.
 */
struct ls_leaves {
    int64_t n;
    int holders;
    size_t count;
    struct ls_range *range; /* [count], in order */
    int *first;             /* [holders + 1]: the first leaf of each holder */
};

/* begins[holders + 1]: holder i holds [begins[i], begins[i + 1]), which may be empty. */
ls_status ls_leaves_create(struct ls_leaves *leaves, int64_t n, int holders, const int64_t *begins);
void ls_leaves_release(struct ls_leaves *leaves);

/* Where a range of elements lies: element e at data[e - first]. */
struct ls_operand {
    float *data;
    int64_t first;
};

/* out = a + b. Operands: leaves, then roots, then temporaries. */
struct ls_addition {
    uint32_t out, a, b;
};

struct ls_treesum {
    uint32_t leaves, roots, temporaries;
    size_t count;
    struct ls_addition *addition;
    float *scratch;             /* the temporaries */
    struct ls_operand *operand; /* [leaves + roots]: to be filled in by the owner */
};

/* Each root is a subtree that its leaves (a run of `leaves`) make up. A root that is itself a leaf
 * needs no addition: ls_treesum_leaf finds it. */
ls_status ls_treesum_create(struct ls_treesum *tree, const struct ls_range *leaves,
                            size_t leaf_count, const struct ls_range *roots, size_t root_count);
void ls_treesum_release(struct ls_treesum *tree);

/* The leaf that is this very range, or -1. */
int64_t ls_treesum_leaf(const struct ls_range *leaves, size_t count, struct ls_range range);

/* All roots' elements [begin, end). Leaves are only read. */
void ls_treesum_run(const struct ls_treesum *tree, struct ls_range elements);

/* sums[count] of the whole tree, leaf i's values at values[i][count]. */
void ls_leaves_sum(double *sums, const struct ls_leaves *leaves, const double *const *values,
                   size_t count);
/* sums[count] of the tree over [range), unit leaves, values[leaf - range.begin][count]. */
void ls_values_sum(double *sums, struct ls_range range, const double *values, size_t count);

#endif
