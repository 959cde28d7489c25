/* Metrics that are a weighted mean: the state is a sum of weighted values and the weights' sum.
 * Private to the room. */
#ifndef METRIC_MEAN_H
#define METRIC_MEAN_H

#include "metric/metric.h"

size_t ls_mean_doubles(const struct ls_instance *metric, int64_t columns); /* 2 */
/* 0 where the weights' sum is 0, as Keras'. */
double ls_mean_result(const struct ls_instance *metric, const double *state, int64_t columns);

static inline void ls_mean_add(const struct ls_metric_call *call, int64_t position, double sum,
                               double count)
{
    double weight = call->weight ? call->weight[position] : 1;
    call->state[0] += weight * sum;
    call->state[1] += weight * count;
}

#endif
