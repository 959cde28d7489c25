#include "cli.h"

struct options {
    bool json;
    const char *data, *directory;
    int64_t replicas, ranks, ranks_per_node;
    const char *net;
    struct cli_list set, plugins;
};

#define AT(field) offsetof(struct options, field)

static const struct cli_option options[] = {
    {.name = "data",
     .type = CLI_TEXT,
     .offset = AT(data),
     .argument = "FILE:SPLIT",
     .initial = "the run file's data.train",
     .help = "train on this data"},
    {.name = "batch-size",
     .type = CLI_KEY,
     .offset = AT(set),
     .argument = "N",
     .key = "fit.batch_size",
     .min = 1,
     .max = INT32_MAX,
     .unit = "samples",
     .initial = "the run file's, else 32",
     .help = "samples a step, over all replicas"},
    {.name = "replicas",
     .type = CLI_COUNT,
     .offset = AT(replicas),
     .argument = "N",
     .min = 1,
     .max = 1048576,
     .initial = "the run's own, else the number of ranks",
     .help = "replicas of the model that the batch is cut over"},
    {.name = "threads",
     .type = CLI_KEY,
     .offset = AT(set),
     .argument = "N",
     .key = "fit.threads",
     .min = 1,
     .max = 1024,
     .unit = "threads a rank",
     .initial = "the run file's, else 1",
     .help = "threads of the kernels"},
    {.name = "out",
     .letter = 'o',
     .type = CLI_TEXT,
     .offset = AT(directory),
     .argument = "DIR",
     .initial = "the run file's name without .yaml",
     .help = "the run directory, in which nothing changes"},
    {.name = "set",
     .type = CLI_LIST,
     .offset = AT(set),
     .argument = "KEY=VALUE",
     .help = "a key of the run file, as model.layers.0.units=256"},
    {.name = "ranks",
     .type = CLI_COUNT,
     .offset = AT(ranks),
     .argument = "N",
     .min = 1,
     .max = 1048576,
     .initial = "8, 64, 512, 4096",
     .help = "predict what a step takes on so many ranks, from a trial of some seconds here; start "
             "it with as many ranks as a node will have"},
    {.name = "net",
     .type = CLI_TEXT,
     .offset = AT(net),
     .argument = "RATE,LATENCY[,OVERHEAD]",
     .initial = "as measured, on several nodes",
     .help = "with links between the nodes as 25Gbit,5us; OVERHEAD is what a message costs its "
             "sender and its receiver, else a fifth of LATENCY"},
    {.name = "ranks-per-node",
     .type = CLI_COUNT,
     .offset = AT(ranks_per_node),
     .argument = "K",
     .min = 1,
     .max = 65536,
     .initial = "as here",
     .help = "with so many ranks on each node"},
    CLI_PLUGINS(struct options),
    {.name = "json",
     .type = CLI_FLAG,
     .offset = AT(json),
     .help = "print one JSON object: status, lines, figures"},
    {.name = NULL},
};

static void print_lines(const struct ls_check *check)
{
    static const char *const levels[] = {"ok", "warning", "error"};
    printf("\"lines\": [");
    for (size_t i = 0; i < check->lines; i++) {
        const struct ls_check_line *line = &check->line[i];
        printf("%s{\"level\": \"%s\", \"topic\": ", i > 0 ? ",\n  " : "\n  ", levels[line->level]);
        cli_json_text(stdout, line->topic);
        printf(", \"text\": ");
        cli_json_text(stdout, line->text);
        printf("}");
    }
    printf("]");
}

static void print_figures(const struct ls_check *check)
{
    printf("\"figures\": {");
    for (size_t i = 0; i < check->figures; i++) {
        printf("%s", i > 0 ? ", " : "");
        cli_json_key(stdout, "", check->figure[i].name);
        cli_json_number(stdout, check->figure[i].value);
    }
    printf("}");
}

static void print_json(const struct ls_check *check, ls_status status)
{
    printf("{\"status\": %d, ", (int)status);
    print_lines(check);
    printf(", ");
    print_figures(check);
    printf("}\n");
}

static ls_status print(const struct ls_check *check, ls_status status, bool json)
{
    char *text;
    if (json) {
        print_json(check, status);
        return cli_finish_output();
    }
    if (check->lines == 0) /* nothing could be looked at */
        return LS_OK;
    ls_status formatted = ls_check_format(check, &text);
    if (formatted != LS_OK)
        return cli_fail_library(formatted);
    fputs(text, stdout);
    ls_text_free(text);
    return cli_finish_output();
}

static ls_status run(const struct cli_call *call)
{
    const struct options *given = call->options;
    struct ls_comm *comm = NULL;
    struct ls_check check = {0};
    cli_listen(false);
    ls_status status = cli_meet(&comm, call, LS_OK);
    if (status == LS_OK)
        status = ls_run_check(comm,
                              &(struct ls_run_check){
                                  .run = call->operands[0],
                                  .data = given->data,
                                  .directory = given->directory,
                                  .set = given->set.items,
                                  .plugins = given->plugins.items,
                                  .replicas = given->replicas,
                                  .net = given->net,
                                  .ranks = given->ranks,
                                  .ranks_per_node = given->ranks_per_node,
                              },
                              &check);
    ls_status printed = LS_OK;
    if (comm != NULL && ls_comm_rank(comm) == 0)
        printed = print(&check, status, given->json);
    if (status != LS_OK)
        cli_fail_library(status);
    else
        status = printed;
    ls_check_release(&check);
    ls_comm_free(comm);
    return status;
}

const struct cli_command cli_check = {
    .name = "check",
    .operands = "RUN.yaml|RUNDIR",
    .summary = "tells on one page whether a run would go well on these ranks",
    .options = options,
    .least = 1,
    .most = 1,
    .all_ranks = true,
    .failed = "the run would fail for another reason (as ranks that compute differently)",
    .examples = "  lockstep check mnist.yaml\n"
                "  mpirun -n 4 lockstep check mnist.yaml -o runs/a\n"
                "  mpirun -n 64 lockstep check runs/a --json\n"
                "  mpirun -n 4 lockstep check mnist.yaml --ranks 256 --net 25Gbit,5us\n"
                "  srun --mpi=pmix lockstep check mnist.yaml\n",
    .run = run,
};
_Static_assert(sizeof(struct options) <= CLI_OPTIONS_BYTES, "room for the options");
