/* Models from Keras' configs: they become the run file's tree, which parse.c reads. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/graph.h"
#include "model/keras.h"

static ls_status no_memory(void)
{
    return ls_fail(LS_FAILED, "out of memory");
}

static const struct ls_tree *find(const struct ls_tree *map, const char *key)
{
    return map && map->type == LS_TREE_MAP ? ls_tree_find(map, key) : NULL;
}

static void remove_key(struct ls_tree *map, const char *key)
{
    const struct ls_tree *entry = ls_tree_find(map, key);
    if (entry)
        ls_tree_remove((struct ls_tree *)entry); /* map's own */
}

/* A map that we make stands where Keras' entry does, for messages. */
static ls_status set_place(struct ls_tree *made, const struct ls_tree *entry)
{
    if (entry->file)
        LS_TRY(ls_duplicate(&made->file, entry->file));
    made->line = entry->line;
    return LS_OK;
}

/* -- the shape of the input
 * ---------------------------------------------------------------------------- */

/* Adds `shape` of batch_shape [null, 28, 28] (or of a shape without the samples) to map. */
static ls_status add_shape(struct ls_tree *map, const struct ls_tree *shape, bool batch)
{
    if (shape->type != LS_TREE_LIST || (batch && shape->count == 0))
        return ls_fail_at(shape, LS_BAD_INPUT, "expected the shape of the input, a list");
    struct ls_tree *list = ls_tree_add(map, "shape", LS_TREE_LIST);
    if (!list)
        return no_memory();
    for (const struct ls_tree *size = batch ? shape->child->next : shape->child; size;
         size = size->next) {
        if (ls_tree_is_null(size))
            return ls_fail_at(shape, LS_BAD_INPUT,
                              "the input has an axis of no fixed size, which is not supported");
        if (!ls_tree_add_copy(list, NULL, size))
            return no_memory();
    }
    return LS_OK;
}

/* The shape that an input layer's config, or the config of a first layer of Keras 2, gives. */
static ls_status add_config_shape(struct ls_tree *map, const struct ls_tree *config, bool *found)
{
    static const char *const batch_keys[] = {"batch_shape", "batch_input_shape"};
    const struct ls_tree *shape = NULL;
    *found = true;
    for (size_t i = 0; i < 2; i++)
        if ((shape = find(config, batch_keys[i])) && !ls_tree_is_null(shape))
            return add_shape(map, shape, true);
    shape = find(config, "shape");
    if (shape && !ls_tree_is_null(shape))
        return add_shape(map, shape, false);
    *found = false;
    return LS_OK;
}

static const char *class_name(const struct ls_tree *entry)
{
    const struct ls_tree *name =
        entry->type == LS_TREE_MAP ? ls_tree_find(entry, "class_name") : NULL;
    return name && name->type == LS_TREE_SCALAR ? name->text : NULL;
}

static bool is_input(const struct ls_tree *entry)
{
    const char *name = class_name(entry);
    return name && strcmp(name, "InputLayer") == 0;
}

/* The new model's first entry: {InputLayer: {shape, name}}. */
static ls_status add_input(struct ls_tree *layers, const struct ls_tree *keras,
                           const struct ls_tree *first)
{
    struct ls_tree *entry = ls_tree_add(layers, NULL, LS_TREE_MAP);
    struct ls_tree *options = entry ? ls_tree_add(entry, "InputLayer", LS_TREE_MAP) : NULL;
    if (!options)
        return no_memory();
    LS_TRY(set_place(entry, first));
    LS_TRY(set_place(options, first));
    const struct ls_tree *config = find(first, "config");
    bool found = false;
    LS_TRY(add_config_shape(options, config, &found));
    const struct ls_tree *build = find(keras, "build_input_shape");
    if (!found && build && !ls_tree_is_null(build)) {
        LS_TRY(add_shape(options, build, true));
        found = true;
    }
    if (!found)
        return ls_fail_at(first, LS_BAD_INPUT,
                          "the model does not say what shape its input has: build it in Keras "
                          "(model.build, or an Input first) before it is saved");
    const struct ls_tree *name = is_input(first) ? find(config, "name") : NULL;
    if (name && !ls_tree_is_null(name) && !ls_tree_add_copy(options, "name", name))
        return no_memory();
    return LS_OK;
}

/* -- layers
 * ---------------------------------------------------------------------------------------- */

/* {"class_name": "Dense", "config": {...}} as {Dense: {...}}. */
static ls_status add_layer(struct ls_tree *layers, const struct ls_tree *entry)
{
    static const char *const keep[] = {"name", "trainable", NULL};
    const char *name = class_name(entry);
    if (!name)
        return ls_fail_at(entry, LS_BAD_INPUT, "expected a layer with class_name and config");
    const struct ls_tree *config = find(entry, "config");
    struct ls_tree *made = ls_tree_add(layers, NULL, LS_TREE_MAP);
    if (!made)
        return no_memory();
    LS_TRY(set_place(made, entry));
    struct ls_tree *options = config && config->type == LS_TREE_MAP
                                  ? ls_tree_add_copy(made, name, config)
                                  : ls_tree_add(made, name, LS_TREE_MAP);
    if (!options)
        return no_memory();
    const struct ls_kind *kind;
    LS_TRY(ls_kind_require(&ls_layers, options, name, &kind));
    remove_key(options, "batch_input_shape");
    return ls_keras_clean(options, kind, keep);
}

/* Keras 2's hard_sigmoid is another function (0.2 x + 0.5). */
static ls_status check_hard_sigmoid(const struct ls_tree *tree, const char *version)
{
    if (tree->type == LS_TREE_SCALAR && strcmp(tree->text, "hard_sigmoid") == 0)
        return ls_fail_at(tree, LS_BAD_INPUT,
                          "hard_sigmoid of Keras %s is another function than Keras 3's: save the "
                          "model with Keras 3",
                          version);
    for (const struct ls_tree *child = tree->child; child; child = child->next)
        LS_TRY(check_hard_sigmoid(child, version));
    return LS_OK;
}

static ls_status check_version(const struct ls_tree *keras)
{
    const struct ls_tree *version = ls_tree_find(keras, "keras_version");
    if (!version || version->type != LS_TREE_SCALAR || strtol(version->text, NULL, 10) >= 3)
        return LS_OK;
    return check_hard_sigmoid(keras, version->text);
}

/* config: Keras' "config", a map with "layers", or (of old) the list of them. */
static ls_status convert_sequential(struct ls_tree *model, const struct ls_tree *config)
{
    const struct ls_tree *entries = config->type == LS_TREE_LIST ? config : find(config, "layers");
    if (!entries || entries->type != LS_TREE_LIST || entries->count == 0)
        return ls_fail_at(config, LS_BAD_INPUT, "the model has no layers");
    const struct ls_tree *name = find(config, "name");
    if (name && !ls_tree_is_null(name) && !ls_tree_add_copy(model, "name", name))
        return no_memory();
    struct ls_tree *layers = ls_tree_add(model, "layers", LS_TREE_LIST);
    if (!layers)
        return no_memory();
    const struct ls_tree *first = entries->child;
    LS_TRY(add_input(layers, config, first));
    for (const struct ls_tree *entry = is_input(first) ? first->next : first; entry;
         entry = entry->next)
        LS_TRY(add_layer(layers, entry));
    return LS_OK;
}

static ls_status convert(struct ls_tree *model, const struct ls_tree *keras)
{
    const char *name = class_name(keras);
    const struct ls_tree *config = find(keras, "config");
    if (!name || !config)
        return ls_fail_at(keras, LS_BAD_INPUT,
                          "expected Keras' config of a model: class_name and config");
    if (strcmp(name, "Sequential") != 0)
        return ls_fail_at(keras, LS_BAD_INPUT,
                          "a model of class %s: only Sequential models can be read", name);
    LS_TRY(check_version(keras));
    return convert_sequential(model, config);
}

ls_status ls_model_from_keras(struct ls_model **model, const struct ls_tree *config)
{
    struct ls_tree *root = ls_tree_new(LS_TREE_MAP);
    struct ls_tree *tree = root ? ls_tree_add(root, "model", LS_TREE_MAP) : NULL;
    ls_status status = tree ? set_place(tree, config) : no_memory();
    *model = NULL;
    if (status == LS_OK)
        status = convert(tree, config);
    if (status == LS_OK)
        status = ls_model_from_tree(model, tree);
    if (status == LS_OK) {
        (*model)->source = root;
        root = NULL;
    }
    ls_tree_free(root);
    return status;
}
