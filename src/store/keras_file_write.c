#include <string.h>

#include "base/memory.h"
#include "store/keras_compile.h"
#include "store/keras_file.h"

#define KERAS_BACKEND "tensorflow"
#define WEIGHTS       LS_KERAS_WEIGHTS

static ls_status put_json(struct ls_h5_image *image, const char *attribute,
                          const struct ls_tree *tree)
{
    struct ls_text json = {0};
    ls_tree_format_json(&json, tree);
    ls_status status = ls_text_status(&json);
    if (status == LS_OK)
        status = ls_h5_put_text(image, "/", attribute, json.data);
    ls_text_release(&json);
    return status;
}

static ls_status put_configs(struct ls_h5_image *image, const struct ls_checkpoint *checkpoint)
{
    const struct ls_model *model = checkpoint->model;
    const struct ls_tree *compile = checkpoint->compile ? checkpoint->compile : model->compile;
    struct ls_tree *config = NULL, *training = NULL;
    ls_status status = LS_OK;
    LS_TRY_OUT(ls_model_to_keras(model, &config));
    LS_TRY_OUT(put_json(image, "model_config", config));
    if (compile)
        LS_TRY_OUT(ls_compile_to_keras(&training, compile, model));
    if (training)
        LS_TRY_OUT(put_json(image, "training_config", training));
out:
    ls_tree_free(config);
    ls_tree_free(training);
    return status;
}

/* A part of the model that Keras has a group for, and its layers. */
struct group {
    const struct ls_model *model;
    const struct ls_part *part;
    struct ls_layer *const *layer;
    size_t layers;
};

/* One variable: its dataset, and its name in the list. */
static ls_status put_variable(struct ls_h5_image *image, const struct group *group,
                              const struct ls_layer *layer, const struct ls_variable *variable,
                              struct ls_texts *names)
{
    const struct ls_model *model = group->model;
    char *name = NULL, *object = NULL;
    ls_status status = LS_OK;
    LS_TRY_OUT(ls_keras_variable_path(&name, model, layer, variable));
    LS_TRY_OUT(ls_format(&object, WEIGHTS "/%s/%s", ls_part_name(group->part), name));
    LS_TRY_OUT(ls_texts_add(names, name));
    const struct ls_h5_values values = {LS_H5_FLOAT, variable->shape,
                                        model->weights + variable->offset, NULL};
    status = ls_h5_put_values(image, object, &values);
out:
    ls_release(name);
    ls_release(object);
    return status;
}

/* Keras pairs names with weights by their order: those that train first. */
static ls_status put_group(struct ls_h5_image *image, const struct group *group)
{
    struct ls_texts names = {0};
    char *path = NULL;
    ls_status status = LS_OK;
    LS_TRY_OUT(ls_format(&path, WEIGHTS "/%s", ls_part_name(group->part)));
    LS_TRY_OUT(ls_h5_put_group(image, path));
    for (int trainable = 1; trainable >= 0; trainable--)
        for (size_t l = 0; l < group->layers; l++) {
            const struct ls_layer *layer = group->layer[l];
            for (size_t v = 0; v < layer->variables; v++)
                if ((layer->trainable && layer->variable[v].trainable) == trainable)
                    LS_TRY_OUT(put_variable(image, group, layer, &layer->variable[v], &names));
        }
    status = ls_h5_put_texts(image, path, "weight_names", &names);
out:
    ls_release(path);
    ls_texts_release(&names);
    return status;
}

static bool is_input(const struct ls_part *part)
{
    return part->layer && part->layer->kind->flags & LS_LAYER_INPUT;
}

static ls_status put_weights(struct ls_h5_image *image, const struct ls_model *model)
{
    static const char top[] = WEIGHTS "/top_level_model_weights";
    const struct ls_texts none = {0};
    struct ls_texts layers = {0};
    ls_status status = LS_OK;
    size_t first = 0;
    LS_TRY_OUT(ls_h5_put_group(image, WEIGHTS));
    LS_TRY_OUT(ls_h5_put_text(image, WEIGHTS, "backend", KERAS_BACKEND));
    LS_TRY_OUT(ls_h5_put_text(image, WEIGHTS, "keras_version", LS_KERAS_VERSION));
    for (size_t p = 0; p < model->parts; p++) {
        const struct group group = {model, &model->part[p], model->layer + first,
                                    ls_part_layers(&model->part[p])};
        first += group.layers;
        if (model->sequential && is_input(group.part))
            continue;
        LS_TRY_OUT(ls_texts_add(&layers, ls_part_name(group.part)));
        LS_TRY_OUT(put_group(image, &group));
    }
    LS_TRY_OUT(ls_h5_put_texts(image, WEIGHTS, "layer_names", &layers));
    LS_TRY_OUT(ls_h5_put_group(image, top));
    status = ls_h5_put_texts(image, top, "weight_names", &none);
out:
    ls_texts_release(&layers);
    return status;
}

ls_status ls_keras_file_write(struct ls_h5_image *image, const struct ls_checkpoint *checkpoint)
{
    LS_TRY(ls_h5_put_text(image, "/", "keras_version", LS_KERAS_VERSION));
    LS_TRY(ls_h5_put_text(image, "/", "backend", KERAS_BACKEND));
    LS_TRY(put_configs(image, checkpoint));
    return put_weights(image, checkpoint->model);
}
