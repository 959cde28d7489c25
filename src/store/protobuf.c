#include "store/protobuf.h"

#include <string.h>

/* Wire types; the bits of a byte of a varint that are the number's. */
enum { VARINT = 0, FIXED64 = 1, LENGTH = 2, TYPE_BITS = 3, VARINT_BITS = 7 };

static void append_varint(struct ls_text *message, uint64_t value)
{
    char byte[10];
    size_t count = 0;
    for (; value >> VARINT_BITS; value >>= VARINT_BITS)
        byte[count++] = (char)(value | 1U << VARINT_BITS);
    byte[count++] = (char)value;
    ls_text_append_bytes(message, byte, count);
}

static void append_tag(struct ls_text *message, unsigned field, unsigned type)
{
    append_varint(message, (uint64_t)field << TYPE_BITS | type);
}

static void append_field(struct ls_text *message, unsigned field, const void *bytes, size_t length)
{
    append_tag(message, field, LENGTH);
    append_varint(message, length);
    ls_text_append_bytes(message, bytes, length);
}

void ls_proto_int(struct ls_text *message, unsigned field, int64_t value)
{
    if (value == 0)
        return;
    append_tag(message, field, VARINT);
    append_varint(message, (uint64_t)value);
}

void ls_proto_double(struct ls_text *message, unsigned field, double value)
{
    char byte[sizeof value];
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (bits == 0)
        return;
    for (size_t i = 0; i < sizeof byte; i++)
        byte[i] = (char)(bits >> 8 * i);
    append_tag(message, field, FIXED64);
    ls_text_append_bytes(message, byte, sizeof byte);
}

void ls_proto_bytes(struct ls_text *message, unsigned field, const void *bytes, size_t length)
{
    if (length > 0)
        append_field(message, field, bytes, length);
}

void ls_proto_text(struct ls_text *message, unsigned field, const char *text)
{
    ls_proto_bytes(message, field, text, strlen(text));
}

void ls_proto_message(struct ls_text *message, unsigned field, struct ls_text *inner)
{
    append_field(message, field, inner->data, inner->length);
    message->failed |= inner->failed;
    ls_text_release(inner);
}
