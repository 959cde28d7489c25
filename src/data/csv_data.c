/* A CSV file as a data set in memory, read as an earlier import read another one. */
#include <string.h>

#include "base/memory.h"
#include "data/csv_table.h"
#include "data/source.h"

enum { COLUMNS_MAX = 2, X = 0, Y = 1 };

struct rows {
    struct ls_data data;
    unsigned char *values[COLUMNS_MAX];
};

struct reader {
    struct ls_csv_table table;
    struct ls_import import; /* what the shared parts of an import ask */
    struct ls_watch watch;
    struct rows *rows;
    int64_t row; /* of the second pass */
};

bool ls_data_is_csv(const char *path)
{
    static const char *const ends[] = {".csv", ".csv.gz"};
    size_t length = strlen(path);

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        size_t end = strlen(ends[i]);

        if (length > end && strcmp(path + length - end, ends[i]) == 0)
            return true;
    }
    return false;
}

/* -- the data set */

static size_t row_bytes(const struct ls_data *data, size_t column)
{
    const struct ls_column *c = &data->column[column];

    return (size_t)ls_shape_count(&c->shape) * ls_number_bytes(c->type);
}

static ls_status read_rows(struct ls_data *data, size_t column, void *bytes, const int64_t *index,
                           int64_t count)
{
    const struct rows *rows = (const struct rows *)data;
    size_t row = row_bytes(data, column);
    unsigned char *out = bytes;

    for (int64_t i = 0; i < count; i++)
        memcpy(out + (size_t)i * row, rows->values[column] + (size_t)index[i] * row, row);
    return LS_OK;
}

static void release_rows(struct ls_data *data)
{
    struct rows *rows = (struct rows *)data;

    for (size_t i = 0; i < COLUMNS_MAX; i++)
        ls_release(rows->values[i]);
}

static const struct ls_data_kind rows_kind = {.read = read_rows, .release = release_rows};

static ls_status add_column(struct rows *rows, const char *name, enum ls_number_type type,
                            struct ls_shape shape)
{
    struct ls_data *data = &rows->data;
    size_t column = data->columns++;

    LS_TRY(ls_column_init(&data->column[column], name, type));
    data->column[column].shape = shape;
    return ls_allocate(&rows->values[column], (size_t)data->samples, row_bytes(data, column));
}

static ls_status name_classes(struct ls_column *column, const struct ls_csv_column *target)
{
    if (!target->is_text)
        return LS_OK;
    LS_TRY(ls_allocate(&column->class_names, target->count, sizeof *column->class_names));
    for (; column->classes < target->count; column->classes++)
        LS_TRY(
            ls_duplicate(&column->class_names[column->classes], target->classes[column->classes]));
    return LS_OK;
}

/* Who asks for y is told the name that the user knows it by. */
static ls_status say_no_target(struct ls_data *data, const char *target)
{
    LS_TRY(ls_allocate(&data->passed_over, 2, sizeof *data->passed_over));
    data->passed_overs = 1;
    LS_TRY(ls_duplicate(&data->passed_over[0], "y"));
    return ls_format(&data->passed_over[1], "%s: no column '%s', which is the target", data->name,
                     target);
}

static ls_status make_columns(struct rows *rows, const struct ls_csv_table *table)
{
    const struct ls_csv_column *target =
        table->columns > table->features ? &table->column[table->features] : NULL;
    struct ls_shape features = {.rank = 1, .size = {(int64_t)table->features}};

    LS_TRY(add_column(rows, "x", LS_NUMBER_FLOAT, features));
    if (!target)
        return LS_OK;
    if (!table->has_target)
        return say_no_target(&rows->data, target->name);
    LS_TRY(add_column(rows, "y", ls_csv_table_target_type(table), (struct ls_shape){0}));
    return name_classes(&rows->data.column[Y], target);
}

/* -- reading it */

static ls_status learn_row(void *user, const struct ls_csv *csv)
{
    struct reader *reader = user;

    return ls_csv_table_learn(&reader->table, csv);
}

static ls_status keep_row(void *user, const struct ls_csv *csv)
{
    struct reader *reader = user;
    struct rows *rows = reader->rows;
    size_t row = (size_t)reader->row++;
    unsigned char *y = rows->values[Y];

    if (reader->row > rows->data.samples)
        return ls_fail(LS_BAD_INPUT, "%s: changed while it was read", rows->data.name);
    return ls_csv_table_convert(
        &reader->table, csv, (float *)(void *)(rows->values[X] + row * row_bytes(&rows->data, X)),
        y ? y + row * row_bytes(&rows->data, Y) : NULL);
}

static ls_status read_twice(struct reader *reader, const char *path, const char *learnt)
{
    struct ls_data *data;

    LS_TRY(ls_watch_init(&reader->watch, &reader->import, 2));
    LS_TRY(ls_csv_table_read(&reader->table, &reader->watch, path, learn_row, reader));
    LS_TRY(ls_csv_table_finish(&reader->table, &reader->import));
    LS_TRY(ls_data_create(&reader->rows, sizeof *reader->rows, &rows_kind, path, COLUMNS_MAX));
    data = &reader->rows->data;
    data->samples = reader->table.rows;
    LS_TRY(ls_duplicate(&data->learnt, learnt));
    LS_TRY(make_columns(reader->rows, &reader->table));
    LS_TRY(ls_csv_table_read(&reader->table, &reader->watch, path, keep_row, reader));
    if (reader->row != data->samples || reader->table.has_target != (data->columns > Y))
        return ls_fail(LS_BAD_INPUT, "%s: changed while it was read", path);
    return LS_OK;
}

ls_status ls_data_from_csv(struct ls_data **data, const char *path, const char *learnt, bool target)
{
    const char *const files[] = {path, NULL};
    struct reader reader = {.import = {.files = files}};
    ls_status status = ls_csv_table_parse(&reader.table, learnt);

    *data = NULL;
    if (status != LS_OK) {
        status = ls_fail_within(status, "what the model's import of CSV learnt");
        goto out;
    }
    reader.import.no_header = reader.table.no_header;
    reader.table.pass_over = true;
    if (!target)
        ls_csv_table_forget_target(&reader.table);
    status = read_twice(&reader, path, learnt);
    if (status == LS_OK)
        *data = &reader.rows->data;
    else if (reader.rows)
        ls_data_free(&reader.rows->data);
out:
    ls_csv_table_release(&reader.table);
    return status;
}
