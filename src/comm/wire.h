/* A bucket's elements between nodes as numbers of 16 bits. What rounding leaves of an element stays
 * with who rounded it and is told with it the next time (error feedback: Seide et al., 1-bit SGD,
 * Interspeech 2014; Karimireddy et al., arXiv:1901.09847). The owner of an element rounds its sum
 * too, and uses what it tells: all ranks have the same bits. */
#ifndef COMM_WIRE_H
#define COMM_WIRE_H

#include "comm/partition.h"
#include "kernel/kernels.h"

struct ls_wire_bucket {
    enum ls_wire type;
    struct ls_range slice, mine;      /* as struct ls_exchange has them */
    size_t ours, theirs;              /* partial sums of this node, and of the others */
    uint16_t *partials;               /* [ours][slice] */
    uint16_t *received;               /* [theirs][mine] */
    uint16_t *sums;                   /* [mine] */
    uint16_t *received_sums;          /* [slice] */
    float *partials_left, *sums_left; /* what rounding leaves */
};

/* From slice, mine, ours and theirs. On failure the caller releases it all the same. */
ls_status ls_wire_allocate(struct ls_wire_bucket *wire);
void ls_wire_release(struct ls_wire_bucket *wire);
/* What the arrays take, for a part of so many elements and a slice of so many. */
size_t ls_wire_bytes(size_t ours, size_t theirs, size_t mine, size_t slice);

/* Partial sum i of this node, of which `at` is the slice's first element. */
void ls_wire_tell_partial(struct ls_wire_bucket *wire, size_t i, const float *at);
/* The sum, of which `at` is our first element: it becomes what is told. */
void ls_wire_tell_sum(struct ls_wire_bucket *wire, float *at);
/* All that was received of the others' partial sums: [theirs][mine]. */
void ls_wire_hear_partials(const struct ls_wire_bucket *wire, float *partials);
/* A part of the slice that was received of the sum, whose element 0 is at `sum`. */
void ls_wire_hear_sum(const struct ls_wire_bucket *wire, float *sum, struct ls_range part);

#endif
