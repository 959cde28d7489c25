/* A step of the combine: what is written is summed on the node and sent on, bucket by bucket. */
#include <string.h>

#include "base/pulse.h"
#include "comm/combine_private.h"

struct ls_range ls_combine_replicas(const struct ls_combine *combine)
{
    return combine->replicas;
}

void ls_combine_time(struct ls_combine *combine, struct ls_combine_times *times)
{
    combine->times = times;
}

/* A counter's value in this step when `units` of it are through: the buckets, then the doubles. */
static uint64_t count_of(const struct ls_combine *combine, size_t units)
{
    return combine->steps * (combine->buckets + 1) + units;
}

void ls_combine_publish(struct ls_combine *combine, size_t written)
{
    combine->written = written;
    if (combine->comm->place.size > 1)
        ls_team_publish(&combine->team, LS_EVENT_WRITTEN, count_of(combine, written));
    if (combine->pump && written < combine->buckets)
        ls_pump_wake(combine->pump);
}

/* -- on its way */

/* Messages are sent without asking whether there is room for them: what MPI keeps of them, where
 * the wire is slow, is no more than this (16 MB; or a bucket). It holds what a wire of 100 Gbit/s
 * takes in 1 ms, and several buckets. */
enum { WINDOW_FLOATS = 1 << 22 };

static bool may_start(const struct ls_combine *combine)
{
    int64_t length = ls_range_length(combine->bucket[combine->folded].elements);

    return (combine->under_way == 0 || combine->under_way + length <= WINDOW_FLOATS) &&
           ls_team_reached(&combine->team, LS_EVENT_WRITTEN,
                           count_of(combine, combine->folded + 1));
}

static ls_status start_bucket(struct ls_combine *combine)
{
    struct ls_bucket *bucket = &combine->bucket[combine->folded];

    /* Where all of the node write this step's partial sums nobody reads the last step's sum. */
    for (size_t b = 0; combine->folded == 0 && combine->nodes > 1 && b < combine->buckets; b++)
        LS_TRY(ls_exchange_open(combine->bucket[b].exchange));
    ls_treesum_run(&combine->tree, bucket->slice);
    if (combine->nodes > 1)
        LS_TRY(ls_exchange_send(bucket->exchange, combine));
    combine->folded++;
    combine->under_way += ls_range_length(bucket->elements);
    ls_team_publish(&combine->team, LS_EVENT_FOLDED, count_of(combine, combine->folded));
    return LS_OK;
}

/* The next bucket's part of the sum, where the partial sums of all nodes are here, and our part of
 * the elements, which lies in slices that others of the node fold, is folded. */
static ls_status sum_bucket(struct ls_combine *combine, bool *summed)
{
    *summed = combine->summed < combine->folded &&
              (combine->nodes == 1 || ls_team_reached(&combine->team, LS_EVENT_FOLDED,
                                                      count_of(combine, combine->summed + 1)));
    if (*summed && combine->nodes > 1)
        LS_TRY(ls_exchange_sum(combine->bucket[combine->summed].exchange, combine, summed));
    combine->summed += *summed;
    return LS_OK;
}

static ls_status end_bucket(struct ls_combine *combine, bool *done)
{
    const struct ls_bucket *bucket = &combine->bucket[combine->done];

    *done = combine->done < combine->summed;
    if (*done && combine->nodes > 1)
        LS_TRY(ls_exchange_end(bucket->exchange, combine, done));
    combine->done += *done;
    combine->under_way -= *done ? ls_range_length(bucket->elements) : 0;
    return LS_OK;
}

/* Buckets go one after the other through each of the stages, so that messages of one kind between
 * two ranks come in the order of the buckets. */
ls_status ls_combine_advance(struct ls_combine *combine, bool *moved)
{
    size_t before = combine->folded + combine->summed + combine->done;

    while (combine->folded < combine->written && may_start(combine))
        LS_TRY(start_bucket(combine));
    for (bool on = true; on;)
        LS_TRY(sum_bucket(combine, &on));
    for (bool on = true; on;)
        LS_TRY(end_bucket(combine, &on));
    *moved = combine->folded + combine->summed + combine->done > before;
    return LS_OK;
}

/* Begins or ends, or neither, the time for which something is under way. */
static void note_busy(struct ls_combine *combine, bool busy)
{
    if (!combine->times || combine->nodes == 1 || busy == (combine->busy_since > 0))
        return;
    double now = ls_seconds();
    if (!busy)
        combine->times->hidden += now - combine->busy_since;
    combine->busy_since = busy ? now : 0;
}

void ls_combine_try(struct ls_combine *combine)
{
    bool moved;

    if (combine->fault != LS_OK)
        return;
    combine->fault = ls_combine_advance(combine, &moved);
    note_busy(combine, combine->done < combine->folded);
    if (combine->fault != LS_OK)
        strncpy(combine->broken, ls_message(), sizeof combine->broken - 1);
}

void ls_combine_progress(struct ls_combine *combine)
{
    if (combine->comm->place.size == 1 || combine->pump)
        return;
    ls_combine_try(combine);
    ls_combine_lap(combine, LS_COMBINE_ADDING);
}

/* -- its end */

static ls_status sum_doubles(struct ls_combine *combine)
{
    const int *first = combine->leaves.first + combine->comm->place.position;
    size_t count = combine->options.doubles;
    double *to = combine->gather ? combine->gather->mine : NULL;

    if (combine->nodes == 1) {
        ls_leaves_sum(combine->doubles, &combine->leaves, combine->leaf_doubles, count);
        return LS_OK;
    }
    for (int leaf = first[0]; leaf < first[1]; leaf++) {
        const double *from = ls_combine_doubles(
            combine, ls_combine_leaf_arena(combine, combine->comm->place.position, leaf));
        for (size_t i = 0; i < count; i++)
            *to++ = from[i];
    }
    return count > 0 ? ls_gather_sum(combine->gather, combine->doubles, count) : LS_OK;
}

/* Where nothing moves this rank waits for others of its node that still compute, or for messages.
 */
static enum ls_combine_part waits_for(const struct ls_combine *combine, uint64_t all)
{
    bool written = ls_team_reached(&combine->team, LS_EVENT_WRITTEN, all);
    return combine->nodes > 1 && written ? LS_COMBINE_EXCHANGING : LS_COMBINE_WAITING;
}

/* Begins or ends, or neither, a wait for other ranks, as the watchdog is told. */
static void tell_wait(bool *waits, bool now)
{
    if (now && !*waits)
        ls_pulse_wait("the combine (gradients)");
    else if (!now && *waits)
        ls_pulse_done();
    *waits = now;
}

/* The doubles go when the last partial sums are here: then every rank is as far, and nobody who
 * waits for the doubles lets buckets lie that others wait for; they travel beside the last sums. */
static ls_status complete(struct ls_combine *combine, uint64_t all, bool *waits)
{
    bool doubles = false, moved;
    int pauses = 0;

    while (combine->done < combine->buckets || !doubles) {
        LS_TRY(ls_combine_advance(combine, &moved));
        if (moved)
            ls_combine_lap(combine, LS_COMBINE_ADDING);
        if (!doubles && combine->summed == combine->buckets &&
            ls_team_reached(&combine->team, LS_EVENT_WRITTEN, all)) {
            tell_wait(waits, false);
            LS_TRY(sum_doubles(combine));
            doubles = true;
            ls_combine_lap(combine, combine->nodes > 1 ? LS_COMBINE_EXCHANGING : LS_COMBINE_ADDING);
        } else {
            tell_wait(waits, !moved);
            if (moved)
                continue;
            LS_TRY(ls_team_pause(&combine->team, &pauses));
            ls_combine_lap(combine, waits_for(combine, all));
        }
    }
    return LS_OK;
}

/* Two counters are enough. A rank overwrites its partial sums only after REDUCED of this step, when
 * nobody reads them any more. And it publishes WRITTEN of the next step only when it has done with
 * reading this step's sum, so that sum is overwritten only when all have done. */
static ls_status finish(struct ls_combine *combine)
{
    uint64_t all = count_of(combine, combine->buckets + 1);
    bool waits = false;

    combine->written = combine->buckets;
    ls_team_publish(&combine->team, LS_EVENT_WRITTEN, all);
    ls_status status = complete(combine, all, &waits);
    tell_wait(&waits, false);
    LS_TRY(status);
    ls_team_publish(&combine->team, LS_EVENT_REDUCED, all);
    LS_TRY(ls_team_wait(&combine->team, LS_EVENT_REDUCED, all));
    ls_combine_lap(combine, LS_COMBINE_WAITING);
    return LS_OK;
}

static void begin_again(struct ls_combine *combine)
{
    combine->steps++;
    combine->pushed = combine->written = 0;
    combine->folded = combine->summed = combine->done = 0;
}

ls_status ls_combine_finish(struct ls_combine *combine, struct ls_combined *sum)
{
    struct ls_range replicas = combine->replicas;

    ls_pump_rest(combine->pump);
    if (combine->pushed != (size_t)(replicas.end - replicas.begin))
        return ls_fail(LS_USAGE,
                       "the combine of replicas %lld to %lld was finished before all were "
                       "pushed",
                       (long long)replicas.begin, (long long)replicas.end - 1);
    if (combine->comm->place.size == 1) {
        begin_again(combine);
        *sum = (struct ls_combined){ls_combine_arena(combine, 0), ls_combine_doubles(combine, 0)};
        return LS_OK;
    }
    note_busy(combine, false);
    if (combine->fault != LS_OK)
        return ls_fail(combine->fault, "%s", combine->broken);
    LS_TRY(finish(combine));
    begin_again(combine);
    *sum = (struct ls_combined){ls_combine_arena(combine, combine->layout.sum), combine->doubles};
    return LS_OK;
}
