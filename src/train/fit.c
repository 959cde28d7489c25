#include "train/fit.h"

#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/pulse.h"
#include "kernel/kernels.h"
#include "train/buckets.h"
#include "train/callback.h"
#include "train/common_weights.h"
#include "train/equal.h"
#include "train/evaluator.h"
#include "train/needs.h"

/* The sums of an epoch so far: seconds, samples, each step's losses times its samples, then the
 * objective's. */
enum { PART_SECONDS, PART_SAMPLES, PART_LOSSES };

enum { LOGGED_MAX = 1 }; /* numbers that callbacks add to an epoch's: the learning rate */

struct ls_fit_run {
    struct ls_fit_job job;
    struct ls_crew *crew;
    float *weights; /* the model's, where the crew has them in common; NULL: they are its own */
    struct ls_stepper *stepper;
    struct ls_evaluator *evaluator;
    struct ls_callbacks *callbacks;
    double *partial;
    const char **name; /* loss, metrics, val_loss, val_metrics */
    char **val_name;   /* owned */
    double *value;
    double *loss;  /* the epoch's so far */
    size_t names;  /* of each half */
    size_t losses; /* of these, the first */
    int64_t saved; /* iteration of the last save, or -1 */
    struct ls_equal equal;
    struct ls_fit_state state;
    ls_status pending; /* of this rank's hooks, for the next step */
};

/* -- making */

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

/* -- hooks */

/* Keeps the first failure of this rank; the next step tells it to all. */
static void keep(struct ls_fit_run *run, ls_status status)
{
    if (run->pending == LS_OK)
        run->pending = status;
}

static struct ls_request ask(const struct ls_fit_run *run)
{
    const struct ls_fit_hooks *hooks = run->job.hooks;
    return hooks && hooks->request ? hooks->request(hooks->user) : (struct ls_request){0};
}

static void call_hook(struct ls_fit_run *run,
                      ls_status (*hook)(void *user, const struct ls_fit_state *state))
{
    ls_pulse_begin(LS_PULSE_WORK, "telling how it goes, and writing it down");
    if (hook && run->pending == LS_OK)
        keep(run, hook(run->job.hooks->user, &run->state));
}

static void call_callbacks(struct ls_fit_run *run, enum ls_callback_event event)
{
    bool stop = false;
    ls_pulse_begin(LS_PULSE_WORK, "callbacks");
    ls_callbacks_call(run->callbacks, event, &run->state, &run->pending, &stop);
    if (stop)
        run->state.position.ended = run->job.fit->epochs;
}

/* Ranks that have weights in common move them together, or, where one has failed, not at all. */
static ls_status move_weights(struct ls_fit_run *run)
{
    if (run->state.kepts > 0 && run->job.fit->shard_optimizer)
        LS_TRY(ls_comm_agree(run->job.comm, run->pending));
    return ls_callbacks_move_weights(run->callbacks, run->job.model);
}

static bool is_over(const struct ls_fit_run *run)
{
    return ls_position_is_last(&run->state.position, run->job.fit->epochs);
}

/* Weights that are not finite are never saved, nor what a training ends with; all ranks hold the
 * same, so all find out here. */
static ls_status check_weights(const struct ls_fit_run *run)
{
    const struct ls_model *model = run->job.model;
    if (ls_k->find_nonfinite(model->weights, model->floats) == model->floats)
        return LS_OK;
    size_t at = ls_k->find_nonfinite(model->weights, model->floats);
    for (size_t i = 0; i < ls_model_variables(model); i++) {
        struct ls_variable_at v = ls_model_variable(model, i);
        if (at >= v.variable->offset && at < v.variable->offset + ls_variable_count(v.variable))
            return ls_fail(LS_FAILED,
                           "after step %lld: weights of %s/%s are not finite (NaN or "
                           "infinity): the training diverged",
                           (long long)run->state.position.iteration, v.layer->path,
                           v.variable->name);
    }
    return LS_OK;
}

/* What a checkpoint holds is rank 0's: it is proved to be everybody's. */
static ls_status save(struct ls_fit_run *run)
{
    if (run->saved == run->state.position.iteration)
        return LS_OK;
    if (run->job.fit->verify > 0)
        LS_TRY(ls_equal_check(&run->equal, true, run->state.position.iteration));
    LS_TRY(ls_comm_agree(run->job.comm, check_weights(run)));
    run->saved = run->state.position.iteration;
    if (run->job.hooks && run->job.hooks->save)
        call_hook(run, run->job.hooks->save);
    return LS_OK;
}

/* What a training ends with is saved once, when callbacks have had their last word on it. */
static ls_status save_unless_over(struct ls_fit_run *run)
{
    return is_over(run) ? LS_OK : save(run);
}

/* -- the loop */

static void add_step(struct ls_fit_run *run, const struct ls_step_result *result)
{
    double *partial = run->partial, *sums = partial + PART_LOSSES + run->losses;
    const struct ls_objective *objective = ls_stepper_objective(run->stepper);
    partial[PART_SAMPLES] += (double)result->rows;
    for (size_t i = 0; i < run->losses; i++) {
        partial[PART_LOSSES + i] += result->losses[i] * (double)result->rows;
        run->loss[i] = partial[PART_LOSSES + i] / partial[PART_SAMPLES];
    }
    for (size_t i = 0; i < ls_objective_doubles(objective); i++)
        sums[i] += result->sums[i];
    ls_objective_values(objective, sums, run->loss, run->value);
    run->state.count = run->names;
}

/* All ranks hold the same weights, or the run ends here and names who does not. */
static ls_status verify(struct ls_fit_run *run)
{
    int64_t every = run->job.fit->verify, iteration = run->state.position.iteration;
    if (every == 0 || iteration % every != 0)
        return LS_OK;
    LS_TRY(ls_equal_check(&run->equal, false, iteration));
    return check_weights(run);
}

static bool save_is_due(const struct ls_fit_run *run, const struct ls_step_result *result)
{
    const struct ls_checkpoint_options *checkpoint = run->job.checkpoint;
    int64_t iteration = run->state.position.iteration;
    if (!checkpoint)
        return false;
    return result->asked.save ||
           (checkpoint->unit == LS_EVERY_STEPS && iteration % (int64_t)checkpoint->count == 0);
}

/* When an epoch began, in this process. */
struct beginning {
    double seconds; /* ls_seconds() */
    double before;  /* the epoch's, in processes before this one */
    double waited;  /* ls_pulse_waited() */
};

static void clock_epoch(struct ls_fit_run *run, const struct beginning *began)
{
    run->state.seconds_here = ls_seconds() - began->seconds;
    run->state.seconds = run->partial[PART_SECONDS] = began->before + run->state.seconds_here;
}

static ls_status finish_epoch(struct ls_fit_run *run, const struct beginning *began)
{
    const struct ls_checkpoint_options *checkpoint = run->job.checkpoint;
    const double waited = ls_pulse_waited() - began->waited;
    LS_TRY(ls_straggler_agree(&run->state.straggler, run->job.comm,
                              ls_seconds() - began->seconds - waited));
    run->state.position.step = 0;
    run->state.position.epoch++;
    if (run->evaluator) {
        LS_TRY(ls_evaluator_run(run->evaluator, run->value + run->names));
        run->state.count = 2 * run->names;
    }
    clock_epoch(run, began);
    call_callbacks(run, LS_CALLBACK_EPOCH_END); /* may log more */
    LS_TRY(move_weights(run));
    if (run->job.hooks)
        call_hook(run, run->job.hooks->epoch);
    memset(run->partial, 0, run->state.sums * sizeof *run->partial);
    if (checkpoint && checkpoint->unit == LS_EVERY_EPOCHS &&
        run->state.position.epoch % (int64_t)checkpoint->count == 0)
        LS_TRY(save_unless_over(run));
    return LS_OK;
}

/* A loss that is not finite fails the training, unless a callback makes it the end of one; where
 * ranks hold other weights than others, that is the cause. */
static ls_status step(struct ls_fit_run *run)
{
    ls_pulse_step(run->state.position.iteration + 1);
    ls_status status = ls_stepper_step(run->stepper, run->pending, ask(run), &run->state.last);
    if (!run->state.last.diverged)
        return status;
    if (run->job.fit->verify > 0)
        LS_TRY(ls_equal_check(&run->equal, false, run->state.position.iteration));
    call_callbacks(run, LS_CALLBACK_DIVERGED);
    return run->state.position.ended ? LS_OK : status;
}

static ls_status run_epoch(struct ls_fit_run *run)
{
    struct ls_fit_state *state = &run->state;
    const struct beginning began = {ls_seconds(), run->partial[PART_SECONDS], ls_pulse_waited()};
    state->epoch = state->position.epoch;
    state->steps_here = 0;
    state->step = state->position.step;
    if (state->step == 0) {
        state->count = 0;
        call_callbacks(run, LS_CALLBACK_EPOCH_BEGIN);
    }
    while (state->step < state->steps && !is_over(run)) {
        LS_TRY(step(run));
        if (state->last.diverged)
            break;
        add_step(run, &state->last);
        state->step++;
        state->steps_here++;
        state->position.step = state->step;
        state->position.iteration++;
        clock_epoch(run, &began);
        LS_TRY(verify(run));
        if (run->job.hooks)
            call_hook(run, run->job.hooks->step);
        call_callbacks(run, LS_CALLBACK_STEP_END);
        bool last = state->step == state->steps, due = save_is_due(run, &state->last);
        if (last)
            LS_TRY(finish_epoch(run, &began));
        if (due || state->last.asked.stop)
            LS_TRY(save_unless_over(run));
        if (state->last.asked.stop && !is_over(run)) {
            LS_TRY(ls_comm_agree(run->job.comm, run->pending));
            return ls_fail(LS_INTERRUPTED, "stopped");
        }
    }
    return LS_OK;
}

static ls_status run_epochs(struct ls_fit_run *run)
{
    const struct ls_position *position = &run->state.position;
    call_callbacks(run, LS_CALLBACK_TRAIN_BEGIN);
    LS_TRY(ls_comm_agree(run->job.comm, run->pending));
    while (!is_over(run))
        LS_TRY(run_epoch(run));
    /* Before the callbacks, as in Keras: weights that one restores are not averaged. */
    LS_TRY(ls_update_plan_finish(run->state.update, position->before + position->iteration));
    call_callbacks(run, LS_CALLBACK_FINISH);
    LS_TRY(move_weights(run));
    if (position->ended)
        run->saved = -1; /* a checkpoint of this very step does not know of the end */
    LS_TRY(save(run));
    return ls_comm_agree(run->job.comm, run->pending);
}

/* The warm-up is of the run: steps before it, in the file that it began with, do not count. */
static void scale_rate(const struct ls_fit_run *run)
{
    const struct ls_fit_options *fit = run->job.fit;
    const struct ls_rate_scaling *scaling = fit->scale_learning_rate.options;
    if (!scaling)
        return;
    ls_update_plan_scale(run->state.update,
                         (struct ls_rate_scale){
                             .from = run->state.position.before,
                             .steps = scaling->warmup_epochs * (double)run->state.steps,
                             .factor = (double)fit->batch_size / (double)scaling->base_batch_size,
                         });
}

/* Gradients that are accumulated over more steps than there are never come to an update. */
static void warn_of_no_update(const struct ls_fit_run *run)
{
    const struct ls_update_plan *update = run->state.update;
    const int64_t before = run->state.position.before;
    const int64_t steps = run->job.fit->epochs * run->state.steps;
    if (ls_comm_rank(run->job.comm) == 0 && steps > 0 &&
        ls_update_plan_updates(update, before + steps) == ls_update_plan_updates(update, before))
        ls_warn("the run ends before its first update: its %lld step%s are fewer than "
                "gradient_accumulation_steps (fewer of those, or more epochs, train)",
                (long long)steps, steps == 1 ? "" : "s");
}

static ls_status take_partial(struct ls_fit_run *run, const double *partial, size_t partials)
{
    if (partial && partials != run->state.partials && partials != run->state.sums)
        return ls_fail(LS_BAD_INPUT,
                       "the checkpoint's partial sums are of other metrics or callbacks");
    if (partial)
        memcpy(run->partial, partial, partials * sizeof *partial);
    return LS_OK;
}

ls_status ls_fit_go(struct ls_fit_run *run, struct ls_position position, const double *partial,
                    size_t partials)
{
    struct ls_comm *comm = run->job.comm;
    run->state.position = position;
    run->state.epoch = position.epoch;
    run->state.step = position.step;
    run->saved = position.iteration > 0 ? position.iteration : -1;
    scale_rate(run);
    LS_TRY(take_partial(run, partial, partials));
    if (is_over(run)) {
        LS_TRY(save(run));
        return ls_comm_agree(comm, run->pending);
    }
    run->state.position.ended = 0; /* there are more epochs now */
    warn_of_no_update(run);
    if (position.steered)
        ls_update_plan_set_learning_rate(run->state.update, position.learning_rate);
    LS_TRY(ls_comm_agree(comm, ls_stepper_seek(run->stepper, position.epoch, position.step,
                                               position.before + position.iteration)));
    ls_status status = run_epochs(run);
    ls_status last = ls_callbacks_end(run->callbacks, &run->state, status);
    return status == LS_OK ? ls_comm_agree(comm, last) : status;
}
