/* What the columns of a CSV file are: learnt in a first pass over it, or by an earlier import. */
#ifndef DATA_CSV_TABLE_H
#define DATA_CSV_TABLE_H

#include "data/csv.h"
#include "kernel/kernels.h"

/* The place of a field that is no column, where such are passed over. */
#define LS_CSV_PASSED_OVER SIZE_MAX

struct ls_csv_column {
    char *name;
    bool is_text; /* a class; else a number */
    bool decided; /* is_text is known */
    bool asked;   /* is_text because the caller says so */
    int64_t line; /* that decided */
    bool whole;   /* all numbers so far are whole, within 2^53 */
    double low, high;
    char **classes; /* sorted by their bytes */
    size_t count, room;
};

struct ls_csv_table {
    struct ls_csv_column *column; /* x's, in its order; the target's is the last */
    size_t room;
    size_t *sorted;           /* columns by their names, while a header is read */
    size_t columns, features; /* features: columns without the target */
    bool known;               /* by an earlier import: nothing is learnt any more */
    bool no_header;           /* the file that was learnt from had none */
    bool pass_over;           /* fields that are no column, in place of refusing them */
    size_t *place;            /* of a field of the file: its column */
    const char **names;       /* of the fields; the columns' own, or NULL */
    size_t fields;
    bool has_target; /* a field is the target (a known one may be missing) */
    int64_t rows;    /* learnt from */
};

/* The columns that JSON (ls_csv_table_format's) describes; *table is to be released whatever the
 * status. */
ls_status ls_csv_table_parse(struct ls_csv_table *table, const char *json);
ls_status ls_csv_table_format(const struct ls_csv_table *table, char **json);
/* From now on the target is no column. */
void ls_csv_table_forget_target(struct ls_csv_table *table);

/* Takes csv's first record as the header (or makes names and leaves it). */
ls_status ls_csv_table_header(struct ls_csv_table *table, struct ls_csv *csv,
                              const struct ls_import *import);
/* The whole of a file: its header, then each record to `take`. The watch's import says whether
 * there is a header. */
typedef ls_status ls_csv_take(void *user, const struct ls_csv *csv);
ls_status ls_csv_table_read(struct ls_csv_table *table, struct ls_watch *watch, const char *path,
                            ls_csv_take *take, void *user);

/* Learns from csv's record, or checks it against what is known. */
ls_status ls_csv_table_learn(struct ls_csv_table *table, const struct ls_csv *csv);
/* Fails when there were no rows. */
ls_status ls_csv_table_finish(struct ls_csv_table *table, const struct ls_import *import);

/* What the target will be: LS_NUMBER_INT32, _INT64 or _FLOAT. */
enum ls_number_type ls_csv_table_target_type(const struct ls_csv_table *table);
/* A record's numbers: x has `features` floats, y is of the target's type. */
ls_status ls_csv_table_convert(const struct ls_csv_table *table, const struct ls_csv *csv, float *x,
                               void *y);

void ls_csv_table_release(struct ls_csv_table *table);

#endif
