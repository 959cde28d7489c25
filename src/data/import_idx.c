/* IDX, the format of MNIST and its kin: bytes 0, 0, type, axes; each axis' size in four bytes, most
 * significant first; the values likewise. http://yann.lecun.com/exdb/mnist/ */
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "base/status.h"
#include "data/input.h"
#include "data/output.h"

enum { FILES_MAX = 4, BLOCK_BYTES = 1024 * 1024 };
enum { X, Y }; /* columns of a split */

struct idx {
    struct ls_input input;
    enum ls_number_type type;
    int64_t samples;
    struct ls_shape shape;
};

/* The file's columns; the split they go to. */
struct pair {
    const char *split;
    struct idx *x, *y; /* y may be NULL */
};

/* -- headers */

static ls_status read_type(struct idx *idx, const unsigned char magic[4])
{
    static const struct {
        unsigned char code;
        enum ls_number_type type;
    } types[] = {{0x08, LS_NUMBER_UINT8}, {0x09, LS_NUMBER_INT8},  {0x0b, LS_NUMBER_INT16},
                 {0x0c, LS_NUMBER_INT32}, {0x0d, LS_NUMBER_FLOAT}, {0x0e, LS_NUMBER_DOUBLE}};
    const char *path = idx->input.path;

    if (magic[0] != 0 || magic[1] != 0)
        return ls_fail(LS_BAD_INPUT,
                       "%s: byte 0: not an IDX file: it begins with %02x %02x, not 00 00", path,
                       magic[0], magic[1]);
    if (magic[3] < 1 || magic[3] > LS_RANK_MAX + 1)
        return ls_fail(LS_BAD_INPUT, "%s: byte 3: %u axes; 1 to %d can be read", path, magic[3],
                       LS_RANK_MAX + 1);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].code == magic[2]) {
            idx->type = types[i].type;
            return LS_OK;
        }
    return ls_fail(LS_BAD_INPUT, "%s: byte 2: %02x is no type of values (08, 09, 0b to 0e)", path,
                   magic[2]);
}

static ls_status read_header_bytes(struct idx *idx, unsigned char bytes[4])
{
    size_t got;

    LS_TRY(ls_input_read(&idx->input, bytes, 4, &got));
    if (got < 4)
        return ls_fail(LS_BAD_INPUT, "%s: byte %lld: the file ends in its header", idx->input.path,
                       (long long)idx->input.position);
    return LS_OK;
}

/* What the header says must be what the file can hold, before room is made for it. */
static ls_status check_length(const struct idx *idx, int64_t bytes)
{
    enum { GZIP_RATIO_MAX = 1100 }; /* deflate's own limit is 1032 */
    int64_t header = idx->input.position, stored = idx->input.stored;

    if (!gzdirect(idx->input.gz)) {
        if (bytes / GZIP_RATIO_MAX > stored)
            return ls_fail(LS_BAD_INPUT,
                           "%s: byte 4: the header says %lld bytes of values; the "
                           "gzip file is too short for them",
                           idx->input.path, (long long)bytes);
        return LS_OK;
    }
    if (stored - header < bytes)
        return ls_fail(LS_BAD_INPUT,
                       "%s: byte %lld: the file ends, %lld bytes before its header says",
                       idx->input.path, (long long)stored, (long long)(bytes - (stored - header)));
    if (stored - header > bytes)
        return ls_fail(LS_BAD_INPUT, "%s: byte %lld: the file goes on after its last value",
                       idx->input.path, (long long)(header + bytes));
    return LS_OK;
}

static ls_status read_header(struct idx *idx)
{
    unsigned char magic[4], bytes[4];
    int64_t all = 1;

    LS_TRY(read_header_bytes(idx, magic));
    LS_TRY(read_type(idx, magic));
    idx->shape.rank = magic[3] - 1;
    for (int axis = 0; axis <= idx->shape.rank; axis++) {
        int64_t size, at = idx->input.position;

        LS_TRY(read_header_bytes(idx, bytes));
        size = (int64_t)bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];
        if (size == 0)
            return ls_fail(LS_BAD_INPUT, "%s: byte %lld: %s", idx->input.path, (long long)at,
                           axis == 0 ? "no samples" : "an axis of size 0");
        if (size > INT64_MAX / (int64_t)ls_number_bytes(idx->type) / all)
            return ls_fail(LS_BAD_INPUT, "%s: byte %lld: more values than any file has",
                           idx->input.path, (long long)at);
        all *= size;
        if (axis == 0)
            idx->samples = size;
        else
            idx->shape.size[axis - 1] = size;
    }
    return check_length(idx, all * (int64_t)ls_number_bytes(idx->type));
}

/* -- values */

static void to_little_endian(unsigned char *bytes, size_t count, size_t item)
{
    for (size_t i = 0; item > 1 && i < count; i += item)
        for (size_t k = 0; k < item / 2; k++) {
            unsigned char swapped = bytes[i + k];

            bytes[i + k] = bytes[i + item - 1 - k];
            bytes[i + item - 1 - k] = swapped;
        }
}

/* With names for classes, each label must have one. Labels of more than a byte are checked when
 * they are trained on. */
static ls_status check_labels(const struct idx *idx, const unsigned char *bytes, size_t count,
                              size_t classes)
{
    int64_t at = idx->input.position - (int64_t)count;

    if (idx->type != LS_NUMBER_UINT8 || classes == 0)
        return LS_OK;
    for (size_t i = 0; i < count; i++)
        if (bytes[i] >= classes)
            return ls_fail(LS_BAD_INPUT, "%s: byte %lld: label %u, but there are %zu class names",
                           idx->input.path, (long long)at + (long long)i, bytes[i], classes);
    return LS_OK;
}

static ls_status copy_values(struct ls_output *output, struct idx *idx,
                             const struct ls_output_column *column, unsigned char *block)
{
    int64_t left = idx->samples * (int64_t)column->row, offset = column->offset;
    size_t got;

    while (left > 0) {
        size_t count = left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES;

        LS_TRY(ls_input_read(&idx->input, block, count, &got));
        if (got < count)
            return ls_fail(
                LS_BAD_INPUT, "%s: byte %lld: the file ends, %lld bytes before its header says",
                idx->input.path, (long long)idx->input.position, (long long)left - (long long)got);
        LS_TRY(check_labels(idx, block, count, column->classes));
        to_little_endian(block, count, ls_number_bytes(idx->type));
        LS_TRY(ls_output_write(output, block, count, offset));
        offset += (int64_t)count;
        left -= (int64_t)count;
    }
    LS_TRY(ls_input_read(&idx->input, block, 1, &got));
    if (got > 0)
        return ls_fail(LS_BAD_INPUT, "%s: byte %lld: the file goes on after its last value",
                       idx->input.path, (long long)idx->input.position - 1);
    return LS_OK;
}

/* -- which file is what */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static bool is_test_name(const char *path)
{
    const char *name = base_name(path);

    return strstr(name, "t10k") || strstr(name, "test");
}

static bool is_train_name(const char *path)
{
    return strstr(base_name(path), "train") != NULL;
}

/* Images have more axes than labels; where they do not, names decide, then the order. */
static void assign(struct pair *pair, const char *split, struct idx *first, struct idx *second)
{
    bool swapped = first->shape.rank == 0 && second->shape.rank > 0;

    if (first->shape.rank == second->shape.rank)
        swapped = strstr(base_name(first->input.path), "label") != NULL &&
                  strstr(base_name(second->input.path), "label") == NULL;
    *pair = (struct pair){split, swapped ? second : first, swapped ? first : second};
}

static ls_status make_pairs(struct pair pairs[2], size_t *count, struct idx *files, size_t n,
                            const char *split)
{
    size_t train[FILES_MAX], test[FILES_MAX], trains = 0, tests = 0;

    if (!split)
        split = "train";
    *count = 1;
    if (n == 1)
        pairs[0] = (struct pair){split, &files[0], NULL};
    else if (n == 2)
        assign(&pairs[0], split, &files[0], &files[1]);
    if (n <= 2)
        return LS_OK;
    for (size_t i = 0; i < n; i++) {
        if (is_test_name(files[i].input.path) && !is_train_name(files[i].input.path))
            test[tests++] = i;
        else if (is_train_name(files[i].input.path))
            train[trains++] = i;
    }
    if (trains + tests == 0)
        for (; trains < 2; trains++, tests++) {
            train[trains] = trains;
            test[tests] = 2 + tests;
        }
    if (trains != 2 || tests != 2)
        return ls_fail(LS_USAGE,
                       "%zu of the four files have 'train' in their names and %zu 't10k' or "
                       "'test'; expected two each (or none: then the order is train images, "
                       "train labels, test images, test labels)",
                       trains, tests);
    assign(&pairs[0], "train", &files[train[0]], &files[train[1]]);
    assign(&pairs[1], "test", &files[test[0]], &files[test[1]]);
    *count = 2;
    return LS_OK;
}

static ls_status check_pairs(const struct pair *pairs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct idx *x = pairs[i].x, *y = pairs[i].y;

        if (y && y->shape.rank > x->shape.rank)
            return ls_fail(LS_USAGE,
                           "%s has %d axes, but %s, taken for its labels, has %d: images and "
                           "labels are swapped",
                           x->input.path, x->shape.rank + 1, y->input.path, y->shape.rank + 1);
        if (y && x->samples != y->samples)
            return ls_fail(LS_BAD_INPUT, "%s has %lld samples, but %s has %lld", x->input.path,
                           (long long)x->samples, y->input.path, (long long)y->samples);
    }
    if (count == 2 && !ls_shape_equal(&pairs[0].x->shape, &pairs[1].x->shape)) {
        char a[LS_SHAPE_TEXT], b[LS_SHAPE_TEXT];

        ls_shape_format(a, &pairs[0].x->shape);
        ls_shape_format(b, &pairs[1].x->shape);
        return ls_fail(LS_BAD_INPUT, "%s and %s: shapes differ: %s and %s", pairs[0].x->input.path,
                       pairs[1].x->input.path, a, b);
    }
    return LS_OK;
}

/* -- the import */

static void add_column(struct ls_output_split *split, const char *name, const struct idx *idx)
{
    split->column[split->columns++] =
        (struct ls_output_column){.name = name, .type = idx->type, .shape = idx->shape};
}

static ls_status write_pairs(struct ls_output *output, struct pair *pairs, size_t count,
                             const char *const *class_names)
{
    struct ls_output_split splits[2] = {{0}};
    unsigned char *block = NULL;
    ls_status status;

    for (size_t i = 0; i < count; i++) {
        struct ls_output_column *y = &splits[i].column[Y];

        splits[i].name = pairs[i].split;
        splits[i].samples = pairs[i].x->samples;
        add_column(&splits[i], "x", pairs[i].x);
        if (pairs[i].y)
            add_column(&splits[i], "y", pairs[i].y);
        if (!pairs[i].y || !class_names)
            continue;
        y->class_names = class_names;
        while (class_names[y->classes])
            y->classes++;
    }
    LS_TRY(ls_output_layout(output, splits, count, NULL));
    LS_TRY(ls_allocate(&block, BLOCK_BYTES, 1));
    for (size_t i = 0; i < count; i++) {
        LS_TRY_OUT(copy_values(output, pairs[i].x, &splits[i].column[X], block));
        if (pairs[i].y)
            LS_TRY_OUT(copy_values(output, pairs[i].y, &splits[i].column[Y], block));
    }
    status = ls_output_publish(output, splits, count);
out:
    ls_release(block);
    return status;
}

static ls_status check_split(const struct ls_import *import)
{
    if (!import->split)
        return LS_OK;
    if (ls_output_is_shares(import->split))
        return ls_fail(LS_USAGE,
                       "split '%s': import idx takes the split's name, or four files for train "
                       "and test",
                       import->split);
    return ls_output_check_split(import->split);
}

/* By whatever paths: the same values as images and as labels, or in two splits. */
static ls_status check_doubles(const char *const *files)
{
    for (size_t i = 0; files[i]; i++)
        for (size_t k = 0; k < i; k++) {
            struct stat one, other;

            if (stat(files[k], &one) == 0 && stat(files[i], &other) == 0 &&
                one.st_dev == other.st_dev && one.st_ino == other.st_ino)
                return ls_fail(LS_USAGE, "%s and %s are the same file", files[k], files[i]);
        }
    return LS_OK;
}

ls_status ls_import_idx(const struct ls_import *import)
{
    struct idx files[FILES_MAX] = {0};
    struct pair pairs[2] = {{0}};
    struct ls_output output = {.fd = -1};
    struct ls_watch watch;
    size_t n = 0, count;
    ls_status status;

    while (import->files && import->files[n])
        n++;
    if (n != 1 && n != 2 && n != 4)
        return ls_fail(LS_USAGE,
                       "%zu files; expected images and labels, of one split (2 files) "
                       "or of train and test (4)",
                       n);
    if (import->split && n == 4)
        return ls_fail(LS_USAGE, "four files are the splits train and test; '%s' names one",
                       import->split);
    LS_TRY(check_split(import));
    LS_TRY(ls_watch_init(&watch, import, 1));
    LS_TRY(check_doubles(import->files));
    LS_TRY_OUT(ls_output_create(&output, import));
    LS_TRY_OUT(ls_output_check_inputs(&output, import->files));
    for (size_t i = 0; i < n; i++) {
        LS_TRY_OUT(ls_input_open(&files[i].input, import->files[i], &watch));
        LS_TRY_OUT(read_header(&files[i]));
    }
    LS_TRY_OUT(make_pairs(pairs, &count, files, n, import->split));
    LS_TRY_OUT(check_pairs(pairs, count));
    status = write_pairs(&output, pairs, count, import->class_names);
out:
    for (size_t i = 0; i < n && i < FILES_MAX; i++)
        ls_input_close(&files[i].input);
    ls_output_release(&output);
    return status;
}
