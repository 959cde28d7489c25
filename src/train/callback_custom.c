/* A plugin's callback as a kind. */
#include <string.h>

#include "base/memory.h"
#include "train/callback.h"
#include "train/fit.h"

struct custom {
    struct ls_callback_kind callback;
    const struct ls_custom_callback *custom;
};

static const struct ls_custom_callback *custom_of(const struct ls_instance *instance)
{
    return ((const struct custom *)instance->kind)->custom;
}

static size_t state_doubles(const struct ls_instance *instance)
{
    return custom_of(instance)->state_doubles;
}

static ls_custom_callback_function *function_of(const struct ls_custom_callback *custom,
                                                enum ls_callback_event event)
{
    switch (event) {
    case LS_CALLBACK_TRAIN_BEGIN:
        return custom->on_train_begin;
    case LS_CALLBACK_EPOCH_BEGIN:
        return custom->on_epoch_begin;
    case LS_CALLBACK_STEP_END:
        return custom->on_step_end;
    case LS_CALLBACK_EPOCH_END:
        return custom->on_epoch_end;
    case LS_CALLBACK_TRAIN_END:
        return custom->on_train_end;
    default:
        return NULL; /* ours alone */
    }
}

static ls_status call(struct ls_callback_call *call)
{
    const struct ls_custom_callback *custom = custom_of(call->instance);
    const struct ls_fit_state *fit = call->fit;
    char message[LS_CUSTOM_MESSAGE] = "";
    struct ls_custom_callback_call given = {
        .option = ls_custom_numbers(call->instance->options, 0),
        .state = call->doubles,
        .memory = call->memory,
        .first_rank = call->first,
        .epoch = fit->epoch,
        .epochs = fit->job->fit->epochs,
        .step = fit->step,
        .steps = fit->steps,
        .iteration = fit->position.iteration,
        .loss = fit->last.loss,
        .learning_rate = fit->last.learning_rate,
        .names = fit->names,
        .values = fit->values,
        .count = fit->count,
        .status = call->status,
        .message = message,
    };
    ls_status status = function_of(custom, call->event)(&given);
    call->stop = given.stop;
    message[sizeof message - 1] = '\0';
    if (status == LS_OK || call->status != LS_OK)
        return LS_OK; /* a failure that is there already is the one to tell */
    if (*message)
        return ls_fail(status, "callback %s: %s", custom->kind.name, message);
    return ls_fail(status, "callback %s ended the training with status %d", custom->kind.name,
                   (int)status);
}

ls_status ls_callback_custom(const struct ls_kind **kind, const struct ls_custom_callback *custom)
{
    struct custom *made = NULL;
    bool listens = false;
    LS_TRY(ls_custom_create(
        &made, &(struct ls_custom_source){.custom = &custom->kind, .kind_bytes = sizeof *made}));
    made->custom = custom;
    made->callback.state_doubles = state_doubles;
    for (int event = 0; event < LS_CALLBACK_EVENTS; event++)
        if (function_of(custom, (enum ls_callback_event)event)) {
            made->callback.on[event] = call;
            listens = true;
        }
    if (!listens) {
        ls_custom_free(&made->callback.kind);
        return ls_fail(LS_BAD_INPUT, "a callback needs one of the functions on_train_begin, "
                                     "on_epoch_begin, on_step_end, on_epoch_end, on_train_end");
    }
    made->callback.examples = ls_custom_examples(&custom->kind);
    *kind = &made->callback.kind;
    return LS_OK;
}
