/* What happens while a session trains: on rank 0, but for the requests. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "train/session.h"

/* Seconds between looks at the directory, and between writings of status.json and of history.h5. */
static const double look_every = 0.25, tell_every = 2.0, write_every = 1.0;

static bool is_first(const struct ls_session *session)
{
    return ls_comm_rank(session->comm) == 0;
}

/* -- requests */

static struct ls_request request(void *user)
{
    struct ls_session *session = user;
    struct ls_request asked = {0};
    if (session->options->stop)
        asked.stop = *session->options->stop != 0;
    if (!is_first(session))
        return asked;
    double time = ls_seconds();
    if (time - session->looked > look_every) {
        session->looked = time;
        asked.stop |= ls_directory_asked_to_stop(&session->directory);
    }
    const struct ls_checkpoint_options *checkpoint = &session->config.checkpoint;
    asked.save = checkpoint->unit == LS_EVERY_SECONDS && time - session->saved > checkpoint->count;
    return asked;
}

/* -- telling */

static const struct ls_run_observer *observer(const struct ls_session *session)
{
    static const struct ls_run_observer nobody = {0};
    return session->options->observer ? session->options->observer : &nobody;
}

static void update_status(struct ls_session *session, const struct ls_fit_state *state)
{
    struct ls_run_status *status = &session->status;
    status->epoch = state->position.epoch;
    status->step = state->position.epoch * state->steps + state->position.step;
    status->steps = session->config.fit.epochs * state->steps;
}

static ls_status tell_status(struct ls_session *session, enum ls_run_state state)
{
    session->told = ls_seconds();
    session->status.state = state;
    return ls_directory_write_status(&session->directory, &session->status);
}

static void tell_progress(struct ls_session *session, const struct ls_fit_state *state,
                          bool epoch_done)
{
    if (!observer(session)->progress)
        return;
    int64_t batch = session->config.fit.batch_size;
    int64_t missing =
        state->steps * batch - ls_data_samples(session->data.train); /* of the last one */
    int64_t samples = state->steps_here * batch - (state->step == state->steps ? missing : 0);
    struct ls_run_progress progress = {
        .epoch = state->epoch,
        .epochs = session->config.fit.epochs,
        .step = state->step,
        .steps = state->steps,
        .seconds = state->seconds_here,
        .steps_here = state->steps_here,
        .samples_per_second = state->seconds_here > 0 ? (double)samples / state->seconds_here : 0,
        .names = state->names,
        .values = state->values,
        .count = state->count,
        .epoch_done = epoch_done,
    };
    if (epoch_done && state->straggler.rank >= 0) {
        progress.straggler = state->straggler.rank;
        progress.straggler_host = ls_comm_host(session->comm, state->straggler.rank);
        progress.straggler_factor = state->straggler.factor;
    }
    observer(session)->progress(observer(session)->user, &progress);
}

/* Every so often. Who stood still for longer than the watchdog allows was given up by the others,
 * who have written so: he is to be killed in a moment, and does not write that all is well. */
static ls_status tell_running(struct ls_session *session)
{
    double silent = ls_seconds() - session->told;
    if (silent <= tell_every)
        return LS_OK;
    if (session->watchdog && silent > session->config.fit.watchdog) {
        session->told = ls_seconds();
        return LS_OK;
    }
    return tell_status(session, LS_RUN_RUNNING);
}

/* A checkpoint is told of when it is published, not when it is begun. */
static void tell_checkpoint(struct ls_session *session)
{
    char *path = NULL;
    if (session->begun == session->announced || ls_checkpoint_busy(session->writer))
        return;
    session->announced = session->begun;
    if (observer(session)->checkpoint &&
        ls_format(&path, "%s/checkpoints/step-%08lld.h5", session->path,
                  (long long)session->begun) == LS_OK)
        observer(session)->checkpoint(observer(session)->user, path, session->begun);
    ls_release(path);
}

/* -- hooks */

static ls_status on_step(void *user, const struct ls_fit_state *state)
{
    struct ls_session *session = user;
    if (!is_first(session))
        return LS_OK;
    struct ls_history_step record = {state->position.iteration, state->last.loss,
                                     state->last.learning_rate};
    LS_TRY(ls_history_append(session->history, &record));
    tell_progress(session, state, false);
    tell_checkpoint(session);
    update_status(session, state);
    return tell_running(session);
}

/* The best epoch so far, by val_loss where there is one. */
static void find_best(struct ls_session *session)
{
    const struct ls_table *epochs = &session->epochs;
    const char *name = session->data.validation ? "val_loss" : "loss";
    struct ls_run_status *status = &session->status;
    for (size_t c = 0; c < epochs->columns; c++) {
        if (strcmp(epochs->name[c], name) != 0)
            continue;
        snprintf(status->best_name, sizeof status->best_name, "%s", name);
        status->best_epoch = 0;
        for (size_t r = 0; r < epochs->rows; r++) {
            double value = epochs->value[r * epochs->columns + c];
            if (isnan(value) || (status->best_epoch && value >= status->best_value))
                continue;
            status->best_value = value;
            status->best_epoch = (int64_t)r + 1;
        }
    }
}

/* history.h5 is synced to the disk, which costs as much as a short epoch: at most one a second. The
 * end of the session writes the last one. */
static ls_status write_history(struct ls_session *session)
{
    if (ls_seconds() - session->wrote < write_every)
        return LS_OK;
    session->wrote = ls_seconds();
    return ls_history_write(session->history, &session->epochs);
}

static void note_straggler(struct ls_session *session, const struct ls_straggler *straggler)
{
    char *text = session->status.straggler;
    *text = '\0';
    if (straggler->rank >= 0)
        snprintf(text, sizeof session->status.straggler, "rank %d (host %s) %.1fx", straggler->rank,
                 ls_comm_host(session->comm, straggler->rank), straggler->factor);
}

enum { EPOCH_COLUMNS = 3 };

static ls_status on_epoch(void *user, const struct ls_fit_state *state)
{
    struct ls_session *session = user;
    const char **names = NULL;
    double *values = NULL;
    size_t count = EPOCH_COLUMNS + state->count;
    ls_status status;
    if (!is_first(session))
        return LS_OK;
    LS_TRY_OUT(ls_allocate(&names, count, sizeof *names));
    LS_TRY_OUT(ls_allocate(&values, count, sizeof *values));
    names[0] = "epoch", values[0] = (double)(state->epoch + 1);
    names[1] = "seconds", values[1] = state->seconds;
    names[2] = "samples_per_second";
    values[2] = (double)ls_data_samples(session->data.train) / state->seconds;
    memcpy(names + EPOCH_COLUMNS, state->names, state->count * sizeof *names);
    memcpy(values + EPOCH_COLUMNS, state->values, state->count * sizeof *values);
    LS_TRY_OUT(ls_table_append(&session->epochs, names, values, count));
    LS_TRY_OUT(write_history(session));
    find_best(session);
    update_status(session, state);
    note_straggler(session, &state->straggler);
    tell_progress(session, state, true);
out:
    ls_release(names);
    ls_release(values);
    return status;
}

static ls_status identify(void *user, const struct ls_fit_state *state, struct ls_tree **identity)
{
    const struct ls_session *session = user;
    return ls_identity_write(identity, &session->identity, &state->position, session->state);
}

static ls_status on_save(void *user, const struct ls_fit_state *state)
{
    struct ls_session *session = user;
    struct ls_checkpoint checkpoint;
    ls_status status;
    if (!is_first(session))
        return LS_OK;
    LS_TRY_OUT(ls_fit_describe(state, &checkpoint));
    checkpoint.partial = (double *)state->partial;
    checkpoint.partials = state->partials;
    checkpoint.kepts = state->kepts;
    if (state->kepts > 0)
        memcpy(checkpoint.kept, state->kept, state->kepts * sizeof *state->kept);
    checkpoint.epochs = session->epochs;
    LS_TRY_OUT(ls_history_flush(session->history));
    LS_TRY_OUT(ls_checkpoint_begin(session->writer, &checkpoint, state->position.iteration));
    session->begun = state->position.iteration;
out:
    ls_fit_describe_release(&checkpoint);
    session->saved = ls_seconds();
    return status;
}

struct ls_fit_hooks ls_session_hooks(struct ls_session *session)
{
    return (struct ls_fit_hooks){.request = request,
                                 .step = on_step,
                                 .epoch = on_epoch,
                                 .save = on_save,
                                 .identify = identify,
                                 .user = session};
}

/* -- beginning and end */

static void fill_status(struct ls_session *session)
{
    struct ls_run_status *status = &session->status;
    const struct ls_place *place = ls_comm_place(session->comm);
    snprintf(status->host, sizeof status->host, "%s", ls_comm_host(session->comm, 0));
    status->pid = getpid();
    status->ranks = place->size;
    status->nodes = place->nodes;
    status->epochs = session->config.fit.epochs;
}

/* Of weights, slots, and weights that callbacks keep. */
static double shared_bytes(const struct ls_session *session)
{
    const struct ls_model *model = session->model;
    const struct ls_fit_state *state = ls_fit_state(session->fit);
    size_t floats = (1 + state->kepts) * model->floats +
                    ls_update_plan_slots(state->update) * model->trainable_floats;
    return ls_crew_size(ls_fit_crew(session->fit)) > 1 ? (double)floats * sizeof(float) : 0;
}

ls_status ls_session_announce(struct ls_session *session)
{
    const struct ls_place *place = ls_comm_place(session->comm);
    const struct ls_fit_state *state = ls_fit_state(session->fit);
    struct ls_run_start start = {
        .directory = session->path,
        .nodes = place->nodes,
        .ranks = place->size,
        .threads = ls_kernels_threads(),
        .replicas = session->identity.replicas,
        .batch_size = session->config.fit.batch_size,
        .samples = ls_data_samples(session->data.train),
        .validation_samples =
            session->data.validation ? ls_data_samples(session->data.validation) : 0,
        .steps = state->steps,
        .epochs = session->config.fit.epochs,
        .epoch = session->position.epoch,
        .step = session->position.step,
        .kernels = session->identity.kernels.set,
        .resumed_from = session->resumed_from,
        .shared_bytes = shared_bytes(session),
    };
    if (!is_first(session))
        return LS_OK;
    session->saved = ls_seconds();
    fill_status(session);
    find_best(session);
    session->status.step = start.epoch * start.steps + start.step;
    session->status.steps = start.epochs * start.steps;
    session->status.epoch = start.epoch;
    if (observer(session)->start)
        observer(session)->start(observer(session)->user, &start);
    if (ls_comm_fallback(session->comm))
        ls_note("%s", ls_comm_fallback(session->comm));
    if (ls_crew_fallback(ls_fit_crew(session->fit)))
        ls_note("%s", ls_crew_fallback(ls_fit_crew(session->fit)));
    return tell_status(session, LS_RUN_RUNNING);
}

/* Of a start that did no step there is none. A profile that cannot be made costs the run nothing.
 */
static void take_profile(struct ls_session *session)
{
    ls_status status = ls_fit_profile(session->fit, &session->profile);
    if (status == LS_OK && session->profile.count > 0)
        status = ls_history_keep_profile(session->history, &session->profile);
    if (status != LS_OK)
        ls_warn("there is no profile of this start: %s", ls_message());
}

static void tell_profile(const struct ls_session *session)
{
    if (session->profile.count > 0 && observer(session)->profile)
        observer(session)->profile(observer(session)->user, &session->profile);
}

ls_status ls_session_finish(struct ls_session *session, ls_status status)
{
    if (!is_first(session) || !session->writer)
        return status;
    if (status != LS_OK && status != LS_INTERRUPTED)
        snprintf(session->status.message, sizeof session->status.message, "%s", ls_message());
    ls_status last = ls_checkpoint_wait(session->writer);
    if (last == LS_OK) {
        take_profile(session);
        last = ls_history_write(session->history, &session->epochs);
    }
    tell_checkpoint(session);
    tell_profile(session);
    if (status == LS_OK || status == LS_INTERRUPTED)
        status = last == LS_OK ? status : last;
    enum ls_run_state state = status == LS_OK            ? LS_RUN_FINISHED
                              : status == LS_INTERRUPTED ? LS_RUN_STOPPED
                                                         : LS_RUN_FAILED;
    last = tell_status(session, state);
    return status == LS_OK && last != LS_OK ? last : status;
}
