#include "train/fit.h"

#include <string.h>

#include "base/clock.h"
#include "base/pulse.h"
#include "kernel/kernels.h"
#include "train/fit_inside.h"

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
