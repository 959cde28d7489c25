/* The fuzzer's counters in memory that children share. In a file of its own, which is not counted:
 * the compiler makes use of the linker's two symbols itself in those that are. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void fuzz_share_counters(void);

extern char counters_begin[] __asm__("__start___sancov_cntrs")
    __attribute__((visibility("hidden")));
extern char counters_end[] __asm__("__stop___sancov_cntrs") __attribute__((visibility("hidden")));

/* The whole pages of them: on the others lie other data too. */
void fuzz_share_counters(void)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = ((uintptr_t)counters_begin + page - 1) / page * page;
    uintptr_t end = (uintptr_t)counters_end / page * page;
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
