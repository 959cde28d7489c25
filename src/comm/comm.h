/* Ranks, nodes, replicas, and agreement. This room alone includes mpi.h (this header does not). */
#ifndef COMM_COMM_H
#define COMM_COMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "lockstep/comm.h"

/* Who this process is. Constant after creation. */
struct ls_place {
    int rank, size;
    int node, nodes;          /* nodes are numbered in the order of their lowest rank */
    int node_rank, node_size; /* among the node's ranks, in rank order */
    int position; /* in the order (node, node_rank): replicas are dealt in this order, so
                     that a node's replicas are one contiguous range */
};
const struct ls_place *ls_comm_place(const struct ls_comm *comm);
/* Host names by rank; host of `rank`. */
const char *ls_comm_host(const struct ls_comm *comm, int rank);

/* Whether this rank's host runs more ranks of the comm than it has cores for them. */
bool ls_comm_crowded(const struct ls_comm *comm);

/* Why ranks of a node do not share memory though they could (one line), or NULL: said once by the
 * caller in a note. */
const char *ls_comm_fallback(const struct ls_comm *comm);

/* For tests: split each node into pretended nodes of at most this many ranks, or forbid shared
 * memory (each rank its own node). Before the first combine. Collective. */
struct ls_comm_test {
    int ranks_per_node; /* 0: as they are */
    bool no_shared_memory;
    bool no_proc;    /* shared memory is passed over a socket, as where /proc does not let us */
    bool no_threads; /* as where MPI's thread level is too low for the combine's */
};
ls_status ls_comm_create_test(struct ls_comm **comm, const struct ls_comm *parent, int ranks,
                              const struct ls_comm_test *test); /* NULL on ranks >= ranks */

/* -- agreement: collective; every rank gets the same answer */

/* The status of the lowest rank that has none LS_OK, with its message on every rank; LS_OK when all
 * are. What everybody must call after anything that one rank alone may fail at. */
ls_status ls_comm_agree(struct ls_comm *comm, ls_status mine);

/* A failure of MPI in those that return no status is kept, and returned by the next that does. */

/* Bytes of rank `root` to all. */
void ls_comm_broadcast(struct ls_comm *comm, void *bytes, size_t length, int root);
/* A broadcast of text, in new memory on every rank other than root (root keeps its own). */
ls_status ls_comm_broadcast_text(struct ls_comm *comm, char **text, int root);
/* `length` bytes of each rank, by rank. */
void ls_comm_allgather(struct ls_comm *comm, void *all, const void *mine, size_t length);
/* Pieces of different lengths (bytes) one after the other by rank; lengths[size] is known to all.
 */
void ls_comm_allgather_pieces(struct ls_comm *comm, void *all, const void *mine,
                              const size_t *lengths);
/* The same to rank 0 alone: `all` is not looked at elsewhere. */
void ls_comm_gather_pieces(struct ls_comm *comm, void *all, const void *mine,
                           const size_t *lengths);
void ls_comm_barrier(struct ls_comm *comm);
int64_t ls_comm_max(struct ls_comm *comm, int64_t value);
int64_t ls_comm_sum(struct ls_comm *comm, int64_t value);
/* Sums of whole numbers over all ranks, in place. */
void ls_comm_sum_counts(struct ls_comm *comm, int64_t *counts, size_t count);

/* "Open MPI v4.1.4", for `lockstep version`. MPI need not be initialized. */
const char *ls_comm_library(void);

#endif
