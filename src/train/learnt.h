/* What a model's training data was: how its CSV was read (`learnt`), and the names of its classes
 * (`class_names`, by column of the data). Both go into each checkpoint's state, so that a model
 * reads new CSV files and names its classes without the data that it was trained on. */
#ifndef TRAIN_LEARNT_H
#define TRAIN_LEARNT_H

#include "data/dataset.h"

/* Adds both to a state; what data has none of stays as in `before` (or NULL). */
ls_status ls_learnt_write(struct ls_tree *state, const struct ls_data *data,
                          const struct ls_tree *before);

/* Whether it can be written. */
ls_status ls_learnt_check(const struct ls_data *data);

/* What a command's --data names: F.csv is read as the model's state (or NULL) says, with its target
 * where `target` asks for it; all else is FILE:SPLIT. `model` is for messages. Not collective. */
struct ls_learnt_source {
    const char *data, *model;
    const struct ls_tree *state;
    bool target;
};
ls_status ls_learnt_open(struct ls_data **data, const struct ls_learnt_source *source);

/* Names of a target's classes, as the data (or NULL) has them, else the state (or NULL). The names
 * are those' own, the list is to be freed with ls_release; count 0: none. */
struct ls_class_names {
    const char **name;
    size_t count;
};
ls_status ls_class_names_find(struct ls_class_names *names, const char *column,
                              const struct ls_data *data, const struct ls_tree *state);

#endif
