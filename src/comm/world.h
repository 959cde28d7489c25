/* The inside of a comm, for this room alone: the one header, with lockstep/mpi.h, that includes
 * mpi.h. */
#ifndef COMM_WORLD_H
#define COMM_WORLD_H

#include <mpi.h>

#include "base/pulse.h"
#include "comm/comm.h"
#include "comm/partition.h"

enum { LS_HOST_BYTES = 72, LS_BROKEN_BYTES = 512 };

struct ls_comm {
    struct ls_place place;
    MPI_Comm world; /* our duplicate; MPI_COMM_NULL: a process alone, and no call of MPI at all */
    MPI_Comm node;  /* the node's ranks in rank order; MPI_COMM_NULL likewise */
    MPI_Comm
        fast; /* one more duplicate, for combines in MPI's own order; MPI_COMM_NULL till then */
    bool finalize;                /* MPI_Init was ours */
    bool threads;                 /* a thread of ours may call MPI while no other of ours does */
    bool crowded;                 /* the host runs more of our ranks than it has cores for them */
    bool no_proc;                 /* struct ls_comm_test */
    char (*hosts)[LS_HOST_BYTES]; /* by rank */
    int *rank_at;                 /* by position */
    int *node_first;              /* the first position of each node; nodes + 1 entries */
    int combines;                 /* so many were made */
    char *fallback;               /* ls_comm_fallback */
    char broken[LS_BROKEN_BYTES]; /* the first failure of a call that returns no status */
};

static inline bool ls_comm_alone(const struct ls_comm *comm)
{
    return comm->world == MPI_COMM_NULL;
}

/* The end of a call of MPI, which is a wait of the pulse: LS_FAILED with MPI's own words when code
 * is not MPI_SUCCESS. */
ls_status ls_mpi_check(int code, const char *function);
#define LS_MPI(function, ...)                                                                      \
    (ls_pulse_wait(#function), ls_mpi_check(function(__VA_ARGS__), #function))

/* ls_comm_agree among the ranks of an MPI communicator. */
ls_status ls_mpi_agree(MPI_Comm among, ls_status mine);
/* Bytes of rank `root` to all of them. */
ls_status ls_mpi_broadcast(MPI_Comm among, void *bytes, size_t length, int root);

/* counts[rank] doubles of each rank to displacements[rank] of all, on every rank. */
ls_status ls_comm_gather_doubles(struct ls_comm *comm, double *all, const double *mine,
                                 const int *counts, const int *displacements);

#endif
