/* The tree sum of doubles whose partial sums lie with several ranks, over MPI. */
#ifndef COMM_GATHER_H
#define COMM_GATHER_H

#include "comm/treesum.h"
#include "comm/world.h"

struct ls_gather {
    struct ls_comm *comm;
    const struct ls_leaves *leaves; /* must outlive this */
    size_t room;                    /* doubles a leaf */
    int *counts, *displacements;    /* by rank, in doubles */
    int *holder;                    /* of each rank */
    double *mine;                   /* [this rank's leaves][count]: to be filled in by the caller */
    double *all;                    /* [leaves][count] */
    const double **values;
};

/* Collective. Holder i of the leaves is rank_at[i], or rank i when that is NULL. */
ls_status ls_gather_create(struct ls_gather **gather, struct ls_comm *comm,
                           const struct ls_leaves *leaves, const int *rank_at, size_t room);
void ls_gather_free(struct ls_gather *gather);

/* Collective. count <= room. */
ls_status ls_gather_sum(struct ls_gather *gather, double *sums, size_t count);

#endif
