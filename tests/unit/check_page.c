/* The page of a check: its lines in columns, the verdict; and the numbers of ranks it recommends.
 */
#include "base_test.h"

#include "check/page.h"
#include "check/ranks.h"
#include "lockstep/model.h"
#include "lockstep/report.h"

static void expect_page(struct ls_check *check, const char *expected)
{
    char *text;
    assert_int_equal(ls_check_format(check, &text), LS_OK);
    assert_string_equal(text, expected);
    ls_text_free(text);
    ls_check_release(check);
}

static void test_verdicts(void **state)
{
    struct ls_check check = {0};
    (void)state;
    ls_check_add(&check, LS_CHECK_OK, "cores", "%d rank", 1);
    expect_page(&check, "ok       cores      1 rank\n\nno warnings: it would run well\n");
    ls_check_add(&check, LS_CHECK_WARNING, "cores", "a");
    ls_check_add(&check, LS_CHECK_OK, "cores", "b");
    expect_page(&check,
                "warning  cores      a\nok                  b\n\n1 warning: it would run\n");
    ls_check_add(&check, LS_CHECK_ERROR, "run", "a");
    ls_check_add(&check, LS_CHECK_WARNING, "data", "b");
    expect_page(&check, "error    run        a\nwarning  data       b\n\n"
                        "1 error, 1 warning: it would not run\n");
}

/* No line is longer than 100 columns, unless a word is. */
static void test_long_lines(void **state)
{
    struct ls_check check = {0};
    (void)state;
    ls_check_add(&check, LS_CHECK_OK, "run",
                 "a2345678 b2345678 c2345678 d2345678 e2345678 f2345678 g2345678 h2345678 i234567 "
                 "j2345678 k");
    expect_page(&check, "ok       run        a2345678 b2345678 c2345678 d2345678 e2345678 f2345678 "
                        "g2345678 h2345678 i234567\n"
                        "                    j2345678 k\n\nno warnings: it would run well\n");
}

static void expect_ranks(int64_t replicas, int64_t ranks, const char *expected)
{
    struct ls_text text = {0};
    ls_ranks_append_good(&text, replicas, ranks);
    assert_string_equal(text.data, expected);
    ls_text_release(&text);
}

static void test_ranks(void **state)
{
    (void)state;
    assert_true(ls_ranks_are_good(8, 4));
    assert_false(ls_ranks_are_good(8, 3));
    assert_true(ls_ranks_are_good(6, 3));  /* two replicas each: a subtree */
    assert_false(ls_ranks_are_good(6, 2)); /* three each: a subtree and a replica */
    expect_ranks(8, 3, "1, 2, 4 or 8 ranks");
    expect_ranks(64, 24, "4, 8, 16, 32 or 64 ranks");
    expect_ranks(7, 3, "1 or 7 ranks");
    expect_ranks(1, 1, "1 rank");
    expect_ranks(1 << 20, 1000, "128, 256, 512, 1024 or 2048 ranks");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_ranks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
