/* Checkpoints: Keras whole-model .h5 files with a group /lockstep beside Keras' own. */
#ifndef STORE_CHECKPOINT_H
#define STORE_CHECKPOINT_H

#include "model/graph.h"

/* Rows of numbers under names: the epochs of a history. */
struct ls_table {
    char **name; /* of columns */
    size_t columns;
    double *value; /* [rows][columns]; NaN: not known */
    size_t rows;
};
void ls_table_release(struct ls_table *table);
ls_status ls_table_copy(struct ls_table *copy, const struct ls_table *table);
/* Appends a row; columns not yet known are added (NaN in the rows before). */
ls_status ls_table_append(struct ls_table *table, const char *const *names, const double *values,
                          size_t count);

enum { LS_CHECKPOINT_SLOTS_MAX = LS_TRAINED_SLOTS_MAX, LS_CHECKPOINT_KEPT_MAX = 8 };

/* What a checkpoint holds. Writing borrows all of it; reading fills it with memory of its own. */
struct ls_checkpoint {
    struct ls_model *model;  /* weights and graph */
    struct ls_tree *compile; /* the run file's `compile`, or NULL */
    struct ls_tree *state;   /* a map: run identity and position; or NULL: not our file */
    const char *slot_name[LS_CHECKPOINT_SLOTS_MAX];
    float *slot[LS_CHECKPOINT_SLOTS_MAX]; /* arenas of model->trainable_floats */
    size_t slots;
    int64_t iteration;   /* steps that the optimizer has done */
    char *slots_refused; /* why the optimizer's state in a file of Keras' was not taken, or NULL */
    double *partial;     /* sums of the epoch so far, as the trainer lays them out */
    size_t partials;
    float *kept[LS_CHECKPOINT_KEPT_MAX]; /* weights of before that callbacks keep: arenas of
                                            model->floats */
    size_t kepts;
    struct ls_table epochs; /* history */
};
void ls_checkpoint_release(struct ls_checkpoint *checkpoint);
/* Forgets the optimizer's state that was read: slots, iteration, why it was not taken. */
void ls_checkpoint_release_slots(struct ls_checkpoint *checkpoint);

/* -- writing: on one rank
 * --------------------------------------------------------------------------- The writer has a
 * thread; the caller goes on as soon as the snapshot is taken. */
struct ls_checkpoint_writer;

/* directory is the run directory, which exists; sweeps stale temporaries of ours there. keep: how
 * many checkpoints stay (at least 1; the newest `keep`). LS_CANNOT_WRITE. */
ls_status ls_checkpoint_writer_create(struct ls_checkpoint_writer **writer, const char *directory,
                                      int64_t keep);

/* Waits for the checkpoint before, then starts checkpoints/step-%08d.h5 of this step: takes the
 * snapshot and returns. Failures of the thread come back from the next begin (which then starts
 * nothing) or wait. Published by the recipe of README's "Nothing is lost": temporary, digest,
 * fsync, reading back, rename, fsync; then model.h5 (the newest) and the pruning of old ones. Files
 * of later steps (damaged ones that the run went back behind) are not counted and not removed. */
ls_status ls_checkpoint_begin(struct ls_checkpoint_writer *writer,
                              const struct ls_checkpoint *checkpoint, int64_t step);
ls_status ls_checkpoint_wait(struct ls_checkpoint_writer *writer);
/* True while the thread works. */
bool ls_checkpoint_busy(const struct ls_checkpoint_writer *writer);
void ls_checkpoint_writer_free(struct ls_checkpoint_writer *writer); /* waits */

/* A whole-model file at path, published in the same way, at once. */
ls_status ls_checkpoint_save(const struct ls_checkpoint *checkpoint, const char *path);

/* -- reading: on one rank */

/* The file: graph, weights, and what else is there. The digest is checked: LS_BAD_INPUT when it is
 * torn or changed, LS_BAD_INPUT for a newer format. Keras' own files are read too, .h5 and .keras.
 */
ls_status ls_checkpoint_read(struct ls_checkpoint *checkpoint, const char *path);

/* The path of the newest whole checkpoint of a run directory (in new memory; *path NULL when there
 * are no checkpoints): damaged ones are passed over with a warning that names them, and so says why
 * the run goes back. *checkpoint holds it. LS_BAD_INPUT when there are some and none is whole, or
 * when a whole one cannot be read (of a newer format, or with a kind of a plugin that is not
 * there): going back behind it would lose it. */
ls_status ls_checkpoint_read_newest(struct ls_checkpoint *checkpoint, char **path,
                                    const char *directory);

/* Weights alone, by structure, into a model that is built: from a file of weights of Keras 3
 * (.weights.h5) or Keras 2, from a model of Keras or a checkpoint. LS_BAD_INPUT names what does not
 * fit; the model's weights are then not to be used. */
ls_status ls_weights_read(struct ls_model *model, const char *path);

/* "1.10.8": HDF5, for `lockstep version`. */
const char *ls_checkpoint_library(void);
/* "1.7.3": libzip. */
const char *ls_archive_library(void);

#endif
