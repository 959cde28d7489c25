#include "cli.h"

struct options {
    struct cli_list plugins;
};

static const struct cli_option options[] = {CLI_PLUGINS(struct options), {.name = NULL}};

static ls_status run(const struct cli_call *call)
{
    const struct options *given = call->options;
    const char *name = call->operand_count > 1 ? call->operands[1] : NULL;
    char *text = NULL;
    ls_status status = cli_load_plugins(&given->plugins);
    if (status == LS_OK)
        status = ls_run_list(call->operands[0], name, &text);
    if (status != LS_OK)
        return cli_fail(status, "list: %s", ls_message());
    fputs(text, stdout);
    ls_text_free(text);
    return cli_finish_output();
}

const struct cli_command cli_list = {
    .name = "list",
    .operands = "layers|losses|optimizers|metrics|activations|initializers|... [NAME]",
    .summary = "lists what a run file can name, or all options of one such",
    .options = options,
    .least = 1,
    .most = 2,
    .examples = "  lockstep list layers\n"
                "  lockstep list optimizers Adam\n"
                "  lockstep list losses PriceIsRight --plugin mine.so\n",
    .run = run,
};
