/* A .keras archive to a model with weights and compile state. libFuzzer knows no checksums: it is
 * given the members, config.json and then model.weights.h5, parted by a NUL, and the archive is
 * made of them; what is no such pair is taken for an archive as it is. */
#include "fuzz.h"

#include "store/archive.h"
#include "store/checkpoint.h"

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
    (void)count, (void)arguments;
    fuzz_share_counters();
    fuzz_start();
    return 0;
}

static void write_archive(const unsigned char *bytes, size_t length)
{
    const unsigned char *end = length > 0 && bytes[0] == '{' ? memchr(bytes, 0, length) : NULL;
    if (!end) {
        fuzz_write("m.keras", bytes, length);
        return;
    }
    size_t config = (size_t)(end - bytes);
    const struct ls_member member[] = {
        {"config.json", bytes, config},
        {"model.weights.h5", end + 1, length - config - 1},
    };
    if (ls_archive_publish("m.keras", member, 2) != LS_OK)
        abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length)
{
    struct ls_checkpoint checkpoint;
    long blocks = ls_memory_blocks();
    write_archive(bytes, length);
    ls_status status = ls_checkpoint_read(&checkpoint, "m.keras");
    fuzz_expect(status);
    if (status == LS_OK) {
        fuzz_model(checkpoint.model);
        ls_checkpoint_release(&checkpoint);
    }
    if (ls_memory_blocks() != blocks)
        abort();
    return 0;
}
