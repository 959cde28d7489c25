#include "data/csv.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/status.h"

/* A column of numbers is no longer than this; a quote that nobody closed is. */
enum { RECORD_BYTES_MAX = 64 * 1024 * 1024, FIELDS_MAX = 1 << 20 };

ls_status ls_csv_open(struct ls_csv *csv, const char *path, struct ls_watch *watch)
{
    static const unsigned char mark[3] = {0xef, 0xbb, 0xbf};
    struct ls_input *input = &csv->input;

    *csv = (struct ls_csv){.line = 1};
    LS_TRY(ls_input_open(input, path, watch));
    LS_TRY(ls_input_fill(input));
    if (input->filled >= sizeof mark && memcmp(input->buffer, mark, sizeof mark) == 0)
        input->at = sizeof mark;
    return LS_OK;
}

void ls_csv_close(struct ls_csv *csv)
{
    ls_input_close(&csv->input);
    ls_release(csv->text);
    ls_release(csv->field);
    *csv = (struct ls_csv){0};
}

/* -- bytes ------------------------------------------------------------------------------------ */

enum { END = -1 };

/* The next byte, which stays there; END at the end. */
static inline ls_status peek(struct ls_csv *csv, int *byte)
{
    struct ls_input *input = &csv->input;

    if (input->at == input->filled)
        LS_TRY(ls_input_fill(input));
    *byte = input->filled == 0 ? END : input->buffer[input->at];
    return LS_OK;
}

static inline void take(struct ls_csv *csv, int byte)
{
    csv->input.at++;
    csv->input.position++;
    csv->line += byte == '\n';
}

ls_status ls_csv_fail(const struct ls_csv *csv, size_t field, int64_t line, const char *format, ...)
{
    char what[512];
    va_list arguments;
    bool named = field < csv->names_count && csv->names[field];

    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return ls_fail(LS_BAD_INPUT, "%s:%lld: column %zu%s%s%s: %s", csv->input.path, (long long)line,
                   field + 1, named ? " '" : "", named ? csv->names[field] : "", named ? "'" : "",
                   what);
}

static ls_status fail_in_field(const struct ls_csv *csv, int64_t line, const char *what)
{
    return ls_csv_fail(csv, csv->fields - 1, line, "%s", what);
}

static ls_status append(struct ls_csv *csv, const void *bytes, size_t count)
{
    if (csv->used + count + 1 > csv->room) {
        size_t room = 2 * csv->room + count + 256;

        if (room > RECORD_BYTES_MAX)
            return ls_fail(LS_BAD_INPUT,
                           "%s:%lld: a line of more than %d MiB; is a quote not "
                           "closed?",
                           csv->input.path, (long long)csv->record_line, RECORD_BYTES_MAX >> 20);
        LS_TRY(ls_reallocate(&csv->text, room, 1));
        csv->room = room;
    }
    memcpy(csv->text + csv->used, bytes, count);
    csv->used += count;
    return LS_OK;
}

/* -- fields ----------------------------------------------------------------------------------- */

static ls_status begin_field(struct ls_csv *csv)
{
    if (csv->fields == FIELDS_MAX)
        return ls_fail(LS_BAD_INPUT, "%s:%lld: more than %d columns", csv->input.path,
                       (long long)csv->record_line, FIELDS_MAX);
    if (csv->fields == csv->field_room) {
        size_t room = 2 * csv->field_room + 32;

        LS_TRY(ls_reallocate(&csv->field, room, sizeof *csv->field));
        csv->field_room = room;
    }
    csv->field[csv->fields++] = (struct ls_csv_field){.at = csv->used, .line = csv->line};
    return LS_OK;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* What is no UTF-8 cannot be a name: from the field's first such byte, or NULL. Overlong forms,
 * surrogates and numbers above 10ffff are none (RFC 3629). */
static const char *find_no_utf8(const char *text, size_t length)
{
    const unsigned char *c = (const unsigned char *)text, *end = c + length;

    while (c < end) {
        size_t more = *c < 0x80                 ? 0
                      : *c >= 0xc2 && *c < 0xe0 ? 1
                      : *c >= 0xe0 && *c < 0xf0 ? 2
                      : *c >= 0xf0 && *c < 0xf5 ? 3
                                                : 4;

        if (more > 3 || (size_t)(end - c) <= more)
            return (const char *)c;
        for (size_t i = 1; i <= more; i++)
            if ((c[i] & 0xc0) != 0x80)
                return (const char *)c;
        if ((*c == 0xe0 && c[1] < 0xa0) || (*c == 0xed && c[1] > 0x9f) ||
            (*c == 0xf0 && c[1] < 0x90) || (*c == 0xf4 && c[1] > 0x8f))
            return (const char *)c;
        c += more + 1;
    }
    return NULL;
}

static ls_status end_field(struct ls_csv *csv)
{
    struct ls_csv_field *field = &csv->field[csv->fields - 1];
    const char *text;

    if (!field->quoted) {
        while (field->at < csv->used && is_space(csv->text[field->at]))
            field->at++;
        while (csv->used > field->at && is_space(csv->text[csv->used - 1]))
            csv->used--;
    }
    field->length = csv->used - field->at;
    text = field->length > 0 ? csv->text + field->at : "";
    if (memchr(text, '\0', field->length))
        return fail_in_field(csv, field->line, "a NUL byte; this is no text file");
    if (find_no_utf8(text, field->length))
        return fail_in_field(csv, field->line, "not UTF-8");
    return append(csv, "", 1);
}

/* After the opening quote, to behind the closing one and the spaces that follow it. */
static ls_status read_quoted(struct ls_csv *csv)
{
    struct ls_csv_field *field = &csv->field[csv->fields - 1];
    int byte;

    csv->used = field->at; /* spaces before the quote */
    field->quoted = true;
    for (;;) {
        char c;

        LS_TRY(peek(csv, &byte));
        if (byte == END)
            return fail_in_field(csv, csv->field[csv->fields - 1].line,
                                 "the quote that opens here is not closed");
        take(csv, byte);
        c = (char)byte;
        if (byte == '"') {
            LS_TRY(peek(csv, &byte));
            if (byte != '"')
                break;
            take(csv, byte);
        }
        LS_TRY(append(csv, &c, 1));
    }
    while (byte == ' ' || byte == '\t') {
        take(csv, byte);
        LS_TRY(peek(csv, &byte));
    }
    if (byte != END && byte != ',' && byte != '\n' && byte != '\r')
        return fail_in_field(csv, csv->line,
                             "text after a closing quote (a quote within a quoted "
                             "field is written twice)");
    return LS_OK;
}

static bool only_spaces(const struct ls_csv *csv)
{
    for (size_t i = csv->field[csv->fields - 1].at; i < csv->used; i++)
        if (!is_space(csv->text[i]))
            return false;
    return true;
}

/* Bytes that are nothing but text, in one go. */
static ls_status read_plain(struct ls_csv *csv)
{
    struct ls_input *input = &csv->input;
    size_t from = input->at, at = from;

    for (; at < input->filled; at++) {
        unsigned char c = input->buffer[at];

        if (c == ',' || c == '\n' || c == '\r' || c == '"')
            break;
    }
    LS_TRY(append(csv, input->buffer + from, at - from));
    input->at = at;
    input->position += (int64_t)(at - from);
    return LS_OK;
}

/* One field, to before what ends it: *end is ',', '\n', '\r' or END. */
static ls_status read_field(struct ls_csv *csv, int *end)
{
    LS_TRY(begin_field(csv));
    for (;;) {
        LS_TRY(peek(csv, end));
        if (*end == '"') {
            if (!only_spaces(csv))
                return fail_in_field(csv, csv->line, "a quote within a field that is not quoted");
            take(csv, *end);
            LS_TRY(read_quoted(csv));
            LS_TRY(peek(csv, end));
            break;
        }
        if (*end == END || *end == ',' || *end == '\n' || *end == '\r')
            break;
        LS_TRY(read_plain(csv));
    }
    return end_field(csv);
}

static ls_status read_record(struct ls_csv *csv)
{
    int end;

    csv->used = csv->fields = 0;
    csv->record_line = csv->line;
    for (;;) {
        LS_TRY(read_field(csv, &end));
        if (end == END)
            return LS_OK;
        take(csv, end);
        if (end == ',')
            continue;
        if (end == '\r') {
            LS_TRY(peek(csv, &end));
            if (end != '\n')
                return fail_in_field(csv, csv->line, "a carriage return that ends no line");
            take(csv, end);
        }
        return LS_OK;
    }
}

ls_status ls_csv_next(struct ls_csv *csv, bool *more)
{
    int byte;

    for (;;) {
        LS_TRY(peek(csv, &byte));
        *more = byte != END;
        if (!*more)
            return LS_OK;
        LS_TRY(read_record(csv));
        if (csv->fields > 1 || csv->field[0].length > 0 || csv->field[0].quoted)
            return LS_OK;
    }
}
