/* Pieces of memory of all ranks, one after the other on rank 0. */
#ifndef TRAIN_PIECES_H
#define TRAIN_PIECES_H

#include "comm/comm.h"
#include "metric/curve.h"

struct ls_pieces {
    void *all;      /* on rank 0 */
    size_t *length; /* by rank, in bytes */
    size_t total;   /* of them */
};

/* Collective; ls_pieces_release also after a failure. */
ls_status ls_pieces_gather(struct ls_pieces *pieces, struct ls_comm *comm, const void *mine,
                           size_t length);
void ls_pieces_release(struct ls_pieces *pieces);

/* The scores of all ranks, sorted, on rank 0; each rank sorts its own, in place. Collective. */
ls_status ls_pieces_gather_scores(struct ls_pieces *pieces, struct ls_comm *comm,
                                  struct ls_score *mine, size_t count);

#endif
