/* A run file, read and resolved. */
#ifndef TRAIN_CONFIG_H
#define TRAIN_CONFIG_H

#include "comm/comm.h"
#include "train/options.h"

struct ls_config {
    struct ls_tree *tree; /* the whole file, with --set, paths absolute */
    const struct ls_tree *model, *compile, *train, *validation; /* in tree; NULL where absent */
    const char *weights;     /* a file of weights for the model, in tree; NULL: none */
    double validation_split; /* 0: none */
    struct ls_fit_options fit;
    struct ls_checkpoint_options checkpoint;
};

/* What a command line changes in a run file; all NULL: nothing. Paths are relative to the current
 * directory. */
struct ls_config_changes {
    const char *const *set;     /* "a.b=c", ends with NULL */
    const char *data;           /* in place of data.train */
    const char *const *plugins; /* beside the run file's; ends with NULL */
};

/* Reads a run file on rank 0, sends it to all, applies the changes, expands variables, makes paths
 * absolute, loads the plugins, and types all but the model and compile parts. Collective; on
 * failure nothing is kept. */
ls_status ls_config_read(struct ls_config *config, struct ls_comm *comm, const char *path,
                         const struct ls_config_changes *changes);
void ls_config_release(struct ls_config *config);

/* Compares a run's config with that of the run to be resumed: keys other than those that may differ
 * (fit.epochs, fit.verify, checkpoint, data paths) and those in `accept` give LS_BAD_INPUT with the
 * key and both values. */
ls_status ls_config_same(const struct ls_tree *now, const struct ls_tree *before,
                         const char *const *accept);

#endif
