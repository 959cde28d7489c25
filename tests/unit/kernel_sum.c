/* Sums in the fixed order: 16 lanes, blocks of 4096, the tree. */
#include "unit/kernel_sets.h"

static double term(float x, enum ls_sum what)
{
    double d = (double)x;
    return what == LS_SUM ? d : what == LS_SUM_SQUARES ? d * d : fabs(d);
}

static double lanes(const float *a, size_t n, enum ls_sum what)
{
    double lane[16] = {0};
    for (size_t i = 0; i < n; i++)
        lane[i % 16] += term(a[i], what);
    for (size_t half = 8; half > 0; half /= 2)
        for (size_t l = 0; l < half; l++)
            lane[l] += lane[l + half];
    return lane[0];
}

static void assert_same_double(double got, double want, const char *what, size_t n)
{
    if (memcmp(&got, &want, sizeof got) != 0)
        fail_msg("%s of %zu, set %s: %a, not %a", what, n, ls_k->name, got, want);
}

static void test_lanes(void **state)
{
    (void)state;
    for (size_t set = 0; set < LS_KERNEL_SET_COUNT; set++) {
        if (!set_runs(set))
            continue;
        assert_int_equal(ls_kernels_choose(set_names[set]), LS_OK);
        for (size_t s = 0; s < SIZES; s++) {
            const size_t n = sizes[s];
            float *a = make_array(0, n);
            for (size_t i = 0; i < n; i++) /* of such sizes that the order shows */
                a[i] *= i % 5 == 0 ? 1e12f : i % 5 == 1 ? 1e-6f : 1;
            assert_same_double(ls_k->sum(a, n), lanes(a, n, LS_SUM), "sum", n);
            assert_same_double(ls_k->sum_squares(a, n), lanes(a, n, LS_SUM_SQUARES), "squares", n);
            assert_same_double(ls_k->sum_absolute(a, n), lanes(a, n, LS_SUM_ABSOLUTE), "absolute",
                               n);
            free_array(a);
        }
    }
}

static void test_tree(void **state)
{
    (void)state;
    const double big = 0x1p60;
    assert_true(ls_tree_sum(NULL, 0) == 0);
    assert_true(ls_tree_sum((double[]){3}, 1) == 3);
    /* ((1 + 2^60) + (-2^60 + 1)) + 1: both inner sums lose their 1 */
    assert_true(ls_tree_sum((double[]){1, big, -big, 1, 1}, 5) == 1);
    /* (2^60 - 2^60) + 1 */
    assert_true(ls_tree_sum((double[]){big, -big, 1}, 3) == 1);
    /* ((2^60 + 1) + (-2^60 + 0)) + (1 + 1) */
    assert_true(ls_tree_sum((double[]){big, 1, -big, 0, 1, 1}, 6) == 2);
}

static void test_blocks(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 4095, 4096, 4097, 3 * 4096, 5 * 4096 + 17};
    for (size_t set = 0; set < LS_KERNEL_SET_COUNT; set++) {
        if (!set_runs(set))
            continue;
        assert_int_equal(ls_kernels_choose(set_names[set]), LS_OK);
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
            for (enum ls_sum what = LS_SUM; what <= LS_SUM_ABSOLUTE; what++) {
                const size_t n = counts[i];
                float *a = make_array(0, n);
                double block[8];
                size_t blocks = 0;
                for (size_t at = 0; at < n; at += LS_SUM_BLOCK)
                    block[blocks++] =
                        lanes(a + at, n - at < LS_SUM_BLOCK ? n - at : LS_SUM_BLOCK, what);
                assert_same_double(ls_sum_blocks(a, n, what), ls_tree_sum(block, blocks), "blocks",
                                   n);
                free_array(a);
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lanes),
        cmocka_unit_test(test_tree),
        cmocka_unit_test(test_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
