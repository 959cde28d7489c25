/* Whether two run files are of the same run. */
#include <string.h>

#include "base/memory.h"
#include "base/number.h"
#include "train/config.h"

static bool listed(const char *key, const char *const *list)
{
    for (size_t i = 0; list && list[i]; i++) {
        size_t length = strlen(list[i]);
        if (strncmp(key, list[i], length) == 0 && (key[length] == '\0' || key[length] == '.'))
            return true;
    }
    return false;
}

static bool same_scalar(const struct ls_tree *a, const struct ls_tree *b)
{
    double left, right;
    if (strcmp(a->text, b->text) == 0)
        return true;
    if (a->quoted || b->quoted || ls_number_form(a->text) != LS_NUMBER_REAL ||
        ls_number_form(b->text) != LS_NUMBER_REAL)
        return false;
    return ls_double_parse(a->text, &left) && ls_double_parse(b->text, &right) && left == right;
}

/* What is left out of `fit` has its default. */
static bool is_default(const char *key, const struct ls_tree *value)
{
    static const char fit[] = "fit.";
    if (value->type != LS_TREE_SCALAR || strncmp(key, fit, strlen(fit)) != 0)
        return false;
    for (const struct ls_option *option = ls_fit_kind.options; option->name; option++) {
        const struct ls_tree initial = {.type = LS_TREE_SCALAR, .text = (char *)option->initial};
        if (strcmp(option->name, key + strlen(fit)) == 0)
            return option->initial && same_scalar(value, &initial);
    }
    return false;
}

/* Two configs side by side; `forth` says that the first one is the present one. */
struct comparison {
    bool forth;
    const char *const *accept;
};

static ls_status differ(const struct comparison *c, const struct ls_tree *a,
                        const struct ls_tree *b, const char *key)
{
    struct ls_text now = {0}, before = {0};
    if (c->forth ? a : b)
        ls_tree_format_json(&now, c->forth ? a : b);
    if (c->forth ? b : a)
        ls_tree_format_json(&before, c->forth ? b : a);
    ls_status status =
        ls_fail(LS_BAD_INPUT,
                "the run was started with %s: %s, now it is %s (--accept %s takes the change)", key,
                before.data ? before.data : "(nothing)", now.data ? now.data : "(nothing)", key);
    ls_text_release(&now);
    ls_text_release(&before);
    return status;
}

static ls_status compare(const struct comparison *c, const struct ls_tree *a,
                         const struct ls_tree *b, const char *key);

static ls_status compare_entries(const struct comparison *c, const struct ls_tree *a,
                                 const struct ls_tree *b, const char *key)
{
    const struct ls_tree *other = b->child;
    int index = 0;
    for (const struct ls_tree *entry = a->child; entry; entry = entry->next, index++) {
        char *path = NULL;
        const struct ls_tree *twin = entry->key ? ls_tree_find(b, entry->key) : other;
        LS_TRY(entry->key ? ls_format(&path, "%s%s%s", key, *key ? "." : "", entry->key)
                          : ls_format(&path, "%s.%d", key, index));
        ls_status status = compare(c, entry, twin, path);
        ls_release(path);
        if (status != LS_OK)
            return status;
        other = other ? other->next : NULL;
    }
    return LS_OK;
}

static ls_status compare(const struct comparison *c, const struct ls_tree *a,
                         const struct ls_tree *b, const char *key)
{
    static const char *const free_keys[] = {
        "fit.epochs",      "fit.verify",          "fit.replicas", "fit.threads",
        "fit.bucket_size", "fit.shard_optimizer", "fit.watchdog", "checkpoint",
        "data.train",      "data.validation",     "plugins",      NULL};
    if (listed(key, free_keys) || listed(key, c->accept))
        return LS_OK;
    if (a->type == LS_TREE_MAP && b && ls_tree_is_null(b))
        b = NULL; /* `fit:` with nothing behind it is as good as no fit */
    if (b && b->type == LS_TREE_MAP && ls_tree_is_null(a))
        return LS_OK; /* told the other way round */
    bool maps = a->type == LS_TREE_MAP && (!b || b->type == LS_TREE_MAP);
    if (!b && !maps)
        return is_default(key, a) ? LS_OK : differ(c, a, b, key);
    if (b && (a->type != b->type || (a->type == LS_TREE_LIST && a->count != b->count)))
        return differ(c, a, b, key);
    if (a->type == LS_TREE_SCALAR)
        return same_scalar(a, b) ? LS_OK : differ(c, a, b, key);
    static const struct ls_tree nothing = {.type = LS_TREE_MAP};
    return compare_entries(c, a, b ? b : &nothing, key);
}

ls_status ls_config_same(const struct ls_tree *now, const struct ls_tree *before,
                         const char *const *accept)
{
    LS_TRY(compare(&(struct comparison){true, accept}, now, before, ""));
    /* the other way round finds keys that are gone */
    return compare(&(struct comparison){false, accept}, before, now, "");
}
