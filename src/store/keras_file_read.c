#include <string.h>

#include "base/memory.h"
#include "store/keras_compile.h"
#include "store/keras_file.h"

/* -- configs */

/* *tree NULL when there is no such attribute. */
static ls_status read_json(const struct ls_h5 *h5, const char *attribute, struct ls_tree **tree)
{
    char *json = NULL, *place = NULL;
    *tree = NULL;
    LS_TRY(ls_h5_read_text(h5, "/", attribute, &json));
    if (!json)
        return LS_OK;
    ls_status status = ls_format(&place, "%s: %s", h5->path, attribute);
    if (status == LS_OK)
        status = ls_tree_parse_json(tree, json, strlen(json), place);
    ls_release(place);
    ls_release(json);
    return status;
}

ls_status ls_keras_add_version(struct ls_tree *config, const char *version)
{
    if (version && config->type == LS_TREE_MAP && !ls_tree_find(config, "keras_version") &&
        !ls_tree_add_text(config, "keras_version", version))
        return ls_fail(LS_FAILED, "out of memory");
    return LS_OK;
}

static ls_status add_version(const struct ls_h5 *h5, struct ls_tree *config)
{
    char *version = NULL;
    LS_TRY(ls_h5_read_text(h5, "/", "keras_version", &version));
    ls_status status = ls_keras_add_version(config, version);
    ls_release(version);
    return status;
}

/* A file without a config may have weights: `save_weights` of Keras 2 names their layers at the
 * root, that of Keras 3 has them in /layers. */
static ls_status refuse_weights(const struct ls_h5 *h5)
{
    struct ls_texts names;
    bool groups;
    LS_TRY(ls_h5_read_texts(h5, "/", "layer_names", &names));
    bool named = names.count > 0;
    ls_texts_release(&names);
    LS_TRY(ls_h5_find(h5, "/layers", &groups));
    if (named || groups)
        return ls_fail(LS_BAD_INPUT,
                       "%s: it holds weights alone, no model: name it in a run file as `weights`, "
                       "beside `model`",
                       h5->path);
    return ls_fail(LS_BAD_INPUT, "%s: no model_config: the file holds no model of Keras", h5->path);
}

static ls_status read_model(const struct ls_h5 *h5, struct ls_model **model)
{
    struct ls_tree *config = NULL;
    LS_TRY(read_json(h5, "model_config", &config));
    if (!config)
        return refuse_weights(h5);
    ls_status status = add_version(h5, config);
    if (status == LS_OK)
        status = ls_model_from_keras(model, config);
    ls_tree_free(config);
    return status;
}

static ls_status read_compile(const struct ls_h5 *h5, struct ls_tree **compile)
{
    struct ls_tree *config = NULL;
    LS_TRY(read_json(h5, "training_config", &config));
    if (!config)
        return LS_OK;
    ls_status status = ls_compile_from_keras(compile, config);
    ls_tree_free(config);
    return status;
}

/* -- weights */

/* A layer of the file that has weights. */
struct file_layer {
    char *group;
    const char *name;
    struct ls_texts weights;
};

static void release_layers(struct file_layer *layer, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ls_release(layer[i].group);
        ls_texts_release(&layer[i].weights);
    }
    ls_release(layer);
}

/* The layers with weights among names in a group; *layer has room for all of them. */
static ls_status read_layers(const struct ls_h5 *h5, const char *group,
                             const struct ls_texts *names, struct file_layer *layer, size_t *count)
{
    bool found;
    for (size_t i = 0; i < names->count; i++) {
        struct file_layer *next = &layer[*count];
        next->name = names->text[i];
        LS_TRY(ls_format(&next->group, "%s/%s", group, next->name));
        LS_TRY(ls_h5_find(h5, next->group, &found));
        if (!found)
            return ls_fail(LS_BAD_INPUT, "%s: %s: missing", h5->path, next->group);
        LS_TRY(ls_h5_read_texts(h5, next->group, "weight_names", &next->weights));
        if (next->weights.count > 0) {
            ++*count;
        } else {
            ls_release(next->group);
            next->group = NULL;
        }
    }
    return LS_OK;
}

static ls_status read_variable(const struct ls_h5 *h5, const struct ls_model *model,
                               const struct ls_variable *variable, const struct file_layer *from,
                               size_t index)
{
    char *object = NULL;
    LS_TRY(ls_format(&object, "%s/%s", from->group, from->weights.text[index]));
    ls_status status =
        ls_h5_read_floats(h5, object, model->weights + variable->offset, &variable->shape);
    ls_release(object);
    return status;
}

/* A part of the model that has weights, and its layers. */
struct model_part {
    const struct ls_part *part;
    struct ls_layer *const *layer;
    size_t layers, variables;
};

/* The n-th part that has weights. */
static bool find_part(const struct ls_model *model, size_t n, struct model_part *found)
{
    size_t first = 0;
    for (size_t p = 0; p < model->parts; p++) {
        *found = (struct model_part){&model->part[p], model->layer + first,
                                     ls_part_layers(&model->part[p]), 0};
        first += found->layers;
        for (size_t l = 0; l < found->layers; l++)
            found->variables += found->layer[l]->variables;
        if (found->variables > 0 && n-- == 0)
            return true;
    }
    return false;
}

static ls_status read_part(const struct ls_h5 *h5, const struct ls_model *model,
                           const struct model_part *part, const struct file_layer *from)
{
    size_t index = 0;
    if (from->weights.count != part->variables)
        return ls_fail(LS_BAD_INPUT, "%s: %s has %zu weights, but layer %s (%s) has %zu", h5->path,
                       from->group, from->weights.count, ls_part_name(part->part),
                       ls_part_class(part->part), part->variables);
    for (int trainable = 1; trainable >= 0; trainable--)
        for (size_t l = 0; l < part->layers; l++) {
            const struct ls_layer *layer = part->layer[l];
            for (size_t v = 0; v < layer->variables; v++)
                if ((layer->trainable && layer->variable[v].trainable) == trainable)
                    LS_TRY(read_variable(h5, model, &layer->variable[v], from, index++));
        }
    return LS_OK;
}

static const struct file_layer *find_layer(const struct file_layer *layer, size_t count,
                                           const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(layer[i].name, name) == 0)
            return &layer[i];
    return NULL;
}

static ls_status assign(const struct ls_h5 *h5, const struct ls_model *model,
                        const struct file_layer *file, size_t count)
{
    struct model_part part;
    size_t wanted = 0;
    bool by_name = true;
    for (; find_part(model, wanted, &part); wanted++)
        by_name = by_name && find_layer(file, count, ls_part_name(part.part));
    if (wanted != count)
        return ls_fail(LS_BAD_INPUT, "%s: it has %zu layers with weights, but the model has %zu",
                       h5->path, count, wanted);
    for (size_t i = 0; find_part(model, i, &part); i++)
        LS_TRY(read_part(h5, model, &part,
                         by_name ? find_layer(file, count, ls_part_name(part.part)) : &file[i]));
    return LS_OK;
}

ls_status ls_keras_weights_read(const struct ls_h5 *h5, const char *group, struct ls_model *model)
{
    const char *object = *group ? group : "/";
    struct ls_texts names = {0};
    struct file_layer *layer = NULL;
    size_t count = 0;
    bool found;
    ls_status status;
    LS_TRY(ls_model_make_weights(model));
    LS_TRY(ls_h5_find(h5, object, &found));
    if (!found)
        return ls_fail(LS_BAD_INPUT, "%s: %s: missing", h5->path, object);
    LS_TRY(ls_h5_read_texts(h5, object, "layer_names", &names));
    LS_TRY_OUT(ls_allocate(&layer, names.count, sizeof *layer));
    LS_TRY_OUT(read_layers(h5, group, &names, layer, &count));
    LS_TRY_OUT(assign(h5, model, layer, count));
    model->initialized = true;
out:
    if (layer)
        release_layers(layer, names.count);
    ls_texts_release(&names);
    return status;
}

ls_status ls_keras_file_read(const struct ls_h5 *h5, struct ls_model **model,
                             struct ls_tree **compile)
{
    ls_status status = LS_OK;
    *model = NULL;
    *compile = NULL;
    LS_TRY(read_model(h5, model));
    LS_TRY_OUT(ls_keras_weights_read(h5, LS_KERAS_WEIGHTS, *model));
    LS_TRY_OUT(read_compile(h5, compile));
out:
    if (status != LS_OK) {
        ls_tree_free(*compile);
        ls_model_free(*model);
        *compile = NULL;
        *model = NULL;
    }
    return status;
}
