/* Patterns against what Python's str.format makes of them. */
#include "base_test.h"

#include <locale.h>
#include <math.h>

#include "base/pattern.h"

static const struct ls_pattern_value values[] = {
    {"epoch", 7, true},     {"loss", 0.12345678, false}, {"big", 1e20, false},
    {"minus", -0.5, false}, {"none", NAN, false},        {"less", -INFINITY, false},
};
enum { VALUES = sizeof values / sizeof *values };

static void check(const char *pattern, const char *wanted)
{
    struct ls_text text = {0};
    assert_ok(ls_pattern_format(&text, pattern, values, VALUES));
    assert_string_equal(text.data ? text.data : "", wanted);
    ls_text_release(&text);
}

static void test_format(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {"best.h5", "best.h5"},
        {"{epoch:02d}-{loss:.2f}.h5", "07-0.12.h5"},
        {"{{{epoch}}}", "{7}"},
        {"}}{{", "}{"},
        {"{epoch:5}|{epoch:05}|{epoch:+d}|{epoch: d}|{epoch:-3d}", "    7|00007|+7| 7|  7"},
        {"{epoch:.3f}|{epoch:e}", "7.000|7.000000e+00"},
        {"{loss}|{big}|{minus}", "0.12345678|1e+20|-0.5"},
        {"{loss:f}|{loss:10.3f}|{loss:+010.3f}", "0.123457|     0.123|+00000.123"},
        {"{loss:.3e}|{loss:.3E}|{loss:g}|{big:G}", "1.235e-01|1.235E-01|0.123457|1E+20"},
        {"{loss:.1%}|{minus:%}|{loss:8.1%}", "12.3%|-50.000000%|   12.3%"},
        {"{loss:12}", "  0.12345678"},
        {"{none}|{less}|{none:.2f}|{less:.2F}", "nan|-inf|nan|-INF"},
        {"{none:06.2f}|{less:07.1f}|{none:+07f}", "000nan|-000inf|+000nan"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(cases[i][0], cases[i][1]);
    if (setlocale(LC_NUMERIC, "de_DE.UTF-8")) {
        check("{loss:.2f}|{loss:.1%}", "0.12|12.3%");
        setlocale(LC_NUMERIC, "C");
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{los:.2f}", "'{los:.2f}': there is no number 'los' (did you mean 'loss'?)"},
        {"{accuracy}", "'{accuracy}': there is no number 'accuracy' (there are: epoch, loss, big, "
                       "minus, none, less)"},
        {"{loss:d}", "'{loss:d}': 'd' is no format for loss: as in {loss:.2f}"},
        {"{loss:.2}", "'{loss:.2}': '.2' is no format for loss: as in {loss:.2f}"},
        {"{epoch:.2d}", "'{epoch:.2d}': '.2d' is no format for epoch: as in {epoch:02d}"},
        {"{epoch:x}", "'{epoch:x}': 'x' is no format for epoch: as in {epoch:02d}"},
        {"{epoch:100d}", "'{epoch:100d}': '100d' is no format for epoch: as in {epoch:02d}"},
        {"{loss:.f}", "'{loss:.f}': '.f' is no format for loss: as in {loss:.2f}"},
        {"{epoch", "'{epoch': expected {NAME} or {NAME:FORMAT}; a brace itself is {{ or }}"},
        {"{}", "'{}': expected {NAME} or {NAME:FORMAT}; a brace itself is {{ or }}"},
        {"a}", "'a}': expected {NAME} or {NAME:FORMAT}; a brace itself is {{ or }}"},
        {"{a{b}", "'{a{b}': expected {NAME} or {NAME:FORMAT}; a brace itself is {{ or }}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ls_text text = {0};
        assert_fails(ls_pattern_format(&text, cases[i][0], values, VALUES), LS_BAD_INPUT,
                     cases[i][1]);
        ls_text_release(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {leak_checked_test(test_format),
                                       leak_checked_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
