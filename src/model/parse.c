/* Models from the run file's `model:`: entries, and Sequential models; parse_graph.c has Functional
 * ones. */
#include <string.h>

#include "model/parse.h"

/* -- nested models */

bool ls_part_is_model(const char *name)
{
    return strcmp(name, "Model") == 0 || strcmp(name, "Sequential") == 0 ||
           strcmp(name, "Functional") == 0;
}

static ls_status open_file(struct ls_model **model, const struct ls_tree *options,
                           const struct ls_tree *file, const struct ls_model_files *files)
{
    static const char *const known[] = {"file", "until", "name", "trainable", NULL};
    const struct ls_tree *until = ls_tree_find(options, "until");
    const char *path, *layer;
    LS_TRY(ls_keys_check(options, known));
    LS_TRY(ls_tree_text(file, &path));
    if (!files)
        return ls_fail_at(file, LS_BAD_INPUT, "a model in a file can be named in run files only");
    ls_status status = files->open(files->user, path, model);
    if (status == LS_OK && until) {
        status = ls_tree_text(until, &layer);
        if (status == LS_OK)
            status = ls_model_cut(*model, layer);
        if (status != LS_OK)
            status = ls_fail_within(status, "%s", path);
    }
    if (status != LS_OK)
        ls_model_free(*model);
    return status == LS_OK ? LS_OK : ls_fail_at(file, status, "%s", ls_message());
}

/* {file: F, until: LAYER}, or a model written in place. */
static ls_status parse_nested(struct ls_model *outer, const struct ls_tree *options,
                              const struct ls_model_files *files, struct ls_part *part)
{
    struct ls_model *model = NULL;
    const char *text = NULL;
    if (options->type != LS_TREE_MAP)
        return ls_fail_at(options, LS_BAD_INPUT,
                          "expected a map: a model in a file ({file: F}) or its layers");
    const struct ls_tree *file = ls_tree_find(options, "file");
    const struct ls_tree *name = ls_tree_find(options, "name");
    const struct ls_tree *trainable = ls_tree_find(options, "trainable");
    LS_TRY(file ? open_file(&model, options, file, files)
                : ls_model_describe(&model, options, files));
    ls_status status = LS_OK;
    if (trainable)
        LS_TRY_OUT(ls_tree_bool(trainable, &model->trainable));
    if (name && !ls_tree_is_null(name))
        LS_TRY_OUT(ls_tree_text(name, &text));
    LS_TRY_OUT(ls_model_rename(outer, model, text, name));
    part->model = model;
    model = NULL;
out:
    ls_model_free(model);
    return status;
}

/* -- entries */

ls_status ls_part_parse(struct ls_model *model, const struct ls_tree *options, const char *name,
                        const struct ls_model_files *files, struct ls_part *part)
{
    const struct ls_kind *kind;
    *part = (struct ls_part){0};
    if (ls_part_is_model(name))
        return parse_nested(model, options, files, part);
    if (options->type == LS_TREE_LIST || (options->type == LS_TREE_SCALAR && options->key))
        if (!ls_tree_is_null(options))
            return ls_fail_at(options, LS_BAD_INPUT, "expected a map of options");
    LS_TRY(ls_kind_require(&ls_layers, options->key ? options->parent : options, name, &kind));
    return ls_layer_create(model, &part->layer, kind, options);
}

/* One entry of `layers`: a bare name, or a map of one key. */
static ls_status parse_entry(struct ls_model *model, const struct ls_tree *entry,
                             const struct ls_model_files *files)
{
    struct ls_part part;
    if (entry->type == LS_TREE_SCALAR)
        LS_TRY(ls_part_parse(model, entry, entry->text, files, &part));
    else if (entry->type == LS_TREE_MAP && entry->count == 1)
        LS_TRY(ls_part_parse(model, entry->child, entry->child->key, files, &part));
    else
        return ls_fail_at(entry, LS_BAD_INPUT,
                          "expected a layer: its name, or its name with a map of options (`from`, "
                          "`as`, `apply` and `call` are for models with `inputs`)");
    ls_status status =
        ls_model_append_part(model, part, entry->type == LS_TREE_MAP ? entry->child : entry);
    if (status != LS_OK)
        ls_part_release(&part);
    return status;
}

static ls_status parse_layers(struct ls_model *model, const struct ls_tree *layers,
                              const struct ls_model_files *files)
{
    if (layers->type != LS_TREE_LIST || layers->count == 0)
        return ls_fail_at(layers, LS_BAD_INPUT, "expected a list of layers");
    for (const struct ls_tree *entry = layers->child; entry; entry = entry->next)
        LS_TRY(parse_entry(model, entry, files));
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

static ls_status parse_map(struct ls_model *model, const struct ls_tree *tree,
                           const struct ls_model_files *files)
{
    static const char *const known[] = {"name", "trainable", "input", "layers", NULL};
    const struct ls_tree *layers = ls_tree_find(tree, "layers");
    const struct ls_tree *input = ls_tree_find(tree, "input");
    if (ls_tree_find(tree, "inputs"))
        return ls_graph_parse(model, tree, files);
    if (ls_tree_find(tree, "outputs"))
        return ls_fail_at(tree, LS_BAD_INPUT,
                          "`outputs` belong to a model with `inputs`, each with a name");
    LS_TRY(ls_keys_check(tree, known));
    if (!layers)
        return ls_fail_at(tree, LS_BAD_INPUT, "the model has no `layers`");
    if (input)
        LS_TRY(parse_input(model, input));
    return parse_layers(model, layers, files);
}

ls_status ls_model_describe(struct ls_model **model, const struct ls_tree *tree,
                            const struct ls_model_files *files)
{
    struct ls_model *made = NULL;
    bool map = tree->type == LS_TREE_MAP;
    const struct ls_tree *name = map ? ls_tree_find(tree, "name") : NULL;
    const char *text = map && ls_tree_find(tree, "inputs") ? "functional" : NULL;
    *model = NULL;
    if (name && !ls_tree_is_null(name))
        LS_TRY(ls_tree_text(name, &text));
    LS_TRY(ls_model_create(&made, text));
    ls_status status;
    if (map)
        status = parse_map(made, tree, files);
    else if (tree->type == LS_TREE_LIST)
        status = parse_layers(made, tree, files);
    else
        status = ls_fail_at(tree, LS_BAD_INPUT,
                            "expected a map with `input` and `layers`, a list of layers, or the "
                            "name of a model file");
    if (status == LS_OK)
        *model = made;
    else
        ls_model_free(made);
    return status;
}

ls_status ls_model_parse(struct ls_model **model, const struct ls_tree *tree,
                         const struct ls_model_files *files)
{
    LS_TRY(ls_model_describe(model, tree, files));
    ls_status status = ls_model_build(*model);
    if (status != LS_OK) {
        ls_model_free(*model);
        *model = NULL;
    }
    return status;
}

ls_status ls_model_from_tree(struct ls_model **model, const struct ls_tree *tree)
{
    return ls_model_parse(model, tree, NULL);
}
