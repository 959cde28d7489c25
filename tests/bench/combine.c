/* The combine, in buckets of 4 MB, beside MPI_Allreduce and memcpy of the same bytes: mpirun -n 2
 * bench-combine [FLOATS [BUCKET_FLOATS]]. Each figure is the best of several, of the slowest rank,
 * each over many in a row. */
#include <mpi.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "comm/combine.h"
#include "kernel/kernels.h"

enum { REPEATS = 7, BUCKET = 1 << 20, BUCKETS_MOST = 1 << 16 };

struct bench {
    struct ls_comm *comm;
    struct ls_combine *combine;
    float *from, *to;
    size_t floats;
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

static void allreduce_once(struct bench *b)
{
    MPI_Allreduce(b->from, b->to, (int)b->floats, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
}

static void memcpy_once(struct bench *b)
{
    memcpy(b->to, b->from, b->floats * sizeof(float));
    __asm__ volatile("" : : "r"(b->to) : "memory"); /* or it is left out */
}

static void memcpy_on_one(struct bench *b)
{
    if (ls_comm_rank(b->comm) == 0)
        memcpy_once(b);
}

static double best_of(struct bench *b, void (*once)(struct bench *), int count)
{
    double best = 1e9;

    for (int repeat = 0; repeat < REPEATS; repeat++) {
        MPI_Barrier(MPI_COMM_WORLD);
        double seconds = MPI_Wtime();
        for (int i = 0; i < count; i++)
            once(b);
        seconds = (MPI_Wtime() - seconds) / count;
        MPI_Allreduce(MPI_IN_PLACE, &seconds, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
        best = seconds < best ? seconds : best;
    }
    return best * 1e6;
}

static size_t cut(struct ls_range *bucket, size_t floats, size_t size)
{
    size_t count = 0;

    for (size_t at = 0; at < floats && count < BUCKETS_MOST; at += size)
        bucket[count++] =
            (struct ls_range){(int64_t)at, (int64_t)(at + size < floats ? at + size : floats)};
    return count;
}

static ls_status measure(struct ls_comm *comm, size_t floats, size_t bucket_floats)
{
    static struct ls_range bucket[BUCKETS_MOST];
    int size = ls_comm_size(comm), count = floats < 1000000 ? 300 : 1;
    struct ls_combine_options options = {
        .floats = floats, .doubles = 4, .replicas = size, .bucket = bucket};
    struct bench b = {.comm = comm, .floats = floats};
    ls_status status;

    options.buckets = cut(bucket, floats, bucket_floats);
    LS_TRY_OUT(ls_allocate(&b.from, floats, sizeof *b.from));
    LS_TRY_OUT(ls_allocate(&b.to, floats, sizeof *b.to));
    LS_TRY_OUT(ls_combine_create(&b.combine, comm, &options));
    struct ls_slot slot = ls_combine_slot(b.combine, ls_combine_replicas(b.combine).begin);
    for (size_t i = 0; i < floats; i++)
        slot.floats[i] = b.from[i] = 1e-3f;
    memset(slot.doubles, 0, 4 * sizeof *slot.doubles);
    double combine = best_of(&b, combine_once, count);
    double allreduce = best_of(&b, allreduce_once, count);
    double all = best_of(&b, memcpy_once, count), one = best_of(&b, memcpy_on_one, count);
    if (ls_comm_rank(comm) == 0)
        printf("%8.2f MB, %d ranks: combine %.1f us, MPI_Allreduce %.1f us, memcpy on one rank "
               "%.1f us, on all at once %.1f us\n",
               (double)floats * 4e-6, size, combine, allreduce, one, all);
out:
    ls_combine_free(b.combine);
    ls_release(b.from);
    ls_release(b.to);
    return status;
}

int main(int argc, char **argv)
{
    static const size_t sizes[] = {16, 1000, 101770, 36750000};
    struct ls_comm *comm = NULL;
    ls_status status;

    LS_TRY_OUT(ls_kernels_init(NULL));
    LS_TRY_OUT(ls_comm_create(&comm));
    if (ls_comm_size(comm) == 1) {
        status = ls_fail(LS_USAGE, "start it with mpirun -n 2");
        goto out;
    }
    if (argc > 1)
        LS_TRY_OUT(measure(comm, strtoull(argv[1], NULL, 10),
                           argc > 2 ? strtoull(argv[2], NULL, 10) : BUCKET));
    for (size_t i = 0; argc == 1 && i < sizeof sizes / sizeof *sizes; i++)
        LS_TRY_OUT(measure(comm, sizes[i], BUCKET));
out:
    if (status != LS_OK)
        fprintf(stderr, "bench-combine: %s\n", ls_message());
    ls_comm_free(comm);
    return (int)status;
}
