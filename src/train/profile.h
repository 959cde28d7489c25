/* Where the time of training steps goes: one stopwatch goes through a step, from part to part, so
 * that the parts add up to the whole. It touches no number that is trained with. */
#ifndef TRAIN_PROFILE_H
#define TRAIN_PROFILE_H

#include "comm/combine.h"
#include "lockstep/run.h"
#include "model/plan.h"

struct ls_profile {
    struct ls_stopwatch watch;
    struct ls_plan_times plan;
    struct ls_combine_times combine;
    double optimizer, data, rest; /* data: waiting for a batch */
    double between;               /* from the end of one step to the next of the same epoch */
    size_t calls;                 /* of the plan */
    int64_t steps;
    bool warm; /* the first step of all is not counted any more */
};

/* Of a plan's runs (their `times` is &profile->plan). */
ls_status ls_profile_create(struct ls_profile **profile, const struct ls_plan *plan);
void ls_profile_free(struct ls_profile *profile);

/* Begins all sums anew, with the next step. */
void ls_profile_clear(struct ls_profile *profile);

/* Begins a step. The first one makes memory and warms up: the second begins all sums anew. */
void ls_profile_begin(struct ls_profile *profile, bool epoch_begins);

/* What is told and kept, in new memory; rows is NULL when there were no steps. `peak`: GFLOPS. */
ls_status ls_profile_table(struct ls_run_profile *table, const struct ls_profile *profile,
                           const struct ls_plan *plan, double peak);
void ls_profile_table_release(struct ls_run_profile *table);

#endif
