/* TensorBoard: keras/src/callbacks/tensorboard.py, with its directories and tags. Numbers of epochs
 * and histograms are written whatever update_freq is (Keras drops those of epochs whose last step
 * is no multiple of it); gradients and confusion matrices are ours. Rank 0 writes. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "store/events.h"
#include "train/callback_file.h"
#include "train/evaluator.h"
#include "train/fit.h"
#include "train/pictures.h"

struct tensor_board {
    char *log_dir;
    int64_t histogram_freq;
    bool write_graph, write_images, write_steps_per_second;
    char *update_freq; /* "epoch", "batch" or steps */
    bool confusion_matrix;
    int64_t profile_batch, embeddings_freq;
    char *embeddings_metadata;
};

/* The two directories; where a state has what there is to know of each: files begun, and bytes of
 * the last one. */
enum { TRAIN, VALIDATION, PARTS };
static const char *const part_name[] = {"train", "validation"};
enum { RUN, FILES, BYTES = FILES + PARTS, STATE_DOUBLES = BYTES + PARTS };

struct writer {
    struct ls_events *events[PARTS]; /* NULL: there is no validation; on ranks but 0 */
    const struct ls_tally *tally;    /* or NULL */
    double step_began;
};

#define OPTION(field) offsetof(struct tensor_board, field)
static const struct ls_option options[] = {
    {.name = "log_dir",
     .type = LS_OPTION_TEXT,
     .offset = OPTION(log_dir),
     .initial = "logs",
     .help = "for `tensorboard --logdir`, in the run directory"},
    {.name = "histogram_freq",
     .type = LS_OPTION_INT,
     .offset = OPTION(histogram_freq),
     .initial = "0",
     .min = 0,
     .max = -1,
     .unit = "epochs",
     .help = "between histograms of weights and gradients; 0: none"},
    {.name = "write_graph",
     .type = LS_OPTION_BOOL,
     .offset = OPTION(write_graph),
     .initial = "true",
     .help = "the model as a graph"},
    {.name = "write_images",
     .type = LS_OPTION_BOOL,
     .offset = OPTION(write_images),
     .initial = "false",
     .help = "the weights as pictures, with their histograms"},
    {.name = "write_steps_per_second",
     .type = LS_OPTION_BOOL,
     .offset = OPTION(write_steps_per_second),
     .initial = "false",
     .help = "the speed, an epoch and a step that is written"},
    {.name = "update_freq",
     .type = LS_OPTION_TEXT,
     .offset = OPTION(update_freq),
     .initial = "epoch",
     .help = "epoch; batch, or after how many steps, for loss and metrics of steps too"},
    {.name = "confusion_matrix",
     .type = LS_OPTION_BOOL,
     .offset = OPTION(confusion_matrix),
     .initial = "false",
     .unwritten = true,
     .help = "of the validation data, as a picture an epoch (ours, not Keras')"},
    {.name = "profile_batch",
     .type = LS_OPTION_INT,
     .offset = OPTION(profile_batch),
     .initial = "0",
     .refused = "is 0 here: `lockstep train --profile` shows where the time goes",
     .help = "0: no profile"},
    {.name = "embeddings_freq",
     .type = LS_OPTION_INT,
     .offset = OPTION(embeddings_freq),
     .initial = "0",
     .refused = "is 0 here: `lockstep predict --layer NAME` writes embeddings for a projector",
     .help = "0: no projector"},
    {.name = "embeddings_metadata",
     .type = LS_OPTION_TEXT,
     .offset = OPTION(embeddings_metadata),
     .initial = "null",
     .refused = "is null here: there is no projector for it",
     .help = "null: no projector"},
    {.name = NULL},
};

static size_t state_doubles(const struct ls_instance *instance)
{
    (void)instance;
    return STATE_DOUBLES;
}

/* Steps between those that are written; 0: none is; -1: it is no such thing. */
static int64_t frequency(const struct tensor_board *o)
{
    char *end;
    if (strcmp(o->update_freq, "epoch") == 0)
        return 0;
    if (strcmp(o->update_freq, "batch") == 0)
        return 1;
    long long steps = strtoll(o->update_freq, &end, 10);
    return *end == '\0' && steps >= 1 && steps <= INT32_MAX ? steps : -1;
}

/* -- checking */

static ls_status check_confusion(const struct ls_callback_call *call)
{
    static const char option[] = "confusion_matrix";
    const struct ls_fit_state *fit = call->fit;
    size_t most = 0;
    for (size_t o = 0; o < fit->job->model->outputs; o++) {
        size_t classes = ls_tally_classes(fit->objective, o);
        most = classes > most ? classes : most;
    }
    if (!fit->evaluator)
        return ls_callback_fail(call, option,
                                "there is no validation data to count on: give data.validation or "
                                "data.validation_split");
    if (most == 0)
        return ls_callback_fail(call, option,
                                "the model is no classifier: no output has a crossentropy as loss");
    if (most > LS_TALLY_CLASSES_MAX)
        return ls_callback_fail(call, option,
                                "at most %d classes can be told apart on a picture, "
                                "the model has %zu: set it to false",
                                LS_TALLY_CLASSES_MAX, most);
    return LS_OK;
}

static ls_status check(const struct ls_callback_call *call)
{
    const struct tensor_board *o = call->instance->options;
    if (frequency(o) < 0)
        return ls_callback_fail(call, "update_freq",
                                "expected epoch, batch, or a number of steps, found '%s'",
                                o->update_freq);
    if (o->confusion_matrix)
        LS_TRY(check_confusion(call));
    return ls_callback_path_check(call, "log_dir", o->log_dir);
}

/* -- files */

static ls_status within(ls_status status)
{
    return status == LS_OK ? LS_OK : ls_fail_within(status, "TensorBoard");
}

/* The file of this start, behind what the checkpoint knows of. Callbacks that begin anew in the
 * middle of a run leave what is there as it is. */
static ls_status open_part(const struct ls_callback_call *call, int part)
{
    const struct tensor_board *o = call->instance->options;
    struct writer *writer = *call->memory;
    double *state = call->doubles;
    const bool anew = state[FILES + part] == 0 && call->fit->position.iteration > 0;
    const struct ls_events_file file = {.run = (int64_t)state[RUN],
                                        .number = anew ? -1 : (int64_t)state[FILES + part],
                                        .kept = (int64_t)state[BYTES + part]};
    char *path = NULL, *directory = NULL;
    ls_status status;
    LS_TRY_OUT(ls_callback_path(&path, call, o->log_dir));
    LS_TRY_OUT(ls_path_join(&directory, path, part_name[part]));
    LS_TRY_OUT(ls_events_open(&writer->events[part], directory, &file));
    state[FILES + part] = (double)(ls_events_number(writer->events[part]) + 1);
    state[BYTES + part] = (double)ls_events_bytes(writer->events[part]);
out:
    ls_release(path);
    ls_release(directory);
    return status;
}

static ls_status flush(const struct ls_callback_call *call)
{
    const struct writer *writer = *call->memory;
    for (int part = 0; part < PARTS; part++) {
        if (!writer->events[part])
            continue;
        LS_TRY(ls_events_flush(writer->events[part]));
        call->doubles[BYTES + part] = (double)ls_events_bytes(writer->events[part]);
    }
    return LS_OK;
}

/* A run's files are known by its directory. */
static ls_status name_run(const struct ls_callback_call *call)
{
    const char *directory = call->fit->job->directory;
    char *absolute = NULL;
    if (call->doubles[RUN] != 0)
        return LS_OK;
    if (directory)
        LS_TRY(ls_path_absolute(&absolute, directory));
    call->doubles[RUN] = (double)ls_events_run(absolute);
    ls_release(absolute);
    return LS_OK;
}

static ls_status open_parts(const struct ls_callback_call *call)
{
    const struct tensor_board *o = call->instance->options;
    const struct ls_fit_state *fit = call->fit;
    const struct writer *writer = *call->memory;
    LS_TRY(name_run(call));
    LS_TRY(open_part(call, TRAIN));
    if (fit->evaluator)
        LS_TRY(open_part(call, VALIDATION));
    if (o->write_graph && ls_events_is_first(writer->events[TRAIN]))
        LS_TRY(ls_events_model(writer->events[TRAIN], fit->job->model));
    return flush(call);
}

static ls_status begin(struct ls_callback_call *call)
{
    const struct tensor_board *o = call->instance->options;
    struct writer *writer = NULL;
    LS_TRY(ls_allocate(&writer, 1, sizeof *writer));
    *call->memory = writer;
    writer->step_began = ls_seconds();
    if (o->confusion_matrix)
        LS_TRY(ls_evaluator_tally(call->fit->evaluator, &writer->tally));
    return call->first ? within(open_parts(call)) : LS_OK;
}

static ls_status end(struct ls_callback_call *call)
{
    struct writer *writer = *call->memory;
    for (int part = 0; writer && part < PARTS; part++)
        ls_events_close(writer->events[part]);
    ls_release(writer);
    *call->memory = NULL;
    return LS_OK;
}

/* -- numbers */

static ls_status put_number(struct ls_events *events, int64_t step, double value,
                            const char *format, const char *name)
{
    char *tag = NULL;
    LS_TRY(ls_format(&tag, format, name));
    ls_events_scalar(events, tag, step, value);
    ls_release(tag);
    return LS_OK;
}

static const char *validation_name(const char *name)
{
    static const char before[] = "val_";
    return strncmp(name, before, strlen(before)) == 0 ? name + strlen(before) : NULL;
}

/* The numbers of training, or of validation, under the format of their names. The learning rate
 * that other callbacks log may have changed since. */
static ls_status put_numbers(const struct ls_callback_call *call, int part, int64_t step,
                             const char *format)
{
    const struct writer *writer = *call->memory;
    const struct ls_fit_state *fit = call->fit;
    for (size_t i = 0; i < fit->count; i++) {
        const char *validation = validation_name(fit->names[i]);
        if ((part == VALIDATION) == (validation != NULL) &&
            strcmp(fit->names[i], "learning_rate") != 0)
            LS_TRY(put_number(writer->events[part], step, fit->values[i], format,
                              validation ? validation : fit->names[i]));
    }
    return LS_OK;
}

static ls_status put_epoch(const struct ls_callback_call *call)
{
    const struct tensor_board *o = call->instance->options;
    const struct writer *writer = *call->memory;
    const struct ls_fit_state *fit = call->fit;
    struct ls_events *train = writer->events[TRAIN];
    LS_TRY(put_numbers(call, TRAIN, fit->epoch, "epoch_%s"));
    ls_events_scalar(train, "epoch_learning_rate", fit->epoch, ls_fit_learning_rate(fit));
    if (o->write_steps_per_second && fit->seconds_here > 0)
        ls_events_scalar(train, "epoch_steps_per_second", fit->epoch,
                         (double)fit->steps_here / fit->seconds_here);
    if (!fit->evaluator)
        return LS_OK;
    LS_TRY(put_numbers(call, VALIDATION, fit->position.before + fit->position.iteration,
                       "evaluation_%s_vs_iterations"));
    return put_numbers(call, VALIDATION, fit->epoch, "epoch_%s");
}

static ls_status step_end(struct ls_callback_call *call)
{
    const struct tensor_board *o = call->instance->options;
    const int64_t every = frequency(o), iteration = call->fit->position.iteration;
    struct writer *writer = *call->memory;
    const double now = ls_seconds(), seconds = now - writer->step_began;
    writer->step_began = now;
    if (!call->first || every == 0 || iteration % every != 0)
        return LS_OK;
    if (o->write_steps_per_second && seconds > 0)
        ls_events_scalar(writer->events[TRAIN], "batch_steps_per_second", iteration, 1 / seconds);
    ls_status status = put_numbers(call, TRAIN, iteration, "batch_%s");
    return within(status == LS_OK ? flush(call) : status);
}

/* -- histograms and pictures */

/* Of one variable, under "PATH/histogram" and "PATH/gradient/histogram". */
static ls_status put_variable(const struct ls_callback_call *call, const struct ls_variable_at *at)
{
    const struct tensor_board *o = call->instance->options;
    const struct ls_fit_state *fit = call->fit;
    const struct ls_variable *variable = at->variable;
    const float *weights = fit->job->model->weights + variable->offset;
    const size_t count = ls_variable_count(variable);
    struct ls_events *train = ((const struct writer *)*call->memory)->events[TRAIN];
    char *path = NULL, *tag = NULL, *gradient_tag = NULL;
    ls_status status;
    LS_TRY_OUT(ls_keras_variable_path(&path, fit->job->model, at->layer, variable));
    LS_TRY_OUT(ls_format(&tag, "%s/histogram", path));
    LS_TRY_OUT(ls_format(&gradient_tag, "%s/gradient/histogram", path));
    ls_events_histogram(train, tag, fit->epoch, weights, count);
    if (at->trainable)
        ls_events_histogram(train, gradient_tag, fit->epoch, fit->last.gradient + variable->offset,
                            count);
    if (o->write_images)
        status = ls_weights_show(train, path, fit->epoch, weights, &variable->shape);
out:
    ls_release(path);
    ls_release(tag);
    ls_release(gradient_tag);
    return status;
}

static ls_status put_variables(const struct ls_callback_call *call)
{
    const struct ls_model *model = call->fit->job->model;
    for (size_t i = 0; i < ls_model_variables(model); i++) {
        const struct ls_variable_at at = ls_model_variable(model, i);
        LS_TRY(put_variable(call, &at));
    }
    return LS_OK;
}

static ls_status put_confusion(const struct ls_callback_call *call, size_t output)
{
    const struct writer *writer = *call->memory;
    const struct ls_model *model = call->fit->job->model;
    const int64_t *count = ls_tally_counts(writer->tally, output);
    struct ls_picture picture = {0};
    char *tag = NULL;
    if (!count)
        return LS_OK;
    ls_status status = ls_format(&tag, "%s%sconfusion_matrix",
                                 model->outputs > 1 ? model->output_name[output] : "",
                                 model->outputs > 1 ? "_" : "");
    if (status == LS_OK)
        status =
            ls_confusion_picture(&picture, count, ls_tally_classes(call->fit->objective, output));
    if (status == LS_OK)
        status = ls_events_pictures(
            writer->events[VALIDATION], call->fit->epoch,
            &(struct ls_event_pictures){
                .tag = tag,
                .help = "A row a true class, a column a predicted one, from 0 on; the bluer a "
                        "field, the larger the part of its row.",
                .picture = &picture,
                .count = 1});
    ls_release(picture.pixel);
    ls_release(tag);
    return status;
}

static ls_status put_all(const struct ls_callback_call *call)
{
    const struct tensor_board *o = call->instance->options;
    LS_TRY(put_epoch(call));
    if (o->histogram_freq > 0 && call->fit->epoch % o->histogram_freq == 0)
        LS_TRY(put_variables(call));
    for (size_t output = 0; o->confusion_matrix && output < call->fit->job->model->outputs;
         output++)
        LS_TRY(put_confusion(call, output));
    return flush(call);
}

static ls_status epoch_begin(struct ls_callback_call *call)
{
    struct writer *writer = *call->memory;
    writer->step_began = ls_seconds();
    return LS_OK;
}

static ls_status epoch_end(struct ls_callback_call *call)
{
    return call->first ? within(put_all(call)) : LS_OK;
}

static const char *const examples[] = {
    "{}", "log_dir: tb, histogram_freq: 1, write_images: true, confusion_matrix: false",
    "update_freq: batch, write_steps_per_second: true, write_graph: false", "update_freq: 3", NULL};

const struct ls_callback_kind ls_callback_tensor_board = {
    .kind = {.name = "TensorBoard",
             .summary = "writes event files: numbers, histograms, the graph, pictures",
             .options = options,
             .options_size = sizeof(struct tensor_board)},
    .state_doubles = state_doubles,
    .check = check,
    .never_stops = true,
    .on = {[LS_CALLBACK_TRAIN_BEGIN] = begin,
           [LS_CALLBACK_EPOCH_BEGIN] = epoch_begin,
           [LS_CALLBACK_STEP_END] = step_end,
           [LS_CALLBACK_EPOCH_END] = epoch_end,
           [LS_CALLBACK_TRAIN_END] = end},
    .examples = examples,
};
