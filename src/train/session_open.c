#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "store/file.h"
#include "train/open_model.h"
#include "train/session.h"

/* -- where */

/* RUN.yaml -> RUN; what has no such end is kept, with .run behind it. */
static ls_status default_directory(char **path, const char *run_file)
{
    static const char *const ends[] = {".yaml", ".yml"};
    size_t length = strlen(run_file);
    for (size_t i = 0; i < 2; i++) {
        size_t end = strlen(ends[i]);
        if (length > end && strcmp(run_file + length - end, ends[i]) == 0)
            return ls_format(path, "%.*s", (int)(length - end), run_file);
    }
    return ls_format(path, "%s.run", run_file);
}

/* A run directory stands for the run.yaml in it. */
static ls_status find_paths(struct ls_session *session)
{
    const struct ls_run_train *options = session->options;
    bool directory = ls_path_is_directory(options->run);
    if (directory)
        LS_TRY(ls_directory_file(&session->run_file, options->run, "run.yaml"));
    else
        LS_TRY(ls_duplicate(&session->run_file, options->run));
    if (options->directory)
        return ls_duplicate(&session->path, options->directory);
    return directory ? ls_duplicate(&session->path, options->run)
                     : default_directory(&session->path, options->run);
}

static ls_status open_directory(struct ls_session *session)
{
    bool holds_run = false;
    if (ls_comm_rank(session->comm) != 0)
        return LS_OK;
    LS_TRY(ls_directory_open(&session->directory, session->path, &holds_run));
    if (holds_run && !session->options->resume)
        return ls_fail(LS_CANNOT_WRITE,
                       "%s holds a run: --resume goes on with it, -o DIR trains elsewhere",
                       session->path);
    return LS_OK;
}

/* -- what */

/* `model: FILE` in place of a description brings its weights, where it has any, and, where the run
 * file has no `compile`, that and the optimizer's state. */
static ls_status read_model_file(struct ls_session *session)
{
    struct ls_config *config = &session->config;
    bool anew = config->compile || config->weights;
    LS_TRY(ls_model_open_all(&session->given, session->comm, config->model->text,
                             anew ? LS_OPEN_TO_START : LS_OPEN_TO_GO_ON));
    session->model = session->given.model;
    session->given.model = NULL;
    if (!config->compile)
        config->compile = session->model->compile;
    return LS_OK;
}

static ls_status open_model(struct ls_session *session)
{
    if (session->config.model->type == LS_TREE_SCALAR)
        return read_model_file(session);
    const struct ls_model_files files = ls_model_files_all(session->comm);
    return ls_comm_agree(session->comm,
                         ls_model_parse(&session->model, session->config.model, &files));
}

static ls_status open_data(struct ls_session *session)
{
    const struct ls_config *config = &session->config;
    if (!config->train)
        return ls_fail_at(config->tree, LS_BAD_INPUT,
                          "there is no data to train on: `data: {train: FILE:SPLIT}`, or --data");
    return ls_split_open(&session->data, config->train, config->validation,
                         config->validation_split);
}

/* --replicas, the run file's, those of the run that is resumed, or as many as the ranks. */
static ls_status choose_replicas(struct ls_session *session)
{
    int64_t given = session->options->replicas;
    int64_t ranks = ls_comm_size(session->comm);
    if (given == 0 && session->config.fit.replicas != LS_NULL_INT)
        given = session->config.fit.replicas;
    if (given == 0 && session->state)
        LS_TRY(ls_state_replicas(session->state, &given));
    if (given == 0)
        given = ranks;
    session->identity.replicas = given;
    if (given < ranks)
        return ls_fail(
            LS_USAGE,
            "%lld ranks for %lld replica%s: use at most %lld rank%s (-n %lld), or -o DIR "
            "for a new run",
            (long long)ranks, (long long)given, given == 1 ? "" : "s", (long long)given,
            given == 1 ? "" : "s", (long long)given);
    return LS_OK;
}

static ls_status identify(struct ls_session *session)
{
    session->identity.run = session->config.tree;
    session->identity.accept = session->options->accept;
    return ls_identity_make(&session->identity, session->data.train, session->data.validation);
}

/* With the plan that will train: before that nothing says what the kernels will compute. */
static ls_status check_kernels(struct ls_session *session)
{
    struct ls_comm *comm = session->comm;
    LS_TRY(ls_comm_agree(comm, ls_identity_probe(&session->identity, session->fit)));
    LS_TRY(ls_identity_agree_kernels(&session->identity, comm));
    return session->state
               ? ls_comm_agree(comm, ls_identity_check_kernels(&session->identity, session->state))
               : LS_OK;
}

/* -- the start */

static ls_status write_run_file(const struct ls_session *session)
{
    struct ls_text text = {0};
    char *path = NULL;
    ls_status status;
    ls_tree_format_yaml(&text, session->config.tree);
    LS_TRY_OUT(ls_text_status(&text));
    LS_TRY_OUT(ls_directory_file(&path, session->path, "run.yaml"));
    status = ls_file_publish(path, text.data, text.length);
out:
    ls_release(path);
    ls_text_release(&text);
    return status;
}

static ls_status forget_steps(const struct ls_session *session)
{
    char *path = NULL;
    LS_TRY(ls_directory_file(&path, session->path, LS_HISTORY_LOG));
    ls_status status = unlink(path) == 0 || errno == ENOENT
                           ? LS_OK
                           : ls_fail(LS_CANNOT_WRITE, "%s: %s", path, strerror(errno));
    ls_release(path);
    return status;
}

/* Rank 0's files. The run file is written last: a directory that has one holds a run. */
static ls_status open_files(struct ls_session *session)
{
    if (ls_comm_rank(session->comm) != 0)
        return LS_OK;
    LS_TRY(ls_checkpoint_writer_create(&session->writer, session->path,
                                       session->config.checkpoint.keep));
    if (!session->state)
        LS_TRY(forget_steps(session)); /* of a start that left no checkpoint */
    LS_TRY(ls_history_open(&session->history, session->path, session->position.iteration));
    if (session->state)
        ls_history_find_profile(session->history);
    return write_run_file(session);
}

/* `weights: FILE`, on all ranks from rank 0. */
static ls_status read_weights(struct ls_session *session)
{
    struct ls_model *model = session->model;
    bool first = ls_comm_rank(session->comm) == 0;
    LS_TRY(ls_comm_agree(session->comm,
                         first ? ls_weights_read(model, session->config.weights) : LS_OK));
    LS_TRY(ls_comm_agree(session->comm, ls_crew_broadcast(ls_fit_crew(session->fit), model->weights,
                                                          model->floats * sizeof(float))));
    model->initialized = true;
    return LS_OK;
}

static ls_status start_weights(struct ls_session *session)
{
    if (session->state)
        return ls_session_restore(session);
    if (session->config.weights)
        return read_weights(session);
    if (session->model->initialized)
        return ls_comm_agree(session->comm, ls_session_take_given(session));
    return ls_fit_initialize(session->fit, (uint64_t)session->config.fit.seed);
}

/* --accept takes kernels, threads, data, or a key of the run file. */
static ls_status check_accept(const char *const *accept)
{
    static const char *const known[] = {"kernels", "threads",    "data",    "model", "compile",
                                        "fit",     "checkpoint", "weights", NULL};
    for (size_t i = 0; accept && accept[i]; i++) {
        size_t length = strcspn(accept[i], ".");
        bool found = false;
        for (size_t k = 0; known[k]; k++)
            found |= strlen(known[k]) == length && strncmp(known[k], accept[i], length) == 0;
        if (!found)
            return ls_fail(LS_USAGE,
                           "--accept %s: expected kernels, threads, data, or a key of the run file "
                           "as fit.batch_size",
                           accept[i]);
    }
    return LS_OK;
}

ls_status ls_session_read(struct ls_session *session, struct ls_comm *comm,
                          const struct ls_run_train *options)
{
    memset(session, 0, sizeof *session);
    session->comm = comm;
    session->options = options;
    session->directory.lock = -1;
    session->announced = session->begun = -1;
    LS_TRY(ls_comm_agree(comm, check_accept(options->accept)));
    LS_TRY(ls_comm_agree(comm, find_paths(session)));
    LS_TRY(ls_config_read(&session->config, comm, session->run_file,
                          &(struct ls_config_changes){.set = options->set,
                                                      .data = options->data,
                                                      .plugins = options->plugins}));
    return ls_comm_agree(comm, ls_kernels_init(&(struct ls_kernel_options){
                                   .threads = (int)session->config.fit.threads}));
}

ls_status ls_session_open_input(struct ls_session *session)
{
    LS_TRY(open_model(session));
    return ls_comm_agree(session->comm, open_data(session));
}

ls_status ls_session_identify(struct ls_session *session)
{
    struct ls_comm *comm = session->comm;
    LS_TRY(ls_session_find_checkpoint(session));
    LS_TRY(ls_comm_agree(comm, choose_replicas(session)));
    LS_TRY(ls_comm_agree(comm, identify(session)));
    LS_TRY(ls_identity_agree(&session->identity, comm));
    return session->state
               ? ls_comm_agree(comm, ls_identity_check(&session->identity, session->state))
               : LS_OK;
}

struct ls_fit_job ls_session_job(struct ls_session *session)
{
    session->hooks = ls_session_hooks(session);
    return (struct ls_fit_job){
        .comm = session->comm,
        .model = session->model,
        .compile = session->config.compile,
        .train = session->data.train,
        .validation = session->data.validation,
        .fit = &session->config.fit,
        .checkpoint = &session->config.checkpoint,
        .replicas = session->identity.replicas,
        .hooks = &session->hooks,
        .directory = session->path,
        .callbacks = ls_tree_find_path(session->config.tree, "fit.callbacks"),
        .profile = session->options->profile,
    };
}

ls_status ls_session_prepare(struct ls_session *session)
{
    const struct ls_fit_job job = ls_session_job(session);
    LS_TRY(ls_fit_create(&session->fit, &job));
    LS_TRY(check_kernels(session));
    return start_weights(session);
}

/* Whatever may be wrong is found before anything is written. */
ls_status ls_session_open(struct ls_session *session, struct ls_comm *comm,
                          const struct ls_run_train *options)
{
    LS_TRY(ls_session_read(session, comm, options));
    LS_TRY(ls_session_watch(session));
    LS_TRY(ls_session_open_input(session));
    LS_TRY(ls_comm_agree(comm, open_directory(session)));
    LS_TRY(ls_session_identify(session));
    LS_TRY(ls_session_prepare(session));
    return ls_comm_agree(comm, open_files(session));
}

void ls_session_close(struct ls_session *session)
{
    ls_fit_free(session->fit);
    ls_checkpoint_writer_free(session->writer);
    ls_watchdog_stop(session->watchdog); /* their threads have beaten the pulse that it looks at */
    ls_history_close(session->history);
    ls_table_release(&session->epochs);
    ls_profile_table_release(&session->profile);
    ls_checkpoint_release(&session->checkpoint);
    ls_checkpoint_release(&session->given);
    ls_directory_close(&session->directory);
    ls_model_free(session->model);
    ls_split_close(&session->data);
    ls_tree_free(session->state);
    ls_release(session->partial);
    ls_release(session->resumed_from);
    ls_config_release(&session->config);
    ls_release(session->run_file);
    ls_release(session->path);
}
