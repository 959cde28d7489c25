#include "cli.h"

#include <math.h>
#include <stdlib.h>

/* Bytes of the UTF-8 sequence at text, or 0 when it is none: overlong forms, surrogates and what
 * lies beyond U+10FFFF are none. */
static size_t sequence_length(const unsigned char *text)
{
    unsigned char first = text[0];
    size_t length = first < 0x80   ? 1
                    : first < 0xc2 ? 0
                    : first < 0xe0 ? 2
                    : first < 0xf0 ? 3
                    : first < 0xf5 ? 4
                                   : 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    if ((first == 0xe0 && text[1] < 0xa0) || (first == 0xed && text[1] > 0x9f) ||
        (first == 0xf0 && text[1] < 0x90) || (first == 0xf4 && text[1] > 0x8f))
        return 0;
    return length;
}

static void put_escaped(FILE *out, const char *text)
{
    const unsigned char *next = (const unsigned char *)text;
    while (*next != '\0') {
        size_t length = sequence_length(next);
        if (length == 0) {
            fputs("\\ufffd", out);
            next++;
            continue;
        }
        if (*next == '"' || *next == '\\')
            fprintf(out, "\\%c", *next);
        else if (*next < 0x20)
            fprintf(out, "\\u%04x", *next);
        else
            fwrite(next, 1, length, out);
        next += length;
    }
}

void cli_json_text(FILE *out, const char *text)
{
    fputc('"', out);
    put_escaped(out, text);
    fputc('"', out);
}

void cli_json_key(FILE *out, const char *prefix, const char *name)
{
    fputc('"', out);
    put_escaped(out, prefix);
    put_escaped(out, name);
    fputs("\": ", out);
}

void cli_json_number(FILE *out, double value)
{
    if (!isfinite(value)) {
        fputs("null", out);
        return;
    }
    char text[32];
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    fputs(text, out);
}
