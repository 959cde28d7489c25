/* Where a rank may run: cores, their memories, and what the control group allows of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "check/cpus.h"
#include "check/facts.h"

static void see_cpus(void *user, const char *text)
{
    cpu_set_t *cpus = user, found;
    if (CPU_COUNT(cpus) == 0 && ls_cpus_parse(&found, text))
        *cpus = found;
}

static void see_quota(void *user, const char *text)
{
    double *least = user, quota = ls_cpus_quota(text);
    if (quota > 0 && (*least == 0 || quota < *least))
        *least = quota;
}

/* In version 1 of control groups two files have what is in one of version 2. */
static void see_old_quota(double *least)
{
    char quota[64], period[64], both[sizeof quota + sizeof period];
    ls_kernel_file_read(quota, sizeof quota, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
    ls_kernel_file_read(period, sizeof period, "/sys/fs/cgroup/cpu/cpu.cfs_period_us");
    quota[strcspn(quota, "\n")] = '\0';
    snprintf(both, sizeof both, "%s %s", quota, period);
    see_quota(least, both); /* -1: no limit */
}

/* Of each core the first CPU of those that it is, whether the mask has that or not. */
static void find_cores(struct ls_cores_facts *facts)
{
    char path[96], text[256];
    cpu_set_t siblings;
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        size_t first = 0;
        if (!CPU_ISSET(cpu, &facts->mask))
            continue;
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%zu/topology/thread_siblings_list",
                 cpu);
        ls_kernel_file_read(text, sizeof text, path);
        ls_cpus_parse(&siblings, text);
        while (first < cpu && !CPU_ISSET(first, &siblings))
            first++;
        CPU_SET(first, &facts->cores);
    }
}

static void count_memories(struct ls_cores_facts *facts)
{
    char path[96], text[1024];
    cpu_set_t nodes, cpus, here;
    ls_kernel_file_read(text, sizeof text, "/sys/devices/system/node/online");
    ls_cpus_parse(&nodes, text);
    for (size_t node = 0; node < CPU_SETSIZE; node++) {
        if (!CPU_ISSET(node, &nodes))
            continue;
        snprintf(path, sizeof path, "/sys/devices/system/node/node%zu/cpulist", node);
        ls_kernel_file_read(text, sizeof text, path);
        ls_cpus_parse(&cpus, text);
        CPU_AND(&here, &cpus, &facts->mask);
        facts->spanned += CPU_COUNT(&here) > 0;
    }
}

static void find(struct ls_cores_facts *facts)
{
    char text[1024];
    memset(facts, 0, sizeof *facts);
    ls_cgroup_each("cpuset.cpus.effective", see_cpus, &facts->job);
    if (CPU_COUNT(&facts->job) == 0) {
        ls_kernel_file_read(text, sizeof text, "/sys/devices/system/cpu/online");
        ls_cpus_parse(&facts->job, text);
    }
    if (sched_getaffinity(0, sizeof facts->mask, &facts->mask) != 0)
        facts->mask = facts->job;
    ls_cgroup_each("cpu.max", see_quota, &facts->quota);
    see_old_quota(&facts->quota);
    find_cores(facts);
    facts->online = (int)sysconf(_SC_NPROCESSORS_ONLN);
    ls_kernel_file_read(text, sizeof text, "/proc/loadavg");
    facts->load = strtod(text, NULL);
    count_memories(facts);
}

ls_status ls_check_cores(struct ls_checker *checker)
{
    struct ls_cores_facts mine, *all = NULL;
    find(&mine);
    LS_TRY(ls_checker_gather(checker, &all, &mine, sizeof mine));
    ls_status status =
        ls_checker_writes(checker) ? ls_cores_tell(checker, all, ls_kernels_threads()) : LS_OK;
    ls_release(all);
    return ls_comm_agree(checker->comm, status);
}
