/* Whether somebody looks at a terminal: pseudo-terminals, launchers, and what the user says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "report/terminal.h"

/* Both ends of a pseudo-terminal, the program's as a stream. */
struct pair {
    int master;
    FILE *out;
};

static void open_pair(struct pair *pair, unsigned short columns)
{
    int slave;
    struct winsize size = {.ws_row = 24, .ws_col = columns};
    assert_int_equal(openpty(&pair->master, &slave, NULL, NULL, &size), 0);
    pair->out = fdopen(slave, "w");
    assert_non_null(pair->out);
}

static void close_pair(struct pair *pair)
{
    fclose(pair->out);
    close(pair->master);
}

static int set_up(void **state)
{
    (void)state;
    unsetenv("LOCKSTEP_OUTPUT");
    unsetenv("OMPI_MCA_orte_tag_output");
    return setenv("TERM", "xterm", 1);
}

static void test_terminal_and_its_width(void **state)
{
    (void)state;
    struct pair pair;
    open_pair(&pair, 57);
    struct ls_terminal terminal;
    assert_int_equal(ls_terminal_find(&terminal, pair.out), LS_OK);
    assert_true(terminal.drawn);
    assert_int_equal(ls_terminal_columns(&terminal), 57);
    struct winsize size = {.ws_row = 24, .ws_col = 33}; /* the user makes it narrower */
    assert_int_equal(ioctl(pair.master, TIOCSWINSZ, &size), 0);
    assert_int_equal(ls_terminal_columns(&terminal), 33);
    size.ws_col = 0;
    assert_int_equal(ioctl(pair.master, TIOCSWINSZ, &size), 0);
    assert_int_equal(ls_terminal_columns(&terminal), 80);
    ls_terminal_release(&terminal);
    close_pair(&pair);
}

static void test_file_is_no_terminal(void **state)
{
    (void)state;
    FILE *out = tmpfile();
    assert_non_null(out);
    struct ls_terminal terminal;
    assert_int_equal(ls_terminal_find(&terminal, out), LS_OK);
    assert_false(terminal.drawn);
    assert_int_equal(ls_terminal_columns(&terminal), 80);
    setenv("LOCKSTEP_OUTPUT", "terminal", 1);
    assert_int_equal(ls_terminal_find(&terminal, out), LS_OK);
    assert_true(terminal.drawn);
    fclose(out);
}

static void test_what_the_user_says(void **state)
{
    (void)state;
    struct pair pair;
    open_pair(&pair, 80);
    struct ls_terminal terminal;
    setenv("LOCKSTEP_OUTPUT", "plain", 1);
    assert_int_equal(ls_terminal_find(&terminal, pair.out), LS_OK);
    assert_false(terminal.drawn);
    setenv("LOCKSTEP_OUTPUT", "", 1);
    setenv("TERM", "dumb", 1);
    assert_int_equal(ls_terminal_find(&terminal, pair.out), LS_OK);
    assert_false(terminal.drawn);
    unsetenv("TERM");
    assert_int_equal(ls_terminal_find(&terminal, pair.out), LS_OK);
    assert_false(terminal.drawn);
    setenv("LOCKSTEP_OUTPUT", "yes", 1);
    assert_int_equal(ls_terminal_find(&terminal, pair.out), LS_USAGE);
    close_pair(&pair);
}

/* What a rank finds whose launcher's standard output is `output`, while its own is a terminal of 57
 * columns: the columns when it would draw, 0 when not. */
static int columns_below_launcher(const char *launcher, int output)
{
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_NAME, launcher);
        dup2(output, 1);
        pid_t rank = fork();
        if (rank == 0) {
            struct pair pair;
            open_pair(&pair, 57);
            struct ls_terminal terminal;
            if (ls_terminal_find(&terminal, pair.out) != LS_OK)
                _exit(255);
            _exit(terminal.drawn ? ls_terminal_columns(&terminal) : 0);
        }
        int status = 0;
        waitpid(rank, &status, 0);
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 254);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_launchers_output_counts(void **state)
{
    (void)state;
    FILE *file = tmpfile();
    assert_non_null(file);
    struct pair pair;
    open_pair(&pair, 71);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(columns_below_launcher("mpirun", fileno(file)), 0);
    assert_int_equal(columns_below_launcher("orted", ends[1]), 0);
    assert_int_equal(columns_below_launcher("mpirun", fileno(pair.out)), 71);
    assert_int_equal(columns_below_launcher("mpirun.openmpi", fileno(pair.out)), 71);
    assert_int_equal(columns_below_launcher("bash", fileno(file)), 57);
    setenv("OMPI_MCA_orte_tag_output", "1", 1);
    assert_int_equal(columns_below_launcher("mpirun", fileno(pair.out)), 0);
    close(ends[0]);
    close(ends[1]);
    close_pair(&pair);
    fclose(file);
}

static void test_stat_text(void **state)
{
    (void)state;
    int parent = 0;
    char name[8];
    assert_true(ls_terminal_parse_stat("42 (a) (b) S 17 1 1", &parent, name, sizeof(name)));
    assert_int_equal(parent, 17);
    assert_string_equal(name, "a) (b");
    assert_true(ls_terminal_parse_stat("42 (longer name) R 3 1", &parent, name, sizeof(name)));
    assert_string_equal(name, "longer ");
    assert_int_equal(parent, 3);
    assert_false(ls_terminal_parse_stat("42 nothing S 17", &parent, name, sizeof(name)));
    assert_false(ls_terminal_parse_stat("42 (cut", &parent, name, sizeof(name)));
    assert_false(ls_terminal_parse_stat("42 (cut) S", &parent, name, sizeof(name)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_terminal_and_its_width, set_up),
        cmocka_unit_test_setup(test_file_is_no_terminal, set_up),
        cmocka_unit_test_setup(test_what_the_user_says, set_up),
        cmocka_unit_test_setup(test_launchers_output_counts, set_up),
        cmocka_unit_test_setup(test_stat_text, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
