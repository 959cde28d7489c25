/* Results in a model by their names. */
#ifndef TRAIN_RESULT_H
#define TRAIN_RESULT_H

#include "model/graph.h"

/* What `from` takes in a run file: a layer ("inner/dense" in a nested model), a name that the run
 * file gave to a result (`as`), a nested model; "NAME#2" of a layer that is called several times:
 * of its second call; ":1" behind any of them: its second result. A layer's name counts before
 * that of a result. The model is built. LS_USAGE for what is not there, and for a layer that is
 * called several times where the call is not said. */
ls_status ls_result_find(const struct ls_model *model, const char *name, struct ls_edge *edge);

#endif
