#include "comm/verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NAMED = 4 }; /* of several, so many ranks with their hosts */

enum fault { FINE, SILENT, IDLE, WAITING };

static enum fault fault_of(const struct ls_seen_rank *rank, double limit)
{
    if (!rank->known)
        return FINE;
    if (rank->silent >= limit)
        return SILENT;
    if (rank->idle < limit)
        return FINE;
    return rank->pulse.doing == LS_PULSE_WAIT ? WAITING : IDLE;
}

/* -- text */

__attribute__((format(printf, 2, 3))) static void add(struct ls_verdict *verdict,
                                                      const char *format, ...)
{
    size_t length = strlen(verdict->text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(verdict->text + length, sizeof verdict->text - length, format, arguments);
    va_end(arguments);
}

static void add_doing(struct ls_verdict *verdict, const struct ls_pulse_view *pulse)
{
    static const char *const before[] = {
        [LS_PULSE_WORK] = "",
        [LS_PULSE_FORWARD] = "forward of layer '",
        [LS_PULSE_BACKWARD] = "backward of layer '",
        [LS_PULSE_WAIT] = "in ",
        [LS_PULSE_AFTER] = "after ",
    };
    bool layer = pulse->doing == LS_PULSE_FORWARD || pulse->doing == LS_PULSE_BACKWARD;
    if (*pulse->name)
        add(verdict, "%s%s%s", before[pulse->doing], pulse->name, layer ? "'" : "");
    else
        add(verdict, "starting");
}

/* Who of `fault` there is: "rank 3 (host b)", "ranks 3 (host b), 5 (host c) and 2 more". */
static void add_ranks(struct ls_verdict *verdict, const struct ls_seen_rank *ranks, int size,
                      double limit, enum fault fault)
{
    int count = 0, named = 0;
    for (int rank = 0; rank < size; rank++)
        count += fault_of(&ranks[rank], limit) == fault;
    add(verdict, "rank%s ", count > 1 ? "s" : "");
    for (int rank = 0; rank < size && named < NAMED; rank++)
        if (fault_of(&ranks[rank], limit) == fault)
            add(verdict, "%s%d (host %s)", named++ ? ", " : "", rank, ranks[rank].host);
    if (count > NAMED)
        add(verdict, " and %d more", count - NAMED);
}

static bool waits(const struct ls_seen_rank *rank, double limit)
{
    return rank->known && rank->silent < limit && rank->pulse.doing == LS_PULSE_WAIT;
}

/* "; ranks 0-2, 5 wait for it in MPI_Allreduce": the place is the first one's. */
static void add_waiting(struct ls_verdict *verdict, const struct ls_seen_rank *ranks, int size,
                        double limit)
{
    int count = 0, first = -1;
    for (int rank = 0; rank < size; rank++) {
        if (!waits(&ranks[rank], limit))
            continue;
        first = count++ ? first : rank;
    }
    if (count == 0)
        return;
    add(verdict, "; rank%s ", count > 1 ? "s" : "");
    for (int rank = first, runs = 0; rank < size; rank++) {
        if (!waits(&ranks[rank], limit))
            continue;
        int last = rank;
        while (last + 1 < size && waits(&ranks[last + 1], limit))
            last++;
        if (++runs > NAMED) {
            add(verdict, ", ...");
            break;
        }
        add(verdict, last > rank ? "%s%d-%d" : "%s%d", runs > 1 ? ", " : "", rank, last);
        rank = last;
    }
    add(verdict, " wait%s for it ", count > 1 ? "" : "s");
    add_doing(verdict, &ranks[first].pulse);
}

/* -- judging */

static int first_of(const struct ls_seen_rank *ranks, int size, double limit, enum fault fault)
{
    for (int rank = 0; rank < size; rank++)
        if (fault_of(&ranks[rank], limit) == fault)
            return rank;
    return -1;
}

static bool all_wait(const struct ls_seen_rank *ranks, int size, double limit)
{
    for (int rank = 0; rank < size; rank++)
        if (fault_of(&ranks[rank], limit) != WAITING)
            return false;
    return true;
}

bool ls_verdict_find(struct ls_verdict *verdict, const struct ls_seen_rank *ranks, int size,
                     double limit)
{
    enum fault fault = SILENT;
    *verdict = (struct ls_verdict){.rank = first_of(ranks, size, limit, SILENT)};
    if (verdict->rank < 0) {
        fault = IDLE;
        verdict->rank = first_of(ranks, size, limit, IDLE);
    }
    if (verdict->rank < 0 && !all_wait(ranks, size, limit))
        return false;
    const struct ls_pulse_view *pulse = &ranks[verdict->rank < 0 ? 0 : verdict->rank].pulse;
    if (verdict->rank < 0) {
        add(verdict, "all %d ranks have waited for each other for %g s at step %lld (rank 0 ", size,
            limit, (long long)pulse->step);
        add_doing(verdict, pulse);
        add(verdict, "): messages between them are lost, or held up");
        return true;
    }
    char state = ranks[verdict->rank].state;
    add_ranks(verdict, ranks, size, limit, fault);
    add(verdict, " %s for %g s at step %lld (",
        fault == IDLE  ? "made no progress"
        : state == 'T' ? "stood still, stopped by a signal,"
                       : "gave no sign of life",
        limit, (long long)pulse->step);
    add_doing(verdict, pulse);
    add(verdict, state == 'D' ? ", waiting for a disk)" : ")");
    add_waiting(verdict, ranks, size, limit);
    return true;
}
