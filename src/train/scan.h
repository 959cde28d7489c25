/* A scan: every sample of a data set forward through a model once, in fixed blocks dealt whole to
 * ranks. What evaluation, prediction and adapting have in common. */
#ifndef TRAIN_SCAN_H
#define TRAIN_SCAN_H

#include "comm/comm.h"
#include "train/objective.h"

struct ls_scan;

struct ls_scan_options {
    struct ls_comm *comm;
    struct ls_model *model;
    struct ls_data *data;
    const struct ls_objective
        *objective;                /* its targets are read too, its deferral holds; or NULL */
    const struct ls_edge *outputs; /* in place of the model's; or NULL */
    size_t output_count;
};

/* All that is given must outlive it. Not collective. */
ls_status ls_scan_create(struct ls_scan **scan, const struct ls_scan_options *options);
/* The bytes that it would take, with what its run prepares. */
ls_status ls_scan_bytes(size_t *bytes, const struct ls_scan_options *options);
void ls_scan_free(struct ls_scan *scan);

/* Blocks of all ranks, and those of this one. */
int64_t ls_scan_blocks(const struct ls_scan *scan);
struct ls_range ls_scan_mine(const struct ls_scan *scan);
const struct ls_columns *ls_scan_columns(const struct ls_scan *scan);

/* Visits this rank's blocks in order, after their forward pass, with the weights as they are.
 * `block` counts from the first of all. Not collective: the caller agrees. */
typedef ls_status ls_scan_visit(void *user, const struct ls_plan_run *run,
                                const struct ls_batch *batch, int64_t block);
ls_status ls_scan_run(struct ls_scan *scan, ls_scan_visit *visit, void *user);

#endif
