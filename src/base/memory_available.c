/* How much memory there is. */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/memory.h"

static _Atomic uint64_t pretended; /* 0: nothing */

void ls_memory_pretend(uint64_t bytes)
{
    atomic_store(&pretended, bytes);
}

/* The beginning of one of the kernel's files; empty when there is none. By read, since this is
 * asked in the middle of an allocation. */
static void read_file(char *text, size_t room, const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = file >= 0 ? read(file, text, room - 1) : 0;
    text[got > 0 ? got : 0] = '\0';
    if (file >= 0)
        close(file);
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
    read_file(text, sizeof text, "/proc/meminfo");
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
    read_file(text, sizeof text, "/proc/self/statm");
    uint64_t used = number_after(text, "", 0) * (uint64_t)sysconf(_SC_PAGESIZE);
    return used < limit.rlim_cur ? limit.rlim_cur - used : 0;
}

/* The process's control group and those around it: a batch system limits the job's. In a container
 * the outermost is the container's. "max", no number, is no limit. */
static uint64_t of_groups(void)
{
    char text[4096], group[2048] = "", path[sizeof group + 64];
    uint64_t most = UINT64_MAX;
    read_file(text, sizeof text, "/proc/self/cgroup");
    const char *at = strstr(text, "0::/");
    if (at)
        sscanf(at, "0::%2047[^\n]", group);
    for (;;) {
        snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.max", group);
        read_file(text, sizeof text, path);
        most = least(most, number_after(text, "", UINT64_MAX));
        char *slash = strrchr(group, '/');
        if (!slash)
            break;
        *slash = '\0';
    }
    read_file(text, sizeof text, "/sys/fs/cgroup/memory/memory.limit_in_bytes");
    return least(most, number_after(text, "", UINT64_MAX));
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
