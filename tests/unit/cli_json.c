/* JSON: texts of any bytes, numbers that read back the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "cli.h"

static char *print(const char *text, double number)
{
    char *out = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&out, &length);
    assert_non_null(stream);
    if (text != NULL)
        cli_json_text(stream, text);
    else
        cli_json_number(stream, number);
    fclose(stream);
    return out;
}

static void test_texts(void **state)
{
    (void)state;
    static const struct {
        const char *text, *json;
    } cases[] = {
        {"", "\"\""},
        {"val_loss", "\"val_loss\""},
        {"a\"b\\c", "\"a\\\"b\\\\c\""},
        {"a\nb\x01", "\"a\\u000ab\\u0001\""},
        {"h\u00f6he \U0001f600", "\"h\u00f6he \U0001f600\""},
        {"\xff|\xc3|\xc0\x80|\xed\xa0\x80|\xf5", "\"\\ufffd|\\ufffd|\\ufffd\\ufffd|\\ufffd\\ufffd"
                                                 "\\ufffd|\\ufffd\""},
        {"\xe2\x82", "\"\\ufffd\\ufffd\""},
        {"\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *json = print(cases[i].text, 0.0);
        assert_string_equal(json, cases[i].json);
        free(json);
    }
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *json;
    } cases[] = {{0.0, "0"},        {0.1, "0.1"},         {0.979, "0.979"},   {-2.5e-7, "-2.5e-07"},
                 {1e300, "1e+300"}, {NAN, "null"},        {INFINITY, "null"}, {1.0 / 3.0, NULL},
                 {5e-324, NULL},    {0.07123456789, NULL}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *json = print(NULL, cases[i].value);
        if (cases[i].json != NULL)
            assert_string_equal(json, cases[i].json);
        else if (strtod(json, NULL) != cases[i].value)
            fail_msg("%.17g is printed as %s", cases[i].value, json);
        free(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
