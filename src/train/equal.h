/* Whether all ranks hold the same: one whose memory lost a bit trains on wrong numbers, and spoils
 * those of all with its next gradients. */
#ifndef TRAIN_EQUAL_H
#define TRAIN_EQUAL_H

#include "comm/comm.h"
#include "model/graph.h"
#include "train/update.h"

struct ls_equal {
    struct ls_comm *comm;
    const struct ls_model *model;
    struct ls_update_plan *update;
    bool *odd; /* [ranks] once they differ: who has other numbers than most; all, where no number is
                  that of most; owned */
    bool parted;
};

ls_status ls_equal_create(struct ls_equal *equal);
void ls_equal_release(struct ls_equal *equal);

/* LS_FAILED on all ranks, and `parted`, where the weights differ, or with `slots` the optimizer's
 * state; the message names who. Collective. */
ls_status ls_equal_check(struct ls_equal *equal, bool slots, int64_t iteration);

#endif
