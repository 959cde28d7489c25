/* Between Keras' configs and the run file's options: for layers here; the store does losses,
 * optimizers and metrics with the same functions. */
#ifndef MODEL_KERAS_H
#define MODEL_KERAS_H

#include "base/kind.h"

/* Beside class_name and config of a model: a list of its outputs' names in their order, where the
 * config alone does not give them. */
#define LS_KERAS_OUTPUTS "lockstep_outputs"
/* And a map of the names that a run file gives to results (`as`): to "layer", or "layer/1" for its
 * second call. */
#define LS_KERAS_RESULTS "lockstep_results"

static inline ls_status ls_keras_no_memory(void)
{
    return ls_fail(LS_FAILED, "out of memory");
}

/* Turns a config that Keras wrote, in place, into options as a run file has them: what `kind` does
 * not know and what changes nothing (null, or the one value that Keras has when it is not in use)
 * goes, in sub-kinds too. What does change something stays, for the parser to refuse. Keys in
 * `keep` (ends with NULL; or NULL) stay. kind NULL (not one of ours): only nulls go. LS_FAILED when
 * memory ran out. */
ls_status ls_keras_clean(struct ls_tree *config, const struct ls_kind *kind,
                         const char *const *keep);

#endif
