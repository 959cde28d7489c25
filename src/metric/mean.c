#include "metric/mean.h"

size_t ls_mean_doubles(const struct ls_instance *metric, int64_t columns)
{
    (void)metric, (void)columns;
    return 2;
}

double ls_mean_result(const struct ls_instance *metric, const double *state, int64_t columns)
{
    (void)metric, (void)columns;
    return state[1] != 0 ? state[0] / state[1] : 0;
}
