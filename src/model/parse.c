/* Models from the run file's `model:`. */
#include <string.h>

#include "model/append.h"

/* One entry of `layers`: a bare name, or a map of one key. */
static ls_status parse_entry(struct ls_model *model, const struct ls_tree *entry)
{
    const struct ls_kind *kind;
    const struct ls_tree *options = entry;
    const char *name;
    if (entry->type == LS_TREE_SCALAR) {
        name = entry->text;
    } else if (entry->type == LS_TREE_MAP && entry->count == 1) {
        options = entry->child;
        name = options->key;
        if (options->type != LS_TREE_MAP && !ls_tree_is_null(options))
            return ls_fail_at(options, LS_BAD_INPUT, "expected a map of options");
    } else {
        return ls_fail_at(entry, LS_BAD_INPUT,
                          "expected a layer: its name, or its name with a map of options");
    }
    LS_TRY(ls_kind_require(&ls_layers, entry, name, &kind));
    return ls_model_append(model, kind, options);
}

static ls_status parse_layers(struct ls_model *model, const struct ls_tree *layers)
{
    if (layers->type != LS_TREE_LIST || layers->count == 0)
        return ls_fail_at(layers, LS_BAD_INPUT, "expected a list of layers");
    for (const struct ls_tree *entry = layers->child; entry; entry = entry->next)
        LS_TRY(parse_entry(model, entry));
    return LS_OK;
}

static ls_status parse_input(struct ls_model *model, const struct ls_tree *input)
{
    const struct ls_kind *kind;
    LS_TRY(ls_kind_require(&ls_layers, input, "InputLayer", &kind));
    if (input->type != LS_TREE_MAP)
        return ls_fail_at(input, LS_BAD_INPUT, "expected a map: {shape: [28, 28]}");
    return ls_model_append(model, kind, input);
}

ls_status ls_keys_check(const struct ls_tree *map, const char *const *known)
{
    struct ls_text names = {0};
    for (const struct ls_tree *entry = map->child; entry; entry = entry->next) {
        bool found = false;
        for (size_t i = 0; known[i]; i++)
            found |= strcmp(entry->key, known[i]) == 0;
        if (found)
            continue;
        const char *near = ls_nearest(entry->key, known);
        if (near)
            return ls_fail_at_line(map, entry->line, LS_BAD_INPUT,
                                   "unknown key '%s' (did you mean '%s'?)", entry->key, near);
        for (size_t i = 0; known[i]; i++)
            ls_text_append(&names, "%s%s", i ? ", " : "", known[i]);
        ls_fail_at_line(map, entry->line, LS_BAD_INPUT, "unknown key '%s'; known: %s", entry->key,
                        names.data);
        ls_text_release(&names);
        return LS_BAD_INPUT;
    }
    return LS_OK;
}

static ls_status parse_map(struct ls_model *model, const struct ls_tree *tree)
{
    static const char *const known[] = {"name", "input", "layers", NULL};
    const struct ls_tree *layers = ls_tree_find(tree, "layers");
    const struct ls_tree *input = ls_tree_find(tree, "input");
    LS_TRY(ls_keys_check(tree, known));
    if (!layers)
        return ls_fail_at(tree, LS_BAD_INPUT, "the model has no `layers`");
    if (input)
        LS_TRY(parse_input(model, input));
    return parse_layers(model, layers);
}

ls_status ls_model_from_tree(struct ls_model **model, const struct ls_tree *tree)
{
    struct ls_model *made = NULL;
    const struct ls_tree *name = tree->type == LS_TREE_MAP ? ls_tree_find(tree, "name") : NULL;
    const char *text = NULL;
    *model = NULL;
    if (name)
        LS_TRY(ls_tree_text(name, &text));
    LS_TRY(ls_model_create(&made, text));
    ls_status status;
    if (tree->type == LS_TREE_MAP)
        status = parse_map(made, tree);
    else if (tree->type == LS_TREE_LIST)
        status = parse_layers(made, tree);
    else
        status = ls_fail_at(tree, LS_BAD_INPUT,
                            "expected a map with `input` and `layers`, a list of layers, or the "
                            "name of a model file");
    if (status == LS_OK)
        status = ls_model_build(made);
    if (status == LS_OK)
        *model = made;
    else
        ls_model_free(made);
    return status;
}
