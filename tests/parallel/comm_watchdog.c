/* The watchdog of ranks that wait for one that is stopped, or stuck, on their node or another; and
 * of ranks that wait long for one that gets on. */
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/pulse.h"
#include "check.h"
#include "comm/watchdog.h"

static const double limit = 1;
static const unsigned longer = 2200000; /* microseconds */

static atomic_int told;
static char line[1024];

static void hang(void *user, const char *text)
{
    CHECK(user == &told);
    snprintf(line, sizeof line, "%s", text);
    atomic_fetch_add(&told, 1);
}

/* Stands still, until a child of it lets it go on. */
static void stand_still(void)
{
    const pid_t child = fork();
    if (child == 0) {
        usleep(longer);
        kill(getppid(), SIGCONT);
        _exit(0);
    }
    CHECK(child > 0);
    raise(SIGSTOP);
}

static void get_stuck(void)
{
    ls_pulse_begin(LS_PULSE_FORWARD, "dense");
    usleep(longer);
}

/* Takes long, but gets on. */
static void get_on(void)
{
    enum { PARTS = 15 };
    for (int i = 0; i < PARTS; i++) {
        ls_pulse_begin(LS_PULSE_FORWARD, "dense");
        usleep((unsigned)(limit * 1.5e6 / PARTS));
    }
}

/* The last rank does so at step 7 while the others wait for it. `expected` is rank 0's line, or
 * NULL: nobody is to tell anything. */
static void watch(const struct ls_comm_test *test, void (*fault)(void), const char *expected)
{
    struct ls_watchdog *watchdog = NULL;
    struct ls_comm *comm = check_part(ls_comm_size(check_world), test);
    const struct ls_watchdog_options options = {.seconds = limit, .hang = hang, .user = &told};
    const int rank = ls_comm_rank(comm);
    atomic_store(&told, 0);
    *line = '\0';
    CHECK_OK(ls_watchdog_start(&watchdog, comm, &options));
    ls_pulse_step(7);
    if (rank == ls_comm_size(comm) - 1)
        fault();
    ls_comm_barrier(comm);
    ls_watchdog_stop(watchdog);
    CHECK_INT(ls_comm_sum(comm, atomic_load(&told)), expected != NULL);
    if (expected && rank == 0) {
        CHECK_HAS(line, expected);
        CHECK_HAS(line, "; ranks 0-2 wait for it in MPI_Barrier");
    }
    ls_comm_free(comm);
}

/* Nobody waits for a rank that is alone. */
static void alone(void)
{
    struct ls_watchdog *watchdog = NULL;
    struct ls_comm *comm = NULL;
    const struct ls_watchdog_options options = {.seconds = limit, .hang = hang};
    CHECK_OK(ls_comm_create_alone(&comm));
    CHECK_OK(ls_watchdog_start(&watchdog, comm, &options));
    CHECK(watchdog == NULL);
    ls_watchdog_stop(watchdog);
    ls_comm_free(comm);
}

int main(void)
{
    if (ls_comm_create(&check_world) != LS_OK) {
        fprintf(stderr, "%s\n", ls_message());
        return 1;
    }
    alone();
    watch(&(struct ls_comm_test){0}, get_on, NULL);
    watch(&(struct ls_comm_test){0}, stand_still,
          " stood still, stopped by a signal, for 1 s at step 7 (");
    watch(&(struct ls_comm_test){.ranks_per_node = 2}, get_stuck,
          " made no progress for 1 s at step 7 (forward of layer 'dense')");
    return check_end();
}
