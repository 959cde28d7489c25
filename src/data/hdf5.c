#include "data/hdf5.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

/* When a damaged file was opened, HDF5 1.10 cannot let go of all of it, and its clean-up at exit
 * prints "infinite loop closing library", or crashes. Every file here is closed by hand; a program
 * that used HDF5 before keeps its own choice, since this has an effect on the first use only. */
static void leave_out_clean_up(void)
{
    H5dont_atexit();
}

void ls_hdf5_start(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, leave_out_clean_up);
}

void ls_hdf5_quiet_begin(struct ls_hdf5_quiet *quiet)
{
    ls_hdf5_start();
    H5Eget_auto2(H5E_DEFAULT, &quiet->print, &quiet->user);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

void ls_hdf5_quiet_end(const struct ls_hdf5_quiet *quiet)
{
    H5Eset_auto2(H5E_DEFAULT, quiet->print, quiet->user);
}

/* -- files and links -------------------------------------------------------------------------- */

ls_status ls_hdf5_open(hid_t *file, const char *path)
{
    struct stat about;
    hid_t plist;

    *file = H5I_INVALID_HID;
    if (stat(path, &about) != 0)
        return errno == ENOENT
                   ? ls_fail(LS_NO_INPUT, "%s: no such file", path)
                   : ls_fail(LS_NO_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
    if (!S_ISREG(about.st_mode))
        return ls_fail(LS_BAD_INPUT, "%s: not a file", path);
    if (access(path, R_OK) != 0)
        return ls_fail(LS_NO_INPUT, "%s: cannot be read: %s", path, strerror(errno));
    plist = H5Pcreate(H5P_FILE_ACCESS);
    /* File systems without locks are read all the same; our own writers rename. */
    H5Pset_file_locking(plist, 0, 1);
    *file = H5Fopen(path, H5F_ACC_RDONLY, plist);
    H5Pclose(plist);
    if (*file >= 0)
        return LS_OK;
    if (H5Fis_hdf5(path) > 0)
        return ls_fail(LS_BAD_INPUT, "%s: the HDF5 file is damaged or cut off", path);
    return ls_fail(LS_BAD_INPUT, "%s: not an HDF5 file", path);
}

static herr_t refuse_external(const char *parent_file, const char *parent_group,
                              const char *child_file, const char *child_object, unsigned *flags,
                              hid_t access, void *user)
{
    (void)parent_file, (void)parent_group, (void)child_file, (void)child_object;
    (void)flags, (void)access, (void)user;
    return -1;
}

/* Sets *there, walking the links of path one by one: H5Lexists needs what is before the last. */
static ls_status check_links(bool *there, hid_t parent, const char *path, hid_t access)
{
    char part[1024];
    size_t length = strlen(path);

    *there = false;
    if (length >= sizeof part)
        return ls_fail(LS_BAD_INPUT, "'%.40s...': the path is too long", path);
    for (size_t end = 1; end <= length; end++) {
        H5L_info_t link;

        if (end < length && path[end] != '/')
            continue;
        if (path[end - 1] == '/')
            continue;
        memcpy(part, path, end);
        part[end] = '\0';
        if (H5Lexists(parent, part, access) <= 0)
            return LS_OK;
        if (H5Lget_info(parent, part, &link, access) < 0)
            return ls_fail(LS_BAD_INPUT, "%s: the link is damaged", part);
        if (link.type != H5L_TYPE_HARD && link.type != H5L_TYPE_SOFT)
            return ls_fail(LS_BAD_INPUT, "%s: a link to another file; such links are not followed",
                           part);
    }
    *there = true;
    return LS_OK;
}

ls_status ls_hdf5_open_object(hid_t *object, hid_t parent, const char *path, H5I_type_t type)
{
    hid_t access = H5Pcreate(H5P_LINK_ACCESS);
    bool there;
    ls_status status;

    *object = H5I_INVALID_HID;
    /* A soft link may lead to an external one. */
    H5Pset_elink_cb(access, refuse_external, NULL);
    LS_TRY_OUT(check_links(&there, parent, path, access));
    if (!there)
        goto out;
    *object = H5Oopen(parent, path, access);
    if (*object < 0) {
        status = ls_fail(LS_BAD_INPUT,
                         "%s: cannot be opened: a damaged object, or a link that "
                         "leads nowhere or out of the file",
                         path);
        goto out;
    }
    if (type != H5I_BADID && H5Iget_type(*object) != type) {
        H5Oclose(*object);
        *object = H5I_INVALID_HID;
        status =
            ls_fail(LS_BAD_INPUT, "%s: not a %s", path, type == H5I_GROUP ? "group" : "dataset");
    }
out:
    H5Pclose(access);
    return status;
}

/* -- checking a dataset ----------------------------------------------------------------------- */

/* The number type that holds all values of a file's type, and its HDF5 name. */
static ls_status choose_type(struct ls_hdf5_dataset *dataset, hid_t type)
{
    H5T_class_t class = H5Tget_class(type);
    size_t bytes = H5Tget_size(type);
    hid_t base = type;
    bool is_signed;

    if (class == H5T_FLOAT) {
        dataset->type = bytes <= sizeof(float) ? LS_NUMBER_FLOAT : LS_NUMBER_DOUBLE;
    } else if (class == H5T_INTEGER || class == H5T_ENUM) {
        if (class == H5T_ENUM) /* h5py's bool */
            base = H5Tget_super(type);
        is_signed = H5Tget_sign(base) == H5T_SGN_2;
        if (base != type)
            H5Tclose(base);
        if (bytes == 1)
            dataset->type = is_signed ? LS_NUMBER_INT8 : LS_NUMBER_UINT8;
        else if (bytes == 2)
            dataset->type = is_signed ? LS_NUMBER_INT16 : LS_NUMBER_UINT16;
        else if (bytes <= 4 && is_signed)
            dataset->type = LS_NUMBER_INT32;
        else if (bytes <= 4 || is_signed)
            dataset->type = LS_NUMBER_INT64;
        else /* what does not fit in 63 bits is rounded in place of wrapped */
            dataset->type = LS_NUMBER_DOUBLE;
        if (bytes > 8)
            return ls_fail(LS_BAD_INPUT, "integers of %zu bytes cannot be read", bytes);
    } else {
        const char *what = class == H5T_STRING     ? "texts"
                           : class == H5T_COMPOUND ? "records"
                           : class == H5T_VLEN     ? "lists of their own lengths"
                                                   : "values of another kind";
        return ls_fail(LS_BAD_INPUT, "holds %s; only integers and floats can be read", what);
    }
    dataset->memory = dataset->type == LS_NUMBER_UINT8    ? H5T_NATIVE_UINT8
                      : dataset->type == LS_NUMBER_INT8   ? H5T_NATIVE_INT8
                      : dataset->type == LS_NUMBER_UINT16 ? H5T_NATIVE_UINT16
                      : dataset->type == LS_NUMBER_INT16  ? H5T_NATIVE_INT16
                      : dataset->type == LS_NUMBER_INT32  ? H5T_NATIVE_INT32
                      : dataset->type == LS_NUMBER_INT64  ? H5T_NATIVE_INT64
                      : dataset->type == LS_NUMBER_FLOAT  ? H5T_NATIVE_FLOAT
                                                          : H5T_NATIVE_DOUBLE;
    return LS_OK;
}

/* Samples and shape, all sizes at least 1, the bytes of all of them within 63 bits. */
static ls_status check_shape(struct ls_hdf5_dataset *dataset, hid_t space)
{
    hsize_t size[H5S_MAX_RANK];
    int rank = H5Sget_simple_extent_ndims(space);
    uint64_t bytes = ls_number_bytes(dataset->type);

    if (rank < 1 || H5Sget_simple_extent_type(space) != H5S_SIMPLE)
        return ls_fail(LS_BAD_INPUT, "not a list of samples: it has no axes");
    if (rank > LS_RANK_MAX + 1)
        return ls_fail(LS_BAD_INPUT, "%d axes; at most %d can be read", rank, LS_RANK_MAX + 1);
    if (H5Sget_simple_extent_dims(space, size, NULL) < 0)
        return ls_fail(LS_BAD_INPUT, "the shape cannot be read");
    for (int i = 0; i < rank; i++) {
        if (size[i] == 0)
            return i == 0 ? ls_fail(LS_BAD_INPUT, "no samples")
                          : ls_fail(LS_BAD_INPUT, "axis %d of the samples is empty", i);
        if (size[i] > INT64_MAX / bytes)
            return ls_fail(LS_BAD_INPUT, "a shape of more bytes than any file has");
        bytes *= size[i];
    }
    dataset->samples = (int64_t)size[0];
    dataset->shape = (struct ls_shape){.rank = rank - 1};
    for (int i = 1; i < rank; i++)
        dataset->shape.size[i - 1] = (int64_t)size[i];
    return LS_OK;
}

/* Chunks may expand, so that the file's size says little; but each must be there, and one must fit
 * in memory together with others. */
static ls_status check_chunks(struct ls_hdf5_dataset *dataset, hid_t plist)
{
    hsize_t chunk[H5S_MAX_RANK], written = 0, needed = 1;
    int rank = H5Pget_chunk(plist, H5S_MAX_RANK, chunk);
    uint64_t bytes = (uint64_t)ls_shape_count(&dataset->shape) * ls_number_bytes(dataset->type);
    hid_t space;
    herr_t got;

    if (rank != dataset->shape.rank + 1)
        return ls_fail(LS_BAD_INPUT, "the shape of its chunks cannot be read");
    for (int i = 0; i < rank; i++) {
        uint64_t size = (uint64_t)(i == 0 ? dataset->samples : dataset->shape.size[i - 1]);

        if (chunk[i] == 0)
            return ls_fail(LS_BAD_INPUT, "the shape of its chunks cannot be read");
        needed *= (size - 1) / chunk[i] + 1; /* at most the elements: 63 bits */
    }
    dataset->chunk = (int64_t)chunk[0] < dataset->samples ? (int64_t)chunk[0] : dataset->samples;
    if (bytes > LS_DATA_RESIDENT_BYTES / (uint64_t)dataset->chunk)
        return ls_fail(LS_BAD_INPUT,
                       "chunks of %lld samples are more than %d MiB; write it with smaller ones",
                       (long long)dataset->chunk, LS_DATA_RESIDENT_BYTES >> 20);
    space = H5Dget_space(dataset->id);
    got = H5Dget_num_chunks(dataset->id, space, &written);
    H5Sclose(space);
    if (got < 0)
        return ls_fail(LS_BAD_INPUT, "the index of its chunks is damaged");
    if (written < needed)
        return ls_fail(LS_BAD_INPUT, "not written to the end: %llu of %llu chunks are there",
                       (unsigned long long)written, (unsigned long long)needed);
    return ls_chunks_init(&dataset->chunks, dataset->id);
}

/* Values that lie in the header. */
static ls_status check_compact(const struct ls_hdf5_dataset *dataset, hid_t type)
{
    uint64_t values = (uint64_t)(dataset->samples * ls_shape_count(&dataset->shape));

    return H5Dget_storage_size(dataset->id) == values * H5Tget_size(type)
               ? LS_OK
               : ls_fail(LS_BAD_INPUT, "damaged: its header does not have the bytes of its shape");
}

static ls_status check_contiguous(struct ls_hdf5_dataset *dataset, hid_t type, int64_t file_bytes)
{
    int64_t values = dataset->samples * ls_shape_count(&dataset->shape);
    uint64_t bytes = (uint64_t)values * H5Tget_size(type);
    haddr_t offset = H5Dget_offset(dataset->id);

    if (offset == HADDR_UNDEF)
        return ls_fail(LS_BAD_INPUT, "its values were never written");
    if (bytes > (uint64_t)file_bytes || offset > (uint64_t)file_bytes - bytes)
        return ls_fail(LS_BAD_INPUT, "%llu bytes of values, more than the file has",
                       (unsigned long long)bytes);
    if (H5Tequal(type, dataset->memory) > 0)
        dataset->offset = (int64_t)offset;
    return LS_OK;
}

ls_status ls_hdf5_check(struct ls_hdf5_dataset *dataset, hid_t id, int64_t file_bytes)
{
    hid_t plist = H5Dget_create_plist(id);
    hid_t type = H5Dget_type(id), space = H5I_INVALID_HID;
    H5D_layout_t layout = plist < 0 ? H5D_LAYOUT_ERROR : H5Pget_layout(plist);
    ls_status status = LS_OK;

    *dataset = (struct ls_hdf5_dataset){.id = id, .offset = -1};
    if (plist < 0 || type < 0 || layout == H5D_LAYOUT_ERROR)
        status = ls_fail(LS_BAD_INPUT, "the dataset's header is damaged");
    else if (H5Pget_external_count(plist) != 0)
        status = ls_fail(LS_BAD_INPUT, "its values are in another file (external storage), which "
                                       "is not opened");
    else if (layout == H5D_VIRTUAL)
        status = ls_fail(LS_BAD_INPUT, "a virtual dataset: the files it is made of are not "
                                       "opened; name them instead");
    if (status != LS_OK)
        goto out;
    LS_TRY_OUT(choose_type(dataset, type));
    space = H5Dget_space(id);
    LS_TRY_OUT(check_shape(dataset, space));
    if (layout == H5D_CHUNKED)
        status = check_chunks(dataset, plist);
    else if (layout == H5D_CONTIGUOUS)
        status = check_contiguous(dataset, type, file_bytes);
    else
        status = check_compact(dataset, type);
out:
    if (space >= 0)
        H5Sclose(space);
    if (type >= 0)
        H5Tclose(type);
    if (plist >= 0)
        H5Pclose(plist);
    return status;
}
