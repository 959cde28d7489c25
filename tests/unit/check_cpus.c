/* Sets of CPUs and shares of them, as the kernel writes them. */
#include "base_test.h"

#include "base/cgroup.h"
#include "check/cpus.h"

static void expect_cpus(const char *text, int count, const char *again)
{
    cpu_set_t cpus;
    char out[LS_CPUS_TEXT];
    assert_true(ls_cpus_parse(&cpus, text));
    assert_int_equal(CPU_COUNT(&cpus), count);
    assert_string_equal(ls_cpus_format(out, &cpus), again);
}

static void test_lists(void **state)
{
    (void)state;
    expect_cpus("0\n", 1, "0");
    expect_cpus("0-3,8\n", 5, "0-3,8");
    expect_cpus("0,1,2", 3, "0-2");
    expect_cpus("", 0, "");
    expect_cpus("\n", 0, "");
    expect_cpus("1020-2000", 4, "1020-1023"); /* those that a set has room for */
    expect_cpus("0,2,4,6,8,10,12,14,16,18,20,22,24,26,28,30,32,34,36,38", 20,
                "0,2,4,6,8,10,12,14,16,18,20,22,24,26,28,30,...");
}

static void test_no_lists(void **state)
{
    static const char *const none[] = {"a", "1-", "-1", "3-1", "1;2", "1,,2", "0x1", "1-2-3"};
    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        cpu_set_t cpus;
        assert_false(ls_cpus_parse(&cpus, none[i]));
        assert_int_equal(CPU_COUNT(&cpus), 0);
    }
}

static void test_quota(void **state)
{
    (void)state;
    assert_true(ls_cpus_quota("200000 100000\n") == 2);
    assert_true(ls_cpus_quota("50000 100000") == 0.5);
    assert_true(ls_cpus_quota("max 100000\n") == 0);
    assert_true(ls_cpus_quota("100000 0") == 0);
    assert_true(ls_cpus_quota("") == 0);
}

static void expect_group(const char *text, const char *expected)
{
    char group[64];
    ls_cgroup_parse(group, sizeof group, text);
    assert_string_equal(group, expected);
}

static void test_groups(void **state)
{
    (void)state;
    expect_group("0::/system.slice/slurmstepd.scope/job_7\n",
                 "/system.slice/slurmstepd.scope/job_7");
    expect_group("0::/\n", "");
    expect_group("", "");
    expect_group("9:name=systemd:/a\n3:cpuset:/b\n0::/c\n", "/c");
    expect_group("10::/a\n", ""); /* another hierarchy */
    expect_group("4:memory:/a\n3:cpuset:/b\n", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_no_lists),
        cmocka_unit_test(test_quota),
        cmocka_unit_test(test_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
