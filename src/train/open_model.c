#include "train/open_model.h"

#include <string.h>

#include "base/memory.h"
#include "kernel/kernels.h"
#include "store/keras_archive.h"
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

/* A file that is being opened. */
struct opening {
    const char *path;
    size_t depth; /* how many run files name it, one the other */
    bool shapes;  /* of a run file no weights are wanted */
    bool *given;
};

/* Run files may name run files; one that names itself has no end. */
enum { DEPTH_MAX = 8 };

static ls_status open_any(struct ls_checkpoint *checkpoint, const struct opening *opening);

static ls_status open_inner(struct ls_checkpoint *checkpoint, const struct opening *outer,
                            const char *path)
{
    bool given;
    const struct opening inner = {path, outer->depth + 1, outer->shapes, &given};
    if (inner.depth > DEPTH_MAX)
        return ls_fail(LS_BAD_INPUT,
                       "%s: %d run files that name each other as models: does one name itself?",
                       outer->path, DEPTH_MAX);
    return open_any(checkpoint, &inner);
}

/* A model that is a part of another, for ls_model_parse. */
static ls_status open_nested(void *user, const char *path, struct ls_model **model)
{
    struct ls_checkpoint checkpoint;
    LS_TRY(open_inner(&checkpoint, user, path));
    *model = checkpoint.model;
    checkpoint.model = NULL;
    ls_checkpoint_release(&checkpoint);
    return LS_OK;
}

static ls_status initialize(struct ls_model *model, const struct ls_config *config)
{
    LS_TRY(ls_kernels_init(NULL));
    LS_TRY(ls_model_initialize(model, (uint64_t)config->fit.seed));
    return config->weights ? ls_weights_read(model, config->weights) : LS_OK;
}

/* `model: FILE`: what the run file says beside it comes in the place of what the file has. */
static ls_status open_named(struct ls_checkpoint *checkpoint, const struct ls_config *config,
                            const struct opening *opening)
{
    LS_TRY(open_inner(checkpoint, opening, config->model->text));
    if (config->weights && !opening->shapes)
        LS_TRY(ls_weights_read(checkpoint->model, config->weights));
    if (config->weights || config->compile)
        ls_checkpoint_release_slots(checkpoint);
    if (!config->compile)
        return LS_OK;
    ls_tree_free(checkpoint->compile);
    ls_tree_free(checkpoint->model->compile);
    checkpoint->compile = checkpoint->model->compile = NULL;
    return ls_tree_copy(&checkpoint->model->compile, config->compile);
}

static ls_status open_described(struct ls_checkpoint *checkpoint, struct ls_config *config,
                                const struct opening *opening)
{
    const struct ls_model_files files = {open_nested, (void *)opening};
    struct ls_model *model = NULL;
    ls_status status;
    LS_TRY_OUT(ls_model_parse(&model, config->model, &files));
    if (!opening->shapes)
        LS_TRY_OUT(initialize(model, config));
    if (config->compile)
        LS_TRY_OUT(ls_tree_copy(&model->compile, config->compile));
    model->source = config->tree; /* the layers' places point into it */
    config->tree = NULL;
    checkpoint->model = model;
    return LS_OK;
out:
    ls_model_free(model);
    return status;
}

/* *given: the weights are those of `weights`, or set by hand, all of them. */
static ls_status open_run_file(struct ls_checkpoint *checkpoint, const struct opening *opening)
{
    struct ls_comm *alone = NULL;
    struct ls_config config = {0};
    ls_status status = ls_comm_create_alone(&alone);
    if (status == LS_OK)
        status = ls_config_read(&config, alone, opening->path, &(struct ls_config_changes){0});
    if (status == LS_OK)
        status = config.model->type == LS_TREE_SCALAR
                     ? open_named(checkpoint, &config, opening)
                     : open_described(checkpoint, &config, opening);
    if (status == LS_OK)
        *opening->given = config.weights || ls_model_is_given(checkpoint->model);
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
        status = ls_keras_json_read(checkpoint, tree);
    if (status == LS_OK && checkpoint->compile)
        status = ls_tree_copy(&checkpoint->model->compile, checkpoint->compile);
    ls_tree_free(tree);
    ls_text_release(&text);
    return status;
}

static ls_status open_any(struct ls_checkpoint *checkpoint, const struct opening *opening)
{
    const char *path = opening->path;
    memset(checkpoint, 0, sizeof *checkpoint);
    *opening->given = true;
    if (ls_path_is_directory(path))
        return open_directory(checkpoint, path);
    if (is_run_file(path))
        return open_run_file(checkpoint, opening);
    if (ls_ends_with(path, ".json"))
        return open_json(checkpoint, path);
    return ls_checkpoint_read(checkpoint, path);
}

ls_status ls_model_open(struct ls_checkpoint *checkpoint, const char *path)
{
    bool given;
    return open_any(checkpoint, &(struct opening){path, 0, false, &given});
}

ls_status ls_model_open_shapes(struct ls_checkpoint *checkpoint, const char *path)
{
    bool given;
    return open_any(checkpoint, &(struct opening){path, 0, true, &given});
}

/* -- on all ranks */

/* What rank 0 sends: {"model": Keras config, "compile": ..., "state": ..., "iteration": N, "slots":
 * [names]}; then the numbers. */
static ls_status pack(char **json, const struct ls_checkpoint *checkpoint, bool slots)
{
    struct ls_tree *all = ls_tree_new(LS_TREE_MAP), *config = NULL, *names = NULL;
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
    ls_tree_add_int(all, "iteration", slots ? checkpoint->iteration : 0);
    names = ls_tree_add(all, "slots", LS_TREE_LIST);
    for (size_t s = 0; names && slots && s < checkpoint->slots; s++)
        ls_tree_add_text(names, NULL, checkpoint->slot_name[s]);
    ls_tree_format_json(&text, all);
    LS_TRY_OUT(ls_text_status(&text));
    status = ls_duplicate(json, text.data);
out:
    ls_text_release(&text);
    ls_tree_free(config);
    ls_tree_free(all);
    return status;
}

static ls_status unpack_slots(struct ls_checkpoint *opened, const struct ls_tree *all)
{
    const struct ls_tree *names = ls_tree_find(all, "slots");
    LS_TRY(ls_tree_int(ls_tree_find(all, "iteration"), &opened->iteration));
    for (const struct ls_tree *name = names->child; name; name = name->next) {
        char *copy = NULL;
        LS_TRY(ls_duplicate(&copy, name->text));
        opened->slot_name[opened->slots++] = copy;
        LS_TRY(ls_allocate(&opened->slot[opened->slots - 1],
                           opened->model->trainable_floats + LS_ALIGNMENT_FLOATS, sizeof(float)));
    }
    return LS_OK;
}

static ls_status unpack(struct ls_checkpoint *opened, const char *json)
{
    struct ls_tree *all = NULL;
    LS_TRY(ls_tree_parse_json(&all, json, strlen(json), NULL));
    const struct ls_tree *compile = ls_tree_find(all, "compile");
    const struct ls_tree *found = ls_tree_find(all, "state");
    ls_status status = ls_model_from_copy(&opened->model, ls_tree_find(all, "model"));
    if (status == LS_OK)
        status = ls_model_make_weights(opened->model);
    if (status == LS_OK && compile)
        status = ls_tree_copy(&opened->model->compile, compile);
    if (status == LS_OK && found)
        status = ls_tree_copy(&opened->state, found);
    if (status == LS_OK)
        status = unpack_slots(opened, all);
    ls_tree_free(all);
    return status;
}

static ls_status read_first(struct ls_checkpoint *checkpoint, const char *path,
                            enum ls_open_purpose purpose, char **json)
{
    bool given;
    LS_TRY(open_any(checkpoint, &(struct opening){path, 0, false, &given}));
    /* It would give the initial weights of its seed: numbers that look like a bad model's. */
    if (!given)
        return ls_fail(LS_BAD_INPUT,
                       "%s: a run file has no trained weights: name the run directory or a "
                       "checkpoint",
                       path);
    if (purpose == LS_OPEN_TO_USE && !checkpoint->model->initialized)
        return ls_fail(LS_BAD_INPUT, "%s: the model has no weights in this file", path);
    if (purpose == LS_OPEN_TO_GO_ON && checkpoint->slots_refused)
        return ls_fail(LS_BAD_INPUT, "%s", checkpoint->slots_refused);
    return pack(json, checkpoint, purpose == LS_OPEN_TO_GO_ON);
}

static ls_status open_nested_all(void *comm, const char *path, struct ls_model **model)
{
    struct ls_checkpoint opened;
    LS_TRY(ls_model_open_all(&opened, comm, path, LS_OPEN_TO_START));
    *model = opened.model;
    opened.model = NULL;
    ls_checkpoint_release(&opened);
    return LS_OK;
}

struct ls_model_files ls_model_files_all(struct ls_comm *comm)
{
    return (struct ls_model_files){open_nested_all, comm};
}

/* Rank 0's numbers to all. */
static void send(struct ls_comm *comm, float *to, const float *from, size_t count)
{
    if (from)
        memcpy(to, from, count * sizeof *to);
    ls_comm_broadcast(comm, to, count * sizeof *to, 0);
}

/* read: rank 0's, elsewhere it has no model. */
static void send_numbers(struct ls_checkpoint *opened, struct ls_comm *comm,
                         const struct ls_checkpoint *read)
{
    struct ls_model *model = opened->model;
    bool initialized = read->model && read->model->initialized;
    ls_comm_broadcast(comm, &initialized, sizeof initialized, 0);
    if (initialized)
        send(comm, model->weights, read->model ? read->model->weights : NULL, model->floats);
    model->initialized = initialized;
    for (size_t s = 0; s < opened->slots; s++)
        send(comm, opened->slot[s], read->slot[s], model->trainable_floats);
}

ls_status ls_model_open_all(struct ls_checkpoint *opened, struct ls_comm *comm, const char *path,
                            enum ls_open_purpose purpose)
{
    struct ls_checkpoint checkpoint = {0};
    char *json = NULL;
    bool first = ls_comm_rank(comm) == 0;
    ls_status status;
    *opened = (struct ls_checkpoint){0};
    LS_TRY_OUT(ls_comm_agree(comm, first ? read_first(&checkpoint, path, purpose, &json) : LS_OK));
    LS_TRY_OUT(ls_comm_broadcast_text(comm, &json, 0));
    LS_TRY_OUT(ls_comm_agree(comm, unpack(opened, json)));
    send_numbers(opened, comm, &checkpoint);
out:
    ls_checkpoint_release(&checkpoint);
    ls_release(json);
    if (status != LS_OK)
        ls_checkpoint_release(opened);
    return status;
}
