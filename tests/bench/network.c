/* The combine between nodes beside the wire, and beside what the model of cost says of it:
 * bench-network [FLOATS...], a rank or more a node (see tests/bench/network). Each figure is the
 * best of several, of the slowest rank.
 *
 * The wire's time is what a stream of messages needs for the bytes that a node must send: of n
 * elements on N nodes the (N - 1) / N that others sum up, once for each of the node's partial sums,
 * and its own n / N to each of the N - 1 others. Computing is pretended: ranks sleep, a third of
 * the time forward, then bucket after bucket; so ranks that share cores do not disturb each other.
 */
#include <mpi.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "comm/combine.h"
#include "comm/link.h"
#include "kernel/kernels.h"
#include "train/cost.h"

enum { REPEATS = 5, BUCKET_FLOATS = 1 << 20, BUCKETS_MOST = 1024, DOUBLES = 4 };

struct bench {
    struct ls_comm *comm;
    const struct ls_place *place;
    struct ls_cost_net net;
    size_t floats;

    struct ls_range range[BUCKETS_MOST];
    struct ls_cost_bucket bucket[BUCKETS_MOST];
    size_t buckets;
    struct ls_combine *combine;
    double add_rate;
    double compute; /* seconds, pretended */
};

/* Buckets as training has them, from the end. */
static void cut(struct bench *b)
{
    b->buckets = 0;
    for (size_t end = b->floats; end > 0; b->buckets++) {
        size_t begin = end > BUCKET_FLOATS ? end - BUCKET_FLOATS : 0;
        begin = ls_round_up(begin, LS_ALIGNMENT_FLOATS);
        b->range[b->buckets] = (struct ls_range){(int64_t)begin, (int64_t)end};
        b->bucket[b->buckets].bytes = (double)((end - begin) * sizeof(float));
        end = begin;
    }
}

static void sleep_until(double moment)
{
    double left = moment - ls_seconds();

    if (left > 0)
        nanosleep(&(struct timespec){(time_t)left, (long)((left - (double)(time_t)left) * 1e9)},
                  NULL);
}

static void step(struct bench *b)
{
    int64_t replica = ls_combine_replicas(b->combine).begin;
    double start = ls_seconds();
    struct ls_combined sum;

    ls_combine_slot(b->combine, replica);
    for (size_t i = 0; b->compute > 0 && i < b->buckets; i++) {
        sleep_until(start + b->bucket[i].ready);
        ls_combine_write(b->combine);
        ls_combine_progress(b->combine);
    }
    ls_combine_push(b->combine, replica);
    if (ls_combine_finish(b->combine, &sum) != LS_OK)
        ls_comm_abort(b->comm, 1);
}

/* Seconds. */
static double best_of(struct bench *b, int count)
{
    double best = 1e9;

    step(b); /* connections are made */
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        MPI_Barrier(MPI_COMM_WORLD);
        double seconds = ls_seconds();
        for (int i = 0; i < count; i++)
            step(b);
        seconds = (ls_seconds() - seconds) / count;
        MPI_Allreduce(MPI_IN_PLACE, &seconds, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
        best = seconds < best ? seconds : best;
    }
    return best;
}

static ls_status measure(struct bench *b, double wire, double compute)
{
    const double forward = 1.0 / 3;
    const struct ls_place *place = b->place;
    struct ls_cost_step of = {.bucket = b->bucket,
                              .buckets = b->buckets,
                              .compute = compute,
                              .add_rate = b->add_rate,
                              .pause = 1e-4,
                              .doubles = DOUBLES * sizeof(double)};
    struct ls_cost cost;

    b->compute = compute;
    for (size_t i = 0; i < b->buckets; i++)
        b->bucket[i].ready =
            compute * (forward + (1 - forward) * (double)(i + 1) / (double)b->buckets);
    double seconds = best_of(b, wire < 0.05 ? 20 : 1);
    LS_TRY(ls_cost_predict(&cost, &of, &b->net,
                           &(struct ls_cost_job){place->size, place->node_size, place->size, 0}));
    if (place->rank == 0)
        printf("%7.2f MB, %d nodes, %d ranks, compute %9.3f ms: step %9.3f ms, predicted %9.3f ms "
               "(%+.0f%%); not hidden %.3f of the wire's time, predicted %.3f\n",
               (double)b->floats * 4e-6, place->nodes, place->size, compute * 1e3, seconds * 1e3,
               cost.step * 1e3, 100 * (cost.step / seconds - 1), (seconds - compute) / wire,
               cost.exposed / wire);
    return LS_OK;
}

static ls_status measure_all(struct bench *b, size_t floats)
{
    double nodes = b->place->nodes;
    double wire =
        2 * (double)(floats * sizeof(float)) * (nodes - 1) / nodes / b->net.bytes_per_second;
    ls_status status;

    b->floats = floats;
    cut(b);
    LS_TRY_OUT(ls_combine_create(&b->combine, b->comm,
                                 &(struct ls_combine_options){.floats = floats,
                                                              .doubles = DOUBLES,
                                                              .replicas = b->place->size,
                                                              .bucket = b->range,
                                                              .buckets = b->buckets}));
    struct ls_slot slot = ls_combine_slot(b->combine, ls_combine_replicas(b->combine).begin);
    for (size_t i = 0; i < floats; i++)
        slot.floats[i] = 1e-3f;
    memset(slot.doubles, 0, DOUBLES * sizeof *slot.doubles);
    double seconds = ls_seconds();
    ls_k->add(slot.floats, slot.floats, slot.floats, floats);
    b->add_rate = (double)(3 * sizeof(float) * floats) / (ls_seconds() - seconds);
    LS_TRY_OUT(measure(b, wire, 0));
    LS_TRY_OUT(measure(b, wire, wire));
    LS_TRY_OUT(measure(b, wire, 3 * wire));
out:
    ls_combine_free(b->combine);
    return status;
}

int main(int argc, char **argv)
{
    struct ls_comm *comm = NULL;
    static struct bench b;
    struct ls_link link;
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
    b.net = (struct ls_cost_net){link.bytes_per_second, link.latency, link.overhead};
    if (b.place->rank == 0)
        printf("wire: %.2f MB/s each way (%.3f Gbit/s), latency %.1f us, %.2f us of a rank's time "
               "a message\n",
               link.bytes_per_second * 1e-6, link.bytes_per_second * 8e-9, link.latency * 1e6,
               link.overhead * 1e6);
    for (int i = 1; i < argc; i++)
        LS_TRY_OUT(measure_all(&b, strtoull(argv[i], NULL, 10)));
out:
    if (status != LS_OK)
        fprintf(stderr, "bench-network: %s\n", ls_message());
    ls_comm_free(comm);
    return (int)status;
}
