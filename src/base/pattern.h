/* Patterns as Python's str.format knows them: "{epoch:02d}-{val_loss:.2f}.h5". */
#ifndef BASE_PATTERN_H
#define BASE_PATTERN_H

#include "base/text.h"

/* A number under a name: a whole one has Python's type int, the others float. */
struct ls_pattern_value {
    const char *name;
    double value;
    bool whole;
};

/* Appends the pattern with its fields, {NAME} or {NAME:FORMAT}, filled in; {{ and }} are braces.
 * FORMAT is [-][+][ ][0][WIDTH][.DIGITS][d|e|E|f|F|g|G|%] of Python's
 * (docs.python.org/3/library/string.html#format-specification-mini-language); without a format
 * Python's repr. LS_BAD_INPUT for a name that is not among the values, with the nearest one or all
 * of them, and for a format that Python would refuse too, or that has a fill character, '=', ','
 * or another type. */
ls_status ls_pattern_format(struct ls_text *text, const char *pattern,
                            const struct ls_pattern_value *values, size_t count);

#endif
