/* A reader of TensorBoard's event files that shares nothing with what writes them. */
#ifndef UNIT_EVENTS_READER_H
#define UNIT_EVENTS_READER_H

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A message of protobuf, or what is in one of its fields. */
struct bytes {
    const uint8_t *data;
    size_t length;
};

enum { RECORDS_MAX = 4096 };
struct records {
    struct bytes record[RECORDS_MAX];
    size_t count;
};

static inline uint64_t little(const uint8_t *data, int bytes)
{
    uint64_t value = 0;
    while (bytes-- > 0)
        value = value << 8 | data[bytes];
    return value;
}

static inline uint32_t unmasked(uint32_t masked)
{
    masked -= 0xa282ead8U;
    return masked >> 17 | masked << 15;
}

static inline uint32_t castagnoli(const uint8_t *data, size_t length)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < length; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0x82f63b78U : crc >> 1;
    }
    return ~crc;
}

/* Memory that stays to the end, as records point into it: of all blocks, each with the next. */
static inline uint8_t *keep_bytes(size_t length)
{
    struct kept {
        struct kept *next;
        uint8_t data[];
    };
    static struct kept *first;
    struct kept *made = malloc(sizeof *made + length);
    assert_non_null(made);
    made->next = first;
    first = made;
    return made->data;
}

/* Adds a file's records to those that are there; every length and checksum is right. */
static inline void read_records(struct records *all, const char *path)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    size_t length = (size_t)ftell(file), at = 0;
    rewind(file);
    uint8_t *data = keep_bytes(length);
    assert_int_equal(fread(data, 1, length, file), length);
    fclose(file);
    while (at < length) {
        assert_true(length - at >= 16);
        size_t bytes = little(data + at, 8);
        assert_int_equal(castagnoli(data + at, 8), unmasked((uint32_t)little(data + at + 8, 4)));
        assert_true(bytes <= length - at - 16);
        assert_int_equal(castagnoli(data + at + 12, bytes),
                         unmasked((uint32_t)little(data + at + 12 + bytes, 4)));
        assert_true(all->count < RECORDS_MAX);
        all->record[all->count++] = (struct bytes){data + at + 12, bytes};
        at += bytes + 16;
    }
}

static inline int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Those of all files of a directory, in the order in which TensorBoard reads them. */
static inline void read_directory(struct records *all, const char *directory)
{
    struct dirent **entry;
    int count = scandir(directory, &entry, NULL, by_name);
    all->count = 0;
    assert_true(count >= 0);
    for (int i = 0; i < count; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", directory, entry[i]->d_name);
        if (strstr(entry[i]->d_name, "tfevents"))
            read_records(all, path);
        free(entry[i]);
    }
    free(entry);
}

static inline uint64_t varint(struct bytes *from)
{
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
        assert_true(from->length > 0);
        uint8_t byte = *from->data;
        from->data++;
        from->length--;
        value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            return value;
    }
}

/* The n-th field of this number: of numbers the value in *number (as bits), of others the bytes.
 * data NULL: there is none. */
static inline struct bytes field_at(struct bytes message, unsigned field, int n, uint64_t *number)
{
    while (message.length > 0) {
        uint64_t tag = varint(&message), value = 0;
        struct bytes inner = message;
        if ((tag & 7) == 0) {
            value = varint(&message);
        } else if ((tag & 7) == 2) {
            inner.length = varint(&message);
            inner.data = message.data;
        } else {
            inner.length = (tag & 7) == 1 ? 8 : 4;
            value = little(message.data, (int)inner.length);
        }
        if ((tag & 7) != 0) {
            assert_true(inner.length <= message.length);
            message.data += inner.length;
            message.length -= inner.length;
        }
        if (tag >> 3 == field && n-- == 0) {
            if (number)
                *number = value;
            return inner;
        }
    }
    if (number)
        *number = 0;
    return (struct bytes){NULL, 0};
}

static inline struct bytes field_of(struct bytes message, unsigned field)
{
    return field_at(message, field, 0, NULL);
}

static inline int64_t number_of(struct bytes message, unsigned field)
{
    uint64_t number;
    field_at(message, field, 0, &number);
    return (int64_t)number;
}

static inline bool says(struct bytes bytes, const char *text)
{
    return bytes.data && bytes.length == strlen(text) &&
           memcmp(bytes.data, text, bytes.length) == 0;
}

/* Of an event: step, the tag of its value, its tensor. */
static inline int64_t step_of(struct bytes event)
{
    return number_of(event, 2);
}
static inline struct bytes value_of(struct bytes event)
{
    return field_of(field_of(event, 5), 1);
}
static inline struct bytes tensor_of(struct bytes event)
{
    return field_of(value_of(event), 8);
}
static inline float scalar_of(struct bytes event)
{
    struct bytes content = field_of(tensor_of(event), 4);
    float value;
    assert_int_equal(content.length, sizeof value);
    memcpy(&value, content.data, sizeof value);
    return value;
}
static inline bool has_tag(struct bytes event, const char *tag)
{
    return says(field_of(value_of(event), 1), tag);
}

/* The n-th event of a tag; NULL data: there are no more. */
static inline struct bytes find_event(const struct records *all, const char *tag, int n)
{
    for (size_t i = 0; i < all->count; i++)
        if (has_tag(all->record[i], tag) && n-- == 0)
            return all->record[i];
    return (struct bytes){NULL, 0};
}

#endif
