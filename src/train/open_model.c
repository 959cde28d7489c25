#include "train/open_model.h"

#include <string.h>

#include "base/memory.h"
#include "kernel/kernels.h"
#include "train/config.h"
#include "train/directory.h"

static bool is_run_file(const char *path)
{
    return ls_ends_with(path, ".yaml") || ls_ends_with(path, ".yml");
}

static ls_status open_directory(struct ls_checkpoint *checkpoint, const char *path)
{
    char *file = NULL;
    LS_TRY(ls_checkpoint_read_newest(checkpoint, &file, path));
    bool found = file != NULL;
    ls_release(file);
    return found ? LS_OK : ls_fail(LS_NO_INPUT, "%s: no checkpoint in this directory", path);
}

/* A model that is a part of another, for ls_model_parse. */
static ls_status open_nested(void *user, const char *path, struct ls_model **model)
{
    struct ls_checkpoint checkpoint;
    (void)user;
    LS_TRY(ls_model_open(&checkpoint, path));
    *model = checkpoint.model;
    checkpoint.model = NULL;
    ls_checkpoint_release(&checkpoint);
    return LS_OK;
}

static ls_status open_run_file(struct ls_checkpoint *checkpoint, const char *path)
{
    struct ls_comm *alone = NULL;
    struct ls_config config = {0};
    struct ls_model *model = NULL;
    ls_status status = ls_comm_create_alone(&alone);
    if (status == LS_OK)
        status = ls_config_read(&config, alone, path, &(struct ls_config_changes){0});
    LS_TRY_OUT(status);
    if (config.model->type == LS_TREE_SCALAR) {
        LS_TRY_OUT(ls_model_open(checkpoint, config.model->text));
        goto out;
    }
    LS_TRY_OUT(ls_model_parse(&model, config.model, &(struct ls_model_files){open_nested, NULL}));
    LS_TRY_OUT(ls_kernels_init(NULL));
    LS_TRY_OUT(ls_model_initialize(model, (uint64_t)config.fit.seed));
    if (config.compile)
        LS_TRY_OUT(ls_tree_copy(&model->compile, config.compile));
    model->source = config.tree; /* the layers' places point into it */
    config.tree = NULL;
    checkpoint->model = model;
    model = NULL;
out:
    ls_model_free(model);
    ls_config_release(&config);
    ls_comm_free(alone);
    return status;
}

static ls_status open_json(struct ls_checkpoint *checkpoint, const char *path)
{
    struct ls_text text = {0};
    struct ls_tree *tree = NULL;
    ls_status status = ls_file_read_text(path, &text);
    if (status == LS_OK)
        status = ls_tree_parse_json(&tree, text.data ? text.data : "", text.length, path);
    if (status == LS_OK)
        status = ls_model_from_keras(&checkpoint->model, tree);
    if (status == LS_OK)
        status = ls_model_build(checkpoint->model);
    ls_tree_free(tree);
    ls_text_release(&text);
    return status;
}

ls_status ls_model_open(struct ls_checkpoint *checkpoint, const char *path)
{
    memset(checkpoint, 0, sizeof *checkpoint);
    if (ls_path_is_directory(path))
        return open_directory(checkpoint, path);
    if (is_run_file(path))
        return open_run_file(checkpoint, path);
    if (ls_ends_with(path, ".json"))
        return open_json(checkpoint, path);
    return ls_checkpoint_read(checkpoint, path);
}

/* -- on all ranks */

/* What rank 0 sends: {"model": Keras config, "compile": ..., "state": ...}. */
static ls_status pack(char **json, const struct ls_checkpoint *checkpoint)
{
    struct ls_tree *all = ls_tree_new(LS_TREE_MAP), *config = NULL;
    struct ls_text text = {0};
    const struct ls_tree *compile =
        checkpoint->compile ? checkpoint->compile : checkpoint->model->compile;
    ls_status status = all ? LS_OK : ls_fail(LS_FAILED, "out of memory");
    LS_TRY_OUT(status);
    LS_TRY_OUT(ls_model_to_keras(checkpoint->model, &config));
    ls_tree_add_copy(all, "model", config);
    if (compile)
        ls_tree_add_copy(all, "compile", compile);
    if (checkpoint->state)
        ls_tree_add_copy(all, "state", checkpoint->state);
    ls_tree_format_json(&text, all);
    LS_TRY_OUT(ls_text_status(&text));
    status = ls_duplicate(json, text.data);
out:
    ls_text_release(&text);
    ls_tree_free(config);
    ls_tree_free(all);
    return status;
}

static ls_status unpack(struct ls_model **model, struct ls_tree **state, const char *json)
{
    struct ls_tree *all = NULL;
    LS_TRY(ls_tree_parse_json(&all, json, strlen(json), NULL));
    const struct ls_tree *compile = ls_tree_find(all, "compile");
    const struct ls_tree *found = ls_tree_find(all, "state");
    ls_status status = ls_model_from_keras(model, ls_tree_find(all, "model"));
    if (status == LS_OK)
        status = ls_model_build(*model);
    if (status == LS_OK && compile)
        status = ls_tree_copy(&(*model)->compile, compile);
    if (status == LS_OK && found)
        status = ls_tree_copy(state, found);
    ls_tree_free(all);
    return status;
}

static ls_status read_first(struct ls_checkpoint *checkpoint, const char *path, bool trained,
                            char **json)
{
    LS_TRY(ls_model_open(checkpoint, path));
    /* It would give the initial weights of its seed: numbers that look like a bad model's. */
    if (is_run_file(path) && !ls_model_is_given(checkpoint->model))
        return ls_fail(LS_BAD_INPUT,
                       "%s: a run file has no trained weights: name the run directory or a "
                       "checkpoint",
                       path);
    if (trained && !checkpoint->model->initialized)
        return ls_fail(LS_BAD_INPUT, "%s: the model has no weights in this file", path);
    return pack(json, checkpoint);
}

static ls_status open_nested_all(void *comm, const char *path, struct ls_model **model)
{
    struct ls_tree *state = NULL;
    LS_TRY(ls_model_open_all(model, &state, comm, path, false));
    ls_tree_free(state);
    return LS_OK;
}

struct ls_model_files ls_model_files_all(struct ls_comm *comm)
{
    return (struct ls_model_files){open_nested_all, comm};
}

/* Rank 0's weights to all, where it has any. */
static void send_weights(struct ls_model *model, struct ls_comm *comm, const struct ls_model *read)
{
    bool initialized = read && read->initialized;
    ls_comm_broadcast(comm, &initialized, sizeof initialized, 0);
    if (!initialized)
        return;
    if (read)
        memcpy(model->weights, read->weights, model->floats * sizeof(float));
    ls_comm_broadcast(comm, model->weights, model->floats * sizeof(float), 0);
    model->initialized = true;
}

ls_status ls_model_open_all(struct ls_model **model, struct ls_tree **state, struct ls_comm *comm,
                            const char *path, bool trained)
{
    struct ls_checkpoint checkpoint = {0};
    char *json = NULL;
    bool first = ls_comm_rank(comm) == 0;
    ls_status status;
    *model = NULL;
    *state = NULL;
    LS_TRY_OUT(ls_comm_agree(comm, first ? read_first(&checkpoint, path, trained, &json) : LS_OK));
    LS_TRY_OUT(ls_comm_broadcast_text(comm, &json, 0));
    LS_TRY_OUT(ls_comm_agree(comm, unpack(model, state, json)));
    send_weights(*model, comm, checkpoint.model);
out:
    ls_checkpoint_release(&checkpoint);
    ls_release(json);
    if (status != LS_OK) {
        ls_model_free(*model);
        ls_tree_free(*state);
        *model = NULL;
        *state = NULL;
    }
    return status;
}
