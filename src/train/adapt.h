/* Layers that learn weights from the data before the first step: Normalization without a mean. */
#ifndef TRAIN_ADAPT_H
#define TRAIN_ADAPT_H

#include "comm/crew.h"
#include "data/dataset.h"
#include "model/graph.h"

/* Adapts every such layer of a model that has its initial weights, in order. The crew's ranks have
 * the weights in common. Collective. */
ls_status ls_model_adapt(struct ls_model *model, struct ls_crew *crew, struct ls_data *data);

#endif
