/* The ranks of a node in step: counters in their shared memory, one cache line each. */
#ifndef COMM_TEAM_H
#define COMM_TEAM_H

#include <stdatomic.h>

#include "comm/world.h"

enum ls_event {
    LS_EVENT_WRITTEN, /* this rank's partial sums are there, and it reads no older sum any more */
    LS_EVENT_FOLDED,  /* its slice of the node's partial sums is there (several nodes only) */
    LS_EVENT_REDUCED, /* its part of the sum is there, and it reads no partial sum any more */
    LS_EVENT_POINT,   /* its values of a cross-replica point are there */
    LS_EVENT_CREW,    /* what it has to do before the next wait of its crew is done (crew.h) */
    LS_EVENTS
};

struct ls_flag {
    _Alignas(64) _Atomic uint64_t count;
};

struct ls_team {
    struct ls_flag *flags; /* [LS_EVENTS][size], zero at first; NULL when size is 1 */
    int rank, size;
    bool crowded;      /* yield at once: the rank that is waited for may need this core */
    MPI_Comm progress; /* MPI_COMM_NULL, or where MPI must be kept going while this rank waits */
};

static inline size_t ls_team_bytes(int size)
{
    return LS_EVENTS * (size_t)size * sizeof(struct ls_flag);
}

/* What this rank wrote before is seen by all who wait for it. */
void ls_team_publish(struct ls_team *team, enum ls_event event, uint64_t count);
/* Whether every rank of the node has published count, or a later one. */
bool ls_team_reached(const struct ls_team *team, enum ls_event event, uint64_t count);
/* Until they have. */
ls_status ls_team_wait(struct ls_team *team, enum ls_event event, uint64_t count);
/* A moment of a wait for what other ranks do, looked for in between: the core is kept at first,
 * then left to others. *pauses: so many there were, 0 at first. */
ls_status ls_team_pause(struct ls_team *team, int *pauses);

#endif
