/* One training step: every local replica's slice forward and backward, the combine, the update. */
#ifndef TRAIN_STEP_H
#define TRAIN_STEP_H

#include "comm/combine.h"
#include "train/objective.h"
#include "train/profile.h"
#include "train/update.h"

struct ls_stepper;

struct ls_stepper_options {
    struct ls_comm *comm;
    struct ls_model *model;
    const struct ls_tree *compile;
    struct ls_data *data; /* to train on */
    int64_t batch_size, replicas;
    uint64_t seed;
    enum ls_shuffle shuffle;
    const struct ls_tree *class_weight; /* as struct ls_fit_options has it */
    int64_t bucket_bytes; /* of gradients that are summed between ranks together; 0: all */
    bool fast;            /* struct ls_combine_options */
    bool own_statistics;  /* of each replica, not of the global batch (BatchNormalization) */
    bool profile;         /* on this rank: may differ between ranks */
    struct ls_crew
        *crew; /* whose ranks have weights and slots in common; NULL: each rank its own */
    enum ls_wire wire;
};

/* Collective. All that is given must outlive it, and the model's weights are there. */
ls_status ls_stepper_create(struct ls_stepper **stepper, const struct ls_stepper_options *options);
void ls_stepper_free(struct ls_stepper *stepper);

const struct ls_objective *ls_stepper_objective(const struct ls_stepper *stepper);
struct ls_update_plan *ls_stepper_update(const struct ls_stepper *stepper);
int64_t ls_stepper_steps(const struct ls_stepper *stepper); /* an epoch */
/* Where the time of the steps so far went (train/profile.h: ls_profile_table_release); nothing when
 * it was not asked for. Measures the peak, which takes a moment. */
ls_status ls_stepper_profile(const struct ls_stepper *stepper, struct ls_run_profile *table);

/* The plan that trains, and the times of its steps so far (NULL where they were not asked for), for
 * who measures more steps than an epoch's. */
const struct ls_plan *ls_stepper_plan(const struct ls_stepper *stepper);
struct ls_profile *ls_stepper_times(const struct ls_stepper *stepper);

/* What the kernels of this process compute, as a hash: one pass of the plan that trains, from fixed
 * numbers (ls_plan_probe), before the first step. The weights stay as they are. *hash: what it
 * begins with. Collective over the crew; each rank's status is its own. */
ls_status ls_stepper_probe(const struct ls_stepper *stepper, uint64_t *hash);

/* The next step will be `step` of `epoch`; the optimizer did `iteration` steps before it, ever. */
ls_status ls_stepper_seek(struct ls_stepper *stepper, int64_t epoch, int64_t step,
                          int64_t iteration);

/* What this rank asks of all at this step, and what some rank asked: seen by all at the same step.
 */
struct ls_request {
    bool stop; /* save and leave */
    bool save;
};

struct ls_step_result {
    int64_t rows;               /* of the global batch */
    double loss, learning_rate; /* loss with the regularizers' penalty */
    const double *losses;       /* that loss and each output's, as ls_objective_loss gives them */
    const double *sums;    /* of the objective, over the global batch; valid until the next step */
    const float *gradient; /* the arena's sum over replicas, without what weight regularizers add;
                              valid until the next step */
    struct ls_request asked;
    bool diverged; /* the step failed for nothing but a loss that is not finite */
};

/* Collective. `mine` is this rank's status before the step: another than LS_OK ends the training on
 * all ranks with its message. On failure the weights are as before the step. */
ls_status ls_stepper_step(struct ls_stepper *stepper, ls_status mine, struct ls_request request,
                          struct ls_step_result *result);

#endif
