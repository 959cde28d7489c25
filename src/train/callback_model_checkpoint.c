/* ModelCheckpoint: keras/src/callbacks/model_checkpoint.py. Models for Keras, beside the run's own
 * checkpoints: whole under their names or not there, written by rank 0. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/pattern.h"
#include "store/export.h"
#include "store/file.h"
#include "store/keras_archive.h"
#include "train/callback_file.h"
#include "train/fit.h"
#include "train/monitor.h"

struct model_checkpoint {
    struct ls_monitor_options monitor;
    char *filepath; /* NULL: the default, where only the best is saved */
    int64_t verbose;
    bool save_best_only, save_weights_only;
    char *save_freq; /* "epoch" or steps */
    double initial_value_threshold;
};

/* In doubles; steps since the last save. */
enum { HAS_BEST, BEST, STEPS, STATE_DOUBLES };

static const char best_file[] = "checkpoints/best.h5";
static const char weights_end[] = ".weights.h5";

#define OPTION(field) offsetof(struct model_checkpoint, field)
static const struct ls_option options[] = {
    {.name = "filepath",
     .type = LS_OPTION_TEXT,
     .offset = OPTION(filepath),
     .initial = "null",
     .help =
         "of a .h5, .keras or .weights.h5, as best.h5 or '{epoch:02d}-{val_loss:.2f}.h5', in the "
         "run directory; null with save_best_only: checkpoints/best.h5"},
    LS_MONITOR_OPTIONS,
    LS_VERBOSE_OPTION(struct model_checkpoint),
    {.name = "save_best_only",
     .type = LS_OPTION_BOOL,
     .offset = OPTION(save_best_only),
     .initial = "false",
     .help = "save when the number is better than ever before"},
    {.name = "save_weights_only",
     .type = LS_OPTION_BOOL,
     .offset = OPTION(save_weights_only),
     .initial = "false",
     .help = "as Keras' save_weights: filepath ends in .weights.h5"},
    {.name = "save_freq",
     .type = LS_OPTION_TEXT,
     .offset = OPTION(save_freq),
     .initial = "epoch",
     .help = "epoch, or after how many steps"},
    {.name = "initial_value_threshold",
     .type = LS_OPTION_FLOAT,
     .offset = OPTION(initial_value_threshold),
     .initial = "null",
     .help = "with save_best_only: a value that counts as reached before"},
    {.name = NULL},
};

static size_t state_doubles(const struct ls_instance *instance)
{
    (void)instance;
    return STATE_DOUBLES;
}

/* Steps between saves; 0: epochs; -1: it is neither. */
static int64_t frequency(const struct model_checkpoint *o)
{
    char *end;
    if (strcmp(o->save_freq, "epoch") == 0)
        return 0;
    long long steps = strtoll(o->save_freq, &end, 10);
    return *end == '\0' && steps >= 1 && steps <= INT32_MAX ? steps : -1;
}

/* -- the path */

static const char *pattern_of(const struct model_checkpoint *o)
{
    return o->filepath ? o->filepath : best_file;
}

/* The pattern's variables, then its numbers: the epoch and the step of it, from 1, then the first
 * `count` of fit's. */
static ls_status format_name(struct ls_text *name, const struct ls_callback_call *call,
                             size_t count)
{
    const struct model_checkpoint *o = call->instance->options;
    const struct ls_fit_state *fit = call->fit;
    struct ls_pattern_value *value = NULL;
    char *pattern = NULL;
    size_t used = 0;
    LS_TRY(ls_expand_variables(&pattern, pattern_of(o)));
    ls_status status = LS_OK;
    LS_TRY_OUT(ls_allocate(&value, count + 2, sizeof *value));
    value[used++] = (struct ls_pattern_value){"epoch", (double)fit->epoch + 1, true};
    if (frequency(o) > 0)
        value[used++] = (struct ls_pattern_value){"batch", (double)fit->step, true};
    for (size_t i = 0; i < count; i++)
        value[used++] = (struct ls_pattern_value){fit->names[i], fit->values[i], false};
    status = ls_pattern_format(name, pattern, value, used);
out:
    ls_release(pattern);
    ls_release(value);
    return status;
}

/* In new memory. */
static ls_status make_path(char **path, const struct ls_callback_call *call)
{
    struct ls_text name = {0};
    ls_status status = format_name(&name, call, call->fit->count);
    if (status == LS_OK)
        status = ls_callback_path(path, call, name.data);
    ls_text_release(&name);
    return status;
}

/* -- checking */

static ls_status check_ending(const struct ls_callback_call *call)
{
    const struct model_checkpoint *o = call->instance->options;
    const char *path = pattern_of(o);
    if (o->save_weights_only && !ls_ends_with(path, weights_end))
        return ls_callback_fail(call, o->filepath ? "filepath" : NULL,
                                "with save_weights_only the filepath ends in .weights.h5, found "
                                "'%s'",
                                path);
    if (!ls_ends_with(path, ".h5") && !ls_ends_with(path, ".keras"))
        return ls_callback_fail(call, "filepath",
                                "a model's file ends in .h5 or .keras, found '%s'", path);
    return LS_OK;
}

static ls_status check_path(const struct ls_callback_call *call, size_t count)
{
    const struct model_checkpoint *o = call->instance->options;
    struct ls_text name = {0};
    if (!o->filepath && !o->save_best_only)
        return ls_callback_fail(call, NULL,
                                "option 'filepath' is missing: as 'checkpoints/{epoch:02d}.h5', or "
                                "`save_best_only: true`, which has a default");
    if (!o->filepath && !call->fit->job->directory)
        return ls_callback_fail(call, NULL,
                                "option 'filepath' is missing: there is no run "
                                "directory to write a best.h5 to");
    LS_TRY(check_ending(call));
    ls_status status = format_name(&name, call, count);
    if (status == LS_BAD_INPUT)
        status = ls_callback_fail(call, "filepath", "%s", ls_message());
    if (status == LS_OK)
        status = ls_callback_path_check(call, "filepath", name.data);
    ls_text_release(&name);
    return status;
}

static ls_status check(const struct ls_callback_call *call)
{
    const struct model_checkpoint *o = call->instance->options;
    size_t count = call->fit->count;
    if (frequency(o) < 0)
        return ls_callback_fail(call, "save_freq",
                                "expected epoch, or a number of steps, found '%s'", o->save_freq);
    if (frequency(o) > 0)
        count = ls_objective_results(call->fit->objective); /* there is no validation at steps */
    LS_TRY(check_path(call, count));
    return o->save_best_only ? ls_monitor_check(call, count) : LS_OK;
}

/* A path that is always the same is tried before the first step. */
static ls_status begin(struct ls_callback_call *call)
{
    const struct model_checkpoint *o = call->instance->options;
    char *path = NULL;
    if (!call->first || strchr(pattern_of(o), '{'))
        return LS_OK;
    LS_TRY(make_path(&path, call));
    ls_status status = ls_callback_path_open(path);
    ls_release(path);
    return status == LS_OK ? LS_OK : ls_fail_within(status, "ModelCheckpoint");
}

/* -- saving */

static ls_status write_model(const struct ls_callback_call *call, const char *path)
{
    const struct model_checkpoint *o = call->instance->options;
    struct ls_checkpoint checkpoint;
    ls_status status = ls_fit_describe(call->fit, &checkpoint);
    if (status == LS_OK)
        status = ls_file_make_way(path);
    if (status == LS_OK)
        status = o->save_weights_only           ? ls_keras_weights_save(&checkpoint, path)
                 : ls_ends_with(path, ".keras") ? ls_export(&checkpoint, path, false)
                                                : ls_checkpoint_save(&checkpoint, path);
    ls_fit_describe_release(&checkpoint);
    return status == LS_OK ? LS_OK : ls_fail_within(status, "ModelCheckpoint");
}

/* Whether it is to be saved, which is told. */
static bool is_due(struct ls_callback_call *call, const char *path)
{
    const struct model_checkpoint *o = call->instance->options;
    const long long epoch = (long long)call->fit->epoch + 1;
    const bool tells = call->first && o->verbose > 0;
    double *state = call->doubles;
    char before[32] = "None";
    if (!o->save_best_only) {
        if (tells)
            ls_note("Epoch %lld: saving model to %s", epoch, path);
        return true;
    }
    struct ls_monitor monitor = ls_monitor_read(call);
    bool has_best = state[HAS_BEST] != 0 || !isnan(o->initial_value_threshold);
    double best = state[HAS_BEST] != 0 ? state[BEST] : o->initial_value_threshold;
    if (has_best)
        snprintf(before, sizeof before, "%.5f", best);
    if (has_best && !ls_monitor_improves(&monitor, 0, best)) {
        if (tells)
            ls_note("Epoch %lld: %s did not improve from %s", epoch, o->monitor.monitor, before);
        return false;
    }
    if (tells)
        ls_note("Epoch %lld: %s improved from %s to %.5f, saving model to %s", epoch,
                o->monitor.monitor, before, monitor.value, path);
    state[HAS_BEST] = 1;
    state[BEST] = monitor.value;
    return true;
}

/* All ranks keep count; the first one writes. */
static ls_status save(struct ls_callback_call *call)
{
    const struct model_checkpoint *o = call->instance->options;
    char *path = NULL;
    LS_TRY(make_path(&path, call));
    ls_status status = LS_OK;
    if (is_due(call, path) && call->first) {
        status = write_model(call, path);
        if (status == LS_OK && o->verbose > 0)
            ls_note("Epoch %lld: finished saving model to %s", (long long)call->fit->epoch + 1,
                    path);
    }
    ls_release(path);
    return status;
}

static ls_status step_end(struct ls_callback_call *call)
{
    const int64_t steps = frequency(call->instance->options);
    if (steps == 0 || ++call->doubles[STEPS] < (double)steps)
        return LS_OK;
    call->doubles[STEPS] = 0;
    return save(call);
}

static ls_status epoch_end(struct ls_callback_call *call)
{
    return frequency(call->instance->options) == 0 ? save(call) : LS_OK;
}

static const char *const examples[] = {
    "filepath: '{epoch:02d}-{loss:.2f}.h5'",
    "filepath: best.keras, monitor: loss, save_best_only: true, initial_value_threshold: 100",
    "filepath: 'steps/{epoch}-{batch}.weights.h5', save_weights_only: true, save_freq: 2, verbose: 1",
    NULL};

const struct ls_callback_kind ls_callback_model_checkpoint = {
    .kind = {.name = "ModelCheckpoint",
             .summary = "saves the model, or the best one so far, for Keras",
             .options = options,
             .options_size = sizeof(struct model_checkpoint)},
    .state_doubles = state_doubles,
    .check = check,
    .never_stops = true,
    .on = {[LS_CALLBACK_TRAIN_BEGIN] = begin,
           [LS_CALLBACK_STEP_END] = step_end,
           [LS_CALLBACK_EPOCH_END] = epoch_end},
    .examples = examples,
};
