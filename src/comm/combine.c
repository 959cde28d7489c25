/* Folding a rank's replicas, and a step of the combine. */
#include "comm/combine_private.h"

#include "kernel/kernels.h"

struct ls_range ls_combine_replicas(const struct ls_combine *combine)
{
    return combine->replicas;
}

void ls_combine_time(struct ls_combine *combine, struct ls_combine_times *times)
{
    combine->times = times;
}

/* -- folding */

static size_t slot_number(const struct ls_combine *combine, int64_t replica)
{
    return combine->options.resident ? (size_t)(replica - combine->replicas.begin) : combine->depth;
}

static size_t slot_arena(const struct ls_combine *combine, size_t slot)
{
    return combine->layout.first_slot[combine->team.rank] + slot;
}

struct ls_slot ls_combine_slot(struct ls_combine *combine, int64_t replica)
{
    size_t arena = slot_arena(combine, slot_number(combine, replica));

    return (struct ls_slot){ls_combine_arena(combine, arena), ls_combine_doubles(combine, arena)};
}

/* The two topmost of the stack become one, in the place of the left one. */
static void add_topmost(struct ls_combine *combine)
{
    size_t left = slot_arena(combine, combine->stack[combine->depth - 2]);
    size_t right = slot_arena(combine, combine->stack[combine->depth - 1]);
    float *floats = ls_combine_arena(combine, left);
    double *doubles = ls_combine_doubles(combine, left);
    const double *more = ls_combine_doubles(combine, right);

    ls_k->add(floats, floats, ls_combine_arena(combine, right), combine->options.floats);
    for (size_t i = 0; i < combine->options.doubles; i++)
        doubles[i] += more[i];
    combine->depth--;
}

void ls_combine_push(struct ls_combine *combine, int64_t replica)
{
    const struct ls_leaves *leaves = &combine->leaves;
    struct ls_range part =
        leaves->range[(size_t)leaves->first[combine->comm->place.position] + combine->part];
    uint64_t pushed = (uint64_t)(replica - part.begin) + 1;

    combine->stack[combine->depth] = slot_number(combine, replica);
    combine->depth++;
    /* A power of two of leaves is whole when its last bit turns over; what is left at the end of
     * the part is added from the right, as the tree has it. */
    if (replica + 1 < part.end) {
        for (int i = __builtin_ctzll(pushed); i > 0; i--)
            add_topmost(combine);
    } else {
        combine->part++;
        while (combine->depth > combine->part)
            add_topmost(combine);
    }
    ls_combine_lap(combine, LS_COMBINE_ADDING);
}

/* -- a step */

static ls_status sum_between_nodes(struct ls_combine *combine)
{
    const int *first = combine->leaves.first + combine->comm->place.position;
    size_t count = combine->options.doubles;
    double *to = combine->gather->mine;

    LS_TRY(ls_exchange_start(combine->exchange, combine));
    for (int leaf = first[0]; leaf < first[1]; leaf++) {
        const double *from = ls_combine_doubles(
            combine, ls_combine_leaf_arena(combine, combine->comm->place.position, leaf));
        for (size_t i = 0; i < count; i++)
            *to++ = from[i];
    }
    if (count > 0)
        LS_TRY(ls_gather_sum(combine->gather, combine->doubles, count));
    return ls_exchange_finish(combine->exchange, combine);
}

static void sum_on_node(struct ls_combine *combine)
{
    ls_treesum_run(&combine->tree, combine->slice);
    ls_leaves_sum(combine->doubles, &combine->leaves, combine->leaf_doubles,
                  combine->options.doubles);
}

ls_status ls_combine_finish(struct ls_combine *combine, struct ls_combined *sum)
{
    struct ls_range replicas = combine->replicas;
    const int *first = combine->leaves.first + combine->comm->place.position;

    if (combine->part != (size_t)(first[1] - first[0]))
        return ls_fail(LS_USAGE,
                       "the combine of replicas %lld to %lld was finished before all were "
                       "pushed",
                       (long long)replicas.begin, (long long)replicas.end - 1);
    combine->part = combine->depth = 0;
    if (combine->comm->place.size == 1) {
        *sum = (struct ls_combined){ls_combine_arena(combine, 0), ls_combine_doubles(combine, 0)};
        return LS_OK;
    }
    combine->step++;
    /* Two counters are enough. A rank overwrites its partial sums only after REDUCED of this step,
     * when nobody reads them any more. And it publishes WRITTEN of the next step only when it has
     * done with reading this step's sum, so that sum is overwritten only when all have done. */
    ls_team_publish(&combine->team, LS_EVENT_WRITTEN, combine->step);
    LS_TRY(ls_team_wait(&combine->team, LS_EVENT_WRITTEN, combine->step));
    ls_combine_lap(combine, LS_COMBINE_WAITING);
    if (combine->exchange)
        LS_TRY(sum_between_nodes(combine));
    else
        sum_on_node(combine);
    ls_combine_lap(combine, combine->exchange ? LS_COMBINE_EXCHANGING : LS_COMBINE_ADDING);
    ls_team_publish(&combine->team, LS_EVENT_REDUCED, combine->step);
    LS_TRY(ls_team_wait(&combine->team, LS_EVENT_REDUCED, combine->step));
    ls_combine_lap(combine, LS_COMBINE_WAITING);
    *sum = (struct ls_combined){ls_combine_arena(combine, combine->layout.sum), combine->doubles};
    return LS_OK;
}
