/* The order of samples: which sample stands at a position of an epoch. A function of (seed, epoch,
 * position) alone. */
#ifndef DATA_ORDER_H
#define DATA_ORDER_H

#include <stdint.h>

#include "comm/partition.h"

enum ls_shuffle { LS_SHUFFLE_NONE, LS_SHUFFLE_GLOBAL, LS_SHUFFLE_CHUNK };

struct ls_order {
    int64_t samples;
    enum ls_shuffle shuffle;
    int64_t chunk;  /* LS_SHUFFLE_CHUNK: samples a chunk, >= 1 */
    int64_t window; /* and chunks a window, >= 1: ls_data_chunk, ls_data_window */
    uint64_t seed;
};

/* A bijection of [0, samples) for every epoch. LS_SHUFFLE_CHUNK permutes the chunks, then the
 * samples within each window of so many successive chunks. */
int64_t ls_order_sample(const struct ls_order *order, int64_t epoch, int64_t position);

/* Steps an epoch, a short last batch included. */
int64_t ls_order_steps(int64_t samples, int64_t batch_size);

/* The positions of replica `replica` of `replicas` in step `step` of an epoch. */
struct ls_range ls_order_slice(int64_t samples, int64_t batch_size, int64_t step, int64_t replicas,
                               int64_t replica);

#endif
