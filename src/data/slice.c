/* A part of another data set. */
#include "base/memory.h"
#include "data/source.h"

enum { SLICE_INDEX = 256 }; /* samples whose numbers are shifted at a time, on the stack */

struct slice {
    struct ls_data data;
    struct ls_data *whole; /* borrowed */
    int64_t begin;
};

static ls_status read_slice(struct ls_data *data, size_t column, void *bytes, const int64_t *index,
                            int64_t count)
{
    struct slice *slice = (struct slice *)data;
    const struct ls_column *c = &data->column[column];
    size_t row = (size_t)ls_shape_count(&c->shape) * ls_number_bytes(c->type);
    unsigned char *out = bytes;

    while (count > 0) {
        int64_t shifted[SLICE_INDEX];
        int64_t n = count < SLICE_INDEX ? count : SLICE_INDEX;

        for (int64_t i = 0; i < n; i++)
            shifted[i] = slice->begin + index[i];
        LS_TRY(ls_data_read(slice->whole, column, out, shifted, n));
        out += (size_t)n * row;
        index += n;
        count -= n;
    }
    return LS_OK;
}

static const char *locate_in_slice(const struct ls_data *data, int64_t sample, int64_t *within)
{
    const struct slice *slice = (const struct slice *)data;

    return ls_data_locate(slice->whole, slice->begin + sample, within);
}

/* Its share of the whole's, which other slices read too. */
static size_t slice_memory(const struct ls_data *data, int64_t rows)
{
    const struct ls_data *whole = ((const struct slice *)data)->whole;
    double share = (double)data->samples / (double)whole->samples;

    return (size_t)(share * (double)ls_data_memory(whole, rows));
}

static const struct ls_data_kind slice_kind = {
    .read = read_slice, .memory = slice_memory, .locate = locate_in_slice};

ls_status ls_data_slice(struct ls_data **slice, struct ls_data *data, int64_t begin, int64_t end)
{
    struct slice *made;
    ls_status status;

    *slice = NULL;
    if (begin < 0 || begin >= end || end > data->samples)
        return ls_fail(LS_BAD_INPUT, "%s: no samples in [%lld, %lld) of %lld", data->name,
                       (long long)begin, (long long)end, (long long)data->samples);
    LS_TRY(ls_data_create(&made, sizeof *made, &slice_kind, data->name, data->columns));
    made->whole = data;
    made->begin = begin;
    made->data.samples = end - begin;
    made->data.chunk = data->chunk;
    made->data.window = data->window;
    made->data.unread = data->unread;
    if (data->learnt)
        LS_TRY_OUT(ls_duplicate(&made->data.learnt, data->learnt));
    LS_TRY_OUT(ls_data_pass_on(&made->data, data));
    for (size_t i = 0; i < data->columns; i++) {
        made->data.columns++;
        LS_TRY_OUT(ls_column_copy(&made->data.column[i], &data->column[i]));
    }
    *slice = &made->data;
    return LS_OK;
out:
    ls_data_free(&made->data);
    return status;
}
