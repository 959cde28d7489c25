#include "cli.h"

#include <inttypes.h>

struct options {
    const char *data, *out, *layer;
    bool classes, quiet;
    int64_t threads;
    struct cli_list plugins;
};

#define AT(field) offsetof(struct options, field)

static const struct cli_option options[] = {
    {.name = "data",
     .type = CLI_DATA,
     .offset = AT(data),
     .argument = "FILE:SPLIT|F.csv",
     .required = true,
     .help = "predict for these samples; of a CSV file, for its columns by name"},
    {.name = "out",
     .letter = 'o',
     .type = CLI_TEXT,
     .offset = AT(out),
     .argument = "F.h5|F.csv",
     .required = true,
     .help = "the file to write, in the order of the data"},
    {.name = "classes",
     .type = CLI_FLAG,
     .offset = AT(classes),
     .help = "the class in place of the numbers, by name where names are known"},
    {.name = "layer",
     .type = CLI_TEXT,
     .offset = AT(layer),
     .argument = "NAME",
     .initial = "the last",
     .help =
         "the output of this layer, or of what the run file calls so with `as`, in place of the "
         "model's; NAME#2: of its second call; NAME:1: its second result"},
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
    {.name = "quiet",
     .letter = 'q',
     .type = CLI_FLAG,
     .offset = AT(quiet),
     .help = "print nothing but errors and warnings"},
    {.name = NULL},
};

static ls_status run(const struct cli_call *call)
{
    const struct options *given = call->options;
    const struct ls_run_predict predict = {.model = call->operands[0],
                                           .data = given->data,
                                           .out = given->out,
                                           .classes = given->classes,
                                           .layer = given->layer,
                                           .threads = (int)given->threads};
    int64_t samples = 0;
    struct ls_comm *comm = NULL;
    cli_listen(given->quiet);
    ls_status status = cli_meet(&comm, call, cli_load_plugins(&given->plugins));
    if (status == LS_OK)
        status = ls_run_predict(comm, &predict, &samples);
    if (status != LS_OK) {
        cli_fail_library(status);
    } else if (ls_comm_rank(comm) == 0 && !given->quiet) {
        printf("%s: %s of %" PRId64 " samples\n", given->out,
               given->classes ? "classes" : "predictions", samples);
        status = cli_finish_output();
    }
    ls_comm_free(comm);
    return status;
}

const struct cli_command cli_predict = {
    .name = "predict",
    .operands = "MODEL",
    .summary = "writes a model's predictions for a data set",
    .options = options,
    .least = 1,
    .most = 1,
    .all_ranks = true,
    .failed = "the prediction failed",
    .examples = "  lockstep predict runs/a --data mnist.h5:test -o predictions.h5\n"
                "  lockstep predict runs/a --data mnist.h5:test -o digits.csv --classes\n"
                "  lockstep predict runs/houses --data new.csv -o prices.csv\n",
    .run = run,
};
_Static_assert(sizeof(struct options) <= CLI_OPTIONS_BYTES, "room for the options");
