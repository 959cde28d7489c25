#include "comm/partition.h"

struct ls_range ls_part(int64_t n, int64_t parts, int64_t index)
{
    int64_t base = n / parts, larger = n % parts;
    int64_t begin = index * base + (index < larger ? index : larger);

    return (struct ls_range){begin, begin + base + (index < larger)};
}

int64_t ls_tree_middle(int64_t lo, int64_t hi)
{
    uint64_t last = (uint64_t)(hi - lo) - 1;

    return lo + (int64_t)(UINT64_C(1) << (63 - __builtin_clzll(last)));
}

static size_t collect(struct ls_range *out, size_t count, struct ls_range node,
                      struct ls_range range)
{
    if (node.end <= range.begin || node.begin >= range.end)
        return count;
    if (node.begin >= range.begin && node.end <= range.end) {
        out[count] = node;
        return count + 1;
    }
    int64_t middle = ls_tree_middle(node.begin, node.end);
    count = collect(out, count, (struct ls_range){node.begin, middle}, range);
    return collect(out, count, (struct ls_range){middle, node.end}, range);
}

size_t ls_tree_subtrees(struct ls_range out[LS_SUBTREES_MAX], int64_t n, struct ls_range range)
{
    if (range.begin >= range.end || n <= 0)
        return 0;
    return collect(out, 0, (struct ls_range){0, n}, range);
}
