/* A step of the combine: what is written is summed on the node and sent on, bucket by bucket. */
#include <string.h>

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
    ls_team_publish(&combine->team, LS_EVENT_FOLDED, count_of(combine, combine->folded));
    return LS_OK;
}

/* The next bucket's part of the sum, where the partial sums of all nodes are here, and our part of
 * the elements, which lies in slices that others of the node fold, is folded. */
static ls_status sum_bucket(struct ls_combine *combine, bool *summed)
{
    *summed =
        ls_team_reached(&combine->team, LS_EVENT_FOLDED, count_of(combine, combine->summed + 1));
    return *summed ? ls_exchange_sum(combine->bucket[combine->summed].exchange, combine, summed)
                   : LS_OK;
}

/* Buckets go one after the other through each of the stages, so that messages of one kind between
 * two ranks come in the order of the buckets. */
ls_status ls_combine_advance(struct ls_combine *combine, bool *moved)
{
    size_t before = combine->folded + combine->summed + combine->done;
    bool on = true;

    while (
        combine->folded < combine->written &&
        ls_team_reached(&combine->team, LS_EVENT_WRITTEN, count_of(combine, combine->folded + 1)))
        LS_TRY(start_bucket(combine));
    if (combine->nodes == 1)
        combine->summed = combine->done = combine->folded;
    while (on && combine->summed < combine->folded) {
        LS_TRY(sum_bucket(combine, &on));
        combine->summed += on;
    }
    for (on = true; on && combine->done < combine->summed;) {
        LS_TRY(ls_exchange_end(combine->bucket[combine->done].exchange, &on));
        combine->done += on;
    }
    *moved = combine->folded + combine->summed + combine->done > before;
    return LS_OK;
}

void ls_combine_try(struct ls_combine *combine)
{
    bool moved;

    if (combine->fault != LS_OK)
        return;
    combine->fault = ls_combine_advance(combine, &moved);
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

/* What this rank waits for when nothing moves. */
static enum ls_combine_part waits_for(const struct ls_combine *combine)
{
    return combine->nodes > 1 && combine->folded == combine->buckets ? LS_COMBINE_EXCHANGING
                                                                     : LS_COMBINE_WAITING;
}

/* The doubles go when the last partial sums are here: then every rank is as far, and nobody who
 * waits for the doubles lets buckets lie that others wait for; they travel beside the last sums. */
static ls_status complete(struct ls_combine *combine)
{
    bool doubles = false, moved;
    int pauses = 0;

    while (combine->done < combine->buckets || !doubles) {
        LS_TRY(ls_combine_advance(combine, &moved));
        if (moved)
            ls_combine_lap(combine, LS_COMBINE_ADDING);
        if (!doubles && combine->summed == combine->buckets &&
            ls_team_reached(&combine->team, LS_EVENT_WRITTEN,
                            count_of(combine, combine->buckets + 1))) {
            LS_TRY(sum_doubles(combine));
            doubles = moved = true;
        }
        if (!moved)
            LS_TRY(ls_team_pause(&combine->team, &pauses));
        ls_combine_lap(combine, waits_for(combine));
    }
    return LS_OK;
}

/* Two counters are enough. A rank overwrites its partial sums only after REDUCED of this step, when
 * nobody reads them any more. And it publishes WRITTEN of the next step only when it has done with
 * reading this step's sum, so that sum is overwritten only when all have done. */
static ls_status finish(struct ls_combine *combine)
{
    uint64_t all = count_of(combine, combine->buckets + 1);

    combine->written = combine->buckets;
    ls_team_publish(&combine->team, LS_EVENT_WRITTEN, all);
    LS_TRY(complete(combine));
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
    ls_pump_rest(combine->pump);
    if (combine->fault != LS_OK)
        return ls_fail(combine->fault, "%s", combine->broken);
    LS_TRY(finish(combine));
    begin_again(combine);
    *sum = (struct ls_combined){ls_combine_arena(combine, combine->layout.sum), combine->doubles};
    return LS_OK;
}
