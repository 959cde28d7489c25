/* Dropout: element by element what ls_philox says, in every set. */
#include "unit/kernel_sets.h"

#include "base/random.h"

static const struct ls_random_key key = {{0x243f6a88, 0x85a308d3}};
enum { STREAM = 9 };

/* The uniform number of element e. */
static float uniform_at(int64_t sample, size_t e)
{
    const uint32_t counter[4] = {(uint32_t)(e / 4), (uint32_t)sample,
                                 (uint32_t)((uint64_t)sample >> 32), STREAM};
    uint32_t word[4];
    ls_philox(word, counter, key);
    return ls_uniform_float(word[e % 4]);
}

static float expected(float in, float rate, int64_t sample, size_t e)
{
    return uniform_at(sample, e) < rate ? 0 : in * (float)(1 / (1 - (double)rate));
}

static void test_bits(void **state)
{
    (void)state;
    static const size_t widths[] = {1,  3,  4,  5,  7,  8,  9,  15,  16,
                                    17, 31, 32, 33, 48, 63, 64, 100, 130};
    static const float rates[] = {0, 0.2f, 0.5f, 0.999f, 0x1p-24f, 0x1p-30f, 0.99999994f};
    static const int64_t samples[] = {0, 7, ((int64_t)5 << 32) + 0xfffffff0};
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++)
        for (size_t p = 0; p < sizeof rates / sizeof *rates; p++) {
            const size_t columns = widths[w], n = 3 * columns;
            float *in = make_array(0, n), *want = make_array(1, n);
            for (size_t i = 0; i < n; i++)
                want[i] = expected(in[i], rates[p], samples[i / columns], i % columns);
            for (size_t set = 0; set < LS_KERNEL_SET_COUNT; set++) {
                if (!set_runs(set))
                    continue;
                assert_int_equal(ls_kernels_choose(set_names[set]), LS_OK);
                float *got = make_array(2, n);
                ls_k->dropout(got, in, rates[p], key, STREAM, samples, 3, columns);
                assert_same_bits(got, want, n, "dropout", ls_k->name);
                memcpy(got, in, n * sizeof *in);
                ls_k->dropout(got, got, rates[p], key, STREAM, samples, 3, columns);
                assert_same_bits(got, want, n, "dropout in place", ls_k->name);
                free_array(got);
            }
            free_array(in);
            free_array(want);
        }
}

/* A rate that is an element's very number keeps it; the next larger one drops it. */
static void test_edge(void **state)
{
    (void)state;
    enum { COLUMNS = 32 };
    const int64_t sample = 11;
    for (size_t set = 0; set < LS_KERNEL_SET_COUNT; set++) {
        if (!set_runs(set))
            continue;
        assert_int_equal(ls_kernels_choose(set_names[set]), LS_OK);
        for (size_t e = 0; e < COLUMNS; e++) {
            const float rate = uniform_at(sample, e);
            float ones[COLUMNS], at[COLUMNS], above[COLUMNS];
            ls_k->fill(ones, 1, COLUMNS);
            ls_k->dropout(at, ones, rate, key, STREAM, &sample, 1, COLUMNS);
            ls_k->dropout(above, ones, nextafterf(rate, 1), key, STREAM, &sample, 1, COLUMNS);
            if (at[e] == 0 || above[e] != 0)
                fail_msg("element %zu, set %s, number %a: %a at it, %a above it", e, ls_k->name,
                         (double)rate, (double)at[e], (double)above[e]);
        }
    }
}

/* The share of dropped elements is the rate, and another stream drops others. */
static void test_share(void **state)
{
    (void)state;
    enum { COLUMNS = 10000 };
    static float ones[COLUMNS], a[COLUMNS], b[COLUMNS];
    const int64_t sample = 3;
    assert_int_equal(ls_kernels_choose(NULL), LS_OK);
    ls_k->fill(ones, 1, COLUMNS);
    ls_k->dropout(a, ones, 0.3f, key, 0, &sample, 1, COLUMNS);
    ls_k->dropout(b, ones, 0.3f, key, 1, &sample, 1, COLUMNS);
    size_t dropped = 0, both = 0;
    for (size_t i = 0; i < COLUMNS; i++) {
        dropped += a[i] == 0;
        both += a[i] == 0 && b[i] == 0;
    }
    assert_in_range(dropped, 2800, 3200); /* 4.4 sigma */
    assert_in_range(both, 750, 1050);
}

static void test_dropped_nan(void **state)
{
    (void)state;
    enum { COLUMNS = 64 };
    const int64_t sample = 0;
    for (size_t set = 0; set < LS_KERNEL_SET_COUNT; set++) {
        if (!set_runs(set))
            continue;
        assert_int_equal(ls_kernels_choose(set_names[set]), LS_OK);
        float ones[COLUMNS], kept[COLUMNS], nan[COLUMNS];
        ls_k->fill(ones, 1, COLUMNS);
        ls_k->fill(nan, NAN, COLUMNS);
        ls_k->dropout(kept, ones, 0.5f, key, 0, &sample, 1, COLUMNS);
        ls_k->dropout(nan, nan, 0.5f, key, 0, &sample, 1, COLUMNS);
        for (size_t i = 0; i < COLUMNS; i++)
            assert_int_equal(isnan(nan[i]) != 0, kept[i] != 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bits),
        cmocka_unit_test(test_edge),
        cmocka_unit_test(test_share),
        cmocka_unit_test(test_dropped_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
