#include "comm/gather.h"

#include <limits.h>

#include "base/memory.h"
#include "comm/combine.h"

static ls_status allocate(struct ls_gather *gather)
{
    size_t size = (size_t)gather->comm->place.size, leaves = gather->leaves->count;

    if (leaves > 0 && gather->room > (size_t)INT_MAX / leaves)
        return ls_fail(LS_FAILED, "too many values to sum over ranks: %zu times %zu partial sums",
                       gather->room, leaves);
    LS_TRY(ls_allocate(&gather->counts, size, sizeof *gather->counts));
    LS_TRY(ls_allocate(&gather->displacements, size, sizeof *gather->displacements));
    LS_TRY(ls_allocate(&gather->holder, size, sizeof *gather->holder));
    LS_TRY(ls_allocate(&gather->mine, LS_SUBTREES_MAX * gather->room, sizeof *gather->mine));
    LS_TRY(ls_allocate(&gather->all, leaves * gather->room, sizeof *gather->all));
    return ls_allocate(&gather->values, leaves, sizeof *gather->values);
}

ls_status ls_gather_create(struct ls_gather **out_gather, struct ls_comm *comm,
                           const struct ls_leaves *leaves, const int *rank_at, size_t room)
{
    struct ls_gather *gather = NULL;
    ls_status status;

    *out_gather = NULL;
    status = ls_allocate(&gather, 1, sizeof *gather);
    if (status == LS_OK) {
        *gather = (struct ls_gather){.comm = comm, .leaves = leaves, .room = room};
        status = allocate(gather);
    }
    LS_TRY_OUT(ls_comm_agree(comm, status));
    for (int i = 0; i < leaves->holders; i++)
        gather->holder[rank_at ? rank_at[i] : i] = i;
out:
    if (status != LS_OK)
        ls_gather_free(gather);
    else
        *out_gather = gather;
    return status;
}

void ls_gather_free(struct ls_gather *gather)
{
    if (!gather)
        return;
    ls_release(gather->counts);
    ls_release(gather->displacements);
    ls_release(gather->holder);
    ls_release(gather->mine);
    ls_release(gather->all);
    ls_release(gather->values);
    ls_release(gather);
}

ls_status ls_gather_sum(struct ls_gather *gather, double *sums, size_t count)
{
    const struct ls_leaves *leaves = gather->leaves;

    for (int rank = 0; rank < leaves->holders; rank++) {
        const int *first = leaves->first + gather->holder[rank];
        gather->counts[rank] = (first[1] - first[0]) * (int)count;
        gather->displacements[rank] = first[0] * (int)count;
    }
    LS_TRY(ls_comm_gather_doubles(gather->comm, gather->all, gather->mine, gather->counts,
                                  gather->displacements));
    for (size_t i = 0; i < leaves->count; i++)
        gather->values[i] = gather->all + i * count;
    ls_leaves_sum(sums, leaves, gather->values, count);
    return LS_OK;
}

static ls_status sum_over_ranks(struct ls_gather *gather, double *sums, const double *values,
                                size_t count)
{
    const struct ls_leaves *leaves = gather->leaves;
    int rank = gather->comm->place.rank;
    int64_t begin = ls_part(leaves->n, leaves->holders, rank).begin;

    for (int i = leaves->first[rank]; i < leaves->first[rank + 1]; i++)
        ls_values_sum(gather->mine + (size_t)(i - leaves->first[rank]) * count, leaves->range[i],
                      values + (size_t)(leaves->range[i].begin - begin) * count, count);
    return ls_gather_sum(gather, sums, count);
}

ls_status ls_comm_sum_blocks(struct ls_comm *comm, double *sums, const double *values,
                             int64_t blocks, size_t count)
{
    int size = comm->place.size;
    struct ls_leaves leaves = {0};
    struct ls_gather *gather = NULL;
    int64_t *begins = NULL;
    ls_status status;

    if (blocks == 0) {
        for (size_t i = 0; i < count; i++)
            sums[i] = 0;
        return LS_OK;
    }
    if (ls_comm_alone(comm)) {
        ls_values_sum(sums, (struct ls_range){0, blocks}, values, count);
        return LS_OK;
    }
    status = ls_allocate(&begins, (size_t)size + 1, sizeof *begins);
    for (int i = 0; status == LS_OK && i <= size; i++)
        begins[i] = i < size ? ls_part(blocks, size, i).begin : blocks;
    if (status == LS_OK)
        status = ls_leaves_create(&leaves, blocks, size, begins);
    LS_TRY_OUT(ls_comm_agree(comm, status));
    LS_TRY_OUT(ls_gather_create(&gather, comm, &leaves, NULL, count));
    LS_TRY_OUT(sum_over_ranks(gather, sums, values, count));
out:
    ls_gather_free(gather);
    ls_leaves_release(&leaves);
    ls_release(begins);
    return status;
}
