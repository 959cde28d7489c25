/* JSON through jansson. Before it a pass over the text replaces NaN and Infinity, which Python
 * writes and jansson does not know, by strings that begin with a NUL (nothing else in the text can:
 * \u0000 is refused), and notes the line of every value, which jansson does not tell. */
#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/number.h"
#include "base/tree_internal.h"

struct reader {
    const char *in, *end;
    struct ls_text clean;
    int line;
    bool one_line; /* then a line says nothing */
    int *lines;    /* of each value in the order of the text */
    size_t values, room, next;
    char *file;
};

static ls_status fail_line(const struct reader *reader, int line, const char *what)
{
    struct ls_tree place = {.file = reader->file, .line = reader->one_line ? 0 : line};
    return ls_fail_at(&place, LS_BAD_INPUT, "%s", what);
}

static ls_status note_value(struct reader *reader)
{
    if (reader->values >= LS_TREE_NODES_MAX)
        return fail_line(reader, reader->line, "too many values");
    if (reader->values == reader->room) {
        size_t room = reader->room ? 2 * reader->room : 64;
        LS_TRY(ls_reallocate(&reader->lines, room, sizeof *reader->lines));
        reader->room = room;
    }
    reader->lines[reader->values++] = reader->line;
    return LS_OK;
}

/* At a quote: copies the string; a string before a colon is a key, another one a value. */
static ls_status scan_string(struct reader *reader)
{
    const char *start = reader->in++;
    while (reader->in < reader->end && *reader->in != '"') {
        if (*reader->in == '\\' && reader->end - reader->in > 1) {
            if (reader->end - reader->in > 5 && memcmp(reader->in, "\\u0000", 6) == 0)
                return fail_line(reader, reader->line, "a text must not hold a NUL character");
            reader->in++;
        }
        reader->in++;
    }
    if (reader->in < reader->end)
        reader->in++;
    ls_text_append_bytes(&reader->clean, start, (size_t)(reader->in - start));
    const char *c = reader->in;
    while (c < reader->end && isspace((unsigned char)*c))
        c++;
    return c < reader->end && *c == ':' ? LS_OK : note_value(reader);
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '-' || c == '+' || c == '.' || c == '_';
}

static ls_status scan_word(struct reader *reader)
{
    static const char *const names[] = {"NaN", "Infinity", "-Infinity"};
    const char *start = reader->in;
    while (reader->in < reader->end && is_word(*reader->in))
        reader->in++;
    size_t length = (size_t)(reader->in - start);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (length == strlen(names[i]) && memcmp(start, names[i], length) == 0) {
            ls_text_append(&reader->clean, "\"\\u0000%s\"", names[i]);
            return note_value(reader);
        }
    }
    ls_text_append_bytes(&reader->clean, start, length);
    return note_value(reader);
}

static ls_status scan(struct reader *reader)
{
    while (reader->in < reader->end) {
        char c = *reader->in;
        if (c == '"') {
            LS_TRY(scan_string(reader));
        } else if (is_word(c)) {
            LS_TRY(scan_word(reader));
        } else {
            if (c == '{' || c == '[')
                LS_TRY(note_value(reader));
            reader->line += c == '\n';
            ls_text_append_bytes(&reader->clean, reader->in++, 1);
        }
    }
    return ls_text_status(&reader->clean);
}

static ls_status make_scalar(struct ls_tree **node, const char *key, const json_t *json,
                             struct ls_tree_origin origin)
{
    char number[LS_DOUBLE_TEXT];
    const char *text = number;
    bool quoted = false;
    if (json_is_string(json)) {
        text = json_string_value(json);
        quoted = json_string_length(json) == 0 || text[0] != '\0';
        if (!quoted)
            text++;
    } else if (json_is_integer(json)) {
        snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(json));
    } else if (json_is_real(json)) {
        ls_double_format(number, json_real_value(json));
    } else {
        text = json_is_true(json) ? "true" : "false";
    }
    LS_TRY(ls_tree_node_create(node, LS_TREE_SCALAR, key, text, origin));
    (*node)->quoted = quoted;
    return LS_OK;
}

static ls_status convert(struct reader *reader, struct ls_tree **node, const char *key,
                         json_t *json, size_t depth);

static ls_status convert_entry(struct reader *reader, struct ls_tree *parent, const char *key,
                               json_t *json, size_t depth)
{
    struct ls_tree *entry;
    LS_TRY(convert(reader, &entry, key, json, depth));
    ls_tree_append(parent, entry);
    return LS_OK;
}

static ls_status convert(struct reader *reader, struct ls_tree **node, const char *key,
                         json_t *json, size_t depth)
{
    struct ls_tree_origin origin = {reader->file, 0};
    if (!reader->one_line && reader->next < reader->values)
        origin.line = reader->lines[reader->next];
    reader->next++;
    *node = NULL;
    if (depth > LS_TREE_DEPTH_MAX) {
        char what[64];
        snprintf(what, sizeof what, "nested more than %d deep", LS_TREE_DEPTH_MAX);
        return fail_line(reader, origin.line, what);
    }
    if (json_is_null(json))
        return ls_tree_node_create(node, LS_TREE_NULL, key, NULL, origin);
    if (!json_is_object(json) && !json_is_array(json))
        return make_scalar(node, key, json, origin);

    enum ls_tree_type type = json_is_object(json) ? LS_TREE_MAP : LS_TREE_LIST;
    LS_TRY(ls_tree_node_create(node, type, key, NULL, origin));
    ls_status status = LS_OK;
    const char *name;
    size_t index;
    json_t *value;
    if (type == LS_TREE_MAP) {
        json_object_foreach(json, name, value)
            LS_TRY_OUT(convert_entry(reader, *node, name, value, depth + 1));
    } else {
        json_array_foreach(json, index, value)
            LS_TRY_OUT(convert_entry(reader, *node, NULL, value, depth + 1));
    }
out:
    if (status != LS_OK) {
        ls_tree_free(*node);
        *node = NULL;
    }
    return status;
}

/* Where memory ran out inside a string jansson calls it a wrong token: there is no telling. */
static ls_status fail_syntax(const struct reader *reader, const json_error_t *error)
{
    struct ls_tree place = {.file = reader->file, .line = reader->one_line ? 0 : error->line};
    if (json_error_code(error) == json_error_out_of_memory || error->text[0] == '\0')
        return ls_fail(LS_FAILED, "out of memory");
    return ls_fail_at(&place, LS_BAD_INPUT, "not valid JSON: %s", error->text);
}

ls_status ls_tree_parse_json(struct ls_tree **tree, const char *text, size_t length,
                             const char *file)
{
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        length--;
    struct reader reader = {.in = text, .end = text + length, .line = 1};
    json_error_t error;
    json_t *json = NULL;
    ls_status status;
    *tree = NULL;
    reader.one_line = memchr(text, '\n', length) == NULL;
    LS_TRY_OUT(ls_tree_file_create(&reader.file, file));
    LS_TRY_OUT(scan(&reader));
    ls_text_append_bytes(&reader.clean, "", 0);
    LS_TRY_OUT(ls_text_status(&reader.clean));
    json = json_loadb(reader.clean.data, reader.clean.length,
                      JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);
    if (!json) {
        status = fail_syntax(&reader, &error);
        goto out;
    }
    status = convert(&reader, tree, NULL, json, 0);
out:
    json_decref(json);
    ls_release(reader.lines);
    ls_text_release(&reader.clean);
    ls_tree_file_release(reader.file);
    return status;
}
