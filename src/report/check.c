/* A check as a page. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "lockstep/report.h"

enum { PAGE_COLUMNS = 100, LEVEL_COLUMNS = 9, TOPIC_COLUMNS = 11 };

static const char *const levels[] = {"ok", "warning", "error"};

/* The text's words, in lines that begin where the first one does. */
static void append_words(struct ls_text *page, const char *text)
{
    const size_t indent = LEVEL_COLUMNS + TOPIC_COLUMNS;
    size_t column = indent;
    for (bool first = true; *text; first = false) {
        size_t length = strcspn(text, " ");
        if (!first && column + 1 + length > PAGE_COLUMNS) {
            ls_text_append(page, "\n%*s", (int)indent, "");
            column = indent;
        } else if (!first) {
            ls_text_append(page, " ");
            column++;
        }
        ls_text_append_bytes(page, text, length);
        column += length;
        text += length;
        text += *text == ' ';
    }
    ls_text_append(page, "\n");
}

static void append_line(struct ls_text *page, const struct ls_check_line *line, const char *before)
{
    bool again = before && strcmp(before, line->topic) == 0;
    ls_text_append(page, "%-*s%-*s", LEVEL_COLUMNS, levels[line->level], TOPIC_COLUMNS,
                   again ? "" : line->topic);
    append_words(page, line->text);
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

static void append_verdict(struct ls_text *page, const struct ls_check *check)
{
    size_t count[LS_CHECK_ERROR + 1] = {0};
    for (size_t i = 0; i < check->lines; i++)
        count[check->line[i].level]++;
    size_t warnings = count[LS_CHECK_WARNING], errors = count[LS_CHECK_ERROR];
    if (errors)
        ls_text_append(page, "\n%zu error%s, %zu warning%s: it would not run\n", errors,
                       plural(errors), warnings, plural(warnings));
    else if (warnings)
        ls_text_append(page, "\n%zu warning%s: it would run\n", warnings, plural(warnings));
    else
        ls_text_append(page, "\nno warnings: it would run well\n");
}

ls_status ls_check_format(const struct ls_check *check, char **text)
{
    struct ls_text page = {0};
    for (size_t i = 0; i < check->lines; i++)
        append_line(&page, &check->line[i], i ? check->line[i - 1].topic : NULL);
    append_verdict(&page, check);
    *text = page.data;
    ls_status status = ls_text_status(&page);
    if (status != LS_OK) {
        ls_text_release(&page);
        *text = NULL;
    }
    return status;
}
