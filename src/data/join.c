/* Several data sets, one after the other. */
#include <string.h>

#include "base/memory.h"
#include "data/source.h"

struct join {
    struct ls_data data;
    struct ls_data **part; /* owned */
    int64_t *begin;        /* of each part; one more: the end */
    size_t parts;
};

static size_t part_of(const struct join *join, int64_t sample)
{
    size_t low = 0, high = join->parts;

    while (high - low > 1) {
        size_t middle = (low + high) / 2;

        if (join->begin[middle] <= sample)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static ls_status read_join(struct ls_data *data, size_t column, void *bytes, const int64_t *index,
                           int64_t count)
{
    struct join *join = (struct join *)data;
    const struct ls_column *c = &data->column[column];
    size_t row = (size_t)ls_shape_count(&c->shape) * ls_number_bytes(c->type);
    unsigned char *out = bytes;
    enum { RUN = 256 };

    while (count > 0) {
        size_t part = part_of(join, index[0]);
        int64_t within[RUN], n = 0;

        while (n < count && n < RUN && index[n] >= join->begin[part] &&
               index[n] < join->begin[part + 1]) {
            within[n] = index[n] - join->begin[part];
            n++;
        }
        LS_TRY(ls_data_read(join->part[part], column, out, within, n));
        out += (size_t)n * row;
        index += n;
        count -= n;
    }
    return LS_OK;
}

static const char *locate_in_join(const struct ls_data *data, int64_t sample, int64_t *within)
{
    const struct join *join = (const struct join *)data;
    size_t part = part_of(join, sample);

    return ls_data_locate(join->part[part], sample - join->begin[part], within);
}

static void release_join(struct ls_data *data)
{
    struct join *join = (struct join *)data;

    for (size_t i = 0; i < join->parts; i++)
        ls_data_free(join->part[i]);
    ls_release(join->part);
    ls_release(join->begin);
}

static size_t join_memory(const struct ls_data *data, int64_t rows)
{
    const struct join *join = (const struct join *)data;
    size_t bytes = 0;

    for (size_t i = 0; i < join->parts; i++)
        bytes += ls_data_memory(join->part[i], rows);
    return bytes;
}

static const struct ls_data_kind join_kind = {
    .read = read_join, .memory = join_memory, .locate = locate_in_join, .release = release_join};

static bool same_class_names(const struct ls_column *a, const struct ls_column *b)
{
    if (a->classes != b->classes)
        return false;
    for (size_t i = 0; i < a->classes; i++)
        if (strcmp(a->class_names[i], b->class_names[i]) != 0)
            return false;
    return true;
}

static ls_status check_column(const struct ls_data *first, const struct ls_data *other,
                              const struct ls_column *a)
{
    char a_shape[LS_SHAPE_TEXT], b_shape[LS_SHAPE_TEXT];
    const struct ls_column *b;
    size_t column;

    LS_TRY(ls_data_find(other, a->name, &column));
    b = &other->column[column];
    ls_shape_format(a_shape, &a->shape);
    ls_shape_format(b_shape, &b->shape);
    if (!ls_shape_equal(&a->shape, &b->shape))
        return ls_fail(LS_BAD_INPUT, "%s and %s: shapes of %s differ: %s and %s", first->name,
                       other->name, a->name, a_shape, b_shape);
    if (a->type != b->type)
        return ls_fail(LS_BAD_INPUT, "%s and %s: number types of %s differ", first->name,
                       other->name, a->name);
    if (!same_class_names(a, b))
        return ls_fail(LS_BAD_INPUT, "%s and %s: class_names of %s differ", first->name,
                       other->name, a->name);
    return LS_OK;
}

/* The columns of all parts must stand at the same numbers too: files list them by name, sorted, so
 * a difference means that one has more than the other. */
static ls_status check_part(const struct ls_data *first, const struct ls_data *other)
{
    for (size_t i = 0; i < first->columns; i++)
        LS_TRY(check_column(first, other, &first->column[i]));
    for (size_t i = 0; i < other->columns; i++) {
        size_t column;

        LS_TRY(ls_data_find(first, other->column[i].name, &column));
    }
    return LS_OK;
}

static ls_status fill_join(struct join *join, size_t count)
{
    struct ls_data *first = join->part[0], *data = &join->data;

    data->chunk = first->chunk;
    data->window = first->window;
    for (size_t i = 0; i < count; i++) {
        const struct ls_data *part = join->part[i];

        LS_TRY(check_part(first, part));
        LS_TRY(ls_data_pass_on(data, part));
        join->begin[i] = data->samples;
        data->samples += part->samples;
        if (part->chunk > data->chunk)
            data->chunk = part->chunk;
        if (part->window > 0 && (data->window == 0 || part->window < data->window))
            data->window = part->window;
        data->unread = data->unread || part->unread;
    }
    join->begin[count] = data->samples;
    if (first->learnt)
        LS_TRY(ls_duplicate(&data->learnt, first->learnt));
    for (size_t i = 0; i < first->columns; i++) {
        data->columns++;
        LS_TRY(ls_column_copy(&data->column[i], &first->column[i]));
        for (size_t part = 1; part < count; part++)
            data->column[i].in_memory &= join->part[part]->column[i].in_memory;
    }
    return LS_OK;
}

ls_status ls_data_join(struct ls_data **data, struct ls_data **parts, size_t count,
                       const char *name)
{
    struct join *join = NULL;
    ls_status status;

    *data = NULL;
    LS_TRY_OUT(ls_data_create(&join, sizeof *join, &join_kind, name, parts[0]->columns));
    LS_TRY_OUT(ls_allocate(&join->part, count, sizeof *join->part));
    LS_TRY_OUT(ls_allocate(&join->begin, count + 1, sizeof *join->begin));
    memcpy(join->part, parts, count * sizeof *parts);
    join->parts = count;
    status = fill_join(join, count);
    if (status == LS_OK)
        *data = &join->data;
    else
        ls_data_free(&join->data);
    return status;
out:
    for (size_t i = 0; i < count; i++)
        ls_data_free(parts[i]);
    if (join)
        ls_data_free(&join->data);
    return status;
}
