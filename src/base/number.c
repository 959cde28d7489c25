#include "base/number.h"

#include <ctype.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS_EXACT = 15, DIGITS_MAX = 17 }; /* as DBL_DIG, DBL_DECIMAL_DIG */
/* Python's repr writes an exponent below 1e-4 and from 1e16 on. */
enum { POINT_MIN = -3, POINT_MAX = 16 };

/* The value is 0.DIGITS times ten to the power of point. */
struct decimal {
    char digits[DIGITS_MAX + 1];
    int point;
};

static double parse_c(const char *text)
{
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    double value = strtod_l(text, NULL, c);
    freelocale(c);
    return value;
}

static double decimal_value(const struct decimal *decimal)
{
    char text[LS_DOUBLE_TEXT];
    int count = (int)strlen(decimal->digits);
    snprintf(text, sizeof text, "%se%d", decimal->digits, decimal->point - count);
    return parse_c(text);
}

/* The nearest decimal of so many digits. */
static struct decimal round_digits(double value, int digits)
{
    struct decimal decimal = {.digits = ""};
    char text[64];
    size_t count = 0;
    snprintf(text, sizeof text, "%.*e", digits - 1, value);
    const char *c = text;
    for (; *c != 'e'; c++) /* the point depends on the locale: it is passed over */
        if (isdigit((unsigned char)*c) && count < DIGITS_MAX)
            decimal.digits[count++] = *c;
    decimal.point = (int)strtol(c + 1, NULL, 10) + 1;
    decimal.digits[count] = '\0';
    return decimal;
}

static void strip_zeros(struct decimal *decimal)
{
    size_t count = strlen(decimal->digits);
    while (count > 1 && decimal->digits[count - 1] == '0')
        count--;
    decimal->digits[count] = '\0';
}

/* The next decimal above: at a power of two the doubles below lie closer than those above, so that
 * the nearest decimal may miss where this one does not. */
static void step_up(struct decimal *decimal)
{
    size_t i = strlen(decimal->digits);
    while (i > 0 && decimal->digits[i - 1] == '9')
        decimal->digits[--i] = '0';
    if (i > 0)
        decimal->digits[i - 1]++;
}

static struct decimal shortest(double value)
{
    for (int digits = isnormal(value) ? DIGITS_EXACT : 1;; digits++) {
        struct decimal decimal = round_digits(value, digits);
        if (digits >= DIGITS_MAX || decimal_value(&decimal) == value)
            return decimal;
        step_up(&decimal);
        if (decimal_value(&decimal) == value)
            return decimal;
    }
}

void ls_double_format(char out[LS_DOUBLE_TEXT], double value)
{
    if (isnan(value)) {
        snprintf(out, LS_DOUBLE_TEXT, "NaN");
        return;
    }
    const char *sign = signbit(value) ? "-" : "";
    value = fabs(value);
    if (isinf(value) || value == 0) {
        snprintf(out, LS_DOUBLE_TEXT, "%s%s", sign, value == 0 ? "0.0" : "Infinity");
        return;
    }
    struct decimal d = shortest(value);
    strip_zeros(&d);
    int count = (int)strlen(d.digits);
    if (d.point < POINT_MIN || d.point > POINT_MAX)
        snprintf(out, LS_DOUBLE_TEXT, "%s%c%s%se%+03d", sign, d.digits[0], count > 1 ? "." : "",
                 d.digits + 1, d.point - 1);
    else if (d.point <= 0)
        snprintf(out, LS_DOUBLE_TEXT, "%s0.%.*s%s", sign, -d.point, "0000", d.digits);
    else if (d.point >= count)
        snprintf(out, LS_DOUBLE_TEXT, "%s%s%.*s.0", sign, d.digits, d.point - count,
                 "0000000000000000");
    else
        snprintf(out, LS_DOUBLE_TEXT, "%s%.*s.%s", sign, d.point, d.digits, d.digits + d.point);
}

void ls_double_format_python(char out[LS_DOUBLE_TEXT], double value)
{
    if (isfinite(value))
        ls_double_format(out, value);
    else
        snprintf(out, LS_DOUBLE_TEXT, "%s", isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
}

static const char *skip_digits(const char *c)
{
    while (isdigit((unsigned char)*c))
        c++;
    return c;
}

static bool is_infinite(const char *c)
{
    static const char *const names[] = {".inf", ".Inf", ".INF", "inf",      ".nan",
                                        ".NaN", ".NAN", "nan",  "Infinity", "NaN"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(c, names[i]) == 0)
            return true;
    return false;
}

enum ls_number_form ls_number_form(const char *text)
{
    const char *c = text;
    if (*c == '+' || *c == '-')
        c++;
    if (is_infinite(c))
        return LS_NUMBER_INFINITE;
    const char *end = skip_digits(c);
    size_t digits = (size_t)(end - c);
    if (*end == '.') {
        c = end + 1;
        end = skip_digits(c);
        digits += (size_t)(end - c);
    }
    if (digits == 0)
        return LS_NUMBER_NONE;
    if (*end == 'e' || *end == 'E') {
        c = end + 1;
        if (*c == '+' || *c == '-')
            c++;
        end = skip_digits(c);
        if (end == c)
            return LS_NUMBER_NONE;
    }
    return *end == '\0' ? LS_NUMBER_REAL : LS_NUMBER_NONE;
}

bool ls_double_parse(const char *text, double *value)
{
    bool negative = *text == '-';
    const char *c = text + (*text == '-' || *text == '+');
    if (is_infinite(c)) {
        bool nan = strpbrk(c, "aA") != NULL;
        *value = nan ? (double)NAN : negative ? -(double)INFINITY : (double)INFINITY;
        return true;
    }
    *value = parse_c(text);
    return isfinite(*value);
}
