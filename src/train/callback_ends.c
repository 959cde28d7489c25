/* TerminateOnNaN, and BackupAndRestore, which is what checkpoints are. */
#include "train/callback.h"
#include "train/fit.h"

/* -- TerminateOnNaN: without it a loss that is not finite fails the training. With it the training
 * ends there, as it would at its last epoch, with the weights of before that step. */

struct terminate {
    bool raise_error;
};

static const struct ls_option terminate_options[] = {
    {.name = "raise_error",
     .type = LS_OPTION_BOOL,
     .offset = offsetof(struct terminate, raise_error),
     .initial = "false",
     .help = "fail, as it does without this callback"},
    {.name = NULL},
};

static ls_status diverged(struct ls_callback_call *call)
{
    const struct terminate *o = call->instance->options;
    if (o->raise_error)
        return LS_OK;
    if (call->first)
        ls_warn("%s: TerminateOnNaN ends the training, with the weights of before that step",
                ls_message());
    call->stop = true;
    return LS_OK;
}

static const char *const terminate_examples[] = {"{}", "raise_error: true", NULL};

const struct ls_callback_kind ls_callback_terminate_on_nan = {
    .kind = {.name = "TerminateOnNaN",
             .summary = "makes a loss that is not finite the end of the training, not its failure",
             .options = terminate_options,
             .options_size = sizeof(struct terminate)},
    .on = {[LS_CALLBACK_DIVERGED] = diverged},
    .examples = terminate_examples,
};

/* -- BackupAndRestore */

struct backup {
    char *backup_dir, *save_freq;
    bool double_checkpoint, delete_checkpoint;
};

#define BACKUP(field) offsetof(struct backup, field)
static const struct ls_option backup_options[] = {
    {.name = "backup_dir",
     .type = LS_OPTION_TEXT,
     .offset = BACKUP(backup_dir),
     .initial = "null",
     .help = "a run's checkpoints are in its run directory"},
    {.name = "save_freq",
     .type = LS_OPTION_TEXT,
     .offset = BACKUP(save_freq),
     .initial = "epoch",
     .help = "`checkpoint: {every: ...}` says so here"},
    {.name = "double_checkpoint",
     .type = LS_OPTION_BOOL,
     .offset = BACKUP(double_checkpoint),
     .initial = "false",
     .help = "`checkpoint: {keep: ...}` says so here"},
    {.name = "delete_checkpoint",
     .type = LS_OPTION_BOOL,
     .offset = BACKUP(delete_checkpoint),
     .initial = "true",
     .help = "`checkpoint: {keep: ...}` says so here"},
    {.name = NULL},
};

static ls_status refuse(const struct ls_callback_call *call)
{
    return ls_callback_fail(
        call, NULL,
        "checkpoints do this: leave it out; `checkpoint: {every: 1 epoch}` says "
        "when, --resume goes on from the newest");
}

static const char *const backup_examples[] = {NULL};

const struct ls_callback_kind ls_callback_backup_and_restore = {
    .kind = {.name = "BackupAndRestore",
             .summary = "none: checkpoints and --resume do this",
             .options = backup_options,
             .options_size = sizeof(struct backup)},
    .check = refuse,
    .never_stops = true,
    .examples = backup_examples,
};
