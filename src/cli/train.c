#include "cli.h"

#include <inttypes.h>
#include <string.h>

struct options {
    bool resume, quiet;
    const char *data, *directory;
    int64_t replicas;
    struct cli_list set, accept, plugins;
};

#define AT(field) offsetof(struct options, field)

static const struct cli_option options[] = {
    {.name = "resume",
     .type = CLI_FLAG,
     .offset = AT(resume),
     .help = "go on with the directory's run, if it holds one"},
    {.name = "data",
     .type = CLI_TEXT,
     .offset = AT(data),
     .argument = "FILE:SPLIT",
     .initial = "the run file's data.train",
     .help = "train on this data"},
    {.name = "epochs",
     .type = CLI_KEY,
     .offset = AT(set),
     .argument = "N",
     .key = "fit.epochs",
     .min = 0,
     .max = INT32_MAX,
     .unit = "epochs",
     .initial = "the run file's, else 1",
     .help = "epochs in all, those before a resume among them"},
    {.name = "batch-size",
     .type = CLI_KEY,
     .offset = AT(set),
     .argument = "N",
     .key = "fit.batch_size",
     .min = 1,
     .max = INT32_MAX,
     .unit = "samples",
     .initial = "the run file's, else 32",
     .help = "samples a step, over all replicas"},
    {.name = "replicas",
     .type = CLI_COUNT,
     .offset = AT(replicas),
     .argument = "N",
     .min = 1,
     .max = 1048576,
     .initial = "the run's own, else the number of ranks",
     .help = "replicas of the model that the batch is cut over"},
    {.name = "threads",
     .type = CLI_KEY,
     .offset = AT(set),
     .argument = "N",
     .key = "fit.threads",
     .min = 1,
     .max = 1024,
     .unit = "threads a rank",
     .initial = "the run file's, else 1",
     .help = "threads of the kernels"},
    {.name = "seed",
     .type = CLI_KEY,
     .offset = AT(set),
     .argument = "N",
     .key = "fit.seed",
     .min = 0,
     .max = 9007199254740992,
     .initial = "the run file's, else 0",
     .help = "of the weights, the order of samples and dropout"},
    {.name = "out",
     .letter = 'o',
     .type = CLI_TEXT,
     .offset = AT(directory),
     .argument = "DIR",
     .initial = "the run file's name without .yaml",
     .help = "the run directory"},
    {.name = "set",
     .type = CLI_LIST,
     .offset = AT(set),
     .argument = "KEY=VALUE",
     .help = "a key of the run file, as model.layers.0.units=256"},
    {.name = "accept",
     .type = CLI_LIST,
     .offset = AT(accept),
     .argument = "KEY",
     .help = "let this differ on a resume: a key, kernels, threads, data"},
    CLI_PLUGINS(struct options),
    {.name = "quiet",
     .letter = 'q',
     .type = CLI_FLAG,
     .offset = AT(quiet),
     .help = "print nothing but errors and warnings"},
    {.name = NULL},
};

enum { PATH_BYTES = 4096 };

/* What the end of the program tells; the rest goes on to the progress bar. */
struct view {
    const struct ls_run_observer *bar; /* NULL: quiet */
    char directory[PATH_BYTES], checkpoint[PATH_BYTES];
    int64_t saved_step; /* -1: none saved here */
};

static void on_start(void *user, const struct ls_run_start *start)
{
    struct view *view = user;
    snprintf(view->directory, sizeof(view->directory), "%s", start->directory);
    if (view->bar != NULL)
        view->bar->start(view->bar->user, start);
}

static void on_progress(void *user, const struct ls_run_progress *progress)
{
    struct view *view = user;
    if (view->bar != NULL)
        view->bar->progress(view->bar->user, progress);
}

static void on_checkpoint(void *user, const char *path, int64_t step)
{
    struct view *view = user;
    snprintf(view->checkpoint, sizeof(view->checkpoint), "%s", path);
    view->saved_step = step;
}

static void tell_end(const struct view *view)
{
    if (view->bar == NULL || view->directory[0] == '\0')
        return;
    if (view->saved_step >= 0)
        printf("checkpoint: %s (step %" PRId64 "), also %s/model.h5\n", view->checkpoint,
               view->saved_step, view->directory);
    printf("history:    %s/history.h5\n", view->directory);
}

static ls_status tell_failure(const struct view *view, ls_status status)
{
    if (status != LS_INTERRUPTED)
        return cli_fail_library(status);
    if (view->saved_step < 0)
        return cli_fail(status, "interrupted: %s", ls_message());
    return cli_fail(
        status, "interrupted: saved at step %" PRId64 " (%s); run it again with --resume to go on",
        view->saved_step, view->checkpoint);
}

static ls_status train(struct ls_comm *comm, const struct cli_call *call, struct view *view)
{
    const struct options *given = call->options;
    const struct ls_run_observer observer = {
        .start = on_start, .progress = on_progress, .checkpoint = on_checkpoint, .user = view};
    const struct ls_run_train run = {
        .run = call->operands[0],
        .resume = given->resume,
        .data = given->data,
        .directory = given->directory,
        .set = given->set.items,
        .accept = given->accept.items,
        .plugins = given->plugins.items,
        .replicas = given->replicas,
        .stop = cli_stop(),
        .observer = &observer,
    };
    return ls_run_train(comm, &run);
}

static ls_status run(const struct cli_call *call)
{
    const struct options *given = call->options;
    struct ls_progress *progress = NULL;
    struct view view = {.saved_step = -1};
    cli_catch_signals();
    cli_listen(given->quiet);
    struct ls_comm *comm = NULL;
    /* Every rank makes one; the first rank's is used. */
    ls_status status = ls_progress_create(&progress, stdout, NULL);
    status = cli_meet(&comm, call, status);
    if (status == LS_OK && !given->quiet) {
        view.bar = ls_progress_observer(progress);
        cli_speak_around(progress);
    }
    if (status == LS_OK)
        status = train(comm, call, &view);
    if (status != LS_OK)
        tell_failure(&view, status);
    else if (ls_comm_rank(comm) == 0)
        tell_end(&view);
    cli_speak_around(NULL);
    ls_progress_free(progress);
    fflush(stdout); /* the run is saved, whatever became of its log */
    ls_comm_free(comm);
    return status;
}

const struct cli_command cli_train = {
    .name = "train",
    .operands = "RUN.yaml|RUNDIR",
    .summary = "trains the network of a run file, or goes on with a run",
    .options = options,
    .least = 1,
    .most = 1,
    .all_ranks = true,
    .failed = "the run failed",
    .interrupted = "interrupted and saved: run it again with --resume to go on",
    .examples = "  lockstep train mnist.yaml\n"
                "  mpirun -n 4 lockstep train mnist.yaml --epochs 10 -o runs/a --resume\n"
                "  lockstep train mnist.yaml --replicas 64 --set compile.optimizer=sgd\n"
                "  lockstep train runs/a --resume --epochs 20\n",
    .run = run,
};
_Static_assert(sizeof(struct options) <= CLI_OPTIONS_BYTES, "room for the options");
