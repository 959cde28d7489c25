/* What a step is made of that takes next to no memory: what is measured, which columns are read,
 * and the plan. For the stepper, and for who wants to know what that will take (train/needs.h). */
#ifndef TRAIN_STEP_LAYOUT_H
#define TRAIN_STEP_LAYOUT_H

#include "train/step.h"

struct ls_step_layout {
    struct ls_objective *objective;
    struct ls_columns columns;
    struct ls_plan *plan;
};

/* The rows of the largest slice. */
int64_t ls_step_rows(const struct ls_stepper_options *options);
/* What the plan calls, as struct ls_plan_options has it; NULL where no step will be done. */
struct ls_step_calls {
    void (*loss)(void *user, struct ls_plan_run *run);
    void (*count)(void *user, struct ls_plan_run *run); /* where a loss asks for it */
};
/* Not collective. On failure there is nothing to release. */
ls_status ls_step_layout_create(struct ls_step_layout *layout,
                                const struct ls_stepper_options *options,
                                const struct ls_step_calls *calls);
void ls_step_layout_release(struct ls_step_layout *layout);

/* Of the rank with these replicas. */
struct ls_loader_options ls_step_loader(const struct ls_stepper_options *options,
                                        const struct ls_columns *columns, struct ls_range local);
struct ls_combine_options ls_step_combine(const struct ls_stepper_options *options,
                                          const struct ls_step_layout *layout);
/* How many runs a rank with so many replicas has: the activations of that many are in memory. */
size_t ls_step_runs(const struct ls_plan *plan, int64_t replicas);

/* What is summed beside the gradients: what ranks have to tell each other, then the objective's. */
enum { LS_SUM_FAULT, LS_SUM_STOP, LS_SUM_SAVE, LS_SUM_OBJECTIVE };

#endif
