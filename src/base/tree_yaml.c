/* YAML through libyaml's events: the tree is built as they come. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/memory.h"
#include "base/number.h"
#include "base/tree_internal.h"

struct reader {
    yaml_parser_t parser;
    struct ls_tree *root, *open; /* open: the list or map whose entries come; NULL: the root */
    char *key;                   /* in a map: read, its value still to come */
    int key_line;
    char *file;
    size_t depth, nodes, documents;
};

static int line_of(yaml_mark_t mark)
{
    return (int)mark.line + 1;
}

/* A stand-in for what would be read at this line, so that messages can name the place. */
static struct ls_tree place_at(const struct reader *reader, int line)
{
    return (struct ls_tree){
        .key = reader->key, .file = reader->file, .line = line, .parent = reader->open};
}

#define FAIL(reader, line, ...)                                                                    \
    ls_fail_at((struct ls_tree[]){place_at(reader, line)}, LS_BAD_INPUT, __VA_ARGS__)

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

static bool is_null(const char *text)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    return is_one_of(text, nulls);
}

static bool is_yes_or_no(const char *text)
{
    static const char *const words[] = {"yes", "Yes", "YES", "no",  "No",  "NO", "on",
                                        "On",  "ON",  "off", "Off", "OFF", NULL};
    return is_one_of(text, words);
}

/* Numbers that YAML 1.1, YAML 1.2 and people read differently: 010 (octal or ten), 0x1f, 0o17, 0b1,
 * 1_000 and 1:30 (base 60). */
static bool is_ambiguous_number(const char *text)
{
    const char *c = text + (*text == '+' || *text == '-');
    if (!isdigit((unsigned char)*c))
        return false;
    if (c[0] == '0' && c[1] == 'x' && c[2])
        return strspn(c + 2, "0123456789abcdefABCDEF_") == strlen(c + 2);
    if (c[0] == '0' && (c[1] == 'o' || c[1] == 'b') && c[2])
        return strspn(c + 2, c[1] == 'o' ? "01234567_" : "01_") == strlen(c + 2);
    if (c[0] == '0' && isdigit((unsigned char)c[1]))
        return strspn(c, "0123456789_.") == strlen(c) || ls_number_form(c) != LS_NUMBER_NONE;
    return strpbrk(c, "_:") && c[strlen(c) - 1] != ':' && strspn(c, "0123456789_:.") == strlen(c);
}

static ls_status add_node(struct reader *reader, enum ls_tree_type type, const char *text, int line)
{
    struct ls_tree *node;
    if (++reader->nodes > LS_TREE_NODES_MAX)
        return FAIL(reader, line, "more than %d values", LS_TREE_NODES_MAX);
    LS_TRY(ls_tree_node_create(
        &node, type, reader->key, text,
        (struct ls_tree_origin){reader->file, reader->key ? reader->key_line : line}));
    ls_release(reader->key);
    reader->key = NULL;
    if (reader->open)
        ls_tree_append(reader->open, node);
    else
        reader->root = node;
    if (type == LS_TREE_LIST || type == LS_TREE_MAP)
        reader->open = node;
    return LS_OK;
}

static ls_status refuse_marks(const struct reader *reader, int line, const yaml_char_t *anchor,
                              const yaml_char_t *tag)
{
    char text[LS_EXCERPT];
    if (anchor) {
        ls_excerpt(text, (const char *)anchor);
        return FAIL(reader, line, "anchors ('&%s') are not read: write the value out", text);
    }
    if (tag) {
        ls_excerpt(text, (const char *)tag);
        return FAIL(reader, line, "tags ('%s') are not read: leave it out", text);
    }
    return LS_OK;
}

static ls_status check_plain(const struct reader *reader, const char *text, int line)
{
    char shown[LS_EXCERPT];
    ls_excerpt(shown, text);
    if (is_yes_or_no(text))
        return FAIL(reader, line, "'%s': write true or false, or quote it if it is text", shown);
    if (is_ambiguous_number(text))
        return FAIL(reader, line,
                    "'%s' can be read as several numbers: write it in plain decimal, or quote it "
                    "if it is text",
                    shown);
    return LS_OK;
}

static ls_status read_scalar(struct reader *reader, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    int line = line_of(event->start_mark);
    bool quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    LS_TRY(refuse_marks(reader, line, event->data.scalar.anchor, event->data.scalar.tag));
    if (strlen(text) != event->data.scalar.length)
        return FAIL(reader, line, "a text must not hold a NUL character");
    if (reader->open && reader->open->type == LS_TREE_MAP && !reader->key) {
        reader->key_line = line;
        return ls_duplicate(&reader->key, text);
    }
    if (!quoted && is_null(text))
        return add_node(reader, LS_TREE_NULL, NULL, line);
    if (!quoted)
        LS_TRY(check_plain(reader, text, line));
    struct ls_tree *parent = reader->open;
    LS_TRY(add_node(reader, LS_TREE_SCALAR, text, line));
    (parent ? parent->last : reader->root)->quoted = quoted;
    return LS_OK;
}

static ls_status open_container(struct reader *reader, const yaml_event_t *event)
{
    int line = line_of(event->start_mark);
    bool map = event->type == YAML_MAPPING_START_EVENT;
    if (map)
        LS_TRY(refuse_marks(reader, line, event->data.mapping_start.anchor,
                            event->data.mapping_start.tag));
    else
        LS_TRY(refuse_marks(reader, line, event->data.sequence_start.anchor,
                            event->data.sequence_start.tag));
    if (reader->open && reader->open->type == LS_TREE_MAP && !reader->key)
        return FAIL(reader, line, "a key must be a text, not a %s", map ? "map" : "list");
    if (++reader->depth > LS_TREE_DEPTH_MAX)
        return FAIL(reader, line, "nested more than %d deep", LS_TREE_DEPTH_MAX);
    return add_node(reader, map ? LS_TREE_MAP : LS_TREE_LIST, NULL, line);
}

struct keyed {
    const struct ls_tree *entry;
    size_t number; /* in the map: the order in the file */
};

static int compare_keys(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    int order = strcmp(x->entry->key, y->entry->key);
    return order != 0 ? order : (x->number > y->number) - (x->number < y->number);
}

/* By sorting, so that a map of very many keys does not take for ever. */
static ls_status refuse_duplicates(const struct ls_tree *map)
{
    struct keyed *keys;
    const struct keyed *found = NULL;
    ls_status status = LS_OK;
    LS_TRY(ls_allocate(&keys, map->count, sizeof *keys));
    size_t n = 0;
    for (const struct ls_tree *entry = map->child; entry; entry = entry->next, n++)
        keys[n] = (struct keyed){entry, n};
    qsort(keys, n, sizeof *keys, compare_keys);
    for (size_t i = 1; i < n; i++)
        if (strcmp(keys[i - 1].entry->key, keys[i].entry->key) == 0 &&
            (!found || keys[i].number < found->number))
            found = &keys[i];
    if (found) {
        char key[LS_EXCERPT];
        ls_excerpt(key, found->entry->key);
        status = ls_fail_at_line(map, found->entry->line, LS_BAD_INPUT,
                                 "duplicate key '%s' (first on line %d)", key,
                                 ls_tree_find(map, found->entry->key)->line);
    }
    ls_release(keys);
    return status;
}

static ls_status close_container(struct reader *reader)
{
    const struct ls_tree *closed = reader->open;
    if (closed->type == LS_TREE_MAP && closed->count > 1)
        LS_TRY(refuse_duplicates(closed));
    reader->open = closed->parent;
    reader->depth--;
    return LS_OK;
}

static ls_status read_event(struct reader *reader, const yaml_event_t *event)
{
    int line = line_of(event->start_mark);
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return reader->documents++ == 0
                   ? LS_OK
                   : FAIL(reader, line, "a second document (after '---') is not read");
    case YAML_ALIAS_EVENT:
        return FAIL(reader, line, "aliases ('*%.40s') are not read: write the value out",
                    (const char *)event->data.alias.anchor);
    case YAML_SCALAR_EVENT:
        return read_scalar(reader, event);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        return open_container(reader, event);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return close_container(reader);
    default:
        return LS_OK;
    }
}

/* libyaml's "cannot start any token" is nearly always a tab. */
static bool has_tab_at(const char *text, size_t length, size_t line)
{
    const char *end = text + length;
    for (; line > 0 && text < end; line--) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        text = newline ? newline + 1 : end;
    }
    while (text < end && *text == ' ')
        text++;
    return text < end && *text == '\t';
}

/* libyaml's end of an unfinished text is a line after its last one. */
static int last_line(const char *text, size_t length)
{
    int line = 1;
    for (size_t i = 0; i + 1 < length; i++)
        line += text[i] == '\n';
    return line;
}

static ls_status fail_syntax(const struct reader *reader, const char *text, size_t length)
{
    const yaml_parser_t *parser = &reader->parser;
    struct ls_tree place = {.file = reader->file, .line = line_of(parser->problem_mark)};
    int last = last_line(text, length);
    if (place.line > last)
        place.line = last;
    if (parser->error == YAML_MEMORY_ERROR)
        return ls_fail(LS_FAILED, "out of memory");
    if (parser->error == YAML_READER_ERROR) { /* it knows the byte alone */
        place.line = 1;
        for (size_t i = 0; i < parser->problem_offset && i < length; i++)
            place.line += text[i] == '\n';
        return ls_fail_at(&place, LS_BAD_INPUT, "not valid YAML: %s (byte %zu)", parser->problem,
                          parser->problem_offset);
    }
    if (has_tab_at(text, length, parser->problem_mark.line))
        return ls_fail_at(&place, LS_BAD_INPUT, "not valid YAML: a tab; indent with spaces");
    if (!parser->context)
        return ls_fail_at(&place, LS_BAD_INPUT, "not valid YAML: %s", parser->problem);
    return ls_fail_at(&place, LS_BAD_INPUT, "not valid YAML: %s %s that began on line %d",
                      parser->problem, parser->context, line_of(parser->context_mark));
}

static ls_status read_events(struct reader *reader, const char *text, size_t length)
{
    for (bool done = false; !done;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&reader->parser, &event))
            return fail_syntax(reader, text, length);
        ls_status status = read_event(reader, &event);
        done = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
        if (status != LS_OK)
            return status;
    }
    return LS_OK;
}

ls_status ls_tree_parse_yaml(struct ls_tree **tree, const char *text, size_t length,
                             const char *file)
{
    static const char mark[] = "\xef\xbb\xbf"; /* the byte order mark of some editors */
    struct reader reader = {.root = NULL};
    ls_status status;
    *tree = NULL;
    if (length >= strlen(mark) && memcmp(text, mark, strlen(mark)) == 0) {
        text += strlen(mark);
        length -= strlen(mark);
    }
    if (!yaml_parser_initialize(&reader.parser))
        return ls_fail(LS_FAILED, "out of memory");
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, length);
    LS_TRY_OUT(ls_tree_file_create(&reader.file, file));
    LS_TRY_OUT(read_events(&reader, text, length));
    if (!reader.root)
        LS_TRY_OUT(add_node(&reader, LS_TREE_NULL, NULL, 1));
    *tree = reader.root;
    reader.root = NULL;
out:
    ls_tree_free(reader.root);
    ls_release(reader.key);
    ls_tree_file_release(reader.file);
    yaml_parser_delete(&reader.parser);
    return status;
}

ls_status ls_tree_parse_options(struct ls_tree **tree, const char *options)
{
    struct ls_text flow = {0};
    *tree = NULL;
    ls_text_append(&flow, "{%s}", options ? options : "");
    ls_status status = ls_text_status(&flow);
    if (status == LS_OK)
        status = ls_tree_parse_yaml(tree, flow.data, flow.length, NULL);
    ls_text_release(&flow);
    return status;
}

ls_status ls_tree_read_yaml(struct ls_tree **tree, const char *path)
{
    struct ls_text text;
    *tree = NULL;
    LS_TRY(ls_file_read_text(path, &text));
    ls_status status = ls_tree_parse_yaml(tree, text.data, text.length, path);
    ls_text_release(&text);
    return status;
}

bool ls_yaml_needs_quotes(const char *text, bool is_text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char more[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "0123456789_./+-: ";
    static const char *const typed[] = {"true",  "True", "TRUE", "false", "False",
                                        "FALSE", "None", "y",    "n",     NULL};
    size_t length = strlen(text);
    if (length == 0 || strspn(text, more) != length || text[length - 1] == ' ' ||
        text[length - 1] == ':' || strstr(text, ": ") || strncmp(text, "..", 2) == 0)
        return true;
    if (!is_text) /* a number or a word that was not quoted when it was read */
        return ls_number_form(text) == LS_NUMBER_NONE && !isalnum((unsigned char)text[0]) &&
               !strchr("._/", text[0]);
    return !(strchr(letters, text[0]) || strchr("_./", text[0])) || is_null(text) ||
           is_yes_or_no(text) || is_one_of(text, typed) || ls_number_form(text) != LS_NUMBER_NONE;
}
