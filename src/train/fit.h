/* The loop over epochs and steps, with all that happens between: validation, saving, stopping. It
 * knows no files: a run's directory hangs on to it by its hooks. */
#ifndef TRAIN_FIT_H
#define TRAIN_FIT_H

#include "train/options.h"
#include "train/step.h"

/* Where a run stands: `step` steps of `epoch` are done (0 <= step < steps), `iteration` in all; the
 * optimizer did `before` steps more, in the file that the run began with. A callback that ends the
 * training leaves there, in `ended`, of how many epochs it was to be; 0: none did. With more epochs
 * than that it goes on. */
struct ls_position {
    int64_t epoch, step, iteration;
    int64_t before;
    int64_t ended;
};
static inline bool ls_position_is_last(const struct ls_position *position, int64_t epochs)
{
    return position->epoch >= epochs || (position->ended > 0 && position->ended >= epochs);
}

struct ls_fit_state;

/* All hooks are called on every rank at the same points; their status may differ between ranks: the
 * next step makes it everybody's. NULL: nothing to do. */
struct ls_fit_hooks {
    struct ls_request (*request)(void *user); /* before each step: what this rank asks */
    ls_status (*step)(void *user, const struct ls_fit_state *state);
    ls_status (*epoch)(void *user, const struct ls_fit_state *state);
    ls_status (*save)(void *user,
                      const struct ls_fit_state *state); /* position is where to go on */
    void *user;
};

struct ls_fit_job {
    struct ls_comm *comm;
    struct ls_model *model; /* with the weights to start from */
    const struct ls_tree *compile;
    struct ls_data *train, *validation; /* validation: or NULL */
    const struct ls_fit_options *fit;
    const struct ls_checkpoint_options *checkpoint; /* NULL: save is never called */
    int64_t replicas;
    const struct ls_fit_hooks *hooks;
    bool profile; /* on this rank */
};

/* What the hooks see. */
struct ls_fit_state {
    const struct ls_fit_job *job;
    struct ls_position position; /* after the step; after an epoch: step 0 of the next */
    int64_t epoch;               /* that the numbers below are of */
    int64_t steps, step;         /* an epoch has; done of it */
    int64_t steps_here;          /* of those, done by this process */
    double seconds;              /* of the epoch, in this process and before */
    double seconds_here;
    struct ls_step_result last; /* of the last step */
    const char *const *names;   /* loss, metrics; after an epoch val_loss, ... behind them */
    const double *values;       /* over the epoch so far */
    size_t count;
    const double *partial; /* for a checkpoint: `sums` sums of the epoch so far, then the states of
                              the callbacks */
    size_t sums, partials;
    struct ls_update_plan *update;
};

struct ls_fit_run;

/* Collective. The slots of the optimizer (ls_fit_update) may be filled before ls_fit_run. */
ls_status ls_fit_create(struct ls_fit_run **run, const struct ls_fit_job *job);
void ls_fit_free(struct ls_fit_run *run);
struct ls_update_plan *ls_fit_update(const struct ls_fit_run *run);
const struct ls_fit_state *ls_fit_state(const struct ls_fit_run *run);
/* As ls_stepper_probe and ls_stepper_profile. */
ls_status ls_fit_probe(const struct ls_fit_run *run, uint64_t *hash);
ls_status ls_fit_profile(const struct ls_fit_run *run, struct ls_run_profile *table);

/* Goes on from a position with the sums of the epoch so far (NULL: from its beginning) and the
 * callbacks' states (partials == sums: they begin anew) to the last epoch, or until a callback ends
 * it. LS_INTERRUPTED: stopped and saved. Collective. */
ls_status ls_fit_go(struct ls_fit_run *run, struct ls_position position, const double *partial,
                    size_t partials);

#endif
