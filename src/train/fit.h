/* The loop over epochs and steps, with all that happens between: validation, saving, stopping. It
 * knows no files: a run's directory hangs on to it by its hooks. */
#ifndef TRAIN_FIT_H
#define TRAIN_FIT_H

#include "store/checkpoint.h"
#include "train/options.h"
#include "train/step.h"
#include "train/straggler.h"

/* Where a run stands: `step` steps of `epoch` are done (0 <= step < steps), `iteration` in all; the
 * optimizer did `before` steps more, in the file that the run began with. A callback that ends the
 * training leaves there, in `ended`, of how many epochs it was to be; 0: none did. With more epochs
 * than that it goes on. */
struct ls_position {
    int64_t epoch, step, iteration;
    int64_t before;
    int64_t ended;
    bool
        steered; /* callbacks have set the learning rate: it is this one, not the optimizer's own */
    double learning_rate;
};
static inline bool ls_position_is_last(const struct ls_position *position, int64_t epochs)
{
    return position->epoch >= epochs || (position->ended > 0 && position->ended >= epochs);
}

struct ls_evaluator;
struct ls_fit_state;

/* All hooks are called on every rank at the same points; their status may differ between ranks: the
 * next step makes it everybody's. NULL: nothing to do. */
struct ls_fit_hooks {
    struct ls_request (*request)(void *user); /* before each step: what this rank asks */
    ls_status (*step)(void *user, const struct ls_fit_state *state);
    ls_status (*epoch)(void *user, const struct ls_fit_state *state);
    ls_status (*save)(void *user,
                      const struct ls_fit_state *state); /* position is where to go on */
    /* The state (identity and position) of a model that a callback writes, in new memory. */
    ls_status (*identify)(void *user, const struct ls_fit_state *state, struct ls_tree **identity);
    void *user;
};

struct ls_fit_job {
    struct ls_comm *comm;
    struct ls_model *model; /* its weights, where it has some, are those to start from */
    const struct ls_tree *compile;
    struct ls_data *train, *validation; /* validation: or NULL */
    const struct ls_fit_options *fit;
    const struct ls_checkpoint_options *checkpoint; /* NULL: save is never called */
    int64_t replicas;
    const struct ls_fit_hooks *hooks;
    const char *directory;           /* of the run, where callbacks write; NULL: there is none */
    const struct ls_tree *callbacks; /* where fit->callbacks stand, for messages; or NULL */
    bool profile;                    /* on this rank */
    bool keeps_model; /* the model has weights of its own again when the run is freed: someone goes
                         on with it */
};

/* Of the steps that it will do. */
struct ls_stepper_options ls_fit_stepper(const struct ls_fit_job *job);

/* What the hooks see. */
struct ls_fit_state {
    const struct ls_fit_job *job;
    struct ls_position position; /* after the step; after an epoch: step 0 of the next */
    int64_t epoch;               /* that the numbers below are of */
    int64_t steps, step;         /* an epoch has; done of it */
    int64_t steps_here;          /* of those, done by this process */
    double seconds;              /* of the epoch, in this process and before */
    double seconds_here;
    struct ls_step_result last;    /* of the last step */
    struct ls_straggler straggler; /* after an epoch: of its steps in this process */
    const char **names; /* loss, metrics; after an epoch val_loss, ... and what callbacks log */
    double *values;     /* over the epoch so far */
    size_t count;
    const double *partial; /* for a checkpoint: `sums` sums of the epoch so far, then the states of
                              the callbacks */
    size_t sums, partials;
    float *const *kept; /* the weights that callbacks keep, in a checkpoint too: arenas of
                           model->floats */
    size_t kepts;
    struct ls_update_plan *update;
    const struct ls_objective *objective;
    struct ls_evaluator *evaluator; /* of the validation; NULL: there is none */
};

/* -- fit_state.c: what callbacks do with it */

/* The learning rate of the next step, as Keras has it: a float32. */
double ls_fit_learning_rate(const struct ls_fit_state *state);
/* That of all steps from the next one on, over a resume too; rounded to float32. */
void ls_fit_steer(struct ls_fit_state *state, double rate);
/* Adds the learning rate to the epoch's names and values, or takes the present one, where another
 * callback did so. */
void ls_fit_log_learning_rate(struct ls_fit_state *state);

/* The model as it is now, for a file: weights, optimizer's state, `compile` with the present
 * learning rate, and what the hook `identify` says. On rank 0. Released with
 * ls_fit_describe_release, also after a failure. */
ls_status ls_fit_describe(const struct ls_fit_state *state, struct ls_checkpoint *checkpoint);
void ls_fit_describe_release(struct ls_checkpoint *checkpoint);
/* Puts the learning rate that callbacks set into `compile`; where they set none, nothing happens.
 */
ls_status ls_fit_put_learning_rate(const struct ls_fit_state *state, struct ls_tree *compile);

struct ls_fit_run;

/* Collective. Weights and the optimizer's slots (ls_fit_update) may be filled before ls_fit_go;
 * where fit->shard_optimizer is set the ranks of a crew have them in common, and its leader fills
 * them. */
ls_status ls_fit_create(struct ls_fit_run **run, const struct ls_fit_job *job);
/* Not collective, when the training is over on all ranks. */
void ls_fit_free(struct ls_fit_run *run);
/* Gives the model weights of its own now, where it keeps them; the run only needs to be freed. Not
 * collective, when the training is over on all ranks. */
ls_status ls_fit_return_weights(struct ls_fit_run *run);
/* Initial weights (ls_model_initialize), and what adapts to the data to train on. Collective. */
ls_status ls_fit_initialize(struct ls_fit_run *run, uint64_t seed);
struct ls_crew *ls_fit_crew(const struct ls_fit_run *run);
struct ls_update_plan *ls_fit_update(const struct ls_fit_run *run);
const struct ls_fit_state *ls_fit_state(const struct ls_fit_run *run);
/* [ranks] where the training ended since ranks held other numbers than others: who; else NULL. */
const bool *ls_fit_parted(const struct ls_fit_run *run);
/* As ls_stepper_probe and ls_stepper_profile. */
ls_status ls_fit_probe(const struct ls_fit_run *run, uint64_t *hash);
ls_status ls_fit_profile(const struct ls_fit_run *run, struct ls_run_profile *table);

/* What the job makes of a step. */
struct ls_stepper_options ls_fit_stepper(const struct ls_fit_job *job);
/* Trains a step, from the first one on, for who wants to know how long one takes: nothing else
 * happens, and the run is good for nothing but more of these. Collective. */
ls_status ls_fit_try(struct ls_fit_run *run);

/* Goes on from a position with the sums of the epoch so far (NULL: from its beginning) and the
 * callbacks' states (partials == sums: they begin anew) to the last epoch, or until a callback ends
 * it. LS_INTERRUPTED: stopped and saved. Collective. */
ls_status ls_fit_go(struct ls_fit_run *run, struct ls_position position, const double *partial,
                    size_t partials);

#endif
