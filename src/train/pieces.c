#include "train/pieces.h"

#include <string.h>

#include "base/memory.h"

ls_status ls_pieces_gather(struct ls_pieces *pieces, struct ls_comm *comm, const void *mine,
                           size_t length)
{
    memset(pieces, 0, sizeof *pieces);
    LS_TRY(ls_comm_agree(
        comm, ls_allocate(&pieces->length, (size_t)ls_comm_size(comm), sizeof *pieces->length)));
    ls_comm_allgather(comm, pieces->length, &length, sizeof length);
    for (int rank = 0; rank < ls_comm_size(comm); rank++)
        pieces->total += pieces->length[rank];
    ls_status status = LS_OK;
    if (ls_comm_rank(comm) == 0)
        status = ls_allocate(&pieces->all, pieces->total + 1, 1);
    LS_TRY(ls_comm_agree(comm, status));
    ls_comm_gather_pieces(comm, pieces->all, mine, pieces->length);
    return ls_comm_agree(comm, LS_OK);
}

void ls_pieces_release(struct ls_pieces *pieces)
{
    ls_release(pieces->all);
    ls_release(pieces->length);
    memset(pieces, 0, sizeof *pieces);
}

static ls_status merge(struct ls_pieces *pieces, int size)
{
    size_t *count = NULL;
    LS_TRY(ls_allocate(&count, (size_t)size, sizeof *count));
    for (int rank = 0; rank < size; rank++)
        count[rank] = pieces->length[rank] / sizeof(struct ls_score);
    ls_status status = ls_scores_merge(pieces->all, count, (size_t)size);
    ls_release(count);
    return status;
}

ls_status ls_pieces_gather_scores(struct ls_pieces *pieces, struct ls_comm *comm,
                                  struct ls_score *mine, size_t count)
{
    ls_status status = LS_OK;
    ls_scores_sort(mine, count);
    LS_TRY(ls_pieces_gather(pieces, comm, mine, count * sizeof *mine));
    if (ls_comm_rank(comm) == 0)
        status = merge(pieces, ls_comm_size(comm));
    return ls_comm_agree(comm, status);
}
