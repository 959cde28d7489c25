#include "store/h5_table.h"

#include <string.h>

#include "base/memory.h"

static ls_status put_column(struct ls_h5_image *image, const char *group,
                            const struct ls_table *table, size_t column)
{
    const char *name = table->name[column];
    char *object = NULL;
    double *values = NULL;
    if (*name == '\0' || strcmp(name, ".") == 0 || strchr(name, '/'))
        return ls_fail(LS_BAD_INPUT, "cannot write '%s': '%s' cannot name a column", image->path,
                       name);
    LS_TRY(ls_allocate(&values, table->rows, sizeof *values));
    for (size_t row = 0; row < table->rows; row++)
        values[row] = table->value[row * table->columns + column];
    ls_status status = ls_format(&object, "%s/%s", group, name);
    if (status != LS_OK) {
        ls_release(values);
        return status;
    }
    const struct ls_h5_values put = {LS_H5_DOUBLE, {1, {(int64_t)table->rows}}, values, values};
    status = ls_h5_put_values(image, object, &put);
    ls_release(object);
    return status;
}

ls_status ls_h5_put_table(struct ls_h5_image *image, const char *group,
                          const struct ls_table *table)
{
    const struct ls_texts names = {table->name, table->columns};
    LS_TRY(ls_h5_put_group(image, group));
    LS_TRY(ls_h5_put_texts(image, group, "columns", &names));
    for (size_t i = 0; i < table->columns; i++)
        LS_TRY(put_column(image, group, table, i));
    return LS_OK;
}

/* The first column says how many rows there are. */
static ls_status read_column(const struct ls_h5 *h5, const char *group, struct ls_table *table,
                             size_t column)
{
    char *object = NULL;
    double *values = NULL;
    size_t rows = 0;
    LS_TRY(ls_format(&object, "%s/%s", group, table->name[column]));
    ls_status status = ls_h5_read_doubles(h5, object, &values, &rows);
    if (status == LS_OK && column == 0) {
        table->rows = rows;
        status = ls_allocate(&table->value, rows * table->columns, sizeof *table->value);
    }
    if (status == LS_OK && rows != table->rows)
        status = ls_fail(LS_BAD_INPUT, "%s: %s has %zu rows, the columns before it %zu", h5->path,
                         object, rows, table->rows);
    for (size_t row = 0; status == LS_OK && row < rows; row++)
        table->value[row * table->columns + column] = values[row];
    ls_release(values);
    ls_release(object);
    return status;
}

ls_status ls_h5_read_table(const struct ls_h5 *h5, const char *group, struct ls_table *table)
{
    struct ls_texts names = {0};
    bool found;
    *table = (struct ls_table){0};
    LS_TRY(ls_h5_find(h5, group, &found));
    if (!found)
        return LS_OK;
    LS_TRY(ls_h5_read_texts(h5, group, "columns", &names));
    table->name = names.text;
    table->columns = names.count;
    ls_status status = LS_OK;
    for (size_t i = 0; i < table->columns && status == LS_OK; i++)
        status = read_column(h5, group, table, i);
    if (status != LS_OK)
        ls_table_release(table);
    return status;
}
