#include "train/learnt.h"

#include <string.h>

#include "base/memory.h"

/* -- writing */

static ls_status no_memory(void)
{
    return ls_fail(LS_FAILED, "out of memory");
}

static ls_status keep(struct ls_tree *state, const char *key, const struct ls_tree *before)
{
    const struct ls_tree *kept = before ? ls_tree_find(before, key) : NULL;
    return !kept || ls_tree_add_copy(state, key, kept) ? LS_OK : no_memory();
}

static ls_status write_learnt(struct ls_tree *state, const struct ls_data *data,
                              const struct ls_tree *before)
{
    const char *json = ls_data_learnt(data);
    struct ls_tree *tree = NULL;
    if (!json)
        return keep(state, "learnt", before);
    ls_status status = ls_tree_parse_json(&tree, json, strlen(json), NULL);
    if (status != LS_OK)
        return ls_fail_within(status, "%s: what import csv learnt cannot be read",
                              ls_data_name(data));
    if (!ls_tree_add_copy(state, "learnt", tree))
        status = no_memory();
    ls_tree_free(tree);
    return status;
}

static ls_status write_names(struct ls_tree *map, const struct ls_column *column)
{
    struct ls_tree *list = ls_tree_add(map, column->name, LS_TREE_LIST);
    bool ok = list != NULL;
    for (size_t i = 0; ok && i < column->classes; i++)
        ok = ls_tree_add_text(list, NULL, column->class_names[i]) != NULL;
    return ok ? LS_OK : no_memory();
}

static ls_status write_class_names(struct ls_tree *state, const struct ls_data *data,
                                   const struct ls_tree *before)
{
    struct ls_tree *map = NULL;
    for (size_t c = 0; c < ls_data_columns(data); c++) {
        const struct ls_column *column = ls_data_column(data, c);
        if (column->classes == 0)
            continue;
        if (!map)
            map = ls_tree_add(state, "class_names", LS_TREE_MAP);
        if (!map)
            return no_memory();
        LS_TRY(write_names(map, column));
    }
    return map ? LS_OK : keep(state, "class_names", before);
}

ls_status ls_learnt_write(struct ls_tree *state, const struct ls_data *data,
                          const struct ls_tree *before)
{
    LS_TRY(write_learnt(state, data, before));
    return write_class_names(state, data, before);
}

ls_status ls_learnt_check(const struct ls_data *data)
{
    struct ls_tree *trial = ls_tree_new(LS_TREE_MAP);
    ls_status status = trial ? ls_learnt_write(trial, data, NULL) : no_memory();
    ls_tree_free(trial);
    return status;
}

/* -- using */

ls_status ls_learnt_open(struct ls_data **data, const struct ls_learnt_source *source)
{
    const struct ls_tree *learnt = source->state ? ls_tree_find(source->state, "learnt") : NULL;
    struct ls_text json = {0};
    *data = NULL;
    if (!ls_data_is_csv(source->data))
        return ls_data_open(data, source->data);
    if (!learnt)
        return ls_fail(
            LS_BAD_INPUT,
            "%s: %s does not say what a CSV file's columns are, since it was not trained "
            "on what 'lockstep import csv' wrote: import this file with it and name the "
            "result as FILE:SPLIT",
            source->data, source->model);
    ls_tree_format_json(&json, learnt);
    ls_status status = ls_text_status(&json);
    if (status == LS_OK)
        status = ls_data_from_csv(data, source->data, json.data, source->target);
    ls_text_release(&json);
    return status;
}

static ls_status names_of_list(struct ls_class_names *names, const struct ls_tree *list)
{
    LS_TRY(ls_allocate(&names->name, list->count, sizeof *names->name));
    for (const struct ls_tree *entry = list->child; entry; entry = entry->next, names->count++) {
        ls_status status = ls_tree_text(entry, &names->name[names->count]);
        if (status == LS_OK)
            continue;
        ls_release(names->name);
        *names = (struct ls_class_names){0};
        return ls_fail_within(status, "the checkpoint's class_names");
    }
    return LS_OK;
}

ls_status ls_class_names_find(struct ls_class_names *names, const char *column,
                              const struct ls_data *data, const struct ls_tree *state)
{
    const struct ls_tree *map = state ? ls_tree_find(state, "class_names") : NULL;
    const struct ls_tree *list = map ? ls_tree_find(map, column) : NULL;
    *names = (struct ls_class_names){0};
    for (size_t c = 0; data && c < ls_data_columns(data); c++) {
        const struct ls_column *found = ls_data_column(data, c);
        if (strcmp(found->name, column) != 0 || found->classes == 0)
            continue;
        LS_TRY(ls_allocate(&names->name, found->classes, sizeof *names->name));
        for (; names->count < found->classes; names->count++)
            names->name[names->count] = found->class_names[names->count];
        return LS_OK;
    }
    return list && list->type == LS_TREE_LIST && list->count ? names_of_list(names, list) : LS_OK;
}
