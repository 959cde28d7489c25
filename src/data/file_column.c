#include "data/file_column.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

enum { WINDOW_BYTES = LS_DATA_RESIDENT_BYTES }; /* of the chunks of one column that are kept */

void ls_file_column_init(struct ls_file_column *column, const struct ls_hdf5_dataset *set, int fd,
                         size_t *resident)
{
    column->set = *set;
    column->fd = fd;
    column->row = (size_t)ls_shape_count(&set->shape) * ls_number_bytes(set->type);
    column->resident = (uint64_t)set->samples <= *resident / column->row;
    pthread_mutex_init(&column->lock, NULL);
    if (column->resident) {
        *resident -= (size_t)set->samples * column->row;
    } else if (set->offset < 0) {
        size_t all = (size_t)((set->samples - 1) / (set->chunk > 0 ? set->chunk : 1)) + 1;

        column->block_rows = set->chunk > 0 ? set->chunk : 1;
        column->slots = set->chunk > 0 ? WINDOW_BYTES / (column->row * (size_t)set->chunk) : 1;
        if (column->slots > all)
            column->slots = all;
        if (column->slots < 1)
            column->slots = 1;
    }
}

void ls_file_column_release(struct ls_file_column *column)
{
    ls_release(column->memory);
    ls_release(column->block);
    ls_release(column->used);
    pthread_mutex_destroy(&column->lock);
}

bool ls_file_column_direct(const struct ls_file_column *column)
{
    return column->set.offset >= 0;
}

size_t ls_file_column_memory(const struct ls_file_column *column)
{
    if (column->memory)
        return 0;
    if (column->resident)
        return (size_t)column->set.samples * column->row;
    return ls_file_column_direct(column) ? 0
                                         : column->slots * (size_t)column->block_rows * column->row;
}

size_t ls_file_column_chunks(const struct ls_file_column *column)
{
    return column->resident || column->set.chunk == 0 ? 0 : column->slots;
}

/* -- from the file */

static ls_status read_at(int fd, void *bytes, size_t count, int64_t offset)
{
    unsigned char *out = bytes;

    while (count > 0) {
        ssize_t got = pread(fd, out, count, offset);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return ls_fail(LS_FAILED, "reading failed: %s", strerror(errno));
        if (got == 0)
            return ls_fail(LS_BAD_INPUT, "the file ends at byte %lld, before its values do",
                           (long long)offset);
        out += got;
        offset += got;
        count -= (size_t)got;
    }
    return LS_OK;
}

/* Samples [begin, end) through HDF5. */
static ls_status read_hyperslab(const struct ls_file_column *column, void *bytes, int64_t begin,
                                int64_t end)
{
    const struct ls_hdf5_dataset *set = &column->set;
    hsize_t start[LS_RANK_MAX + 1] = {(hsize_t)begin};
    hsize_t size[LS_RANK_MAX + 1] = {(hsize_t)(end - begin)};
    struct ls_hdf5_quiet quiet;
    hid_t file_space, memory_space;
    herr_t result = -1;
    ls_status status;

    for (int i = 0; i < set->shape.rank; i++)
        size[i + 1] = (hsize_t)set->shape.size[i];
    ls_hdf5_quiet_begin(&quiet);
    status = ls_chunks_check(&set->chunks, set->id, begin, end);
    if (status != LS_OK) {
        ls_hdf5_quiet_end(&quiet);
        return ls_fail_within(status, "samples %lld to %lld", (long long)begin, (long long)end - 1);
    }
    file_space = H5Dget_space(set->id);
    memory_space = H5Screate_simple(set->shape.rank + 1, size, NULL);
    if (H5Sselect_hyperslab(file_space, H5S_SELECT_SET, start, NULL, size, NULL) >= 0)
        result = H5Dread(set->id, set->memory, memory_space, file_space, H5P_DEFAULT, bytes);
    H5Sclose(memory_space);
    H5Sclose(file_space);
    ls_hdf5_quiet_end(&quiet);
    if (result < 0)
        return ls_fail(LS_BAD_INPUT, "samples %lld to %lld cannot be read: damaged values",
                       (long long)begin, (long long)end - 1);
    return LS_OK;
}

static ls_status read_range(const struct ls_file_column *column, void *bytes, int64_t begin,
                            int64_t end)
{
    if (column->set.offset < 0)
        return read_hyperslab(column, bytes, begin, end);
    return read_at(column->fd, bytes, (size_t)(end - begin) * column->row,
                   column->set.offset + begin * (int64_t)column->row);
}

/* -- the three ways */

static ls_status load(struct ls_file_column *column)
{
    ls_status status = LS_OK;

    if (atomic_load_explicit(&column->loaded, memory_order_acquire))
        return LS_OK;
    pthread_mutex_lock(&column->lock);
    if (!column->loaded) {
        if (!column->memory)
            LS_TRY_OUT(ls_allocate(&column->memory, (size_t)column->set.samples, column->row));
        LS_TRY_OUT(read_range(column, column->memory, 0, column->set.samples));
        atomic_store_explicit(&column->loaded, true, memory_order_release);
    }
out:
    pthread_mutex_unlock(&column->lock);
    return status;
}

enum { CACHE_LINE = 64, AHEAD_ROWS = 3, AHEAD_BYTES = 1024 };

/* Rows in an arbitrary order are cache misses, one after the other: the memory is asked for some
 * rows ahead. */
static inline void prefetch_row(const unsigned char *row, size_t bytes)
{
    for (size_t at = 0; at < bytes && at < AHEAD_BYTES; at += CACHE_LINE)
        __builtin_prefetch(row + at);
}

static ls_status read_resident(struct ls_file_column *column, unsigned char *out,
                               const int64_t *index, int64_t count)
{
    size_t row = column->row;

    LS_TRY(load(column));
    for (int64_t i = 0; i < count; i++) {
        if (i + AHEAD_ROWS < count)
            prefetch_row(column->memory + (size_t)index[i + AHEAD_ROWS] * row, row);
        memcpy(out + (size_t)i * row, column->memory + (size_t)index[i] * row, row);
    }
    return LS_OK;
}

static ls_status read_direct(struct ls_file_column *column, unsigned char *out,
                             const int64_t *index, int64_t count)
{
    for (int64_t i = 0, run; i < count; i += run) {
        for (run = 1; i + run < count && index[i + run] == index[i] + run;)
            run++;
        LS_TRY(read_range(column, out + (size_t)i * column->row, index[i], index[i] + run));
    }
    return LS_OK;
}

/* The slot that holds a block, read when it is not there in place of the one longest unused. */
static ls_status find_block(struct ls_file_column *column, int64_t block, size_t *slot)
{
    int64_t begin = block * column->block_rows, end = begin + column->block_rows;
    size_t oldest = 0;

    for (size_t i = 0; i < column->slots; i++) {
        if (column->block[i] == block) {
            *slot = i;
            column->used[i] = ++column->clock;
            return LS_OK;
        }
        if (column->used[i] < column->used[oldest])
            oldest = i;
    }
    if (end > column->set.samples)
        end = column->set.samples;
    column->block[oldest] = -1;
    LS_TRY(read_range(column, column->memory + oldest * (size_t)column->block_rows * column->row,
                      begin, end));
    column->block[oldest] = block;
    column->used[oldest] = ++column->clock;
    *slot = oldest;
    return LS_OK;
}

static ls_status read_blocks(struct ls_file_column *column, unsigned char *out,
                             const int64_t *index, int64_t count)
{
    size_t row = column->row, slot = 0;
    ls_status status = LS_OK;

    pthread_mutex_lock(&column->lock);
    if (!column->block) {
        LS_TRY_OUT(ls_allocate(&column->memory, column->slots * (size_t)column->block_rows, row));
        LS_TRY_OUT(ls_allocate(&column->used, column->slots, sizeof *column->used));
        LS_TRY_OUT(ls_allocate(&column->block, column->slots, sizeof *column->block));
        for (size_t i = 0; i < column->slots; i++)
            column->block[i] = -1;
    }
    for (int64_t i = 0; i < count; i++) {
        int64_t block = index[i] / column->block_rows;

        if (column->block[slot] != block)
            LS_TRY_OUT(find_block(column, block, &slot));
        memcpy(out + (size_t)i * row,
               column->memory + (slot * (size_t)column->block_rows +
                                 (size_t)(index[i] - block * column->block_rows)) *
                                    row,
               row);
    }
out:
    pthread_mutex_unlock(&column->lock);
    return status;
}

ls_status ls_file_column_read(struct ls_file_column *column, void *bytes, const int64_t *index,
                              int64_t count)
{
    if (column->resident)
        return read_resident(column, bytes, index, count);
    if (column->set.offset >= 0)
        return read_direct(column, bytes, index, count);
    return read_blocks(column, bytes, index, count);
}
