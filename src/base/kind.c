/* Kinds by name, and their help. */
#include "base/kind.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/option.h"

enum { SNAKE_BYTES = 128 };

/* The kinds that plugins added, in the order in which they came. The only list of kinds that is not
 * a table: it grows before other threads are there, and stays to the end of the process. */
static struct ls_added_kind *added;

const struct ls_kind *ls_registry_kind(const struct ls_registry *registry, size_t index)
{
    size_t i = 0;
    for (; registry->kinds[i]; i++)
        if (i == index)
            return registry->kinds[i];
    for (const struct ls_added_kind *at = added; at; at = at->next)
        if (at->registry == registry && i++ == index)
            return at->kind;
    return NULL;
}

/* Keras puts a package before the names of classes and functions that it does not hold itself:
 * "Custom>Adam" in files of Keras 2, "lockstep>step" in ours, "mine>price_is_right" in a user's,
 * who means a kind of his own. */
static const char *without_package(const struct ls_kind *kind, const char *name)
{
    static const char *const packages[] = {"Custom>", "lockstep>"};
    const char *end = strrchr(name, '>');
    if (end && kind->registered)
        return end + 1;
    for (size_t i = 0; end && i < sizeof packages / sizeof *packages; i++)
        if (strncmp(name, packages[i], strlen(packages[i])) == 0)
            return name + strlen(packages[i]);
    return name;
}

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
    const struct ls_kind *kind;
    for (size_t i = 0; (kind = ls_registry_kind(registry, i)); i++)
        if (strcmp(kind->name, without_package(kind, name)) == 0)
            return kind;
    for (size_t i = 0; (kind = ls_registry_kind(registry, i)); i++)
        if (has_name(kind, without_package(kind, name)))
            return kind;
    return NULL;
}

static ls_status collect_names(const struct ls_registry *registry, const char ***names)
{
    const struct ls_kind *kind;
    size_t count = 0;
    for (size_t i = 0; (kind = ls_registry_kind(registry, i)); i++) {
        count++;
        for (const char *const *alias = kind->aliases; alias && *alias; alias++)
            count++;
    }
    LS_TRY(ls_allocate(names, count + 1, sizeof **names));
    count = 0;
    for (size_t i = 0; (kind = ls_registry_kind(registry, i)); i++) {
        (*names)[count++] = kind->name;
        for (const char *const *alias = kind->aliases; alias && *alias; alias++)
            (*names)[count++] = *alias;
    }
    return LS_OK;
}

/* How a message begins, and how it goes on to list the names that are known. */
struct unknown {
    const char *before, *quote, *after, *known, *end;
};

/* "unknown layer 'x'" */
static void append_unknown(struct ls_text *text, const struct ls_registry *registry,
                           const char *name, const struct unknown *words)
{
    char shown[LS_EXCERPT];
    ls_excerpt(shown, name);
    ls_text_append(text, "%s %s %s%s%s%s", words->before, registry->noun, words->quote, shown,
                   words->quote, words->after);
}

static void append_known(struct ls_text *text, const struct ls_registry *registry,
                         const struct unknown *words)
{
    const struct ls_kind *kind;
    ls_text_append(text, "%s", words->known);
    for (size_t i = 0; (kind = ls_registry_kind(registry, i)); i++)
        ls_text_append(text, "%s%s", i > 0 ? ", " : "", kind->name);
    ls_text_append(text, "%s%s%s", ls_registry_kind(registry, 0) ? "" : "none",
                   registry->open ? "; --plugin F.so loads custom ones" : "", words->end);
}

static ls_status fail_unknown(const struct ls_registry *registry, const struct ls_tree *place,
                              const char *name, const struct unknown *words)
{
    const char **names;
    struct ls_text text = {0};
    char shown[LS_EXCERPT];
    ls_excerpt(shown, name);
    if (strcmp(name, "__lambda__") == 0)
        return ls_fail_at(place, LS_BAD_INPUT,
                          "the %s is a lambda of Python's, which only Keras can run",
                          registry->noun);
    if (registry->open && strchr(name, '>'))
        return ls_fail_at(place, LS_BAD_INPUT,
                          "the %s '%s' is a custom one, which only its author's code knows: "
                          "--plugin F.so loads it",
                          registry->noun, shown);
    LS_TRY(collect_names(registry, &names));
    const char *near = ls_nearest(name, names);
    ls_release(names);
    append_unknown(&text, registry, name, words);
    if (near)
        ls_text_append(&text, " (did you mean '%s'?)", near);
    else
        append_known(&text, registry, words);
    ls_status status = ls_text_status(&text);
    if (status == LS_OK)
        status = ls_fail_at(place, LS_BAD_INPUT, "%s", text.data);
    ls_text_release(&text);
    return status;
}

ls_status ls_kind_require(const struct ls_registry *registry, const struct ls_tree *place,
                          const char *name, const struct ls_kind **kind)
{
    static const struct unknown words = {"unknown", "'", "", " (known: ", ")"};
    *kind = ls_kind_find(registry, name);
    return *kind ? LS_OK : fail_unknown(registry, place, name, &words);
}

/* -- in Keras' configs */

/* Before what a user registers without a package, and before Keras 2's own optimizers. */
static const char custom[] = "Custom>";

static const char *text_of(const struct ls_tree *map, const char *key)
{
    const struct ls_tree *entry = map && map->type == LS_TREE_MAP ? ls_tree_find(map, key) : NULL;
    return entry && entry->type == LS_TREE_SCALAR && !ls_tree_is_null(entry) ? entry->text : NULL;
}

bool ls_kind_is_own(const struct ls_tree *saved)
{
    static const char *const keras[] = {"keras", "tf_keras", "builtins"};
    const char *module = text_of(saved, "module");
    if (!ls_tree_find(saved, "module") || !text_of(saved, "registered_name"))
        return false;
    for (size_t i = 0; module && i < sizeof keras / sizeof *keras; i++)
        if (strncmp(module, keras[i], strlen(keras[i])) == 0)
            return false;
    return true;
}

ls_status ls_kind_saved_name(char **name, const struct ls_tree *saved)
{
    const char *class_name, *module = text_of(saved, "module");
    const char *registered = text_of(saved, "registered_name");
    *name = NULL;
    LS_TRY(ls_tree_text(ls_tree_find(saved, "class_name"), &class_name));
    if (!ls_kind_is_own(saved))
        return ls_duplicate(name, class_name);
    if (strchr(registered, '>') && strncmp(registered, custom, strlen(custom)) != 0)
        return ls_duplicate(name, registered);
    return ls_format(name, "%s>%s", module ? module : "__main__", class_name);
}

ls_status ls_kind_require_keras(const struct ls_registry *registry, const struct ls_tree *saved,
                                const struct ls_kind **kind)
{
    struct unknown words = {"Keras", "", " is not known here", "; known: ", ""};
    const char *called = text_of(ls_tree_find(saved, "config"), "name");
    char after[96], shown[LS_EXCERPT], *name;
    LS_TRY(ls_kind_saved_name(&name, saved));
    if (called) {
        ls_excerpt(shown, called);
        snprintf(after, sizeof after, " ('%s') is not known here", shown);
        words.after = after;
    }
    *kind = ls_kind_find(registry, name);
    if (*kind && !(*kind)->registered && strncmp(name, custom, strlen(custom)) == 0)
        *kind = NULL; /* a user's own, registered without a package, that has one of our names */
    ls_status status = *kind ? LS_OK : fail_unknown(registry, saved, name, &words);
    ls_release(name);
    return status;
}

/* -- adding */

bool ls_kinds_added(const void *source)
{
    for (const struct ls_added_kind *at = added; at; at = at->next)
        if (at->source == source)
            return true;
    return false;
}

/* Under either of its names, among those that are there and those that are to come before it. */
static bool is_taken(const struct ls_added_kind *list, const struct ls_added_kind *one)
{
    char snake[SNAKE_BYTES];
    ls_snake_case(snake, sizeof snake, one->kind->name);
    for (; list != one; list = list->next)
        if (list->registry == one->registry &&
            (has_name(list->kind, one->kind->name) || has_name(list->kind, snake)))
            return true;
    return ls_kind_find(one->registry, one->kind->name) || ls_kind_find(one->registry, snake);
}

ls_status ls_kinds_add(struct ls_added_kind *list)
{
    for (const struct ls_added_kind *one = list; one; one = one->next)
        if (is_taken(list, one))
            return ls_fail(LS_BAD_INPUT, "there is a %s '%s' already: give it another name",
                           one->registry->noun, one->kind->name);
    struct ls_added_kind **end = &added;
    while (*end)
        end = &(*end)->next;
    *end = list;
    return LS_OK;
}

/* -- help */

enum { COLUMN_NAME, COLUMN_TYPE, COLUMN_INITIAL, COLUMN_RANGE, COLUMN_HELP, COLUMNS };

static void append_type(struct ls_text *text, const struct ls_option *option)
{
    static const char *const names[] = {
        [LS_OPTION_BOOL] = "true or false", [LS_OPTION_INT] = "integer",
        [LS_OPTION_FLOAT] = "number",       [LS_OPTION_TEXT] = "text",
        [LS_OPTION_CHOICE] = "choice",      [LS_OPTION_INTS] = "integers",
        [LS_OPTION_FLOATS] = "numbers",     [LS_OPTION_TEXTS] = "texts",
        [LS_OPTION_MAP] = "options",        [LS_OPTION_TREE] = "map or text",
    };
    ls_text_append(text, "%s%s%s%s", option->type == LS_OPTION_FLOAT_OR_KIND ? "number or " : "",
                   option->registry ? option->registry->noun : names[option->type],
                   option->type == LS_OPTION_KINDS ? "s" : "",
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
        if (option->type == LS_OPTION_CHOICE && option->refused)
            ls_text_append(text, "%s only", option->initial);
        else if (option->type == LS_OPTION_CHOICE)
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
