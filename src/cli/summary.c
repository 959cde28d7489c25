#include "cli.h"

struct options {
    struct cli_list plugins;
};

static const struct cli_option options[] = {CLI_PLUGINS(struct options), {.name = NULL}};

static ls_status run(const struct cli_call *call)
{
    const struct options *given = call->options;
    char *text = NULL;
    cli_listen(false);
    ls_status status = cli_load_plugins(&given->plugins);
    if (status == LS_OK)
        status = ls_run_summary(call->operands[0], &text);
    if (status != LS_OK)
        return cli_fail_library(status);
    fputs(text, stdout);
    ls_text_free(text);
    return cli_finish_output();
}

const struct cli_command cli_summary = {
    .name = "summary",
    .operands = "MODEL|RUN.yaml",
    .summary = "prints the layers of a model, their shapes and parameters",
    .options = options,
    .least = 1,
    .most = 1,
    .examples = "  lockstep summary mnist.yaml\n"
                "  lockstep summary runs/a\n",
    .run = run,
};
