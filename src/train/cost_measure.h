/* The trial that feeds the model of cost (train/cost.h). */
#ifndef TRAIN_COST_MEASURE_H
#define TRAIN_COST_MEASURE_H

#include "train/cost.h"
#include "train/step.h"

struct ls_cost_trial {
    struct ls_cost_step step; /* of the slowest rank, the same on all */
    struct ls_cost_bucket *bucket;
};

/* Trains with slices of `rows` samples for some 1.5 seconds, on every rank of options->comm at once
 * and each for itself, so that all of a node's cores and its memory are as busy as they will be;
 * without any combine. Takes the fastest third. The model's weights are others afterwards. Of the
 * options those of the batch and of the replicas are not looked at. Collective. */
ls_status ls_cost_measure(struct ls_cost_trial *trial, const struct ls_stepper_options *options,
                          int64_t rows);
void ls_cost_trial_release(struct ls_cost_trial *trial);

#endif
