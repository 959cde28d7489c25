#include "cli.h"

#include <stdlib.h>
#include <string.h>

/* In quotes where a space would make one argument look like two. */
static void print_argument(FILE *out, const char *argument)
{
    bool plain = *argument != '\0' && strpbrk(argument, " \t\n\"") == NULL;
    fprintf(out, plain ? " %s" : " \"%s\"", argument);
}

/* The command line in new memory; NULL without it. */
static char *join(const struct cli_call *call)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL)
        return NULL;
    fputs(call->name, out);
    for (char *const *argument = call->arguments; *argument != NULL; argument++)
        print_argument(out, *argument);
    bool failed = ferror(out);
    if (fclose(out) == 0 && !failed)
        return text;
    free(text);
    return NULL;
}

ls_status cli_meet(struct ls_comm **comm, const struct cli_call *call, ls_status status)
{
    char *text = status == LS_OK ? join(call) : strdup(ls_message());
    ls_status met = ls_comm_create(comm);
    if (met == LS_OK && text == NULL)
        met = ls_comm_agree_on(*comm, LS_FAILED, "out of memory");
    else if (met == LS_OK)
        met = ls_comm_agree_on(*comm, status, text);
    free(text);
    return met;
}

ls_status cli_meet_refused(ls_status status, const char *message)
{
    struct ls_comm *comm = NULL;
    cli_fail(status, "%s", message);
    if (ls_comm_create(&comm) == LS_OK)
        status = ls_comm_agree_on(comm, status, message);
    ls_comm_free(comm);
    return status;
}
