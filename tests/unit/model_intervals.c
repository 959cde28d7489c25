/* Where a plan's buffers lie: those that are wanted at the same time do not overlap. */
#include "unit/model_plan_test.h"

/* -- intervals */

static void check_intervals(const struct ls_interval *interval, size_t count, size_t floats)
{
    size_t highest = 0;
    for (size_t i = 0; i < count; i++) {
        size_t end = interval[i].offset + interval[i].floats;
        assert_int_equal(interval[i].offset % LS_ALIGNMENT_FLOATS, 0);
        highest = end > highest ? end : highest;
        for (size_t j = 0; j < i; j++)
            if (interval[i].from <= interval[j].to && interval[j].from <= interval[i].to &&
                interval[i].offset < interval[j].offset + interval[j].floats &&
                interval[j].offset < end)
                fail_msg("%zu [%zu, %zu) and %zu [%zu, %zu) overlap", i, interval[i].offset, end, j,
                         interval[j].offset, interval[j].offset + interval[j].floats);
    }
    assert_int_equal(floats, highest);
}

/* What no placing can go below: the most that is wanted at one time. */
static size_t most_at_once(const struct ls_interval *interval, size_t count, int64_t times)
{
    size_t most = 0;
    for (int64_t t = 0; t <= times; t++) {
        size_t now = 0;
        for (size_t i = 0; i < count; i++)
            if (interval[i].from <= t && t <= interval[i].to)
                now += interval[i].floats;
        most = now > most ? now : most;
    }
    return most;
}

static void test_intervals(void **state)
{
    (void)state;
    enum { COUNT = 40, TIMES = 30 };
    double wasted = 0;
    for (uint32_t set = 0; set < 400; set++) {
        struct ls_interval interval[COUNT];
        size_t count = draw(1, set) % (COUNT + 1), floats = 0, wanted[COUNT];
        for (uint32_t i = 0; i < count; i++) {
            int64_t from = draw(2 + set, 3 * i) % TIMES;
            wanted[i] = draw(2 + set, 3 * i + 1) % 500;
            interval[i] = (struct ls_interval){
                .floats = wanted[i], .from = from, .to = from + draw(2 + set, 3 * i + 2) % 8};
        }
        assert_ok(ls_intervals_place(interval, count, &floats));
        check_intervals(interval, count, floats);
        for (size_t i = 0; i < count; i++)
            assert_true(interval[i].floats >= wanted[i]);
        size_t least = most_at_once(interval, count, TIMES + 8);
        assert_true(floats >= least);
        wasted += least ? (double)floats / (double)least - 1 : 0;
    }
    assert_true(wasted / 400 < 0.15); /* no proof, but a plan that wastes more is broken */
}

static void test_intervals_by_hand(void **state)
{
    (void)state;
    struct ls_interval interval[] = {
        {.floats = 16, .from = 0, .to = 1}, /* lives with the second only */
        {.floats = 64, .from = 1, .to = 2},
        {.floats = 10, .from = 2, .to = 3}, /* the first one's place again */
        {.floats = 0, .from = 0, .to = 9},
    };
    size_t floats;
    assert_ok(ls_intervals_place(interval, 4, &floats));
    assert_int_equal(interval[1].offset, 0);
    assert_int_equal(interval[0].offset, 64);
    assert_int_equal(interval[2].offset, 64);
    assert_int_equal(floats, 80);
    assert_ok(ls_intervals_place(NULL, 0, &floats));
    assert_int_equal(floats, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        leak_checked_test(test_intervals),
        leak_checked_test(test_intervals_by_hand),
    };
    return cmocka_run_group_tests_name("intervals", tests, NULL, NULL);
}
