#include "cli.h"

struct options {
    int64_t lines;
    bool quiet;
    struct cli_list plugins;
};

static const struct cli_option options[] = {
    {.name = "lines",
     .type = CLI_COUNT,
     .offset = offsetof(struct options, lines),
     .argument = "N",
     .min = 1,
     .max = 1000000,
     .start = 20,
     .unit = "lines",
     .initial = "20",
     .help = "tell at most this many differences"},
    CLI_PLUGINS(struct options),
    {.name = "quiet",
     .letter = 'q',
     .type = CLI_FLAG,
     .offset = offsetof(struct options, quiet),
     .help = "print nothing: the exit status tells"},
    {.name = NULL},
};

/* The exit status of two things that differ, as diff(1) has it. */
static const ls_status differs = LS_FAILED;

static ls_status run(const struct cli_call *call)
{
    const struct options *given = call->options;
    bool same = false;
    char *text = NULL;
    cli_listen(given->quiet);
    ls_status status = cli_load_plugins(&given->plugins);
    if (status == LS_OK)
        status =
            ls_run_diff(call->operands[0], call->operands[1], (size_t)given->lines, &same, &text);
    if (status != LS_OK)
        return cli_fail_library(status);
    if (!given->quiet) {
        fputs(text, stdout);
        status = cli_finish_output();
    }
    ls_text_free(text);
    return status == LS_OK && !same ? differs : status;
}

const struct cli_command cli_diff = {
    .name = "diff",
    .operands = "A B",
    .summary = "tells where two checkpoints, histories or run directories first differ",
    .options = options,
    .least = 2,
    .most = 2,
    .failed = "they differ (0: they are the same)",
    .examples = "  lockstep diff runs/a runs/b\n"
                "  lockstep diff a/checkpoints/step-00001200.h5 b/model.h5\n",
    .run = run,
};
_Static_assert(sizeof(struct options) <= CLI_OPTIONS_BYTES, "room for the options");
