/* Keras' config of a model. */
#include "layer/layer.h"
#include "model/graph.h"

static ls_status no_memory(void)
{
    return ls_fail(LS_FAILED, "out of memory");
}

/* [null, 28, 28] of a sample's shape. */
static ls_status write_batch_shape(struct ls_tree *map, const char *key,
                                   const struct ls_shape *shape)
{
    struct ls_tree *list = ls_tree_add(map, key, LS_TREE_LIST);
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
    LS_TRY(write_batch_shape(config, "batch_input_shape", shape));
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

/* One entry of "layers"; shape is the result of the layer's first call. */
static ls_status write_layer(struct ls_tree *layers, const struct ls_layer *layer,
                             const struct ls_shape *shape)
{
    struct ls_tree *entry = ls_tree_add(layers, NULL, LS_TREE_MAP);
    if (!entry || !ls_tree_add_text(entry, "class_name", layer->kind->kind.name))
        return no_memory();
    struct ls_tree *config = ls_tree_add(entry, "config", LS_TREE_MAP);
    if (!config)
        return no_memory();
    ls_status status = layer->kind->flags & LS_LAYER_INPUT
                           ? write_input_config(config, layer, shape)
                           : write_layer_config(config, layer);
    if (status == LS_BAD_INPUT)
        return ls_fail_within(status, "%s (%s)", layer->name, layer->kind->kind.name);
    return status;
}

static const struct ls_graph_call *first_call(const struct ls_model *model, size_t layer)
{
    for (size_t i = 0; i < model->calls; i++)
        if (model->call[i].layer == layer && model->call[i].nth == 0)
            return &model->call[i];
    return NULL;
}

static ls_status write_sequential(const struct ls_model *model, struct ls_tree *config)
{
    if (!ls_tree_add_text(config, "name", model->name) ||
        !ls_tree_add_bool(config, "trainable", true) ||
        !ls_tree_add_text(config, "dtype", "float32"))
        return no_memory();
    struct ls_tree *layers = ls_tree_add(config, "layers", LS_TREE_LIST);
    if (!layers)
        return no_memory();
    for (size_t i = 0; i < model->layers; i++)
        LS_TRY(write_layer(layers, model->layer[i], &first_call(model, i)->shapes.out[0]));
    const struct ls_edge input = model->input[0];
    return write_batch_shape(config, "build_input_shape",
                             &model->call[input.call].shapes.out[input.output]);
}

ls_status ls_model_to_keras(const struct ls_model *model, struct ls_tree **config)
{
    *config = NULL;
    if (!model->built)
        return ls_fail(LS_USAGE, "the model is not complete: it cannot be written yet");
    if (!model->sequential)
        return ls_fail(LS_USAGE, "only Sequential models can be written for Keras");
    struct ls_tree *root = ls_tree_new(LS_TREE_MAP);
    struct ls_tree *inner = NULL;
    ls_status status = LS_OK;
    if (!root || !ls_tree_add_text(root, "class_name", "Sequential") ||
        !(inner = ls_tree_add(root, "config", LS_TREE_MAP)))
        status = no_memory();
    if (status == LS_OK)
        status = write_sequential(model, inner);
    if (status == LS_OK)
        *config = root;
    else
        ls_tree_free(root);
    return status;
}
