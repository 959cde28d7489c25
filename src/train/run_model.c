/* The functions of lockstep/model.h that train, measure and save. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "kernel/kernels.h"
#include "store/export.h"
#include "train/evaluator.h"
#include "train/fit.h"
#include "train/identity.h"
#include "train/open_model.h"
#include "train/trained.h"

ls_status ls_model_read(struct ls_model **model, const char *path)
{
    struct ls_checkpoint checkpoint = {0};
    *model = NULL;
    ls_status status = ls_model_open(&checkpoint, path);
    if (status == LS_OK) {
        if (!checkpoint.model->compile) {
            checkpoint.model->compile = checkpoint.compile;
            checkpoint.compile = NULL;
        }
        status = ls_trained_from_file(&checkpoint);
    }
    if (status == LS_OK) {
        *model = checkpoint.model;
        checkpoint.model = NULL;
    }
    ls_checkpoint_release(&checkpoint);
    return status;
}

ls_status ls_model_compile(struct ls_model *model, const char *options)
{
    struct ls_tree *tree;
    ls_status status = ls_tree_parse_options(&tree, options);
    if (status != LS_OK)
        return ls_fail_within(status, "compile");
    ls_tree_free(model->compile);
    model->compile = tree;
    ls_trained_free(model->trained);
    model->trained = NULL;
    return LS_OK;
}

/* -- training */

static ls_status tell_epoch(void *user, const struct ls_fit_state *state)
{
    const struct ls_fit *fit = user;
    return fit->on_epoch(fit->user, state->epoch, state->names, state->values, state->count);
}

static ls_status prepare(struct ls_model *model, struct ls_comm *comm,
                         const struct ls_fit_options *options)
{
    LS_TRY(ls_comm_agree(
        comm, ls_kernels_init(&(struct ls_kernel_options){.threads = (int)options->threads})));
    return ls_comm_agree(comm, ls_model_build(model));
}

static ls_status begin(struct ls_model *model, struct ls_fit_run *run, struct ls_position *position)
{
    const struct ls_fit_job *job = ls_fit_state(run)->job;
    if (!model->initialized)
        LS_TRY(ls_fit_initialize(run, (uint64_t)job->fit->seed));
    return ls_comm_agree(job->comm, ls_trained_begin(model, run, &position->before));
}

/* Weights and slots belong together, whatever ended the training. */
static ls_status end(struct ls_model *model, struct ls_fit_run *run, ls_status status)
{
    char message[LS_MESSAGE_BYTES];
    snprintf(message, sizeof message, "%s", ls_message());
    ls_status kept = ls_fit_return_weights(run);
    if (kept == LS_OK)
        kept = ls_trained_end(model, run);
    if (kept == LS_OK)
        kept = ls_fit_put_learning_rate(ls_fit_state(run), model->compile);
    if (status == LS_OK)
        return ls_comm_agree(ls_fit_state(run)->job->comm, kept);
    return ls_fail(status, "%s", message);
}

/* Of one rank there is nobody to compare with. */
static ls_status check_kernels(const struct ls_fit_run *run, struct ls_comm *comm)
{
    struct ls_identity identity = {0};
    if (ls_comm_size(comm) == 1)
        return LS_OK;
    LS_TRY(ls_comm_agree(comm, ls_identity_probe(&identity, run)));
    return ls_identity_agree_kernels(&identity, comm);
}

static ls_status train(struct ls_model *model, struct ls_comm *comm, const struct ls_fit *fit,
                       const struct ls_fit_options *options, const struct ls_tree *callbacks)
{
    struct ls_fit_run *run = NULL;
    struct ls_position position = {0};
    struct ls_fit_hooks hooks = {.epoch = fit->on_epoch ? tell_epoch : NULL, .user = (void *)fit};
    struct ls_fit_job job = {
        .comm = comm,
        .model = model,
        .compile = model->compile,
        .train = fit->train,
        .validation = fit->validation,
        .fit = options,
        .replicas = fit->replicas ? fit->replicas : options->replicas,
        .hooks = &hooks,
        .callbacks = callbacks,
        .keeps_model = true,
    };
    if (job.replicas == LS_NULL_INT)
        job.replicas = ls_comm_size(comm);
    LS_TRY(prepare(model, comm, options));
    LS_TRY(ls_fit_create(&run, &job));
    ls_status status = check_kernels(run, comm);
    if (status == LS_OK)
        status = begin(model, run, &position);
    if (status == LS_OK) {
        status = ls_fit_go(run, position, NULL, 0);
        status = end(model, run, status);
    }
    ls_fit_free(run);
    return status;
}

ls_status ls_model_fit(struct ls_model *model, struct ls_comm *comm, const struct ls_fit *fit)
{
    struct ls_tree *tree = NULL;
    struct ls_fit_options options = {0};
    ls_status status = ls_tree_parse_options(&tree, fit->options);
    if (status == LS_OK)
        status = ls_options_parse(&options, &ls_fit_kind, tree, NULL);
    if (status == LS_OK && !fit->train)
        status = ls_fail(LS_USAGE, "there is no data to train on");
    if (status != LS_OK)
        status = ls_fail_within(status, "fit");
    status = ls_comm_agree(comm, status);
    if (status == LS_OK)
        status = train(model, comm, fit, &options, ls_tree_find(tree, "callbacks"));
    ls_options_release(&options, &ls_fit_kind);
    ls_tree_free(tree);
    return status;
}

ls_status ls_model_save(struct ls_model *model, const char *path)
{
    struct ls_checkpoint checkpoint = {.model = model, .compile = model->compile};
    enum ls_export_form form = LS_EXPORT_H5;
    ls_trained_lend(&checkpoint, model);
    LS_TRY(ls_export_form(path, &form));
    LS_TRY(ls_model_build(model));
    if (form != LS_EXPORT_JSON && !model->initialized)
        return ls_fail(LS_USAGE, "the model has no weights yet: train it, or set them");
    return form == LS_EXPORT_H5 ? ls_checkpoint_save(&checkpoint, path)
                                : ls_export(&checkpoint, path, false);
}
