/* A run file to its model and compile state. */
#include "fuzz.h"

#include "train/open_model.h"

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
    (void)count, (void)arguments;
    fuzz_start();
    return 0;
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length)
{
    struct ls_checkpoint checkpoint;
    long blocks = ls_memory_blocks();
    fuzz_write("run.yaml", bytes, length);
    ls_status status = ls_model_open(&checkpoint, "run.yaml");
    fuzz_expect(status);
    if (status == LS_OK) {
        fuzz_model(checkpoint.model);
        ls_checkpoint_release(&checkpoint);
    }
    if (ls_memory_blocks() != blocks)
        abort();
    return 0;
}
