#include "cli.h"

#include <stdarg.h>
#include <string.h>

extern const struct cli_command cli_train, cli_evaluate, cli_predict, cli_summary, cli_import,
    cli_export, cli_list, cli_check, cli_status, cli_stop_run, cli_diff, cli_version;

const struct cli_command *const cli_commands[] = {
    &cli_train, &cli_evaluate, &cli_predict,  &cli_summary, &cli_import,  &cli_export, &cli_list,
    &cli_check, &cli_status,   &cli_stop_run, &cli_diff,    &cli_version, NULL,
};

enum { MESSAGE_BYTES = 512, NAMES_MAX = 32 };

const struct cli_command *cli_command_find(const struct cli_command *const *commands,
                                           const char *name)
{
    for (; *commands != NULL; commands++)
        if (strcmp((*commands)->name, name) == 0)
            return *commands;
    return NULL;
}

static ls_status refuse(char *refusal, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* refusal has room for MESSAGE_BYTES; what it holds is told when the ranks have met. */
static ls_status refuse(char *refusal, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(refusal, MESSAGE_BYTES, format, arguments);
    va_end(arguments);
    return LS_USAGE;
}

/* what: "command", or "import: unknown kind"'s noun. */
static ls_status refuse_unknown(char *refusal, const char *what,
                                const struct cli_command *const *commands, const char *name)
{
    const char *names[NAMES_MAX];
    size_t count = 0;
    for (; commands[count] != NULL && count < NAMES_MAX - 1; count++)
        names[count] = commands[count]->name;
    if (commands == cli_commands)
        names[count++] = "help";
    const char *near = cli_nearest(name, names, count);
    if (near != NULL)
        return refuse(refusal, "unknown %s '%s' (did you mean '%s'?)", what, name, near);
    char known[MESSAGE_BYTES] = "";
    size_t length = 0;
    for (size_t i = 0; i < count && length < sizeof(known); i++)
        length += (size_t)snprintf(known + length, sizeof(known) - length, "%s%s",
                                   i > 0 ? ", " : "", names[i]);
    return refuse(refusal, "unknown %s '%s' (known: %s)", what, name, known);
}

/* Runs one command with the arguments after its name. */
static ls_status run_command(const struct cli_command *command, const char *name,
                             char *const *arguments)
{
    if (!command->all_ranks && cli_launched_rank() != 0)
        return LS_OK; /* the first rank does it, for all */
    struct cli_call call;
    ls_status status = cli_call_parse(&call, command, name, arguments);
    if (status != LS_OK) {
        status = command->all_ranks ? cli_meet_refused(status, call.message)
                                    : cli_fail(status, "%s", call.message);
    } else if (call.help) {
        if (cli_launched_rank() == 0)
            cli_help_print(stdout, command, name);
        status = cli_finish_output();
    } else {
        status = command->run(&call);
    }
    cli_call_release(&call);
    return status;
}

/* A command, or the kind of a group that the next argument names. */
static ls_status run_named(const struct cli_command *command, char *const *arguments, char *refusal)
{
    if (command->members == NULL)
        return run_command(command, command->name, arguments);
    const char *kind = *arguments;
    if (kind == NULL || (kind[0] == '-' && strcmp(kind, "--help") != 0 && strcmp(kind, "-h") != 0))
        return refuse(refusal, "%s: missing kind (try 'lockstep %s --help')", command->name,
                      command->name);
    if (kind[0] == '-') {
        if (cli_launched_rank() == 0)
            cli_help_print(stdout, command, command->name);
        return cli_finish_output();
    }
    char what[32], name[32];
    snprintf(what, sizeof(what), "kind of %s", command->name);
    const struct cli_command *member = cli_command_find(command->members, kind);
    if (member == NULL)
        return refuse_unknown(refusal, what, command->members, kind);
    snprintf(name, sizeof(name), "%s %s", command->name, kind);
    return run_command(member, name, arguments + 1);
}

static ls_status help(char *const *arguments, char *refusal)
{
    const struct cli_command *command = NULL;
    char name[32] = "";
    const struct cli_command *const *commands = cli_commands;
    for (; *arguments != NULL; arguments++) {
        if (commands == NULL)
            return refuse(refusal, "help: extra operand '%s'", *arguments);
        command = cli_command_find(commands, *arguments);
        if (command == NULL)
            return refuse_unknown(refusal, "command", commands, *arguments);
        snprintf(name + strlen(name), sizeof(name) - strlen(name), "%s%s", *name ? " " : "",
                 command->name);
        commands = command->members;
    }
    if (cli_launched_rank() != 0)
        return LS_OK;
    if (command == NULL)
        cli_help_print_all(stdout);
    else
        cli_help_print(stdout, command, name);
    return cli_finish_output();
}

static ls_status print_version(void)
{
    if (cli_launched_rank() == 0)
        printf("lockstep %s\n", LOCKSTEP_VERSION);
    return cli_finish_output();
}

/* What the first argument asks for; refusal: why there is no such thing, or "". */
static ls_status run_first(char *const *arguments, char *refusal)
{
    const char *first = *arguments;
    if (first == NULL)
        return refuse(refusal, "missing command (try 'lockstep --help')");
    if (strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0 || strcmp(first, "help") == 0)
        return help(arguments + 1, refusal);
    if (strcmp(first, "--version") == 0)
        return print_version();
    if (first[0] == '-')
        return refuse(refusal, "unknown option '%s' before the command (try 'lockstep --help')",
                      first);
    const struct cli_command *command = cli_command_find(cli_commands, first);
    if (command == NULL)
        return refuse_unknown(refusal, "command", cli_commands, first);
    return run_named(command, arguments + 1, refusal);
}

int cli_main(char *const *arguments)
{
    char refusal[MESSAGE_BYTES] = "";
    ls_status status = run_first(arguments, refusal);
    return (int)(refusal[0] != '\0' ? cli_meet_refused(status, refusal) : status);
}
