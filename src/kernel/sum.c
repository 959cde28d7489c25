#include "kernel/kernels.h"

double ls_tree_sum(const double *values, size_t n)
{
    if (n == 0)
        return 0;
    if (n == 1)
        return values[0];
    size_t half = 1;
    while (half < n - half)
        half *= 2;
    return ls_tree_sum(values, half) + ls_tree_sum(values + half, n - half);
}

static double block_sum(const float *a, size_t n, enum ls_sum what)
{
    switch (what) {
    case LS_SUM:
        return ls_k->sum(a, n);
    case LS_SUM_SQUARES:
        return ls_k->sum_squares(a, n);
    case LS_SUM_ABSOLUTE:
        return ls_k->sum_absolute(a, n);
    }
    return 0;
}

/* The tree over blocks first .. first + blocks - 1: as ls_tree_sum, without the array. */
static double tree_of_blocks(const float *a, size_t n, size_t blocks, enum ls_sum what)
{
    if (blocks == 1)
        return block_sum(a, n, what);
    size_t half = 1;
    while (half < blocks - half)
        half *= 2;
    const size_t at = half * LS_SUM_BLOCK;
    return tree_of_blocks(a, at, half, what) + tree_of_blocks(a + at, n - at, blocks - half, what);
}

double ls_sum_blocks(const float *a, size_t n, enum ls_sum what)
{
    const size_t blocks = n / LS_SUM_BLOCK + (n % LS_SUM_BLOCK != 0);
    return blocks == 0 ? 0 : tree_of_blocks(a, n, blocks, what);
}
