/* The update plan, for the files that make it and that step by it. */
#ifndef TRAIN_UPDATE_INSIDE_H
#define TRAIN_UPDATE_INSIDE_H

#include "train/update.h"

/* A range of the arena that is updated in one call: one variable, or all of them between two that
 * stand alone because they have a regularizer; each stands alone where norms or steps go by
 * variable. */
struct piece {
    size_t offset, floats;
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
    struct ls_instance optimizer;
    struct ls_rate_scale scale; /* of the learning rate */
    struct ls_optimizer_slots slots;
    float *slot[LS_ALL_SLOTS_MAX];
    struct piece *piece;
    size_t pieces;
    struct gap *gap; /* one a trainable variable */
    size_t gaps;
    const struct ls_variable **constrained;
    size_t constraints;
    double *norms; /* room of the constraints */
    bool regularized;
    bool steered; /* the rate is `rate`, not the optimizer's own */
    double rate;
    float *changed; /* the gradient of a piece with all that is added to it, or clipped; or NULL */
    double *square; /* of the pieces' gradients, for their norm; or NULL */
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

static inline bool accumulates(const struct ls_update_plan *plan)
{
    return plan->slots.accumulator != SIZE_MAX;
}

#endif
