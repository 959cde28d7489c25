/* Functions of kinds that do nothing, for the tests of plugins. */
#ifndef UNIT_PLUGIN_KINDS_H
#define UNIT_PLUGIN_KINDS_H

#include "unit/train_test.h"

static inline void no_loss(const struct ls_custom_loss_call *call)
{
    (void)call;
}
static inline size_t one_double(const double *option, int64_t columns)
{
    (void)option, (void)columns;
    return 1;
}
static inline void no_update(const struct ls_custom_metric_call *call)
{
    (void)call;
}
static inline double no_result(const double *option, const double *state, int64_t columns)
{
    (void)option, (void)state, (void)columns;
    return 0;
}
static inline void no_pass(const struct ls_custom_layer_call *call)
{
    (void)call;
}
static inline ls_status no_callback(struct ls_custom_callback_call *call)
{
    (void)call;
    return LS_OK;
}

#endif
