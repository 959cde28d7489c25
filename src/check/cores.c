/* Ranks and threads beside the cores that there are for them, and how ranks are bound to these. */
#include <stdio.h>
#include <string.h>

#include "base/cgroup.h"
#include "base/memory.h"
#include "check/check.h"
#include "check/cpus.h"

/* Of a rank. */
struct facts {
    cpu_set_t mask; /* where it may run */
    cpu_set_t job;  /* where the job may: the control group's, else all that are on */
    double quota;   /* CPUs' worth of time; 0: no limit */
    int siblings;   /* hardware threads a core */
    int memories;   /* NUMA nodes of the host, */
    int spanned;    /* and of those that the mask has CPUs of */
};

/* Of a host, and of its ranks. */
struct host {
    const struct facts *first;
    int ranks, threads; /* threads: a rank */
    cpu_set_t all;      /* of the masks */
    bool bound;         /* some mask is smaller than the job's set */
    int shared;         /* a rank whose CPUs are fewer than the threads bound to just these; -1 */
    int sharing;        /* how many ranks are */
};

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

static int count_siblings(const cpu_set_t *mask)
{
    char path[96], text[256];
    cpu_set_t siblings;
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, mask))
            continue;
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%zu/topology/thread_siblings_list",
                 cpu);
        ls_kernel_file_read(text, sizeof text, path);
        return ls_cpus_parse(&siblings, text) && CPU_COUNT(&siblings) ? CPU_COUNT(&siblings) : 1;
    }
    return 1;
}

static void count_memories(struct facts *facts)
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
        CPU_AND(&here, &cpus, &facts->job);
        facts->memories += CPU_COUNT(&here) > 0;
        CPU_AND(&here, &cpus, &facts->mask);
        facts->spanned += CPU_COUNT(&here) > 0;
    }
}

static void find(struct facts *facts)
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
    facts->siblings = count_siblings(&facts->mask);
    count_memories(facts);
}

/* -- judging, on rank 0 */

/* Ranks of the node whose mask is that of `rank`. */
static int count_alike(const struct ls_checker *checker, const struct facts *all, int rank)
{
    int count = 0;
    for (int other = 0; other < ls_comm_size(checker->comm); other++)
        count += checker->node_of[other] == checker->node_of[rank] &&
                 CPU_EQUAL(&all[other].mask, &all[rank].mask);
    return count;
}

static void sum_up(struct host *host, const struct ls_checker *checker, const struct facts *all,
                   int node)
{
    memset(host, 0, sizeof *host);
    host->first = &all[checker->first_of[node]];
    host->threads = ls_kernels_threads();
    host->shared = -1;
    for (int rank = 0; rank < ls_comm_size(checker->comm); rank++) {
        if (checker->node_of[rank] != node)
            continue;
        const cpu_set_t *mask = &all[rank].mask;
        host->ranks++;
        CPU_OR(&host->all, &host->all, mask);
        if (CPU_COUNT(mask) >= CPU_COUNT(&all[rank].job))
            continue;
        int alike = count_alike(checker, all, rank);
        host->bound = true;
        if (host->shared < 0 && alike * host->threads > CPU_COUNT(mask)) {
            host->shared = rank;
            host->sharing = alike;
        }
    }
}

static const char *plural(int count)
{
    return count == 1 ? "" : "s";
}

/* How many there are, for the threads of all ranks. */
static void judge_count(struct ls_host_line *line, const struct host *host)
{
    int cores = CPU_COUNT(&host->all), busy = host->ranks * host->threads;
    const double quota = host->first->quota;
    char limit[64] = "", kind[48] = "";
    if (quota > 0 && quota < cores) {
        snprintf(limit, sizeof limit, " (the control group gives the time of %.3g)", quota);
        cores = quota < 1 ? 1 : (int)quota;
    }
    if (host->first->siblings > 1)
        snprintf(kind, sizeof kind, ", %d hardware threads each", host->first->siblings);
    const int physical = CPU_COUNT(&host->all) / host->first->siblings;
    int length = snprintf(line->text, sizeof line->text, "%d rank%s x %d thread%s on %d core%s%s%s",
                          host->ranks, plural(host->ranks), host->threads, plural(host->threads),
                          physical ? physical : 1, plural(physical ? physical : 1), kind, limit);
    char *rest = line->text + length;
    const size_t room = sizeof line->text - (size_t)length;
    if (busy <= cores)
        return;
    line->level = LS_CHECK_WARNING;
    if (cores / host->threads > 0)
        snprintf(rest, room, ": they take turns, and all wait for the last: use %d rank%s a host%s",
                 cores / host->threads, plural(cores / host->threads),
                 host->threads > 1 ? ", or fewer --threads" : ", or more hosts");
    else
        snprintf(rest, room, ": they take turns: use --threads %d", cores);
}

/* Where they may run. */
static void judge_binding(struct ls_host_line *line, const struct host *host,
                          const struct facts *all)
{
    char cpus[LS_CPUS_TEXT];
    const struct facts *first = host->first;
    if (host->shared >= 0) {
        const cpu_set_t *mask = &all[host->shared].mask;
        line->level = LS_CHECK_WARNING;
        snprintf(line->text, sizeof line->text,
                 "%d rank%s of %d thread%s %s bound to CPU%s %s alone: mpirun --map-by "
                 "slot:PE=%d --bind-to core, or --bind-to none",
                 host->sharing, plural(host->sharing), host->threads, plural(host->threads),
                 host->sharing == 1 ? "is" : "are", plural(CPU_COUNT(mask)),
                 ls_cpus_format(cpus, mask), host->threads);
    } else if (host->bound) {
        snprintf(line->text, sizeof line->text, "bound, to %d CPU%s a rank",
                 CPU_COUNT(&first->mask), plural(CPU_COUNT(&first->mask)));
    } else if (first->memories > 1 && host->ranks > 1) {
        line->level = LS_CHECK_WARNING;
        snprintf(line->text, sizeof line->text,
                 "not bound, on %d NUMA nodes: a rank may run far from its memory: mpirun "
                 "--map-by slot:PE=%d --bind-to core",
                 first->memories, host->threads);
    } else if (host->ranks > 1) {
        snprintf(line->text, sizeof line->text, "not bound: the system places the ranks");
    }
}

static ls_status judge(struct ls_checker *checker, const struct facts *all)
{
    struct ls_host_line *count = NULL, *binding = NULL;
    ls_status status;
    LS_TRY_OUT(ls_allocate(&count, (size_t)checker->nodes, sizeof *count));
    LS_TRY_OUT(ls_allocate(&binding, (size_t)checker->nodes, sizeof *binding));
    for (int node = 0; node < checker->nodes; node++) {
        struct host host;
        sum_up(&host, checker, all, node);
        judge_count(&count[node], &host);
        checker->crowded |= count[node].level != LS_CHECK_OK;
        judge_binding(&binding[node], &host, all);
    }
    ls_hosts_tell(checker, "cores", count);
    ls_hosts_tell(checker, "cores", binding);
out:
    ls_release(count);
    ls_release(binding);
    return status;
}

ls_status ls_check_cores(struct ls_checker *checker)
{
    struct facts mine, *all = NULL;
    find(&mine);
    LS_TRY(ls_checker_gather(checker, &all, &mine, sizeof mine));
    ls_status status = ls_checker_writes(checker) ? judge(checker, all) : LS_OK;
    ls_release(all);
    return ls_comm_agree(checker->comm, status);
}
