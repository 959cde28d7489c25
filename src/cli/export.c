#include "cli.h"

struct options {
    const char *out;
    bool optimizer_weights, quiet;
    struct cli_list plugins;
};

#define AT(field) offsetof(struct options, field)

static const struct cli_option options[] = {
    {.name = "out",
     .letter = 'o',
     .type = CLI_TEXT,
     .offset = AT(out),
     .argument = "m.keras|m.h5|m.json",
     .required = true,
     .help = "the file to write: an archive, a whole model, or a config alone"},
    {.name = "optimizer-weights",
     .type = CLI_FLAG,
     .offset = AT(optimizer_weights),
     .help = "in an .h5 too: Keras 3 then loads it, but does not train on"},
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
    cli_listen(given->quiet);
    ls_status status = cli_load_plugins(&given->plugins);
    if (status == LS_OK)
        status = ls_run_export(&(struct ls_run_export){
            .model = call->operands[0],
            .out = given->out,
            .optimizer_weights = given->optimizer_weights,
        });
    if (status != LS_OK)
        return cli_fail_library(status);
    if (given->quiet)
        return LS_OK;
    printf("%s: written\n", given->out);
    return cli_finish_output();
}

const struct cli_command cli_export = {
    .name = "export",
    .operands = "MODEL|RUN.yaml",
    .summary = "writes a model for Keras",
    .options = options,
    .least = 1,
    .most = 1,
    .examples =
        "  lockstep export runs/a -o m.keras     Keras trains on from it, as if it had begun\n"
        "  lockstep export runs/a -o m.h5        Keras 2 and 3; with the run's history and\n"
        "                                        position, which Keras passes over\n"
        "  lockstep export runs/a -o m.json      layers and compile, without weights\n"
        "  lockstep export net.yaml -o m.keras   with the weights that it names, else\n"
        "                                        those that a training would begin with\n",
    .run = run,
};
_Static_assert(sizeof(struct options) <= CLI_OPTIONS_BYTES, "room for the options");
