/* class_weight of Keras' fit: what the samples of a class count in training, times their own
 * weights. Classes that are not named count 1. */
#ifndef TRAIN_CLASS_WEIGHT_H
#define TRAIN_CLASS_WEIGHT_H

#include "comm/comm.h"
#include "train/objective.h"

struct ls_class_weights {
    int64_t *class; /* rising */
    float *weight;
    size_t count;
};

/* From {CLASS: weight, ...}, or from `balanced`: samples / (classes there are * samples of the
 * class), over the training data, as scikit-learn's compute_class_weight. LS_BAD_INPUT where the
 * model has several outputs or several targets a sample, and for classes that it has not.
 * Collective. */
ls_status ls_class_weights_create(struct ls_class_weights *weights, struct ls_comm *comm,
                                  const struct ls_tree *option,
                                  const struct ls_objective *objective, struct ls_data *data);
void ls_class_weights_release(struct ls_class_weights *weights);

/* Of a sample with this target: the class itself where it is one number (rounded), else the place
 * of the largest. */
float ls_class_weight(const struct ls_class_weights *weights, const float *target, int64_t numbers);

#endif
