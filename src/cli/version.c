#include "cli.h"

static ls_status run(const struct cli_call *call)
{
    (void)call;
    char *text = NULL;
    cli_listen(false);
    ls_status status = ls_run_version(&text);
    if (status != LS_OK)
        return cli_fail_library(status);
    fputs(text, stdout);
    ls_text_free(text);
    return cli_finish_output();
}

const struct cli_command cli_version = {
    .name = "version",
    .summary = "prints the versions of the program and its libraries, and the kernels in use",
    .least = 0,
    .most = 0,
    .examples = "  lockstep version\n",
    .run = run,
};
