/* Pictures for TensorBoard. */
#ifndef TRAIN_PICTURES_H
#define TRAIN_PICTURES_H

#include "model/graph.h"
#include "store/events.h"

/* A confusion matrix: a row a true class, a column a predicted one, the bluer the larger the part
 * of the row; numbers of the classes at the edges and counts in the fields, where there is room.
 * Its pixels are in new memory. */
ls_status ls_confusion_picture(struct ls_picture *picture, const int64_t *count, size_t classes);

/* Adds one variable's weights as Keras shows them, under "PATH/image": 0 black, 1 white; nothing
 * where the shape is none of a picture. */
ls_status ls_weights_show(struct ls_events *events, const char *path, int64_t step,
                          const float *weights, const struct ls_shape *shape);

#endif
