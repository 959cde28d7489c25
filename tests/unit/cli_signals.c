/* What signals do to a command that can be stopped; and which rank speaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"

/* Runs a test's body in a process of its own: its wait status. */
static int apart(void (*body)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        body();
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void expect_stop_after(int number)
{
    signal(number, SIG_DFL);
    cli_catch_signals();
    if (*cli_stop() != 0)
        _exit(1);
    raise(number);
    if (*cli_stop() == 0)
        _exit(2);
}

static void usr1_twice(void)
{
    expect_stop_after(SIGUSR1);
    raise(SIGUSR1);
}

static void term_twice(void)
{
    expect_stop_after(SIGTERM);
    raise(SIGTERM);
}

static void int_once(void)
{
    expect_stop_after(SIGINT);
}

static void int_twice(void)
{
    expect_stop_after(SIGINT);
    raise(SIGINT);
}

/* A background job of a shell stays deaf to the terminal's INT. */
static void int_ignored(void)
{
    signal(SIGINT, SIG_IGN);
    cli_catch_signals();
    raise(SIGINT);
    if (*cli_stop() != 0)
        _exit(1);
}

static void harmless(void)
{
    signal(SIGPIPE, SIG_DFL);
    signal(SIGXFSZ, SIG_DFL);
    cli_catch_signals();
    raise(SIGPIPE);
    raise(SIGXFSZ);
    if (*cli_stop() != 0)
        _exit(1);
}

static void test_signals(void **state)
{
    (void)state;
    assert_int_equal(apart(usr1_twice), 0);
    assert_int_equal(apart(term_twice), 0);
    assert_int_equal(apart(int_once), 0);
    assert_int_equal(apart(int_ignored), 0);
    assert_int_equal(apart(harmless), 0);
    int status = apart(int_twice);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGINT);
}

static const char *const launchers[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK",
                                        "SLURM_PROCID"};
enum { LAUNCHERS = sizeof(launchers) / sizeof(*launchers) };

static void test_rank_of_the_launcher(void **state)
{
    (void)state;
    for (size_t i = 0; i < LAUNCHERS; i++)
        unsetenv(launchers[i]);
    assert_int_equal(cli_launched_rank(), 0);
    for (size_t i = LAUNCHERS; i-- > 0;) { /* the first of them counts */
        char rank[8];
        snprintf(rank, sizeof(rank), "%zu", i + 3);
        setenv(launchers[i], rank, 1);
        assert_int_equal(cli_launched_rank(), (int)i + 3);
    }
    setenv(launchers[0], "", 1);
    assert_int_equal(cli_launched_rank(), 4);
    setenv(launchers[0], "x", 1);
    assert_int_equal(cli_launched_rank(), 4);
    for (size_t i = 0; i < LAUNCHERS; i++)
        unsetenv(launchers[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_rank_of_the_launcher),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
