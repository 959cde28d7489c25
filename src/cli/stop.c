#include "cli.h"

static ls_status run(const struct cli_call *call)
{
    cli_listen(false);
    ls_status status = ls_run_stop(call->operands[0]);
    if (status != LS_OK)
        return cli_fail_library(status);
    printf("%s: asked to save and end\n", call->operands[0]);
    return cli_finish_output();
}

const struct cli_command cli_stop_run = {
    .name = "stop",
    .operands = "RUNDIR",
    .summary = "asks a running job, from any node, to save and end",
    .least = 1,
    .most = 1,
    .examples = "  lockstep stop runs/a\n",
    .run = run,
};
