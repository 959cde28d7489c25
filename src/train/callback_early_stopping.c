/* EarlyStopping: keras/src/callbacks/early_stopping.py. A training that it ended and that goes on,
 * with more epochs, counts its patience anew; the best value stays. */
#include "train/fit.h"
#include "train/monitor.h"

struct early_stopping {
    struct ls_monitor_options monitor;
    double min_delta;
    int64_t patience, verbose;
    double baseline; /* NaN: none */
    bool restore_best_weights;
    int64_t start_from_epoch;
};

/* In doubles. Epochs count from 0. */
enum { WAIT, HAS_BEST, BEST, BEST_EPOCH, HAS_WEIGHTS, STOPPED, STOPPED_EPOCH, STATE_DOUBLES };

#define OPTION(field) offsetof(struct early_stopping, field)
static const struct ls_option options[] = {
    LS_MONITOR_OPTIONS,
    {.name = "min_delta",
     .type = LS_OPTION_FLOAT,
     .offset = OPTION(min_delta),
     .initial = "0",
     .help = "smaller changes are no improvement"},
    {.name = "patience",
     .type = LS_OPTION_INT,
     .offset = OPTION(patience),
     .initial = "0",
     .min = 0,
     .max = INT32_MAX,
     .unit = "epochs",
     .help = "without improvement until it stops"},
    LS_VERBOSE_OPTION(struct early_stopping),
    {.name = "baseline",
     .type = LS_OPTION_FLOAT,
     .offset = OPTION(baseline),
     .initial = "null",
     .help = "only values better than this start the patience again"},
    {.name = "restore_best_weights",
     .type = LS_OPTION_BOOL,
     .offset = OPTION(restore_best_weights),
     .initial = "false",
     .help = "end with the weights of the best epoch"},
    {.name = "start_from_epoch",
     .type = LS_OPTION_INT,
     .offset = OPTION(start_from_epoch),
     .initial = "0",
     .min = 0,
     .max = INT32_MAX,
     .unit = "epochs",
     .help = "that pass before it begins to watch"},
    {.name = NULL},
};

static size_t state_doubles(const struct ls_instance *instance)
{
    (void)instance;
    return STATE_DOUBLES;
}

static bool keeps_weights(const struct ls_instance *instance)
{
    return ((const struct early_stopping *)instance->options)->restore_best_weights;
}

static ls_status check(const struct ls_callback_call *call)
{
    return ls_monitor_check(call, call->fit->count);
}

static ls_status begin(struct ls_callback_call *call)
{
    if (call->doubles[STOPPED] != 0)
        call->doubles[WAIT] = call->doubles[STOPPED] = 0;
    return LS_OK;
}

static void keep_weights(struct ls_callback_call *call)
{
    if (!call->keeps)
        return;
    call->keep = true;
    call->doubles[HAS_WEIGHTS] = 1;
}

static ls_status epoch_end(struct ls_callback_call *call)
{
    const struct early_stopping *o = call->instance->options;
    const struct ls_monitor monitor = ls_monitor_read(call);
    double *state = call->doubles, epoch = (double)call->fit->epoch;
    if (call->fit->epoch < o->start_from_epoch)
        return LS_OK;
    if (call->keeps && state[HAS_WEIGHTS] == 0) {
        keep_weights(call);
        state[BEST_EPOCH] = epoch;
    }
    state[WAIT]++;
    if (state[HAS_BEST] == 0 || ls_monitor_improves(&monitor, o->min_delta, state[BEST])) {
        state[HAS_BEST] = 1;
        state[BEST] = monitor.value;
        state[BEST_EPOCH] = epoch;
        keep_weights(call);
        if (isnan(o->baseline) || ls_monitor_improves(&monitor, o->min_delta, o->baseline))
            state[WAIT] = 0;
        return LS_OK;
    }
    if (state[WAIT] >= (double)o->patience && call->fit->epoch > 0) {
        call->stop = true;
        state[STOPPED] = 1;
        state[STOPPED_EPOCH] = epoch;
    }
    return LS_OK;
}

static ls_status finish(struct ls_callback_call *call)
{
    const struct early_stopping *o = call->instance->options;
    const double *state = call->doubles;
    bool tells = call->first && o->verbose > 0;
    if (tells && state[STOPPED] != 0)
        ls_note("Epoch %.0f: early stopping", state[STOPPED_EPOCH] + 1);
    if (!call->keeps || state[HAS_WEIGHTS] == 0)
        return LS_OK;
    if (tells)
        ls_note("Restoring model weights from the end of the best epoch: %.0f.",
                state[BEST_EPOCH] + 1);
    call->restore = true;
    return LS_OK;
}

static const char *const examples[] = {
    "monitor: loss", "monitor: loss, patience: 2, restore_best_weights: true, verbose: 1",
    "monitor: loss, min_delta: 0.01, mode: max, baseline: 0.5, start_from_epoch: 1", NULL};

const struct ls_callback_kind ls_callback_early_stopping = {
    .kind = {.name = "EarlyStopping",
             .summary = "ends the training when a number has stopped getting better",
             .options = options,
             .options_size = sizeof(struct early_stopping)},
    .state_doubles = state_doubles,
    .keeps_weights = keeps_weights,
    .check = check,
    .on = {[LS_CALLBACK_TRAIN_BEGIN] = begin,
           [LS_CALLBACK_EPOCH_END] = epoch_end,
           [LS_CALLBACK_FINISH] = finish},
    .examples = examples,
};
