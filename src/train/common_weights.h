/* The weights of a model in training: by itself, or, where the ranks of a crew are several, in
 * memory that they have in common. */
#ifndef TRAIN_COMMON_WEIGHTS_H
#define TRAIN_COMMON_WEIGHTS_H

#include "comm/crew.h"
#include "data/dataset.h"
#include "model/graph.h"

/* Makes them: *common is the crew's memory, or NULL where they are the model's own. The model is
 * built; values that it has stay. Collective over the crew; each rank's status is its own. */
ls_status ls_weights_make(float **common, struct ls_crew *crew, struct ls_model *model);
/* Weights of the model's own again, when nobody writes them any more; *common is NULL then. Not
 * collective. */
ls_status ls_weights_return(float **common, struct ls_crew *crew, struct ls_model *model);
/* Initial values (ls_model_initialize), and what adapts to the data. Collective. */
ls_status ls_weights_initialize(struct ls_model *model, uint64_t seed, struct ls_crew *crew,
                                struct ls_data *data);

#endif
