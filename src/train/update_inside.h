/* The update plan, for the files that make it and that step by it. */
#ifndef TRAIN_UPDATE_INSIDE_H
#define TRAIN_UPDATE_INSIDE_H

#include "train/update.h"

/* A range of the arena that is updated in one call: one variable that stands alone, because it has
 * a regularizer or a constraint, or all of them between two that do; each stands alone where norms
 * or steps go by variable. */
struct piece {
    size_t offset, floats;
    size_t number; /* among the pieces of all ranks of the crew */
    bool whole;    /* it stands alone, and is one rank's; else it may be cut at cache lines */
    const struct ls_variable *regularized; /* it has a regularizer; or NULL */
    const struct ls_shape *shape;
    int way;
    double decay; /* of the weights; NaN: none */
};

/* What is behind a variable in the arena, up to where the next begins: zeros. */
struct gap {
    size_t offset, floats;
};

struct ls_update_plan {
    struct ls_model *model;
    struct ls_crew *crew; /* whose ranks do a part each; NULL: this rank does all */
    struct ls_instance optimizer;
    struct ls_rate_scale scale; /* of the learning rate */
    struct ls_optimizer_slots slots;
    float *slot[LS_ALL_SLOTS_MAX];
    struct piece *piece; /* this rank's, in the order of the arena */
    size_t pieces;
    size_t all_pieces; /* of all ranks of the crew */
    struct gap *gap;   /* one a trainable variable that ends in a piece of this rank's */
    size_t gaps;
    const struct ls_variable **constrained;
    size_t constraints;
    double *norms; /* room of the constraints */
    bool regularized;
    bool steered; /* the rate is `rate`, not the optimizer's own */
    double rate;
    float *changed; /* the gradient of a piece with all that is added to it, or clipped; or NULL */
    double *square; /* of all pieces' gradients, for their norm: the crew's; or NULL */
    float *room;    /* the kind's */
};

static inline const struct ls_optimizer_kind *kind_of(const struct ls_update_plan *plan)
{
    return ls_optimizer_kind(&plan->optimizer);
}

static inline const struct ls_optimizer_common *common_of(const struct ls_update_plan *plan)
{
    return ls_optimizer_common(&plan->optimizer);
}

/* Leaves the plan with what is rank `rank`'s of `size` in its pieces, gaps and constrained
 * variables: whole pieces dealt by size, of the others so many cache lines each
 * (update_divide.c). */
ls_status ls_update_plan_divide(struct ls_update_plan *plan, int rank, int size);

static inline bool accumulates(const struct ls_update_plan *plan)
{
    return plan->slots.accumulator != SIZE_MAX;
}

#endif
