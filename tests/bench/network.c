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
#include "kernel/kernels.h"

enum { REPEATS = 5, STREAM_MESSAGES = 8, MANY = 64 };

struct bench {
    struct ls_comm *comm;
    const struct ls_place *place;
    struct ls_combine *combine;
    char *from, *to;
    size_t bytes; /* of a message */
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

/* Between the first ranks of the first two nodes; the others look on. */
static int partner(const struct bench *b)
{
    int first = b->place->node_rank == 0 && b->place->node < 2, other = -1;

    for (int rank = 0; first && rank < b->place->size; rank++)
        if (strcmp(ls_comm_host(b->comm, rank), ls_comm_host(b->comm, b->place->rank)) != 0) {
            other = rank;
            break;
        }
    return b->place->node == 1 ? 0 : other;
}

static void ping_once(struct bench *b)
{
    int other = partner(b);

    if (other < 0 || b->place->node_rank > 0 || b->place->node > 1)
        return;
    for (int turn = 0; turn < 2; turn++)
        if (turn == b->place->node)
            MPI_Send(b->from, (int)b->bytes, MPI_CHAR, other, 0, MPI_COMM_WORLD);
        else
            MPI_Recv(b->to, (int)b->bytes, MPI_CHAR, other, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

/* Both at once in both directions, as the combine uses a link. */
static void stream(struct bench *b, int messages)
{
    MPI_Request request[2 * MANY];
    int other = partner(b), count = 0;

    if (other < 0 || b->place->node_rank > 0 || b->place->node > 1)
        return;
    for (int i = 0; i < messages; i++) {
        MPI_Irecv(b->to, (int)b->bytes, MPI_CHAR, other, 0, MPI_COMM_WORLD, &request[count++]);
        MPI_Isend(b->from, (int)b->bytes, MPI_CHAR, other, 0, MPI_COMM_WORLD, &request[count++]);
    }
    MPI_Waitall(count, request, MPI_STATUSES_IGNORE);
}

static void stream_once(struct bench *b)
{
    stream(b, STREAM_MESSAGES);
}

static void many_once(struct bench *b)
{
    stream(b, MANY);
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

/* Bytes a second, each way. */
static double measure_wire(struct bench *b, size_t most)
{
    b->bytes = 1;
    double latency = best_of(b, ping_once, 100) / 2;
    double message = best_of(b, many_once, 10) / MANY;
    b->bytes = most / STREAM_MESSAGES;
    double rate = (double)most / best_of(b, stream_once, 1);

    if (b->place->rank == 0)
        printf("wire: %.2f MB/s each way (%.3f Gbit/s), latency %.1f us, %.2f us a message\n",
               rate * 1e-6, rate * 8e-9, latency * 1e6, message * 1e6);
    return rate;
}

static ls_status measure_combine(struct bench *b, size_t floats, double rate)
{
    const struct ls_place *place = b->place;
    struct ls_combine_options options = {.floats = floats, .doubles = 4, .replicas = place->size};
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
    enum { STREAM_BYTES = 1 << 26 };
    struct ls_comm *comm = NULL;
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
    LS_TRY_OUT(ls_allocate(&b.from, STREAM_BYTES, 1));
    LS_TRY_OUT(ls_allocate(&b.to, STREAM_BYTES, 1));
    double rate = measure_wire(&b, STREAM_BYTES);
    for (int i = 1; i < argc; i++)
        LS_TRY_OUT(measure_combine(&b, strtoull(argv[i], NULL, 10), rate));
out:
    if (status != LS_OK)
        fprintf(stderr, "bench-network: %s\n", ls_message());
    ls_release(b.from);
    ls_release(b.to);
    ls_comm_free(comm);
    return (int)status;
}
