#include "cli.h"

static ls_status run(const struct cli_call *call)
{
    const char *name = call->operand_count > 1 ? call->operands[1] : NULL;
    char *text = NULL;
    ls_status status = ls_run_list(call->operands[0], name, &text);
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
    .least = 1,
    .most = 2,
    .examples = "  lockstep list layers\n"
                "  lockstep list optimizers Adam\n",
    .run = run,
};
