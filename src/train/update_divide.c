/* Which part of an update is a rank's, of the ranks of a crew. */
#include <stdlib.h>

#include "comm/partition.h"
#include "train/update_inside.h"

/* A piece that is one rank's. */
struct load {
    size_t piece, floats;
};

/* The largest first; of the same size the first one. */
static int compare_loads(const void *left, const void *right)
{
    const struct load *a = left, *b = right;
    if (a->floats != b->floats)
        return a->floats > b->floats ? -1 : 1;
    return a->piece < b->piece ? -1 : a->piece > b->piece;
}

static size_t least(const size_t *loads, size_t count)
{
    size_t found = 0;
    for (size_t i = 1; i < count; i++)
        if (loads[i] < loads[found])
            found = i;
    return found;
}

/* owner[piece] of whole ones: the largest to the rank that has least, and so on. */
static ls_status deal_whole(const struct ls_update_plan *plan, size_t *owner, size_t size)
{
    struct load *load = NULL;
    size_t *loads = NULL, count = 0;
    ls_status status;
    LS_TRY_OUT(ls_allocate(&load, plan->pieces + 1, sizeof *load));
    LS_TRY_OUT(ls_allocate(&loads, size, sizeof *loads));
    for (size_t p = 0; p < plan->pieces; p++)
        if (plan->piece[p].whole)
            load[count++] = (struct load){p, plan->piece[p].floats};
    qsort(load, count, sizeof *load, compare_loads);
    for (size_t i = 0; i < count; i++) {
        size_t rank = least(loads, size);
        owner[load[i].piece] = rank;
        loads[rank] += load[i].floats;
    }
out:
    ls_release(load);
    ls_release(loads);
    return status;
}

static int64_t lines_of(const struct piece *piece)
{
    return (int64_t)(ls_round_up(piece->floats, LS_ALIGNMENT_FLOATS) / LS_ALIGNMENT_FLOATS);
}

/* What is in the cache lines [mine) of all that may be cut, in a row; the piece begins at `first`
 * of them. */
static void cut(struct piece *piece, struct ls_range mine, int64_t first)
{
    int64_t begin = mine.begin > first ? mine.begin - first : 0;
    int64_t end = mine.end - first < lines_of(piece) ? mine.end - first : lines_of(piece);
    piece->offset += (size_t)begin * LS_ALIGNMENT_FLOATS;
    piece->floats = end > begin ? (size_t)(end - begin) * LS_ALIGNMENT_FLOATS : 0;
}

static void keep_pieces(struct ls_update_plan *plan, const size_t *owner, int rank, int size)
{
    int64_t lines = 0, first = 0;
    size_t kept = 0;
    for (size_t p = 0; p < plan->pieces; p++)
        lines += plan->piece[p].whole ? 0 : lines_of(&plan->piece[p]);
    struct ls_range mine = ls_part(lines, size, rank);
    for (size_t p = 0; p < plan->pieces; p++) {
        struct piece piece = plan->piece[p];
        if (piece.whole) {
            piece.floats = owner[p] == (size_t)rank ? piece.floats : 0;
        } else {
            cut(&piece, mine, first);
            first += lines_of(&plan->piece[p]);
        }
        if (piece.floats > 0)
            plan->piece[kept++] = piece;
    }
    plan->pieces = kept;
}

/* Whether an element, which is no gap's, is in one of the pieces. */
static bool holds(const struct ls_update_plan *plan, size_t element)
{
    size_t begin = 0, end = plan->pieces;
    while (begin < end) {
        const struct piece *middle = &plan->piece[begin + (end - begin) / 2];
        if (element < middle->offset)
            end = (size_t)(middle - plan->piece);
        else if (element >= middle->offset + middle->floats)
            begin = (size_t)(middle - plan->piece) + 1;
        else
            return true;
    }
    return false;
}

/* A gap is in the cache line of the element before it, and so the same rank's. */
static void keep_variables(struct ls_update_plan *plan)
{
    size_t gaps = 0, constraints = 0;
    for (size_t i = 0; i < plan->gaps; i++)
        if (plan->gap[i].floats > 0 && holds(plan, plan->gap[i].offset - 1))
            plan->gap[gaps++] = plan->gap[i];
    for (size_t i = 0; i < plan->constraints; i++)
        if (holds(plan, plan->constrained[i]->offset))
            plan->constrained[constraints++] = plan->constrained[i];
    plan->gaps = gaps;
    plan->constraints = constraints;
}

ls_status ls_update_plan_divide(struct ls_update_plan *plan, int rank, int size)
{
    size_t *owner = NULL;
    LS_TRY(ls_allocate(&owner, plan->pieces + 1, sizeof *owner));
    ls_status status = deal_whole(plan, owner, (size_t)size);
    if (status == LS_OK) {
        keep_pieces(plan, owner, rank, size);
        keep_variables(plan);
    }
    ls_release(owner);
    return status;
}
