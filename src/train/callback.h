/* Callbacks: what a run file has called while it trains. What a kind of callback is; one file a
 * family, one row in callback.c. */
#ifndef TRAIN_CALLBACK_H
#define TRAIN_CALLBACK_H

#include "base/custom.h"
#include "comm/crew.h"
#include "model/graph.h"

struct ls_fit_state;

enum ls_callback_event {
    LS_CALLBACK_TRAIN_BEGIN, /* of a start, that of a resumed run too */
    LS_CALLBACK_EPOCH_BEGIN, /* before an epoch's first step */
    LS_CALLBACK_STEP_END,
    LS_CALLBACK_EPOCH_END, /* after validation */
    LS_CALLBACK_DIVERGED, /* a step's loss is not finite, the weights are as before it: the training
                             fails with ls_message(), unless one answers `stop` */
    LS_CALLBACK_FINISH,   /* the last step is done: what the weights are now is saved */
    LS_CALLBACK_TRAIN_END, /* whatever ended it */
    LS_CALLBACK_EVENTS
};

/* One callback at one event, with the same numbers on every rank. */
struct ls_callback_call {
    const struct ls_instance *instance;
    enum ls_callback_event event;
    size_t index; /* among the run's, from 0 */
    struct ls_fit_state *fit;
    bool first;       /* this is rank 0 */
    double *doubles;  /* state: 0 at a run's beginning, kept in checkpoints; rank 0's counts */
    bool keeps;       /* weights are a part of its state, as `keep` left them */
    void **memory;    /* the callback's own, from the first event to the last; NULL at first */
    ls_status status; /* LS_CALLBACK_TRAIN_END: how it ended */
    bool stop;        /* out: the training ends here; rank 0's counts */
    /* Out, where it keeps weights, at the events EPOCH_END and FINISH: the weights of now are kept;
     * those that were kept are the weights. Done when all callbacks have been called. */
    bool keep, restore;
};

struct ls_callback_kind {
    struct ls_kind kind;
    size_t (*state_doubles)(const struct ls_instance *instance); /* NULL: none */
    bool (*keeps_weights)(const struct ls_instance *instance);   /* NULL: no */
    /* Whatever may be wrong, before the first step: fit has the names that an epoch ends with, call
     * no state. On every rank; it writes nothing. NULL: nothing to check. */
    ls_status (*check)(const struct ls_callback_call *call);
    bool logs_learning_rate; /* among an epoch's numbers, from its own turn on */
    bool never_stops;        /* rank 0 is not asked whether to: that is a message a step */
    /* By event; NULL: it does not listen. The same on every rank. */
    ls_status (*on[LS_CALLBACK_EVENTS])(struct ls_callback_call *call);
    const char *const *examples; /* options for the registry-wide tests; ends with NULL */
};

extern const struct ls_registry ls_callbacks_known;

/* A callback of a plugin as a kind, in new memory, freed with ls_custom_free. */
ls_status ls_callback_custom(const struct ls_kind **kind, const struct ls_custom_callback *custom);

/* LS_BAD_INPUT at an option of a callback (NULL: at the callback itself) in the run file. */
ls_status ls_callback_fail(const struct ls_callback_call *call, const char *option,
                           const char *format, ...) __attribute__((format(printf, 3, 4)));

/* -- those of one run ---------------------------------------------------------------------------*/

struct ls_callbacks;

/* list: of the run file, which must outlive them, as the crew must. Not collective. */
ls_status ls_callbacks_create(struct ls_callbacks **callbacks, const struct ls_instances *list,
                              struct ls_crew *crew);
/* Makes the arenas of those that keep weights, which the crew has in common: `floats` of the model,
 * 0 at first. Collective over the crew, which gets one status. */
ls_status ls_callbacks_make_kept(struct ls_callbacks *callbacks, size_t floats);
void ls_callbacks_free(struct ls_callbacks *callbacks);

/* Doubles of all their states, and where these are. */
size_t ls_callbacks_doubles(const struct ls_callbacks *callbacks);
void ls_callbacks_place(struct ls_callbacks *callbacks, double *doubles);
/* The arenas of those that keep weights, in the run file's order. */
float *const *ls_callbacks_kept(const struct ls_callbacks *callbacks, size_t *count);

/* Keeps and restores the weights that callbacks have asked for since the last time, a part on each
 * rank of the crew. Collective over the crew, whose callbacks have been called alike: all of it is
 * done when it returns. */
ls_status ls_callbacks_move_weights(struct ls_callbacks *callbacks, const struct ls_model *model);

/* Each one's check. fit->names are those of an epoch's end; those that callbacks log are added. Not
 * collective. */
ls_status ls_callbacks_check(const struct ls_callbacks *callbacks, struct ls_fit_state *fit);

/* Calls those that listen, in the run file's order. *mine is how this rank fares: when it fares ill
 * none is called, and a failure of theirs goes there, to be agreed on. *stop becomes rank 0's
 * answer on all ranks. Collective, where any of them listens. */
void ls_callbacks_call(struct ls_callbacks *callbacks, enum ls_callback_event event,
                       struct ls_fit_state *fit, ls_status *mine, bool *stop);

/* The last event, with how the training ended, for those that saw the first; what they return is
 * this rank's, and LS_OK where the training ended with another status. Not collective. */
ls_status ls_callbacks_end(struct ls_callbacks *callbacks, struct ls_fit_state *fit,
                           ls_status status);

#endif
