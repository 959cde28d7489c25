/* Agreement, broadcasts and gathers. */
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "comm/combine.h"
#include "comm/world.h"

/* MPI counts in int: longer pieces go in several. */
#define CHUNK ((size_t)1 << 30)

enum { PIECE_TAG = 77 }; /* of messages that no other part of this room expects */

static void keep(struct ls_comm *comm, ls_status status)
{
    if (status != LS_OK && !comm->broken[0])
        strncpy(comm->broken, ls_message(), LS_BROKEN_BYTES - 1);
}

/* The status of what went before, for calls that return none. */
static ls_status kept(const struct ls_comm *comm, ls_status mine)
{
    return comm->broken[0] ? ls_fail(LS_FAILED, "%s", comm->broken) : mine;
}

struct verdict {
    int status;
    char message[1024];
};

ls_status ls_mpi_agree(MPI_Comm among, ls_status mine)
{
    struct verdict verdict = {0};
    int rank, size;

    LS_TRY(LS_MPI(MPI_Comm_rank, among, &rank));
    LS_TRY(LS_MPI(MPI_Comm_size, among, &size));
    int lowest = mine == LS_OK ? size : rank;
    LS_TRY(LS_MPI(MPI_Allreduce, MPI_IN_PLACE, &lowest, 1, MPI_INT, MPI_MIN, among));
    if (lowest == size)
        return LS_OK;
    if (lowest == rank) {
        verdict.status = mine;
        strncpy(verdict.message, ls_message(), sizeof verdict.message - 1);
    }
    LS_TRY(LS_MPI(MPI_Bcast, &verdict, sizeof verdict, MPI_BYTE, lowest, among));
    return ls_fail((ls_status)verdict.status, "%s", verdict.message);
}

ls_status ls_comm_agree(struct ls_comm *comm, ls_status mine)
{
    return ls_comm_alone(comm) ? mine : ls_mpi_agree(comm->world, kept(comm, mine));
}

ls_status ls_mpi_broadcast(MPI_Comm among, void *bytes, size_t length, int root)
{
    char *at = bytes;

    for (; length > 0;) {
        size_t piece = length < CHUNK ? length : CHUNK;
        LS_TRY(LS_MPI(MPI_Bcast, at, (int)piece, MPI_BYTE, root, among));
        at += piece;
        length -= piece;
    }
    return LS_OK;
}

static ls_status broadcast(struct ls_comm *comm, void *bytes, size_t length, int root)
{
    return ls_comm_alone(comm) ? LS_OK : ls_mpi_broadcast(comm->world, bytes, length, root);
}

void ls_comm_broadcast(struct ls_comm *comm, void *bytes, size_t length, int root)
{
    keep(comm, broadcast(comm, bytes, length, root));
}

ls_status ls_comm_broadcast_text(struct ls_comm *comm, char **text, int root)
{
    bool mine = comm->place.rank == root;
    uint64_t length = mine ? strlen(*text) : 0;

    if (ls_comm_alone(comm))
        return LS_OK;
    if (!mine)
        *text = NULL;
    LS_TRY(broadcast(comm, &length, sizeof length, root));
    LS_TRY(ls_comm_agree(comm, mine ? LS_OK : ls_allocate(text, length + 1, 1)));
    return broadcast(comm, *text, length, root);
}

static ls_status allgather_pieces(struct ls_comm *comm, void *all, const void *mine,
                                  const size_t *lengths)
{
    char *at = all;

    /* One broadcast a rank: any length, and texts are rare. */
    for (int rank = 0; rank < comm->place.size; rank++) {
        if (rank == comm->place.rank && lengths[rank] > 0)
            memmove(at, mine, lengths[rank]);
        LS_TRY(broadcast(comm, at, lengths[rank], rank));
        at += lengths[rank];
    }
    return LS_OK;
}

void ls_comm_allgather_pieces(struct ls_comm *comm, void *all, const void *mine,
                              const size_t *lengths)
{
    keep(comm, allgather_pieces(comm, all, mine, lengths));
}

/* One rank after the other: any length, and it is done once. */
static ls_status gather_pieces(struct ls_comm *comm, void *all, const void *mine,
                               const size_t *lengths)
{
    char *at = all;
    const char *own = mine;

    if (comm->place.rank != 0) {
        for (size_t left = lengths[comm->place.rank], piece; left > 0;
             left -= piece, own += piece) {
            piece = left < CHUNK ? left : CHUNK;
            LS_TRY(LS_MPI(MPI_Send, own, (int)piece, MPI_BYTE, 0, PIECE_TAG, comm->world));
        }
        return LS_OK;
    }
    if (lengths[0] > 0)
        memmove(at, own, lengths[0]);
    at += lengths[0];
    for (int rank = 1; rank < comm->place.size; rank++)
        for (size_t left = lengths[rank], piece; left > 0; left -= piece, at += piece) {
            piece = left < CHUNK ? left : CHUNK;
            LS_TRY(LS_MPI(MPI_Recv, at, (int)piece, MPI_BYTE, rank, PIECE_TAG, comm->world,
                          MPI_STATUS_IGNORE));
        }
    return LS_OK;
}

void ls_comm_gather_pieces(struct ls_comm *comm, void *all, const void *mine, const size_t *lengths)
{
    keep(comm, gather_pieces(comm, all, mine, lengths));
}

static ls_status allgather(struct ls_comm *comm, void *all, const void *mine, size_t length)
{
    if (ls_comm_alone(comm)) {
        memmove(all, mine, length);
        return LS_OK;
    }
    if (length <= CHUNK)
        return LS_MPI(MPI_Allgather, mine, (int)length, MPI_BYTE, all, (int)length, MPI_BYTE,
                      comm->world);
    memmove((char *)all + length * (size_t)comm->place.rank, mine, length);
    for (int rank = 0; rank < comm->place.size; rank++)
        LS_TRY(broadcast(comm, (char *)all + length * (size_t)rank, length, rank));
    return LS_OK;
}

void ls_comm_allgather(struct ls_comm *comm, void *all, const void *mine, size_t length)
{
    keep(comm, allgather(comm, all, mine, length));
}

void ls_comm_barrier(struct ls_comm *comm)
{
    if (!ls_comm_alone(comm))
        keep(comm, LS_MPI(MPI_Barrier, comm->world));
}

static int64_t reduce(struct ls_comm *comm, int64_t value, MPI_Op op)
{
    if (!ls_comm_alone(comm))
        keep(comm, LS_MPI(MPI_Allreduce, MPI_IN_PLACE, &value, 1, MPI_INT64_T, op, comm->world));
    return value;
}

int64_t ls_comm_max(struct ls_comm *comm, int64_t value)
{
    return reduce(comm, value, MPI_MAX);
}

int64_t ls_comm_sum(struct ls_comm *comm, int64_t value)
{
    return reduce(comm, value, MPI_SUM);
}

void ls_comm_sum_counts(struct ls_comm *comm, int64_t *counts, size_t count)
{
    for (size_t piece; !ls_comm_alone(comm) && count > 0; counts += piece, count -= piece) {
        piece = count < CHUNK ? count : CHUNK;
        keep(comm, LS_MPI(MPI_Allreduce, MPI_IN_PLACE, counts, (int)piece, MPI_INT64_T, MPI_SUM,
                          comm->world));
    }
}

ls_status ls_comm_gather_doubles(struct ls_comm *comm, double *all, const double *mine,
                                 const int *counts, const int *displacements)
{
    LS_TRY(kept(comm, LS_OK));
    return LS_MPI(MPI_Allgatherv, mine, counts[comm->place.rank], MPI_DOUBLE, all, counts,
                  displacements, MPI_DOUBLE, comm->world);
}

/* -- the same value everywhere */

/* The value that more than half of the ranks hold; false: there is none. */
static bool majority(const uint64_t *values, int size, uint64_t *value)
{
    for (int i = 0; i <= size / 2; i++) {
        int count = 0;
        for (int j = i; j < size; j++)
            count += values[j] == values[i];
        *value = values[i];
        if (count > size / 2)
            return true;
    }
    return false;
}

static ls_status fail_different(const struct ls_comm *comm, const uint64_t *values,
                                const char *what, bool *odd)
{
    enum { NAMED = 8 };
    uint64_t right;
    bool known = majority(values, comm->place.size, &right);
    struct ls_text names = {0};
    int count = 0;

    for (int rank = 0; rank < comm->place.size; rank++) {
        odd[rank] = !known || values[rank] != right;
        if (!odd[rank])
            continue;
        if (count++ < NAMED)
            ls_text_append(&names, "%s%d (host %s)", count > 1 ? ", " : "", rank,
                           comm->hosts[rank]);
    }
    if (count > NAMED)
        ls_text_append(&names, " and %d more", count - NAMED);
    ls_status status = ls_text_status(&names);
    if (status == LS_OK)
        status = ls_fail(LS_FAILED,
                         known ? "%s differs on rank%s %s"
                               : "%s differs between rank%s %s: no majority tells which is right",
                         what, count > 1 ? "s" : "", names.data);
    ls_text_release(&names);
    return status;
}

ls_status ls_comm_compare(struct ls_comm *comm, uint64_t value, const char *what, bool *odd)
{
    uint64_t few[64], *values = few;
    size_t size = (size_t)comm->place.size;
    ls_status status;
    bool same = true;

    for (size_t i = 0; i < size; i++)
        odd[i] = false;
    if (ls_comm_alone(comm))
        return LS_OK;
    if (size > sizeof few / sizeof *few)
        LS_TRY(ls_comm_agree(comm, ls_allocate(&values, size, sizeof *values)));
    LS_TRY_OUT(kept(comm, LS_OK));
    LS_TRY_OUT(
        LS_MPI(MPI_Allgather, &value, 1, MPI_UINT64_T, values, 1, MPI_UINT64_T, comm->world));
    for (size_t i = 1; i < size; i++)
        same = same && values[i] == values[0];
    if (!same)
        status = fail_different(comm, values, what, odd);
out:
    if (values != few)
        ls_release(values);
    return status;
}

ls_status ls_comm_same(struct ls_comm *comm, uint64_t value, const char *what)
{
    bool *odd = NULL;
    LS_TRY(ls_comm_agree(comm, ls_allocate(&odd, (size_t)comm->place.size, sizeof *odd)));
    ls_status status = ls_comm_compare(comm, value, what, odd);
    ls_release(odd);
    return status;
}

/* -- the same command line everywhere */

/* other[rank]: 1 where the text is not rank 0's; `theirs` is that of the lowest
 * such rank. */
static ls_status fail_other_text(const int *other, int size, const char *zeroth, const char *theirs)
{
    enum { NAMED = 8, SHOWN = 300 };
    struct ls_text names = {0};
    int count = 0, first = 0;

    for (int rank = 1; rank < size; rank++) {
        if (!other[rank])
            continue;
        if (count++ == 0)
            first = rank;
        else if (count <= NAMED)
            ls_text_append(&names, "%s %d", count > 2 ? "," : "", rank);
    }
    if (count > NAMED)
        ls_text_append(&names, " and %d more", count - NAMED);
    ls_status status = ls_text_status(&names);
    if (status == LS_OK)
        status = ls_fail(LS_USAGE,
                         "ranks were started with other options: rank %d has '%.*s', rank 0 has "
                         "'%.*s'%s%s",
                         first, SHOWN, theirs, SHOWN, zeroth,
                         count > 1 ? "; not as rank 0 either:" : "", count > 1 ? names.data : "");
    ls_text_release(&names);
    return status;
}

ls_status ls_comm_agree_on(struct ls_comm *comm, ls_status mine, const char *text)
{
    int size = comm->place.size, first = 1;
    char *own = NULL, *zeroth = NULL, *theirs = NULL;
    int *other = NULL;
    ls_status status;

    if (mine != LS_OK)
        ls_fail(mine, "%s", text);
    if (ls_comm_alone(comm))
        return mine;
    if (mine == LS_OK)
        mine = ls_duplicate(&own, text);
    if (mine == LS_OK)
        mine = ls_allocate(&other, (size_t)size, sizeof *other);
    LS_TRY_OUT(ls_comm_agree(comm, mine));
    zeroth = theirs = own;
    LS_TRY_OUT(ls_comm_broadcast_text(comm, &zeroth, 0));
    int differs = strcmp(zeroth, own) != 0;
    ls_comm_allgather(comm, other, &differs, sizeof differs);
    LS_TRY_OUT(ls_comm_agree(comm, LS_OK));
    while (first < size && !other[first])
        first++;
    if (first < size) {
        LS_TRY_OUT(ls_comm_broadcast_text(comm, &theirs, first));
        status = ls_comm_agree(comm, fail_other_text(other, size, zeroth, theirs));
    }
out:
    if (theirs != own)
        ls_release(theirs);
    if (zeroth != own)
        ls_release(zeroth);
    ls_release(own);
    ls_release(other);
    return status;
}
