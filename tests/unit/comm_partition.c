/* Partition arithmetic, exhaustively for small n against a definition written out plainly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "comm/partition.h"

static void parts_tile_the_range(void **state)
{
    (void)state;
    for (int64_t n = 0; n <= 40; n++)
        for (int64_t parts = 1; parts <= 12; parts++) {
            int64_t at = 0, before = n + 1;
            for (int64_t i = 0; i < parts; i++) {
                struct ls_range part = ls_part(n, parts, i);
                int64_t length = part.end - part.begin;
                assert_int_equal(part.begin, at);
                assert_true(length == n / parts || length == (n + parts - 1) / parts);
                assert_true(length <= before); /* the larger first */
                before = length;
                at = part.end;
            }
            assert_int_equal(at, n);
        }
}

static void parts_of_very_many(void **state)
{
    (void)state;
    int64_t n = INT64_MAX;
    struct ls_range last = ls_part(n, 1000, 999);
    assert_int_equal(last.end, n);
    assert_int_equal(last.end - last.begin, n / 1000);
}

static void middle_is_a_power_of_two(void **state)
{
    (void)state;
    static const int64_t expected[] = {0, 0, 1, 2, 2, 4, 4, 4, 4, 8};
    for (int64_t n = 2; n <= 9; n++) {
        assert_int_equal(ls_tree_middle(0, n), expected[n]);
        assert_int_equal(ls_tree_middle(100, 100 + n), 100 + expected[n]);
    }
    assert_int_equal(ls_tree_middle(0, INT64_MAX), INT64_C(1) << 62);
    assert_int_equal(ls_tree_middle(0, (INT64_C(1) << 40) + 1), INT64_C(1) << 40);
}

/* Whether [lo, hi) is a node of the tree over [at.begin, at.end). */
static int is_node(struct ls_range at, struct ls_range node)
{
    if (at.begin == node.begin && at.end == node.end)
        return 1;
    if (at.end - at.begin < 2)
        return 0;
    int64_t middle = ls_tree_middle(at.begin, at.end);
    return node.end <= middle ? is_node((struct ls_range){at.begin, middle}, node)
                              : is_node((struct ls_range){middle, at.end}, node);
}

static void subtrees_are_the_fewest_nodes(void **state)
{
    (void)state;
    struct ls_range out[LS_SUBTREES_MAX];
    for (int64_t n = 1; n <= 33; n++)
        for (int64_t begin = 0; begin <= n; begin++)
            for (int64_t end = begin; end <= n; end++) {
                size_t count = ls_tree_subtrees(out, n, (struct ls_range){begin, end});
                int64_t at = begin;
                for (size_t i = 0; i < count; i++) {
                    assert_int_equal(out[i].begin, at);
                    assert_true(out[i].end > out[i].begin);
                    assert_true(is_node((struct ls_range){0, n}, out[i]));
                    at = out[i].end;
                }
                assert_int_equal(at, end);
                /* Maximal: no run of neighbours is itself a node. */
                for (size_t i = 0; i < count; i++)
                    for (size_t j = i + 1; j < count; j++)
                        assert_false(is_node((struct ls_range){0, n},
                                             (struct ls_range){out[i].begin, out[j].end}));
            }
}

static void subtrees_of_aligned_ranges(void **state)
{
    (void)state;
    struct ls_range out[LS_SUBTREES_MAX];
    for (int64_t rank = 0; rank < 8; rank++) {
        assert_int_equal(ls_tree_subtrees(out, 64, ls_part(64, 8, rank)), 1);
        assert_int_equal(out[0].begin, rank * 8);
    }
    assert_int_equal(ls_tree_subtrees(out, 0, (struct ls_range){0, 0}), 0);
    /* The most there can be still fit. */
    int64_t n = INT64_C(1) << 62;
    assert_int_equal(ls_tree_subtrees(out, n, (struct ls_range){1, n - 1}), 122);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_tile_the_range),
        cmocka_unit_test(parts_of_very_many),
        cmocka_unit_test(middle_is_a_power_of_two),
        cmocka_unit_test(subtrees_are_the_fewest_nodes),
        cmocka_unit_test(subtrees_of_aligned_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
