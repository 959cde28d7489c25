#include "train/config.h"

#include <string.h>

#include "base/memory.h"
#include "base/number.h"
#include "model/append.h"

/* -- reading */

static ls_status read_text(struct ls_comm *comm, const char *path, char **text)
{
    struct ls_text file = {0};
    ls_status status = LS_OK;
    *text = NULL;
    if (ls_comm_rank(comm) == 0) {
        status = ls_file_read_text(path, &file);
        if (status == LS_OK)
            status = ls_duplicate(text, file.data ? file.data : "");
    }
    status = ls_comm_agree(comm, status);
    if (status == LS_OK)
        status = ls_comm_broadcast_text(comm, text, 0);
    ls_text_release(&file);
    return status;
}

static ls_status apply_set(struct ls_tree *tree, const char *const *set)
{
    for (size_t i = 0; set && set[i]; i++) {
        const char *equals = strchr(set[i], '=');
        char *key = NULL;
        if (!equals || equals == set[i])
            return ls_fail(LS_USAGE, "--set %s: expected KEY=VALUE, as in fit.epochs=3", set[i]);
        LS_TRY(ls_format(&key, "%.*s", (int)(equals - set[i]), set[i]));
        ls_status status = ls_tree_set_path(tree, key, equals + 1);
        ls_release(key);
        LS_TRY(status); /* its message begins with --set */
    }
    return LS_OK;
}

/* -- paths */

static ls_status replace_text(struct ls_tree *scalar, char *text)
{
    ls_release(scalar->text);
    scalar->text = text;
    return LS_OK;
}

/* What --set gives is relative to the current directory, as all of the command line. */
static bool from_command_line(const struct ls_tree *scalar)
{
    return scalar->file && strcmp(scalar->file, "--set") == 0;
}

/* "FILE:SPLIT" or a path: variables expanded, FILE absolute. */
static ls_status resolve_path(struct ls_tree *scalar, const char *directory, bool split)
{
    char *expanded = NULL, *joined = NULL, *absolute = NULL, *whole = NULL;
    if (from_command_line(scalar))
        directory = ".";
    ls_status status = ls_expand_variables(&expanded, scalar->text);
    if (status != LS_OK)
        return ls_fail_at(scalar, status, "%s", ls_message());
    char *colon = split ? strrchr(expanded, ':') : NULL;
    if (colon)
        *colon = '\0';
    LS_TRY_OUT(ls_path_join(&joined, directory, expanded));
    LS_TRY_OUT(ls_path_absolute(&absolute, joined));
    LS_TRY_OUT(ls_format(&whole, "%s%s%s", absolute, colon ? ":" : "", colon ? colon + 1 : ""));
    status = replace_text(scalar, whole);
out:
    ls_release(expanded);
    ls_release(joined);
    ls_release(absolute);
    return status;
}

/* A source of data: text, a list of such, or a map with `file`. */
static ls_status resolve_source(struct ls_tree *source, const char *directory)
{
    if (!source || ls_tree_is_null(source))
        return LS_OK;
    if (source->type == LS_TREE_SCALAR)
        return resolve_path(source, directory, true);
    for (struct ls_tree *entry = source->child; entry; entry = entry->next) {
        if (source->type == LS_TREE_LIST)
            LS_TRY(resolve_source(entry, directory));
        else if (strcmp(entry->key, "file") == 0 && entry->type == LS_TREE_SCALAR)
            LS_TRY(resolve_path(entry, directory, false));
    }
    return LS_OK;
}

static struct ls_tree *find(struct ls_tree *map, const char *key)
{
    return map ? (struct ls_tree *)ls_tree_find(map, key) : NULL;
}

/* The files of models in a layer's place: `Model: {file: F}` among the layers of a model. */
static ls_status resolve_nested(struct ls_tree *model, const char *directory)
{
    struct ls_tree *layers = model->type == LS_TREE_MAP ? find(model, "layers") : model;
    if (!layers || layers->type != LS_TREE_LIST)
        return LS_OK;
    for (struct ls_tree *entry = layers->child; entry; entry = entry->next)
        for (struct ls_tree *part = entry->type == LS_TREE_MAP ? entry->child : NULL; part;
             part = part->next) {
            struct ls_tree *file = part->type == LS_TREE_MAP ? find(part, "file") : NULL;
            if (!ls_part_is_model(part->key) || part->type != LS_TREE_MAP)
                continue;
            if (file && file->type == LS_TREE_SCALAR)
                LS_TRY(resolve_path(file, directory, false));
            LS_TRY(resolve_nested(part, directory));
        }
    return LS_OK;
}

static ls_status resolve_paths(struct ls_tree *tree, const char *run_file)
{
    char *directory = NULL;
    const char *slash = strrchr(run_file, '/');
    struct ls_tree *data = find(tree, "data"), *model = find(tree, "model");
    LS_TRY(slash ? ls_format(&directory, "%.*s", (int)(slash - run_file) + 1, run_file)
                 : ls_duplicate(&directory, "."));
    ls_status status = resolve_source(find(data, "train"), directory);
    if (status == LS_OK)
        status = resolve_source(find(data, "validation"), directory);
    if (status == LS_OK && model && model->type == LS_TREE_SCALAR)
        status = resolve_path(model, directory, false);
    else if (status == LS_OK && model)
        status = resolve_nested(model, directory);
    ls_release(directory);
    return status;
}

/* --data: in place of data.train, relative to the current directory. */
static ls_status replace_data(struct ls_tree *tree, const char *source)
{
    struct ls_tree *data = find(tree, "data");
    if (!source || tree->type != LS_TREE_MAP)
        return LS_OK;
    if (data && ls_tree_is_null(data)) {
        ls_tree_remove(data);
        data = NULL;
    }
    if (data && data->type != LS_TREE_MAP)
        return LS_OK; /* is refused when it is typed */
    if (!data)
        data = ls_tree_add(tree, "data", LS_TREE_MAP);
    struct ls_tree *train = find(data, "train");
    if (train)
        ls_tree_remove(train);
    train = data ? ls_tree_add_text(data, "train", source) : NULL;
    if (!train)
        return ls_fail(LS_FAILED, "out of memory");
    return resolve_path(train, ".", true);
}

/* -- typing */

static ls_status check_map(const struct ls_tree *tree, const char *const *known)
{
    if (!tree || ls_tree_is_null(tree))
        return LS_OK;
    if (tree->type != LS_TREE_MAP)
        return ls_fail_at(tree, LS_BAD_INPUT, "expected a map");
    return ls_keys_check(tree, known);
}

/* null is as good as nothing. */
static const struct ls_tree *find_value(const struct ls_tree *map, const char *key)
{
    const struct ls_tree *value = map ? ls_tree_find(map, key) : NULL;
    return value && !ls_tree_is_null(value) ? value : NULL;
}

static ls_status type_data(struct ls_config *config, const struct ls_tree *data)
{
    static const char *const known[] = {"train", "validation", "validation_split", NULL};
    LS_TRY(check_map(data, known));
    config->train = find_value(data, "train");
    config->validation = find_value(data, "validation");
    const struct ls_tree *split = find_value(data, "validation_split");
    if (split) {
        LS_TRY(ls_tree_double(split, &config->validation_split));
        if (!(config->validation_split >= 0 && config->validation_split < 1))
            return ls_fail_at(split, LS_BAD_INPUT, "a fraction of the samples, in [0, 1)");
        if (config->validation && config->validation_split > 0)
            return ls_fail_at(split, LS_BAD_INPUT,
                              "`validation` and `validation_split` exclude each other");
    }
    return LS_OK;
}

static ls_status type_config(struct ls_config *config)
{
    static const char *const known[] = {"model", "compile", "data", "fit", "checkpoint", NULL};
    const struct ls_tree *tree = config->tree;
    if (tree->type != LS_TREE_MAP)
        return ls_fail_at(tree, LS_BAD_INPUT,
                          "expected a run file: a map with model, compile, "
                          "data, fit");
    LS_TRY(ls_keys_check(tree, known));
    config->model = find_value(tree, "model");
    config->compile = find_value(tree, "compile");
    if (!config->model)
        return ls_fail_at(tree, LS_BAD_INPUT, "there is no `model`");
    LS_TRY(type_data(config, ls_tree_find(tree, "data")));
    LS_TRY(ls_options_parse(&config->fit, &ls_fit_kind, ls_tree_find(tree, "fit"), NULL));
    return ls_checkpoint_options_parse(&config->checkpoint, ls_tree_find(tree, "checkpoint"));
}

ls_status ls_config_read(struct ls_config *config, struct ls_comm *comm, const char *path,
                         const char *const *set, const char *data)
{
    char *text = NULL;
    ls_status status;
    memset(config, 0, sizeof *config);
    LS_TRY(read_text(comm, path, &text));
    LS_TRY_OUT(ls_tree_parse_yaml(&config->tree, text, strlen(text), path));
    LS_TRY_OUT(apply_set(config->tree, set));
    LS_TRY_OUT(resolve_paths(config->tree, path));
    LS_TRY_OUT(replace_data(config->tree, data));
    LS_TRY_OUT(type_config(config));
out:
    ls_release(text);
    if (status != LS_OK)
        ls_config_release(config);
    return status;
}

void ls_config_release(struct ls_config *config)
{
    ls_options_release(&config->fit, &ls_fit_kind);
    ls_options_release(&config->checkpoint, &ls_checkpoint_kind);
    ls_tree_free(config->tree);
    memset(config, 0, sizeof *config);
}

/* -- comparing */

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
    static const char *const free_keys[] = {"fit.epochs",      "fit.verify", "fit.replicas",
                                            "fit.threads",     "checkpoint", "data.train",
                                            "data.validation", NULL};
    if (listed(key, free_keys) || listed(key, c->accept))
        return LS_OK;
    if (a->type == LS_TREE_MAP && b && ls_tree_is_null(b))
        b = NULL; /* `fit:` with nothing behind it is as good as no fit */
    if (b && b->type == LS_TREE_MAP && ls_tree_is_null(a))
        return LS_OK; /* told the other way round */
    bool maps = a->type == LS_TREE_MAP && (!b || b->type == LS_TREE_MAP);
    if (!b && !maps)
        return differ(c, a, b, key);
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
