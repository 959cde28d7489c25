#include "data/source.h"

#include <string.h>

#include "base/memory.h"
#include "base/pulse.h"
#include "base/text.h"

/* -- making */

ls_status ls_data_create(void *data, size_t bytes, const struct ls_data_kind *kind,
                         const char *name, size_t columns)
{
    struct ls_data *made = NULL;
    ls_status status;

    memset(data, 0, sizeof made);
    LS_TRY(ls_allocate(&made, 1, bytes));
    made->kind = kind;
    LS_TRY_OUT(ls_duplicate(&made->name, name));
    LS_TRY_OUT(ls_allocate(&made->column, columns, sizeof *made->column));
    memcpy(data, &made, sizeof made);
    return LS_OK;
out:
    ls_release(made->name);
    ls_release(made);
    return status;
}

ls_status ls_column_init(struct ls_column *column, const char *name, enum ls_number_type type)
{
    static const struct {
        const char *name;
        enum ls_column_role role;
    } roles[] = {
        {"x", LS_COLUMN_INPUT}, {"y", LS_COLUMN_TARGET}, {"sample_weight", LS_COLUMN_WEIGHT}};

    column->type = type;
    column->role = ls_ends_with(name, "_sample_weight") ? LS_COLUMN_WEIGHT : LS_COLUMN_OTHER;
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
        if (strcmp(roles[i].name, name) == 0)
            column->role = roles[i].role;
    return ls_duplicate(&column->name, name);
}

ls_status ls_column_copy(struct ls_column *copy, const struct ls_column *column)
{
    LS_TRY(ls_column_init(copy, column->name, column->type));
    copy->shape = column->shape;
    copy->flat = column->flat;
    copy->in_memory = column->in_memory;
    if (!column->class_names)
        return LS_OK;
    LS_TRY(ls_allocate(&copy->class_names, column->classes, sizeof *copy->class_names));
    for (; copy->classes < column->classes; copy->classes++)
        LS_TRY(ls_duplicate(&copy->class_names[copy->classes], column->class_names[copy->classes]));
    return LS_OK;
}

void ls_strings_free(char **strings, size_t count)
{
    for (size_t i = 0; strings && i < count; i++)
        ls_release(strings[i]);
    ls_release(strings);
}

ls_status ls_data_pass_on(struct ls_data *view, const struct ls_data *data)
{
    size_t strings = 2 * view->passed_overs;

    if (data->passed_overs == 0)
        return LS_OK;
    LS_TRY(ls_reallocate(&view->passed_over, strings + 2 * data->passed_overs, sizeof(char *)));
    for (size_t i = 0; i < data->passed_overs; i++) {
        char **pair = view->passed_over + strings + 2 * i;

        LS_TRY(ls_duplicate(&pair[0], data->passed_over[2 * i]));
        ls_status status = ls_duplicate(&pair[1], data->passed_over[2 * i + 1]);
        if (status != LS_OK) {
            ls_release(pair[0]);
            return status;
        }
        view->passed_overs++;
    }
    return LS_OK;
}

void ls_column_release(struct ls_column *column)
{
    ls_release(column->name);
    ls_strings_free(column->class_names, column->classes);
}

void ls_data_free(struct ls_data *data)
{
    if (!data)
        return;
    if (data->kind->release)
        data->kind->release(data);
    for (size_t i = 0; i < data->columns; i++)
        ls_column_release(&data->column[i]);
    ls_release(data->column);
    ls_strings_free(data->passed_over, 2 * data->passed_overs);
    ls_release(data->learnt);
    ls_release(data->name);
    ls_release(data);
}

/* -- looking */

int64_t ls_data_samples(const struct ls_data *data)
{
    return data->samples;
}

size_t ls_data_columns(const struct ls_data *data)
{
    return data->columns;
}

const struct ls_column *ls_data_column(const struct ls_data *data, size_t index)
{
    return &data->column[index];
}

const char *ls_data_name(const struct ls_data *data)
{
    return data->name;
}

const char *ls_data_learnt(const struct ls_data *data)
{
    return data->learnt;
}

bool ls_data_random_access(const struct ls_data *data)
{
    return data->chunk == 0;
}

int64_t ls_data_chunk(const struct ls_data *data)
{
    return data->chunk;
}

int64_t ls_data_window(const struct ls_data *data)
{
    return data->window;
}

const char *ls_data_locate(const struct ls_data *data, int64_t sample, int64_t *within)
{
    if (data->kind->locate)
        return data->kind->locate(data, sample, within);
    *within = sample;
    return data->name;
}

size_t ls_data_memory(const struct ls_data *data, int64_t rows)
{
    return data->kind->memory ? data->kind->memory(data, rows) : 0;
}

bool ls_data_has(const struct ls_data *data, const char *name)
{
    bool has = false;
    for (size_t i = 0; i < data->columns; i++)
        has |= strcmp(data->column[i].name, name) == 0;
    for (size_t i = 0; i < data->passed_overs; i++)
        has |= strcmp(data->passed_over[2 * i], name) == 0;
    return has;
}

static ls_status fail_to_find(const struct ls_data *data, const char *name)
{
    struct ls_text names = {0};
    ls_status status;

    for (size_t i = 0; i < data->columns; i++)
        ls_text_append(&names, "%s%s", i > 0 ? ", " : "", data->column[i].name);
    status = ls_text_status(&names);
    if (status == LS_OK)
        status =
            ls_fail(LS_BAD_INPUT, "%s: no dataset '%s'; it has: %s", data->name, name, names.data);
    ls_text_release(&names);
    return status;
}

ls_status ls_data_find(const struct ls_data *data, const char *name, size_t *column)
{
    for (size_t i = 0; i < data->columns; i++)
        if (strcmp(data->column[i].name, name) == 0) {
            *column = i;
            return LS_OK;
        }
    for (size_t i = 0; i < data->passed_overs; i++)
        if (strcmp(data->passed_over[2 * i], name) == 0)
            return ls_fail(LS_BAD_INPUT, "%s", data->passed_over[2 * i + 1]);
    return fail_to_find(data, name);
}

/* -- reading */

ls_status ls_data_read(struct ls_data *data, size_t column, void *bytes, const int64_t *index,
                       int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (index[i] < 0 || index[i] >= data->samples)
            return ls_fail(LS_USAGE, "%s: no sample %lld; it has %lld", data->name,
                           (long long)index[i], (long long)data->samples);
    ls_pulse_beat(ls_pulse_here());
    return data->kind->read(data, column, bytes, index, count);
}

enum {
    FINGERPRINT_WHOLE_BYTES = 16 * 1024 * 1024,
    FINGERPRINT_RUN = 64,              /* samples that follow each other */
    FINGERPRINT_READ_BYTES = 64 * 1024 /* at a time */
};

/* Adds samples [begin, end) of a column. */
static ls_status add_samples(struct ls_hasher *hasher, struct ls_data *data, size_t column,
                             struct ls_range range)
{
    const struct ls_column *c = &data->column[column];
    size_t row = (size_t)ls_shape_count(&c->shape) * ls_number_bytes(c->type);
    int64_t most = row < FINGERPRINT_READ_BYTES ? (int64_t)(FINGERPRINT_READ_BYTES / row) : 1;
    int64_t *index = NULL;
    unsigned char *bytes = NULL;
    ls_status status;

    LS_TRY_OUT(ls_allocate(&index, (size_t)most, sizeof *index));
    LS_TRY_OUT(ls_allocate(&bytes, (size_t)most, row));
    while (range.begin < range.end) {
        int64_t count = range.end - range.begin < most ? range.end - range.begin : most;

        for (int64_t i = 0; i < count; i++)
            index[i] = range.begin + i;
        LS_TRY_OUT(ls_data_read(data, column, bytes, index, count));
        ls_hasher_add(hasher, bytes, (size_t)count * row);
        range.begin += count;
    }
out:
    ls_release(index);
    ls_release(bytes);
    return status;
}

static ls_status add_column(struct ls_hasher *hasher, struct ls_data *data, size_t column)
{
    const struct ls_column *c = &data->column[column];
    int64_t sizes[2 + LS_RANK_MAX] = {c->type, c->shape.rank};
    size_t row = (size_t)ls_shape_count(&c->shape) * ls_number_bytes(c->type);
    bool whole = c->role == LS_COLUMN_TARGET || c->role == LS_COLUMN_WEIGHT ||
                 (uint64_t)data->samples <= FINGERPRINT_WHOLE_BYTES / row;

    for (int i = 0; i < c->shape.rank; i++)
        sizes[2 + i] = c->shape.size[i];
    ls_hasher_add(hasher, c->name, strlen(c->name) + 1);
    ls_hasher_add(hasher, sizes, sizeof sizes);
    if (data->unread)
        return LS_OK;
    if (whole || data->samples <= (int64_t)LS_FINGERPRINT_RUNS * FINGERPRINT_RUN)
        return add_samples(hasher, data, column, (struct ls_range){0, data->samples});
    for (int64_t run = 0; run < LS_FINGERPRINT_RUNS; run++) {
        int64_t begin = (data->samples - FINGERPRINT_RUN) / (LS_FINGERPRINT_RUNS - 1) * run;

        if (run == LS_FINGERPRINT_RUNS - 1)
            begin = data->samples - FINGERPRINT_RUN;
        LS_TRY(
            add_samples(hasher, data, column, (struct ls_range){begin, begin + FINGERPRINT_RUN}));
    }
    return LS_OK;
}

ls_status ls_data_fingerprint(struct ls_data *data, struct ls_digest *digest)
{
    struct ls_hasher *hasher = ls_hasher_create();
    ls_status status = LS_OK;

    if (!hasher)
        return ls_fail(LS_FAILED, "%s: no memory for a fingerprint", data->name);
    ls_hasher_add(hasher, &data->samples, sizeof data->samples);
    for (size_t i = 0; i < data->columns; i++)
        LS_TRY_OUT(add_column(hasher, data, i));
    *digest = ls_hasher_digest(hasher);
out:
    ls_hasher_free(hasher);
    return status;
}
