/* Rows of numbers under names. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "store/checkpoint.h"

void ls_table_release(struct ls_table *table)
{
    for (size_t i = 0; i < table->columns; i++)
        ls_release(table->name[i]);
    ls_release(table->name);
    ls_release(table->value);
    *table = (struct ls_table){0};
}

ls_status ls_table_copy(struct ls_table *copy, const struct ls_table *table)
{
    ls_status status = LS_OK;
    *copy = (struct ls_table){0};
    LS_TRY_OUT(ls_allocate(&copy->name, table->columns, sizeof *copy->name));
    LS_TRY_OUT(ls_allocate(&copy->value, table->rows * table->columns, sizeof *copy->value));
    for (; copy->columns < table->columns; copy->columns++)
        LS_TRY_OUT(ls_duplicate(&copy->name[copy->columns], table->name[copy->columns]));
    copy->rows = table->rows;
    if (table->rows * table->columns > 0)
        memcpy(copy->value, table->value, table->rows * table->columns * sizeof *copy->value);
out:
    if (status != LS_OK)
        ls_table_release(copy);
    return status;
}

static size_t find_column(const struct ls_table *table, const char *name)
{
    for (size_t i = 0; i < table->columns; i++)
        if (strcmp(table->name[i], name) == 0)
            return i;
    return table->columns;
}

/* A new last column; the rows that are there are spread, from the last. */
static ls_status add_column(struct ls_table *table, const char *name)
{
    const size_t old = table->columns;
    char *copy = NULL;
    LS_TRY(ls_reallocate(&table->name, old + 1, sizeof *table->name));
    LS_TRY(ls_reallocate(&table->value, table->rows * (old + 1), sizeof *table->value));
    LS_TRY(ls_duplicate(&copy, name));
    table->name[old] = copy;
    table->columns = old + 1;
    for (size_t row = table->rows; row-- > 0;) {
        memmove(table->value + row * (old + 1), table->value + row * old,
                old * sizeof *table->value);
        table->value[row * (old + 1) + old] = NAN;
    }
    return LS_OK;
}

ls_status ls_table_append(struct ls_table *table, const char *const *names, const double *values,
                          size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (find_column(table, names[i]) == table->columns)
            LS_TRY(add_column(table, names[i]));
    LS_TRY(ls_reallocate(&table->value, (table->rows + 1) * table->columns, sizeof *table->value));
    double *row = table->value + table->rows * table->columns;
    for (size_t i = 0; i < table->columns; i++)
        row[i] = NAN;
    for (size_t i = 0; i < count; i++)
        row[find_column(table, names[i])] = values[i];
    table->rows++;
    return LS_OK;
}
