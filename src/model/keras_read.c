/* Models from Keras' configs: they become the run file's tree, which parse.c reads.
 * keras_read_graph.c does the calls of Functional ones. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/append.h"
#include "model/keras.h"
#include "model/keras_read.h"
#include "model/parse.h"

#define no_memory ls_keras_no_memory
#define find      ls_keras_find

static void remove_key(struct ls_tree *map, const char *key)
{
    const struct ls_tree *entry = ls_tree_find(map, key);
    if (entry)
        ls_tree_remove((struct ls_tree *)entry); /* map's own */
}

const struct ls_tree *ls_keras_find(const struct ls_tree *map, const char *key)
{
    return map && map->type == LS_TREE_MAP ? ls_tree_find(map, key) : NULL;
}

const char *ls_keras_class(const struct ls_tree *entry)
{
    const struct ls_tree *name = find(entry, "class_name");
    return name && name->type == LS_TREE_SCALAR ? name->text : NULL;
}

bool ls_keras_is_model(const struct ls_tree *entry)
{
    static const char *const classes[] = {"Sequential", "Functional", "Model"};
    const char *name = ls_keras_class(entry);
    for (size_t i = 0; name && i < sizeof classes / sizeof *classes; i++)
        if (strcmp(name, classes[i]) == 0)
            return !ls_kind_is_own(entry);
    return false;
}

/* {"class_name": "Dense", "config": {...}} as {Dense: {...}}. */
static ls_status add_layer(struct ls_tree *entry, const struct ls_tree *keras)
{
    static const char *const keep[] = {"name", "trainable", NULL};
    const struct ls_tree *config = find(keras, "config");
    const struct ls_kind *kind;
    if (!ls_keras_class(keras) || !config || config->type != LS_TREE_MAP)
        return ls_fail_at(keras, LS_BAD_INPUT, "expected a layer with class_name and config");
    LS_TRY(ls_kind_require_keras(&ls_layers, keras, &kind));
    struct ls_tree *options = ls_tree_add_copy(entry, kind->name, config);
    if (!options)
        return no_memory();
    const struct ls_layer_kind *layer = ls_layer_kind_of(kind);
    LS_TRY(ls_layer_check_inner(kind, options));
    if (layer->flags & LS_LAYER_INPUT)
        remove_key(options, "dtype"); /* of what is fed, which is converted */
    if (layer->read)
        LS_TRY(layer->read(options));
    remove_key(options, "batch_input_shape"); /* Keras 2: in every first layer */
    return ls_keras_clean(options, kind, keep);
}

ls_status ls_keras_read_part(struct ls_tree *entry, const struct ls_tree *keras)
{
    if (!ls_keras_is_model(keras))
        return add_layer(entry, keras);
    struct ls_tree *model = ls_tree_add(entry, "Model", LS_TREE_MAP);
    return model ? ls_keras_read_model(model, keras) : no_memory();
}

static bool is_input(const struct ls_tree *entry)
{
    const char *name = ls_keras_class(entry);
    return name && strcmp(name, "InputLayer") == 0;
}

/* The input of a model without InputLayer: the shape that it was built with, or (Keras 2) the one
 * in its first layer's config. */
static ls_status add_input(struct ls_tree *layers, const struct ls_tree *keras,
                           const struct ls_tree *first)
{
    const struct ls_tree *shape = find(keras, "build_input_shape");
    if (!shape || ls_tree_is_null(shape))
        shape = find(find(first, "config"), "batch_input_shape");
    if (!shape || ls_tree_is_null(shape))
        return ls_fail_at(first, LS_BAD_INPUT,
                          "the model does not say what shape its input has: put an Input first, or "
                          "build it, before Keras saves it");
    const struct ls_kind *kind;
    LS_TRY(ls_kind_require(&ls_layers, first, "InputLayer", &kind));
    struct ls_tree *entry = ls_tree_add(layers, NULL, LS_TREE_MAP);
    struct ls_tree *options = entry ? ls_tree_add(entry, kind->name, LS_TREE_MAP) : NULL;
    if (!options || !ls_tree_add_copy(options, "batch_shape", shape))
        return no_memory();
    return ls_layer_kind_of(kind)->read(options);
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
    const struct ls_tree *version = find(keras, "keras_version");
    if (!version || version->type != LS_TREE_SCALAR || strtol(version->text, NULL, 10) >= 3)
        return LS_OK;
    return check_hard_sigmoid(keras, version->text);
}

/* `name` and `trainable` of a model. */
static ls_status copy_common(struct ls_tree *model, const struct ls_tree *config)
{
    static const char *const keys[] = {"name", "trainable"};
    for (size_t i = 0; i < 2; i++) {
        const struct ls_tree *value = find(config, keys[i]);
        if (value && !ls_tree_is_null(value) && !ls_tree_add_copy(model, keys[i], value))
            return no_memory();
    }
    return LS_OK;
}

/* config: Keras' "config", a map with "layers", or (of old) the list of them. */
static ls_status read_sequential(struct ls_tree *model, const struct ls_tree *config)
{
    const struct ls_tree *entries = config->type == LS_TREE_LIST ? config : find(config, "layers");
    if (!entries || entries->type != LS_TREE_LIST || entries->count == 0)
        return ls_fail_at(config, LS_BAD_INPUT, "the model has no layers");
    LS_TRY(copy_common(model, config));
    struct ls_tree *layers = ls_tree_add(model, "layers", LS_TREE_LIST);
    if (!layers)
        return no_memory();
    const struct ls_tree *first = entries->child;
    if (!is_input(first))
        LS_TRY(add_input(layers, config, first));
    for (const struct ls_tree *keras = first; keras; keras = keras->next) {
        struct ls_tree *entry = ls_tree_add(layers, NULL, LS_TREE_MAP);
        LS_TRY(entry ? ls_keras_read_part(entry, keras) : no_memory());
    }
    return LS_OK;
}

ls_status ls_keras_read_model(struct ls_tree *model, const struct ls_tree *keras)
{
    const char *name = ls_keras_class(keras);
    const struct ls_tree *config = find(keras, "config");
    if (!name || !config)
        return ls_fail_at(keras, LS_BAD_INPUT,
                          "expected Keras' config of a model: class_name and config");
    if (!ls_keras_is_model(keras)) {
        char *called;
        LS_TRY(ls_kind_saved_name(&called, keras));
        ls_fail_at(keras, LS_BAD_INPUT,
                   "a model of class %s: Sequential and Functional models can be read", called);
        ls_release(called);
        return LS_BAD_INPUT;
    }
    if (strcmp(name, "Sequential") == 0)
        return read_sequential(model, config);
    if (config->type != LS_TREE_MAP)
        return ls_fail_at(config, LS_BAD_INPUT, "expected a map with layers and their calls");
    LS_TRY(copy_common(model, config));
    return ls_keras_read_graph(model, config);
}

/* What goes wrong in the tree that was made has no place in a file: the file's name at least. */
static ls_status name_file(ls_status status, const struct ls_tree *config)
{
    size_t length = config->file ? strlen(config->file) : 0;
    if (status == LS_OK || length == 0 || strncmp(ls_message(), config->file, length) == 0)
        return status;
    return ls_fail_within(status, "%s", config->file);
}

static ls_status fail_outputs(const struct ls_tree *names)
{
    return ls_fail_at(names, LS_BAD_INPUT, "expected a name for each of the model's outputs");
}

/* The output that gets the name, from `from` on: of a dictionary the one that has it, else the
 * next. */
static ls_status find_output(const struct ls_model *model, const struct ls_tree *name, size_t from,
                             size_t *output)
{
    const char *text;
    LS_TRY(ls_tree_text(name, &text));
    for (size_t o = 0; o < from; o++)
        if (strcmp(model->output_name[o], text) == 0)
            return fail_outputs(name);
    *output = from;
    if (model->output_structure == LS_STRUCTURE_DICTIONARY)
        while (*output < model->outputs && strcmp(model->output_name[*output], text) != 0)
            ++*output;
    return *text && *output < model->outputs ? LS_OK : fail_outputs(name);
}

/* Outputs have the names and the order in which the model was described. */
static ls_status name_outputs(struct ls_model *model, const struct ls_tree *names)
{
    size_t o = 0, found = 0;
    char *text;
    if (!names)
        return LS_OK;
    if (names->type != LS_TREE_LIST || names->count != model->outputs)
        return fail_outputs(names);
    for (const struct ls_tree *name = names->child; name; name = name->next, o++) {
        struct ls_edge edge = model->result[o];
        LS_TRY(find_output(model, name, o, &found));
        LS_TRY(ls_duplicate(&text, name->text));
        ls_release(model->output_name[found]);
        model->output_name[found] = model->output_name[o];
        model->output_name[o] = text;
        model->result[o] = model->result[found];
        model->result[found] = edge;
    }
    return LS_OK;
}

/* A result has the name that the run file gave it, where the config says one beside it. */
static ls_status name_result(struct ls_use *use, const struct ls_tree *names)
{
    for (const struct ls_tree *name = names->child; name; name = name->next) {
        char *copy;
        if (name->type != LS_TREE_SCALAR || !use->name || strcmp(use->name, name->text) != 0)
            continue;
        LS_TRY(ls_duplicate(&copy, name->key));
        ls_release(use->name);
        use->name = copy;
        return LS_OK;
    }
    return LS_OK;
}

static ls_status name_results(struct ls_model *model, const struct ls_tree *names)
{
    if (names && names->type != LS_TREE_MAP)
        return ls_fail_at(names, LS_BAD_INPUT, "expected a map of names of results");
    for (size_t u = 0; names && u < model->uses; u++)
        LS_TRY(name_result(&model->use[u], names));
    return LS_OK;
}

/* The model that the tree describes, with its outputs as the config says beside it. */
static ls_status make_model(struct ls_model **model, const struct ls_tree *tree,
                            const struct ls_tree *config, bool copied)
{
    LS_TRY(ls_model_describe(model, tree, NULL));
    (*model)->copied = copied;
    ls_status status = name_outputs(*model, find(config, LS_KERAS_OUTPUTS));
    if (status == LS_OK)
        status = name_results(*model, find(config, LS_KERAS_RESULTS));
    if (status == LS_OK)
        status = ls_model_build(*model);
    if (status != LS_OK) {
        ls_model_free(*model);
        *model = NULL;
    }
    return status;
}

static ls_status read_whole(struct ls_model **model, const struct ls_tree *config, bool copied)
{
    struct ls_tree *root = ls_tree_new(LS_TREE_MAP);
    struct ls_tree *tree = root ? ls_tree_add(root, "model", LS_TREE_MAP) : NULL;
    ls_status status = tree ? check_version(config) : no_memory();
    *model = NULL;
    if (status == LS_OK)
        status = ls_keras_read_model(tree, config);
    if (status == LS_OK)
        status = name_file(make_model(model, tree, config, copied), config);
    if (status == LS_OK) {
        (*model)->source = root;
        root = NULL;
    }
    ls_tree_free(root);
    return status;
}

ls_status ls_model_from_keras(struct ls_model **model, const struct ls_tree *config)
{
    return read_whole(model, config, false);
}

ls_status ls_model_from_copy(struct ls_model **model, const struct ls_tree *config)
{
    return read_whole(model, config, true);
}
