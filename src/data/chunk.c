#include "data/chunk.h"

#include <string.h>
#include <zlib.h>

#include "base/memory.h"

enum { FLETCHER_BYTES = 4, SLACK_BYTES = 1024, SLACK_SHARE = 256, BLOCK_BYTES = 1 << 14 };

static ls_status bad_shape(void)
{
    return ls_fail(LS_BAD_INPUT, "the shape of its chunks cannot be read");
}

static ls_status bad_index(void)
{
    return ls_fail(LS_BAD_INPUT, "the index of its chunks is damaged");
}

/* -- the header */

static ls_status find_filters(struct ls_chunks *chunks, hid_t plist)
{
    int filters = H5Pget_nfilters(plist);

    chunks->deflate = chunks->fletcher = -1;
    for (int i = 0; i < filters; i++) {
        unsigned flags, config;
        size_t values = 0;
        char name[64] = "";
        H5Z_filter_t filter =
            H5Pget_filter2(plist, (unsigned)i, &flags, &values, NULL, sizeof name, name, &config);
        int *place = filter == H5Z_FILTER_DEFLATE      ? &chunks->deflate
                     : filter == H5Z_FILTER_FLETCHER32 ? &chunks->fletcher
                                                       : NULL;

        if (!place && filter != H5Z_FILTER_SHUFFLE)
            return ls_fail(LS_BAD_INPUT,
                           "compressed by filter %d%s%s%s; gzip, shuffle and fletcher32 are read",
                           (int)filter, name[0] ? " (" : "", name, name[0] ? ")" : "");
        if (place && *place >= 0)
            return ls_fail(LS_BAD_INPUT, "one filter twice, which is not read");
        if (place)
            *place = i;
    }
    return filters < 0 ? ls_fail(LS_BAD_INPUT, "the filters cannot be read") : LS_OK;
}

/* HDF5 has 32 bits for the size of a chunk. */
static ls_status find_shape(struct ls_chunks *chunks, hid_t dataset, hid_t plist)
{
    hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
    int rank = space < 0 ? -1 : H5Sget_simple_extent_ndims(space);

    chunks->bytes = type < 0 ? 0 : H5Tget_size(type);
    chunks->rank = rank < 1 || rank > LS_RANK_MAX + 1 ? 0 : rank;
    if (chunks->rank > 0 && (H5Sget_simple_extent_dims(space, chunks->size, NULL) < 0 ||
                             H5Pget_chunk(plist, LS_RANK_MAX + 1, chunks->chunk) != chunks->rank))
        chunks->rank = 0;
    for (int i = 0; i < chunks->rank; i++)
        if (chunks->chunk[i] == 0 ||
            __builtin_mul_overflow(chunks->bytes, chunks->chunk[i], &chunks->bytes))
            chunks->bytes = 0;
    if (space >= 0)
        H5Sclose(space);
    if (type >= 0)
        H5Tclose(type);
    if (chunks->rank > 0 && chunks->bytes > 0 && chunks->bytes <= UINT32_MAX)
        return LS_OK;
    chunks->rank = 0;
    return bad_shape();
}

/* -- one chunk */

struct stored {
    unsigned char *bytes;
    hsize_t count;
    uint32_t passed_over; /* filters, a bit each: what did not grow smaller is stored as it was */
};

static bool is_used(int place, const struct stored *stored)
{
    return place >= 0 && !(stored->passed_over >> place & 1);
}

/* The chunk as it is stored, in new memory: never much larger than its values. */
static ls_status read_stored(struct stored *stored, const struct ls_chunks *chunks, hid_t dataset,
                             const hsize_t *offset)
{
    uint64_t most = chunks->bytes + chunks->bytes / SLACK_SHARE + SLACK_BYTES;

    *stored = (struct stored){0};
    if (H5Dget_chunk_storage_size(dataset, offset, &stored->count) < 0)
        return bad_index();
    if (stored->count == 0)
        return ls_fail(LS_BAD_INPUT, "not written to the end: a chunk is missing");
    if (stored->count > most)
        return bad_index();
    LS_TRY(ls_allocate(&stored->bytes, (size_t)stored->count, 1));
    if (H5Dread_chunk(dataset, H5P_DEFAULT, offset, &stored->passed_over, stored->bytes) >= 0)
        return LS_OK;
    ls_release(stored->bytes);
    return ls_fail(LS_BAD_INPUT, "a chunk cannot be read: damaged, or cut off");
}

/* What zlib makes of it: *count of bytes, no more than one above `most`. */
static ls_status inflated_size(uint64_t *count, const struct stored *stored, uint64_t most)
{
    unsigned char block[BLOCK_BYTES];
    z_stream stream = {.next_in = stored->bytes, .avail_in = (uInt)stored->count};
    int result = inflateInit(&stream);

    *count = 0;
    if (result != Z_OK)
        return ls_fail(LS_FAILED, "out of memory");
    while (result == Z_OK && *count <= most) {
        stream.next_out = block;
        stream.avail_out = sizeof block;
        result = inflate(&stream, Z_NO_FLUSH);
        *count += sizeof block - stream.avail_out;
    }
    inflateEnd(&stream);
    return result == Z_OK || result == Z_STREAM_END
               ? LS_OK
               : ls_fail(LS_BAD_INPUT, "a chunk cannot be read: damaged values");
}

static ls_status check_size(uint64_t is, uint64_t wanted)
{
    return is == wanted ? LS_OK
                        : ls_fail(LS_BAD_INPUT,
                                  "damaged: a chunk that does not have the %llu bytes of its shape",
                                  (unsigned long long)wanted);
}

/* Without zlib a chunk has the bytes of its values, and the sum behind them. With it the size that
 * the header says was looked at once (`whole`), and zlib finds what is damaged. */
static ls_status check_stored(const struct ls_chunks *chunks, const struct stored *stored,
                              bool whole)
{
    uint64_t wanted = chunks->bytes, is = stored->count;
    bool sum = is_used(chunks->fletcher, stored);

    if (!is_used(chunks->deflate, stored))
        return check_size(is, wanted + (sum ? FLETCHER_BYTES : 0));
    if (!whole)
        return LS_OK;
    if (sum && chunks->fletcher < chunks->deflate)
        wanted += FLETCHER_BYTES;
    LS_TRY(inflated_size(&is, stored, wanted));
    return check_size(is, wanted);
}

static ls_status check_chunk(const struct ls_chunks *chunks, hid_t dataset, const hsize_t *offset,
                             bool whole)
{
    struct stored stored;

    LS_TRY(read_stored(&stored, chunks, dataset, offset));
    ls_status status = check_stored(chunks, &stored, whole);
    ls_release(stored.bytes);
    return status;
}

ls_status ls_chunks_init(struct ls_chunks *chunks, hid_t dataset)
{
    const hsize_t first[LS_RANK_MAX + 1] = {0};
    hid_t plist = H5Dget_create_plist(dataset);
    ls_status status;

    *chunks = (struct ls_chunks){0};
    if (plist < 0)
        return bad_shape();
    status = find_shape(chunks, dataset, plist);
    if (status == LS_OK)
        status = find_filters(chunks, plist);
    H5Pclose(plist);
    return status == LS_OK ? check_chunk(chunks, dataset, first, true) : status;
}

/* -- many */

/* The next chunk of [offset[0], end) in row-major order; false after the last one. */
static bool advance(const struct ls_chunks *chunks, hsize_t *offset, hsize_t end)
{
    for (int i = chunks->rank; i-- > 0;) {
        offset[i] += chunks->chunk[i];
        if (offset[i] < (i == 0 ? end : chunks->size[i]))
            return true;
        if (i > 0)
            offset[i] = 0;
    }
    return false;
}

ls_status ls_chunks_check(const struct ls_chunks *chunks, hid_t dataset, int64_t begin, int64_t end)
{
    hsize_t offset[LS_RANK_MAX + 1] = {0};
    bool more = chunks->rank > 0 && begin < end;

    if (more)
        offset[0] = (hsize_t)begin / chunks->chunk[0] * chunks->chunk[0];
    while (more) {
        LS_TRY(check_chunk(chunks, dataset, offset, false));
        more = advance(chunks, offset, (hsize_t)end);
    }
    return LS_OK;
}
