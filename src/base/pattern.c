#include "base/pattern.h"

#include <ctype.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/number.h"

enum { WIDTH_MAX = 99, NUMBER_ROOM = 512 }; /* %.99f of the largest double has 409 bytes */

/* One field: what is between its braces. */
struct field {
    const char *name;
    size_t name_length;
    const char *format; /* behind the colon; NULL: there is none */
    size_t format_length;
};

struct format {
    char flags[4];
    int width, digits; /* digits -1: not given */
    char type;         /* 0: not given */
};

static ls_status fail_unknown(const char *pattern, const struct field *field,
                              const struct ls_pattern_value *values, size_t count)
{
    char name[LS_EXCERPT];
    const char **names = NULL;
    struct ls_text meant = {0};
    snprintf(name, sizeof name, "%.*s", (int)field->name_length, field->name);
    LS_TRY(ls_allocate(&names, count + 1, sizeof *names));
    for (size_t i = 0; i < count; i++)
        names[i] = values[i].name;
    ls_append_meant(&meant, name, names);
    ls_status status = ls_text_status(&meant);
    if (status == LS_OK)
        status =
            ls_fail(LS_BAD_INPUT, "'%s': there is no number '%s'%s", pattern, name, meant.data);
    ls_release(names);
    ls_text_release(&meant);
    return status;
}

/* A number of at most WIDTH_MAX. */
static bool read_size(const char **at, const char *end, int *size)
{
    *size = 0;
    while (*at < end && isdigit((unsigned char)**at)) {
        *size = 10 * *size + (*(*at)++ - '0');
        if (*size > WIDTH_MAX)
            return false;
    }
    return true;
}

static bool read_format(struct format *format, const char *at, const char *end)
{
    size_t flags = 0;
    *format = (struct format){.digits = -1};
    if (at < end && (*at == '-' || *at == '+' || *at == ' ')) {
        if (*at != '-') /* what Python does without it */
            format->flags[flags++] = *at;
        at++;
    }
    if (at < end && *at == '0')
        format->flags[flags++] = *at++;
    if (!read_size(&at, end, &format->width))
        return false;
    if (at < end && *at == '.') {
        const char *digits = ++at;
        if (!read_size(&at, end, &format->digits) || at == digits)
            return false;
    }
    if (at < end && strchr("deEfFgG%", *at))
        format->type = *at++;
    return at == end;
}

/* C sets spaces before nan and inf where Python sets zeros, behind the sign. */
static void put_zeros(char out[NUMBER_ROOM])
{
    char *number = out + strspn(out, " ");
    bool sign = number > out && (*number == '-' || *number == '+');
    memset(out, '0', (size_t)(number - out));
    if (sign) {
        out[0] = *number;
        *number = '0';
    }
}

/* C's printf with the point of every locale but ours put right. */
static void print(char out[NUMBER_ROOM], const struct format *format, double value)
{
    char directive[32];
    const char *point = localeconv()->decimal_point;
    bool percent = format->type == '%';
    int digits = format->digits >= 0 ? format->digits : 6, width = format->width - percent;
    snprintf(directive, sizeof directive, "%%%s*.*%c%s", format->flags,
             percent ? 'f' : format->type, percent ? "%%" : "");
    snprintf(out, NUMBER_ROOM, directive, width > 0 ? width : 0, digits,
             percent ? 100 * value : value);
    if (!isfinite(value) && strchr(format->flags, '0'))
        put_zeros(out);
    char *found = strcmp(point, ".") != 0 ? strstr(out, point) : NULL;
    if (found) {
        *found = '.';
        memmove(found + 1, found + strlen(point), strlen(found + strlen(point)) + 1);
    }
}

/* Numbers are set to the right, as Python sets them. */
static void print_bare(char out[NUMBER_ROOM], const struct format *format,
                       const struct ls_pattern_value *value)
{
    char number[LS_DOUBLE_TEXT], directive[32];
    if (value->whole) {
        snprintf(directive, sizeof directive, "%%%s*lld", format->flags);
        snprintf(out, NUMBER_ROOM, directive, format->width, (long long)value->value);
        return;
    }
    ls_double_format_python(number, value->value);
    snprintf(out, NUMBER_ROOM, "%*s", format->width, number);
}

static ls_status fill(struct ls_text *text, const char *pattern, const struct field *field,
                      const struct ls_pattern_value *value)
{
    struct format format = {.digits = -1};
    char number[NUMBER_ROOM];
    bool bare = !field->format ||
                (read_format(&format, field->format, field->format + field->format_length) &&
                 format.type == 0 && format.digits < 0);
    bool right =
        bare ? value->whole || !*format.flags
             : format.type != 0 && (format.type != 'd' || (value->whole && format.digits < 0));
    if (!right)
        return ls_fail(LS_BAD_INPUT, "'%s': '%.*s' is no format for %s: as in {%s:%s}", pattern,
                       (int)field->format_length, field->format ? field->format : "", value->name,
                       value->name, value->whole ? "02d" : ".2f");
    if (bare || format.type == 'd')
        print_bare(number, &format, value);
    else
        print(number, &format, value->value);
    ls_text_append(text, "%s", number);
    return LS_OK;
}

/* The field at `at`, which is behind its brace. */
static ls_status read_field(struct field *field, const char *pattern, const char *at)
{
    size_t length = strcspn(at, "{}");
    if (at[length] != '}' || length == 0)
        return ls_fail(LS_BAD_INPUT,
                       "'%s': expected {NAME} or {NAME:FORMAT}; a brace itself is {{ or }}",
                       pattern);
    const char *colon = memchr(at, ':', length);
    *field = (struct field){.name = at, .name_length = colon ? (size_t)(colon - at) : length};
    if (colon) {
        field->format = colon + 1;
        field->format_length = length - field->name_length - 1;
    }
    return LS_OK;
}

ls_status ls_pattern_format(struct ls_text *text, const char *pattern,
                            const struct ls_pattern_value *values, size_t count)
{
    for (const char *at = pattern; *at;) {
        struct field field;
        size_t plain = strcspn(at, "{}"), i = 0;
        ls_text_append_bytes(text, at, plain);
        at += plain;
        if (*at && at[0] == at[1]) {
            ls_text_append_bytes(text, at, 1);
            at += 2;
            continue;
        }
        if (!*at)
            break;
        LS_TRY(*at == '{' ? read_field(&field, pattern, at + 1) : read_field(&field, pattern, ""));
        while (i < count && (strlen(values[i].name) != field.name_length ||
                             strncmp(values[i].name, field.name, field.name_length) != 0))
            i++;
        if (i == count)
            return fail_unknown(pattern, &field, values, count);
        LS_TRY(fill(text, pattern, &field, &values[i]));
        at += 1 + field.name_length + (field.format ? 1 + field.format_length : 0) + 1;
    }
    return ls_text_status(text);
}
