/* Who counts as a straggler. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "train/straggler.h"

#define FIND(crowded, ...)                                                                         \
    ls_straggler_find((const double[]){__VA_ARGS__},                                               \
                      (int)(sizeof((const double[]){__VA_ARGS__}) / sizeof(double)), crowded)

static void the_slowest_is_named(void **state)
{
    (void)state;
    struct ls_straggler found = FIND(false, 10, 11, 18, 10.5);
    assert_int_equal(found.rank, 2);
    assert_true(found.factor > 1.71 && found.factor < 1.72); /* of 10.5 */
    found = FIND(false, 18, 9);
    assert_int_equal(found.rank, 0);
    assert_true(found.factor == 2);
    assert_int_equal(FIND(false, 5, 5, 5, 5, 9).rank, 4);
}

static void noise_is_not(void **state)
{
    (void)state;
    assert_int_equal(FIND(false, 10, 11.9, 10).rank, -1);  /* below 1.2 times */
    assert_int_equal(FIND(false, 0.1, 0.3, 0.1).rank, -1); /* too little to matter */
    assert_int_equal(FIND(false, 5).rank, -1);
    assert_int_equal(FIND(false, 0, 0).rank, -1);
}

/* Half of the ranks are slow: that is how these hosts are. */
static void two_kinds_of_hosts_are_told_by_the_lower_half(void **state)
{
    (void)state;
    assert_int_equal(FIND(false, 10, 10, 20, 20).rank, 2);
    assert_int_equal(FIND(false, 10, 20, 20, 20).rank, -1);
}

static void ranks_that_share_cores_have_more_noise(void **state)
{
    (void)state;
    assert_int_equal(FIND(true, 10, 14, 10).rank, -1);
    assert_int_equal(FIND(true, 0.5, 0.9, 0.5).rank, -1);
    assert_int_equal(FIND(true, 10, 16, 10).rank, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_slowest_is_named),
        cmocka_unit_test(noise_is_not),
        cmocka_unit_test(two_kinds_of_hosts_are_told_by_the_lower_half),
        cmocka_unit_test(ranks_that_share_cores_have_more_noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
