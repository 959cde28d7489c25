/* What the launcher's environment means, and a comm of a process alone. Each test that starts MPI
 * does so in a child: a process can start it once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "comm/combine.h"
#include "comm/comm.h"
#include "comm/launch.h"
#include "lockstep/mpi.h"

static const char *const names[] = {"OMPI_COMM_WORLD_SIZE",
                                    "PMIX_RANK",
                                    "PMI_SIZE",
                                    "PMI_RANK",
                                    "SLURM_STEP_NUM_TASKS",
                                    "OMPI_MCA_btl_tcp_if_include",
                                    "OMPI_MCA_btl_tcp_if_exclude"};

static int clear_environment(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
    return 0;
}

static struct ls_launch with(const char *name, const char *value, const char *other,
                             const char *other_value)
{
    struct ls_launch launch;

    clear_environment(NULL);
    if (name)
        setenv(name, value, 1);
    if (other)
        setenv(other, other_value, 1);
    ls_launch_read(&launch);
    return launch;
}

static void check(struct ls_launch launch, bool launched, bool reachable, long processes)
{
    assert_int_equal(launch.launched, launched);
    if (launched)
        assert_int_equal(launch.reachable, reachable);
    assert_int_equal(launch.processes, processes);
}

static void environments(void **state)
{
    (void)state;
    check(with(NULL, NULL, NULL, NULL), false, false, 0);
    check(with("OMPI_COMM_WORLD_SIZE", "4", "PMIX_RANK", "0"), true, true, 4);
    check(with("OMPI_COMM_WORLD_SIZE", "1", NULL, NULL), true, true, 1);
    check(with("PMIX_RANK", "0", "SLURM_STEP_NUM_TASKS", "4"), true, true, 4);
    check(with("PMI_SIZE", "4", "PMI_RANK", "2"), true, true, 4);
    check(with("SLURM_STEP_NUM_TASKS", "4", NULL, NULL), true, false, 4);
    check(with("SLURM_STEP_NUM_TASKS", "1", NULL, NULL), false, false, 1);
    /* Inside a job mpirun's daemons are Slurm's tasks; the ranks are mpirun's. */
    check(with("OMPI_COMM_WORLD_SIZE", "1", "SLURM_STEP_NUM_TASKS", "3"), true, true, 1);
}

#define REFUSED                                                                                    \
    "4 processes were started, but MPI shows each of them itself alone: start them with srun "     \
    "--mpi=pmix, or with mpirun of the MPI that lockstep was built with"

static void refused_without_mpi(void **state)
{
    (void)state;
    struct ls_comm *comm = (struct ls_comm *)1;
    int initialized = 1;

    setenv("SLURM_STEP_NUM_TASKS", "4", 1);
    assert_int_equal(ls_comm_create(&comm), LS_USAGE);
    assert_string_equal(ls_message(), REFUSED);
    assert_null(comm);
    MPI_Initialized(&initialized);
    assert_false(initialized);
}

/* The child's checks end in its exit status: cmocka's would jump back into the parent's tests. */
static int in_child(int (*function)(void))
{
    int status = -1;

    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(function());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int said(ls_status status, ls_status wanted, const char *text)
{
    if (status == wanted && strcmp(ls_message(), text) == 0)
        return 0;
    fprintf(stderr, "status %d, \"%s\"; expected %d, \"%s\"\n", status, ls_message(), wanted, text);
    return 1;
}

static int start_and_see_oneself_alone(void)
{
    struct ls_comm *comm;
    int finalized = 0, failures;

    setenv("PMI_SIZE", "4", 1);
    failures = said(ls_comm_create(&comm), LS_USAGE, REFUSED);
    MPI_Finalized(&finalized);
    failures += !finalized;
    return failures + said(ls_comm_create(&comm), LS_USAGE,
                           "MPI was finalized and cannot start again in this process: create the "
                           "comm before, and once");
}

static void refused_by_size(void **state)
{
    (void)state;
    assert_int_equal(in_child(start_and_see_oneself_alone), 0);
}

static int start_without_threads(void)
{
    struct ls_comm *comm;

    MPI_Init(NULL, NULL);
    int failures = said(ls_comm_create_mpi(&comm, MPI_COMM_WORLD), LS_USAGE,
                        "MPI was initialized without threads: call MPI_Init_thread with "
                        "MPI_THREAD_FUNNELED or more");
    MPI_Finalize();
    return failures;
}

/* The program's own MPI_Init is used, and its MPI_Finalize left to it. */
static int start_before(void)
{
    struct ls_comm *comm = NULL;
    int level, finalized = 1;

    MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level);
    if (ls_comm_create(&comm) != LS_OK || ls_comm_size(comm) != 1)
        return 1;
    ls_comm_free(comm);
    MPI_Finalized(&finalized);
    MPI_Finalize();
    return finalized;
}

static void programs_own_mpi(void **state)
{
    (void)state;
    struct ls_comm *comm;

    assert_int_equal(ls_comm_create_mpi(&comm, MPI_COMM_WORLD), LS_USAGE);
    assert_string_equal(ls_message(), "MPI is not initialized: call MPI_Init_thread before "
                                      "ls_comm_create_mpi");
    assert_int_equal(in_child(start_without_threads), 0);
    assert_int_equal(in_child(start_before), 0);
}

static void alone(void **state)
{
    (void)state;
    struct ls_comm *comm = NULL, *part = NULL;
    int initialized = 1, number = 7, copy = 0;
    char own[] = "text", *text = own, host[256] = "";
    size_t length = sizeof number;
    struct ls_comm_test test = {.ranks_per_node = 2};

    assert_int_equal(ls_comm_create(&comm), LS_OK);
    MPI_Initialized(&initialized);
    assert_false(initialized);
    assert_int_equal(ls_comm_rank(comm), 0);
    assert_int_equal(ls_comm_size(comm), 1);
    assert_int_equal(ls_comm_place(comm)->nodes, 1);
    assert_int_equal(ls_comm_place(comm)->node_size, 1);
    gethostname(host, sizeof host - 1);
    assert_string_equal(ls_comm_host(comm, 0), host);
    assert_null(ls_comm_fallback(comm));

    assert_int_equal(ls_comm_agree(comm, LS_OK), LS_OK);
    ls_fail(LS_BAD_INPUT, "mine");
    assert_int_equal(ls_comm_agree(comm, LS_BAD_INPUT), LS_BAD_INPUT);
    assert_string_equal(ls_message(), "mine");
    assert_int_equal(ls_comm_same(comm, 5, "it"), LS_OK);
    ls_comm_broadcast(comm, &number, sizeof number, 0);
    assert_int_equal(ls_comm_broadcast_text(comm, &text, 0), LS_OK);
    assert_ptr_equal(text, own);
    ls_comm_allgather(comm, &copy, &number, sizeof number);
    assert_int_equal(copy, 7);
    copy = 0;
    ls_comm_allgather_pieces(comm, &copy, &number, &length);
    assert_int_equal(copy, 7);
    ls_comm_barrier(comm);
    assert_int_equal(ls_comm_max(comm, -3), -3);
    assert_int_equal(ls_comm_sum(comm, -3), -3);

    assert_int_equal(ls_comm_create_test(&part, comm, 1, &test), LS_OK);
    assert_int_equal(ls_comm_size(part), 1);
    ls_comm_free(part);
    ls_comm_free(comm);
    ls_comm_free(NULL);
}

static int abort_alone(void)
{
    struct ls_comm *comm;

    if (ls_comm_create_alone(&comm) == LS_OK)
        ls_comm_abort(comm, 65);
    return 0;
}

static void abort_gives_the_status(void **state)
{
    (void)state;
    assert_int_equal(in_child(abort_alone), 65);
}

static void interfaces(void **state)
{
    bool excluded;

    (void)state;
    assert_null(ls_launch_tcp_interfaces(&excluded));
    assert_true(excluded);
    setenv("OMPI_MCA_btl_tcp_if_include", "", 1);
    setenv("OMPI_MCA_btl_tcp_if_exclude", "lo,docker0", 1);
    assert_string_equal(ls_launch_tcp_interfaces(&excluded), "lo,docker0");
    assert_true(excluded);
    setenv("OMPI_MCA_btl_tcp_if_include", "10.0.0.0/8", 1);
    assert_string_equal(ls_launch_tcp_interfaces(&excluded), "10.0.0.0/8");
    assert_false(excluded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(environments, clear_environment),
        cmocka_unit_test_setup(refused_without_mpi, clear_environment),
        cmocka_unit_test_setup(refused_by_size, clear_environment),
        cmocka_unit_test_setup(programs_own_mpi, clear_environment),
        cmocka_unit_test_setup(interfaces, clear_environment),
        cmocka_unit_test_setup(alone, clear_environment),
        cmocka_unit_test_setup(abort_gives_the_status, clear_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
