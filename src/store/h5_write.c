/* Laying out HDF5 files in memory. */
#include <string.h>

#include "base/memory.h"
#include "data/hdf5.h"
#include "store/file.h"
#include "store/h5.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "values are copied as they are");

/* As much of a list of names as Keras puts into one attribute (an object header holds 64 KiB). */
enum { NAMES_BYTES_MAX = 64512, IMAGE_STEP_BYTES = 1 << 16 };
enum { REFERENCE_BYTES = 16 }; /* of a string of any length, in an attribute */

struct ls_h5_piece {
    haddr_t offset;
    size_t bytes;
    const void *values;
    void *owned;
};

static ls_status failed(const struct ls_h5_image *image, const char *object)
{
    if (image->buffer->lacks_memory) /* HDF5 only knows that it failed */
        return ls_fail(LS_FAILED, "cannot lay out '%s': out of memory", image->path);
    return ls_fail(LS_CANNOT_WRITE, "cannot lay out '%s': HDF5 does not take %s", image->path,
                   object);
}

void ls_h5_quiet_begin(struct ls_h5_quiet *quiet)
{
    ls_hdf5_start();
    H5Eget_auto2(H5E_DEFAULT, &quiet->function, &quiet->data);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    quiet->begun = true;
}

void ls_h5_quiet_end(const struct ls_h5_quiet *quiet)
{
    H5Eset_auto2(H5E_DEFAULT, quiet->function, quiet->data);
}

/* -- our buffer as the memory of HDF5's core driver, so that there is no second copy
 * --------------------- */

void ls_h5_buffer_release(struct ls_h5_buffer *buffer)
{
    ls_release(buffer->bytes);
    *buffer = (struct ls_h5_buffer){0};
}

ls_status ls_h5_buffer_reserve(struct ls_h5_buffer *buffer, size_t bytes)
{
    if (bytes <= buffer->room)
        return LS_OK;
    LS_TRY(ls_reallocate(&buffer->bytes, bytes, 1));
    buffer->room = bytes;
    return LS_OK;
}

static void *buffer_take(size_t bytes, H5FD_file_image_op_t operation, void *user)
{
    struct ls_h5_buffer *buffer = user;
    (void)operation;
    if (bytes > buffer->room) {
        size_t room = bytes > 2 * buffer->room ? bytes : 2 * buffer->room;
        if (ls_h5_buffer_reserve(buffer, room) != LS_OK) {
            buffer->lacks_memory = true;
            return NULL;
        }
    }
    return buffer->bytes;
}

static void *buffer_grow(void *bytes, size_t size, H5FD_file_image_op_t operation, void *user)
{
    (void)bytes; /* the buffer itself, or NULL */
    return buffer_take(size, operation, user);
}

static void *buffer_copy(void *to, const void *from, size_t bytes, H5FD_file_image_op_t operation,
                         void *user)
{
    (void)operation, (void)user;
    return memcpy(to, from, bytes);
}

static herr_t buffer_leave(void *bytes, H5FD_file_image_op_t operation, void *user)
{
    (void)bytes, (void)operation, (void)user;
    return 0;
}

static void *same_user(void *user)
{
    return user;
}

static herr_t leave_user(void *user)
{
    (void)user;
    return 0;
}

ls_status ls_h5_image_open(struct ls_h5_image *image, struct ls_h5_buffer *buffer, const char *path)
{
    H5FD_file_image_callbacks_t callbacks = {buffer_take, buffer_copy, buffer_grow, buffer_leave,
                                             same_user,   leave_user,  buffer};
    *image = (struct ls_h5_image){.file = -1, .path = path, .buffer = buffer};
    ls_h5_quiet_begin(&image->quiet);
    buffer->length = 0;
    buffer->lacks_memory = false;
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (access >= 0 && H5Pset_fapl_core(access, IMAGE_STEP_BYTES, false) >= 0 &&
        H5Pset_file_image_callbacks(access, &callbacks) >= 0)
        image->file = H5Fcreate(LS_H5_NO_FILE, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    H5Pclose(access);
    if (image->file >= 0)
        return LS_OK;
    ls_status status = failed(image, "a new file");
    ls_h5_image_close(image);
    return status;
}

void ls_h5_image_close(struct ls_h5_image *image)
{
    if (image->file >= 0)
        H5Fclose(image->file);
    image->file = -1;
    for (size_t i = 0; i < image->pieces; i++)
        ls_release(image->piece[i].owned);
    image->pieces = 0;
    ls_release(image->piece);
    image->piece = NULL;
    if (image->buffer)
        ls_h5_quiet_end(&image->quiet);
    image->buffer = NULL;
}

ls_status ls_h5_image_finish(struct ls_h5_image *image)
{
    struct ls_h5_buffer *buffer = image->buffer;
    if (H5Fflush(image->file, H5F_SCOPE_GLOBAL) < 0)
        return failed(image, "the whole of it");
    ssize_t length = H5Fget_file_image(image->file, NULL, 0);
    herr_t closed = H5Fclose(image->file);
    image->file = -1;
    if (length <= 0 || closed < 0 || !buffer_take((size_t)length, 0, buffer))
        return failed(image, "the whole of it");
    buffer->length = (size_t)length;
    for (size_t i = 0; i < image->pieces; i++) {
        const struct ls_h5_piece *piece = &image->piece[i];
        if (piece->offset > buffer->length || piece->bytes > buffer->length - piece->offset)
            return failed(image, "its values");
        if (piece->bytes > 0)
            memcpy(buffer->bytes + piece->offset, piece->values, piece->bytes);
    }
    return LS_OK;
}

ls_status ls_h5_publish(const char *path,
                        ls_status (*put)(struct ls_h5_image *image, const void *user),
                        const void *user)
{
    struct ls_h5_buffer buffer = {0};
    struct ls_h5_image image;
    ls_status status = ls_h5_image_open(&image, &buffer, path);
    if (status == LS_OK)
        status = put(&image, user);
    if (status == LS_OK)
        status = ls_h5_image_finish(&image);
    ls_h5_image_close(&image);
    if (status == LS_OK)
        status = ls_file_publish(path, buffer.bytes, buffer.length);
    ls_h5_buffer_release(&buffer);
    return status;
}

/* -- objects
 * -------------------------------------------------------------------------------------------- */

static hid_t intermediate_groups(void)
{
    hid_t link = H5Pcreate(H5P_LINK_CREATE);
    if (link >= 0)
        H5Pset_create_intermediate_group(link, 1);
    return link;
}

ls_status ls_h5_put_group(struct ls_h5_image *image, const char *object)
{
    hid_t link = intermediate_groups();
    hid_t group = H5Gcreate2(image->file, object, link, H5P_DEFAULT, H5P_DEFAULT);
    H5Pclose(link);
    if (group < 0 || H5Gclose(group) < 0)
        return failed(image, object);
    return LS_OK;
}

/* Contiguous, with its place in the file from the first, no fill, no times: the same state gives
 * the same file. */
static hid_t create_dataset(hid_t file, const char *object, hid_t type, hid_t space)
{
    hid_t link = intermediate_groups(), create = H5Pcreate(H5P_DATASET_CREATE);
    hid_t dataset = -1;
    if (H5Pset_alloc_time(create, H5D_ALLOC_TIME_EARLY) >= 0 &&
        H5Pset_fill_time(create, H5D_FILL_TIME_NEVER) >= 0 &&
        H5Pset_obj_track_times(create, false) >= 0)
        dataset = H5Dcreate2(file, object, type, space, link, create, H5P_DEFAULT);
    H5Pclose(link);
    H5Pclose(create);
    return dataset;
}

static hid_t create_space(const struct ls_shape *shape)
{
    hsize_t size[LS_RANK_MAX];
    for (int i = 0; i < shape->rank; i++)
        size[i] = (hsize_t)shape->size[i];
    return shape->rank ? H5Screate_simple(shape->rank, size, NULL) : H5Screate(H5S_SCALAR);
}

/* A dataset whose values are those of a piece; takes over what that owns. */
static ls_status put_piece(struct ls_h5_image *image, const char *object, hid_t type,
                           const struct ls_shape *shape, const struct ls_h5_piece *values)
{
    ls_status status = ls_reallocate(&image->piece, image->pieces + 1, sizeof *image->piece);
    if (status != LS_OK) {
        ls_release(values->owned);
        return status;
    }
    struct ls_h5_piece *piece = &image->piece[image->pieces++];
    *piece = *values;
    hid_t space = create_space(shape);
    hid_t dataset = create_dataset(image->file, object, type, space);
    piece->offset = dataset >= 0 && piece->bytes > 0 ? H5Dget_offset(dataset) : 0;
    H5Sclose(space);
    if (dataset < 0 || H5Dclose(dataset) < 0 || piece->offset == HADDR_UNDEF)
        return failed(image, object);
    return LS_OK;
}

ls_status ls_h5_put_values(struct ls_h5_image *image, const char *object,
                           const struct ls_h5_values *values)
{
    static const size_t type_bytes[] = {[LS_H5_FLOAT] = 4, [LS_H5_DOUBLE] = 8, [LS_H5_INT64] = 8};
    const hid_t type = values->type == LS_H5_FLOAT    ? H5T_IEEE_F32LE
                       : values->type == LS_H5_DOUBLE ? H5T_IEEE_F64LE
                                                      : H5T_STD_I64LE;
    size_t bytes = type_bytes[values->type] * (size_t)ls_shape_count(&values->shape);
    const struct ls_h5_piece piece = {0, bytes, values->values, values->owned};
    return put_piece(image, object, type, &values->shape, &piece);
}

/* -- attributes
 * ----------------------------------------------------------------------------------------- */

/* Takes over type and space. */
static ls_status put_attribute(struct ls_h5_image *image, const char *object, const char *attribute,
                               hid_t space_and_type[2], const void *values)
{
    hid_t space = space_and_type[0], type = space_and_type[1];
    hid_t made = H5Acreate_by_name(image->file, object, attribute, type, space, H5P_DEFAULT,
                                   H5P_DEFAULT, H5P_DEFAULT);
    bool written = made >= 0 && (!values || H5Awrite(made, type, values) >= 0);
    if (made >= 0 && H5Aclose(made) < 0)
        written = false;
    H5Sclose(space);
    H5Tclose(type);
    return written ? LS_OK : failed(image, attribute);
}

static bool is_ascii(const char *text)
{
    while (*text && (unsigned char)*text < 0x80)
        text++;
    return *text == '\0';
}

static hid_t text_type(size_t length, H5T_str_t padding, bool ascii)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, length);
    H5Tset_strpad(type, padding);
    H5Tset_cset(type, ascii ? H5T_CSET_ASCII : H5T_CSET_UTF8);
    return type;
}

ls_status ls_h5_put_text(struct ls_h5_image *image, const char *object, const char *attribute,
                         const char *text)
{
    hid_t what[2] = {H5Screate(H5S_SCALAR),
                     text_type(H5T_VARIABLE, H5T_STR_NULLTERM, is_ascii(text))};
    return put_attribute(image, object, attribute, what, &text);
}

ls_status ls_h5_put_fixed(struct ls_h5_image *image, const char *object, const char *attribute,
                          const char *text)
{
    hid_t what[2] = {H5Screate(H5S_SCALAR),
                     text_type(strlen(text), H5T_STR_NULLPAD, is_ascii(text))};
    return put_attribute(image, object, attribute, what, text);
}

ls_status ls_h5_put_int(struct ls_h5_image *image, const char *object, const char *attribute,
                        int64_t value)
{
    hid_t what[2] = {H5Screate(H5S_SCALAR), H5Tcopy(H5T_STD_I64LE)};
    return put_attribute(image, object, attribute, what, &value);
}

/* Strings of one length, in new memory. */
static ls_status pad(char **padded, const struct ls_texts *texts, size_t width, bool *ascii)
{
    *ascii = true;
    LS_TRY(ls_allocate(padded, texts->count, width));
    for (size_t i = 0; i < texts->count; i++) {
        memcpy(*padded + i * width, texts->text[i], strlen(texts->text[i]));
        *ascii = *ascii && is_ascii(texts->text[i]);
    }
    return LS_OK;
}

ls_status ls_h5_put_strings(struct ls_h5_image *image, const char *object,
                            const struct ls_texts *texts)
{
    size_t width = 1;
    char *padded;
    bool ascii;
    for (size_t i = 0; i < texts->count; i++)
        if (strlen(texts->text[i]) > width)
            width = strlen(texts->text[i]);
    LS_TRY(pad(&padded, texts, width, &ascii));
    hid_t type = text_type(width, H5T_STR_NULLPAD, ascii);
    const struct ls_shape shape = {1, {(int64_t)texts->count}};
    const struct ls_h5_piece piece = {0, texts->count * width, padded, padded};
    ls_status status = put_piece(image, object, type, &shape, &piece);
    H5Tclose(type);
    return status;
}

static ls_status put_part(struct ls_h5_image *image, const char *object, const char *attribute,
                          const struct ls_texts *part, size_t width)
{
    char *padded = NULL;
    const hsize_t size = part->count;
    bool ascii;
    LS_TRY(pad(&padded, part, width, &ascii));
    hid_t what[2] = {H5Screate_simple(1, &size, NULL), text_type(width, H5T_STR_NULLPAD, ascii)};
    ls_status status = put_attribute(image, object, attribute, what, padded);
    ls_release(padded);
    return status;
}

/* Keras cuts a list whose names, at the longest one's length, are too long for an object header:
 * the fewest parts that fit, their sizes differing by one at most, larger ones first. */
static ls_status put_parts(struct ls_h5_image *image, const char *object, const char *attribute,
                           const struct ls_texts *texts, size_t width)
{
    size_t parts = 2;
    while ((texts->count + parts - 1) / parts * width > NAMES_BYTES_MAX)
        parts++;
    size_t first = 0;
    for (size_t i = 0; i < parts; i++) {
        struct ls_texts part = {texts->text + first,
                                texts->count / parts + (i < texts->count % parts)};
        char *name = NULL;
        LS_TRY(ls_format(&name, "%s%zu", attribute, i));
        ls_status status = put_part(image, object, name, &part, width);
        ls_release(name);
        if (status != LS_OK)
            return status;
        first += part.count;
    }
    return LS_OK;
}

ls_status ls_h5_put_texts(struct ls_h5_image *image, const char *object, const char *attribute,
                          const struct ls_texts *texts)
{
    size_t width = 1;
    const hsize_t size = texts->count;
    bool ascii = true;
    for (size_t i = 0; i < texts->count; i++) {
        if (strlen(texts->text[i]) > width)
            width = strlen(texts->text[i]);
        ascii = ascii && is_ascii(texts->text[i]);
    }
    if (width > NAMES_BYTES_MAX)
        return ls_fail(LS_BAD_INPUT, "cannot write '%s': a name of %zu bytes is too long",
                       image->path, width);
    if (texts->count * width > NAMES_BYTES_MAX)
        return put_parts(image, object, attribute, texts, width);
    if (texts->count * REFERENCE_BYTES > NAMES_BYTES_MAX)
        return put_part(image, object, attribute, texts, width);
    /* Keras, by way of numpy, writes an empty list as one of numbers. */
    hid_t what[2] = {H5Screate_simple(1, &size, NULL),
                     texts->count ? text_type(H5T_VARIABLE, H5T_STR_NULLTERM, ascii)
                                  : H5Tcopy(H5T_IEEE_F64LE)};
    return put_attribute(image, object, attribute, what, texts->count ? texts->text : NULL);
}
