/* An instance in the forms in which run files and Keras' configs give one. */
#include <string.h>

#include "base/kind.h"
#include "base/memory.h"

static ls_status parse_named(struct ls_instance *instance, const struct ls_registry *registry,
                             const struct ls_tree *name)
{
    const struct ls_kind *kind;
    const char *text;
    LS_TRY(ls_tree_text(name, &text));
    LS_TRY(ls_kind_require(registry, name, text, &kind));
    /* The name's node is the place where a missing option is missed. */
    return ls_instance_create(instance, kind, name, NULL);
}

/* {"class_name": ..., "config": {...}}; a function is {"class_name": "function", "config": "relu"}.
 */
static ls_status parse_keras(struct ls_instance *instance, const struct ls_registry *registry,
                             const struct ls_tree *tree)
{
    static const char *const known[] = {"class_name",      "config",       "module",
                                        "registered_name", "build_config", NULL};
    const struct ls_tree *class_name = ls_tree_find(tree, "class_name");
    const struct ls_tree *config = ls_tree_find(tree, "config");
    const struct ls_kind *kind;
    const char *text;
    char *name;
    for (const struct ls_tree *entry = tree->child; entry; entry = entry->next) {
        bool found = false;
        for (size_t i = 0; known[i]; i++)
            found |= strcmp(entry->key, known[i]) == 0;
        if (!found)
            return ls_fail_at_line(tree, entry->line, LS_BAD_INPUT,
                                   "unknown key '%.60s' beside class_name and config", entry->key);
    }
    LS_TRY(ls_tree_text(class_name, &text));
    if (strcmp(text, "function") == 0 && config && config->type == LS_TREE_SCALAR)
        return parse_named(instance, registry, config);
    LS_TRY(ls_kind_saved_name(&name, tree));
    ls_status status = ls_kind_require(registry, class_name, name, &kind);
    ls_release(name);
    LS_TRY(status);
    if (config && config->type != LS_TREE_MAP && !ls_tree_is_null(config))
        return ls_fail_expected(config, "a map of options");
    return ls_instance_create(instance, kind, config ? config : tree, config ? NULL : known);
}

/* What is left of a lambda where Keras writes no class_name: {"value": [code, ...]}. */
static bool is_lambda(const struct ls_tree *tree)
{
    return strcmp(tree->child->key, "value") == 0 && tree->child->type == LS_TREE_LIST;
}

ls_status ls_instance_parse(struct ls_instance *instance, const struct ls_registry *registry,
                            const struct ls_tree *tree)
{
    static const char expected[] = "a name, or a map of one name with its options";
    const struct ls_kind *kind;
    *instance = (struct ls_instance){0};
    if (ls_tree_is_null(tree))
        return LS_OK;
    if (tree->type == LS_TREE_SCALAR)
        return parse_named(instance, registry, tree);
    if (ls_tree_find(tree, "class_name"))
        return parse_keras(instance, registry, tree);
    if (tree->type != LS_TREE_MAP)
        return ls_fail_expected(tree, expected);
    if (tree->count != 1)
        return ls_fail_at(tree, LS_BAD_INPUT, "expected %s, found a map of %zu", expected,
                          tree->count);
    LS_TRY(
        ls_kind_require(registry, tree, is_lambda(tree) ? "__lambda__" : tree->child->key, &kind));
    return ls_instance_create(instance, kind, tree->child, NULL);
}
