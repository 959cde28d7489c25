/* Making a training, and asking it. */
#include <string.h>

#include "base/memory.h"
#include "train/buckets.h"
#include "train/common_weights.h"
#include "train/fit_inside.h"
#include "train/needs.h"

enum { LOGGED_MAX = 1 }; /* numbers that callbacks add to an epoch's: the learning rate */

/* An output called val would have a val_loss of its own. */
static ls_status check_names(const struct ls_fit_run *run)
{
    for (size_t i = 0; i < run->names; i++)
        for (size_t other = 0; other < run->names; other++)
            if (strcmp(run->val_name[i], run->name[other]) == 0)
                return ls_fail(LS_BAD_INPUT,
                               "the result '%s' has the name of the validation's '%s': give the "
                               "output or metric another name",
                               run->name[other], run->name[i]);
    return LS_OK;
}

static ls_status name_values(struct ls_fit_run *run)
{
    const struct ls_objective *objective = ls_stepper_objective(run->stepper);
    run->names = ls_objective_results(objective);
    LS_TRY(ls_allocate(&run->name, 2 * run->names + LOGGED_MAX, sizeof *run->name));
    LS_TRY(ls_allocate(&run->val_name, run->names, sizeof *run->val_name));
    LS_TRY(ls_allocate(&run->value, 2 * run->names + LOGGED_MAX, sizeof *run->value));
    for (size_t i = 0; i < run->names; i++) {
        run->name[i] = ls_objective_names(objective)[i];
        LS_TRY(ls_format(&run->val_name[i], "val_%s", run->name[i]));
        run->name[run->names + i] = run->val_name[i];
    }
    if (run->evaluator)
        LS_TRY(check_names(run));
    run->losses = ls_objective_losses(objective);
    run->state.sums = PART_LOSSES + run->losses + ls_objective_doubles(objective);
    return ls_allocate(&run->loss, run->losses, sizeof *run->loss);
}

static ls_status make_partial(struct ls_fit_run *run)
{
    LS_TRY(name_values(run));
    LS_TRY(ls_callbacks_create(&run->callbacks, &run->job.fit->callbacks, run->crew));
    run->state.kept = ls_callbacks_kept(run->callbacks, &run->state.kepts);
    run->state.partials = run->state.sums + ls_callbacks_doubles(run->callbacks);
    LS_TRY(ls_allocate(&run->partial, run->state.partials, sizeof *run->partial));
    ls_callbacks_place(run->callbacks, run->partial + run->state.sums);
    return LS_OK;
}

struct ls_stepper_options ls_fit_stepper(const struct ls_fit_job *job)
{
    return (struct ls_stepper_options){
        .comm = job->comm,
        .model = job->model,
        .compile = job->compile,
        .data = job->train,
        .batch_size = job->fit->batch_size,
        .replicas = job->replicas,
        .seed = (uint64_t)job->fit->seed,
        .shuffle = (enum ls_shuffle)job->fit->shuffle,
        .class_weight = job->fit->class_weight,
        .bucket_bytes = job->fit->bucket_size == LS_NULL_INT
                            ? ls_buckets_bytes(ls_comm_size(job->comm))
                            : job->fit->bucket_size,
        .fast = job->fit->combine == LS_COMBINE_FAST,
        .wire = (enum ls_wire)job->fit->wire,
        .own_statistics = job->fit->batchnorm == LS_BATCHNORM_REPLICA,
        .profile = job->profile,
    };
}

ls_status ls_fit_create(struct ls_fit_run **run, const struct ls_fit_job *job)
{
    struct ls_fit_run *made = NULL;
    *run = NULL;
    ls_status status = ls_comm_agree(job->comm, ls_allocate(&made, 1, sizeof *made));
    if (status != LS_OK) {
        ls_release(made);
        return status;
    }
    made->job = *job;
    made->saved = -1;
    LS_TRY_OUT(ls_crew_create(&made->crew, job->comm, job->fit->shard_optimizer));
    struct ls_stepper_options step = ls_fit_stepper(job);
    step.crew = made->crew;
    LS_TRY_OUT(ls_needs_check(&step, job->validation, job->checkpoint != NULL));
    LS_TRY_OUT(ls_comm_agree(job->comm, ls_weights_make(&made->weights, made->crew, job->model)));
    LS_TRY_OUT(ls_stepper_create(&made->stepper, &step));
    if (job->validation)
        LS_TRY_OUT(ls_evaluator_create(&made->evaluator, job->comm, job->model, job->compile,
                                       job->validation));
    LS_TRY_OUT(ls_comm_agree(job->comm, make_partial(made)));
    LS_TRY_OUT(
        ls_comm_agree(job->comm, ls_callbacks_make_kept(made->callbacks, job->model->floats)));
    made->equal = (struct ls_equal){
        .comm = job->comm, .model = job->model, .update = ls_stepper_update(made->stepper)};
    LS_TRY_OUT(ls_comm_agree(job->comm, ls_equal_create(&made->equal)));
    made->state.job = &made->job;
    made->state.steps = ls_stepper_steps(made->stepper);
    made->state.names = made->name;
    made->state.values = made->value;
    made->state.partial = made->partial;
    made->state.update = ls_stepper_update(made->stepper);
    made->state.objective = ls_stepper_objective(made->stepper);
    made->state.evaluator = made->evaluator;
    made->state.count = (made->evaluator ? 2 : 1) * made->names;
    LS_TRY_OUT(ls_comm_agree(job->comm, ls_callbacks_check(made->callbacks, &made->state)));
    made->state.count = 0;
    *run = made;
    return LS_OK;
out:
    ls_fit_free(made);
    return status;
}

ls_status ls_fit_return_weights(struct ls_fit_run *run)
{
    return ls_weights_return(&run->weights, run->crew, run->job.model);
}

/* Without memory for them they are lost. */
static void give_back_weights(struct ls_fit_run *run)
{
    if (run->job.keeps_model && ls_fit_return_weights(run) != LS_OK)
        ls_warn("the model loses its weights: %s", ls_message());
    if (run->weights)
        ls_model_return_weights(run->job.model, NULL);
}

void ls_fit_free(struct ls_fit_run *run)
{
    if (!run)
        return;
    ls_stepper_free(run->stepper);
    ls_evaluator_free(run->evaluator);
    ls_callbacks_free(run->callbacks);
    ls_equal_release(&run->equal);
    for (size_t i = 0; run->val_name && i < run->names; i++)
        ls_release(run->val_name[i]);
    ls_release(run->val_name);
    ls_release(run->name);
    ls_release(run->value);
    ls_release(run->loss);
    ls_release(run->partial);
    give_back_weights(run);
    ls_crew_free(run->crew);
    ls_release(run);
}

struct ls_crew *ls_fit_crew(const struct ls_fit_run *run)
{
    return run->crew;
}

ls_status ls_fit_initialize(struct ls_fit_run *run, uint64_t seed)
{
    return ls_weights_initialize(run->job.model, seed, run->crew, run->job.train);
}

struct ls_update_plan *ls_fit_update(const struct ls_fit_run *run)
{
    return run->state.update;
}

const struct ls_fit_state *ls_fit_state(const struct ls_fit_run *run)
{
    return &run->state;
}

const bool *ls_fit_parted(const struct ls_fit_run *run)
{
    return run->equal.parted ? run->equal.odd : NULL;
}

ls_status ls_fit_probe(const struct ls_fit_run *run, uint64_t *hash)
{
    return ls_stepper_probe(run->stepper, hash);
}

ls_status ls_fit_profile(const struct ls_fit_run *run, struct ls_run_profile *table)
{
    return ls_stepper_profile(run->stepper, table);
}

ls_status ls_fit_try(struct ls_fit_run *run)
{
    struct ls_step_result result;
    if (!run->state.step)
        LS_TRY(ls_comm_agree(run->job.comm, ls_stepper_seek(run->stepper, 0, 0, 0)));
    run->state.step++;
    return ls_stepper_step(run->stepper, LS_OK, (struct ls_request){0}, &result);
}
