/* A crew: ranks of a node that hold something once, in memory that all of them see, and work on it
 * together. Where memory is not to be shared, or cannot be, each rank is a crew of its own, with
 * memory of its own; a crew that is NULL is a rank alone too.
 *
 * Why nothing races: between two waits an element is either read, by any rank, or it belongs to one
 * rank, which alone reads and writes it. ls_crew_wait orders what was done before it, on every
 * rank, before what is done after it on any: by releasing and acquiring counters.
 */
#ifndef COMM_CREW_H
#define COMM_CREW_H

#include "comm/comm.h"

struct ls_crew;

/* Of the ranks of each node, where `share` is true; it is the same on all ranks. Where a node's
 * ranks cannot share memory ls_crew_fallback says why. Collective. */
ls_status ls_crew_create(struct ls_crew **crew, struct ls_comm *comm, bool share);
/* With the memory that it has. Not collective. NULL is allowed. */
void ls_crew_free(struct ls_crew *crew);

struct ls_comm *ls_crew_comm(const struct ls_crew *crew);
/* This rank's place in it; the leader is rank 0 in it, as is rank 0 of all. */
int ls_crew_rank(const struct ls_crew *crew);
int ls_crew_size(const struct ls_crew *crew);
static inline bool ls_crew_leads(const struct ls_crew *crew)
{
    return ls_crew_rank(crew) == 0;
}
/* One line, the same on all ranks; or NULL. */
const char *ls_crew_fallback(const struct ls_crew *crew);

/* Zeroed memory, in *memory (a pointer to any pointer) at an address of this rank's own. Collective
 * over the crew, which gets one status; crews may fare differently. */
ls_status ls_crew_allocate(struct ls_crew *crew, void *memory, size_t bytes);
/* Not collective: it goes when the last rank has released it. NULL is allowed. */
void ls_crew_release(struct ls_crew *crew, void *memory);
/* What lies in such memory as this rank's own, for ls_release, in *own (a pointer to any pointer);
 * where it was shared a copy. After a failure it is still there. Nobody writes it meanwhile. Not
 * collective. */
ls_status ls_crew_take(struct ls_crew *crew, void *memory, void *own);

/* Until every rank of the crew is here: see above. Collective over the crew. */
ls_status ls_crew_wait(struct ls_crew *crew);
/* Bytes of rank 0 of all into memory that each crew has in common, for all to read when it returns.
 * Collective; each rank's status is its own. */
ls_status ls_crew_broadcast(struct ls_crew *crew, void *bytes, size_t length);

#endif
