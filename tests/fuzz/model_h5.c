/* A Keras .h5 to a model with weights and compile state. HDF5 runs in a child, so that the counters
 * of what was run are put into memory that is shared with it. */
#include "fuzz.h"

#include <stdint.h>
#include <sys/mman.h>

#include "store/checkpoint.h"

/* Of the linker's. */
extern char __start___sancov_cntrs[], __stop___sancov_cntrs[];

/* The whole pages of the counters; on the others lie other data too. */
static void share_counters(void)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = ((uintptr_t)__start___sancov_cntrs + page - 1) / page * page;
    uintptr_t end = (uintptr_t)__stop___sancov_cntrs / page * page;
    if (begin >= end)
        return;
    size_t length = end - begin;
    char *before = malloc(length);
    memcpy(before, (void *)begin, length);
    if (mmap((void *)begin, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED,
             -1, 0) == MAP_FAILED)
        abort();
    memcpy((void *)begin, before, length);
    free(before);
}

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
    (void)count, (void)arguments;
    share_counters();
    fuzz_start();
    return 0;
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length)
{
    struct ls_checkpoint checkpoint;
    long blocks = ls_memory_blocks();
    fuzz_write("model.h5", bytes, length);
    ls_status status = ls_checkpoint_read(&checkpoint, "model.h5");
    fuzz_expect(status);
    if (status == LS_OK) {
        fuzz_model(checkpoint.model);
        ls_checkpoint_release(&checkpoint);
    }
    if (ls_memory_blocks() != blocks)
        abort();
    return 0;
}
