/* From what the user wrote to a data set: "file:split", globs, lists, {file, x, y}. */
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "data/source.h"

/* Data sets that are to be joined, in the order they were named. */
struct parts {
    struct ls_data **part;
    size_t count;
    size_t resident; /* bytes that may still be kept in memory */
};

static ls_status add_file(struct parts *parts, const struct ls_file_place *place)
{
    LS_TRY(ls_reallocate(&parts->part, parts->count + 1, sizeof(struct ls_data *)));
    LS_TRY(ls_data_from_file(&parts->part[parts->count], place, &parts->resident));
    parts->count++;
    return LS_OK;
}

static void release_parts(struct parts *parts)
{
    for (size_t i = 0; i < parts->count; i++)
        ls_data_free(parts->part[i]);
    ls_release(parts->part);
}

/* One data set of all parts, which become its own. */
static ls_status finish_parts(struct ls_data **data, struct parts *parts, const char *name)
{
    ls_status status = LS_OK;

    if (parts->count == 1)
        *data = parts->part[0];
    else
        status = ls_data_join(data, parts->part, parts->count, name);
    ls_release(parts->part);
    return status;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The files that match, in an order that no locale changes. */
static ls_status add_matching(struct parts *parts, const struct ls_file_place *place)
{
    glob_t found = {0};
    int result = glob(place->file, GLOB_NOSORT | GLOB_ERR, NULL, &found);
    ls_status status = LS_OK;

    if (result == GLOB_NOMATCH)
        return ls_fail(LS_NO_INPUT, "%s: no file matches", place->file);
    if (result != 0) {
        status = result == GLOB_NOSPACE
                     ? ls_fail(LS_FAILED, "%s: out of memory", place->file)
                     : ls_fail(LS_NO_INPUT, "%s: a directory cannot be read", place->file);
        goto out;
    }
    qsort(found.gl_pathv, found.gl_pathc, sizeof *found.gl_pathv, compare_names);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct ls_file_place one = {.file = found.gl_pathv[i], .split = place->split};

        LS_TRY_OUT(add_file(parts, &one));
    }
out:
    globfree(&found);
    return status;
}

/* "file:split", relative to directory (NULL: to the current one). */
static ls_status add_source(struct parts *parts, const char *source, const char *directory)
{
    const char *colon = strrchr(source, ':');
    struct ls_file_place place = {.split = colon ? colon + 1 : ""};
    char *file = NULL, *path = NULL;
    ls_status status;

    if (!colon || colon == source || !colon[1])
        return ls_fail(LS_BAD_INPUT, "'%s': expected FILE:SPLIT, as in mnist.h5:train", source);
    LS_TRY_OUT(ls_format(&file, "%.*s", (int)(colon - source), source));
    LS_TRY_OUT(directory ? ls_path_join(&path, directory, file) : ls_duplicate(&path, file));
    place.file = path;
    if (strpbrk(path, "*?[") && access(path, F_OK) != 0)
        status = add_matching(parts, &place);
    else
        status = add_file(parts, &place);
out:
    ls_release(file);
    ls_release(path);
    return status;
}

ls_status ls_data_open(struct ls_data **data, const char *source)
{
    struct parts parts = {.resident = LS_DATA_RESIDENT_BYTES};
    ls_status status;

    *data = NULL;
    status = add_source(&parts, source, NULL);
    if (status == LS_OK)
        return finish_parts(data, &parts, source);
    release_parts(&parts);
    return status;
}

/* -- from the run file */

static ls_status add_text(struct parts *parts, const struct ls_tree *tree, const char *directory)
{
    const char *text;
    char *source = NULL;
    ls_status status;

    LS_TRY(ls_tree_text(tree, &text));
    status = ls_expand_variables(&source, text);
    if (status == LS_OK)
        status = add_source(parts, source, directory);
    ls_release(source);
    return status == LS_OK ? LS_OK : ls_fail_at(tree, status, "%s", ls_message());
}

/* {file: f.h5, x: /images, y: /labels} */
static ls_status add_map(struct parts *parts, const struct ls_tree *map, const char *directory)
{
    const struct ls_tree *file = ls_tree_find(map, "file");
    const char **columns = NULL;
    const char *text;
    char *expanded = NULL, *path = NULL;
    size_t count = 0;
    ls_status status;

    if (!file)
        return ls_fail_at(map, LS_BAD_INPUT,
                          "expected 'file', and the path of each dataset: "
                          "{file: f.h5, x: /images, y: /labels}");
    if (map->count < 2)
        return ls_fail_at(map, LS_BAD_INPUT,
                          "names no dataset: expected x: /PATH, y: /PATH, or "
                          "FILE:SPLIT in place of the map");
    LS_TRY_OUT(ls_tree_text(file, &text));
    LS_TRY_OUT(ls_expand_variables(&expanded, text));
    LS_TRY_OUT(directory ? ls_path_join(&path, directory, expanded)
                         : ls_duplicate(&path, expanded));
    LS_TRY_OUT(ls_allocate(&columns, 2 * map->count, sizeof *columns));
    for (const struct ls_tree *entry = map->child; entry; entry = entry->next) {
        if (entry == file)
            continue;
        columns[count] = entry->key;
        LS_TRY_OUT(ls_tree_text(entry, &columns[count + 1]));
        count += 2;
    }
    status = add_file(parts, &(struct ls_file_place){.file = path, .columns = columns});
    if (status != LS_OK)
        status = ls_fail_at(map, status, "%s", ls_message());
out:
    ls_release(expanded);
    ls_release(path);
    ls_release(columns);
    return status;
}

static ls_status add_entry(struct parts *parts, const struct ls_tree *tree, const char *directory)
{
    return tree->type == LS_TREE_MAP ? add_map(parts, tree, directory)
                                     : add_text(parts, tree, directory);
}

ls_status ls_data_from_tree(struct ls_data **data, const struct ls_tree *tree,
                            const char *directory)
{
    struct parts parts = {.resident = LS_DATA_RESIDENT_BYTES};
    char *name = NULL;
    ls_status status;

    *data = NULL;
    if (ls_tree_is_null(tree) || (tree->type == LS_TREE_LIST && tree->count == 0))
        return ls_fail_at(tree, LS_BAD_INPUT,
                          "names no data: expected FILE:SPLIT, a list of "
                          "them, or {file, x, y}");
    if (tree->type == LS_TREE_LIST) {
        for (const struct ls_tree *entry = tree->child; entry; entry = entry->next)
            LS_TRY_OUT(add_entry(&parts, entry, directory));
    } else {
        LS_TRY_OUT(add_entry(&parts, tree, directory));
    }
    LS_TRY_OUT(ls_format(&name, "%s and %zu more", ls_data_name(parts.part[0]), parts.count - 1));
    status = finish_parts(data, &parts, name);
    ls_release(name);
    return status == LS_OK ? LS_OK : ls_fail_at(tree, status, "%s", ls_message());
out:
    release_parts(&parts);
    return status;
}
