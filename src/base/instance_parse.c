/* An instance in the forms in which run files and Keras' configs give one. */
#include <string.h>

#include "base/kind.h"
#include "base/memory.h"

/* What is parsed: options in `ignore` (ends with NULL; or NULL) are not the kind's. */
struct source {
    const struct ls_registry *registry;
    const char *const *ignore;
};

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
static ls_status parse_keras(struct ls_instance *instance, const struct source *source,
                             const struct ls_tree *tree)
{
    static const char *const known[] = {
        "class_name",   "config",           "module", "registered_name",
        "build_config", "shared_object_id", NULL};
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
        return parse_named(instance, source->registry, config);
    LS_TRY(ls_kind_saved_name(&name, tree));
    ls_status status = ls_kind_require(source->registry, class_name, name, &kind);
    ls_release(name);
    LS_TRY(status);
    if (config && config->type != LS_TREE_MAP && !ls_tree_is_null(config))
        return ls_fail_expected(config, "a map of options");
    return ls_instance_create(instance, kind, config ? config : tree,
                              config ? source->ignore : known);
}

/* What is left of a lambda where Keras writes no class_name: {"value": [code, ...]}. */
static bool is_lambda(const struct ls_tree *tree)
{
    return strcmp(tree->child->key, "value") == 0 && tree->child->type == LS_TREE_LIST;
}

static ls_status parse(struct ls_instance *instance, const struct source *source,
                       const struct ls_tree *tree)
{
    static const char expected[] = "a name, or a map of one name with its options";
    const struct ls_kind *kind;
    *instance = (struct ls_instance){0};
    if (ls_tree_is_null(tree))
        return LS_OK;
    if (tree->type == LS_TREE_SCALAR)
        return parse_named(instance, source->registry, tree);
    if (ls_tree_find(tree, "class_name"))
        return parse_keras(instance, source, tree);
    if (tree->type != LS_TREE_MAP)
        return ls_fail_expected(tree, expected);
    if (tree->count != 1)
        return ls_fail_at(tree, LS_BAD_INPUT, "expected %s, found a map of %zu", expected,
                          tree->count);
    LS_TRY(ls_kind_require(source->registry, tree,
                           is_lambda(tree) ? "__lambda__" : tree->child->key, &kind));
    return ls_instance_create(instance, kind, tree->child, source->ignore);
}

ls_status ls_instance_parse(struct ls_instance *instance, const struct ls_registry *registry,
                            const struct ls_tree *tree)
{
    return parse(instance, &(struct source){registry, NULL}, tree);
}

/* -- layers in layers */

/* Where the options of what was parsed stand: those beside them are read from there. */
static const struct ls_tree *place_of(const struct ls_tree *tree)
{
    if (tree->type != LS_TREE_MAP)
        return tree;
    const struct ls_tree *config = ls_tree_find(tree, "config");
    return !ls_tree_find(tree, "class_name") ? tree->child : config ? config : tree;
}

ls_status ls_name_check(const char *name, const char *of, const struct ls_tree *place)
{
    if (*name == '\0' || strchr(name, '/') || strcmp(name, ".") == 0)
        return ls_fail_at(place, LS_BAD_INPUT, "%s name is not empty, has no '/' and is not '.'",
                          of);
    return LS_OK;
}

ls_status ls_dtype_check(const struct ls_tree *dtype)
{
    if (dtype && dtype->type == LS_TREE_SCALAR && strcmp(dtype->text, "float32") != 0)
        return ls_fail_at(dtype, LS_BAD_INPUT, "dtype '%s': layers compute in float32",
                          dtype->text);
    return LS_OK;
}

static ls_status parse_common(struct ls_inner *inner, const struct ls_tree *options)
{
    const struct ls_tree *name = ls_tree_find(options, "name");
    const struct ls_tree *trainable = ls_tree_find(options, "trainable");
    const char *text;
    if (name && !ls_tree_is_null(name)) {
        LS_TRY(ls_tree_text(name, &text));
        LS_TRY(ls_name_check(text, "a layer's", name));
        LS_TRY(ls_duplicate(&inner->name, text));
    }
    if (trainable)
        LS_TRY(ls_tree_bool(trainable, &inner->trainable));
    return ls_dtype_check(ls_tree_find(options, "dtype"));
}

ls_status ls_inner_parse(struct ls_inner *inner, const struct ls_registry *registry,
                         const struct ls_tree *tree)
{
    static const char *const common[] = {"name", "trainable", "dtype", NULL};
    *inner = (struct ls_inner){.trainable = true};
    LS_TRY(parse(&inner->instance, &(struct source){registry, common}, tree));
    if (!inner->instance.kind)
        return LS_OK;
    inner->place = place_of(tree);
    return inner->place->type == LS_TREE_MAP ? parse_common(inner, inner->place) : LS_OK;
}

ls_status ls_inner_copy(struct ls_inner *copy, const struct ls_inner *inner)
{
    *copy = (struct ls_inner){.trainable = inner->trainable, .place = inner->place};
    ls_status status = ls_instance_copy(&copy->instance, &inner->instance);
    if (status == LS_OK && inner->name)
        status = ls_duplicate(&copy->name, inner->name);
    if (status != LS_OK)
        ls_inner_release(copy);
    return status;
}

void ls_inner_release(struct ls_inner *inner)
{
    ls_instance_release(&inner->instance);
    ls_release(inner->name);
    *inner = (struct ls_inner){0};
}

/* Of one of Keras' own classes; a plugin's is found by its registered name. */
static bool add_class(struct ls_tree *written, const struct ls_kind *kind)
{
    if (!kind->registered)
        return ls_tree_add_text(written, "module", "keras.layers") &&
               ls_tree_add_text(written, "class_name", kind->name);
    return ls_tree_add_null(written, "module") &&
           ls_tree_add_text(written, "class_name", kind->name) &&
           ls_tree_add_text(written, "registered_name", kind->registered);
}

ls_status ls_inner_write(const struct ls_inner *inner, struct ls_tree *parent, const char *key)
{
    const struct ls_kind *kind = inner->instance.kind;
    if (!kind)
        return ls_tree_add_null(parent, key) ? LS_OK : LS_FAILED;
    struct ls_tree *config = NULL, *written = ls_tree_add(parent, key, LS_TREE_MAP);
    if (written && add_class(written, kind))
        config = ls_tree_add(written, "config", LS_TREE_MAP);
    if (!config || (inner->name && !ls_tree_add_text(config, "name", inner->name)) ||
        !ls_tree_add_bool(config, "trainable", inner->trainable) ||
        !ls_tree_add_text(config, "dtype", "float32"))
        return LS_FAILED; /* the message is ls_allocate's */
    return ls_instance_write(&inner->instance, config);
}
