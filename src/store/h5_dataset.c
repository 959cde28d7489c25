/* Reading the values of datasets that somebody else may have made. */
#include "base/memory.h"
#include "base/pulse.h"
#include "base/text.h"
#include "data/chunk.h"
#include "store/h5_child.h"

enum { CHUNK_BYTES_MAX = 1 << 24 };

static ls_status bad(const struct ls_h5 *h5, const char *object, const char *why)
{
    return ls_fail(LS_BAD_INPUT, "%s: %s: %s", h5->path, object, why);
}

struct dataset {
    hid_t id, type, space;
    struct ls_shape shape;
};

static void dataset_close(struct dataset *dataset)
{
    if (dataset->space >= 0)
        H5Sclose(dataset->space);
    if (dataset->type >= 0)
        H5Tclose(dataset->type);
    if (dataset->id >= 0)
        H5Dclose(dataset->id);
}

/* NULL, or why the values are not read: they lie elsewhere, or need what is not there, or are more
 * than the file can hold. */
static const char *refuse_layout(const struct ls_h5 *h5, const struct dataset *dataset,
                                 hid_t create)
{
    uint64_t bytes = H5Tget_size(dataset->type), limit = UINT64_MAX / bytes;
    if ((uint64_t)ls_shape_count(&dataset->shape) > limit)
        return "damaged";
    bytes *= (uint64_t)ls_shape_count(&dataset->shape);
    if (H5Pget_external_count(create) != 0)
        return "its values lie in another file, which is not read";
    switch (H5Pget_layout(create)) {
    case H5D_COMPACT:
        return bytes == H5Dget_storage_size(dataset->id) ? NULL : "damaged";
    case H5D_CONTIGUOUS:
        return bytes <= h5->bytes ? NULL : "larger than the file";
    case H5D_CHUNKED:
        break;
    default:
        return "a virtual dataset, which is not read";
    }
    hsize_t chunk[LS_RANK_MAX];
    uint64_t chunk_bytes = H5Tget_size(dataset->type);
    int rank = H5Pget_chunk(create, LS_RANK_MAX, chunk);
    for (int i = 0; i < rank && i < LS_RANK_MAX; i++)
        if (__builtin_mul_overflow(chunk_bytes, chunk[i], &chunk_bytes))
            return "damaged";
    if (rank != dataset->shape.rank || chunk_bytes > bytes + CHUNK_BYTES_MAX)
        return "its chunks are larger than it";
    for (int i = 0, filters = H5Pget_nfilters(create); i < filters; i++) {
        unsigned flags, config;
        size_t parameters = 0;
        H5Z_filter_t filter =
            H5Pget_filter2(create, (unsigned)i, &flags, &parameters, NULL, 0, NULL, &config);
        if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE &&
            filter != H5Z_FILTER_FLETCHER32)
            return "compressed by a filter that is not supported: write it with gzip, or with none";
    }
    return NULL;
}

static const char *open_parts(const struct ls_h5 *h5, const char *object, struct dataset *dataset)
{
    H5O_info_t info;
    hsize_t size[LS_RANK_MAX];
    if (H5Oget_info_by_name2(h5->file, object, &info, H5O_INFO_BASIC, H5P_DEFAULT) < 0)
        return "damaged";
    if (info.type != H5O_TYPE_DATASET)
        return "expected a dataset";
    dataset->id = H5Dopen2(h5->file, object, H5P_DEFAULT);
    if (dataset->id < 0)
        return "damaged";
    dataset->type = H5Dget_type(dataset->id);
    dataset->space = H5Dget_space(dataset->id);
    if (dataset->type < 0 || dataset->space < 0)
        return "damaged";
    H5T_class_t class = H5Tget_class(dataset->type);
    if (class != H5T_FLOAT && class != H5T_INTEGER)
        return "expected numbers";
    if (H5Sget_simple_extent_type(dataset->space) == H5S_NULL)
        return "empty";
    int rank = H5Sget_simple_extent_ndims(dataset->space);
    if (rank < 0 || rank > LS_RANK_MAX)
        return "too many axes";
    H5Sget_simple_extent_dims(dataset->space, size, NULL);
    dataset->shape.rank = rank;
    for (int i = 0; i < rank; i++) {
        if (size[i] > INT64_MAX)
            return "damaged";
        dataset->shape.size[i] = (int64_t)size[i];
    }
    return NULL;
}

static ls_status dataset_open(const struct ls_h5 *h5, const char *object, struct dataset *dataset)
{
    bool found;
    *dataset = (struct dataset){.id = -1, .type = -1, .space = -1};
    LS_TRY(ls_h5_find(h5, object, &found));
    if (!found)
        return bad(h5, object, "missing");
    const char *why = open_parts(h5, object, dataset);
    if (!why) {
        hid_t create = H5Dget_create_plist(dataset->id);
        why = create < 0 ? "damaged" : refuse_layout(h5, dataset, create);
        H5Pclose(create);
    }
    if (!why)
        return LS_OK;
    dataset_close(dataset);
    return bad(h5, object, why);
}

static ls_status check_chunks(const struct ls_h5 *h5, const char *object,
                              const struct dataset *dataset)
{
    struct ls_chunks chunks;
    ls_status status = ls_chunks_init(&chunks, dataset->id);
    if (status == LS_OK)
        status = ls_chunks_check(&chunks, dataset->id, 0, dataset->shape.size[0]);
    return status == LS_OK ? LS_OK : ls_fail_within(status, "%s: %s", h5->path, object);
}

/* All values, as numbers of this type. */
static ls_status read_values(const struct ls_h5 *h5, const char *object,
                             const struct dataset *dataset, hid_t type, void *values)
{
    hid_t create = H5Dget_create_plist(dataset->id);
    bool chunked = H5Pget_layout(create) == H5D_CHUNKED;
    H5Pclose(create);
    if (ls_shape_count(&dataset->shape) == 0)
        return LS_OK;
    if (chunked)
        LS_TRY(check_chunks(h5, object, dataset));
    ls_pulse_beat(ls_pulse_here());
    return H5Dread(dataset->id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0
               ? LS_OK
               : bad(h5, object, "damaged");
}

/* "(784, 128)"; shapes of variables have no axis of samples. */
static void format_shape(struct ls_text *text, const struct ls_shape *shape)
{
    ls_text_append(text, "(");
    for (int i = 0; i < shape->rank; i++)
        ls_text_append(text, "%s%lld", i ? ", " : "", (long long)shape->size[i]);
    ls_text_append(text, shape->rank == 1 ? ",)" : ")");
}

static ls_status wrong_shape(const struct ls_h5 *h5, const char *object, const struct ls_shape *is,
                             const struct ls_shape *expected)
{
    struct ls_text text = {0};
    ls_text_append(&text, "its shape is ");
    format_shape(&text, is);
    ls_text_append(&text, ", but the model's is ");
    format_shape(&text, expected);
    ls_status status = ls_text_status(&text);
    if (status == LS_OK)
        status = bad(h5, object, text.data);
    ls_text_release(&text);
    return status;
}

ls_status ls_h5_read_floats(const struct ls_h5 *h5, const char *object, float *values,
                            const struct ls_shape *shape)
{
    struct dataset dataset;
    if (h5->child.process) {
        const struct ls_h5_ask ask = {LS_H5_FLOATS, object, NULL, shape, values};
        struct ls_h5_answer answer;
        return ls_h5_child_ask(h5, &ask, &answer);
    }
    LS_TRY(dataset_open(h5, object, &dataset));
    ls_status status = LS_OK;
    if (!ls_shape_equal(&dataset.shape, shape))
        status = wrong_shape(h5, object, &dataset.shape, shape);
    else
        status = read_values(h5, object, &dataset, H5T_NATIVE_FLOAT, values);
    dataset_close(&dataset);
    return status;
}

/* A question whose answer has no bytes. */
static ls_status ask_child(const struct ls_h5 *h5, enum ls_h5_question question, const char *object,
                           struct ls_h5_answer *answer)
{
    ls_status status =
        ls_h5_child_ask(h5, &(struct ls_h5_ask){.question = question, .object = object}, answer);
    ls_release(answer->bytes);
    return status;
}

ls_status ls_h5_read_number(const struct ls_h5 *h5, const char *object, double *value)
{
    struct dataset dataset;
    if (h5->child.process) {
        struct ls_h5_answer answer;
        LS_TRY(ask_child(h5, LS_H5_NUMBER, object, &answer));
        *value = answer.number;
        return LS_OK;
    }
    LS_TRY(dataset_open(h5, object, &dataset));
    ls_status status = LS_OK;
    if (dataset.shape.rank != 0)
        status = bad(h5, object, "expected one number");
    else
        status = read_values(h5, object, &dataset, H5T_NATIVE_DOUBLE, value);
    dataset_close(&dataset);
    return status;
}

ls_status ls_h5_read_rank(const struct ls_h5 *h5, const char *object, int *rank)
{
    struct dataset dataset;
    if (h5->child.process) {
        struct ls_h5_answer answer;
        LS_TRY(ask_child(h5, LS_H5_RANK, object, &answer));
        *rank = (int)answer.value;
        return LS_OK;
    }
    LS_TRY(dataset_open(h5, object, &dataset));
    *rank = dataset.shape.rank;
    dataset_close(&dataset);
    return LS_OK;
}

static ls_status read_doubles_of_child(const struct ls_h5 *h5, const char *object, double **values,
                                       size_t *count)
{
    const struct ls_h5_ask ask = {.question = LS_H5_DOUBLES, .object = object};
    struct ls_h5_answer answer;
    LS_TRY(ls_h5_child_ask(h5, &ask, &answer));
    *count = answer.count / sizeof **values;
    *values = answer.bytes;
    return *values ? LS_OK : ls_allocate(values, 0, sizeof **values);
}

ls_status ls_h5_read_doubles(const struct ls_h5 *h5, const char *object, double **values,
                             size_t *count)
{
    struct dataset dataset;
    *values = NULL;
    *count = 0;
    if (h5->child.process)
        return read_doubles_of_child(h5, object, values, count);
    LS_TRY(dataset_open(h5, object, &dataset));
    ls_status status = LS_OK;
    if (dataset.shape.rank != 1)
        status = bad(h5, object, "expected one axis");
    else if ((uint64_t)dataset.shape.size[0] > h5->bytes)
        status = bad(h5, object, "larger than the file");
    else
        status = ls_allocate(values, (size_t)dataset.shape.size[0], sizeof **values);
    if (status == LS_OK)
        status = read_values(h5, object, &dataset, H5T_NATIVE_DOUBLE, *values);
    if (status == LS_OK) {
        *count = (size_t)dataset.shape.size[0];
    } else {
        ls_release(*values);
        *values = NULL;
    }
    dataset_close(&dataset);
    return status;
}
