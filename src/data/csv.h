/* CSV by RFC 4180: records of fields, with their places. */
#ifndef DATA_CSV_H
#define DATA_CSV_H

#include "data/input.h"

struct ls_csv_field {
    size_t at; /* in text */
    size_t length;
    int64_t line; /* physical, from 1, where it begins */
    bool quoted;
};

struct ls_csv {
    struct ls_input input;
    int64_t line; /* of the next byte */
    char *text;   /* the record's fields, each ended with NUL */
    size_t used, room;
    struct ls_csv_field *field;
    size_t fields, field_room;
    int64_t record_line;      /* where the record begins */
    const char *const *names; /* of the columns, for messages, once known (NULL: not) */
    size_t names_count;
};

/* *csv is to be closed whatever the status. A byte order mark is passed over. */
ls_status ls_csv_open(struct ls_csv *csv, const char *path, struct ls_watch *watch);
void ls_csv_close(struct ls_csv *csv);

/* The next record that is no blank line; *more false at the end. Spaces around unquoted fields are
 * taken off. LS_BAD_INPUT names line and column. */
ls_status ls_csv_next(struct ls_csv *csv, bool *more);

/* "data.csv:17: column 3 'age': ..."; field from 0. Returns LS_BAD_INPUT. */
ls_status ls_csv_fail(const struct ls_csv *csv, size_t field, int64_t line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static inline const char *ls_csv_text(const struct ls_csv *csv, size_t field)
{
    return csv->text + csv->field[field].at;
}

#endif
