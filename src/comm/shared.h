/* Memory that the ranks of a node share: a memfd, not /dev/shm, which is 64 MB in many containers
 * and lets a rank die of SIGBUS long after. Its pages are allocated here and now, or it fails. */
#ifndef COMM_SHARED_H
#define COMM_SHARED_H

#include "comm/world.h"

struct ls_shared {
    char *base; /* page-aligned, zeroed; the address differs from rank to rank */
    size_t bytes;
    bool mapped; /* false: this rank's own, from base/memory.h */
};

/* What a rank allocates of it, in whole pages, so that on machines with several memories the pages
 * lie near it. All ranks' pieces together are the whole. */
struct ls_piece {
    size_t offset, bytes;
};

/* Collective over the comm's node; every rank of it gets the same status and message. */
ls_status ls_shared_create(struct ls_shared *shared, struct ls_comm *comm, size_t bytes,
                           const struct ls_piece *pieces, size_t count);
/* This rank's own. Not collective. */
ls_status ls_shared_create_alone(struct ls_shared *shared, size_t bytes);
void ls_shared_release(struct ls_shared *shared);

/* Gives the open file of the node's first rank to its others: through /proc, or where that is not
 * allowed over a socket. Collective over the node; each rank's status is its own. On success
 * *descriptor is the caller's to close. */
ls_status ls_descriptor_share(struct ls_comm *comm, int *descriptor);

#endif
