/* The kinds of schedules: one row each. */
#include "optimizer/schedule.h"

#include "layer/portable.h"

#define LS_SCHEDULES(X)                                                                            \
    X(ls_schedule_exponential_decay)                                                               \
    X(ls_schedule_cosine_decay)                                                                    \
    X(ls_schedule_cosine_decay_restarts)                                                           \
    X(ls_schedule_piecewise_constant_decay)                                                        \
    X(ls_schedule_polynomial_decay)                                                                \
    X(ls_schedule_inverse_time_decay)

#define X(kind) extern const struct ls_schedule_kind kind;
LS_SCHEDULES(X)
#undef X

static const struct ls_kind *const kinds[] = {
#define X(row) &row.kind,
    LS_SCHEDULES(X)
#undef X
        NULL};

const struct ls_registry ls_schedules = {
    .noun = "schedule", .module = "keras.optimizers.schedules", .kinds = kinds};

static const struct ls_schedule_kind *kind_of(const struct ls_instance *schedule)
{
    return (const struct ls_schedule_kind *)schedule->kind;
}

double ls_schedule_rate(const struct ls_instance *schedule, int64_t step)
{
    return schedule->kind ? (double)kind_of(schedule)->rate(schedule->options, step) : 0;
}

ls_status ls_schedule_check(const struct ls_instance *schedule)
{
    if (!schedule->kind || !kind_of(schedule)->check)
        return LS_OK;
    ls_status status = kind_of(schedule)->check(schedule->options);
    return status == LS_OK
               ? LS_OK
               : ls_fail(status, "learning_rate: %s: %s", schedule->kind->name, ls_message());
}

float ls_schedule_power(float x, float y)
{
    const double largest = 700; /* e^700 is far beyond float32 */
    if (y == 0)
        return 1;
    if (x == 0)
        return y > 0 ? 0 : INFINITY;
    double exponent = (double)y * ls_portable_log((double)x);
    if (fabs(exponent) > largest)
        return exponent > 0 ? INFINITY : 0;
    return (float)ls_portable_exp(exponent);
}
