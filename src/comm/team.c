#include "comm/team.h"

#include <sched.h>

/* Some 0.1 ms of pauses: longer than ranks that work in step are apart, shorter than the kernel's
 * time slice. */
enum { SPINS = 2000 };

static struct ls_flag *flag(const struct ls_team *team, enum ls_event event, int rank)
{
    return team->flags + (size_t)event * (size_t)team->size + rank;
}

void ls_team_publish(struct ls_team *team, enum ls_event event, uint64_t count)
{
    if (team->size > 1)
        atomic_store_explicit(&flag(team, event, team->rank)->count, count, memory_order_release);
}

static void pause_core(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* MPI may still hold a message that it has promised to send: its receiver, on another node, would
 * wait for us while we wait here. */
static ls_status keep_going(struct ls_team *team)
{
    int found;

    if (team->progress == MPI_COMM_NULL)
        return LS_OK;
    return LS_MPI(MPI_Iprobe, MPI_ANY_SOURCE, MPI_ANY_TAG, team->progress, &found,
                  MPI_STATUS_IGNORE);
}

ls_status ls_team_pause(struct ls_team *team, int *pauses)
{
    if (!team->crowded && *pauses < SPINS) {
        ++*pauses;
        pause_core();
        return LS_OK;
    }
    LS_TRY(keep_going(team));
    sched_yield();
    return LS_OK;
}

static bool has_reached(const struct ls_team *team, enum ls_event event, int rank, uint64_t count)
{
    return atomic_load_explicit(&flag(team, event, rank)->count, memory_order_acquire) >= count;
}

bool ls_team_reached(const struct ls_team *team, enum ls_event event, uint64_t count)
{
    for (int rank = 0; team->size > 1 && rank < team->size; rank++)
        if (!has_reached(team, event, rank, count))
            return false;
    return true;
}

static ls_status wait_for_all(struct ls_team *team, enum ls_event event, uint64_t count)
{
    int pauses = 0;

    for (int rank = 0; team->size > 1 && rank < team->size; rank++)
        while (!has_reached(team, event, rank, count))
            LS_TRY(ls_team_pause(team, &pauses));
    return LS_OK;
}

/* As messages name them. */
static const char *const event_names[LS_EVENTS] = {
    [LS_EVENT_WRITTEN] = "the combine (gradients)",
    [LS_EVENT_FOLDED] = "the combine (the node's sums)",
    [LS_EVENT_REDUCED] = "the combine (sums)",
    [LS_EVENT_POINT] = "a cross-replica point",
    [LS_EVENT_CREW] = "the others' parts of the weights",
};

ls_status ls_team_wait(struct ls_team *team, enum ls_event event, uint64_t count)
{
    ls_pulse_wait(event_names[event]);
    ls_status status = wait_for_all(team, event, count);
    ls_pulse_done();
    return status;
}
