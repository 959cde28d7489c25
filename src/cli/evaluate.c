#include "cli.h"

#include <inttypes.h>
#include <string.h>

struct options {
    bool json;
    const char *data, *out;
    int64_t threads;
    struct cli_list plugins;
};

#define AT(field) offsetof(struct options, field)

static const struct cli_option options[] = {
    {.name = "data",
     .type = CLI_DATA,
     .offset = AT(data),
     .argument = "FILE:SPLIT|F.csv",
     .initial = "the run's validation data",
     .help = "evaluate on this data"},
    {.name = "out",
     .letter = 'o',
     .type = CLI_TEXT,
     .offset = AT(out),
     .argument = "F.h5",
     .help = "write all of it, with the points of ROC and precision-recall curves, to this file"},
    {.name = "threads",
     .type = CLI_COUNT,
     .offset = AT(threads),
     .argument = "N",
     .min = 1,
     .max = 1024,
     .start = 1,
     .unit = "threads a rank",
     .initial = "1",
     .help = "threads of the kernels"},
    CLI_PLUGINS(struct options),
    {.name = "json",
     .type = CLI_FLAG,
     .offset = AT(json),
     .help =
         "print one JSON object: samples, loss, each metric (an array where it is a list), reports"},
    {.name = NULL},
};

static ls_status print_text(const struct ls_evaluation *evaluation)
{
    char *text = NULL;
    ls_status status = ls_evaluation_format(evaluation, &text);
    if (status == LS_OK)
        fputs(text, stdout);
    ls_text_free(text);
    return status;
}

static ls_status run(const struct cli_call *call)
{
    const struct options *given = call->options;
    const struct ls_run_evaluate evaluate = {.model = call->operands[0],
                                             .data = given->data,
                                             .out = given->out,
                                             .threads = (int)given->threads};
    struct ls_evaluation evaluation = {0};
    struct ls_comm *comm = NULL;
    cli_listen(false);
    ls_status status = cli_meet(&comm, call, cli_load_plugins(&given->plugins));
    if (status == LS_OK)
        status = ls_run_evaluate(comm, &evaluate, &evaluation);
    if (status != LS_OK) {
        cli_fail_library(status);
    } else if (ls_comm_rank(comm) == 0) {
        if (given->json)
            cli_json_evaluation(stdout, &evaluation);
        else
            status = print_text(&evaluation);
        if (status == LS_OK)
            status = cli_finish_output();
        else
            cli_fail_library(status);
    }
    ls_evaluation_release(&evaluation);
    ls_comm_free(comm);
    return status;
}

const struct cli_command cli_evaluate = {
    .name = "evaluate",
    .operands = "MODEL",
    .summary = "tells a model's loss and metrics on a data set, and how it does by class",
    .options = options,
    .least = 1,
    .most = 1,
    .all_ranks = true,
    .failed = "the evaluation failed",
    .examples = "  lockstep evaluate runs/a --data mnist.h5:test\n"
                "  mpirun -n 4 lockstep evaluate runs/a/model.h5 --data mnist.h5:test --json\n",
    .run = run,
};
_Static_assert(sizeof(struct options) <= CLI_OPTIONS_BYTES, "room for the options");
