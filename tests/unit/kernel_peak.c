/* The peak that profiles compare with. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/sets.h"

static const char *const names[] = {"baseline", "avx2", "avx512"};

/* x / 2 + 1 again and again ends at 2, in each of the 12 chains. */
static void test_operations(void **state)
{
    (void)state;
    for (size_t set = 0; set < LS_KERNEL_SET_COUNT; set++) {
        float out[16] = {0};
        if (!(ls_kernels_runnable() & 1u << set))
            continue;
        assert_int_equal(ls_kernels_choose(names[set]), LS_OK);
        double once = ls_k->multiply_add(out, 1), many = ls_k->multiply_add(out, 100);
        if (out[0] != 24 || many != 100 * once || once < 2 * 4 * 12)
            fail_msg("%s: %.9g (24), %g operations in one round, %g in 100", names[set],
                     (double)out[0], once, many);
    }
}

static void test_peak(void **state)
{
    (void)state;
    for (size_t set = 0; set < LS_KERNEL_SET_COUNT; set++) {
        if (!(ls_kernels_runnable() & 1u << set))
            continue;
        assert_int_equal(ls_kernels_choose(names[set]), LS_OK);
        double peak = ls_kernels_peak();
        if (!(peak > 0.1 && peak < 10000)) /* sanitizers are slow */
            fail_msg("%s: %g GFLOPS", names[set], peak);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operations),
        cmocka_unit_test(test_peak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
