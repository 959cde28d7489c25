#include "comm/treesum.h"

#include "base/memory.h"
#include "kernel/kernels.h"

/* Elements that are taken through a whole tree at a time: with its temporaries they stay in L1. */
enum { TILE = 1024 };

/* -- leaves */

ls_status ls_leaves_create(struct ls_leaves *leaves, int64_t n, int holders, const int64_t *begins)
{
    struct ls_range parts[LS_SUBTREES_MAX];
    size_t total = 0;
    ls_status status;

    *leaves = (struct ls_leaves){.n = n, .holders = holders};
    for (int i = 0; i < holders; i++)
        total += ls_tree_subtrees(parts, n, (struct ls_range){begins[i], begins[i + 1]});
    LS_TRY_OUT(ls_allocate(&leaves->range, total, sizeof *leaves->range));
    LS_TRY_OUT(ls_allocate(&leaves->first, (size_t)holders + 1, sizeof *leaves->first));
    for (int i = 0; i < holders; i++) {
        size_t count = ls_tree_subtrees(parts, n, (struct ls_range){begins[i], begins[i + 1]});
        leaves->first[i] = (int)leaves->count;
        for (size_t k = 0; k < count; k++)
            leaves->range[leaves->count++] = parts[k];
    }
    leaves->first[holders] = (int)leaves->count;
out:
    if (status != LS_OK)
        ls_leaves_release(leaves);
    return status;
}

void ls_leaves_release(struct ls_leaves *leaves)
{
    ls_release(leaves->range);
    ls_release(leaves->first);
    *leaves = (struct ls_leaves){0};
}

int64_t ls_treesum_leaf(const struct ls_range *leaves, size_t count, struct ls_range range)
{
    for (size_t i = 0; i < count; i++)
        if (leaves[i].begin == range.begin && leaves[i].end == range.end)
            return (int64_t)i;
    return -1;
}

/* -- doubles */

struct walk {
    const struct ls_leaves *leaves;
    const double *const *values;
    size_t leaf;   /* the next */
    size_t column; /* of its values */
};

static double walk_sum(struct walk *walk, int64_t lo, int64_t hi)
{
    if (walk->leaves->range[walk->leaf].end == hi && walk->leaves->range[walk->leaf].begin == lo)
        return walk->values[walk->leaf++][walk->column];
    int64_t middle = ls_tree_middle(lo, hi);
    double left = walk_sum(walk, lo, middle);
    return left + walk_sum(walk, middle, hi);
}

void ls_leaves_sum(double *sums, const struct ls_leaves *leaves, const double *const *values,
                   size_t count)
{
    for (size_t column = 0; column < count; column++) {
        struct walk walk = {leaves, values, 0, column};
        sums[column] = leaves->n > 0 ? walk_sum(&walk, 0, leaves->n) : 0;
    }
}

static double values_sum(const double *values, size_t stride, int64_t lo, int64_t hi)
{
    if (hi - lo == 1)
        return values[(size_t)lo * stride];
    int64_t middle = ls_tree_middle(lo, hi);
    double left = values_sum(values, stride, lo, middle);
    return left + values_sum(values, stride, middle, hi);
}

void ls_values_sum(double *sums, struct ls_range range, const double *values, size_t count)
{
    /* A tree's shape depends on its length alone. */
    for (size_t column = 0; column < count; column++)
        sums[column] = values_sum(values + column, count, 0, range.end - range.begin);
}

/* -- floats */

struct compiler {
    struct ls_treesum *tree;
    const struct ls_range *leaves;
    uint32_t leaf;      /* the next */
    uint32_t temporary; /* the first free one */
};

/* The operand that holds [lo, hi): a leaf, or `out`, into which it is then summed. */
static uint32_t compile(struct compiler *c, struct ls_range range, uint32_t out)
{
    struct ls_treesum *tree = c->tree;

    if (c->leaves[c->leaf].begin == range.begin && c->leaves[c->leaf].end == range.end)
        return c->leaf++;
    int64_t middle = ls_tree_middle(range.begin, range.end);
    uint32_t a = compile(c, (struct ls_range){range.begin, middle}, out);
    uint32_t mine = tree->leaves + tree->roots + c->temporary++;
    if (c->temporary > tree->temporaries)
        tree->temporaries = c->temporary;
    uint32_t b = compile(c, (struct ls_range){middle, range.end}, mine);
    c->temporary--;
    tree->addition[tree->count++] = (struct ls_addition){out, a, b};
    return out;
}

ls_status ls_treesum_create(struct ls_treesum *tree, const struct ls_range *leaves,
                            size_t leaf_count, const struct ls_range *roots, size_t root_count)
{
    struct compiler compiler = {tree, leaves, 0, 0};
    ls_status status;

    *tree = (struct ls_treesum){.leaves = (uint32_t)leaf_count, .roots = (uint32_t)root_count};
    LS_TRY_OUT(ls_allocate(&tree->addition, leaf_count, sizeof *tree->addition));
    LS_TRY_OUT(ls_allocate(&tree->operand, leaf_count + root_count, sizeof *tree->operand));
    for (size_t i = 0; i < root_count; i++)
        compile(&compiler, roots[i], (uint32_t)(leaf_count + i));
    LS_TRY_OUT(ls_allocate(&tree->scratch, (size_t)tree->temporaries * TILE, sizeof(float)));
out:
    if (status != LS_OK)
        ls_treesum_release(tree);
    return status;
}

void ls_treesum_release(struct ls_treesum *tree)
{
    ls_release(tree->addition);
    ls_release(tree->operand);
    ls_release(tree->scratch);
    *tree = (struct ls_treesum){0};
}

static float *place(const struct ls_treesum *tree, uint32_t operand, int64_t element)
{
    uint32_t fixed = tree->leaves + tree->roots;

    if (operand >= fixed)
        return tree->scratch + (size_t)(operand - fixed) * TILE;
    return tree->operand[operand].data + (element - tree->operand[operand].first);
}

void ls_treesum_run(const struct ls_treesum *tree, struct ls_range elements)
{
    /* A lone addition has no temporary to keep near. */
    int64_t tile = tree->count > 1 ? TILE : elements.end - elements.begin;

    for (int64_t e = elements.begin; e < elements.end; e += tile) {
        size_t n = (size_t)(elements.end - e < tile ? elements.end - e : tile);
        for (size_t i = 0; i < tree->count; i++) {
            const struct ls_addition *add = &tree->addition[i];
            ls_k->add(place(tree, add->out, e), place(tree, add->a, e), place(tree, add->b, e), n);
        }
    }
}
