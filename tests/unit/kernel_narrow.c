/* Numbers of 16 bits: every one of them, what lies between two, and the bits of every set. */
#include "unit/kernel_sets.h"

enum { CODES = 1 << 16 };

static const enum ls_wire types[] = {LS_WIRE_BF16, LS_WIRE_FP16};

/* The value of a code, from its definition. */
static double value_of(enum ls_wire type, unsigned code)
{
    const int fraction = type == LS_WIRE_BF16 ? 7 : 10, bias = type == LS_WIRE_BF16 ? 127 : 15;
    const int exponent = (code & 0x7fff) >> fraction;
    const double f = code & ((1 << fraction) - 1), sign = code >> 15 ? -1 : 1;
    if (exponent == 2 * bias + 1)
        return f != 0 ? NAN : sign * (double)INFINITY;
    return sign *
           ldexp(exponent ? f + (1 << fraction) : f, (exponent ? exponent : 1) - bias - fraction);
}

static unsigned first_infinite(enum ls_wire type)
{
    return type == LS_WIRE_BF16 ? 0x7f80 : 0x7c00;
}

static uint16_t narrowed(enum ls_wire type, float x, float *error)
{
    uint16_t code;
    ls_k->narrow(&code, error, &x, type, 1);
    return code;
}

static void test_widen(void **state)
{
    (void)state;
    static uint16_t code[CODES];
    static float x[CODES];
    for (unsigned c = 0; c < CODES; c++)
        code[c] = (uint16_t)c;
    for (size_t t = 0; t < 2; t++) {
        ls_k->widen(x, code, types[t], CODES);
        for (unsigned c = 0; c < CODES; c++) {
            double right = value_of(types[t], c);
            if (isnan(right) ? !isnan(x[c]) : (double)x[c] != right)
                fail_msg("code %04x of type %d is %a, not %a", c, types[t], (double)x[c], right);
        }
    }
}

/* What is no tie goes to the nearer one, a tie to the even one; the error is what is left. */
static void check_between(enum ls_wire type, unsigned code, float x, unsigned wanted)
{
    float error = 0;
    unsigned found = narrowed(type, x, &error);
    if (found != wanted || (double)error != (double)x - value_of(type, wanted))
        fail_msg("type %d: %a, at %04x, is %04x and leaves %a", type, (double)x, code, found,
                 (double)error);
}

static void test_narrow(void **state)
{
    (void)state;
    for (size_t t = 0; t < 2; t++)
        for (unsigned c = 0; c + 1 < first_infinite(types[t]); c++) {
            float a = (float)value_of(types[t], c), b = (float)value_of(types[t], c + 1);
            float middle = (float)(((double)a + (double)b) / 2);
            check_between(types[t], c, a, c);
            check_between(types[t], c, middle, c + (c & 1));
            check_between(types[t], c, nextafterf(middle, 0), c);
            check_between(types[t], c, nextafterf(middle, INFINITY), c + 1);
            check_between(types[t], c, -middle, (c + (c & 1)) | 0x8000);
        }
}

static void test_not_finite(void **state)
{
    (void)state;
    for (size_t t = 0; t < 2; t++) {
        const unsigned infinite = first_infinite(types[t]);
        float most = (float)value_of(types[t], infinite - 1), error = 0;
        assert_int_equal(narrowed(types[t], most * 1.001f, &error), infinite - 1);
        assert_true(error > 0); /* told the next time */
        assert_int_equal(narrowed(types[t], INFINITY, &error), infinite);
        assert_true(error == 0);
        assert_int_equal(narrowed(types[t], -INFINITY, &error), infinite | 0x8000);
        assert_true((narrowed(types[t], NAN, &error) & 0x7fff) > infinite);
        assert_true(error == 0);
    }
}

/* The errors make up for each other: what was told is, in sum, what there was. */
static void test_feedback(void **state)
{
    (void)state;
    for (size_t t = 0; t < 2; t++)
        for (size_t i = 0; i < 50; i++) {
            const float x = number_at(1, i) * 1e-3f;
            float error = 0;
            double sum = 0;
            for (int step = 0; step < 1000; step++)
                sum += value_of(types[t], narrowed(types[t], x, &error));
            assert_true(fabs(sum - 1000 * (double)x) <= fabs((double)x) / 128);
        }
}

static void test_sets(void **state)
{
    (void)state;
    for (size_t t = 0; t < 2; t++)
        for (size_t s = 0; s < SIZES; s++) {
            const size_t n = sizes[s];
            uint16_t want[100], got[100];
            float error[2][100], wide[2][100], *a = make_array(0, n);
            for (size_t i = 0; i < n; i++)
                a[i] *= i % 3 ? 1e-5f : i % 5 ? 3e4f : i % 2 ? NAN : 1.0f;
            for (size_t set = 0; set < LS_KERNEL_SET_COUNT; set++) {
                if (!set_runs(set))
                    continue;
                assert_int_equal(ls_kernels_choose(set_names[set]), LS_OK);
                for (size_t i = 0; i < n; i++)
                    error[set > 0][i] = 1e-7f * (float)i;
                ls_k->narrow(set ? got : want, error[set > 0], a, types[t], n);
                ls_k->widen(wide[set > 0], set ? got : want, types[t], n);
                if (set == 0)
                    continue;
                assert_memory_equal(got, want, n * sizeof *got);
                assert_memory_equal(wide[1], wide[0], n * sizeof(float));
                assert_same_bits(error[1], error[0], n, "narrow", ls_k->name);
            }
            free_array(a);
        }
}

static int start(void **state)
{
    (void)state;
    return ls_kernels_choose("baseline") != LS_OK;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_widen),      cmocka_unit_test(test_narrow),
        cmocka_unit_test(test_not_finite), cmocka_unit_test(test_feedback),
        cmocka_unit_test(test_sets),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
