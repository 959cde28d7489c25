/* What a check makes of facts about ranks and hosts: of pretended clusters. */
#include "base_test.h"

#include "check/facts.h"

enum { RANKS = 4, HOSTS = 2, CLUSTER = 64 };

static struct ls_check check;
static int node_of[RANKS] = {0, 0, 1, 1}, first_of[HOSTS] = {0, 2};
static const char *host_of[RANKS] = {"ant", "ant", "bee", "bee"};
static struct ls_checker checker;

static int set_up(void **state)
{
    (void)state;
    checker = (struct ls_checker){.check = &check,
                                  .size = RANKS,
                                  .nodes = HOSTS,
                                  .node_of = node_of,
                                  .first_of = first_of,
                                  .host_of = host_of};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ls_check_release(&check);
    return 0;
}

static void expect_line(size_t index, enum ls_check_level level, const char *text)
{
    assert_in_range(index + 1, 1, check.lines);
    assert_string_equal(check.line[index].text, text);
    assert_int_equal(check.line[index].level, level);
}

/* -- hosts */

static void test_hosts_alike(void **state)
{
    static int nodes[CLUSTER];
    static char name[CLUSTER][8];
    static const char *names[CLUSTER];
    static struct ls_host_line line[CLUSTER];
    (void)state;
    for (int i = 0; i < CLUSTER; i++) {
        nodes[i] = i;
        snprintf(name[i], sizeof name[i], "n%d", i);
        names[i] = name[i];
        line[i] = (struct ls_host_line){LS_CHECK_OK, "fine"};
    }
    checker.nodes = checker.size = CLUSTER;
    checker.node_of = checker.first_of = nodes;
    checker.host_of = names;
    ls_hosts_tell(&checker, "a", line);
    line[3] = line[9] = (struct ls_host_line){LS_CHECK_WARNING, "not so"};
    line[5].text[0] = '\0';
    ls_hosts_tell(&checker, "b", line);
    assert_int_equal(check.lines, 3);
    expect_line(0, LS_CHECK_OK, "each of 64 hosts: fine");
    expect_line(1, LS_CHECK_OK, "hosts n0, n1, n2, n4 and 57 more: fine");
    expect_line(2, LS_CHECK_WARNING, "hosts n3, n9: not so");
}

static void expect_ranks(const char *expected, int size, const bool *which)
{
    char out[LS_RANKS_TEXT];
    assert_string_equal(ls_ranks_format(out, which, size), expected);
}

static void test_rank_lists(void **state)
{
    bool which[100] = {[2] = true};
    (void)state;
    expect_ranks("rank 2", 4, which);
    which[3] = which[4] = which[7] = true;
    expect_ranks("ranks 2-4, 7", 100, which);
    for (int rank = 0; rank < 100; rank++)
        which[rank] = rank % 2;
    expect_ranks("ranks 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, ...", 100, which);
}

/* -- cores */

static void set_cpus(cpu_set_t *set, const char *list)
{
    CPU_ZERO(set);
    for (const char *at = list; *at; at++)
        CPU_SET((size_t)(*at - 'a'), set);
}

/* Each rank's mask as letters: a is CPU 0. Hosts have eight CPUs; two a core where `threads` says
 * so: a and e, b and f, ... */
static void pretend(struct ls_cores_facts all[RANKS], const char *const masks[RANKS], bool two)
{
    for (int rank = 0; rank < RANKS; rank++) {
        struct ls_cores_facts *facts = &all[rank];
        *facts = (struct ls_cores_facts){.spanned = 1, .online = 8};
        set_cpus(&facts->job, "abcdefgh");
        set_cpus(&facts->mask, masks[rank]);
        CPU_ZERO(&facts->cores);
        for (size_t cpu = 0; cpu < 8; cpu++)
            if (CPU_ISSET(cpu, &facts->mask))
                CPU_SET(two ? cpu % 4 : cpu, &facts->cores);
    }
}

static void test_cores(void **state)
{
    struct ls_cores_facts all[RANKS];
    (void)state;
    pretend(all, (const char *[]){"a", "b", "a", "b"}, false);
    assert_ok(ls_cores_tell(&checker, all, 1));
    expect_line(0, LS_CHECK_OK, "each of 2 hosts: 2 ranks x 1 thread on 2 cores");
    expect_line(1, LS_CHECK_OK, "each of 2 hosts: bound, to 1 CPU a rank");
    assert_false(checker.crowded);
}

static void test_shared_core(void **state)
{
    struct ls_cores_facts all[RANKS];
    (void)state;
    pretend(all, (const char *[]){"a", "b", "c", "c"}, false);
    assert_ok(ls_cores_tell(&checker, all, 1));
    expect_line(2, LS_CHECK_OK, "host ant: bound, to 1 CPU a rank");
    expect_line(3, LS_CHECK_WARNING,
                "host bee: 2 ranks of 1 thread are bound to CPU 2 alone: mpirun --map-by slot:PE=1 "
                "--bind-to core, or --bind-to none");
}

/* As mpirun binds when it is told nothing. */
static void test_threads_on_one_core(void **state)
{
    struct ls_cores_facts all[RANKS];
    (void)state;
    pretend(all, (const char *[]){"a", "b", "a", "b"}, false);
    assert_ok(ls_cores_tell(&checker, all, 4));
    expect_line(0, LS_CHECK_OK, "each of 2 hosts: 2 ranks x 4 threads on 2 cores");
    expect_line(1, LS_CHECK_WARNING,
                "each of 2 hosts: 1 rank of 4 threads is bound to CPU 0 alone: mpirun --map-by "
                "slot:PE=4 --bind-to core, or --bind-to none");
}

static void test_crowd(void **state)
{
    struct ls_cores_facts all[RANKS];
    (void)state;
    pretend(all, (const char *[]){"abcdefgh", "abcdefgh", "abcdefgh", "abcdefgh"}, false);
    assert_ok(ls_cores_tell(&checker, all, 5));
    expect_line(
        0, LS_CHECK_WARNING,
        "each of 2 hosts: 2 ranks x 5 threads on 8 cores: they take turns, and all wait for "
        "the last: use 1 rank a host, or fewer --threads");
    expect_line(1, LS_CHECK_OK, "each of 2 hosts: not bound: the system places the ranks");
    assert_true(checker.crowded);
}

static void test_hardware_threads(void **state)
{
    struct ls_cores_facts all[RANKS];
    (void)state;
    pretend(all, (const char *[]){"abcdefgh", "abcdefgh", "abcdefgh", "abcdefgh"}, true);
    assert_ok(ls_cores_tell(&checker, all, 2));
    expect_line(0, LS_CHECK_OK,
                "each of 2 hosts: 2 ranks x 2 threads on 4 cores of 8 hardware threads");
    assert_ok(ls_cores_tell(&checker, all, 4));
    expect_line(2, LS_CHECK_WARNING,
                "each of 2 hosts: 2 ranks x 4 threads on 4 cores of 8 hardware threads: two on a "
                "core share its arithmetic, and are no faster than one");
}

static void test_quota_and_memories(void **state)
{
    struct ls_cores_facts all[RANKS];
    (void)state;
    pretend(all, (const char *[]){"abcdefgh", "abcdefgh", "abcdefgh", "abcdefgh"}, false);
    all[0].quota = all[1].quota = 1.5;
    all[2].spanned = all[3].spanned = 2;
    assert_ok(ls_cores_tell(&checker, all, 1));
    expect_line(0, LS_CHECK_WARNING,
                "host ant: 2 ranks x 1 thread on 8 cores, in a control group with the time of 1.5: "
                "they take turns, and all wait for the last: use 1 rank a host, or more hosts");
    expect_line(1, LS_CHECK_OK, "host bee: 2 ranks x 1 thread on 8 cores");
    expect_line(3, LS_CHECK_WARNING,
                "host bee: a rank may run on any of 2 NUMA nodes, far from its memory: mpirun "
                "--map-by slot:PE=1 --bind-to core");
}

/* A job that has half of a host is not hurt by who works in the other half. */
static void test_load(void **state)
{
    struct ls_cores_facts all[RANKS];
    (void)state;
    pretend(all, (const char *[]){"abcd", "abcd", "abcd", "abcd"}, false);
    all[0].load = all[1].load = 6.9;
    all[2].load = all[3].load = 7.0;
    assert_ok(ls_cores_tell(&checker, all, 1));
    assert_int_equal(check.lines, 3);
    expect_line(
        2, LS_CHECK_WARNING,
        "host bee: others may be at work there: in the last minute 7.0 processes ran on its 8 "
        "CPUs");
}

/* -- memory */

static void test_memory(void **state)
{
    struct ls_memory_facts all[RANKS];
    (void)state;
    memset(all, 0, sizeof all);
    for (int rank = 0; rank < RANKS; rank++) {
        all[rank].needs.bytes[LS_NEEDS_WEIGHTS] = 1e9;
        all[rank].needs.bytes[LS_NEEDS_ACTIVATIONS] = rank == 1 ? 4e9 : 3e9;
        all[rank].free = all[rank].free_to_all = rank < 2 ? 64.9e9 : 9e9;
    }
    all[2].limit = all[3].limit = LS_MEMORY_OF_GROUP;
    assert_ok(ls_memory_tell(&checker, all));
    expect_line(0, LS_CHECK_OK, "at most 5.0 GB for rank 1: activations 4.0 GB, weights 1.0 GB");
    expect_line(1, LS_CHECK_OK, "host ant: 2 ranks take 9.0 GB of 64.0 GB free");
    expect_line(2, LS_CHECK_WARNING,
                "host bee: 2 ranks take 8.0 GB of 9.0 GB free in the control group: what else runs "
                "there may make it fail");
    all[1].limit = LS_MEMORY_OF_PROCESS;
    all[1].free = 5.5e9;
    assert_ok(ls_memory_tell(&checker, all));
    expect_line(4, LS_CHECK_WARNING,
                "host ant: 2 ranks take 9.0 GB of 64.0 GB free, but rank 1 takes 5.0 GB of the 5.5 "
                "GB that it may have (ulimit -v)");
}

/* -- speed, clocks */

static void test_speed(void **state)
{
    (void)state;
    assert_ok(ls_speed_tell(&checker, (double[RANKS]){100, 100, 85, 101}));
    expect_line(0, LS_CHECK_OK, "a rank multiplies matrices at 100 GFLOPS, the slowest at 85");
    assert_ok(ls_speed_tell(&checker, (double[RANKS]){100, 100, 75, 101}));
    expect_line(1, LS_CHECK_WARNING,
                "rank 2 is slower than the others: rank 2 (host bee) multiplies matrices at 75 "
                "GFLOPS, most at 100: all wait for it at each step");
    checker.crowded = true; /* it is known why */
    assert_ok(ls_speed_tell(&checker, (double[RANKS]){100, 100, 75, 101}));
    expect_line(2, LS_CHECK_OK, "a rank multiplies matrices at 100 GFLOPS, the slowest at 75");
}

static void test_clocks(void **state)
{
    (void)state;
    ls_clocks_tell(&checker, (struct ls_clock_difference[HOSTS]){{0}, {-0.25, 30e-6}});
    expect_line(0, LS_CHECK_OK, "differ by 250 ms at most; a message takes up to 30 us");
    ls_clocks_tell(&checker, (struct ls_clock_difference[HOSTS]){{0}, {-3.5, 30e-6}});
    expect_line(1, LS_CHECK_WARNING,
                "the clock of host bee is 3.5 s behind that of ant: ages of checkpoints and files "
                "will be wrong; synchronize them (chrony, ntpd)");
}

/* -- the run directory */

static void test_directory(void **state)
{
    (void)state;
    assert_ok(ls_directory_tell(&checker, (enum ls_sight[RANKS]){0}));
    assert_int_equal(check.lines, 0);
    assert_ok(ls_directory_tell(&checker, (enum ls_sight[RANKS]){[2] = LS_UNSEEN}));
    expect_line(0, LS_CHECK_WARNING,
                "host bee: does not see the run directory: only rank 0 writes there, but a resume "
                "that begins on another host would find nothing");
    assert_ok(ls_directory_tell(&checker, (enum ls_sight[RANKS]){[2] = LS_UNLOCKED}));
    expect_line(
        1, LS_CHECK_WARNING,
        "host bee: does not see locks in the run directory: a second job there would not be "
        "refused");
}

/* -- networks */

static void add(struct ls_interfaces *host, const char *name, const uint8_t address[4], int speed)
{
    struct ls_interface *made = &host->of[host->count++];
    *made = (struct ls_interface){.prefix = 24, .speed = speed};
    snprintf(made->name, sizeof made->name, "%s", name);
    for (int i = 0; i < 4; i++)
        made->address = made->address << 8 | address[i];
}

static void test_network(void **state)
{
    struct ls_interfaces hosts[HOSTS] = {0};
    struct ls_network network = {.hosts = hosts, .excluded = true};
    (void)state;
    for (uint8_t i = 0; i < HOSTS; i++) {
        add(&hosts[i], "eth0", (uint8_t[4]){192, 168, 1, (uint8_t)(i + 1)}, 1000);
        add(&hosts[i], "ib0", (uint8_t[4]){10, 0, 0, (uint8_t)(i + 1)}, 100000);
    }
    assert_ok(ls_network_tell(&checker, &network));
    assert_int_equal(check.lines, 2);
    expect_line(0, LS_CHECK_OK,
                "each of 2 hosts: eth0 192.168.1.0/24 at 1000 Mbit/s, ib0 10.0.0.0/24 at 100000 "
                "Mbit/s");
    expect_line(1, LS_CHECK_OK, "all hosts are in 192.168.1.0/24, 10.0.0.0/24");
    ls_check_release(&check);

    add(&hosts[1], "docker0", (uint8_t[4]){172, 17, 0, 1}, 0);
    assert_ok(ls_network_tell(&checker, &network));
    expect_line(3, LS_CHECK_WARNING,
                "Open MPI would try docker0 too, which does not join the hosts: mpirun --mca "
                "btl_tcp_if_include 10.0.0.0/24 --mca oob_tcp_if_include 10.0.0.0/24");
    ls_check_release(&check);

    network.list = "10.0.0.0/8"; /* which leaves docker0 out */
    network.excluded = false;
    assert_ok(ls_network_tell(&checker, &network));
    assert_int_equal(check.lines, 3);
    expect_line(2, LS_CHECK_OK, "all hosts are in 10.0.0.0/24");
    ls_check_release(&check);

    network.list = "docker0";
    assert_ok(ls_network_tell(&checker, &network));
    expect_line(2, LS_CHECK_WARNING,
                "no subnet is the same on all hosts, of those that Open MPI is told to take: TCP "
                "between them goes over routers, or not at all");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_hosts_alike, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rank_lists, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cores, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_shared_core, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_threads_on_one_core, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_crowd, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hardware_threads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_quota_and_memories, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_load, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_speed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_clocks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_directory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_network, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
