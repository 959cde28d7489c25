/* A training from within: fit_make.c makes what fit.c runs. */
#ifndef TRAIN_FIT_INSIDE_H
#define TRAIN_FIT_INSIDE_H

#include "train/callback.h"
#include "train/equal.h"
#include "train/evaluator.h"
#include "train/fit.h"

/* The sums of an epoch so far: seconds, samples, each step's losses times its samples, then the
 * objective's. */
enum { PART_SECONDS, PART_SAMPLES, PART_LOSSES };

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

#endif
