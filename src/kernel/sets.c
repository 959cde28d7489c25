#include "kernel/sets.h"

#include <string.h>

#include "base/text.h"

const struct ls_kernels *ls_k;

static const struct ls_kernels *const tables[] = {
#define X(set, needs, core, isa) &ls_kernels_##set,
    LS_KERNEL_SETS(X)
#undef X
};

static const char *const needs_of[] = {
#define X(set, needs, core, isa) needs,
    LS_KERNEL_SETS(X)
#undef X
};

unsigned ls_kernels_runnable(void)
{
    unsigned runnable = 1u << LS_KERNEL_SET_baseline;
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        runnable |= 1u << LS_KERNEL_SET_avx2;
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
            runnable |= 1u << LS_KERNEL_SET_avx512;
    }
    return runnable;
}

static ls_status refuse(const char *name, const char *needs, unsigned runnable)
{
    struct ls_text possible = {0};
    for (size_t s = 0; s < LS_KERNEL_SET_COUNT; s++)
        if (runnable & 1u << s)
            ls_text_append(&possible, "%s%s", possible.length ? ", " : "", tables[s]->name);
    ls_status status = ls_text_status(&possible);
    if (status == LS_OK && needs)
        status = ls_fail(LS_USAGE, "LOCKSTEP_KERNELS=%s: this CPU lacks %s (it runs: %s)", name,
                         needs, possible.data);
    else if (status == LS_OK)
        status = ls_fail(LS_USAGE, "LOCKSTEP_KERNELS=%s: no such kernel set (this CPU runs: %s)",
                         name, possible.data);
    ls_text_release(&possible);
    return status;
}

ls_status ls_kernels_find(enum ls_kernel_set *set, const char *name, unsigned runnable)
{
    *set = LS_KERNEL_SET_baseline;
    if (!name || !*name) {
        for (size_t s = 0; s < LS_KERNEL_SET_COUNT; s++)
            if (runnable & 1u << s)
                *set = (enum ls_kernel_set)s;
        return LS_OK;
    }
    for (size_t s = 0; s < LS_KERNEL_SET_COUNT; s++) {
        if (strcmp(tables[s]->name, name) != 0)
            continue;
        if (!(runnable & 1u << s))
            return refuse(name, needs_of[s], runnable);
        *set = (enum ls_kernel_set)s;
        return LS_OK;
    }
    return refuse(name, NULL, runnable);
}

ls_status ls_kernels_choose(const char *name)
{
    enum ls_kernel_set set;
    LS_TRY(ls_kernels_find(&set, name, ls_kernels_runnable()));
    ls_k = tables[set];
    return LS_OK;
}
