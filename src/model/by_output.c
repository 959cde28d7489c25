#include "model/by_output.h"

#include <string.h>

#include "base/memory.h"
#include "base/text.h"

static bool find_output(const struct ls_model *model, const char *name, size_t *output)
{
    for (size_t o = 0; o < model->outputs; o++)
        if (strcmp(model->output_name[o], name) == 0) {
            *output = o;
            return true;
        }
    return false;
}

static size_t named_outputs(const struct ls_model *model, const struct ls_tree *map)
{
    size_t count = 0, output;
    for (const struct ls_tree *entry = map->child; entry; entry = entry->next)
        count += find_output(model, entry->key, &output);
    return count;
}

/* The output whose name is nearest to one that is no output's, or NULL. */
static ls_status nearest_output(const char **near, const struct ls_model *model, const char *name)
{
    const char **names = NULL;
    LS_TRY(ls_allocate(&names, model->outputs + 1, sizeof *names));
    for (size_t o = 0; o < model->outputs; o++)
        names[o] = model->output_name[o];
    *near = ls_nearest(name, names);
    ls_release(names);
    return LS_OK;
}

static ls_status list_outputs(struct ls_text *names, const struct ls_model *model)
{
    for (size_t o = 0; o < model->outputs; o++)
        ls_text_append(names, "%s%s", o ? ", " : "", model->output_name[o]);
    return ls_text_status(names);
}

static ls_status fail_unknown(const struct ls_model *model, const struct ls_tree *entry)
{
    struct ls_text names = {0};
    const char *near;
    LS_TRY(nearest_output(&near, model, entry->key));
    if (near)
        return ls_fail_at_line(entry->parent, entry->line, LS_BAD_INPUT,
                               "unknown output '%s' (did you mean '%s'?)", entry->key, near);
    ls_status status = list_outputs(&names, model);
    if (status == LS_OK)
        status = ls_fail_at_line(entry->parent, entry->line, LS_BAD_INPUT,
                                 "unknown output '%s'; the model's: %s", entry->key, names.data);
    ls_text_release(&names);
    return status;
}

/* Whether a map without outputs' names is meant as a kind with its options: it is one, or its only
 * key is not like an output's name (the kind's own message is the better one then). */
static ls_status is_kind(bool *kind, const struct ls_model *model, const struct ls_tree *map,
                         const struct ls_registry *kinds)
{
    const char *near = NULL;
    *kind = kinds && ls_tree_find(map, "class_name");
    if (*kind || !kinds || map->count != 1)
        return LS_OK;
    *kind = ls_kind_find(kinds, map->child->key) != NULL;
    if (*kind)
        return LS_OK;
    LS_TRY(nearest_output(&near, model, map->child->key));
    *kind = !near;
    return LS_OK;
}

static const struct ls_tree *unless_null(const struct ls_tree *tree)
{
    return ls_tree_is_null(tree) ? NULL : tree;
}

static ls_status take_names(const struct ls_tree **part, const struct ls_model *model,
                            const struct ls_tree *map)
{
    size_t output;
    for (const struct ls_tree *entry = map->child; entry; entry = entry->next) {
        if (!find_output(model, entry->key, &output))
            return fail_unknown(model, entry);
        part[output] = unless_null(entry);
    }
    return LS_OK;
}

static ls_status take_list(const struct ls_tree **part, const struct ls_model *model,
                           const struct ls_tree *list)
{
    struct ls_text names = {0};
    size_t o = 0;
    if (list->count == model->outputs) {
        for (const struct ls_tree *entry = list->child; entry; entry = entry->next)
            part[o++] = unless_null(entry);
        return LS_OK;
    }
    ls_status status = list_outputs(&names, model);
    if (status == LS_OK)
        status = ls_fail_at(list, LS_BAD_INPUT,
                            "expected a list of %zu, an entry for each output (%s), found %zu",
                            model->outputs, names.data, list->count);
    ls_text_release(&names);
    return status;
}

ls_status ls_by_output(enum ls_by_output *how, const struct ls_tree **part,
                       const struct ls_model *model, const struct ls_tree *tree,
                       const struct ls_registry *kinds)
{
    bool kind;
    for (size_t o = 0; o < model->outputs; o++)
        part[o] = NULL;
    *how = LS_BY_NOTHING;
    if (!tree || ls_tree_is_null(tree) || (tree->type == LS_TREE_MAP && tree->count == 0))
        return LS_OK;
    if (tree->type == LS_TREE_LIST) {
        *how = LS_BY_POSITION;
        return take_list(part, model, tree);
    }
    if (tree->type == LS_TREE_MAP) {
        LS_TRY(is_kind(&kind, model, tree, kinds));
        if (!kind || named_outputs(model, tree) > 0) {
            *how = LS_BY_NAME;
            return take_names(part, model, tree);
        }
    }
    *how = LS_BY_ALL;
    for (size_t o = 0; o < model->outputs; o++)
        part[o] = tree;
    return LS_OK;
}

ls_status ls_metrics_by_output(const struct ls_tree **part, const struct ls_model *model,
                               const struct ls_tree *tree, const struct ls_registry *kinds)
{
    enum ls_by_output how;
    if (tree && tree->type == LS_TREE_LIST && (model->outputs == 1 || tree->count == 0)) {
        for (size_t o = 0; o < model->outputs; o++)
            part[o] = tree->count > 0 ? tree : NULL;
        return LS_OK;
    }
    LS_TRY(ls_by_output(&how, part, model, tree, kinds));
    if (how == LS_BY_ALL && model->outputs > 1)
        return ls_fail_at(tree, LS_BAD_INPUT,
                          "expected a map by output or a list with an entry for each output");
    for (size_t o = 0; o < model->outputs; o++)
        if (part[o] && part[o]->type == LS_TREE_LIST && part[o]->count == 0)
            part[o] = NULL;
    return LS_OK;
}
