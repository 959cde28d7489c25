/* A run's identity and position: what a checkpoint's state holds, and whether a resumed run is the
 * same run. */
#ifndef TRAIN_IDENTITY_H
#define TRAIN_IDENTITY_H

#include "comm/comm.h"
#include "data/dataset.h"
#include "kernel/kernels.h"
#include "train/fit.h"

struct ls_identity {
    int64_t replicas, threads;
    struct ls_kernel_identity kernels; /* its probe is that of the plan's shapes */
    uint64_t fixed;                    /* the probe of shapes that are always the same */
    char train[33], validation[33]; /* digests of the data; validation: empty when there is none */
    const struct ls_data *data;     /* to train on: what it was learnt from goes into the state */
    const struct ls_tree *run;      /* the resolved run file */
    const char *const *accept;      /* of this start */
};

/* Of this process: kernels with the probe of the model's own shapes, and data. Not collective. */
ls_status ls_identity_make(struct ls_identity *identity, const struct ls_model *model, int64_t rows,
                           struct ls_data *train, struct ls_data *validation);

/* All ranks compute alike, or LS_FAILED on all with the ranks that differ and the setting that
 * makes them agree. Collective. */
ls_status ls_identity_agree(const struct ls_identity *identity, struct ls_comm *comm);

/* The state of a checkpoint, in *state, the caller's. `before`: the one that was resumed, or NULL.
 */
ls_status ls_identity_write(struct ls_tree **state, const struct ls_identity *identity,
                            const struct ls_position *position, const struct ls_tree *before);

/* Whether a checkpoint's state is of this run; LS_BAD_INPUT names what differs, with both values
 * and the --accept that takes it. */
ls_status ls_identity_check(const struct ls_identity *identity, const struct ls_tree *state);

/* From a state: where to go on, and the run's replicas. */
ls_status ls_state_position(const struct ls_tree *state, struct ls_position *position);
ls_status ls_state_replicas(const struct ls_tree *state, int64_t *replicas);

#endif
