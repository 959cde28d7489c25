/* The kernel room's own: the sets of loops, and which of them this CPU runs. For its files and its
 * tests. */
#ifndef KERNEL_SETS_H
#define KERNEL_SETS_H

#include <signal.h>

#include "kernel/kernels.h"

/* One table makes the sets, their names and what the CPU must have, from the plainest on: what a
 * set needs (GCC's names for __builtin_cpu_supports), the core of OpenBLAS and the instruction set
 * of oneDNN that go with it. X(set, needs, core, oneDNN) */
#define LS_KERNEL_SETS(X)                                                                          \
    X(baseline, "SSE2", "Prescott", sse41)                                                         \
    X(avx2, "AVX2 and FMA", "Haswell", avx2)                                                       \
    X(avx512, "AVX-512 F, BW, DQ and VL", "SkylakeX", avx512_core)

enum ls_kernel_set {
#define X(set, needs, core, isa) LS_KERNEL_SET_##set,
    LS_KERNEL_SETS(X)
#undef X
        LS_KERNEL_SET_COUNT
};

#define X(set, needs, core, isa) extern const struct ls_kernels ls_kernels_##set;
LS_KERNEL_SETS(X)
#undef X

/* Bit s: this CPU (and its operating system) runs set s. */
unsigned ls_kernels_runnable(void);

/* The set by name, or the best of the runnable ones when name is NULL or empty. LS_USAGE, with the
 * names that are possible, when there is no such set or it is not among them. */
ls_status ls_kernels_find(enum ls_kernel_set *set, const char *name, unsigned runnable);

/* Makes ls_k the named set, without touching OpenBLAS or oneDNN: for tests that go over all sets in
 * one process. The same failures. */
ls_status ls_kernels_choose(const char *name);

/* Around any call of oneDNN. The code that oneDNN 2.6 makes for matrix products uses the stack
 * pointer as one more register, pointing into its own buffer: a signal handled meanwhile on the
 * normal stack would be written over the heap. So signals wait until ls_kernels_leave (those that
 * the processor raises do not). Also makes this thread's calls use the chosen number of threads:
 * OpenMP keeps that number per thread; its workers, started here, inherit the mask. */
void ls_kernels_enter(sigset_t *before);
void ls_kernels_leave(const sigset_t *before);

#endif
