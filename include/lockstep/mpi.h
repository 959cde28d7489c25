/* mpi.h: training over an MPI communicator of the program's own. The only public header that needs
 * mpi.h. */
#ifndef LOCKSTEP_MPI_H
#define LOCKSTEP_MPI_H

#include <mpi.h>

#include "lockstep/comm.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Works on a duplicate of `parent`, which stays the caller's. MPI must be initialized, with
 * MPI_THREAD_FUNNELED or more, and stay so until ls_comm_free. With MPI_THREAD_MULTIPLE a thread of
 * the library's keeps messages between nodes going while a step is computed; with less they move
 * between layers only. Collective over parent. */
LS_API ls_status ls_comm_create_mpi(struct ls_comm **comm, MPI_Comm parent);

#ifdef __cplusplus
}
#endif
#endif
