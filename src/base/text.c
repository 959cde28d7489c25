#include "base/text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

enum { TEXT_ROOM_MIN = 64 };
enum { NAME_MAX_COMPARED = 63 }; /* longer names get no suggestion */

/* Room for `more` bytes and NUL. */
static bool make_room(struct ls_text *text, size_t more)
{
    size_t needed;
    if (text->failed)
        return false;
    if (__builtin_add_overflow(text->length, more, &needed) ||
        __builtin_add_overflow(needed, 1, &needed)) {
        text->failed = true;
        return false;
    }
    if (needed <= text->room)
        return true;
    size_t room = text->room < TEXT_ROOM_MIN ? TEXT_ROOM_MIN : text->room;
    while (room < needed)
        room = room > SIZE_MAX / 2 ? needed : 2 * room;
    if (ls_reallocate(&text->data, room, 1) != LS_OK) {
        text->failed = true;
        return false;
    }
    text->room = room;
    return true;
}

void ls_text_append(struct ls_text *text, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    if (length < 0) {
        text->failed = true;
    } else if (make_room(text, (size_t)length)) {
        vsnprintf(text->data + text->length, (size_t)length + 1, format, again);
        text->length += (size_t)length;
    }
    va_end(again);
    va_end(arguments);
}

void ls_text_append_bytes(struct ls_text *text, const char *bytes, size_t length)
{
    if (!make_room(text, length))
        return;
    if (length > 0)
        memcpy(text->data + text->length, bytes, length);
    text->length += length;
    text->data[text->length] = '\0';
}

ls_status ls_text_status(const struct ls_text *text)
{
    return text->failed ? ls_fail(LS_FAILED, "out of memory for a text of %zu bytes", text->length)
                        : LS_OK;
}

void ls_text_release(struct ls_text *text)
{
    ls_release(text->data);
    *text = (struct ls_text){0};
}

void ls_excerpt(char out[LS_EXCERPT], const char *text)
{
    size_t length = strnlen(text, LS_EXCERPT);
    if (length < LS_EXCERPT) {
        memcpy(out, text, length + 1);
        return;
    }
    length = LS_EXCERPT - sizeof "...";
    while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
        length--; /* not in the middle of a UTF-8 sequence */
    memcpy(out, text, length);
    memcpy(out + length, "...", sizeof "...");
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static bool same_letter(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Insertions, deletions, replacements and swaps of neighbours, whatever the case of letters. Both
 * texts have at most NAME_MAX_COMPARED characters. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t rows[3][NAME_MAX_COMPARED + 1];
    size_t *before = rows[0], *last = rows[1], *now = rows[2];
    size_t m = strlen(a), n = strlen(b);
    for (size_t j = 0; j <= n; j++)
        last[j] = j;
    for (size_t i = 1; i <= m; i++) {
        now[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t replaced = last[j - 1] + (same_letter(a[i - 1], b[j - 1]) ? 0 : 1);
            now[j] = smaller(replaced, smaller(last[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) &&
                same_letter(a[i - 2], b[j - 1]))
                now[j] = smaller(now[j], before[j - 2] + 1);
        }
        size_t *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[n];
}

const char *ls_nearest(const char *name, const char *const *candidates)
{
    const char *nearest = NULL;
    size_t length = strlen(name);
    if (length == 0 || length > NAME_MAX_COMPARED)
        return NULL;
    size_t best = (length >= 6 ? length / 3 : 1) + 1;
    for (; *candidates; candidates++) {
        size_t other = strlen(*candidates);
        if (other > NAME_MAX_COMPARED)
            continue;
        size_t distance = edit_distance(name, *candidates);
        if (distance < best && distance < other) {
            best = distance;
            nearest = *candidates;
        }
    }
    return nearest;
}

/* Keras: non-word characters go; "_" comes before a capital that a small letter follows or
 * precedes; then all is small. */
void ls_snake_case(char *out, size_t room, const char *name)
{
    size_t length = 0;
    char last = '\0'; /* the last word character */
    for (; *name; name++) {
        unsigned char c = (unsigned char)*name;
        if (!isalnum(c) && c != '_' && c < 0x80)
            continue;
        const char *following = name + 1;
        while (*following && !isalnum((unsigned char)*following) && *following != '_' &&
               (unsigned char)*following < 0x80)
            following++;
        bool part = isupper(c) && last &&
                    (islower((unsigned char)*following) || islower((unsigned char)last));
        if (length + 2 + part > room)
            break;
        if (part)
            out[length++] = '_';
        out[length++] = (char)tolower(c);
        last = (char)c;
    }
    if (room > 0)
        out[length] = '\0';
}

bool ls_ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), wanted = strlen(end);
    return length >= wanted && strcmp(text + length - wanted, end) == 0;
}

void ls_append_meant(struct ls_text *text, const char *name, const char *const *names)
{
    const char *near = ls_nearest(name, names);
    if (near) {
        ls_text_append(text, " (did you mean '%s'?)", near);
        return;
    }
    for (size_t i = 0; names[i]; i++)
        ls_text_append(text, "%s%s", i == 0 ? " (there are: " : ", ", names[i]);
    ls_text_append(text, names[0] ? ")" : " (there are none)");
}
