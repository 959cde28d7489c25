/* The data of a run: what it trains on, and what it is validated on. */
#ifndef TRAIN_SPLIT_H
#define TRAIN_SPLIT_H

#include "base/tree.h"
#include "data/dataset.h"

struct ls_split {
    struct ls_data *all;                /* what train is a slice of, and validation may be */
    struct ls_data *train, *validation; /* validation: NULL where the run has none */
};

/* From the run file's data.train, data.validation (or NULL) and data.validation_split (0: none; the
 * last part of the samples, as Keras takes it); paths are absolute. LS_BAD_INPUT names the place.
 * ls_split_close also after a failure. */
ls_status ls_split_open(struct ls_split *split, const struct ls_tree *train,
                        const struct ls_tree *validation, double fraction);
void ls_split_close(struct ls_split *split);

#endif
