#include "base_test.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "base/number.h"
#include "base/random.h"

/* As Python's repr and json.dumps write them. */
static void test_format(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {1.0, "1.0"},
        {-1.5, "-1.5"},
        {0.001, "0.001"},
        {1e-7, "1e-07"},
        {0.1, "0.1"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1.0 / 3, "0.3333333333333333"},
        {0.0001, "0.0001"},
        {0.00001, "1e-05"},
        {0.00012345, "0.00012345"},
        {123456.789, "123456.789"},
        {1e15, "1000000000000000.0"},
        {9999999999999998.0, "9999999999999998.0"},
        {1e16, "1e+16"},
        {1.2345678901234567e+16, "1.2345678901234568e+16"},
        {1e22, "1e+22"},
        {1e100, "1e+100"},
        {1.5e-300, "1.5e-300"},
        {0.00392156862745098, "0.00392156862745098"},
        {5e-324, "5e-324"},
        {1e-323, "1e-323"},
        {DBL_MIN, "2.2250738585072014e-308"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {0x1p-44, "5.684341886080802e-14"}, /* not the nearest of 16 digits, but the same double */
        {0x1p-24, "5.960464477539063e-08"},
        {0.99f, "0.9900000095367432"},
        {100.0, "100.0"},
        {9007199254740993.0, "9007199254740992.0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[LS_DOUBLE_TEXT];
        ls_double_format(out, cases[i].value);
        assert_string_equal(out, cases[i].text);
    }
    char out[LS_DOUBLE_TEXT];
    ls_double_format(out, (double)NAN);
    assert_string_equal(out, "NaN");
    ls_double_format(out, -(double)NAN);
    assert_string_equal(out, "NaN");
    ls_double_format(out, (double)INFINITY);
    assert_string_equal(out, "Infinity");
    ls_double_format(out, -(double)INFINITY);
    assert_string_equal(out, "-Infinity");
}

/* Any double comes back, and no shorter text does it (one digit less is another double). */
static void test_round_trip(void **state)
{
    (void)state;
    struct ls_random_key key = ls_random_key(1, LS_PURPOSE_TEST);
    for (uint32_t i = 0; i < 20000; i++) {
        const uint32_t counter[4] = {i, 0, 0, 0};
        uint32_t words[4];
        char out[LS_DOUBLE_TEXT];
        double value, back;
        ls_philox(words, counter, key);
        memcpy(&value, words, sizeof value);
        if (!isfinite(value))
            continue;
        if (i % 3 == 0)
            value = ldexp(1.0, (int)(words[2] % 2000) - 1040);
        ls_double_format(out, value);
        assert_int_equal(ls_number_form(out), LS_NUMBER_REAL);
        assert_true(ls_double_parse(out, &back));
        if (memcmp(&value, &back, sizeof value) != 0)
            fail_msg("%a is written %s, which is read %a", value, out, back);
        for (int digits = 1; digits < 16; digits++) {
            char shorter[64];
            snprintf(shorter, sizeof shorter, "%.*e", digits - 1, value);
            size_t count = 0;
            for (const char *c = out; *c && *c != 'e'; c++)
                count += *c >= (count ? '0' : '1') && *c <= '9';
            if (strtod(shorter, NULL) == value && (int)count > digits &&
                !(fabs(value) >= 1 && fabs(value) < 1e16))
                fail_msg("%s is longer than %s", out, shorter);
        }
    }
}

static void test_forms(void **state)
{
    (void)state;
    static const char *const reals[] = {"0",    "1",       "-1",  "+1",
                                        "1.",   ".5",      "-.5", "1e3",
                                        "1E-3", "1.5e+10", "007", "12345678901234567890"};
    static const char *const infinite[] = {"inf",   "-inf",     ".inf",      "-.Inf",
                                           "+.INF", "Infinity", "-Infinity", "nan",
                                           ".nan",  "NaN",      ".NAN"};
    static const char *const none[] = {"",    "-",     ".",    "e3",   "1e",    "1e+",      "0x1f",
                                       "1_0", "1 ",    " 1",   "abc",  "1.2.3", "infinity", "INF",
                                       "--1", "1e3.5", "relu", "-.e1", "1,5",   "nano"};
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
        if (ls_number_form(reals[i]) != LS_NUMBER_REAL)
            fail_msg("'%s' is a number", reals[i]);
    for (size_t i = 0; i < sizeof infinite / sizeof *infinite; i++)
        if (ls_number_form(infinite[i]) != LS_NUMBER_INFINITE)
            fail_msg("'%s' is infinite or no number", infinite[i]);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (ls_number_form(none[i]) != LS_NUMBER_NONE)
            fail_msg("'%s' is not written as a number", none[i]);
}

static void test_parse(void **state)
{
    (void)state;
    double value;
    assert_true(ls_double_parse("1e-3", &value) && value == 0.001);
    assert_true(ls_double_parse("-.5", &value) && value == -0.5);
    assert_true(ls_double_parse("-.inf", &value) && isinf(value) && value < 0);
    assert_true(ls_double_parse("Infinity", &value) && isinf(value) && value > 0);
    assert_true(ls_double_parse("+inf", &value) && isinf(value) && value > 0);
    assert_true(ls_double_parse("NaN", &value) && isnan(value));
    assert_true(ls_double_parse("1e-400", &value) && value == 0);
    assert_false(ls_double_parse("1e400", &value));
    assert_false(ls_double_parse("-1e400", &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_parse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
