/* The inside of a combine, for this room alone. */
#ifndef COMM_COMBINE_PRIVATE_H
#define COMM_COMBINE_PRIVATE_H

#include "base/memory.h"
#include "comm/combine.h"
#include "comm/gather.h"
#include "comm/pump.h"
#include "comm/shared.h"
#include "comm/team.h"
#include "comm/treesum.h"

/* Where a node's arenas lie in its memory: the flags, each rank's slots, the sum, the node's
 * partial sums that are not a slot already. All are so many arenas of arena_bytes after the flags.
 */
struct ls_layout {
    size_t arena_bytes;    /* a slot: floats, then doubles; whole pages when shared */
    size_t doubles_offset; /* in a slot, bytes */
    size_t flags_bytes;    /* before the first arena */
    size_t *first_slot;    /* [node_size + 1]: the first arena of each rank's slots */
    size_t sum;            /* its arena, the one after the slots */
    size_t partials;       /* the first of the node's partial sums, up to `arenas` */
    size_t arenas;
};

/* The way of a bucket's elements between nodes: exchange.c. */
struct ls_exchange;

/* A range of the elements that is summed, and goes between nodes, by itself. */
struct ls_bucket {
    struct ls_range elements, slice; /* slice: this rank's part on its node */
    struct ls_exchange *exchange;    /* with several nodes */
};

/* left += right: of this rank's slots. */
struct ls_fold {
    size_t left, right;
};

struct ls_combine {
    struct ls_comm *comm;
    struct ls_combine_options options;

    /* The nodes of this combine: the comm's, but where memory could not be shared each rank is a
     * node of its own. Positions are the comm's. */
    int nodes, node;
    int *node_first; /* [nodes + 1] positions */
    struct ls_team team;
    struct ls_layout layout;
    struct ls_shared memory;

    int64_t *begins;              /* [size + 1]: replicas by position */
    struct ls_leaves leaves;      /* partial sums by position */
    struct ls_leaves node_leaves; /* and by node */

    /* Folding. */
    struct ls_range replicas;
    size_t *slot; /* by local replica: where it is written */
    struct ls_fold *fold;
    size_t *folds;      /* [local replicas + 1]: the first of each push */
    size_t exact_folds; /* so many are in the tree; those after it MPI's own sum wants */
    size_t pushed;      /* so many were, in this step */

    /* Completing. On one node the tree's only root is the sum; with several, its roots are this
     * node's partial sums, and the rest of the tree goes over those of all nodes. */
    struct ls_treesum tree, rest;
    const double **leaf_doubles; /* [leaves.count], one node only */
    double *doubles;             /* the sum's */
    struct ls_gather *gather;    /* of doubles and points, where they do not lie in one memory */

    /* On its way: so many buckets are written by this rank; folded (this rank's slice of the node's
     * sums), summed (its part of the sum of all), and done with. But for `written`, of the one that
     * does ls_combine_advance: the pump, or this rank while that rests. */
    struct ls_bucket *bucket;
    size_t buckets;
    int tag;        /* the first of its messages' */
    uint64_t steps; /* that are over */
    _Atomic size_t written;
    size_t folded, summed, done;
    double busy_since; /* seconds: something is under way, and the rank does something else; or 0 */
    int64_t under_way; /* elements of buckets that are folded and not done with */
    struct ls_pump *pump; /* NULL: the rank itself keeps it going */
    ls_status fault;      /* of the transport, with its message, until the step's end */
    char broken[LS_BROKEN_BYTES];

    struct ls_combine_times *times; /* the user's, or NULL */

    /* Points. */
    size_t point_room;             /* doubles a replica */
    uint64_t points;               /* so many were passed */
    struct ls_shared point_memory; /* [2][leaves][point_stride], on one node */
    size_t point_stride;           /* doubles */
    const double **point_values;   /* [2][leaves] */
};

static inline void ls_combine_lap(const struct ls_combine *combine, enum ls_combine_part part)
{
    if (combine->times)
        ls_lap(combine->times->watch, &combine->times->seconds[part]);
}

/* The slot `number` of a rank of this node; the arena of the node's sum. */
float *ls_combine_arena(const struct ls_combine *combine, size_t arena);
double *ls_combine_doubles(const struct ls_combine *combine, size_t arena);
/* The arena of partial sum `leaf` (an index of leaves) of a position on this node. */
size_t ls_combine_leaf_arena(const struct ls_combine *combine, int position, int leaf);

/* Arenas that a rank needs for the replicas [part). */
size_t ls_combine_slots(int64_t replicas, struct ls_range part, bool resident);
/* Part `index` of `parts` of the elements, cut at cache lines. */
struct ls_range ls_combine_split(struct ls_range elements, int parts, int index);

/* Deals the replicas, numbers the nodes (the comm's, but those with alone[node] taken apart; NULL:
 * none) and lays out this node's memory. Again, with other `alone`, when memory cannot be shared.
 */
ls_status ls_combine_plan(struct ls_combine *combine, const bool *alone);
/* This node's ranks' partial sums: a run of the leaves. */
struct ls_range ls_combine_node_run(const struct ls_combine *combine);
/* The arena of partial sum i of node_leaves, one of this node's: a rank's slot where that holds all
 * of it, else the next of those that follow the sum. */
size_t ls_combine_root_arena(const struct ls_combine *combine, int i, size_t *next);

/* Which additions a push makes. */
ls_status ls_combine_make_folds(struct ls_combine *combine);
/* This rank has written so many buckets of this step. */
void ls_combine_publish(struct ls_combine *combine, size_t written);
/* Does what can be done by now, without waiting for anybody. By one thread at a time. */
ls_status ls_combine_advance(struct ls_combine *combine, bool *moved);
/* The same; what fails is kept for ls_combine_finish. */
void ls_combine_try(struct ls_combine *combine);

/* -- between nodes: exchange.c. None of these waits for anybody. */
ls_status ls_exchange_create(struct ls_exchange **exchange, struct ls_combine *combine,
                             const struct ls_bucket *bucket);
void ls_exchange_free(struct ls_exchange *exchange);
/* Messages may come in from now on: nobody on this node reads the last step's sum any more. In the
 * order of the buckets, as are all that follow. */
ls_status ls_exchange_open(struct ls_exchange *exchange);
/* The node's partial sums are folded: sends this rank's slice. */
ls_status ls_exchange_send(struct ls_exchange *exchange, struct ls_combine *combine);
/* Where the other nodes' partial sums are here: the rest of the tree over this rank's part, and the
 * sums to the other nodes. */
ls_status ls_exchange_sum(struct ls_exchange *exchange, struct ls_combine *combine, bool *summed);
/* Whether all messages are through. */
ls_status ls_exchange_end(struct ls_exchange *exchange, const struct ls_combine *combine,
                          bool *done);

#endif
