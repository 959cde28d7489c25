#include "cli.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct options {
    bool resume, quiet, profile, json;
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
    {.name = "combine",
     .type = CLI_WORD,
     .offset = AT(set),
     .argument = "exact|fast",
     .key = "fit.combine",
     .initial = "the run file's, else exact",
     .help = "order of the gradients' sum: fixed, or MPI's (no promise of bits)"},
    {.name = "shard-optimizer",
     .type = CLI_FLAG,
     .offset = AT(set),
     .key = "fit.shard_optimizer",
     .help = "a node's ranks hold weights and optimizer once, in parts"},
    {.name = "watchdog",
     .type = CLI_KEY,
     .offset = AT(set),
     .argument = "S",
     .key = "fit.watchdog",
     .min = 0,
     .max = INT32_MAX,
     .unit = "seconds",
     .initial = "the run file's, else 300",
     .help = "end a run that hangs for so long, and name the rank; 0: never"},
    {.name = "wire",
     .type = CLI_WORD,
     .offset = AT(set),
     .argument = "float32|bf16|fp16",
     .key = "fit.wire",
     .initial = "the run file's, else float32",
     .help = "gradients between nodes (in 16 bits: no promise of bits)"},
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
    {.name = "profile",
     .type = CLI_FLAG,
     .offset = AT(profile),
     .help = "tell where the time of a step goes; also in history.h5 as /profile"},
    {.name = "json",
     .type = CLI_FLAG,
     .offset = AT(json),
     .help = "with --profile: print that alone, as one JSON object"},
    {.name = "quiet",
     .letter = 'q',
     .type = CLI_FLAG,
     .offset = AT(quiet),
     .help = "print nothing but errors and warnings"},
    {.name = NULL},
};

enum { PATH_BYTES = 4096 };
enum { WATCHDOG_SECONDS = 300 }; /* fit.watchdog's default */

/* What the end of the program tells; the rest goes on to the progress bar. */
struct view {
    struct ls_progress *progress;
    const struct ls_run_observer *bar; /* NULL: quiet */
    bool json, profiled;
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

static void on_hang(void *user, const char *line)
{
    (void)user;
    cli_die(line);
}

static void on_watched(void *user)
{
    (void)user;
    cli_guard_end();
}

/* As the command line has it: no run file is read before the ranks have met. */
static double watchdog_of(const struct options *given)
{
    static const char key[] = "fit.watchdog=";
    double seconds = WATCHDOG_SECONDS;
    for (size_t i = 0; i < given->set.count; i++)
        if (strncmp(given->set.items[i], key, strlen(key)) == 0)
            seconds = strtod(given->set.items[i] + strlen(key), NULL);
    return seconds;
}

static void print_number(const char *name, double value, bool known)
{
    printf(", \"%s\": ", name);
    if (known)
        cli_json_number(stdout, value);
    else
        printf("null");
}

/* What is not a layer has no class; operations that are not counted are null. */
static void print_row(const struct ls_run_profile_row *row)
{
    bool layer = row->kind != NULL;
    printf("{\"name\": ");
    cli_json_text(stdout, row->name);
    printf(", \"class\": ");
    if (layer)
        cli_json_text(stdout, row->kind);
    else
        printf("null");
    print_number("seconds", row->seconds, true);
    print_number("share", row->share, true);
    print_number("forward_seconds", row->forward_seconds, layer);
    print_number("backward_seconds", row->backward_seconds, layer);
    print_number("forward_flops", row->forward_flops, row->forward_flops > 0);
    print_number("backward_flops", row->backward_flops, row->backward_flops > 0);
    printf("}");
}

static void print_json(const struct ls_run_profile *profile)
{
    printf("{\"profile\": {\"steps\": %" PRId64, profile->steps);
    print_number("step_seconds", profile->step_seconds, true);
    print_number("peak_gflops", profile->peak_gflops, true);
    print_number("hidden_seconds", profile->hidden_seconds, true);
    printf(", \"rows\": [");
    for (size_t i = 0; i < profile->count; i++) {
        printf("%s", i > 0 ? ", " : "");
        print_row(&profile->rows[i]);
    }
    printf("]}}\n");
}

static void on_profile(void *user, const struct ls_run_profile *profile)
{
    struct view *view = user;
    char *text;
    view->profiled = true;
    if (view->json)
        print_json(profile);
    if (view->bar == NULL)
        return;
    ls_status status = ls_profile_format(profile, &text);
    if (status != LS_OK) {
        cli_fail_library(status);
        return;
    }
    ls_progress_clear(view->progress);
    printf("%s", text);
    ls_text_free(text);
}

static ls_status tell_end(const struct view *view)
{
    if (view->json && !view->profiled)
        printf("{\"profile\": null}\n"); /* there was nothing left to train */
    if (view->json)
        return cli_finish_output();
    if (view->bar == NULL || view->directory[0] == '\0')
        return LS_OK;
    if (view->saved_step >= 0)
        printf("checkpoint: %s (step %" PRId64 "), also %s/model.h5\n", view->checkpoint,
               view->saved_step, view->directory);
    printf("history:    %s/history.h5\n", view->directory);
    return LS_OK;
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
    const struct ls_run_observer observer = {.start = on_start,
                                             .progress = on_progress,
                                             .checkpoint = on_checkpoint,
                                             .profile = on_profile,
                                             .hang = on_hang,
                                             .watched = on_watched,
                                             .user = view};
    const struct ls_run_train run = {
        .run = call->operands[0],
        .resume = given->resume,
        .profile = given->profile,
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
    if (given->json && !given->profile)
        return cli_meet_refused(LS_USAGE, "train: --json goes with --profile");
    cli_catch_signals();
    cli_listen(given->quiet);
    struct ls_comm *comm = NULL;
    /* Every rank makes one; the first rank's is used. */
    ls_status status = ls_progress_create(&progress, stdout, NULL);
    cli_guard_begin(watchdog_of(given), "begin");
    status = cli_meet(&comm, call, status);
    view.progress = progress;
    view.json = given->json;
    if (status == LS_OK && !given->quiet && !given->json) {
        view.bar = ls_progress_observer(progress);
        cli_speak_around(progress);
    }
    if (status == LS_OK)
        status = train(comm, call, &view);
    if (status != LS_OK)
        tell_failure(&view, status);
    else if (ls_comm_rank(comm) == 0)
        status = tell_end(&view);
    cli_speak_around(NULL);
    ls_progress_free(progress);
    fflush(stdout); /* the run is saved, whatever became of its log */
    cli_guard_end();
    cli_guard_begin(watchdog_of(given), "end");
    ls_comm_free(comm);
    cli_guard_end();
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
