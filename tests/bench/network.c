/* The combine between nodes beside the wire: bench-network [FLOATS...], a rank or more a node (see
 * tests/bench/network). Each figure is the best of several, of the slowest rank.
 *
 * The wire's time is what a stream of messages needs for the bytes that a node must send: of n
 * elements on N nodes the (N - 1) / N that others sum up, once for each of the node's partial sums,
 * and its own n / N to each of the N - 1 others. */
#include <mpi.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "comm/combine.h"
#include "comm/link.h"
#include "kernel/kernels.h"

enum { REPEATS = 5, BUCKET_FLOATS = 1 << 20, BUCKETS_MOST = 1024 };

struct bench {
    struct ls_comm *comm;
    const struct ls_place *place;
    struct ls_combine *combine;
};

static void combine_once(struct bench *b)
{
    int64_t replica = ls_combine_replicas(b->combine).begin;
    struct ls_combined sum;

    ls_combine_slot(b->combine, replica);
    ls_combine_push(b->combine, replica);
    if (ls_combine_finish(b->combine, &sum) != LS_OK)
        ls_comm_abort(b->comm, 1);
}

/* Seconds. */
static double best_of(struct bench *b, void (*once)(struct bench *), int count)
{
    double best = 1e9;

    once(b); /* connections are made */
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        MPI_Barrier(MPI_COMM_WORLD);
        double seconds = MPI_Wtime();
        for (int i = 0; i < count; i++)
            once(b);
        seconds = (MPI_Wtime() - seconds) / count;
        MPI_Allreduce(MPI_IN_PLACE, &seconds, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
        best = seconds < best ? seconds : best;
    }
    return best;
}

/* Buckets as training has them, from the end. */
static size_t cut(struct ls_range *bucket, size_t floats)
{
    size_t count = 0;

    for (size_t end = floats; end > 0; count++) {
        size_t begin = end > BUCKET_FLOATS ? end - BUCKET_FLOATS : 0;
        begin = ls_round_up(begin, LS_ALIGNMENT_FLOATS);
        bucket[count] = (struct ls_range){(int64_t)begin, (int64_t)end};
        end = begin;
    }
    return count;
}

static ls_status measure_combine(struct bench *b, size_t floats, double rate)
{
    const struct ls_place *place = b->place;
    struct ls_range bucket[BUCKETS_MOST];
    struct ls_combine_options options = {.floats = floats,
                                         .doubles = 4,
                                         .replicas = place->size,
                                         .bucket = bucket,
                                         .buckets = cut(bucket, floats)};
    double bytes = (double)(floats * sizeof(float)), nodes = place->nodes;
    double wire = 2 * bytes * (nodes - 1) / nodes / rate;
    ls_status status;

    LS_TRY_OUT(ls_combine_create(&b->combine, b->comm, &options));
    struct ls_slot slot = ls_combine_slot(b->combine, ls_combine_replicas(b->combine).begin);
    for (size_t i = 0; i < floats; i++)
        slot.floats[i] = 1e-3f;
    memset(slot.doubles, 0, 4 * sizeof *slot.doubles);
    double seconds = best_of(b, combine_once, wire < 0.05 ? 20 : 1);
    if (place->rank == 0)
        printf("combine of %.2f MB, %d nodes, %d ranks: %.3f ms, wire %.3f ms, ratio %.3f\n",
               bytes * 1e-6, place->nodes, place->size, seconds * 1e3, wire * 1e3, seconds / wire);
out:
    ls_combine_free(b->combine);
    return status;
}

int main(int argc, char **argv)
{
    struct ls_comm *comm = NULL;
    struct ls_link link;
    struct bench b = {0};
    ls_status status;

    LS_TRY_OUT(ls_kernels_init(NULL));
    LS_TRY_OUT(ls_comm_create(&comm));
    b.comm = comm;
    b.place = ls_comm_place(comm);
    if (b.place->nodes == 1) {
        status = ls_fail(LS_USAGE, "start it on two nodes or more: tests/bench/network does");
        goto out;
    }
    LS_TRY_OUT(ls_link_measure(&link, comm));
    if (b.place->rank == 0)
        printf(
            "wire: %.2f MB/s each way (%.3f Gbit/s), latency %.1f us, %.2f us of a rank's time a "
            "message\n",
            link.bytes_per_second * 1e-6, link.bytes_per_second * 8e-9, link.latency * 1e6,
            link.overhead * 1e6);
    for (int i = 1; i < argc; i++)
        LS_TRY_OUT(measure_combine(&b, strtoull(argv[i], NULL, 10), link.bytes_per_second));
out:
    if (status != LS_OK)
        fprintf(stderr, "bench-network: %s\n", ls_message());
    ls_comm_free(comm);
    return (int)status;
}
