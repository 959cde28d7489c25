/* Keras' configs as options of ours: what it writes beside, and what is not in use, goes. */
#include <string.h>

#include "base/memory.h"
#include "model/keras.h"

/* Options that we may not have, and the value at which they change nothing; NULL: any value does
 * not. (Null never does.) */
static const struct {
    const char *name, *neutral, *other;
} unused[] = {
    {"name", NULL, NULL},
    {"fn", NULL, NULL}, /* of Keras 2's wrappers: what class_name says already */
    {"jit_compile", NULL, NULL},
    {"autocast", "true", NULL}, /* of layers of one's own */
    {"is_legacy_optimizer", NULL, NULL},
    {"ema_momentum", NULL, NULL}, /* without use_ema */
    {"ema_overwrite_frequency", NULL, NULL},
    {"use_ema", "false", NULL},
    {"decay", "0.0", "0"},
    {"reduction", "sum_over_batch_size", "auto"},
    {"data_format", "channels_last", NULL},
    {"dtype", "float32", NULL},
    {"axis", "-1", NULL},
    {"from_logits", "false", NULL},
    {"label_smoothing", "0.0", "0"},
    {"sparse", "false", NULL},
    {"ragged", "false", NULL},
    {"optional", "false", NULL},
};

static const struct ls_option *find_option(const struct ls_kind *kind, const char *name)
{
    for (const struct ls_option *option = kind->options; option && option->name; option++)
        if (strcmp(option->name, name) == 0 || (option->alias && strcmp(option->alias, name) == 0))
            return option;
    return NULL;
}

static bool is_listed(const char *const *names, const char *name)
{
    for (size_t i = 0; names && names[i]; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

/* The name of a dtype policy, or the scalar itself. */
static const struct ls_tree *policy_name(const struct ls_tree *dtype)
{
    const struct ls_tree *config =
        dtype->type == LS_TREE_MAP ? ls_tree_find(dtype, "config") : NULL;
    const struct ls_tree *name =
        config && config->type == LS_TREE_MAP ? ls_tree_find(config, "name") : NULL;
    return name ? name : dtype;
}

static bool changes_nothing(const struct ls_tree *entry)
{
    if (ls_tree_is_null(entry))
        return true;
    const struct ls_tree *value = strcmp(entry->key, "dtype") == 0 ? policy_name(entry) : entry;
    for (size_t i = 0; i < sizeof unused / sizeof *unused; i++) {
        if (strcmp(unused[i].name, entry->key) != 0)
            continue;
        if (!unused[i].neutral)
            return true;
        if (value->type == LS_TREE_SCALAR &&
            (strcmp(value->text, unused[i].neutral) == 0 ||
             (unused[i].other && strcmp(value->text, unused[i].other) == 0)))
            return true;
    }
    return false;
}

static ls_status make_scalar(struct ls_tree *node, const char *text)
{
    char *copy;
    LS_TRY(ls_duplicate(&copy, text));
    while (node->child)
        ls_tree_remove(node->child);
    ls_release(node->text);
    node->type = LS_TREE_SCALAR;
    node->text = copy;
    node->quoted = true;
    return LS_OK;
}

/* {"class_name": C, "config": {...}} of one of registry's kinds. */
static ls_status clean_kind(struct ls_tree *node, const struct ls_registry *registry,
                            const char *const *keep)
{
    const struct ls_tree *name =
        node->type == LS_TREE_MAP ? ls_tree_find(node, "class_name") : NULL;
    const struct ls_tree *config = name ? ls_tree_find(node, "config") : NULL;
    if (!config || config->type != LS_TREE_MAP || name->type != LS_TREE_SCALAR)
        return LS_OK;
    return ls_keras_clean((struct ls_tree *)config, ls_kind_find(registry, name->text), keep);
}

static ls_status clean_entry(struct ls_tree *entry, const struct ls_kind *kind)
{
    static const char *const of_layers[] = {"name", "trainable", NULL};
    const struct ls_option *option = kind ? find_option(kind, entry->key) : NULL;
    if (option && option->type == LS_OPTION_KIND)
        return clean_kind(entry, option->registry, NULL);
    if (option && option->type == LS_OPTION_INNER)
        return clean_kind(entry, option->registry, of_layers);
    if (option && !option->refused)
        return LS_OK;
    if (changes_nothing(entry) && (kind || ls_tree_is_null(entry))) {
        ls_tree_remove(entry);
        return LS_OK;
    }
    if (strcmp(entry->key, "dtype") == 0 && policy_name(entry) != entry &&
        policy_name(entry)->type == LS_TREE_SCALAR)
        return make_scalar(entry, policy_name(entry)->text);
    return LS_OK;
}

ls_status ls_keras_clean(struct ls_tree *config, const struct ls_kind *kind,
                         const char *const *keep)
{
    for (struct ls_tree *entry = config->child, *next; entry; entry = next) {
        next = entry->next;
        if (!is_listed(keep, entry->key))
            LS_TRY(clean_entry(entry, kind));
    }
    return LS_OK;
}
