#include "check/page.h"

#include <stdarg.h>

#include "base/memory.h"

static ls_status append_line(struct ls_check *check, struct ls_check_line line, const char *text)
{
    LS_TRY(ls_grow(&check->line, check->lines, sizeof *check->line));
    LS_TRY(ls_duplicate(&line.text, text));
    check->line[check->lines++] = line;
    return LS_OK;
}

void ls_check_add(struct ls_check *check, enum ls_check_level level, const char *topic,
                  const char *format, ...)
{
    char text[LS_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (append_line(check, (struct ls_check_line){level, topic, NULL}, text) != LS_OK)
        check->incomplete = true;
}

void ls_check_figure(struct ls_check *check, const char *name, double value)
{
    if (ls_grow(&check->figure, check->figures, sizeof *check->figure) != LS_OK)
        check->incomplete = true;
    else
        check->figure[check->figures++] = (struct ls_check_figure){name, value};
}

ls_status ls_check_status(const struct ls_check *check)
{
    return check->incomplete ? ls_fail(LS_FAILED, "out of memory") : LS_OK;
}

void ls_check_release(struct ls_check *check)
{
    for (size_t i = 0; i < check->lines; i++)
        ls_release(check->line[i].text);
    ls_release(check->line);
    ls_release(check->figure);
    *check = (struct ls_check){0};
}
