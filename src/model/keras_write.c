/* Keras' config of a model: the layers, and Sequential models; keras_write_graph.c has the graph of
 * Functional ones. */
#include <string.h>

#include "base/memory.h"
#include "model/keras_read_graph.h"
#include "model/keras_write.h"

#define no_memory ls_keras_no_memory

ls_status ls_keras_write_shape(struct ls_tree *parent, const char *key,
                               const struct ls_shape *shape)
{
    struct ls_tree *list = ls_tree_add(parent, key, LS_TREE_LIST);
    if (!list || !ls_tree_add_null(list, NULL))
        return no_memory();
    for (int i = 0; i < shape->rank; i++)
        if (!ls_tree_add_int(list, NULL, shape->size[i]))
            return no_memory();
    return LS_OK;
}

/* Only what Keras 2 and all of Keras 3 know. */
static ls_status write_input_config(struct ls_tree *config, const struct ls_layer *layer,
                                    const struct ls_shape *shape)
{
    LS_TRY(ls_keras_write_shape(config, "batch_input_shape", shape));
    if (!ls_tree_add_text(config, "dtype", "float32") ||
        !ls_tree_add_bool(config, "sparse", false) ||
        !ls_tree_add_text(config, "name", layer->name))
        return no_memory();
    return LS_OK;
}

static ls_status write_layer_config(struct ls_tree *config, const struct ls_layer *layer)
{
    const struct ls_instance instance = {&layer->kind->kind, layer->options};
    if (!ls_tree_add_text(config, "name", layer->name) ||
        !ls_tree_add_bool(config, "trainable", layer->trainable) ||
        !ls_tree_add_text(config, "dtype", "float32"))
        return no_memory();
    LS_TRY(ls_instance_write(&instance, config));
    return layer->kind->write ? layer->kind->write(layer, config) : LS_OK;
}

/* Keras 3 drops a list of axes that it reads in the old dialect, unless the layer has a module. */
static bool needs_module(const struct ls_tree *config)
{
    const struct ls_tree *axis = ls_tree_find(config, "axis");
    return axis && axis->type == LS_TREE_LIST && axis->count > 1;
}

const struct ls_use *ls_model_first_use(const struct ls_model *model, size_t part)
{
    for (size_t u = 0; u < model->uses; u++)
        if (model->use[u].part == part)
            return &model->use[u];
    return NULL;
}

static ls_status write_sequential(struct ls_tree *config, const struct ls_model *model, bool nodes)
{
    struct ls_tree *layers = ls_tree_add(config, "layers", LS_TREE_LIST);
    if (!layers)
        return no_memory();
    for (size_t p = 0; p < model->parts; p++) {
        struct ls_tree *entry = ls_tree_add(layers, NULL, LS_TREE_MAP);
        if (!entry)
            return no_memory();
        LS_TRY(ls_keras_write_part(entry, &model->part[p], &ls_model_first_use(model, p)->out[0],
                                   nodes));
    }
    return ls_keras_write_shape(config, "build_input_shape",
                                &model->use[model->given[0].call].out[0]);
}

static ls_status write_model(struct ls_tree *config, const struct ls_model *model, bool nodes)
{
    if (!ls_tree_add_text(config, "name", model->name) ||
        !ls_tree_add_bool(config, "trainable", model->trainable))
        return no_memory();
    if (!model->sequential)
        return ls_keras_write_graph(config, model, nodes);
    return ls_tree_add_text(config, "dtype", "float32") ? write_sequential(config, model, nodes)
                                                        : no_memory();
}

ls_status ls_keras_write_part(struct ls_tree *entry, const struct ls_part *part,
                              const struct ls_shape *shape, bool nodes)
{
    const struct ls_layer *layer = part->layer;
    struct ls_tree *config = NULL;
    const char *class_name = layer ? ls_kind_class_name(&layer->kind->kind) : ls_part_class(part);
    if (ls_tree_add_text(entry, "class_name", class_name))
        config = ls_tree_add(entry, "config", LS_TREE_MAP);
    if (!config)
        return no_memory();
    if (!layer)
        return write_model(config, part->model, nodes);
    ls_status status = layer->kind->flags & LS_LAYER_INPUT
                           ? write_input_config(config, layer, shape)
                           : write_layer_config(config, layer);
    if (status == LS_BAD_INPUT)
        return ls_fail_within(status, "%s (%s)", layer->name, layer->kind->kind.name);
    if (status == LS_OK && needs_module(config) &&
        !ls_tree_add_text(entry, "module", "keras.layers"))
        return no_memory();
    return status;
}

/* Whether the calls are written as Keras 3's nodes: some part is a model, whose calls Keras 2 and 3
 * number differently, or a layer whose inputs are arguments of their own, or that is given states,
 * which Keras 3 reads in no list of tensors. */
static bool needs_nodes(const struct ls_model *model)
{
    for (size_t p = 0; p < model->parts; p++)
        if (model->part[p].model || model->part[p].layer->kind->input_names)
            return true;
    for (size_t u = 0; u < model->uses; u++) {
        const struct ls_layer *layer = model->part[model->use[u].part].layer;
        if (layer && layer->kind->flags & LS_LAYER_STATES && model->use[u].inputs > 1)
            return true;
    }
    return false;
}

/* Whether reading the config gives the outputs their names and their order. */
static bool says_outputs(const struct ls_model *model)
{
    for (size_t o = 0; o < model->outputs; o++) {
        const struct ls_part *part = &model->part[model->use[model->result[o].call].part];
        if (model->output_structure == LS_STRUCTURE_DICTIONARY
                ? ls_model_output_rank(model, o) != o
                : strcmp(model->output_name[o], ls_part_name(part)) != 0)
            return false;
    }
    return true;
}

/* Beside the config, where Keras does not look. */
static ls_status write_outputs(struct ls_tree *root, const struct ls_model *model)
{
    if (model->sequential || says_outputs(model))
        return LS_OK;
    struct ls_tree *names = ls_tree_add(root, LS_KERAS_OUTPUTS, LS_TREE_LIST);
    for (size_t o = 0; names && o < model->outputs; o++)
        if (!ls_tree_add_text(names, NULL, model->output_name[o]))
            return no_memory();
    return names ? LS_OK : no_memory();
}

static ls_status write_result(struct ls_tree *names, const struct ls_model *model,
                              const struct ls_use *use)
{
    char *plain;
    LS_TRY(ls_keras_format_result(&plain, ls_part_name(&model->part[use->part]), (int64_t)use->nth,
                                  0));
    bool added = strcmp(use->name, plain) == 0 || ls_tree_add_text(names, use->name, plain);
    ls_release(plain);
    return added ? LS_OK : no_memory();
}

/* Beside the config too. */
static ls_status write_results(struct ls_tree *root, const struct ls_model *model)
{
    struct ls_tree *names = ls_tree_add(root, LS_KERAS_RESULTS, LS_TREE_MAP);
    if (!names)
        return no_memory();
    for (size_t u = 0; u < model->uses; u++)
        if (model->use[u].name)
            LS_TRY(write_result(names, model, &model->use[u]));
    if (names->count == 0)
        ls_tree_remove(names);
    return LS_OK;
}

static ls_status write_root(const struct ls_model *model, struct ls_tree **config, bool nodes)
{
    const struct ls_part part = {.model = (struct ls_model *)model}; /* is only read */
    *config = NULL;
    if (!model->built)
        return ls_fail(LS_USAGE, "the model is not complete: it cannot be written yet");
    struct ls_tree *root = ls_tree_new(LS_TREE_MAP);
    ls_status status = root ? ls_keras_write_part(root, &part, NULL, nodes) : no_memory();
    if (status == LS_OK)
        status = write_outputs(root, model);
    if (status == LS_OK)
        status = write_results(root, model);
    if (status == LS_OK)
        *config = root;
    else
        ls_tree_free(root);
    return status;
}

ls_status ls_model_to_keras(const struct ls_model *model, struct ls_tree **config)
{
    return write_root(model, config, needs_nodes(model));
}

ls_status ls_model_to_keras_nodes(const struct ls_model *model, struct ls_tree **config)
{
    return write_root(model, config, true);
}

/* In a Sequential model the model's name stands before it. */
ls_status ls_keras_variable_path(char **path, const struct ls_model *model,
                                 const struct ls_layer *layer, const struct ls_variable *variable)
{
    return ls_format(path, "%s%s%s/%s%s%s", model->sequential ? model->name : "",
                     model->sequential ? "/" : "", layer->path,
                     variable->within ? variable->within : "", variable->within ? "/" : "",
                     variable->name);
}
