/* The gradient arena in buckets, in the order in which the last replica of a rank is done with
 * them: from the arena's end to its start, but for layers that are called again and what the
 * forward pass leaves. Only who waits for whom depends on them, never a bit. */
#ifndef TRAIN_BUCKETS_H
#define TRAIN_BUCKETS_H

#include "comm/partition.h"
#include "model/plan.h"

struct ls_buckets {
    struct ls_range *range; /* as struct ls_combine_options wants them */
    size_t *final;          /* by bucket, ascending: as ls_plan_final says */
    size_t count;
};

/* What serves so many ranks: each rank's part of a bucket goes between nodes by itself, and 64 kB
 * are worth a message; but a bucket should be smaller than what there is to hide, and larger than
 * what ranks of a node add in a few microseconds. Measured, two ranks: 147 MB on a node take 14 ms
 * with any size from 128 kB on, over 1 Gbit/s 1.25 s with any from 512 kB to 4 MB. */
int64_t ls_buckets_bytes(int ranks);

/* Of `bytes` each, rounded up to cache lines; what is left over is at the arena's start. 0 bytes:
 * one bucket. The same on all ranks. */
ls_status ls_buckets_cut(struct ls_buckets *buckets, const struct ls_plan *plan, size_t floats,
                         int64_t bytes);
void ls_buckets_release(struct ls_buckets *buckets);

#endif
