/* The names of a CSV file's columns: from its first line, from the caller, and from an earlier
 * import, as JSON:
 * {"columns": [{"name": "age"}, {"name": "colour", "classes": ["blue", "red"]}],
 *  "target": {"name": "species", "classes": ["cat", "dog"]}}
 * and "header": false where the names were made (c1, c2, ...). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/number.h"
#include "base/text.h"
#include "base/tree.h"
#include "data/csv_table.h"
#include "data/source.h"

enum { FIELDS_A_LOOK = 4096 }; /* at the wish to stop */

static ls_status add_column(struct ls_csv_table *table, const char *name)
{
    struct ls_csv_column *column;

    if (table->columns == table->room) {
        size_t room = 2 * table->room + 8;

        LS_TRY(ls_reallocate(&table->column, room, sizeof *table->column));
        table->room = room;
    }
    column = &table->column[table->columns++];
    *column = (struct ls_csv_column){.whole = true, .low = INFINITY, .high = -INFINITY};
    return ls_duplicate(&column->name, name);
}

static int compare_columns(const void *a, const void *b, void *user)
{
    const struct ls_csv_column *column = user;
    size_t first = *(const size_t *)a, second = *(const size_t *)b;
    int order = strcmp(column[first].name, column[second].name);

    return order != 0 ? order : (first > second) - (first < second);
}

static ls_status sort_columns(struct ls_csv_table *table)
{
    LS_TRY(ls_reallocate(&table->sorted, table->columns, sizeof *table->sorted));
    for (size_t i = 0; i < table->columns; i++)
        table->sorted[i] = i;
    qsort_r(table->sorted, table->columns, sizeof *table->sorted, compare_columns, table->column);
    return LS_OK;
}

/* Files mostly have their columns in the order of the table: `guess` is looked at first. */
static bool find_column(const struct ls_csv_table *table, const char *name, size_t guess,
                        size_t *index)
{
    size_t low = 0, high = table->columns;

    *index = guess;
    if (guess < table->columns && strcmp(table->column[guess].name, name) == 0)
        return true;
    while (low < high) {
        size_t middle = (low + high) / 2;

        if (strcmp(table->column[table->sorted[middle]].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == table->columns || strcmp(table->column[table->sorted[low]].name, name) != 0)
        return false;
    *index = table->sorted[low];
    return true;
}

/* -- JSON ------------------------------------------------------------------------------------- */

static ls_status parse_column(struct ls_csv_table *table, const struct ls_tree *tree)
{
    const struct ls_tree *name = ls_tree_find(tree, "name");
    const struct ls_tree *classes = ls_tree_find(tree, "classes");
    struct ls_csv_column *column;
    const char *text;

    if (!name || (classes && (classes->type != LS_TREE_LIST || classes->count == 0)))
        return ls_fail_at(tree, LS_BAD_INPUT, "not a column with a name, and maybe classes");
    LS_TRY(ls_tree_text(name, &text));
    LS_TRY(add_column(table, text));
    column = &table->column[table->columns - 1];
    column->decided = true;
    column->is_text = classes != NULL;
    if (!classes)
        return LS_OK;
    LS_TRY(ls_allocate(&column->classes, classes->count, sizeof *column->classes));
    column->room = classes->count;
    for (const struct ls_tree *entry = classes->child; entry; entry = entry->next) {
        LS_TRY(ls_tree_text(entry, &text));
        LS_TRY(ls_duplicate(&column->classes[column->count], text));
        column->count++;
        if (column->count > 1 && strcmp(column->classes[column->count - 2], text) >= 0)
            return ls_fail_at(entry, LS_BAD_INPUT, "classes are not in sorted order");
    }
    return LS_OK;
}

ls_status ls_csv_table_parse(struct ls_csv_table *table, const char *json)
{
    struct ls_tree *tree;
    const struct ls_tree *columns, *target, *header;
    bool has_header = true;
    ls_status status;

    *table = (struct ls_csv_table){.known = true};
    LS_TRY(ls_tree_parse_json(&tree, json, strlen(json), "lockstep_csv"));
    columns = ls_tree_find(tree, "columns");
    target = ls_tree_find(tree, "target");
    header = ls_tree_find(tree, "header");
    if (!columns || columns->type != LS_TREE_LIST || columns->count == 0) {
        status = ls_fail_at(tree, LS_BAD_INPUT, "not what an import of CSV writes");
        goto out;
    }
    for (const struct ls_tree *entry = columns->child; entry; entry = entry->next)
        LS_TRY_OUT(parse_column(table, entry));
    table->features = table->columns;
    if (header)
        LS_TRY_OUT(ls_tree_bool(header, &has_header));
    table->no_header = !has_header;
    status = target ? parse_column(table, target) : LS_OK;
out:
    ls_tree_free(tree);
    return status;
}

static bool format_column(struct ls_tree *map, const struct ls_csv_column *column)
{
    struct ls_tree *name = map ? ls_tree_add_text(map, "name", column->name) : NULL;
    struct ls_tree *classes;

    if (!name || !column->is_text)
        return name != NULL;
    classes = ls_tree_add(map, "classes", LS_TREE_LIST);
    for (size_t i = 0; classes && i < column->count; i++)
        if (!ls_tree_add_text(classes, NULL, column->classes[i]))
            return false;
    return classes != NULL;
}

ls_status ls_csv_table_format(const struct ls_csv_table *table, char **json)
{
    struct ls_tree *tree = ls_tree_new(LS_TREE_MAP);
    struct ls_tree *columns = tree ? ls_tree_add(tree, "columns", LS_TREE_LIST) : NULL;
    struct ls_text text = {0};
    bool ok = columns != NULL;
    ls_status status;

    *json = NULL;
    for (size_t i = 0; ok && i < table->features; i++)
        ok = format_column(ls_tree_add(columns, NULL, LS_TREE_MAP), &table->column[i]);
    if (ok && table->features < table->columns)
        ok = format_column(ls_tree_add(tree, "target", LS_TREE_MAP),
                           &table->column[table->features]);
    if (ok && table->no_header)
        ok = ls_tree_add_bool(tree, "header", false) != NULL;
    if (ok)
        ls_tree_format_json(&text, tree);
    status = ok ? ls_text_status(&text) : ls_fail(LS_FAILED, "out of memory");
    if (status == LS_OK)
        *json = text.data;
    else
        ls_text_release(&text);
    ls_tree_free(tree);
    return status;
}

void ls_csv_table_forget_target(struct ls_csv_table *table)
{
    if (table->columns == table->features)
        return;
    table->columns = table->features;
    ls_release(table->column[table->columns].name);
    ls_strings_free(table->column[table->columns].classes, table->column[table->columns].count);
}

/* -- the first line --------------------------------------------------------------------------- */

static int compare_fields(const void *a, const void *b, void *user)
{
    const struct ls_csv *csv = user;
    size_t first = *(const size_t *)a, second = *(const size_t *)b;
    int order = strcmp(ls_csv_text(csv, first), ls_csv_text(csv, second));

    return order != 0 ? order : (first > second) - (first < second);
}

static ls_status check_doubles(struct ls_csv *csv)
{
    size_t *order = NULL;
    ls_status status = LS_OK;

    LS_TRY(ls_allocate(&order, csv->fields, sizeof *order));
    for (size_t i = 0; i < csv->fields; i++)
        order[i] = i;
    qsort_r(order, csv->fields, sizeof *order, compare_fields, csv);
    for (size_t i = 1; i < csv->fields && status == LS_OK; i++) {
        const char *name = ls_csv_text(csv, order[i]);

        if (strcmp(ls_csv_text(csv, order[i - 1]), name) == 0)
            status = ls_csv_fail(csv, order[i], csv->field[order[i]].line,
                                 "the name '%s' is that of column %zu too", name, order[i - 1] + 1);
    }
    ls_release(order);
    return status;
}

static ls_status check_names(struct ls_csv *csv)
{
    size_t numbers = 0;

    for (size_t i = 0; i < csv->fields; i++) {
        const char *name = ls_csv_text(csv, i);

        if (!*name)
            return ls_csv_fail(csv, i, csv->field[i].line, "the header has no name for it");
        numbers += ls_number_form(name) != LS_NUMBER_NONE;
    }
    if (numbers == csv->fields)
        return ls_fail(LS_BAD_INPUT,
                       "%s:%lld: the header has only numbers; if the file has none, set "
                       "no_header (--no-header)",
                       csv->input.path, (long long)csv->record_line);
    return check_doubles(csv);
}

/* The target's column is put last: its field's place among the columns, in the order of the file
 * but for that. */
static ls_status take_columns(struct ls_csv_table *table, char *const *name, size_t count,
                              const struct ls_import *import)
{
    for (int targets = 0; targets <= 1; targets++)
        for (size_t i = 0; i < count; i++) {
            bool is_target = import->target && strcmp(name[i], import->target) == 0;

            if (is_target == (targets == 1))
                LS_TRY(add_column(table, name[i]));
            if (i % FIELDS_A_LOOK == 0)
                LS_TRY(ls_import_check_stop(import));
            table->features += !is_target && targets == 0;
        }
    return LS_OK;
}

static ls_status ask_for_texts(struct ls_csv_table *table, const struct ls_csv *csv,
                               const struct ls_import *import)
{
    for (const char *const *name = import->text_columns; name && *name; name++) {
        size_t index;

        if (!find_column(table, *name, 0, &index))
            return ls_fail(LS_BAD_INPUT, "%s: no column '%s', which is to be one of texts",
                           csv->input.path, *name);
        if (table->known && !table->column[index].is_text)
            return ls_fail(LS_BAD_INPUT,
                           "%s: column '%s' is to be one of texts, but %s has it as "
                           "numbers",
                           csv->input.path, *name, import->out);
        table->column[index].asked = true;
        table->column[index].is_text = table->column[index].decided = true;
    }
    return LS_OK;
}

static ls_status fail_without(const struct ls_csv *csv, const char *what, const char *name,
                              char *const *names)
{
    struct ls_text all = {0};
    ls_status status;

    for (size_t i = 0; i < csv->fields && i < 50; i++)
        ls_text_append(&all, "%s%s", i > 0 ? ", " : "", names[i]);
    if (csv->fields > 50)
        ls_text_append(&all, ", ...");
    status = ls_text_status(&all);
    if (status == LS_OK)
        status = ls_fail(LS_BAD_INPUT, "%s: no %s '%s'; the columns are: %s", csv->input.path, what,
                         name, all.data);
    ls_text_release(&all);
    return status;
}

/* That each column but the target is a field's. */
static ls_status check_complete(const struct ls_csv_table *table, const struct ls_csv *csv,
                                char *const *name)
{
    bool *there = NULL;
    ls_status status = LS_OK;

    LS_TRY(ls_allocate(&there, table->columns, sizeof *there));
    for (size_t i = 0; i < csv->fields; i++)
        if (table->place[i] != LS_CSV_PASSED_OVER)
            there[table->place[i]] = true;
    for (size_t c = 0; c < table->features && status == LS_OK; c++)
        if (!there[c])
            status = fail_without(csv, "column", table->column[c].name, name);
    ls_release(there);
    return status;
}

/* Which column each field is. */
static ls_status place_fields(struct ls_csv_table *table, const struct ls_csv *csv,
                              char *const *name, const struct ls_import *import)
{
    size_t found = 0;

    LS_TRY(ls_reallocate(&table->place, csv->fields, sizeof *table->place));
    LS_TRY(ls_reallocate(&table->names, csv->fields, sizeof *table->names));
    table->fields = csv->fields;
    table->has_target = false;
    for (size_t i = 0; i < csv->fields; i++) {
        table->names[i] = NULL;
        if (!find_column(table, name[i], found, &table->place[i])) {
            table->place[i] = LS_CSV_PASSED_OVER;
            if (table->pass_over)
                continue;
            return ls_csv_fail(csv, i, csv->record_line, "'%s' is no column of %s", name[i],
                               table->known ? import->out : import->files[0]);
        }
        table->names[i] = table->column[table->place[i]].name;
        table->has_target = table->has_target || table->place[i] == table->features;
        found += table->place[i] < table->features;
    }
    return check_complete(table, csv, name);
}

static ls_status check_target(const struct ls_csv_table *table, const struct ls_csv *csv,
                              char *const *name, const struct ls_import *import)
{
    const char *known =
        table->columns > table->features ? table->column[table->features].name : NULL;

    if (!import->target)
        return LS_OK;
    if (table->known && (!known || strcmp(known, import->target) != 0))
        return ls_fail(LS_BAD_INPUT, "the target is '%s', but in %s it is '%s'", import->target,
                       import->out, known ? known : "none");
    for (size_t i = 0; i < csv->fields; i++)
        if (strcmp(name[i], import->target) == 0)
            return LS_OK;
    return fail_without(csv, "target column", import->target, name);
}

ls_status ls_csv_table_header(struct ls_csv_table *table, struct ls_csv *csv,
                              const struct ls_import *import)
{
    char **name = NULL;
    bool first = table->columns == 0;
    ls_status status;

    if (!import->no_header)
        LS_TRY(check_names(csv));
    LS_TRY(ls_allocate(&name, csv->fields, sizeof *name));
    for (size_t i = 0; i < csv->fields; i++)
        LS_TRY_OUT(import->no_header ? ls_format(&name[i], "c%zu", i + 1)
                                     : ls_duplicate(&name[i], ls_csv_text(csv, i)));
    LS_TRY_OUT(check_target(table, csv, name, import));
    if (first)
        table->no_header = import->no_header;
    if (first)
        LS_TRY_OUT(take_columns(table, name, csv->fields, import));
    LS_TRY_OUT(sort_columns(table));
    LS_TRY_OUT(ls_import_check_stop(import));
    if (first || table->known)
        LS_TRY_OUT(ask_for_texts(table, csv, import));
    status = place_fields(table, csv, name, import);
    csv->names = table->names;
    csv->names_count = status == LS_OK ? csv->fields : 0;
out:
    for (size_t i = 0; i < csv->fields; i++)
        ls_release(name[i]);
    ls_release(name);
    return status;
}

ls_status ls_csv_table_read(struct ls_csv_table *table, struct ls_watch *watch, const char *path,
                            ls_csv_take *take, void *user)
{
    struct ls_csv csv;
    bool more;
    ls_status status;

    LS_TRY_OUT(ls_csv_open(&csv, path, watch));
    LS_TRY_OUT(ls_csv_next(&csv, &more));
    if (!more) {
        status = ls_fail(LS_BAD_INPUT, "%s: an empty file", path);
        goto out;
    }
    LS_TRY_OUT(ls_csv_table_header(table, &csv, watch->import));
    if (!watch->import->no_header)
        LS_TRY_OUT(ls_csv_next(&csv, &more));
    while (more) {
        LS_TRY_OUT(take(user, &csv));
        LS_TRY_OUT(ls_csv_next(&csv, &more));
    }
out:
    ls_csv_close(&csv);
    return status;
}
