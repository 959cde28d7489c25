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
    struct ls_kernel_identity kernels; /* its probe is that of the plan */
    uint64_t fixed;                    /* the probe of shapes that are always the same */
    char train[33], validation[33]; /* digests of the data; validation: empty when there is none */
    const struct ls_data *data;     /* to train on: what it was learnt from goes into the state */
    const struct ls_tree *run;      /* the resolved run file */
    const char *const *accept;      /* of this start */
};

/* Of this process: threads and data. Not collective. */
ls_status ls_identity_make(struct ls_identity *identity, struct ls_data *train,
                           struct ls_data *validation);
/* The kernels, with what they compute: from shapes that are always the same, then (beginning with
 * that) from the plan that trains. Before the first step. Collective; each rank's status is its
 * own. */
ls_status ls_identity_probe(struct ls_identity *identity, const struct ls_fit_run *fit);

/* All ranks have the same data, or LS_FAILED on all with the ranks that differ. Collective. */
ls_status ls_identity_agree(const struct ls_identity *identity, struct ls_comm *comm);
/* All ranks compute alike, or LS_FAILED on all with the ranks and hosts that differ and what makes
 * them agree. Only the kernels count. Collective. */
ls_status ls_identity_agree_kernels(const struct ls_identity *identity, struct ls_comm *comm);

/* The state of a checkpoint, in *state, the caller's. `before`: the one that was resumed, or NULL.
 */
ls_status ls_identity_write(struct ls_tree **state, const struct ls_identity *identity,
                            const struct ls_position *position, const struct ls_tree *before);

/* Whether a checkpoint's state is of this run, its kernels apart, and of its kernels; LS_BAD_INPUT
 * names what differs, with both values and the --accept that takes it. */
ls_status ls_identity_check(const struct ls_identity *identity, const struct ls_tree *state);
ls_status ls_identity_check_kernels(const struct ls_identity *identity,
                                    const struct ls_tree *state);

/* From a state: where to go on, and the run's replicas. */
ls_status ls_state_position(const struct ls_tree *state, struct ls_position *position);
ls_status ls_state_replicas(const struct ls_tree *state, int64_t *replicas);

#endif
