#include "train/config.h"

#include <string.h>

#include "base/memory.h"
#include "lockstep/plugin.h"
#include "model/append.h"

/* -- reading */

static ls_status read_text(struct ls_comm *comm, const char *path, char **text)
{
    struct ls_text file = {0};
    ls_status status = LS_OK;
    *text = NULL;
    if (ls_comm_rank(comm) == 0) {
        status = ls_file_read_text(path, &file);
        if (status == LS_OK && strlen(file.data) != file.length)
            status = ls_fail(LS_BAD_INPUT, "%s: not a text: it has a NUL byte at %zu", path,
                             strlen(file.data));
        if (status == LS_OK)
            status = ls_duplicate(text, file.data);
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

/* A list of paths, or one path. */
static ls_status resolve_plugins(struct ls_tree *plugins, const char *directory)
{
    const char *text;
    if (!plugins || ls_tree_is_null(plugins))
        return LS_OK;
    if (plugins->type != LS_TREE_LIST) {
        LS_TRY(ls_tree_text(plugins, &text));
        return resolve_path(plugins, directory, false);
    }
    for (struct ls_tree *entry = plugins->child; entry; entry = entry->next) {
        LS_TRY(ls_tree_text(entry, &text));
        LS_TRY(resolve_path(entry, directory, false));
    }
    return LS_OK;
}

static ls_status resolve_paths(struct ls_tree *tree, const char *run_file)
{
    char *directory = NULL;
    const char *slash = strrchr(run_file, '/');
    struct ls_tree *data = find(tree, "data"), *model = find(tree, "model");
    struct ls_tree *weights = find(tree, "weights");
    LS_TRY(slash ? ls_format(&directory, "%.*s", (int)(slash - run_file) + 1, run_file)
                 : ls_duplicate(&directory, "."));
    ls_status status = resolve_source(find(data, "train"), directory);
    if (status == LS_OK)
        status = resolve_source(find(data, "validation"), directory);
    if (status == LS_OK && model && model->type == LS_TREE_SCALAR)
        status = resolve_path(model, directory, false);
    else if (status == LS_OK && model)
        status = resolve_nested(model, directory);
    if (status == LS_OK)
        status = resolve_plugins(find(tree, "plugins"), directory);
    if (status == LS_OK && weights && weights->type == LS_TREE_SCALAR && !ls_tree_is_null(weights))
        status = resolve_path(weights, directory, false);
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

/* -- plugins */

static bool names(const struct ls_tree *plugins, const char *path)
{
    for (const struct ls_tree *entry = plugins->child; entry; entry = entry->next)
        if (strcmp(entry->text, path) == 0)
            return true;
    return false;
}

/* `plugins` as a list that may grow. */
static ls_status list_plugins(struct ls_tree *tree, struct ls_tree **list)
{
    struct ls_tree *plugins = find(tree, "plugins");
    if (plugins && plugins->type == LS_TREE_LIST) {
        *list = plugins;
        return LS_OK;
    }
    char *one = NULL;
    if (plugins && !ls_tree_is_null(plugins))
        LS_TRY(ls_duplicate(&one, plugins->text));
    if (plugins)
        ls_tree_remove(plugins);
    *list = ls_tree_add(tree, "plugins", LS_TREE_LIST);
    bool made = *list && (!one || ls_tree_add_text(*list, NULL, one));
    ls_release(one);
    return made ? LS_OK : ls_fail(LS_FAILED, "out of memory");
}

/* --plugin: behind those of the run file, so that run.yaml names all. */
static ls_status add_plugins(struct ls_tree *tree, const char *const *paths)
{
    struct ls_tree *list;
    if (!paths || !paths[0] || tree->type != LS_TREE_MAP)
        return LS_OK;
    LS_TRY(list_plugins(tree, &list));
    for (; *paths; paths++) {
        char *absolute = NULL;
        LS_TRY(ls_path_absolute(&absolute, *paths));
        bool made = names(list, absolute) || ls_tree_add_text(list, NULL, absolute);
        ls_release(absolute);
        if (!made)
            return ls_fail(LS_FAILED, "out of memory");
    }
    return LS_OK;
}

static ls_status load_plugins(const struct ls_tree *tree)
{
    const struct ls_tree *plugins =
        tree->type == LS_TREE_MAP ? ls_tree_find(tree, "plugins") : NULL;
    if (!plugins || ls_tree_is_null(plugins))
        return LS_OK;
    if (plugins->type == LS_TREE_SCALAR)
        return ls_plugin_load(plugins->text);
    for (const struct ls_tree *entry = plugins->child; entry; entry = entry->next)
        LS_TRY(ls_plugin_load(entry->text));
    return LS_OK;
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
    static const char *const known[] = {"model", "weights",    "compile", "data",
                                        "fit",   "checkpoint", "plugins", NULL};
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
    const struct ls_tree *weights = find_value(tree, "weights");
    if (weights && weights->type != LS_TREE_SCALAR)
        return ls_fail_expected(weights, "the path of a file of weights");
    config->weights = weights ? weights->text : NULL;
    LS_TRY(type_data(config, ls_tree_find(tree, "data")));
    LS_TRY(ls_options_parse(&config->fit, &ls_fit_kind, ls_tree_find(tree, "fit"), NULL));
    return ls_checkpoint_options_parse(&config->checkpoint, ls_tree_find(tree, "checkpoint"));
}

ls_status ls_config_read(struct ls_config *config, struct ls_comm *comm, const char *path,
                         const struct ls_config_changes *changes)
{
    char *text = NULL;
    ls_status status;
    memset(config, 0, sizeof *config);
    LS_TRY(read_text(comm, path, &text));
    LS_TRY_OUT(ls_tree_parse_yaml(&config->tree, text, strlen(text), path));
    LS_TRY_OUT(apply_set(config->tree, changes->set));
    LS_TRY_OUT(resolve_paths(config->tree, path));
    LS_TRY_OUT(replace_data(config->tree, changes->data));
    LS_TRY_OUT(add_plugins(config->tree, changes->plugins));
    LS_TRY_OUT(ls_comm_agree(comm, load_plugins(config->tree)));
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
