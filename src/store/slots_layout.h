/* The order of an optimizer's slots in Keras' files. */
#ifndef STORE_SLOTS_LAYOUT_H
#define STORE_SLOTS_LAYOUT_H

#include "optimizer/optimizer.h"
#include "store/checkpoint.h"
#include "store/h5.h"

#define LS_SLOTS_NAMED    "/optimizer_weights"
#define LS_SLOTS_NUMBERED "/optimizer/vars"

struct ls_slots_layout {
    struct ls_instance optimizer;
    const char *slot[LS_SLOTS_MAX];
    size_t slots;
    size_t paired;    /* of those, how many stand variable by variable */
    size_t variables; /* that are trained */
};

/* `optimizer` of the checkpoint's or its model's compile; NULL: there is none. */
const struct ls_tree *ls_slots_optimizer(const struct ls_checkpoint *checkpoint);

/* LS_BAD_INPUT for an optimizer that is not known here. Its instance is to be released. */
ls_status ls_slots_layout_make(struct ls_slots_layout *layout,
                               const struct ls_checkpoint *checkpoint);

/* Which slot of which variable is the n-th. */
struct ls_slots_spot {
    size_t slot, variable;
};
struct ls_slots_spot ls_slots_spot(const struct ls_slots_layout *layout, size_t n);

/* Adds GROUP/NAME for each of the names. */
ls_status ls_slots_objects(struct ls_texts *objects, const char *group,
                           const struct ls_texts *names);

#endif
