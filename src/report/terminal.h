/* Where output goes in truth. */
#ifndef REPORT_TERMINAL_H
#define REPORT_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

#include "base/status.h"

/* A terminal that a person looks at; fd is -1 when out goes elsewhere. */
struct ls_terminal {
    bool drawn; /* lines may be redrawn */
    int fd;     /* asks for the width; owned when it is not out's own */
    bool fd_owned;
};

/* Decides for out, as ls_progress_create says. LS_USAGE for a bad LOCKSTEP_OUTPUT. */
ls_status ls_terminal_find(struct ls_terminal *terminal, FILE *out);
void ls_terminal_release(struct ls_terminal *terminal);

/* Its width now; 80 where it does not say. */
int ls_terminal_columns(const struct ls_terminal *terminal);

/* The parent of a process and the beginning of its name, out of the text of /proc/PID/stat (whose
 * name may hold blanks and brackets). False when the text is something else. */
bool ls_terminal_parse_stat(const char *text, int *parent, char *name, size_t room);

/* Whether the name is that of a program that starts ranks and hands on their output. */
bool ls_terminal_is_launcher(const char *name);

#endif
