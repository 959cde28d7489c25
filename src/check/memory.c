/* What each rank and each host takes of memory beside what there is. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "check/facts.h"

static const double much = 0.8;         /* of what is free */
static const double least_share = 0.02; /* of a rank's memory, to be told as a part */

static int largest_part(const struct ls_needs *needs)
{
    int largest = 0;
    for (int part = 1; part < LS_NEEDS_COUNT; part++)
        if (needs->bytes[part] > needs->bytes[largest])
            largest = part;
    return largest;
}

/* The rank that takes most, with its parts, the largest first. */
static void tell_rank(struct ls_checker *checker, const struct ls_memory_facts *all)
{
    struct ls_text parts = {0};
    char size[LS_BYTES_TEXT];
    int most = 0;
    for (int rank = 1; rank < checker->size; rank++)
        if (ls_needs_sum(&all[rank].needs) > ls_needs_sum(&all[most].needs))
            most = rank;
    struct ls_needs needs = all[most].needs;
    double sum = ls_needs_sum(&needs);
    for (int part = largest_part(&needs); needs.bytes[part] > sum * least_share;
         part = largest_part(&needs)) {
        ls_text_append(&parts, "%s%s %s", parts.length ? ", " : "", ls_needs_names[part],
                       ls_bytes_format(size, needs.bytes[part]));
        needs.bytes[part] = 0;
    }
    ls_check_add(checker->check, LS_CHECK_OK, "memory", "%s%s for rank %d: %s",
                 checker->size > 1 ? "at most " : "", ls_bytes_format(size, sum), most,
                 parts.data ? parts.data : "nothing");
    ls_check_figure(checker->check, "memory_bytes", sum);
    ls_text_release(&parts);
}

/* A rank of the node that takes more than it may have, or almost; or -1. */
static int find_tight(const struct ls_checker *checker, const struct ls_memory_facts *all, int node)
{
    for (int rank = 0; rank < checker->size; rank++)
        if (checker->node_of[rank] == node && all[rank].limit == LS_MEMORY_OF_PROCESS &&
            ls_needs_sum(&all[rank].needs) > much * all[rank].free)
            return rank;
    return -1;
}

/* Down to two digits, so that hosts that are alike say the same. */
static double round_down(double bytes)
{
    double step = pow(10, floor(log10(fmax(bytes, 1))) - 1);
    return floor(bytes / step) * step;
}

static void judge(struct ls_host_line *line, const struct ls_checker *checker,
                  const struct ls_memory_facts *all, int node)
{
    char takes[LS_BYTES_TEXT], free[LS_BYTES_TEXT];
    const struct ls_memory_facts *first = &all[checker->first_of[node]];
    double sum = 0;
    int ranks = 0, tight = find_tight(checker, all, node);
    for (int rank = 0; rank < checker->size; rank++)
        if (checker->node_of[rank] == node) {
            sum += ls_needs_sum(&all[rank].needs);
            ranks++;
        }
    ls_bytes_format(takes, sum);
    ls_bytes_format(free, round_down(first->free_to_all));
    int length = snprintf(line->text, sizeof line->text, "%d rank%s take%s %s of %s free%s", ranks,
                          ranks == 1 ? "" : "s", ranks == 1 ? "s" : "", takes, free,
                          first->limit == LS_MEMORY_OF_GROUP ? " in the control group" : "");
    char *rest = line->text + length;
    const size_t room = sizeof line->text - (size_t)length;
    if (sum > much * first->free_to_all || tight >= 0)
        line->level = LS_CHECK_WARNING;
    if (tight >= 0)
        snprintf(rest, room, ", but rank %d takes %s of the %s that it may have (ulimit -v)", tight,
                 ls_bytes_format(takes, ls_needs_sum(&all[tight].needs)),
                 ls_bytes_format(free, all[tight].free));
    else if (line->level == LS_CHECK_WARNING && sum <= first->free_to_all)
        snprintf(rest, room, ": what else runs there may make it fail");
}

ls_status ls_memory_tell(struct ls_checker *checker, const struct ls_memory_facts *all)
{
    struct ls_host_line *line = NULL;
    LS_TRY(ls_allocate(&line, (size_t)checker->nodes, sizeof *line));
    tell_rank(checker, all);
    for (int node = 0; node < checker->nodes; node++)
        judge(&line[node], checker, all, node);
    ls_hosts_tell(checker, "memory", line);
    ls_check_figure(checker->check, "memory_free_bytes", all[0].free_to_all);
    ls_release(line);
    return LS_OK;
}

/* What is refused is told as train refuses it, beside the parts. */
ls_status ls_check_memory(struct ls_checker *checker)
{
    const struct ls_fit_job job = ls_session_job(&checker->session);
    const struct ls_stepper_options step = ls_fit_stepper(&job);
    struct ls_memory_facts mine = {.free = (double)ls_memory_available(),
                                   .free_to_all = (double)ls_memory_available_to_all(),
                                   .limit = ls_memory_limit()};
    struct ls_memory_facts *all = NULL;
    ls_status status = ls_needs_find(&mine.needs, &step, job.validation, job.checkpoint != NULL);
    if (ls_checker_fails(checker, "model", ls_comm_agree(checker->comm, status)))
        return LS_OK;
    checker->checkpoint_bytes = mine.needs.bytes[LS_NEEDS_CHECKPOINT];
    LS_TRY(ls_checker_gather(checker, &all, &mine, sizeof mine));
    status = ls_checker_writes(checker) ? ls_memory_tell(checker, all) : LS_OK;
    ls_release(all);
    LS_TRY(ls_comm_agree(checker->comm, status));
    ls_checker_fails(checker, "memory", ls_needs_check(&step, job.validation, true));
    return LS_OK;
}
