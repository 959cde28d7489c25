/* The kinds of callbacks, and those of a run. */
#include "train/callback.h"

#include "base/memory.h"
#include "train/fit.h"

static const struct ls_kind *const kinds[] = {NULL}; /* plugins bring theirs */

const struct ls_registry ls_callbacks_known = {.noun = "callback", .kinds = kinds, .open = true};

struct ls_callbacks {
    const struct ls_instances *list;
    void **memory;   /* by callback */
    double *doubles; /* of all, one after the other */
    size_t begun;    /* those that saw the first event */
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

ls_status ls_callbacks_create(struct ls_callbacks **callbacks, const struct ls_instances *list)
{
    struct ls_callbacks *made = NULL;
    *callbacks = NULL;
    LS_TRY(ls_allocate(&made, 1, sizeof *made));
    made->list = list;
    ls_status status = ls_allocate(&made->memory, list->count, sizeof *made->memory);
    if (status == LS_OK)
        *callbacks = made;
    else
        ls_release(made);
    return status;
}

void ls_callbacks_free(struct ls_callbacks *callbacks)
{
    if (callbacks)
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

static bool listens(const struct ls_callbacks *callbacks, enum ls_callback_event event)
{
    for (size_t i = 0; i < callbacks->list->count; i++)
        if (kind_of(&callbacks->list->item[i])->on[event])
            return true;
    return false;
}

/* The first `count` of them, up to the first that fails. */
static ls_status call_all(struct ls_callbacks *callbacks, struct ls_callback_call call,
                          size_t count, bool *stop)
{
    call.doubles = callbacks->doubles;
    for (size_t i = 0; i < count; i++) {
        call.instance = &callbacks->list->item[i];
        call.memory = &callbacks->memory[i];
        call.stop = false;
        if (call.event == LS_CALLBACK_TRAIN_BEGIN)
            callbacks->begun = i + 1;
        if (kind_of(call.instance)->on[call.event])
            LS_TRY(kind_of(call.instance)->on[call.event](&call));
        *stop |= call.stop;
        call.doubles += doubles_of(call.instance);
    }
    return LS_OK;
}

void ls_callbacks_call(struct ls_callbacks *callbacks, enum ls_callback_event event,
                       const struct ls_fit_state *fit, ls_status *mine, bool *stop)
{
    struct ls_comm *comm = fit->job->comm;
    struct ls_callback_call call = {.event = event, .fit = fit, .first = ls_comm_rank(comm) == 0};
    if (*mine == LS_OK)
        *mine = call_all(callbacks, call, callbacks->list->count, stop);
    /* Ranks that disagreed would wait for each other for ever: one of them decides. */
    if (listens(callbacks, event))
        ls_comm_broadcast(comm, stop, sizeof *stop, 0);
}

ls_status ls_callbacks_end(struct ls_callbacks *callbacks, const struct ls_fit_state *fit,
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
