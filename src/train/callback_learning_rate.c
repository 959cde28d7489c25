/* Callbacks that set the learning rate, for all steps from the next one on: ReduceLROnPlateau and
 * LearningRateScheduler (keras/src/callbacks). The rate is a float32, as Keras' optimizers hold it,
 * and stands among an epoch's numbers as learning_rate. */
#include "base/number.h"
#include "train/fit.h"
#include "train/monitor.h"

/* As Keras, which says so when the rate is to be set for the first time. */
static ls_status check_rate(const struct ls_callback_call *call)
{
    if (!ls_update_plan_scheduled(call->fit->update))
        return LS_OK;
    return ls_callback_fail(call, NULL,
                            "the optimizer's learning_rate is a schedule, which cannot be set: "
                            "make it a number, or leave this callback out");
}

/* -- ReduceLROnPlateau */

struct reduce {
    struct ls_monitor_options monitor;
    double factor;
    int64_t patience, verbose;
    double min_delta;
    int64_t cooldown;
    double min_lr;
};

/* In doubles: whether there is a best value, that value, epochs of cooling down that are left,
 * epochs without improvement. */
enum { HAS_BEST, BEST, COOLDOWN, WAIT, REDUCE_DOUBLES };

#define REDUCE(field) offsetof(struct reduce, field)
static const struct ls_option reduce_options[] = {
    LS_MONITOR_OPTIONS,
    {.name = "factor",
     .type = LS_OPTION_FLOAT,
     .offset = REDUCE(factor),
     .initial = "0.1",
     .min = 0,
     .max = 1,
     .open_max = true,
     .help = "that the learning rate is multiplied with"},
    {.name = "patience",
     .type = LS_OPTION_INT,
     .offset = REDUCE(patience),
     .initial = "10",
     .min = 0,
     .max = INT32_MAX,
     .unit = "epochs",
     .help = "without improvement until it is reduced"},
    LS_VERBOSE_OPTION(struct reduce),
    {.name = "min_delta",
     .type = LS_OPTION_FLOAT,
     .offset = REDUCE(min_delta),
     .initial = "0.0001",
     .help = "smaller changes are no improvement"},
    {.name = "cooldown",
     .type = LS_OPTION_INT,
     .offset = REDUCE(cooldown),
     .initial = "0",
     .min = 0,
     .max = INT32_MAX,
     .unit = "epochs",
     .help = "after a reduction before patience counts again"},
    {.name = "min_lr",
     .type = LS_OPTION_FLOAT,
     .offset = REDUCE(min_lr),
     .initial = "0",
     .min = 0,
     .max = INFINITY,
     .open_max = true,
     .help = "the learning rate gets no smaller"},
    {.name = NULL},
};

static size_t reduce_doubles(const struct ls_instance *instance)
{
    (void)instance;
    return REDUCE_DOUBLES;
}

static ls_status reduce_check(const struct ls_callback_call *call)
{
    LS_TRY(check_rate(call));
    return ls_monitor_check(call, call->fit->count);
}

static void reduce(struct ls_callback_call *call)
{
    const struct reduce *o = call->instance->options;
    const double old = ls_fit_learning_rate(call->fit);
    char text[LS_DOUBLE_TEXT];
    if (!(old > (float)o->min_lr))
        return;
    double rate = old * o->factor > o->min_lr ? old * o->factor : o->min_lr;
    ls_fit_steer(call->fit, rate);
    call->doubles[COOLDOWN] = (double)o->cooldown;
    call->doubles[WAIT] = 0;
    ls_double_format(text, rate);
    if (call->first && o->verbose > 0)
        ls_note("Epoch %lld: ReduceLROnPlateau reducing learning rate to %s.",
                (long long)call->fit->epoch + 1, text);
}

static ls_status reduce_epoch_end(struct ls_callback_call *call)
{
    const struct reduce *o = call->instance->options;
    const struct ls_monitor monitor = ls_monitor_read(call);
    double *state = call->doubles;
    if (state[COOLDOWN] > 0) {
        state[COOLDOWN]--;
        state[WAIT] = 0;
    }
    if (state[HAS_BEST] == 0 || ls_monitor_improves(&monitor, o->min_delta, state[BEST])) {
        state[HAS_BEST] = 1;
        state[BEST] = monitor.value;
        state[WAIT] = 0;
    } else if (!(state[COOLDOWN] > 0)) {
        state[WAIT]++;
        if (state[WAIT] >= (double)o->patience)
            reduce(call);
    }
    return LS_OK;
}

static const char *const reduce_examples[] = {
    "monitor: loss", "monitor: loss, factor: 0.5, patience: 1, min_lr: 0.001, verbose: 1",
    "monitor: loss, mode: max, patience: 0, cooldown: 1, min_delta: 0.1", NULL};

const struct ls_callback_kind ls_callback_reduce_lr_on_plateau = {
    .kind = {.name = "ReduceLROnPlateau",
             .summary = "reduces the learning rate when a number has stopped getting better",
             .options = reduce_options,
             .options_size = sizeof(struct reduce)},
    .state_doubles = reduce_doubles,
    .check = reduce_check,
    .logs_learning_rate = true,
    .never_stops = true,
    .on = {[LS_CALLBACK_EPOCH_END] = reduce_epoch_end},
    .examples = reduce_examples,
};

/* -- LearningRateScheduler */

struct scheduler {
    struct ls_floats schedule; /* the rates of epochs 0, 1, ...; keyed: epochs and their rates */
    int64_t verbose;
};

static const struct ls_option scheduler_options[] = {
    {.name = "schedule",
     .type = LS_OPTION_FLOATS,
     .offset = offsetof(struct scheduler, schedule),
     .min = 0,
     .max = INFINITY,
     .open_max = true,
     .keys = true,
     .help =
         "rates of the first, the second, ... epoch; or {EPOCH: rate, ...}, counted from 0: from "
         "that epoch on. The last one stays"},
    LS_VERBOSE_OPTION(struct scheduler),
    {.name = NULL},
};

/* The rate of an epoch; `present` before the first that is given. */
static double rate_at(const struct ls_floats *schedule, int64_t epoch, double present)
{
    const size_t count = schedule->count;
    if (!schedule->keyed)
        return schedule->value[(size_t)epoch < count ? (size_t)epoch : count - 1];
    for (size_t i = 0; i < count && schedule->value[i] <= (double)epoch; i += 2)
        present = schedule->value[i + 1];
    return present;
}

static ls_status scheduler_check(const struct ls_callback_call *call)
{
    const struct scheduler *o = call->instance->options;
    LS_TRY(check_rate(call));
    return o->schedule.count > 0
               ? LS_OK
               : ls_callback_fail(call, "schedule",
                                  "expected a rate for each epoch, or {EPOCH: rate, ...}");
}

static ls_status scheduler_epoch_begin(struct ls_callback_call *call)
{
    const struct scheduler *o = call->instance->options;
    double rate = rate_at(&o->schedule, call->fit->epoch, ls_fit_learning_rate(call->fit));
    char text[LS_DOUBLE_TEXT];
    ls_fit_steer(call->fit, rate);
    ls_double_format(text, rate);
    if (call->first && o->verbose > 0)
        ls_note("Epoch %lld: LearningRateScheduler setting learning rate to %s.",
                (long long)call->fit->epoch + 1, text);
    return LS_OK;
}

static const char *const scheduler_examples[] = {"schedule: [0.1, 0.01]",
                                                 "schedule: {0: 0.1, 2: 0.05}, verbose: 1", NULL};

const struct ls_callback_kind ls_callback_learning_rate_scheduler = {
    .kind = {.name = "LearningRateScheduler",
             .summary = "sets the learning rate before each epoch",
             .options = scheduler_options,
             .options_size = sizeof(struct scheduler)},
    .check = scheduler_check,
    .logs_learning_rate = true,
    .never_stops = true,
    .on = {[LS_CALLBACK_EPOCH_BEGIN] = scheduler_epoch_begin},
    .examples = scheduler_examples,
};
