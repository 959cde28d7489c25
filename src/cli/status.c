#include "cli.h"

#include <inttypes.h>

struct options {
    bool json;
};

static const struct cli_option options[] = {
    {.name = "json",
     .type = CLI_FLAG,
     .offset = offsetof(struct options, json),
     .help = "print one JSON array with an object a run directory"},
    {.name = NULL},
};

enum { LABEL_COLUMNS = 12 };

static void print_label(const char *label)
{
    printf("  %-*s", LABEL_COLUMNS, label);
}

/* "12 s ago", "5 min ago", "3 h ago", "2 days ago" */
static void print_age(double seconds)
{
    static const struct {
        double least;
        const char *unit;
    } units[] = {{2 * 86400.0, "days"}, {2 * 3600.0, "h"}, {2 * 60.0, "min"}};
    static const double lengths[] = {86400.0, 3600.0, 60.0};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        if (seconds < units[i].least)
            continue;
        printf("%.0f %s ago", seconds / lengths[i], units[i].unit);
        return;
    }
    printf("%.0f s ago", seconds > 0.0 ? seconds : 0.0);
}

static void print_block(const char *directory, const struct ls_run_status *status)
{
    printf("%s\n", directory);
    print_label("state");
    printf("%s\n", ls_run_state_name(status->state));
    if (status->message[0] != '\0') {
        print_label("message");
        printf("%s\n", status->message);
    }
    if (status->ranks > 0) {
        print_label("processes");
        printf("%d rank%s on %d node%s; first: process %" PRId64 " on %s\n", status->ranks,
               status->ranks == 1 ? "" : "s", status->nodes, status->nodes == 1 ? "" : "s",
               status->pid, status->host);
    }
    print_label("position");
    printf("step %" PRId64 " of %" PRId64 ", epoch %" PRId64 " of %" PRId64 "\n", status->step,
           status->steps, status->epoch, status->epochs);
    print_label("checkpoint");
    if (status->checkpoint[0] == '\0') {
        printf("none\n");
    } else {
        printf("%s, ", status->checkpoint);
        print_age(status->checkpoint_age_seconds);
        printf("\n");
    }
    if (status->straggler[0] != '\0') {
        print_label("straggler");
        printf("%s\n", status->straggler);
    }
    if (status->best_name[0] != '\0') {
        print_label("best");
        printf("%s %.6g in epoch %" PRId64 "\n", status->best_name, status->best_value,
               status->best_epoch);
    }
}

static void print_json_text(const char *name, const char *text)
{
    printf(", \"%s\": ", name);
    if (text[0] == '\0')
        printf("null");
    else
        cli_json_text(stdout, text);
}

static void print_json(const char *directory, const struct ls_run_status *status)
{
    printf("{\"directory\": ");
    cli_json_text(stdout, directory);
    print_json_text("state", ls_run_state_name(status->state));
    print_json_text("message", status->message);
    print_json_text("host", status->host);
    printf(", \"pid\": %" PRId64 ", \"ranks\": %d, \"nodes\": %d", status->pid, status->ranks,
           status->nodes);
    printf(", \"epoch\": %" PRId64 ", \"epochs\": %" PRId64 ", \"step\": %" PRId64
           ", \"steps\": %" PRId64,
           status->epoch, status->epochs, status->step, status->steps);
    print_json_text("checkpoint", status->checkpoint);
    printf(", \"checkpoint_age_seconds\": ");
    if (status->checkpoint[0] == '\0')
        printf("null");
    else
        cli_json_number(stdout, status->checkpoint_age_seconds);
    print_json_text("straggler", status->straggler);
    print_json_text("best_name", status->best_name);
    if (status->best_name[0] != '\0') {
        printf(", \"best_value\": ");
        cli_json_number(stdout, status->best_value);
        printf(", \"best_epoch\": %" PRId64, status->best_epoch);
    }
    printf("}");
}

static ls_status run(const struct cli_call *call)
{
    const struct options *given = call->options;
    ls_status first = LS_OK; /* the first failure is the exit status; the others are told too */
    size_t printed = 0;
    cli_listen(false);
    if (given->json)
        printf("[");
    for (size_t i = 0; i < call->operand_count; i++) {
        struct ls_run_status found;
        ls_status status = ls_run_status(call->operands[i], &found);
        if (status == LS_OK && found.state == LS_RUN_NONE)
            status = cli_fail(LS_NO_INPUT, "%s: holds no run", call->operands[i]);
        else if (status != LS_OK)
            cli_fail_library(status);
        if (status != LS_OK) {
            first = first == LS_OK ? status : first;
            continue;
        }
        if (printed++ > 0)
            printf(given->json ? ",\n " : "\n");
        if (given->json)
            print_json(call->operands[i], &found);
        else
            print_block(call->operands[i], &found);
    }
    if (given->json)
        printf("]\n");
    ls_status written = cli_finish_output();
    return first != LS_OK ? first : written;
}

const struct cli_command cli_status = {
    .name = "status",
    .operands = "RUNDIR...",
    .summary = "tells how runs stand: state, hosts, step of steps, newest checkpoint, best value",
    .options = options,
    .least = 1,
    .most = CLI_MANY,
    .examples = "  lockstep status runs/a\n"
                "  lockstep status runs/* --json\n",
    .run = run,
};
_Static_assert(sizeof(struct options) <= CLI_OPTIONS_BYTES, "room for the options");
