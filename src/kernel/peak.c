/* The peak that profiles compare with: measured here and now, since what a CPU's name promises says
 * little of a virtual machine, or of the clock under load. */
#include "base/clock.h"
#include "kernel/kernels.h"

enum { TRIES = 20, FIRST_ROUNDS = 1000 };
static const double try_seconds = 2e-3;

static double try(size_t rounds, double *seconds)
{
    float out[16];
    double began = ls_seconds(), operations = ls_k->multiply_add(out, rounds);
    *seconds = ls_seconds() - began;
    return operations;
}

double ls_kernels_peak(void)
{
    size_t rounds = FIRST_ROUNDS;
    double seconds = 0, best = 0;
    for (;; rounds *= 2) {
        try(rounds, &seconds);
        if (seconds > try_seconds)
            break;
    }
    for (int i = 0; i < TRIES; i++) {
        double operations = try(rounds, &seconds);
        if (seconds > 0 && operations / seconds > best)
            best = operations / seconds;
    }
    return best * 1e-9;
}
