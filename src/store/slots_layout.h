/* The order of an optimizer's slots in Keras' files. */
#ifndef STORE_SLOTS_LAYOUT_H
#define STORE_SLOTS_LAYOUT_H

#include "optimizer/optimizer.h"
#include "store/checkpoint.h"
#include "store/h5.h"

#define LS_SLOTS_NAMED    "/optimizer_weights"
#define LS_SLOTS_NUMBERED "/optimizer/vars"

/* Which slot of which variable. */
struct ls_slots_spot {
    size_t slot, variable;
};

struct ls_slots_layout {
    struct ls_instance optimizer;
    struct ls_optimizer_slots slots;
    struct ls_slots_spot *spot; /* in the file's order */
    size_t spots;
    bool scalar; /* a number of the optimizer's stands behind them */
};

/* `optimizer` of the checkpoint's or its model's compile; NULL: there is none. */
const struct ls_tree *ls_slots_optimizer(const struct ls_checkpoint *checkpoint);

/* by_slot: of an optimizer of old, which pairs no slots. LS_BAD_INPUT for an optimizer that is not
 * known here. To be released. */
ls_status ls_slots_layout_make(struct ls_slots_layout *layout,
                               const struct ls_checkpoint *checkpoint, bool by_slot);
void ls_slots_layout_release(struct ls_slots_layout *layout);

/* How many numbers stand before the slots: iteration, learning_rate where it is a number. */
static inline size_t ls_slots_head(const struct ls_slots_layout *layout)
{
    return ls_optimizer_holds_rate(&layout->optimizer) ? 2 : 1;
}

/* Adds GROUP/NAME for each of the names. */
ls_status ls_slots_objects(struct ls_texts *objects, const char *group,
                           const struct ls_texts *names);

#endif
