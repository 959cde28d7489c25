/* Cross-replica points. On one node the values go through its shared memory, else over MPI. */
#include <unistd.h>

#include "comm/combine_private.h"

enum { TURNS = 2 };

static double *row(const struct ls_combine *combine, size_t turn, size_t leaf)
{
    return (double *)combine->point_memory.base +
           (turn * combine->leaves.count + leaf) * combine->point_stride;
}

/* The rows of all leaves, a cache line or more each, twice. */
static ls_status share_rows(struct ls_combine *combine, size_t count)
{
    size_t line = LS_ALIGNMENT / sizeof(double), leaves = combine->leaves.count;
    size_t stride = ls_round_up(count, line);
    size_t bytes =
        ls_round_up(TURNS * leaves * stride * sizeof(double), (size_t)sysconf(_SC_PAGESIZE));
    struct ls_piece all = {0, combine->team.rank == 0 ? bytes : 0};

    LS_TRY(ls_mpi_agree(combine->comm->node, ls_allocate(&combine->point_values, TURNS * leaves,
                                                         sizeof *combine->point_values)));
    LS_TRY(ls_shared_create(&combine->point_memory, combine->comm, bytes, &all, 1));
    combine->point_stride = stride;
    for (size_t turn = 0; turn < TURNS; turn++)
        for (size_t leaf = 0; leaf < leaves; leaf++)
            combine->point_values[turn * leaves + leaf] = row(combine, turn, leaf);
    return LS_OK;
}

ls_status ls_combine_reserve_points(struct ls_combine *combine, size_t count)
{
    struct ls_comm *comm = combine->comm;

    combine->point_room = count;
    if (comm->place.size == 1 || count == 0)
        return LS_OK;
    if (combine->nodes == 1) {
        /* The status is the same on all ranks: the node is all of them. */
        if (share_rows(combine, count) == LS_OK)
            return LS_OK;
        ls_release(comm->fallback);
        comm->fallback = NULL;
        LS_TRY(ls_comm_agree(comm, ls_format(&comm->fallback,
                                             "cross-replica points go by message in place of "
                                             "shared memory: %s",
                                             ls_message())));
    }
    if (combine->gather && combine->gather->room >= count)
        return LS_OK;
    size_t room = combine->options.doubles > count ? combine->options.doubles : count;
    ls_gather_free(combine->gather);
    return ls_gather_create(&combine->gather, comm, &combine->leaves, comm->rank_at, room);
}

/* This rank's partial sums to where `to` says. */
static void fold(struct ls_combine *combine, double *to, size_t stride, const double *values,
                 size_t count)
{
    const int *first = combine->leaves.first + combine->comm->place.position;

    for (int leaf = first[0]; leaf < first[1]; leaf++, to += stride) {
        struct ls_range range = combine->leaves.range[leaf];
        ls_values_sum(to, range, values + (size_t)(range.begin - combine->replicas.begin) * count,
                      count);
    }
}

ls_status ls_combine_point(struct ls_combine *combine, double *sums, const double *values,
                           size_t count)
{
    size_t leaves = combine->leaves.count;

    if (count > combine->point_room)
        return ls_fail(LS_USAGE, "a point of %zu values where %zu were reserved", count,
                       combine->point_room);
    if (combine->comm->place.size == 1) {
        ls_values_sum(sums, combine->replicas, values, count);
        ls_combine_lap(combine, LS_COMBINE_ADDING);
        return LS_OK;
    }
    if (combine->gather) {
        fold(combine, combine->gather->mine, count, values, count);
        ls_combine_lap(combine, LS_COMBINE_ADDING);
        ls_pump_hold(combine->pump);
        ls_status status = ls_gather_sum(combine->gather, sums, count);
        ls_pump_release(combine->pump);
        if (status != LS_OK)
            ls_pump_rest(combine->pump);
        ls_combine_lap(combine, LS_COMBINE_EXCHANGING);
        return status;
    }
    /* Rows are used in turns: who has passed this point knows that all have published it, and so
     * have read the one before, whose rows are next. */
    combine->points++;
    size_t turn = combine->points % TURNS;
    int first = combine->leaves.first[combine->comm->place.position];
    fold(combine, row(combine, turn, (size_t)first), combine->point_stride, values, count);
    ls_team_publish(&combine->team, LS_EVENT_POINT, combine->points);
    ls_combine_lap(combine, LS_COMBINE_ADDING);
    LS_TRY(ls_team_wait(&combine->team, LS_EVENT_POINT, combine->points));
    ls_combine_lap(combine, LS_COMBINE_WAITING);
    ls_leaves_sum(sums, &combine->leaves, combine->point_values + turn * leaves, count);
    ls_combine_lap(combine, LS_COMBINE_ADDING);
    return LS_OK;
}
