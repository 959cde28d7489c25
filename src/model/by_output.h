/* Whose a part of `compile` is: what `loss`, `loss_weights` and `metrics` say of each output of a
 * model, by Keras' rules (keras/src/trainers/compile_utils.py). */
#ifndef MODEL_BY_OUTPUT_H
#define MODEL_BY_OUTPUT_H

#include "base/kind.h"
#include "model/graph.h"

enum ls_by_output {
    LS_BY_NOTHING,  /* missing, null, or an empty map */
    LS_BY_ALL,      /* one entry, which is all outputs' */
    LS_BY_POSITION, /* a list with an entry for each output */
    LS_BY_NAME,     /* a map whose keys are outputs */
};

/* Fills part[o] with what `tree` (or NULL) says of output o: NULL where it says nothing or null.
 * A map is by output when its keys are outputs, else an entry of `kinds` (NULL: there are none)
 * with its options. LS_BAD_INPUT at its place for a list of another length, and for a name that is
 * no output's, with the nearest that is. */
ls_status ls_by_output(enum ls_by_output *how, const struct ls_tree **part,
                       const struct ls_model *model, const struct ls_tree *tree,
                       const struct ls_registry *kinds);

/* The same of metrics, of which an output has a list: with one output the list is that output's,
 * with several it has an entry (a metric, a list of them or null) for each, and what is by no
 * output is refused. */
ls_status ls_metrics_by_output(const struct ls_tree **part, const struct ls_model *model,
                               const struct ls_tree *tree, const struct ls_registry *kinds);

#endif
