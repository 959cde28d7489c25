#include "kernel/blas.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernel/memory.h"

#define OPENBLAS "libopenblas.so.0"

struct ls_blas ls_blas;

/* A variable of the environment that is changed for a while. */
struct variable {
    const char *name;
    char *before; /* NULL: it was not set */
    bool changed;
};

static ls_status variable_set(struct variable *variable, const char *value)
{
    const char *before = getenv(variable->name);
    if (before)
        LS_TRY(ls_duplicate(&variable->before, before));
    if (setenv(variable->name, value, 1) != 0)
        return ls_fail(LS_FAILED, "cannot set %s: no memory", variable->name);
    variable->changed = true;
    return LS_OK;
}

static void variable_restore(struct variable *variable)
{
    if (variable->changed && variable->before)
        setenv(variable->name, variable->before, 1);
    else if (variable->changed)
        unsetenv(variable->name);
    ls_release(variable->before);
}

/* RTLD_LOCAL: another BLAS in the process (a program's own) stays what it is, and so does ours. */
static ls_status open_library(void **library, const char *core)
{
    struct variable coretype = {.name = "OPENBLAS_CORETYPE"};
    struct variable threads = {.name = "OPENBLAS_NUM_THREADS"};
    ls_status status;
    if (core && !getenv(coretype.name))
        LS_TRY_OUT(variable_set(&coretype, core));
    LS_TRY_OUT(variable_set(&threads, "1"));
    *library = dlopen(OPENBLAS, RTLD_NOW | RTLD_LOCAL);
    if (!*library)
        status = ls_fail(LS_FAILED,
                         "cannot load OpenBLAS: %s (Debian: apt install libopenblas0-pthread)",
                         dlerror());
out:
    variable_restore(&threads);
    variable_restore(&coretype);
    return status;
}

static ls_status find_symbol(void *function, void *library, const char *name)
{
    void *symbol = dlsym(library, name);
    if (!symbol)
        return ls_fail(LS_FAILED, "%s has no %s: it is not an OpenBLAS with CBLAS", OPENBLAS, name);
    memcpy(function, &symbol, sizeof symbol); /* ISO C knows no cast from data to function */
    return LS_OK;
}

ls_status ls_blas_load(const char *core)
{
    struct ls_blas blas = {0};
    void *library = NULL;
    ls_status status;
    LS_TRY(open_library(&library, core));
    LS_TRY_OUT(find_symbol(&blas.sgemm, library, "cblas_sgemm"));
    LS_TRY_OUT(find_symbol(&blas.corename, library, "openblas_get_corename"));
    LS_TRY_OUT(find_symbol(&blas.config, library, "openblas_get_config"));
    LS_TRY_OUT(find_symbol(&blas.set_threads, library, "openblas_set_num_threads"));
    void *dgeqrf = dlsym(library, "dgeqrf_"), *dorgqr = dlsym(library, "dorgqr_");
    if (dgeqrf && dorgqr) {
        memcpy(&blas.dgeqrf, &dgeqrf, sizeof dgeqrf);
        memcpy(&blas.dorgqr, &dorgqr, sizeof dorgqr);
    }
    ls_blas = blas;
out:
    if (status != LS_OK)
        dlclose(library);
    return status;
}

/* A product that no core computes without its buffer: SkylakeX does up to 100^3. */
ls_status ls_blas_reserve(int threads)
{
    enum { BUFFER_BYTES = 128 << 20, SPARE_BYTES = 1 << 20, SIZE = 128 };
    float *zeros, *result;
    LS_TRY(ls_kernels_room((size_t)threads * BUFFER_BYTES + SPARE_BYTES, "OpenBLAS"));
    LS_TRY(ls_allocate(&zeros, 2 * SIZE * SIZE, sizeof *zeros));
    result = zeros + SIZE * SIZE;
    ls_blas.sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, SIZE, SIZE, SIZE, 1.0f, zeros, SIZE,
                  zeros, SIZE, 0.0f, result, SIZE);
    ls_release(zeros);
    return LS_OK;
}
