#include "cli.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DIE_MILLISECONDS = 1000 };

/* The line that must be cleared before others are written: one program, one standard error. */
static struct ls_progress *around;

/* The rank that the launcher tells; -1: nobody launched it. */
static int find_rank(void)
{
    static const char *const variables[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK",
                                            "SLURM_PROCID", NULL};
    for (size_t i = 0; variables[i] != NULL; i++) {
        const char *text = getenv(variables[i]);
        if (text == NULL || *text == '\0')
            continue;
        char *end;
        long rank = strtol(text, &end, 10);
        if (*end == '\0' && rank >= 0 && rank <= INT32_MAX)
            return (int)rank;
    }
    return -1;
}

int cli_launched_rank(void)
{
    int rank = find_rank();
    return rank < 0 ? 0 : rank;
}

bool cli_launched(void)
{
    return find_rank() >= 0;
}

void cli_speak_around(struct ls_progress *progress)
{
    around = progress;
}

/* One write a line: ranks share the stream, and so do the launcher's own messages. */
static void print_line(const char *before, const char *line)
{
    ls_progress_clear(around);
    char *text;
    if (asprintf(&text, "lockstep: %s%s\n", before, line) < 0) {
        fputs("lockstep: out of memory\n", stderr);
        return;
    }
    for (char *c = text; c[0] != '\0' && c[1] != '\0'; c++)
        if (*c == '\n')
            *c = ' ';
    fputs(text, stderr);
    free(text);
}

ls_status cli_fail(ls_status status, const char *format, ...)
{
    if (cli_launched_rank() != 0)
        return status;
    fflush(stdout);
    char *line;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&line, format, arguments) < 0)
        line = NULL;
    va_end(arguments);
    print_line("", line != NULL ? line : "out of memory");
    free(line);
    return status;
}

_Noreturn void cli_die(const char *line)
{
    struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
    char text[4096];
    int length = snprintf(text, sizeof text, "lockstep: %s\n", line);
    if (length > 0 && poll(&room, 1, DIE_MILLISECONDS) == 1 &&
        write(STDERR_FILENO, text,
              (size_t)length < sizeof text ? (size_t)length : sizeof text - 1) < 0)
        _exit(LS_CANNOT_WRITE);
    _exit(LS_FAILED);
}

ls_status cli_fail_library(ls_status status)
{
    return cli_fail(status, "%s", ls_message());
}

static void hear(void *user, enum ls_log_level level, const char *line)
{
    const bool *quiet = user;
    if (level == LS_LOG_NOTE && *quiet)
        return;
    print_line(level == LS_LOG_WARNING ? "warning: " : "note: ", line);
}

void cli_listen(bool quiet)
{
    static bool kept;
    kept = quiet;
    ls_log_set(cli_launched_rank() == 0 ? hear : NULL, &kept);
}

ls_status cli_finish_output(void)
{
    errno = 0;
    bool failed = fflush(stdout) != 0;
    if (!failed && !ferror(stdout))
        return LS_OK;
    return cli_fail(LS_CANNOT_WRITE, "standard output: %s",
                    errno != 0 ? strerror(errno) : "a write failed");
}
