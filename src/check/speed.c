/* How fast each rank is: a product of matrices, by all of them at once as in a step. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "check/facts.h"
#include "kernel/gemm.h"

enum { SIDE = 256, TRIES = 9, ROUNDS = 2 };
static const double try_seconds = 0.006, slow = 0.8; /* beside the median */

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare);
    return values[count / 2];
}

static double try_once(const struct ls_gemm *gemm)
{
    double began = ls_seconds(), passed = 0;
    int products = 0;
    for (; passed < try_seconds; passed = ls_seconds() - began, products++)
        ls_gemm(gemm);
    return products * 2.0 * SIDE * SIDE * SIDE / passed * 1e-9;
}

/* The better of two rounds: what passes is no reason to warn. */
static ls_status measure(double *gflops)
{
    enum { FLOATS = SIDE * SIDE };
    float *x = NULL;
    double tries[TRIES];
    LS_TRY(ls_allocate(&x, 3 * FLOATS, sizeof *x));
    ls_k->fill(x, 0.5f, 2 * FLOATS);
    const struct ls_gemm gemm = {
        .m = SIDE, .n = SIDE, .k = SIDE, .a = x, .b = x + FLOATS, .c = x + 2 * FLOATS};
    ls_gemm(&gemm); /* warms up */
    *gflops = 0;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < TRIES; i++)
            tries[i] = try_once(&gemm);
        *gflops = fmax(*gflops, median(tries, TRIES));
    }
    ls_release(x);
    return ls_kernels_fault();
}

ls_status ls_speed_tell(struct ls_checker *checker, const double *all)
{
    const int size = checker->size;
    double *sorted = NULL;
    bool *which = NULL;
    int count = 0, slowest = 0;
    char ranks[LS_RANKS_TEXT];
    ls_status status;
    LS_TRY_OUT(ls_allocate(&sorted, (size_t)size, sizeof *sorted));
    LS_TRY_OUT(ls_allocate(&which, (size_t)size, sizeof *which));
    memcpy(sorted, all, (size_t)size * sizeof *sorted);
    double middle = median(sorted, (size_t)size);
    for (int rank = 0; rank < size; rank++) {
        which[rank] = all[rank] < slow * middle;
        count += which[rank];
        slowest = all[rank] < all[slowest] ? rank : slowest;
    }
    ls_check_figure(checker->check, "gflops", middle);
    ls_check_figure(checker->check, "gflops_slowest", all[slowest]);
    if (count == 0 || checker->crowded) /* of ranks that take turns some are slow at any time */
        ls_check_add(checker->check, LS_CHECK_OK, "speed",
                     size > 1 ? "a rank multiplies matrices at %.0f GFLOPS, the slowest at %.0f"
                              : "%.0f GFLOPS in products of matrices",
                     middle, all[slowest]);
    else
        ls_check_add(checker->check, LS_CHECK_WARNING, "speed",
                     "%s %s slower than the others: rank %d (host %s) multiplies matrices at %.0f "
                     "GFLOPS, most at %.0f: all wait for it at each step",
                     ls_ranks_format(ranks, which, size), count == 1 ? "is" : "are", slowest,
                     checker->host_of[slowest], all[slowest], middle);
out:
    ls_release(sorted);
    ls_release(which);
    return status;
}

ls_status ls_check_speed(struct ls_checker *checker)
{
    double mine = 0, *all = NULL;
    ls_comm_barrier(checker->comm);
    LS_TRY(ls_comm_agree(checker->comm, measure(&mine)));
    LS_TRY(ls_checker_gather(checker, &all, &mine, sizeof mine));
    ls_status status = ls_checker_writes(checker) ? ls_speed_tell(checker, all) : LS_OK;
    ls_release(all);
    return ls_comm_agree(checker->comm, status);
}
