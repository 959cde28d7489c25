#include "cli.h"

#include <ctype.h>
#include <string.h>

enum { OPTION_COLUMN = 26, HELP_COLUMNS = 80 };

static const char *type_name(enum cli_type type)
{
    switch (type) {
    case CLI_FLAG:
        return "flag";
    case CLI_TEXT:
    case CLI_DATA:
        return "text";
    case CLI_COUNT:
    case CLI_KEY:
        return "whole number";
    case CLI_LIST:
        return "text, repeatable";
    case CLI_WORD:
        return "one of these words";
    }
    return "";
}

static void print_option(FILE *out, const struct cli_option *option)
{
    char left[64];
    char letter[8] = "    ";
    if (option->letter != 0)
        snprintf(letter, sizeof(letter), "-%c, ", option->letter);
    int width = snprintf(left, sizeof(left), "  %s--%s%s%s", letter, option->name,
                         option->argument != NULL ? " " : "",
                         option->argument != NULL ? option->argument : "");
    fputs(left, out);
    if (width > OPTION_COLUMN - 2)
        fprintf(out, "\n%*s", OPTION_COLUMN, "");
    else
        fprintf(out, "%*s", OPTION_COLUMN - width, "");
    fprintf(out, "%s\n%*s", option->help, OPTION_COLUMN, "");
    char range[64] = "";
    if (option->type == CLI_COUNT || option->type == CLI_KEY)
        snprintf(range, sizeof(range), option->max == INT64_MAX ? ", from %lld" : ", %lld to %lld",
                 (long long)option->min, (long long)option->max);
    int used = fprintf(out, "[%s%s%s%s", type_name(option->type), option->unit != NULL ? ", " : "",
                       option->unit != NULL ? option->unit : "", range);
    if (option->required)
        fprintf(out, "; required");
    if (option->initial != NULL) {
        bool fits =
            OPTION_COLUMN + used + (int)strlen("; default: ]") + (int)strlen(option->initial) <=
            HELP_COLUMNS;
        fprintf(out, ";%s%*sdefault: %s", fits ? "" : "\n", fits ? 1 : OPTION_COLUMN + 1, "",
                option->initial);
    }
    fprintf(out, "]\n");
}

static void print_statuses(FILE *out, const struct cli_command *command)
{
    fprintf(out, "\nExit status:\n  0   done\n");
    if (command->failed != NULL)
        fprintf(out, "  1   %s\n", command->failed);
    fprintf(out, "  64  wrong use of the command line\n"
                 "  65  the input (run file, model, data) is wrong; the message names the place\n"
                 "  66  no such input, or it cannot be read\n"
                 "  73  an output cannot be written, or is in use\n");
    if (command->interrupted != NULL)
        fprintf(out, "  75  %s\n", command->interrupted);
}

static void print_members(FILE *out, const struct cli_command *const *members)
{
    for (; *members != NULL; members++)
        fprintf(out, "  %-*s%s\n", 12, (*members)->name, (*members)->summary);
}

void cli_help_print(FILE *out, const struct cli_command *command, const char *name)
{
    if (command->members != NULL) {
        fprintf(out, "Usage: lockstep %s KIND [OPTION...] ...\n\nKinds:\n", name);
        print_members(out, command->members);
        fprintf(out, "\n'lockstep %s KIND --help' tells all about one.\n", name);
        return;
    }
    fprintf(out, "Usage: lockstep %s%s%s%s\n\n%c%s.\n\nOptions:\n", name,
            command->options != NULL ? " [OPTION...]" : "", command->operands != NULL ? " " : "",
            command->operands != NULL ? command->operands : "", toupper(command->summary[0]),
            command->summary + 1);
    for (const struct cli_option *row = command->options; row != NULL && row->name != NULL; row++)
        print_option(out, row);
    fprintf(out, "  -h, --help              this text\n"
                 "      --                  all that follows are operands\n");
    print_statuses(out, command);
    if (command->examples != NULL)
        fprintf(out, "\nExamples:\n%s", command->examples);
}

void cli_help_print_all(FILE *out)
{
    fprintf(out, "Usage: lockstep COMMAND [OPTION...] [OPERAND...]\n"
                 "       mpirun -n RANKS lockstep COMMAND ...\n\n"
                 "Trains neural networks on many processes at once.\n\nCommands:\n");
    print_members(out, cli_commands);
    fprintf(out, "  %-*s%s\n", 12, "help", "tells all about a command: 'lockstep help train'");
    fprintf(out, "\n'lockstep COMMAND --help' tells all about one.\n");
}
