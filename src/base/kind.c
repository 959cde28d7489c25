/* Kinds by name, and their help. */
#include "base/kind.h"

#include <string.h>

#include "base/memory.h"
#include "base/option.h"

enum { SNAKE_BYTES = 128 };

static bool has_name(const struct ls_kind *kind, const char *name)
{
    char snake[SNAKE_BYTES];
    if (strcmp(kind->name, name) == 0)
        return true;
    for (const char *const *alias = kind->aliases; alias && *alias; alias++)
        if (strcmp(*alias, name) == 0)
            return true;
    ls_snake_case(snake, sizeof snake, kind->name);
    return strcmp(snake, name) == 0;
}

/* Names and aliases before snake_case, which may be another kind's own name. */
const struct ls_kind *ls_kind_find(const struct ls_registry *registry, const char *name)
{
    for (size_t i = 0; registry->kinds[i]; i++)
        if (strcmp(registry->kinds[i]->name, name) == 0)
            return registry->kinds[i];
    for (size_t i = 0; registry->kinds[i]; i++)
        if (has_name(registry->kinds[i], name))
            return registry->kinds[i];
    return NULL;
}

static ls_status collect_names(const struct ls_registry *registry, const char ***names)
{
    size_t count = 0;
    for (size_t i = 0; registry->kinds[i]; i++) {
        count++;
        for (const char *const *alias = registry->kinds[i]->aliases; alias && *alias; alias++)
            count++;
    }
    LS_TRY(ls_allocate(names, count + 1, sizeof **names));
    count = 0;
    for (size_t i = 0; registry->kinds[i]; i++) {
        (*names)[count++] = registry->kinds[i]->name;
        for (const char *const *alias = registry->kinds[i]->aliases; alias && *alias; alias++)
            (*names)[count++] = *alias;
    }
    return LS_OK;
}

ls_status ls_kind_require(const struct ls_registry *registry, const struct ls_tree *place,
                          const char *name, const struct ls_kind **kind)
{
    *kind = ls_kind_find(registry, name);
    if (*kind)
        return LS_OK;
    const char **names;
    struct ls_text known = {0};
    char shown[LS_EXCERPT];
    ls_excerpt(shown, name);
    LS_TRY(collect_names(registry, &names));
    const char *near = ls_nearest(name, names);
    ls_release(names);
    if (near)
        return ls_fail_at(place, LS_BAD_INPUT, "unknown %s '%s' (did you mean '%s'?)",
                          registry->noun, shown, near);
    for (size_t i = 0; registry->kinds[i]; i++)
        ls_text_append(&known, "%s%s", i > 0 ? ", " : "", registry->kinds[i]->name);
    ls_status status = ls_text_status(&known);
    if (status == LS_OK)
        status = ls_fail_at(place, LS_BAD_INPUT, "unknown %s '%s' (known: %s)", registry->noun,
                            shown, known.data ? known.data : "none");
    ls_text_release(&known);
    return status;
}

/* -- help */

enum { COLUMN_NAME, COLUMN_TYPE, COLUMN_INITIAL, COLUMN_RANGE, COLUMN_HELP, COLUMNS };

static void append_type(struct ls_text *text, const struct ls_option *option)
{
    static const char *const names[] = {
        [LS_OPTION_BOOL] = "true or false", [LS_OPTION_INT] = "integer",
        [LS_OPTION_FLOAT] = "number",       [LS_OPTION_TEXT] = "text",
        [LS_OPTION_CHOICE] = "choice",      [LS_OPTION_INTS] = "integers",
        [LS_OPTION_FLOATS] = "numbers",
    };
    bool kind = option->type == LS_OPTION_KIND;
    ls_text_append(text, "%s%s", kind ? option->registry->noun : names[option->type],
                   ls_option_nullable(option) ? " or null" : "");
}

static void append_cell(struct ls_text *text, const struct ls_option *option, int column)
{
    switch (column) {
    case COLUMN_NAME:
        ls_text_append(text, "%s%s%s", option->name, option->alias ? ", " : "",
                       option->alias ? option->alias : "");
        break;
    case COLUMN_TYPE:
        append_type(text, option);
        break;
    case COLUMN_INITIAL:
        ls_text_append(text, "%s", option->initial ? option->initial : "required");
        break;
    case COLUMN_RANGE:
        if (option->type == LS_OPTION_CHOICE)
            for (size_t i = 0; option->choices[i]; i++)
                ls_text_append(text, "%s%s", i > 0 ? ", " : "", option->choices[i]);
        else
            ls_option_format_range(text, option);
        break;
    default:
        ls_text_append(text, "%s%s%s%s", option->unit ? "[" : "", option->unit ? option->unit : "",
                       option->unit ? "] " : "", option->help ? option->help : "");
        break;
    }
}

static void pad(struct ls_text *text, size_t from, size_t width)
{
    size_t length = text->length - from;
    if (length < width)
        ls_text_append(text, "%*s", (int)(width - length), "");
}

static void trim_end(struct ls_text *text)
{
    while (text->length > 0 && text->data[text->length - 1] == ' ')
        text->data[--text->length] = '\0';
}

void ls_kind_format_help(struct ls_text *text, const struct ls_kind *kind)
{
    static const char *const titles[COLUMNS] = {"option", "type", "default", "range", ""};
    size_t width[COLUMNS] = {0};
    ls_text_append(text, "%s", kind->name);
    for (size_t i = 0; kind->aliases && kind->aliases[i]; i++)
        ls_text_append(text, "%s%s", i == 0 ? " (also " : ", ", kind->aliases[i]);
    ls_text_append(text, "%s: %s\n", kind->aliases && kind->aliases[0] ? ")" : "",
                   kind->summary ? kind->summary : "");
    if (!kind->options || !kind->options[0].name) {
        ls_text_append(text, "  no options\n");
        return;
    }
    for (int column = 0; column < COLUMNS - 1; column++) {
        width[column] = strlen(titles[column]);
        for (const struct ls_option *option = kind->options; option->name; option++) {
            struct ls_text cell = {0};
            append_cell(&cell, option, column);
            if (cell.length > width[column])
                width[column] = cell.length;
            text->failed |= cell.failed;
            ls_text_release(&cell);
        }
    }
    const struct ls_option *option = NULL; /* the first line has the titles */
    do {
        for (int column = 0; column < COLUMNS; column++) {
            ls_text_append(text, "  ");
            size_t start = text->length;
            if (option)
                append_cell(text, option, column);
            else
                ls_text_append(text, "%s", titles[column]);
            pad(text, start, width[column]);
        }
        trim_end(text);
        ls_text_append(text, "\n");
        option = option ? option + 1 : kind->options;
    } while (option->name);
}
