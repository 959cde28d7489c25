/* In which of its ways an optimizer updates a variable: some go by Keras' path of it. */
#ifndef STORE_VARIABLE_WAY_H
#define STORE_VARIABLE_WAY_H

#include "model/graph.h"
#include "optimizer/optimizer.h"

/* *way: 0 where the optimizer has only one. */
ls_status ls_variable_way(int *way, const struct ls_instance *optimizer,
                          const struct ls_model *model, const struct ls_variable_at *at);

#endif
