#include "comm/clock.h"

#include <time.h>

#include "base/clock.h"
#include "comm/world.h"

enum { ROUNDS = 16, TAG = 1 };

static double time_of_day(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static ls_status ask(struct ls_comm *comm, int rank, struct ls_clock_difference *difference)
{
    double best = 0;
    for (int round = 0; round < ROUNDS; round++) {
        double there, here = time_of_day(), began = ls_seconds();
        LS_TRY(LS_MPI(MPI_Send, &here, 1, MPI_DOUBLE, rank, TAG, comm->world));
        LS_TRY(LS_MPI(MPI_Recv, &there, 1, MPI_DOUBLE, rank, TAG, comm->world, MPI_STATUS_IGNORE));
        double way = ls_seconds() - began;
        if (round > 0 && way >= best)
            continue;
        best = way;
        difference->seconds = there - here - way / 2;
        difference->latency = way / 2;
    }
    return LS_OK;
}

static ls_status answer(struct ls_comm *comm)
{
    for (int round = 0; round < ROUNDS; round++) {
        double time;
        LS_TRY(LS_MPI(MPI_Recv, &time, 1, MPI_DOUBLE, 0, TAG, comm->world, MPI_STATUS_IGNORE));
        time = time_of_day();
        LS_TRY(LS_MPI(MPI_Send, &time, 1, MPI_DOUBLE, 0, TAG, comm->world));
    }
    return LS_OK;
}

ls_status ls_comm_clocks(struct ls_comm *comm, struct ls_clock_difference *differences)
{
    const struct ls_place *place = &comm->place;
    ls_status status = LS_OK;
    if (place->rank == 0)
        differences[0] = (struct ls_clock_difference){0};
    for (int node = 1; node < place->nodes && status == LS_OK && place->rank == 0; node++)
        status = ask(comm, comm->rank_at[comm->node_first[node]], &differences[node]);
    if (place->node > 0 && place->node_rank == 0)
        status = answer(comm);
    return ls_comm_agree(comm, status);
}
