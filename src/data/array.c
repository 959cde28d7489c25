/* Data of the program's own: arrays, and a reader by sample. */
#include <pthread.h>
#include <string.h>

#include "base/memory.h"
#include "data/source.h"

/* A column of `size` numbers a sample. */
static ls_status add_column(struct ls_data *data, const char *name, size_t size)
{
    struct ls_column *column = &data->column[data->columns++];
    LS_TRY(ls_column_init(column, name, LS_NUMBER_FLOAT));
    column->shape = (struct ls_shape){.rank = 1, .size = {(int64_t)size}};
    column->flat = true;
    return LS_OK;
}

static ls_status check_samples(int64_t samples)
{
    if (samples >= 1)
        return LS_OK;
    return ls_fail(LS_BAD_INPUT, "data of %lld samples: at least 1 is needed", (long long)samples);
}

static bool fits_memory(size_t size)
{
    return size <= (size_t)PTRDIFF_MAX / sizeof(float);
}

static ls_status check_sizes(int64_t samples, size_t x_size, size_t y_size)
{
    LS_TRY(check_samples(samples));
    if (x_size < 1 || !fits_memory(x_size) || !fits_memory(y_size))
        return ls_fail(LS_USAGE, "data with %zu inputs and %zu targets a sample", x_size, y_size);
    return LS_OK;
}

/* -- arrays */

struct arrays {
    struct ls_data data;
    const float **values; /* by column, borrowed */
};

static ls_status read_arrays(struct ls_data *data, size_t column, void *bytes, const int64_t *index,
                             int64_t count)
{
    struct arrays *arrays = (struct arrays *)data;
    size_t size = (size_t)data->column[column].shape.size[0];
    float *out = bytes;

    for (int64_t i = 0; i < count; i++)
        memcpy(out + (size_t)i * size, arrays->values[column] + (size_t)index[i] * size,
               size * sizeof *out);
    return LS_OK;
}

static void release_arrays(struct ls_data *data)
{
    ls_release(((struct arrays *)data)->values);
}

static const struct ls_data_kind arrays_kind = {.read = read_arrays, .release = release_arrays};

static ls_status check_arrays(const struct ls_data_array *given, size_t count)
{
    if (count < 1)
        return ls_fail(LS_USAGE, "data from arrays: there are none");
    for (size_t i = 0; i < count; i++) {
        if (!given[i].name || !given[i].name[0])
            return ls_fail(LS_USAGE, "data from arrays: array %zu has no name", i);
        if (!given[i].values || given[i].size < 1 || !fits_memory(given[i].size))
            return ls_fail(LS_USAGE, "data from arrays: '%s' has %s", given[i].name,
                           given[i].values ? "no size that can be" : "no values");
        for (size_t other = 0; other < i; other++)
            if (strcmp(given[other].name, given[i].name) == 0)
                return ls_fail(LS_USAGE, "data from arrays: '%s' is there twice", given[i].name);
    }
    return LS_OK;
}

ls_status ls_data_from_columns(struct ls_data **data, int64_t samples,
                               const struct ls_data_array *given, size_t count)
{
    struct arrays *arrays;
    ls_status status;

    *data = NULL;
    LS_TRY(check_samples(samples));
    LS_TRY(check_arrays(given, count));
    LS_TRY(ls_data_create(&arrays, sizeof *arrays, &arrays_kind, "arrays", count));
    arrays->data.samples = samples;
    LS_TRY_OUT(ls_allocate(&arrays->values, count, sizeof *arrays->values));
    for (size_t i = 0; i < count; i++) {
        arrays->values[i] = given[i].values;
        LS_TRY_OUT(add_column(&arrays->data, given[i].name, given[i].size));
        arrays->data.column[i].in_memory = true;
    }
    *data = &arrays->data;
    return LS_OK;
out:
    ls_data_free(&arrays->data);
    return status;
}

ls_status ls_data_from_arrays(struct ls_data **data, const struct ls_data_arrays *given)
{
    const struct ls_data_array arrays[] = {{"x", given->x, given->x_size},
                                           {"y", given->y, given->y_size}};

    *data = NULL;
    LS_TRY(check_sizes(given->samples, given->x_size, given->y_size));
    if (!given->x || (given->y == NULL) != (given->y_size == 0))
        return ls_fail(LS_USAGE, "data from arrays: an array is missing or has no size");
    return ls_data_from_columns(data, given->samples, arrays, given->y ? 2 : 1);
}

/* -- a reader */

/* A sample's x and y come from one call, but are asked for column by column: what was read last is
 * kept. */
struct reader {
    struct ls_data data;
    struct ls_data_reader call;
    pthread_mutex_t lock; /* the reader is promised one call at a time */
    int64_t *index;       /* samples in values */
    float *values[2];
    int64_t count, room;
};

static ls_status make_room(struct reader *reader, int64_t count)
{
    if (count <= reader->room)
        return LS_OK;
    reader->count = reader->room = 0;
    LS_TRY(ls_reallocate(&reader->index, (size_t)count, sizeof *reader->index));
    for (size_t i = 0; i < reader->data.columns; i++)
        LS_TRY(ls_reallocate(&reader->values[i], (size_t)count,
                             (size_t)reader->data.column[i].shape.size[0] * sizeof(float)));
    reader->room = count;
    return LS_OK;
}

static ls_status call_reader(struct reader *reader, const int64_t *index, int64_t count)
{
    LS_TRY(make_room(reader, count));
    reader->count = 0;
    for (int64_t i = 0; i < count; i++) {
        float *out[2] = {NULL, NULL};

        for (size_t c = 0; c < reader->data.columns; c++)
            out[c] = reader->values[c] + (size_t)(i * reader->data.column[c].shape.size[0]);
        ls_fail(LS_OK, "the reader gave no message");
        ls_status status = reader->call.read(reader->call.user, index[i], out[0], out[1]);
        if (status != LS_OK)
            return ls_fail_within(status, "%s: sample %lld", reader->data.name,
                                  (long long)index[i]);
    }
    memcpy(reader->index, index, (size_t)count * sizeof *index);
    reader->count = count;
    return LS_OK;
}

static ls_status read_reader(struct ls_data *data, size_t column, void *bytes, const int64_t *index,
                             int64_t count)
{
    struct reader *reader = (struct reader *)data;
    size_t row = (size_t)data->column[column].shape.size[0] * sizeof(float);
    ls_status status = LS_OK;

    if (count == 0)
        return LS_OK;
    pthread_mutex_lock(&reader->lock);
    if (count != reader->count || memcmp(index, reader->index, (size_t)count * sizeof *index) != 0)
        status = call_reader(reader, index, count);
    if (status == LS_OK)
        memcpy(bytes, reader->values[column], (size_t)count * row);
    pthread_mutex_unlock(&reader->lock);
    return status;
}

static void release_reader(struct ls_data *data)
{
    struct reader *reader = (struct reader *)data;

    ls_release(reader->index);
    ls_release(reader->values[0]);
    ls_release(reader->values[1]);
    pthread_mutex_destroy(&reader->lock);
}

/* What make_room takes. */
static size_t reader_memory(const struct ls_data *data, int64_t rows)
{
    const struct reader *reader = (const struct reader *)data;
    size_t row = sizeof *reader->index;

    for (size_t i = 0; i < data->columns; i++)
        row += (size_t)data->column[i].shape.size[0] * sizeof(float);
    return rows > reader->room ? (size_t)rows * row : 0;
}

static const struct ls_data_kind reader_kind = {
    .read = read_reader, .memory = reader_memory, .release = release_reader};

ls_status ls_data_from_reader(struct ls_data **data, const struct ls_data_reader *given)
{
    struct reader *reader;
    ls_status status;

    *data = NULL;
    LS_TRY(check_sizes(given->samples, given->x_size, given->y_size));
    if (!given->read)
        return ls_fail(LS_USAGE, "data from a reader: there is no reader");
    LS_TRY(ls_data_create(&reader, sizeof *reader, &reader_kind, "reader", 2));
    pthread_mutex_init(&reader->lock, NULL);
    reader->data.samples = given->samples;
    reader->data.unread = true;
    reader->call = *given;
    status = add_column(&reader->data, "x", given->x_size);
    if (status == LS_OK && given->y_size > 0)
        status = add_column(&reader->data, "y", given->y_size);
    if (status == LS_OK)
        *data = &reader->data;
    else
        ls_data_free(&reader->data);
    return status;
}
