/* What Open MPI left behind: what nobody uses goes, all else stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "comm/sweep.h"

static char directory[] = "/dev/shm/lockstep-sweep-XXXXXX";

/* The path of a file or directory in ours. */
static const char *at(const char *name)
{
    static char path[4][256];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", directory, name);
    return path[turn];
}

static void make(const char *name)
{
    int file = open(at(name), O_RDWR | O_CREAT | O_EXCL, 0600);
    assert_true(file >= 0);
    assert_int_equal(ftruncate(file, 4096), 0);
    close(file);
}

static bool is_there(const char *name)
{
    return access(at(name), F_OK) == 0;
}

/* A process that is gone. */
static long dead(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    return child;
}

static void segments_without_a_user_go(void **state)
{
    (void)state;
    make("vader_segment.a.0.1.0");
    make("vader_segment.a.0.1.1");
    make("vader_segment.a.0.1.2");
    make("other");
    int open_one = open(at("vader_segment.a.0.1.1"), O_RDWR);
    int file = open(at("vader_segment.a.0.1.2"), O_RDWR);
    void *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    assert_true(map != MAP_FAILED);
    close(file); /* as Open MPI does: only the mapping is left */
    ls_sweep(directory, NULL);
    assert_false(is_there("vader_segment.a.0.1.0"));
    assert_true(is_there("vader_segment.a.0.1.1"));
    assert_true(is_there("vader_segment.a.0.1.2"));
    assert_true(is_there("other"));
    close(open_one);
    munmap(map, 4096);
    ls_sweep(directory, NULL);
    assert_false(is_there("vader_segment.a.0.1.1"));
    assert_false(is_there("vader_segment.a.0.1.2"));
    unlink(at("other"));
}

static void links_are_not_followed(void **state)
{
    (void)state;
    make("precious");
    assert_int_equal(symlink(at("precious"), at("vader_segment.x")), 0);
    ls_sweep(directory, NULL);
    assert_true(is_there("precious") && is_there("vader_segment.x"));
    unlink(at("vader_segment.x"));
    unlink(at("precious"));
}

static void make_session(const char *name)
{
    char file[128];
    assert_int_equal(mkdir(at(name), 0700), 0);
    snprintf(file, sizeof file, "%s/0", name);
    assert_int_equal(mkdir(at(file), 0700), 0);
    snprintf(file, sizeof file, "%s/0/hwloc.sm", name);
    make(file);
}

static void sessions_of_dead_processes_go(void **state)
{
    (void)state;
    char gone[64], used[64], file[128], mine[64];
    snprintf(gone, sizeof gone, "pid.%ld", dead());
    snprintf(used, sizeof used, "pid.%ld", dead());
    snprintf(mine, sizeof mine, "pid.%ld", (long)getpid());
    make_session(gone);
    make_session(used);
    make_session(mine);
    make_session("pid.x");
    snprintf(file, sizeof file, "%s/0/hwloc.sm", used);
    int in_use = open(at(file), O_RDWR);
    ls_sweep("/nowhere", directory);
    assert_false(is_there(gone));
    assert_true(is_there(used) && is_there(mine) && is_there("pid.x"));
    close(in_use);
    ls_sweep("/nowhere", directory);
    assert_false(is_there(used));
}

static int begin(void **state)
{
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}

static int end(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", directory);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_without_a_user_go),
        cmocka_unit_test(links_are_not_followed),
        cmocka_unit_test(sessions_of_dead_processes_go),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
