/* Doubles as text, the same in every locale. */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stdbool.h>

/* The shortest digits that give the same double again, as Python's repr writes them: 1.0, 0.001,
 * 1e-07, 1e+16; NaN, Infinity and -Infinity as its json.dumps does. */
enum { LS_DOUBLE_TEXT = 48 };
void ls_double_format(char out[LS_DOUBLE_TEXT], double value);
/* The same, but nan, inf and -inf, as Python's repr and str have it. */
void ls_double_format_python(char out[LS_DOUBLE_TEXT], double value);

enum ls_number_form {
    LS_NUMBER_NONE, /* no number */
    LS_NUMBER_REAL,
    LS_NUMBER_INFINITE, /* inf, -.inf, Infinity; nan, .nan, NaN */
};

/* What the whole of text is: [+-]digits[.digits][e[+-]digits] with digits before or after the
 * point, or one of the names. */
enum ls_number_form ls_number_form(const char *text);

/* The value of a text whose form is not LS_NUMBER_NONE; false when it is too large for a double. */
bool ls_double_parse(const char *text, double *value);

#endif
