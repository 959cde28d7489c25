/* A trial combine: the arenas of the run's own size, summed as in a step, and nothing else. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "check/check.h"
#include "comm/combine.h"

enum { WARM = 2, LEAST = 3, MOST = 200 };
static const double budget = 0.25; /* seconds */

struct trial {
    double seconds, exchanging; /* a step's, of the slowest rank; of rank 0 */
    int64_t rounds;
    double bytes; /* of gradients */
};

static ls_status combine_once(struct ls_combine *combine)
{
    const struct ls_range replicas = ls_combine_replicas(combine);
    struct ls_combined sum;
    for (int64_t replica = replicas.begin; replica < replicas.end; replica++) {
        ls_combine_slot(combine, replica).doubles[0] = 1;
        ls_combine_push(combine, replica);
    }
    return ls_combine_finish(combine, &sum);
}

static ls_status repeat(struct ls_combine *combine, int64_t rounds, double *seconds)
{
    double began = ls_seconds();
    for (int64_t round = 0; round < rounds; round++)
        LS_TRY(combine_once(combine));
    *seconds = ls_seconds() - began;
    return LS_OK;
}

/* As many as fit in the budget, told from a few; as many on all ranks. */
static ls_status measure(struct ls_comm *comm, struct ls_combine *combine, struct trial *trial)
{
    const int64_t nanoseconds = 1000000000;
    struct ls_stopwatch watch = {ls_seconds()};
    struct ls_combine_times times = {.watch = &watch};
    double seconds;
    LS_TRY(repeat(combine, WARM, &seconds));
    LS_TRY(repeat(combine, LEAST, &seconds));
    double fit = budget * LEAST / fmax(seconds, 1e-9);
    trial->rounds = fit < LEAST ? LEAST : fit > MOST ? MOST : (int64_t)fit;
    trial->rounds = -ls_comm_max(comm, -trial->rounds);
    ls_comm_barrier(comm);
    ls_combine_time(combine, &times);
    LS_TRY(repeat(combine, trial->rounds, &seconds));
    ls_combine_time(combine, NULL);
    seconds /= (double)trial->rounds;
    trial->seconds =
        (double)ls_comm_max(comm, (int64_t)(seconds * (double)nanoseconds)) / (double)nanoseconds;
    trial->exchanging = times.seconds[LS_COMBINE_EXCHANGING] / (double)trial->rounds;
    return LS_OK;
}

static void tell(struct ls_checker *checker, const struct trial *trial)
{
    const char *fallback = ls_comm_fallback(checker->comm);
    char size[LS_BYTES_TEXT], rate[LS_BYTES_TEXT], between[96] = "";
    if (fallback)
        ls_check_add(checker->check, LS_CHECK_WARNING, "combine",
                     "ranks of a host do not share memory, but send messages: %s", fallback);
    if (checker->nodes > 1)
        snprintf(between, sizeof between, ", of which %.3g ms between hosts",
                 trial->exchanging * 1e3);
    ls_check_add(checker->check, LS_CHECK_OK, "combine",
                 "%s of gradients in %.3g ms a step, %s/s%s%s", ls_bytes_format(size, trial->bytes),
                 trial->seconds * 1e3, ls_bytes_format(rate, trial->bytes / trial->seconds),
                 between, fallback ? "" : "; the ranks of a host share memory");
    ls_check_figure(checker->check, "combine_seconds", trial->seconds);
    ls_check_figure(checker->check, "combine_bytes_per_second", trial->bytes / trial->seconds);
}

ls_status ls_check_combine(struct ls_checker *checker)
{
    struct ls_comm *comm = checker->comm;
    const size_t floats = checker->session.model->gradient_floats;
    struct trial trial = {.bytes = (double)floats * sizeof(float)};
    struct ls_combine *combine = NULL;
    if (ls_comm_size(comm) == 1 || floats == 0)
        return LS_OK;
    ls_status status = ls_combine_create(
        &combine, comm,
        &(struct ls_combine_options){
            .floats = floats, .doubles = 1, .replicas = checker->session.identity.replicas});
    if (status == LS_OK)
        status = measure(comm, combine, &trial);
    ls_combine_free(combine);
    if (!ls_checker_fails(checker, "combine", status) && ls_checker_writes(checker))
        tell(checker, &trial);
    return LS_OK;
}
