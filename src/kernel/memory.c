#include "kernel/memory.h"

#include <sys/mman.h>

#include "kernel/kernels.h"

/* What this thread's kernels could not compute first, or NULL. */
static _Thread_local const char *fault;

ls_status ls_kernels_room(size_t bytes, const char *what)
{
    void *block =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, (off_t)0);
    if (block == MAP_FAILED)
        return ls_fail(LS_FAILED,
                       "not enough memory for %s: no room for %zu MB more (ulimit -v, or the "
                       "batch system's limit)",
                       what, bytes >> 20);
    munmap(block, bytes);
    return LS_OK;
}

ls_status ls_kernels_code_room(uint64_t *asked, uint64_t kind)
{
    enum { CODE_BYTES = 16 << 20 };
    const uint64_t bit = UINT64_C(1) << kind % 64;
    if (*asked & bit)
        return LS_OK;
    LS_TRY(ls_kernels_room(CODE_BYTES, "the code that oneDNN makes"));
    *asked |= bit;
    return LS_OK;
}

void ls_kernels_note(const char *what)
{
    if (!fault)
        fault = what;
}

ls_status ls_kernels_fault(void)
{
    const char *what = fault;
    fault = NULL;
    if (!what)
        return LS_OK;
    return ls_fail(LS_FAILED,
                   "not enough memory for %s: smaller slices (batch_size) or fewer ranks on this "
                   "host need less",
                   what);
}
