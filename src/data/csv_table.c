#include "data/csv_table.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/number.h"
#include "base/status.h"
#include "base/text.h"
#include "data/source.h"

/* More different texts are names of things, not classes (and HDF5 holds no longer list). */
enum { CLASSES_MAX = 4000 };

#define WHOLE_MAX 9007199254740992.0 /* 2^53 */

/* -- numbers ---------------------------------------------------------------------------------- */

/* A number of at most 15 digits and a power of ten up to 10^22 is exact in one multiplication or
 * division (Clinger, How to read floating point numbers accurately, PLDI 1990). Most are; false:
 * this one is to be read the long way. */
static bool parse_short(const char *text, double *value)
{
    static const double power[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    bool negative = *text == '-';
    int64_t digits = 0;
    int count = 0, after = 0;

    text += *text == '-' || *text == '+';
    for (; *text >= '0' && *text <= '9'; text++, count++)
        digits = count < 15 ? digits * 10 + (*text - '0') : digits;
    if (*text == '.')
        for (text++; *text >= '0' && *text <= '9'; text++, count++, after++)
            digits = count < 15 ? digits * 10 + (*text - '0') : digits;
    if (*text || count == 0 || count > 15)
        return false;
    *value = (double)digits / power[after];
    if (negative)
        *value = -*value;
    return true;
}

enum reading { IS_NUMBER, IS_TEXT, IS_MISSING, IS_TOO_LARGE };

/* Values that other programs write for none. */
static bool is_missing(const char *text)
{
    static const char *const names[] = {"?",   "NA",   "N/A",  "n/a",  "nan",
                                        "NaN", "NULL", "null", "None", "NAN"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], text) == 0)
            return true;
    return *text == '\0';
}

static enum reading read_number(const char *text, double *value)
{
    if (parse_short(text, value))
        return IS_NUMBER;
    if (is_missing(text))
        return IS_MISSING;
    switch (ls_number_form(text)) {
    case LS_NUMBER_REAL:
        break;
    case LS_NUMBER_INFINITE:
        return IS_TOO_LARGE;
    case LS_NUMBER_NONE:
        return IS_TEXT;
    }
    if (!ls_double_parse(text, value) || fabs(*value) > FLT_MAX)
        return IS_TOO_LARGE;
    return IS_NUMBER;
}

/* -- classes ---------------------------------------------------------------------------------- */

/* Where text is, or would be. */
static size_t find_class(const struct ls_csv_column *column, const char *text, bool *there)
{
    size_t low = 0, high = column->count;

    *there = false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(column->classes[middle], text);

        if (order == 0) {
            *there = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static ls_status insert_class(struct ls_csv_column *column, const char *text, size_t at)
{
    char *copy;

    if (column->count == column->room) {
        size_t room = 2 * column->room + 8;

        LS_TRY(ls_reallocate(&column->classes, room, sizeof *column->classes));
        column->room = room;
    }
    LS_TRY(ls_duplicate(&copy, text));
    memmove(column->classes + at + 1, column->classes + at,
            (column->count - at) * sizeof *column->classes);
    column->classes[at] = copy;
    column->count++;
    return LS_OK;
}

static ls_status learn_class(const struct ls_csv_table *table, struct ls_csv_column *column,
                             const struct ls_csv *csv, size_t field)
{
    const char *text = ls_csv_text(csv, field);
    bool there;
    size_t at = find_class(column, text, &there);

    if (there)
        return LS_OK;
    if (table->known)
        return ls_csv_fail(csv, field, csv->field[field].line,
                           "'%s' is none of the %zu classes known from before ('%s' to '%s')", text,
                           column->count, column->classes[0], column->classes[column->count - 1]);
    if (column->count == CLASSES_MAX)
        return ls_csv_fail(csv, field, csv->field[field].line,
                           "more than %d different texts: neither numbers nor classes",
                           CLASSES_MAX);
    return insert_class(column, text, at);
}

/* -- a record --------------------------------------------------------------------------------- */

static ls_status check_count(const struct ls_csv_table *table, const struct ls_csv *csv)
{
    if (csv->fields == table->fields)
        return LS_OK;
    return ls_fail(LS_BAD_INPUT, "%s:%lld: %zu columns, but the first line has %zu",
                   csv->input.path, (long long)csv->record_line, csv->fields, table->fields);
}

static ls_status fail_missing(const struct ls_csv *csv, size_t field)
{
    const char *text = ls_csv_text(csv, field);
    int64_t line = csv->field[field].line;

    return *text ? ls_csv_fail(csv, field, line, "a missing value ('%s')", text)
                 : ls_csv_fail(csv, field, line, "a missing value");
}

static void learn_number(struct ls_csv_column *column, double value)
{
    column->whole = column->whole && value == floor(value) && fabs(value) <= WHOLE_MAX;
    column->low = value < column->low ? value : column->low;
    column->high = value > column->high ? value : column->high;
}

static ls_status learn_field(struct ls_csv_table *table, const struct ls_csv *csv, size_t field)
{
    struct ls_csv_column *column = &table->column[table->place[field]];
    const char *text = ls_csv_text(csv, field);
    int64_t line = csv->field[field].line;
    double value;
    enum reading reading;

    if (column->asked)
        return *text ? learn_class(table, column, csv, field) : fail_missing(csv, field);
    reading = read_number(text, &value);
    if (reading == IS_MISSING && !(table->known && column->is_text && *text))
        return fail_missing(csv, field);
    if (!column->decided) {
        column->decided = true;
        column->is_text = reading == IS_TEXT;
        column->line = line;
    }
    if (column->is_text && reading != IS_TEXT && !table->known)
        return ls_csv_fail(csv, field, line,
                           "'%s' is a number, but there is text on line %lld (name the column in "
                           "text_columns (--text) if its values are classes)",
                           text, (long long)column->line);
    if (column->is_text)
        return learn_class(table, column, csv, field);
    if (reading == IS_TOO_LARGE)
        return ls_csv_fail(csv, field, line, "'%s' is too large for a 32-bit float", text);
    if (reading != IS_NUMBER && table->known)
        return ls_csv_fail(csv, field, line, "'%s' is not a number, as those known from before",
                           text);
    if (reading != IS_NUMBER)
        return ls_csv_fail(csv, field, line,
                           "'%s' is not a number, as the values before are (name the column in "
                           "text_columns (--text) if its values are classes)",
                           text);
    learn_number(column, value);
    return LS_OK;
}

ls_status ls_csv_table_learn(struct ls_csv_table *table, const struct ls_csv *csv)
{
    LS_TRY(check_count(table, csv));
    for (size_t i = 0; i < csv->fields; i++)
        if (table->place[i] != LS_CSV_PASSED_OVER)
            LS_TRY(learn_field(table, csv, i));
    table->rows++;
    return LS_OK;
}

ls_status ls_csv_table_finish(struct ls_csv_table *table, const struct ls_import *import)
{
    if (table->rows == 0)
        return ls_fail(LS_BAD_INPUT, "%s: no rows after the header", import->files[0]);
    if (table->features == 0)
        return ls_fail(LS_BAD_INPUT,
                       "%s: no columns but the target '%s' (columns are parted by "
                       "commas)",
                       import->files[0], table->column[0].name);
    return LS_OK;
}

/* -- the second pass -------------------------------------------------------------------------- */

enum ls_number_type ls_csv_table_target_type(const struct ls_csv_table *table)
{
    const struct ls_csv_column *target = &table->column[table->features];

    if (target->is_text)
        return LS_NUMBER_INT32;
    if (!target->whole)
        return LS_NUMBER_FLOAT;
    return target->low >= INT32_MIN && target->high <= INT32_MAX ? LS_NUMBER_INT32
                                                                 : LS_NUMBER_INT64;
}

static void store_target(void *y, enum ls_number_type type, double value)
{
    int32_t narrow = type == LS_NUMBER_INT32 ? (int32_t)value : 0;
    int64_t wide = type == LS_NUMBER_INT64 ? (int64_t)value : 0;
    float real = (float)value;

    if (type == LS_NUMBER_INT32)
        memcpy(y, &narrow, sizeof narrow);
    else if (type == LS_NUMBER_INT64)
        memcpy(y, &wide, sizeof wide);
    else
        memcpy(y, &real, sizeof real);
}

static ls_status convert_field(const struct ls_csv_column *column, const struct ls_csv *csv,
                               size_t field, double *value)
{
    const char *text = ls_csv_text(csv, field);
    bool ok;

    if (column->is_text)
        *value = (double)find_class(column, text, &ok);
    else
        ok = read_number(text, value) == IS_NUMBER && *value >= column->low &&
             *value <= column->high;
    return ok ? LS_OK
              : ls_csv_fail(csv, field, csv->field[field].line,
                            "'%s' was not there before: the file changed while it was read", text);
}

ls_status ls_csv_table_convert(const struct ls_csv_table *table, const struct ls_csv *csv, float *x,
                               void *y)
{
    LS_TRY(check_count(table, csv));
    for (size_t i = 0; i < csv->fields; i++) {
        size_t place = table->place[i];
        double value = 0;

        if (place == LS_CSV_PASSED_OVER)
            continue;
        LS_TRY(convert_field(&table->column[place], csv, i, &value));
        if (place < table->features)
            x[place] = (float)value;
        else if (y) /* NULL: the file had no target in the first pass */
            store_target(y, ls_csv_table_target_type(table), value);
    }
    return LS_OK;
}

void ls_csv_table_release(struct ls_csv_table *table)
{
    for (size_t i = 0; i < table->columns; i++) {
        ls_release(table->column[i].name);
        ls_strings_free(table->column[i].classes, table->column[i].count);
    }
    ls_release(table->column);
    ls_release(table->sorted);
    ls_release(table->place);
    ls_release(table->names);
    *table = (struct ls_csv_table){0};
}
