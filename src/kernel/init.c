#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <oneapi/dnnl/dnnl.h>

#include "kernel/blas.h"
#include "kernel/sets.h"

static const struct {
    const char *core;
    dnnl_cpu_isa_t isa;
} companions[] = {
#define X(set, needs, core, isa) {core, dnnl_cpu_isa_##isa},
    LS_KERNEL_SETS(X)
#undef X
};

/* What ls_kernels_init has made of the process: the libraries are loaded once. */
static struct {
    pthread_mutex_t lock;
    bool ready;
    void (*omp_set_num_threads)(int);
} process = {.lock = PTHREAD_MUTEX_INITIALIZER};

static _Atomic int chosen_threads = 1;

/* OpenMP's own copy of the number is this thread's; ours says what it was set to. */
static _Thread_local int entered_threads;

int ls_kernels_threads(void)
{
    return atomic_load_explicit(&chosen_threads, memory_order_relaxed);
}

void ls_kernels_enter(sigset_t *before)
{
    static const int raised[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT};
    sigset_t waiting;
    int threads = ls_kernels_threads();
    sigfillset(&waiting);
    for (size_t i = 0; i < sizeof raised / sizeof *raised; i++)
        sigdelset(&waiting, raised[i]);
    pthread_sigmask(SIG_SETMASK, &waiting, before);
    if (entered_threads == threads)
        return;
    process.omp_set_num_threads(threads);
    entered_threads = threads;
}

void ls_kernels_leave(const sigset_t *before)
{
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

/* A set that was chosen by hand is there to make machines agree: then OpenBLAS and oneDNN must
 * follow, or the bits differ behind the user's back. */
static ls_status check_core(const char *name, const char *core)
{
    if (getenv("OPENBLAS_CORETYPE") || strcasecmp(ls_blas.corename(), core) == 0)
        return LS_OK;
    return ls_fail(LS_FAILED,
                   "LOCKSTEP_KERNELS=%s needs OpenBLAS' core %s, but it runs %s: it was loaded "
                   "before, by the program or a library; set OPENBLAS_CORETYPE=%s for the process",
                   name, core, ls_blas.corename(), core);
}

static ls_status restrict_onednn(const char *name, enum ls_kernel_set set)
{
    if (dnnl_set_max_cpu_isa(companions[set].isa) == dnnl_success)
        return LS_OK;
    return ls_fail(LS_FAILED,
                   "LOCKSTEP_KERNELS=%s: oneDNN has chosen its instruction set already: it was "
                   "used before, by the program or a library",
                   name);
}

/* libdnnl brings its OpenMP runtime with it; it may be loaded where RTLD_DEFAULT does not look. */
static ls_status find_openmp(void)
{
    void *symbol = dlsym(RTLD_DEFAULT, "omp_set_num_threads");
    if (!symbol) {
        void *runtime = dlopen("libgomp.so.1", RTLD_NOW | RTLD_NOLOAD);
        symbol = runtime ? dlsym(runtime, "omp_set_num_threads") : NULL;
    }
    if (!symbol)
        return ls_fail(LS_FAILED, "oneDNN's threads cannot be set: it runs without OpenMP");
    memcpy(&process.omp_set_num_threads, &symbol, sizeof symbol);
    return LS_OK;
}

/* What a CPU newer than OpenBLAS 0.3.21 gets from it is its slowest core, so the core is named by
 * what the CPU can do. Haswell for AMD too (Zen has the same kernels), and SkylakeX for CPUs with
 * more (Cooperlake measures the same): the fewer cores, the more machines agree. */
static ls_status load(void)
{
    const char *name = getenv("LOCKSTEP_KERNELS");
    const bool by_hand = name && *name;
    enum ls_kernel_set set;
    LS_TRY(ls_kernels_find(&set, name, ls_kernels_runnable()));
    LS_TRY(find_openmp());
    const bool known = by_hand || set != LS_KERNEL_SET_baseline;
    LS_TRY(ls_blas_load(known ? companions[set].core : NULL));
    if (by_hand) {
        LS_TRY(check_core(name, companions[set].core));
        LS_TRY(restrict_onednn(name, set));
    }
    return ls_kernels_choose(name);
}

static ls_status set_threads(int threads)
{
    if (!process.ready || threads != ls_kernels_threads()) {
        LS_TRY(ls_blas_reserve(threads));
        ls_blas.set_threads(threads);
    }
    atomic_store_explicit(&chosen_threads, threads, memory_order_relaxed);
    return LS_OK;
}

ls_status ls_kernels_init(const struct ls_kernel_options *options)
{
    ls_status status = LS_OK;
    pthread_mutex_lock(&process.lock);
    if (!process.ready)
        LS_TRY_OUT(load());
    if (!process.ready || options) /* who only needs the kernels leaves a training's threads */
        LS_TRY_OUT(set_threads(options && options->threads > 0 ? options->threads : 1));
    process.ready = true;
out:
    pthread_mutex_unlock(&process.lock);
    return status;
}
