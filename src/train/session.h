/* A session: one start of a run in its directory. What `lockstep train` is made of, in the order in
 * which it happens: read the run file, open the directory, build the model, open the data, go on
 * from the newest checkpoint, train with the hooks that write checkpoints, history and status. */
#ifndef TRAIN_SESSION_H
#define TRAIN_SESSION_H

#include "comm/watchdog.h"
#include "lockstep/run.h"
#include "store/history.h"
#include "train/config.h"
#include "train/directory.h"
#include "train/fit.h"
#include "train/identity.h"
#include "train/split.h"

struct ls_session {
    struct ls_comm *comm;
    const struct ls_run_train *options;
    char *run_file, *path; /* of the run directory */
    struct ls_config config;
    struct ls_model *model;
    struct ls_checkpoint given; /* of `model: FILE`: the optimizer's state that a new run goes on
                                   with */
    struct ls_split data;
    struct ls_identity identity;
    struct ls_tree *state;       /* of the checkpoint that is resumed; NULL: a new run */
    char *resumed_from;          /* its path */
    struct ls_position position; /* where this start begins */
    double *partial;             /* sums of the epoch so far, from the checkpoint */
    int64_t partials;
    struct ls_fit_run *fit;
    struct ls_fit_hooks hooks;
    struct ls_watchdog *watchdog; /* NULL: not wanted, or one rank */

    /* on rank 0 only */
    struct ls_directory directory;
    struct ls_checkpoint checkpoint; /* that is resumed */
    struct ls_checkpoint_writer *writer;
    struct ls_history *history;
    struct ls_table epochs;
    struct ls_run_profile profile; /* at the end, where it was asked for */
    struct ls_run_status status;
    int64_t announced, begun;          /* iterations of checkpoints: told to the observer, begun */
    double looked, told, wrote, saved; /* seconds: of the last look for a stop, status.json,
                                          history.h5 and checkpoint */
};

/* session_open.c: everything up to the first step. Collective; what is there is released by
 * ls_session_close also after a failure. */
ls_status ls_session_open(struct ls_session *session, struct ls_comm *comm,
                          const struct ls_run_train *options);
/* What that is made of, in this order, for who wants to know where it would fail: all but what
 * rank 0 does in the run directory. Collective, but for the job, which only says what will be
 * trained. */
ls_status ls_session_read(struct ls_session *session, struct ls_comm *comm,
                          const struct ls_run_train *options);
ls_status ls_session_open_input(struct ls_session *session); /* model and data */
ls_status ls_session_identify(struct ls_session *session);   /* with the checkpoint to resume */
struct ls_fit_job ls_session_job(struct ls_session *session);
ls_status ls_session_prepare(struct ls_session *session);
void ls_session_close(struct ls_session *session);

/* session_resume.c: the newest checkpoint's state on all ranks (session->state; NULL: there is
 * none), and, once the optimizer's slots are there, its numbers. Collective. */
ls_status ls_session_find_checkpoint(struct ls_session *session);
ls_status ls_session_restore(struct ls_session *session);
/* For a new run: the optimizer's state of `model: FILE`, where there is one. Not collective. */
ls_status ls_session_take_given(struct ls_session *session);

/* session_watch.c: from here on hangs are found, where the observer (of all ranks) wants to know.
 * Collective. */
ls_status ls_session_watch(struct ls_session *session);

/* session_hooks.c: what happens while it trains. */
struct ls_fit_hooks ls_session_hooks(struct ls_session *session);
/* Tells the observer and status.json that it begins. On rank 0. */
ls_status ls_session_announce(struct ls_session *session);
/* The end: waits for the last checkpoint, writes history and status. On rank 0. */
ls_status ls_session_finish(struct ls_session *session, ls_status status);

#endif
