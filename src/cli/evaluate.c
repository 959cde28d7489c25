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
     .help = "also write loss and metrics to this file"},
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
     .help = "print one JSON object: samples, loss, each metric; an array where it is a list"},
    {.name = NULL},
};

/* Whether number i belongs to the list that the one before it is of. */
static bool goes_on(const struct ls_evaluation *evaluation, size_t i)
{
    return i > 0 && i < evaluation->count && evaluation->lists[i] && evaluation->lists[i - 1] &&
           strcmp(evaluation->lists[i], evaluation->lists[i - 1]) == 0;
}

/* A metric whose result is a list is an array under its own name. */
static void print_json(const struct ls_evaluation *evaluation)
{
    printf("{\"samples\": %" PRId64, evaluation->samples);
    for (size_t i = 0; i < evaluation->count; i++) {
        const char *list = evaluation->lists[i];
        printf(", ");
        if (!goes_on(evaluation, i)) {
            cli_json_text(stdout, list ? list : evaluation->names[i]);
            printf(list ? ": [" : ": ");
        }
        cli_json_number(stdout, evaluation->values[i]);
        if (list && !goes_on(evaluation, i + 1))
            printf("]");
    }
    printf("}\n");
}

static void print_table(const struct ls_evaluation *evaluation)
{
    int width = (int)strlen("samples");
    for (size_t i = 0; i < evaluation->count; i++)
        if ((int)strlen(evaluation->names[i]) > width)
            width = (int)strlen(evaluation->names[i]);
    printf("%-*s  %" PRId64 "\n", width, "samples", evaluation->samples);
    for (size_t i = 0; i < evaluation->count; i++)
        printf("%-*s  %.6g\n", width, evaluation->names[i], evaluation->values[i]);
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
            print_json(&evaluation);
        else
            print_table(&evaluation);
        status = cli_finish_output();
    }
    ls_evaluation_release(&evaluation);
    ls_comm_free(comm);
    return status;
}

const struct cli_command cli_evaluate = {
    .name = "evaluate",
    .operands = "MODEL",
    .summary = "tells a model's loss and metrics on a data set",
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
