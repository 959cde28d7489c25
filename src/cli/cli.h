/* The program: its commands, their options, and how it speaks. Uses the public headers only. To add
 * a command: one file that ends in one struct cli_command (copy summary.c), one row in commands.c.
 */
#ifndef CLI_H
#define CLI_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lockstep/lockstep.h"

/* -- options: one table a command, for parsing and for help -------------------------------------*/

enum cli_type {
    CLI_FLAG,  /* bool; of a key: added to a struct cli_list as "key=true" */
    CLI_TEXT,  /* const char *, of the command line */
    CLI_DATA,  /* the same, of the form FILE:SPLIT, F.csv or F.csv.gz */
    CLI_COUNT, /* int64_t within min..max */
    CLI_LIST,  /* struct cli_list; each use adds one */
    CLI_KEY,   /* a whole number within min..max, added to a struct cli_list as "key=number" */
    CLI_WORD,  /* one of the words of `argument`, as "exact|fast", added as "key=word" */
};

/* Ends with NULL, as the library wants it. */
struct cli_list {
    const char **items; /* NULL: none */
    size_t count;
};

/* One row; the table ends with a row whose name is NULL. */
struct cli_option {
    const char *name; /* without the dashes */
    char letter;      /* or 0 */
    enum cli_type type;
    size_t offset;        /* in the command's struct */
    const char *argument; /* what stands for the value in the help: "N"; NULL for flags */
    const char *unit;     /* "samples"; or NULL */
    const char *initial;  /* the default, as the help says it; NULL: none */
    const char *key;      /* CLI_KEY, CLI_WORD, CLI_FLAG: of the run file */
    int64_t min, max;     /* CLI_COUNT and CLI_KEY; CLI_COUNT starts with `start` */
    int64_t start;
    bool required;    /* CLI_TEXT, CLI_DATA */
    const char *help; /* one line */
};

/* The row of --plugin; the command's struct has `struct cli_list plugins`. */
#define CLI_PLUGINS(holder)                                                                        \
    {                                                                                              \
        .name = "plugin", .type = CLI_LIST, .offset = offsetof(holder, plugins),                   \
        .argument = "F.so", .help = "load layers, losses, ... of one's own; may be repeated"       \
    }

enum { CLI_OPTIONS_BYTES = 256 }; /* room for any command's struct */
#define CLI_MANY SIZE_MAX

struct cli_call;

struct cli_command {
    const char *name;                 /* "train" */
    const char *operands;             /* "RUN.yaml|RUNDIR", as usage shows them */
    const char *summary;              /* one line */
    const struct cli_option *options; /* or NULL */
    size_t least, most;               /* operands */
    const char *failed, *interrupted; /* what exit status 1 and 75 mean; NULL: it has none */
    const char *examples;             /* lines */
    const struct cli_command *const
        *members;   /* of a group ("import idx"), ends with NULL; or NULL */
    bool all_ranks; /* run on every rank that was launched; else on the first one alone */
    ls_status (*run)(const struct cli_call *call);
};

/* A command line, parsed. */
struct cli_call {
    const struct cli_command *command;
    char name[32]; /* "import idx" */
    void *options; /* the command's struct */
    const char *const *operands;
    size_t operand_count;
    bool help;              /* --help was there: nothing else was checked after it */
    char message[512];      /* one line: why it was refused */
    char *const *arguments; /* all those after the command's name, as they were given */
    struct cli_list operand_list;
    union {
        int64_t align;
        char bytes[CLI_OPTIONS_BYTES];
    } storage;
};

/* Reads arguments (those after the command's name), which must outlive the call. LS_USAGE with
 * call->message. Always to be released. */
ls_status cli_call_parse(struct cli_call *call, const struct cli_command *command, const char *name,
                         char *const *arguments);
void cli_call_release(struct cli_call *call);

/* -- commands ----------------------------------------------------------------------------------*/

extern const struct cli_command *const cli_commands[]; /* ends with NULL */

const struct cli_command *cli_command_find(const struct cli_command *const *commands,
                                           const char *name);

void cli_help_print(FILE *out, const struct cli_command *command, const char *name);
void cli_help_print_all(FILE *out);

/* The whole program but for main(): returns the exit status. */
int cli_main(char *const *arguments);

/* The nearest of count names, or NULL when none is near. */
const char *cli_nearest(const char *name, const char *const *names, size_t count);

/* -- speaking ----------------------------------------------------------------------------------*/

/* This process' rank as the launcher's environment tells it; 0 when nobody launched it. */
int cli_launched_rank(void);
bool cli_launched(void);

/* "lockstep: " and one line on standard error, on the first rank only; returns status. */
ls_status cli_fail(ls_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same with the library's message. */
ls_status cli_fail_library(ls_status status);

/* "lockstep: " and one line on standard error on any rank, and the end of the process with status
 * LS_FAILED: for a thread beside one that hangs, and may hold the streams. */
_Noreturn void cli_die(const char *line);

/* From begin to end a launched process waits for others to do what `what` says ("begin"); when that
 * takes so long, it says so and dies (cli_die). Nothing for a process alone, or 0 seconds. */
void cli_guard_begin(double seconds, const char *what);
void cli_guard_end(void);

/* Until the next call, errors and notes clear this progress' line first. NULL: nothing to clear. */
void cli_speak_around(struct ls_progress *progress);

/* The library's notes and warnings go to standard error; quiet: the warnings alone. */
void cli_listen(bool quiet);

/* Flushes standard output; LS_CANNOT_WRITE, told, when it did not take all that was printed. */
ls_status cli_finish_output(void);

/* -- ranks ------------------------------------------------------------------------------------*/

/* Makes the comm and meets the other ranks in it (ls_comm_agree_on): all must have been started
 * with this call's command and arguments, and come with LS_OK (another status has the library's
 * message). On failure, with the library's message, *comm may be there all the same, and is to be
 * freed after the failure was told: mpirun ends the job when the first rank is gone. Collective. */
ls_status cli_meet(struct ls_comm **comm, const struct cli_call *call, ls_status status);

/* For a rank that has no call to go on with: tells why, and meets the other ranks, which learn of
 * it. Returns the status that all have. */
ls_status cli_meet_refused(ls_status status, const char *message);

/* Loads the shared objects of --plugin. Not collective. */
ls_status cli_load_plugins(const struct cli_list *plugins);

/* -- signals -----------------------------------------------------------------------------------*/

/* From here on SIGUSR1, SIGTERM, SIGHUP and SIGINT, where they were not ignored before, set
 * *cli_stop() and nothing else (a second SIGINT ends the program), and neither a reader that goes
 * away nor a file size limit ends it. */
void cli_catch_signals(void);
const volatile sig_atomic_t *cli_stop(void);

/* -- JSON ---------------------------------------------------------------------------------------*/

/* A text as a JSON string; bytes that are not UTF-8 become U+FFFD. */
void cli_json_text(FILE *out, const char *text);
/* The key `prefix` and `name` make together, with what parts it from its value. */
void cli_json_key(FILE *out, const char *prefix, const char *name);
/* The shortest number that reads back as the same; null when it is not finite. */
void cli_json_number(FILE *out, double value);
/* An evaluation as one object, on a line. */
void cli_json_evaluation(FILE *out, const struct ls_evaluation *evaluation);

#endif
