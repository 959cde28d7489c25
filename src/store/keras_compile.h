/* Keras' training_config and the run file's `compile`. */
#ifndef STORE_KERAS_COMPILE_H
#define STORE_KERAS_COMPILE_H

#include "model/graph.h"

/* Keras' training_config of a `compile` map, a new tree. What Keras does not read back (short names
 * of losses, whole numbers for learning rates) is written so that it does. LS_BAD_INPUT at its
 * place when `compile` is wrong. */
ls_status ls_compile_to_keras(struct ls_tree **config, const struct ls_tree *compile,
                              const struct ls_model *model);

/* The same as the compile_config of an archive or of to_json: every object says its module. NULL
 * when there is no optimizer. */
ls_status ls_compile_to_keras_long(struct ls_tree **config, const struct ls_tree *compile,
                                   const struct ls_model *model);

/* The other way, of either form. Kinds that are not ours stay as they are named, for whoever
 * compiles the model to refuse: a file can be read and predict without. */
ls_status ls_compile_from_keras(struct ls_tree **compile, const struct ls_tree *config);

#endif
