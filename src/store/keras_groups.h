/* Where Keras 3 (and tf.keras 2.15) keeps weights in an archive's model.weights.h5 and in a
 * .weights.h5 file: CONTAINER/layers/CLASS[_N]/vars/0, 1, ... CLASS is the layer's class in
 * snake_case, _N counts the layers of one class in their container, the model or a model in it;
 * variables that a layer has in a layer inside (struct ls_variable's `group`) stand in
 * CLASS[_N]/GROUP/vars. The variables that train by their nature come first, whether or not the
 * layer trains. */
#ifndef STORE_KERAS_GROUPS_H
#define STORE_KERAS_GROUPS_H

#include "model/graph.h"
#include "store/h5.h"

/* A layer and its group, as "/layers/dense_1". */
struct ls_keras_group {
    char *object;
    const struct ls_layer *layer;
};
struct ls_keras_groups {
    struct ls_keras_group *group;
    size_t count;
};
ls_status ls_keras_groups_list(struct ls_keras_groups *groups, const struct ls_model *model);
void ls_keras_groups_release(struct ls_keras_groups *groups);

/* The weights are borrowed until the image is finished. */
ls_status ls_keras_groups_write(struct ls_h5_image *image, const struct ls_model *model);

/* Into a model that is built. LS_BAD_INPUT names the group and the layer that do not fit, also when
 * the file has weights of layers that the model has not. */
ls_status ls_keras_groups_read(const struct ls_h5 *h5, struct ls_model *model);

#endif
