#include "train/monitor.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "train/fit.h"

enum { MODE_AUTO, MODE_MIN, MODE_MAX };
const char *const ls_monitor_modes[] = {"auto", "min", "max", NULL};

static const char validation[] = "val_";
enum { VALIDATION_LENGTH = sizeof validation - 1 };

static const struct ls_monitor_options *options_of(const struct ls_callback_call *call)
{
    return call->instance->options;
}

static size_t find(const struct ls_fit_state *fit, const char *name, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(fit->names[i], name) == 0)
            return i;
    return count;
}

static ls_status fail_unknown(const struct ls_callback_call *call, size_t count)
{
    const char *name = options_of(call)->monitor, **names = NULL;
    char excerpt[LS_EXCERPT];
    struct ls_text meant = {0};
    bool of_validation = strncmp(name, validation, VALIDATION_LENGTH) == 0;
    ls_excerpt(excerpt, name);
    LS_TRY(ls_allocate(&names, count + 1, sizeof *names));
    memcpy(names, call->fit->names, count * sizeof *names);
    ls_append_meant(&meant, name, names);
    ls_status status = ls_text_status(&meant);
    if (status == LS_OK)
        status = ls_callback_fail(
            call, "monitor", "there is no number '%s'%s%s", excerpt,
            of_validation && !call->fit->job->validation ? " without validation data" : "",
            meant.data);
    ls_release(names);
    ls_text_release(&meant);
    return status;
}

/* Of val_NAME that of NAME. */
static enum ls_direction direction_of(const struct ls_callback_call *call)
{
    const struct ls_monitor_options *o = options_of(call);
    const struct ls_objective *objective = call->fit->objective;
    const char *name = o->monitor;
    size_t results = ls_objective_results(objective);
    if (o->mode != MODE_AUTO)
        return o->mode == MODE_MAX ? LS_DIRECTION_UP : LS_DIRECTION_DOWN;
    if (strncmp(name, validation, VALIDATION_LENGTH) == 0)
        name += VALIDATION_LENGTH;
    for (size_t i = 0; i < results; i++)
        if (strcmp(ls_objective_names(objective)[i], name) == 0)
            return ls_objective_direction(objective, i);
    return LS_DIRECTION_UNKNOWN;
}

ls_status ls_monitor_check(const struct ls_callback_call *call, size_t count)
{
    const char *name = options_of(call)->monitor;
    if (find(call->fit, name, count) == count)
        return fail_unknown(call, count);
    if (direction_of(call) == LS_DIRECTION_UNKNOWN)
        return ls_callback_fail(call, NULL,
                                "it is not known whether '%s' is better when it is larger: give "
                                "`mode: max` or `mode: min`",
                                name);
    return LS_OK;
}

struct ls_monitor ls_monitor_read(const struct ls_callback_call *call)
{
    const struct ls_fit_state *fit = call->fit;
    return (struct ls_monitor){
        .value = fit->values[find(fit, options_of(call)->monitor, fit->count)],
        .up = direction_of(call) == LS_DIRECTION_UP,
    };
}

bool ls_monitor_improves(const struct ls_monitor *monitor, double min_delta, double best)
{
    double delta = fabs(min_delta);
    return monitor->up ? (float)(monitor->value - delta) > (float)best
                       : (float)(monitor->value + delta) < (float)best;
}
