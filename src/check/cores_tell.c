/* Ranks and threads beside the cores that there are for them, and how ranks are bound to these. */
#include <stdio.h>

#include "check/cpus.h"
#include "check/facts.h"

/* Of a host, and of its ranks. */
struct host {
    const struct ls_cores_facts *first;
    int ranks, threads; /* threads: a rank */
    cpu_set_t all;      /* of the masks, */
    cpu_set_t cores;    /* and of their cores */
    bool bound;         /* some mask is smaller than the job's set */
    int shared;         /* a rank whose CPUs are fewer than the threads bound to just these; -1 */
    int sharing;        /* how many ranks are */
};

/* Ranks of the node whose mask is that of `rank`. */
static int count_alike(const struct ls_checker *checker, const struct ls_cores_facts *all, int rank)
{
    int count = 0;
    for (int other = 0; other < checker->size; other++)
        count += checker->node_of[other] == checker->node_of[rank] &&
                 CPU_EQUAL(&all[other].mask, &all[rank].mask);
    return count;
}

static void sum_up(struct host *host, const struct ls_checker *checker,
                   const struct ls_cores_facts *all, int node)
{
    host->first = &all[checker->first_of[node]];
    for (int rank = 0; rank < checker->size; rank++) {
        if (checker->node_of[rank] != node)
            continue;
        const cpu_set_t *mask = &all[rank].mask;
        host->ranks++;
        CPU_OR(&host->all, &host->all, mask);
        CPU_OR(&host->cores, &host->cores, &all[rank].cores);
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
    const int cpus = CPU_COUNT(&host->all), cores = CPU_COUNT(&host->cores);
    const int busy = host->ranks * host->threads;
    const double quota = host->first->quota;
    int most = cpus;
    char kind[48] = "", limit[64] = "";
    if (cpus > cores)
        snprintf(kind, sizeof kind, " of %d hardware threads", cpus);
    if (quota > 0 && quota < cpus) {
        snprintf(limit, sizeof limit, ", in a control group with the time of %.3g", quota);
        most = quota < 1 ? 1 : (int)quota;
    }
    int length = snprintf(line->text, sizeof line->text, "%d rank%s x %d thread%s on %d core%s%s%s",
                          host->ranks, plural(host->ranks), host->threads, plural(host->threads),
                          cores, plural(cores), kind, limit);
    char *rest = line->text + length;
    const size_t room = sizeof line->text - (size_t)length;
    const int fit = most / host->threads;
    if (host->shared >= 0 && busy <= CPU_COUNT(&host->first->job))
        return; /* there are enough: it is how they are bound */
    if (busy > most || busy > cores)
        line->level = LS_CHECK_WARNING;
    if (busy > most && fit > 0)
        snprintf(rest, room, ": they take turns, and all wait for the last: use %d rank%s a host%s",
                 fit, plural(fit), host->threads > 1 ? ", or fewer --threads" : ", or more hosts");
    else if (busy > most)
        snprintf(rest, room, ": they take turns: use --threads %d", most);
    else if (busy > cores)
        snprintf(rest, room, ": two on a core share its arithmetic, and are no faster than one");
}

/* Where they may run. */
static void judge_binding(struct ls_host_line *line, const struct host *host,
                          const struct ls_cores_facts *all)
{
    char cpus[LS_CPUS_TEXT];
    const struct ls_cores_facts *first = host->first;
    if (host->shared >= 0) {
        const cpu_set_t *mask = &all[host->shared].mask;
        line->level = LS_CHECK_WARNING;
        snprintf(line->text, sizeof line->text,
                 "%d rank%s of %d thread%s %s bound to CPU%s %s alone: mpirun --map-by "
                 "slot:PE=%d --bind-to core, or --bind-to none",
                 host->sharing, plural(host->sharing), host->threads, plural(host->threads),
                 host->sharing == 1 ? "is" : "are", plural(CPU_COUNT(mask)),
                 ls_cpus_format(cpus, mask), host->threads);
    } else if (first->spanned > 1 && host->ranks > 1) {
        line->level = LS_CHECK_WARNING;
        snprintf(line->text, sizeof line->text,
                 "a rank may run on any of %d NUMA nodes, far from its memory: mpirun --map-by "
                 "slot:PE=%d --bind-to core",
                 first->spanned, host->threads);
    } else if (host->bound) {
        snprintf(line->text, sizeof line->text, "bound, to %d CPU%s a rank",
                 CPU_COUNT(&first->mask), plural(CPU_COUNT(&first->mask)));
    } else if (host->ranks > 1) {
        snprintf(line->text, sizeof line->text, "not bound: the system places the ranks");
    }
}

/* What else runs there. */
static void judge_load(struct ls_host_line *line, const struct host *host)
{
    const struct ls_cores_facts *first = host->first;
    const int busy = host->ranks * host->threads;
    if (first->load < 1 || first->load + busy < first->online + 1)
        return;
    line->level = LS_CHECK_WARNING;
    snprintf(line->text, sizeof line->text,
             "others may be at work there: in the last minute %.1f processes ran on its %d CPU%s",
             first->load, first->online, plural(first->online));
}

ls_status ls_cores_tell(struct ls_checker *checker, const struct ls_cores_facts *all, int threads)
{
    struct ls_host_line *count = NULL, *binding = NULL, *load = NULL;
    ls_status status;
    LS_TRY_OUT(ls_allocate(&count, (size_t)checker->nodes, sizeof *count));
    LS_TRY_OUT(ls_allocate(&binding, (size_t)checker->nodes, sizeof *binding));
    LS_TRY_OUT(ls_allocate(&load, (size_t)checker->nodes, sizeof *load));
    for (int node = 0; node < checker->nodes; node++) {
        struct host host = {.threads = threads, .shared = -1};
        sum_up(&host, checker, all, node);
        judge_count(&count[node], &host);
        checker->crowded |= count[node].level != LS_CHECK_OK;
        judge_binding(&binding[node], &host, all);
        judge_load(&load[node], &host);
    }
    ls_hosts_tell(checker, "cores", count);
    ls_hosts_tell(checker, "cores", binding);
    ls_hosts_tell(checker, "cores", load);
out:
    ls_release(count);
    ls_release(binding);
    ls_release(load);
    return status;
}
