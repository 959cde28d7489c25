/* The kinds of callbacks, and those of a run. */
#include "train/callback.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "comm/partition.h"
#include "train/fit.h"

#define LS_CALLBACKS(X)                                                                            \
    X(ls_callback_early_stopping)                                                                  \
    X(ls_callback_model_checkpoint)                                                                \
    X(ls_callback_reduce_lr_on_plateau)                                                            \
    X(ls_callback_learning_rate_scheduler)                                                         \
    X(ls_callback_terminate_on_nan)                                                                \
    X(ls_callback_csv_logger)                                                                      \
    X(ls_callback_tensor_board)                                                                    \
    X(ls_callback_backup_and_restore)

#define X(kind) extern const struct ls_callback_kind kind;
LS_CALLBACKS(X)
#undef X

static const struct ls_kind *const kinds[] = {
#define X(row) &row.kind,
    LS_CALLBACKS(X)
#undef X
        NULL};

const struct ls_registry ls_callbacks_known = {.noun = "callback", .kinds = kinds, .open = true};

/* Weights that a callback keeps. */
struct kept {
    bool keep, restore; /* asked for, not yet done */
};

struct ls_callbacks {
    const struct ls_instances *list;
    struct ls_crew *crew;
    void **memory;                       /* by callback */
    double *doubles;                     /* of all, one after the other */
    float *kept[LS_CHECKPOINT_KEPT_MAX]; /* by callback that keeps weights */
    struct kept asked[LS_CHECKPOINT_KEPT_MAX];
    size_t kepts;
    size_t begun; /* those that saw the first event */
};

static const struct ls_callback_kind *kind_of(const struct ls_instance *instance)
{
    return (const struct ls_callback_kind *)instance->kind;
}

static size_t doubles_of(const struct ls_instance *instance)
{
    const struct ls_callback_kind *kind = kind_of(instance);
    return kind->state_doubles ? kind->state_doubles(instance) : 0;
}

static bool keeps(const struct ls_instance *instance)
{
    const struct ls_callback_kind *kind = kind_of(instance);
    return kind->keeps_weights && kind->keeps_weights(instance);
}

static ls_status count_kept(struct ls_callbacks *callbacks)
{
    for (size_t i = 0; i < callbacks->list->count; i++)
        callbacks->kepts += keeps(&callbacks->list->item[i]);
    return callbacks->kepts <= LS_CHECKPOINT_KEPT_MAX
               ? LS_OK
               : ls_fail(LS_BAD_INPUT, "at most %d callbacks keep weights", LS_CHECKPOINT_KEPT_MAX);
}

ls_status ls_callbacks_create(struct ls_callbacks **callbacks, const struct ls_instances *list,
                              struct ls_crew *crew)
{
    struct ls_callbacks *made = NULL;
    *callbacks = NULL;
    LS_TRY(ls_allocate(&made, 1, sizeof *made));
    made->list = list;
    made->crew = crew;
    ls_status status = ls_allocate(&made->memory, list->count, sizeof *made->memory);
    if (status == LS_OK)
        status = count_kept(made);
    if (status == LS_OK)
        *callbacks = made;
    else
        ls_callbacks_free(made);
    return status;
}

ls_status ls_callbacks_make_kept(struct ls_callbacks *callbacks, size_t floats)
{
    for (size_t i = 0; i < callbacks->kepts; i++)
        LS_TRY(ls_crew_allocate(callbacks->crew, &callbacks->kept[i], floats * sizeof(float)));
    return LS_OK;
}

void ls_callbacks_free(struct ls_callbacks *callbacks)
{
    if (!callbacks)
        return;
    for (size_t i = 0; i < callbacks->kepts && i < LS_CHECKPOINT_KEPT_MAX; i++)
        ls_crew_release(callbacks->crew, callbacks->kept[i]);
    ls_release(callbacks->memory);
    ls_release(callbacks);
}

size_t ls_callbacks_doubles(const struct ls_callbacks *callbacks)
{
    size_t doubles = 0;
    for (size_t i = 0; i < callbacks->list->count; i++)
        doubles += doubles_of(&callbacks->list->item[i]);
    return doubles;
}

void ls_callbacks_place(struct ls_callbacks *callbacks, double *doubles)
{
    callbacks->doubles = doubles;
}

float *const *ls_callbacks_kept(const struct ls_callbacks *callbacks, size_t *count)
{
    *count = callbacks->kepts;
    return callbacks->kept;
}

/* -- checking */

/* Where a callback stands in the run file; NULL: not known. */
static const struct ls_tree *place_of(const struct ls_callback_call *call)
{
    const struct ls_tree *place = call->fit->job->callbacks;
    if (place && place->type == LS_TREE_LIST) {
        place = place->child;
        for (size_t i = 0; place && i < call->index; i++)
            place = place->next;
    }
    return place && place->type == LS_TREE_MAP ? place->child : place;
}

ls_status ls_callback_fail(const struct ls_callback_call *call, const char *option,
                           const char *format, ...)
{
    const struct ls_tree *place = place_of(call);
    const struct ls_tree *value =
        place && option && place->type == LS_TREE_MAP ? ls_tree_find(place, option) : NULL;
    char message[LS_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (value)
        return ls_fail_at(value, LS_BAD_INPUT, "%s", message);
    if (place)
        return ls_fail_at_name(place, LS_BAD_INPUT, "%s", message);
    return ls_fail(LS_BAD_INPUT, "%s: %s", call->instance->kind->name, message);
}

ls_status ls_callbacks_check(const struct ls_callbacks *callbacks, struct ls_fit_state *fit)
{
    for (size_t i = 0; i < callbacks->list->count; i++) {
        const struct ls_callback_call call = {
            .instance = &callbacks->list->item[i], .index = i, .fit = fit};
        const struct ls_callback_kind *kind = kind_of(call.instance);
        if (kind->logs_learning_rate)
            ls_fit_log_learning_rate(fit);
        if (kind->check)
            LS_TRY(kind->check(&call));
    }
    return LS_OK;
}

/* -- calling */

/* Whether one listens that may stop the training. */
static bool may_stop(const struct ls_callbacks *callbacks, enum ls_callback_event event)
{
    for (size_t i = 0; i < callbacks->list->count; i++) {
        const struct ls_callback_kind *kind = kind_of(&callbacks->list->item[i]);
        if (kind->on[event] && !kind->never_stops)
            return true;
    }
    return false;
}

/* The first `count` of them, up to the first that fails; at the last event all: they release what
 * they have. */
static ls_status call_all(struct ls_callbacks *callbacks, struct ls_callback_call call,
                          size_t count, bool *stop)
{
    const bool last = call.event == LS_CALLBACK_TRAIN_END;
    ls_status first = LS_OK;
    size_t kept = 0;
    call.doubles = callbacks->doubles;
    for (size_t i = 0; i < count && (first == LS_OK || last); i++) {
        call.instance = &callbacks->list->item[i];
        call.index = i;
        call.memory = &callbacks->memory[i];
        call.keeps = keeps(call.instance);
        call.stop = call.keep = call.restore = false;
        const struct ls_callback_kind *kind = kind_of(call.instance);
        if (call.event == LS_CALLBACK_TRAIN_BEGIN)
            callbacks->begun = i + 1;
        if (call.event == LS_CALLBACK_EPOCH_END && kind->logs_learning_rate)
            ls_fit_log_learning_rate(call.fit);
        ls_status status = kind->on[call.event] ? kind->on[call.event](&call) : LS_OK;
        first = first == LS_OK ? status : first;
        *stop |= call.stop;
        if (call.keeps)
            callbacks->asked[kept++] = (struct kept){call.keep, call.restore};
        call.doubles += doubles_of(call.instance);
    }
    return first;
}

void ls_callbacks_call(struct ls_callbacks *callbacks, enum ls_callback_event event,
                       struct ls_fit_state *fit, ls_status *mine, bool *stop)
{
    struct ls_comm *comm = fit->job->comm;
    struct ls_callback_call call = {.event = event, .fit = fit, .first = ls_comm_rank(comm) == 0};
    if (*mine == LS_OK)
        *mine = call_all(callbacks, call, callbacks->list->count, stop);
    /* Ranks that disagreed, one since it failed, would wait for each other for ever: rank 0
     * decides. */
    if (may_stop(callbacks, event))
        ls_comm_broadcast(comm, stop, sizeof *stop, 0);
}

/* A rank's part of the arenas that are kept or restored. */
static void move_part(struct ls_callbacks *callbacks, const struct ls_model *model)
{
    struct ls_range part = ls_part((int64_t)model->floats, ls_crew_size(callbacks->crew),
                                   ls_crew_rank(callbacks->crew));
    size_t bytes = (size_t)(part.end - part.begin) * sizeof(float);
    float *weights = model->weights + part.begin;
    for (size_t i = 0; i < callbacks->kepts; i++) {
        float *kept = callbacks->kept[i] + part.begin;
        if (callbacks->asked[i].keep)
            memcpy(kept, weights, bytes);
        if (callbacks->asked[i].restore)
            memcpy(weights, kept, bytes);
        callbacks->asked[i] = (struct kept){0};
    }
}

ls_status ls_callbacks_move_weights(struct ls_callbacks *callbacks, const struct ls_model *model)
{
    if (callbacks->kepts == 0)
        return LS_OK;
    LS_TRY(ls_crew_wait(callbacks->crew));
    move_part(callbacks, model);
    return ls_crew_wait(callbacks->crew);
}

ls_status ls_callbacks_end(struct ls_callbacks *callbacks, struct ls_fit_state *fit,
                           ls_status status)
{
    bool stop = false;
    struct ls_callback_call call = {.event = LS_CALLBACK_TRAIN_END,
                                    .fit = fit,
                                    .first = ls_comm_rank(fit->job->comm) == 0,
                                    .status = status};
    ls_status last = call_all(callbacks, call, callbacks->begun, &stop);
    callbacks->begun = 0;
    return last;
}
