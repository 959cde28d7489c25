/* How much memory there is. */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/memory.h"

static _Atomic uint64_t pretended; /* 0: nothing */

void ls_memory_pretend(uint64_t bytes)
{
    atomic_store(&pretended, bytes);
}

/* The number after `name` in text, or nothing. */
static unsigned long long number_after(const char *text, const char *name, unsigned long long none)
{
    const char *at = strstr(text, name);
    unsigned long long number;
    return at && sscanf(at + strlen(name), "%llu", &number) == 1 ? number : none;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t of_machine(void)
{
    enum { KIB = 1024 };
    char text[4096];
    ls_kernel_file_read(text, sizeof text, "/proc/meminfo");
    unsigned long long free = number_after(text, "MemAvailable:", 0);
    if (free == 0)
        return UINT64_MAX;
    return (free + number_after(text, "SwapFree:", 0)) * KIB;
}

static uint64_t of_process(void)
{
    struct rlimit limit;
    char text[64];
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return UINT64_MAX;
    ls_kernel_file_read(text, sizeof text, "/proc/self/statm");
    uint64_t used = number_after(text, "", 0) * (uint64_t)sysconf(_SC_PAGESIZE);
    return used < limit.rlim_cur ? limit.rlim_cur - used : 0;
}

static void see_limit(void *user, const char *text)
{
    uint64_t *most = user;
    *most = least(*most, number_after(text, "", UINT64_MAX));
}

/* The process's control group and those around it: a batch system limits the job's. "max", no
 * number, is no limit. */
static uint64_t of_groups(void)
{
    char text[64];
    uint64_t most = UINT64_MAX;
    ls_cgroup_each("memory.max", see_limit, &most);
    ls_kernel_file_read(text, sizeof text, "/sys/fs/cgroup/memory/memory.limit_in_bytes");
    see_limit(&most, text);
    return most;
}

const char *ls_bytes_format(char out[LS_BYTES_TEXT], double bytes)
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", "PB", "EB"};
    size_t unit = 0;
    for (; bytes >= 1000 && unit + 1 < sizeof units / sizeof *units; unit++)
        bytes /= 1000;
    snprintf(out, LS_BYTES_TEXT, "%.*f %s", unit > 0, bytes, units[unit]);
    return out;
}

uint64_t ls_memory_available(void)
{
    uint64_t bytes = atomic_load(&pretended);
    return bytes ? bytes : least(of_process(), ls_memory_available_to_all());
}

uint64_t ls_memory_available_to_all(void)
{
    uint64_t bytes = atomic_load(&pretended);
    return bytes ? bytes : least(of_machine(), of_groups());
}

enum ls_memory_limit ls_memory_limit(void)
{
    uint64_t machine = of_machine(), groups = of_groups(), process = of_process();
    if (process < machine && process < groups)
        return LS_MEMORY_OF_PROCESS;
    return groups < machine ? LS_MEMORY_OF_GROUP : LS_MEMORY_OF_MACHINE;
}
