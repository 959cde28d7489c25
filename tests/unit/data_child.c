/* A child that dies, whatever of, is told from one that comes to its end; nothing of it is felt in
 * this process. */
#include "unit/store_test.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "data/child.h"

static volatile int changed;

static void do_nothing(void *context)
{
    (void)context;
    changed = 1;
}

static void crash(void *context)
{
    (void)context;
    raise(SIGSEGV);
}

static void run_in_circles(void *context)
{
    (void)context;
    for (;;)
        changed++;
}

/* Comes to its end only where the limit holds. */
static void take_memory(void *context)
{
    const size_t *bytes = context;
    /* Not by malloc, whose sanitizer takes a refusal for the program's end. */
    if (mmap(NULL, *bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
        MAP_FAILED)
        raise(SIGKILL);
}

static void print_and_signal(void *context)
{
    (void)context;
    printf("not to be seen\n");
    fflush(stdout);
    fprintf(stderr, "not to be seen\n");
    kill(getpid(), SIGINT);
    kill(getpid(), SIGTERM);
    kill(getpid(), SIGUSR1);
}

static void open_when_sealed(void *context)
{
    (void)context;
    ls_child_seal();
    if (open("file", O_RDONLY) >= 0)
        raise(SIGKILL);
}

static void an_end_is_told_from_a_death(void **state)
{
    (void)state;
    size_t large = (size_t)1 << 30;
    write_bytes("file", "x", 1);
    changed = 0;
    assert_ok(ls_child_try("file", do_nothing, NULL));
    assert_int_equal(changed, 0);
    assert_fails(ls_child_try("file", crash, NULL), LS_BAD_INPUT,
                 "file: damaged: HDF5 cannot read it");
    assert_fails(ls_child_try("file", run_in_circles, NULL), LS_BAD_INPUT,
                 "file: damaged: HDF5 cannot read it");
    assert_int_equal(changed, 0);
    assert_ok(ls_child_try("file", take_memory, &large));
    assert_ok(ls_child_try("file", print_and_signal, NULL));
    assert_ok(ls_child_try("file", open_when_sealed, NULL));
    assert_int_equal(waitpid(-1, NULL, 0), -1); /* none is left */
}

/* The program's own handlers are not the child's. */
static void handle(int number)
{
    (void)number;
    changed = 1;
    _exit(0);
}

static void handlers_stay_with_the_program(void **state)
{
    (void)state;
    struct sigaction mine = {.sa_handler = handle}, before, after;
    sigset_t mask_before, mask_after;
    sigaction(SIGSEGV, &mine, &before);
    sigprocmask(SIG_SETMASK, NULL, &mask_before);
    assert_fails(ls_child_try("file", crash, NULL), LS_BAD_INPUT,
                 "file: damaged: HDF5 cannot read it");
    sigprocmask(SIG_SETMASK, NULL, &mask_after);
    sigaction(SIGSEGV, &before, &after);
    assert_ptr_equal(after.sa_handler, handle);
    for (int number = 1; number < NSIG; number++)
        assert_int_equal(sigismember(&mask_before, number), sigismember(&mask_after, number));
}

/* Where the program has no interest in its children, the kernel collects them. */
static void nobody_need_wait_for_it(void **state)
{
    (void)state;
    void (*before)(int) = signal(SIGCHLD, SIG_IGN);
    assert_ok(ls_child_try("file", do_nothing, NULL));
    assert_fails(ls_child_try("file", crash, NULL), LS_BAD_INPUT,
                 "file: damaged: HDF5 cannot read it");
    signal(SIGCHLD, before);
}

static void allow(int socket, void *context)
{
    const size_t *bytes = context;
    ls_child_allow(*bytes);
    char *volatile block = malloc(*bytes);
    ls_child_send(socket, block ? "y" : "n", 1);
}

static void more_memory_can_be_allowed(void **state)
{
    (void)state;
    size_t large = (size_t)1 << 30;
    const struct ls_child_work work = {allow, &large, "file", 0};
    struct ls_child child;
    char answer = 0;
    assert_ok(ls_child_start(&child, &work));
    assert_true(ls_child_receive(child.socket, &answer, 1));
    assert_int_equal(answer, 'y');
    assert_false(ls_child_receive(child.socket, &answer, 1)); /* its end */
    ls_child_stop(&child);
    ls_child_stop(&child);
}

/* A process without sockets or children. */
static void what_the_system_refuses_is_told(void **state)
{
    (void)state;
    struct rlimit before, none = {0, 0};
    getrlimit(RLIMIT_NOFILE, &before);
    none.rlim_max = before.rlim_max;
    setrlimit(RLIMIT_NOFILE, &none);
    ls_status status = ls_child_try("file", do_nothing, NULL);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(status, LS_FAILED);
    assert_string_equal(ls_message(), "file: no socket to read it through: Too many open files");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(an_end_is_told_from_a_death),     scratch_test(handlers_stay_with_the_program),
        scratch_test(nobody_need_wait_for_it),         scratch_test(more_memory_can_be_allowed),
        scratch_test(what_the_system_refuses_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
