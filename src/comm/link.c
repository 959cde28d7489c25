#include "comm/link.h"

#include <math.h>

#include "base/clock.h"
#include "base/memory.h"
#include "comm/world.h"

/* Messages as the exchange's are (exchange.c), 8 MB of them. */
enum { LONG = 63936, LONGS = 128, SHORTS = 64, LEAST = 4, MOST = 20 };
static const double ENOUGH_SECONDS = 1;

struct trial {
    struct ls_comm *comm;
    int next, before; /* ranks; of who takes part */
    char *sent, *received;
};

/* So many messages of so many bytes, to the next node and from the one before. */
static ls_status stream(const struct trial *trial, int count, int bytes)
{
    MPI_Request request[2 * LONGS];
    for (int i = 0; i < count; i++) {
        char *to = trial->received + (size_t)i * (size_t)bytes;
        LS_TRY(LS_MPI(MPI_Irecv, to, bytes, MPI_CHAR, trial->before, 0, trial->comm->world,
                      &request[2 * i]));
        LS_TRY(LS_MPI(MPI_Isend, trial->sent, bytes, MPI_CHAR, trial->next, 0, trial->comm->world,
                      &request[2 * i + 1]));
    }
    return LS_MPI(MPI_Waitall, 2 * count, request, MPI_STATUSES_IGNORE);
}

static ls_status stream_long(const struct trial *trial)
{
    return stream(trial, LONGS, LONG);
}

static ls_status stream_short(const struct trial *trial)
{
    return stream(trial, SHORTS, 1);
}

/* Nobody sends on before something has come. */
static ls_status step(const struct trial *trial)
{
    for (int i = 0; i < SHORTS; i++)
        LS_TRY(stream(trial, 1, 1));
    return LS_OK;
}

/* Seconds of the slowest node. */
static ls_status best_of(double *best, const struct trial *trial,
                         ls_status (*once)(const struct trial *))
{
    bool takes_part = trial->comm->place.node_rank == 0;
    double sum = 0;
    *best = INFINITY;
    /* The first makes connections. */
    for (int repeat = 0; repeat <= LEAST || (repeat < MOST && sum < ENOUGH_SECONDS); repeat++) {
        ls_comm_barrier(trial->comm);
        double seconds = ls_seconds();
        ls_status status = takes_part ? once(trial) : LS_OK;
        seconds = ls_seconds() - seconds;
        LS_TRY(ls_comm_agree(trial->comm, status));
        double slowest = (double)ls_comm_max(trial->comm, (int64_t)(seconds * 1e9)) * 1e-9;
        sum += slowest;
        if (repeat > 0 && slowest < *best)
            *best = slowest;
    }
    return LS_OK;
}

static int first_rank(const struct ls_comm *comm, int node)
{
    return comm->rank_at[comm->node_first[node % comm->place.nodes]];
}

ls_status ls_link_measure(struct ls_link *link, struct ls_comm *comm)
{
    const struct ls_place *place = &comm->place;
    double seconds;
    ls_status status;
    if (place->nodes < 2)
        return ls_fail(LS_USAGE, "there is one node: no link to measure");
    struct trial trial = {.comm = comm,
                          .next = first_rank(comm, place->node + 1),
                          .before = first_rank(comm, place->node + place->nodes - 1)};
    status = ls_allocate(&trial.sent, LONG, 1);
    if (status == LS_OK)
        status = ls_allocate(&trial.received, LONGS, LONG);
    LS_TRY_OUT(ls_comm_agree(comm, status));
    LS_TRY_OUT(best_of(&seconds, &trial, step));
    link->latency = seconds / SHORTS;
    LS_TRY_OUT(best_of(&seconds, &trial, stream_short));
    link->overhead = seconds / (2 * SHORTS);
    LS_TRY_OUT(best_of(&seconds, &trial, stream_long));
    link->bytes_per_second = (double)LONGS * LONG / seconds;
out:
    ls_release(trial.sent);
    ls_release(trial.received);
    return status;
}
