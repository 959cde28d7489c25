/* The library's watchdog looks from the first word of a run file to the end of the run. Before,
 * when MPI gathers the ranks, and after, when it lets them go, a rank that stands still would keep
 * the others waiting for ever: here each counts for itself. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

enum { RANKS_STAGGERED = 16, STAGGER_TICKS = 2, NANOSECONDS = 100000000, TICKS_A_SECOND = 10 };

static struct {
    pthread_mutex_t lock;
    pthread_cond_t over;
    pthread_t thread;
    bool runs, ended;
    long ticks;
    double seconds;
    const char *what;
} guard = {.lock = PTHREAD_MUTEX_INITIALIZER, .over = PTHREAD_COND_INITIALIZER};

static void tell_and_die(void)
{
    char line[512], host[256] = "unknown";
    gethostname(host, sizeof(host) - 1);
    snprintf(
        line, sizeof(line),
        "rank %d (host %s) has waited for %g s for the others to %s: one that was started with "
        "it stands still, or cannot be reached",
        cli_launched_rank(), host, guard.seconds, guard.what);
    cli_die(line);
}

/* Ticks, not the clock: when all stand still together, and go on, little time has passed. */
static void *count(void *unused)
{
    pthread_mutex_lock(&guard.lock);
    for (long left = guard.ticks; !guard.ended; left--) {
        struct timespec next;
        if (left <= 0)
            tell_and_die();
        clock_gettime(CLOCK_REALTIME, &next);
        next.tv_nsec += NANOSECONDS;
        next.tv_sec += next.tv_nsec / (TICKS_A_SECOND * NANOSECONDS);
        next.tv_nsec %= TICKS_A_SECOND * NANOSECONDS;
        pthread_cond_timedwait(&guard.over, &guard.lock, &next);
    }
    pthread_mutex_unlock(&guard.lock);
    return unused;
}

void cli_guard_begin(double seconds, const char *what)
{
    if (seconds <= 0 || guard.runs || !cli_launched())
        return;
    guard.ended = false;
    guard.seconds = seconds;
    guard.what = what;
    /* One line is enough: the first rank that has waited for long ends all. */
    guard.ticks = (long)(seconds * TICKS_A_SECOND) +
                  (long)(cli_launched_rank() % RANKS_STAGGERED) * STAGGER_TICKS;
    guard.runs = pthread_create(&guard.thread, NULL, count, NULL) == 0;
}

void cli_guard_end(void)
{
    if (!guard.runs)
        return;
    pthread_mutex_lock(&guard.lock);
    guard.ended = true;
    pthread_cond_signal(&guard.over);
    pthread_mutex_unlock(&guard.lock);
    pthread_join(guard.thread, NULL);
    guard.runs = false;
}
