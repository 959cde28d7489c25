#include "store/png.h"

#include <string.h>
#include <zlib.h>

#include "base/memory.h"

/* Of a PNG's header: 8 bits a channel, and the colour type by the number of channels. */
enum { DEPTH = 8, HEADER_BYTES = 13, NO_FILTER = 0 };
static const uint8_t colour_type[] = {[1] = 0, [2] = 4, [3] = 2, [4] = 6};

static void put_uint32(uint8_t byte[4], size_t value)
{
    for (int i = 0; i < 4; i++)
        byte[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void append_chunk(struct ls_text *text, const char name[4], const uint8_t *bytes,
                         size_t length)
{
    uint8_t number[4];
    put_uint32(number, length);
    ls_text_append_bytes(text, (char *)number, sizeof number);
    ls_text_append_bytes(text, name, 4);
    ls_text_append_bytes(text, (const char *)bytes, length);
    unsigned long crc = crc32(0, (const uint8_t *)name, 4);
    if (length > 0)
        crc = crc32(crc, bytes, (unsigned)length);
    put_uint32(number, crc);
    ls_text_append_bytes(text, (char *)number, sizeof number);
}

/* The rows, each behind its filter's number. */
static ls_status append_pixels(struct ls_text *text, const struct ls_picture *picture)
{
    size_t row = picture->width * picture->channels, all = picture->height * (row + 1);
    unsigned long packed = compressBound(all);
    uint8_t *raw = NULL, *deflated = NULL;
    ls_status status;
    LS_TRY_OUT(ls_allocate(&raw, all, 1));
    LS_TRY_OUT(ls_allocate(&deflated, packed, 1));
    for (size_t y = 0; y < picture->height; y++) {
        raw[y * (row + 1)] = NO_FILTER;
        memcpy(raw + y * (row + 1) + 1, picture->pixel + y * row, row);
    }
    if (compress2(deflated, &packed, raw, all, Z_DEFAULT_COMPRESSION) != Z_OK)
        LS_TRY_OUT(ls_fail(LS_FAILED, "out of memory"));
    append_chunk(text, "IDAT", deflated, packed);
out:
    ls_release(raw);
    ls_release(deflated);
    return status;
}

ls_status ls_png_write(struct ls_text *text, const struct ls_picture *picture)
{
    static const char signature[] = "\x89PNG\r\n\x1a\n";
    uint8_t header[HEADER_BYTES] = {[8] = DEPTH, [9] = colour_type[picture->channels]};
    put_uint32(header, picture->width);
    put_uint32(header + 4, picture->height);
    ls_text_append_bytes(text, signature, sizeof signature - 1);
    append_chunk(text, "IHDR", header, sizeof header);
    LS_TRY(append_pixels(text, picture));
    append_chunk(text, "IEND", NULL, 0);
    return ls_text_status(text);
}
