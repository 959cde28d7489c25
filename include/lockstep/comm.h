/* comm.h: the processes that train together. lockstep/mpi.h makes one from an MPI communicator. */
#ifndef LOCKSTEP_COMM_H
#define LOCKSTEP_COMM_H

#include "lockstep/status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ls_comm;

/* The processes that mpirun or srun started with this one (MPI_Init is called, where the program
 * has not), or this process alone when nobody launched it: then MPI is not touched. Refused
 * (LS_USAGE) when the launcher started several processes that each see themselves alone. Collective
 * over all that were launched. On success *comm is the caller's, to be freed before the program
 * ends. */
LS_API ls_status ls_comm_create(struct ls_comm **comm);

/* This process alone; never touches MPI. */
LS_API ls_status ls_comm_create_alone(struct ls_comm **comm);

/* Frees; calls MPI_Finalize if ls_comm_create called MPI_Init. Collective. NULL is allowed. */
LS_API void ls_comm_free(struct ls_comm *comm);

/* What every program on several ranks asks before it starts: LS_OK when all ranks give LS_OK and
 * the same text, their command line. mine: how this rank fares; when that is a failure, text is its
 * message. The answer is the same on all ranks: the failure of the lowest rank that has one, with
 * its message, or LS_USAGE with a message that shows both texts where they differ. A process alone
 * gets its own status. Collective. */
LS_API ls_status ls_comm_agree_on(struct ls_comm *comm, ls_status mine, const char *text);

/* Number of processes, and which one this is. Not collective. */
LS_API int ls_comm_rank(const struct ls_comm *comm);
LS_API int ls_comm_size(const struct ls_comm *comm);

/* Ends all processes at once with this exit status, after a failure that the others cannot know of.
 * Does not return. */
LS_API void ls_comm_abort(struct ls_comm *comm, int exit_status);

#ifdef __cplusplus
}
#endif
#endif
