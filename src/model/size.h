/* Sizes that no memory holds, refused before memory is asked for; after these checks sums and
 * products of what a model has do not overflow. LS_BAD_INPUT with the size. */
#ifndef MODEL_SIZE_H
#define MODEL_SIZE_H

#include "model/graph.h"

/* A call's results: each must fit in memory for one sample. */
ls_status ls_size_check_call(const struct ls_layer *layer, const struct ls_call_shapes *shapes);
/* The variables of all layers together, which are one block: that their number of bytes is one, and
 * that they fit in memory. */
ls_status ls_size_count_weights(const struct ls_model *model);
ls_status ls_size_check_weights(const struct ls_model *model);
/* The results of so many samples: their number of bytes, at least, is one. */
ls_status ls_size_check_rows(const struct ls_model *model, int64_t rows);

#endif
