/* The update: the optimizer over the weights arena, from the summed gradient. The same bits on
 * every rank, and whether a rank does all of it or the ranks of a crew, which have weights and
 * slots in common, a part each. */
#ifndef TRAIN_UPDATE_H
#define TRAIN_UPDATE_H

#include "comm/crew.h"
#include "model/graph.h"
#include "optimizer/optimizer.h"

struct ls_update_plan;

/* `optimizer` of the compile tree (NULL: Keras' default, rmsprop). The model is built; it and the
 * crew, whose ranks have its weights in common (NULL: this rank alone), outlive the plan. Not
 * collective. */
ls_status ls_update_plan_create(struct ls_update_plan **plan, struct ls_model *model,
                                const struct ls_tree *optimizer, struct ls_crew *crew);
/* Makes the slots, as before the first step. Collective over the crew, which gets one status. */
ls_status ls_update_plan_make_slots(struct ls_update_plan *plan);
/* The bytes that it would take: of slots that a crew has in common, this rank's part. *slots: those
 * of all of the slots. */
ls_status ls_update_plan_bytes(size_t *bytes, size_t *slots, struct ls_model *model,
                               const struct ls_tree *optimizer, const struct ls_crew *crew);
void ls_update_plan_free(struct ls_update_plan *plan);

/* One step: gradient is the arena's sum over replicas, read only; iteration counts the steps before
 * this one. Collective over the crew: begins when all of it are here, and so have read the weights
 * of before; weights and slots are whole at its next wait. */
ls_status ls_update_plan_step(struct ls_update_plan *plan, const float *gradient,
                              int64_t iteration);
/* The end of a training after so many steps: with use_ema the averages become the weights. Doing it
 * again changes nothing. Collective over the crew: all of it is done when it returns. */
ls_status ls_update_plan_finish(struct ls_update_plan *plan, int64_t iteration);
/* The rate of the step that so many came before: the base rate, scaled. The base rate is what Keras
 * calls the optimizer's: its number, or what its schedule says (which goes by steps, accumulated
 * ones too), or what was set. */
double ls_update_plan_learning_rate(const struct ls_update_plan *plan, int64_t iteration);
double ls_update_plan_base_rate(const struct ls_update_plan *plan, int64_t iteration);
/* Whether the optimizer's own is a schedule: then none is to be set. */
bool ls_update_plan_scheduled(const struct ls_update_plan *plan);
/* The base rate of all steps from now on, in place of the optimizer's own. */
void ls_update_plan_set_learning_rate(struct ls_update_plan *plan, double rate);

/* All rates are multiplied by a number that goes linearly from 1, `from` steps done, to `factor`,
 * `steps` later. */
struct ls_rate_scale {
    int64_t from;
    double steps, factor;
};
void ls_update_plan_scale(struct ls_update_plan *plan, struct ls_rate_scale scale);

/* Updates in so many steps: fewer where gradients are accumulated. */
int64_t ls_update_plan_updates(const struct ls_update_plan *plan, int64_t steps);

/* Whether some trainable variable has a regularizer. */
bool ls_update_plan_regularized(const struct ls_update_plan *plan);

/* The slots, for checkpoints: arenas of model->trainable_floats, of a crew's the same on all of its
 * ranks. */
size_t ls_update_plan_slots(const struct ls_update_plan *plan);
const char *ls_update_plan_slot_name(const struct ls_update_plan *plan, size_t slot);
float *ls_update_plan_slot(const struct ls_update_plan *plan, size_t slot);
/* After the last step: the slot in memory of the caller's, who releases it. */
ls_status ls_update_plan_take_slot(struct ls_update_plan *plan, size_t slot, float **taken);

#endif
