#include "base/status.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char message[LS_MESSAGE_BYTES];

/* Recursive, since a callback may call into the library, which may write a note itself. */
static pthread_mutex_t log_mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static ls_log_function *log_function;
static void *log_user;

const char *ls_message(void)
{
    return message;
}

/* User text may hold anything; a message is one line and moves no terminal's cursor. C1 controls
 * are C2 80 .. C2 9F in UTF-8. */
static void clean_line(char *line)
{
    for (unsigned char *c = (unsigned char *)line; *c; c++) {
        if (*c < 0x20 || *c == 0x7f)
            *c = ' ';
        else if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)
            c[0] = c[1] = ' ';
    }
}

/* Ends a line that did not fit in "...", not in the middle of a UTF-8 sequence. */
static void cut_line(char *line, size_t room)
{
    size_t end = room - sizeof "...";
    while (end > 0 && ((unsigned char)line[end] & 0xc0) == 0x80)
        end--;
    memcpy(line + end, "...", sizeof "...");
}

static void format_line(char *line, size_t room, const char *format, va_list arguments)
{
    int length = vsnprintf(line, room, format, arguments);
    if (length < 0)
        snprintf(line, room, "(a message that could not be formatted)");
    else if ((size_t)length >= room)
        cut_line(line, room);
    clean_line(line);
}

ls_status ls_fail(ls_status status, const char *format, ...)
{
    char line[LS_MESSAGE_BYTES]; /* not in place: the arguments may hold the old message */
    va_list arguments;
    va_start(arguments, format);
    format_line(line, sizeof line, format, arguments);
    va_end(arguments);
    memcpy(message, line, sizeof message);
    return status;
}

ls_status ls_fail_within(ls_status status, const char *format, ...)
{
    char before[LS_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    format_line(before, sizeof before, format, arguments);
    va_end(arguments);
    return ls_fail(status, "%s: %s", before, message);
}

void ls_log_set(ls_log_function *function, void *user)
{
    pthread_mutex_lock(&log_mutex);
    log_function = function;
    log_user = user;
    pthread_mutex_unlock(&log_mutex);
}

static void write_log(enum ls_log_level level, const char *format, va_list arguments)
{
    pthread_mutex_lock(&log_mutex);
    if (log_function) {
        char line[LS_MESSAGE_BYTES];
        format_line(line, sizeof line, format, arguments);
        log_function(log_user, level, line);
    }
    pthread_mutex_unlock(&log_mutex);
}

void ls_note(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_log(LS_LOG_NOTE, format, arguments);
    va_end(arguments);
}

void ls_warn(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    write_log(LS_LOG_WARNING, format, arguments);
    va_end(arguments);
}
