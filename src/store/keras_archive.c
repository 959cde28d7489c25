#include "store/keras_archive.h"

#include <string.h>

#include "base/memory.h"
#include "model/keras.h"
#include "store/archive_weights.h"
#include "store/file.h"
#include "store/keras_compile.h"
#include "store/keras_file.h"
#include "store/keras_groups.h"
#include "store/keras_slots.h"

#define CONFIG   "config.json"
#define METADATA "metadata.json"
#define WEIGHTS  "model.weights.h5"

static ls_status no_memory(void)
{
    return ls_fail(LS_FAILED, "out of memory");
}

/* -- to_json */

/* Keras finds the class by its module: the layers inside do without. */
static ls_status put_class(struct ls_tree *top, const struct ls_tree *model)
{
    const struct ls_tree *class_name = ls_tree_find(model, "class_name");
    bool sequential = strcmp(class_name->text, "Sequential") == 0;
    if (!ls_tree_add_text(top, "module", sequential ? "keras" : "keras.src.models.functional") ||
        !ls_tree_add_text(top, "class_name", class_name->text) ||
        !ls_tree_add_copy(top, "config", ls_tree_find(model, "config")))
        return no_memory();
    const struct ls_tree *outputs = ls_tree_find(model, LS_KERAS_OUTPUTS);
    if (outputs && !ls_tree_add_copy(top, LS_KERAS_OUTPUTS, outputs))
        return no_memory();
    return (sequential ? ls_tree_add_null(top, "registered_name")
                       : ls_tree_add_text(top, "registered_name", class_name->text))
               ? LS_OK
               : no_memory();
}

static ls_status put_compile(struct ls_tree *top, const struct ls_checkpoint *checkpoint)
{
    const struct ls_model *model = checkpoint->model;
    const struct ls_tree *compile = checkpoint->compile ? checkpoint->compile : model->compile;
    struct ls_tree *config = NULL;
    ls_status status = LS_OK;
    if (compile)
        LS_TRY(ls_compile_to_keras_long(&config, compile, model));
    if (config && !ls_tree_add_copy(top, "compile_config", config))
        status = no_memory();
    ls_tree_free(config);
    return status;
}

ls_status ls_keras_json_write(struct ls_text *text, const struct ls_checkpoint *checkpoint)
{
    struct ls_tree *model = NULL, *top = ls_tree_new(LS_TREE_MAP);
    ls_status status = top ? ls_model_to_keras(checkpoint->model, &model) : no_memory();
    LS_TRY_OUT(status);
    LS_TRY_OUT(put_class(top, model));
    LS_TRY_OUT(put_compile(top, checkpoint));
    if (!ls_tree_add_text(top, "keras_version", LS_KERAS_VERSION) ||
        !ls_tree_add_text(top, "backend", "tensorflow"))
        LS_TRY_OUT(no_memory());
    ls_tree_format_json(text, top);
    status = ls_text_status(text);
out:
    ls_tree_free(model);
    ls_tree_free(top);
    return status;
}

ls_status ls_keras_json_read(struct ls_checkpoint *checkpoint, const struct ls_tree *config)
{
    const struct ls_tree *compile =
        config->type == LS_TREE_MAP ? ls_tree_find(config, "compile_config") : NULL;
    LS_TRY(ls_model_from_keras(&checkpoint->model, config));
    LS_TRY(ls_model_build(checkpoint->model));
    if (!compile || compile->type != LS_TREE_MAP || compile->count == 0)
        return LS_OK;
    return ls_compile_from_keras(&checkpoint->compile, compile);
}

/* -- writing */

static ls_status put_metadata(struct ls_text *text)
{
    /* Without Keras' date_saved, so that the bytes hang on the model alone; Keras reads none. */
    ls_text_append(text, "{\"keras_version\": \"%s\", \"lockstep_version\": \"%s\"}",
                   LS_KERAS_VERSION, LOCKSTEP_VERSION);
    return ls_text_status(text);
}

static ls_status put_weights(struct ls_h5_buffer *buffer, const struct ls_checkpoint *checkpoint,
                             const char *path)
{
    struct ls_h5_image image;
    ls_status status = ls_h5_image_open(&image, buffer, path);
    if (status == LS_OK)
        status = ls_keras_groups_write(&image, checkpoint->model);
    if (status == LS_OK)
        status = ls_keras_slots_write_numbers(&image, checkpoint);
    if (status == LS_OK)
        status = ls_h5_image_finish(&image);
    ls_h5_image_close(&image);
    return status;
}

ls_status ls_keras_weights_save(const struct ls_checkpoint *checkpoint, const char *path)
{
    struct ls_h5_buffer buffer = {0};
    ls_status status = put_weights(&buffer, checkpoint, path);
    if (status == LS_OK)
        status = ls_file_publish(path, buffer.bytes, buffer.length);
    ls_h5_buffer_release(&buffer);
    return status;
}

ls_status ls_keras_archive_write(const struct ls_checkpoint *checkpoint, const char *path)
{
    struct ls_text config = {0}, metadata = {0};
    struct ls_h5_buffer weights = {0};
    ls_status status = LS_OK;
    LS_TRY_OUT(ls_keras_json_write(&config, checkpoint));
    LS_TRY_OUT(put_metadata(&metadata));
    LS_TRY_OUT(put_weights(&weights, checkpoint, path));
    const struct ls_member member[] = {{METADATA, metadata.data, metadata.length},
                                       {CONFIG, config.data, config.length},
                                       {WEIGHTS, weights.bytes, weights.length}};
    status = ls_archive_publish(path, member, sizeof member / sizeof *member);
out:
    ls_text_release(&config);
    ls_text_release(&metadata);
    ls_h5_buffer_release(&weights);
    return status;
}

/* -- reading */

/* *tree NULL when there is no such member. */
static ls_status read_json(const struct ls_archive *archive, const char *name,
                           struct ls_tree **tree)
{
    char *json = NULL, *place = NULL;
    size_t length;
    *tree = NULL;
    LS_TRY(ls_archive_read(archive, name, &json, &length));
    if (!json)
        return LS_OK;
    ls_status status = ls_format(&place, "%s: %s", archive->path, name);
    if (status == LS_OK)
        status = ls_tree_parse_json(tree, json, length, place);
    ls_release(place);
    ls_release(json);
    return status;
}

static ls_status read_config(const struct ls_archive *archive, struct ls_checkpoint *checkpoint)
{
    struct ls_tree *config = NULL, *metadata = NULL;
    ls_status status;
    LS_TRY_OUT(read_json(archive, CONFIG, &config));
    if (!config)
        LS_TRY_OUT(
            ls_fail(LS_BAD_INPUT, "%s: no " CONFIG ": not an archive of Keras'", archive->path));
    LS_TRY_OUT(read_json(archive, METADATA, &metadata));
    const struct ls_tree *version =
        metadata && metadata->type == LS_TREE_MAP ? ls_tree_find(metadata, "keras_version") : NULL;
    if (version && version->type == LS_TREE_SCALAR)
        LS_TRY_OUT(ls_keras_add_version(config, version->text));
    status = ls_keras_json_read(checkpoint, config);
out:
    ls_tree_free(config);
    ls_tree_free(metadata);
    return status;
}

ls_status ls_archive_weights_open(struct ls_archive_weights *weights,
                                  const struct ls_archive *archive)
{
    size_t length = 0;
    *weights = (struct ls_archive_weights){0};
    LS_TRY(ls_format(&weights->name, "%s: " WEIGHTS, archive->path));
    LS_TRY(ls_archive_read(archive, WEIGHTS, &weights->bytes, &length));
    if (!weights->bytes)
        return ls_fail(LS_BAD_INPUT,
                       "%s: no " WEIGHTS ": save the model with weights_format=\"h5\"",
                       archive->path);
    ls_status status = ls_h5_open_bytes(&weights->h5, weights->bytes, length, weights->name);
    weights->open = status == LS_OK;
    return status;
}

void ls_archive_weights_close(struct ls_archive_weights *weights)
{
    if (weights->open)
        ls_h5_close(&weights->h5);
    ls_release(weights->bytes);
    ls_release(weights->name);
    *weights = (struct ls_archive_weights){0};
}

ls_status ls_keras_archive_read(struct ls_checkpoint *checkpoint, const char *path)
{
    struct ls_archive archive = {0};
    struct ls_archive_weights weights = {0};
    ls_status status;
    *checkpoint = (struct ls_checkpoint){0};
    LS_TRY_OUT(ls_archive_open(&archive, path));
    LS_TRY_OUT(read_config(&archive, checkpoint));
    LS_TRY_OUT(ls_archive_weights_open(&weights, &archive));
    LS_TRY_OUT(ls_keras_groups_read(&weights.h5, checkpoint->model));
    LS_TRY_OUT(ls_keras_slots_read_numbers(&weights.h5, checkpoint));
    if (checkpoint->compile)
        LS_TRY_OUT(ls_tree_copy(&checkpoint->model->compile, checkpoint->compile));
out:
    ls_archive_weights_close(&weights);
    ls_archive_close(&archive);
    if (status != LS_OK)
        ls_checkpoint_release(checkpoint);
    return status;
}
