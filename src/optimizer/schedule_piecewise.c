/* PiecewiseConstantDecay: values[i] up to the step boundaries[i] (from 0, that one too), the last
 * of them after all boundaries. */
#include "optimizer/schedule.h"

struct piecewise {
    struct ls_floats boundaries, values;
    char *name;
};

static const struct ls_option options[] = {
    {.name = "boundaries",
     .type = LS_OPTION_FLOATS,
     .offset = offsetof(struct piecewise, boundaries),
     .min = 0,
     .max = 9007199254740992.0,
     .whole = true,
     .unit = "steps",
     .help = "the last step of each value but the last; they rise"},
    {.name = "values",
     .type = LS_OPTION_FLOATS,
     .offset = offsetof(struct piecewise, values),
     .min = 0,
     .max = INFINITY,
     .open_max = true,
     .help = "learning rates, one more than boundaries"},
    LS_SCHEDULE_NAME(struct piecewise, "PiecewiseConstant"),
    {.name = NULL},
};

static ls_status check(const void *options_)
{
    const struct piecewise *o = options_;
    const struct ls_floats *b = &o->boundaries;
    if (b->scalar || o->values.scalar)
        return ls_fail(LS_BAD_INPUT,
                       "boundaries and values must be lists, as [100] and [0.1, 0.05]");
    if (b->count < 1 || o->values.count != b->count + 1)
        return ls_fail(LS_BAD_INPUT,
                       "expected one boundary or more and one value more than boundaries, found "
                       "%zu boundaries and %zu values",
                       b->count, o->values.count);
    for (size_t i = 1; i < b->count; i++)
        if (!(b->value[i] > b->value[i - 1]))
            return ls_fail(LS_BAD_INPUT, "boundaries: %g after %g: they must rise", b->value[i],
                           b->value[i - 1]);
    return LS_OK;
}

static float rate(const void *options_, int64_t step)
{
    const struct piecewise *o = options_;
    size_t i = 0;
    while (i < o->boundaries.count && step > (int64_t)o->boundaries.value[i])
        i++;
    return (float)o->values.value[i];
}

static const char *const examples[] = {"boundaries: [2, 5], values: [0.1, 0.05, 0.01]",
                                       "boundaries: [3], values: [1.0, 0.5], name: mine", NULL};

const struct ls_schedule_kind ls_schedule_piecewise_constant_decay = {
    .kind = {.name = "PiecewiseConstantDecay",
             .summary = "a value up to each boundary",
             .options = options,
             .options_size = sizeof(struct piecewise)},
    .rate = rate,
    .check = check,
    .examples = examples,
};
