/* Where a node stands, for messages; and the types of scalars, whose failures name the place. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/tree_internal.h"

enum { PLACE_BYTES = 512, TEXT_BYTES = 2048, FILE_SHOWN = 200 };
enum { INT_EXACT_BITS = 53 }; /* whole numbers up to here are exact in a double */

struct place {
    char text[PLACE_BYTES];
    size_t length;
};

static void add(struct place *place, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct place *place, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(place->text + place->length, sizeof place->text - place->length, format,
                           arguments);
    va_end(arguments);
    place->length += length > 0 ? (size_t)length : 0;
    if (place->length >= sizeof place->text)
        place->length = sizeof place->text - 1;
}

static size_t index_of(const struct ls_tree *node)
{
    size_t index = 0; /* a node that is not linked yet will be the last */
    for (const struct ls_tree *entry = node->parent->child; entry && entry != node;
         entry = entry->next)
        index++;
    return index;
}

/* Keras' {"class_name": "Dense", "config": {...}}: the class says more than the word config. */
static const char *step_name(const struct ls_tree *node)
{
    const struct ls_tree *class_name = NULL;
    if (strcmp(node->key, "config") == 0)
        class_name = ls_tree_find(node->parent, "class_name");
    return class_name && class_name->type == LS_TREE_SCALAR ? class_name->text : node->key;
}

static void add_way(struct place *place, const struct ls_tree *node, size_t start, bool skip_first)
{
    if (!node->parent)
        return;
    add_way(place, node->parent, start, skip_first);
    if (!node->parent->parent && skip_first)
        return;
    char name[LS_EXCERPT];
    if (node->parent->type == LS_TREE_LIST) {
        add(place, "[%zu]", index_of(node));
    } else if (node->key) {
        ls_excerpt(name, step_name(node));
        add(place, "%s%s", place->length > start ? " " : "", name);
    }
}

/* `name`: a step of the way that is no node of its own, or NULL. */
static void find_place(struct place *place, const struct ls_tree *node, int line, const char *name)
{
    *place = (struct place){.text = ""};
    if (node->file) {
        size_t length = strlen(node->file);
        bool cut = length > FILE_SHOWN;
        add(place, "%s%s:", cut ? "..." : "", node->file + (cut ? length - FILE_SHOWN : 0));
        if (line > 0)
            add(place, "%d:", line);
        add(place, " ");
    }
    size_t steps = name != NULL, start = place->length;
    const struct ls_tree *top = node;
    for (const struct ls_tree *up = node; up->parent; up = up->parent) {
        steps++;
        top = up;
    }
    add_way(place, node, start, steps > 2 && top->key);
    if (name) {
        char shown[LS_EXCERPT];
        ls_excerpt(shown, name);
        add(place, "%s%s", place->length > start ? " " : "", shown);
    }
    if (place->length + sizeof "...: " > sizeof place->text) { /* a very long way */
        place->length = sizeof place->text - sizeof "...: ";
        while (((unsigned char)place->text[place->length] & 0xc0) == 0x80)
            place->length--; /* not in the middle of a UTF-8 sequence */
        add(place, "...");
    }
    if (place->length > start)
        add(place, ": ");
}

static ls_status fail_at(const struct ls_tree *place, int line, ls_status status,
                         const char *message)
{
    struct place where;
    if (!place)
        return ls_fail(status, "%s", message);
    find_place(&where, place, line, NULL);
    return ls_fail(status, "%s%s", where.text, message);
}

ls_status ls_fail_at(const struct ls_tree *place, ls_status status, const char *format, ...)
{
    char message[TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return fail_at(place, place ? place->line : 0, status, message);
}

ls_status ls_fail_at_name(const struct ls_tree *place, ls_status status, const char *format, ...)
{
    char message[TEXT_BYTES];
    struct place where;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (!place)
        return ls_fail(status, "%s", message);
    find_place(&where, place, place->line, place->type == LS_TREE_SCALAR ? place->text : NULL);
    return ls_fail(status, "%s%s", where.text, message);
}

ls_status ls_fail_at_line(const struct ls_tree *place, int line, ls_status status,
                          const char *format, ...)
{
    char message[TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return fail_at(place, line, status, message);
}

bool ls_tree_is_null(const struct ls_tree *tree)
{
    if (tree->type == LS_TREE_NULL)
        return true;
    return tree->type == LS_TREE_SCALAR && !tree->quoted &&
           (strcmp(tree->text, "null") == 0 || strcmp(tree->text, "~") == 0 ||
            strcmp(tree->text, "None") == 0);
}

ls_status ls_fail_expected(const struct ls_tree *tree, const char *expected)
{
    char text[LS_EXCERPT];
    if (ls_tree_is_null(tree))
        return ls_fail_at(tree, LS_BAD_INPUT, "expected %s, found null", expected);
    if (tree->type != LS_TREE_SCALAR)
        return ls_fail_at(tree, LS_BAD_INPUT, "expected %s, found a %s", expected,
                          tree->type == LS_TREE_LIST ? "list" : "map");
    ls_excerpt(text, tree->text);
    return ls_fail_at(tree, LS_BAD_INPUT,
                      tree->quoted ? "expected %s, found \"%s\"" : "expected %s, found '%s'",
                      expected, text);
}

static bool is_number(const struct ls_tree *tree)
{
    return tree->type == LS_TREE_SCALAR && !tree->quoted &&
           ls_number_form(tree->text) != LS_NUMBER_NONE;
}

static ls_status fail_too_large(const struct ls_tree *tree)
{
    char text[LS_EXCERPT];
    ls_excerpt(text, tree->text);
    return ls_fail_at(tree, LS_BAD_INPUT, "the number '%s' is too large", text);
}

ls_status ls_tree_int(const struct ls_tree *tree, int64_t *value)
{
    static const char expected[] = "an integer";
    if (!is_number(tree))
        return ls_fail_expected(tree, expected);
    if (!strpbrk(tree->text, ".eEnN")) { /* N: Infinity, NaN */
        errno = 0;
        *value = strtoll(tree->text, NULL, 10);
        return errno == ERANGE ? fail_too_large(tree) : LS_OK;
    }
    double number;
    if (!ls_double_parse(tree->text, &number))
        return fail_too_large(tree);
    if (!isfinite(number) || number != floor(number))
        return ls_fail_expected(tree, expected);
    if (fabs(number) > (double)((int64_t)1 << INT_EXACT_BITS))
        return fail_too_large(tree);
    *value = (int64_t)number;
    return LS_OK;
}

ls_status ls_tree_double(const struct ls_tree *tree, double *value)
{
    if (!is_number(tree))
        return ls_fail_expected(tree, "a number");
    return ls_double_parse(tree->text, value) ? LS_OK : fail_too_large(tree);
}

ls_status ls_tree_bool(const struct ls_tree *tree, bool *value)
{
    if (tree->type == LS_TREE_SCALAR && !tree->quoted) {
        if (strcmp(tree->text, "true") == 0 || strcmp(tree->text, "True") == 0) {
            *value = true;
            return LS_OK;
        }
        if (strcmp(tree->text, "false") == 0 || strcmp(tree->text, "False") == 0) {
            *value = false;
            return LS_OK;
        }
    }
    return ls_fail_expected(tree, "true or false");
}

ls_status ls_tree_text(const struct ls_tree *tree, const char **value)
{
    if (tree->type != LS_TREE_SCALAR || ls_tree_is_null(tree))
        return ls_fail_expected(tree, "a text");
    *value = tree->text;
    return LS_OK;
}
