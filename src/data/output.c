#include "data/output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/number.h"
#include "data/hdf5.h"
#include "data/input.h"

enum {
    COPY_BYTES = 1024 * 1024,
    STALE_SECONDS = 60, /* a younger temporary may not have its lock yet */
    NAME_TRIES = 100
};

static ls_status fail_to_write(const struct ls_output *output, int error)
{
    return ls_fail(LS_CANNOT_WRITE, "%s: cannot be written: %s", output->path, strerror(error));
}

/* -- the temporary */

/* ".mnist.h5.", with which the names of its temporaries begin. */
static ls_status temporary_prefix(char **prefix, const char *path)
{
    const char *slash = strrchr(path, '/');

    return ls_format(prefix, ".%s.", slash ? slash + 1 : path);
}

static bool is_temporary(const char *name, const char *prefix)
{
    size_t length = strlen(name), before = strlen(prefix);

    return length > before + 4 && strncmp(name, prefix, before) == 0 &&
           strspn(name + before, "0123456789-") == length - before - 4 &&
           strcmp(name + length - 4, ".tmp") == 0;
}

/* A live import holds a lock on its temporary. */
static void sweep(const struct ls_output *output, const char *prefix)
{
    DIR *directory = opendir(output->directory);
    struct dirent *entry;

    while (directory && (entry = readdir(directory))) {
        struct stat about;
        int fd;

        if (!is_temporary(entry->d_name, prefix))
            continue;
        fd = openat(dirfd(directory), entry->d_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            continue;
        if (fstat(fd, &about) == 0 && time(NULL) - about.st_mtime > STALE_SECONDS &&
            flock(fd, LOCK_EX | LOCK_NB) == 0)
            unlinkat(dirfd(directory), entry->d_name, 0);
        close(fd);
    }
    if (directory)
        closedir(directory);
}

static ls_status make_temporary(struct ls_output *output)
{
    char *prefix = NULL;
    ls_status status;

    LS_TRY(temporary_prefix(&prefix, output->path));
    sweep(output, prefix);
    for (int i = 0; i < NAME_TRIES; i++) {
        ls_release(output->temporary);
        output->temporary = NULL;
        LS_TRY_OUT(ls_format(&output->temporary, "%s/%s%ld-%d.tmp", output->directory, prefix,
                             (long)getpid(), i));
        output->fd = TEMP_FAILURE_RETRY(
            open(output->temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
        if (output->fd >= 0) {
            output->made = true;
            flock(output->fd, LOCK_EX | LOCK_NB);
            goto out;
        }
        if (errno != EEXIST)
            break;
    }
    status = fail_to_write(output, errno);
out:
    ls_release(prefix);
    return status;
}

static ls_status copy_old(struct ls_output *output, const struct ls_import *import)
{
    int old = open(output->path, O_RDONLY | O_CLOEXEC);
    unsigned char *block = NULL;
    int64_t at = 0;
    ls_status status = LS_OK;

    if (old < 0)
        return ls_fail(LS_NO_INPUT, "%s: cannot be read: %s", output->path, strerror(errno));
    LS_TRY_OUT(ls_allocate(&block, COPY_BYTES, 1));
    for (;;) {
        ssize_t got;

        LS_TRY_OUT(ls_import_check_stop(import));
        got = read(old, block, COPY_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            status = ls_fail(LS_FAILED, "%s: reading failed: %s", output->path, strerror(errno));
        if (got <= 0)
            break;
        LS_TRY_OUT(ls_output_write(output, block, (size_t)got, at));
        at += got;
    }
out:
    ls_release(block);
    close(old);
    return status;
}

/* The path, through a link to where the file is, so that the link stays one; and its directory. */
static ls_status resolve(struct ls_output *output, const char *path)
{
    char real[PATH_MAX];
    struct stat about;
    char *slash;

    LS_TRY(ls_duplicate(&output->path, path));
    if (lstat(path, &about) == 0 && S_ISLNK(about.st_mode)) {
        if (!realpath(path, real))
            return fail_to_write(output, errno);
        ls_release(output->path);
        output->path = NULL;
        LS_TRY(ls_duplicate(&output->path, real));
    }
    LS_TRY(ls_duplicate(&output->directory, output->path));
    slash = strrchr(output->directory, '/');
    if (!slash)
        memcpy(output->directory, ".", 2); /* the path has a character at least */
    else if (slash == output->directory)
        slash[1] = '\0';
    else
        *slash = '\0';
    return LS_OK;
}

ls_status ls_output_create(struct ls_output *output, const struct ls_import *import)
{
    const char *path = import->out;
    struct stat about;
    bool there;

    *output = (struct ls_output){.fd = -1};
    if (!path || !*path || path[strlen(path) - 1] == '/')
        return ls_fail(LS_USAGE, "the file to write is not named");
    LS_TRY(resolve(output, path));
    there = stat(output->path, &about) == 0;
    if (there && !S_ISREG(about.st_mode))
        return ls_fail(LS_CANNOT_WRITE, "%s: cannot be written: it is there and not a file", path);
    if (there && access(output->path, W_OK) != 0)
        return fail_to_write(output, errno);
    LS_TRY(make_temporary(output));
    output->append = import->append && there;
    return output->append ? copy_old(output, import) : LS_OK;
}

ls_status ls_output_check_inputs(const struct ls_output *output, const char *const *files)
{
    struct stat out, in;

    if (stat(output->path, &out) != 0)
        return LS_OK;
    for (; *files; files++)
        if (stat(*files, &in) == 0 && in.st_dev == out.st_dev && in.st_ino == out.st_ino)
            return ls_fail(LS_USAGE, "%s: is both what is read and what is written", *files);
    return LS_OK;
}

bool ls_output_is_shares(const char *text)
{
    return strchr(text, ',') || ls_number_form(text) != LS_NUMBER_NONE ||
           (strchr(text, '.') && strspn(text, "0123456789.eE+- ") == strlen(text));
}

ls_status ls_output_check_split(const char *name)
{
    if (!*name || strpbrk(name, "/:") || strcmp(name, ".") == 0)
        return ls_fail(LS_USAGE, "'%s': not a name for a split (no '/', no ':')", name);
    return LS_OK;
}

ls_status ls_output_learnt(const struct ls_output *output, char **learnt)
{
    struct ls_hdf5_quiet quiet;
    hid_t file;
    ls_status status;

    *learnt = NULL;
    if (!output->append)
        return LS_OK;
    ls_hdf5_quiet_begin(&quiet);
    status = ls_hdf5_open(&file, output->path);
    if (status == LS_OK) {
        status = ls_hdf5_read_text(learnt, file, LS_LEARNT);
        H5Fclose(file);
        if (status != LS_OK)
            status = ls_fail_within(status, "%s", output->path);
    }
    ls_hdf5_quiet_end(&quiet);
    return status;
}

void ls_output_release(struct ls_output *output)
{
    if (output->made)
        unlink(output->temporary);
    if (output->fd >= 0)
        close(output->fd);
    ls_release(output->temporary);
    ls_release(output->directory);
    ls_release(output->path);
    *output = (struct ls_output){.fd = -1};
}

/* -- the layout */

static hid_t file_type(enum ls_number_type type)
{
    static const struct {
        enum ls_number_type type;
        hid_t *id;
    } types[] = {
        {LS_NUMBER_UINT8, &H5T_STD_U8LE_g},   {LS_NUMBER_INT8, &H5T_STD_I8LE_g},
        {LS_NUMBER_UINT16, &H5T_STD_U16LE_g}, {LS_NUMBER_INT16, &H5T_STD_I16LE_g},
        {LS_NUMBER_INT32, &H5T_STD_I32LE_g},  {LS_NUMBER_INT64, &H5T_STD_I64LE_g},
        {LS_NUMBER_FLOAT, &H5T_IEEE_F32LE_g}, {LS_NUMBER_DOUBLE, &H5T_IEEE_F64LE_g},
    };

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].type == type)
            return *types[i].id;
    return H5I_INVALID_HID;
}

/* The dataset is allocated at once and never filled, so that its place is known and the values can
 * be written there: HDF5 itself would keep quiet about a full disk. */
static ls_status add_dataset(hid_t group, struct ls_output_column *column, int64_t samples)
{
    const char *name = column->name;
    hsize_t size[LS_RANK_MAX + 1] = {(hsize_t)samples};
    hid_t plist = H5Pcreate(H5P_DATASET_CREATE), space, id;
    haddr_t offset;
    ls_status status = LS_OK;

    for (int i = 0; i < column->shape.rank; i++)
        size[i + 1] = (hsize_t)column->shape.size[i];
    space = H5Screate_simple(column->shape.rank + 1, size, NULL);
    H5Pset_layout(plist, H5D_CONTIGUOUS);
    H5Pset_alloc_time(plist, H5D_ALLOC_TIME_EARLY);
    H5Pset_fill_time(plist, H5D_FILL_TIME_NEVER);
    H5Pset_obj_track_times(plist, false); /* the same import gives the same file */
    id = H5Dcreate2(group, name, file_type(column->type), space, H5P_DEFAULT, plist, H5P_DEFAULT);
    H5Sclose(space);
    H5Pclose(plist);
    if (id < 0)
        return ls_fail(LS_CANNOT_WRITE, "the dataset %s cannot be made", name);
    offset = H5Dget_offset(id);
    column->offset = (int64_t)offset;
    column->row = (size_t)ls_shape_count(&column->shape) * ls_number_bytes(column->type);
    if (offset == HADDR_UNDEF)
        status = ls_fail(LS_CANNOT_WRITE, "the dataset %s has no place in the file", name);
    if (status == LS_OK && column->class_names)
        status = ls_hdf5_write_texts(id, "class_names", column->class_names, column->classes);
    if (H5Dclose(id) < 0 && status == LS_OK)
        status = ls_fail(LS_CANNOT_WRITE, "the dataset %s cannot be written", name);
    return status;
}

static ls_status add_split(hid_t file, struct ls_output_split *split)
{
    hid_t group;
    ls_status status = LS_OK;

    if (H5Lexists(file, split->name, H5P_DEFAULT) > 0)
        return ls_fail(LS_BAD_INPUT, "has a split '%s' already", split->name);
    group = H5Gcreate2(file, split->name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (group < 0)
        return ls_fail(LS_CANNOT_WRITE, "the split '%s' cannot be made", split->name);
    for (size_t c = 0; c < split->columns && status == LS_OK; c++)
        status = add_dataset(group, &split->column[c], split->samples);
    if (H5Gclose(group) < 0 && status == LS_OK)
        status = ls_fail(LS_CANNOT_WRITE, "the split '%s' cannot be written", split->name);
    return status;
}

static int64_t column_bytes(const struct ls_output_column *column, int64_t samples)
{
    return samples * ls_shape_count(&column->shape) * (int64_t)ls_number_bytes(column->type);
}

static int allocate(const struct ls_output *output, off_t offset, off_t bytes)
{
    int error;

    do
        error = posix_fallocate(output->fd, offset, bytes);
    while (error == EINTR);
    return error;
}

/* HDF5 cannot let go of a file whose own structures it cannot write: it crashes at exit. So room
 * for them, and for the values, is tried without it first. */
static ls_status check_room(const struct ls_output *output, const struct ls_output_split *splits,
                            size_t count)
{
    enum { STRUCTURE_BYTES = 1 << 20 };
    int64_t bytes = STRUCTURE_BYTES;
    struct stat about;
    int error;

    for (size_t i = 0; i < count; i++)
        for (size_t c = 0; c < splits[i].columns; c++)
            bytes += column_bytes(&splits[i].column[c], splits[i].samples);
    if (fstat(output->fd, &about) != 0)
        return fail_to_write(output, errno);
    error = allocate(output, about.st_size, bytes);
    if (TEMP_FAILURE_RETRY(ftruncate(output->fd, about.st_size)) != 0)
        return fail_to_write(output, errno);
    return error == 0 || error == EOPNOTSUPP || error == EINVAL ? LS_OK
                                                                : fail_to_write(output, error);
}

/* What the system said, where HDF5 wrote, is in HDF5's own errors alone. */
static herr_t find_error(unsigned depth, const H5E_error2_t *error, void *number)
{
    static const char mark[] = "errno = ";
    const char *found = error->desc ? strstr(error->desc, mark) : NULL;

    (void)depth;
    if (found)
        *(int *)number = (int)strtol(found + strlen(mark), NULL, 10);
    return 0;
}

/* Right after a call of HDF5's that failed. */
static ls_status fail_in_hdf5(const char *what)
{
    int error = 0;

    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, find_error, &error);
    return error ? ls_fail(LS_CANNOT_WRITE, "%s: %s", what, strerror(error))
                 : ls_fail(LS_CANNOT_WRITE, "%s", what);
}

/* Through the descriptor, so that nobody can put another file under the name meanwhile. */
static ls_status open_temporary(hid_t *file, const struct ls_output *output)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    char path[64];

    snprintf(path, sizeof path, "/proc/self/fd/%d", output->fd);
    H5Pset_file_locking(access, 0, 1);
    *file = output->append ? H5Fopen(path, H5F_ACC_RDWR, access)
                           : H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    ls_status status = *file >= 0       ? LS_OK
                       : output->append ? ls_fail(LS_BAD_INPUT, "not a whole HDF5 file")
                                        : fail_in_hdf5("an HDF5 file cannot be made");
    H5Pclose(access);
    return status;
}

static ls_status add_splits(struct ls_output *output, struct ls_output_split *splits, size_t count,
                            const char *learnt)
{
    hid_t file;
    ls_status status;

    LS_TRY(open_temporary(&file, output));
    for (size_t i = 0; i < count; i++)
        LS_TRY_OUT(add_split(file, &splits[i]));
    if (learnt && H5Aexists(file, LS_LEARNT) <= 0)
        status = ls_hdf5_write_text(file, LS_LEARNT, learnt);
out:
    if (H5Fflush(file, H5F_SCOPE_GLOBAL) < 0 && status == LS_OK)
        status = fail_in_hdf5("cannot be written");
    if (H5Fclose(file) < 0 && status == LS_OK)
        status = fail_in_hdf5("cannot be written");
    return status;
}

ls_status ls_output_layout(struct ls_output *output, struct ls_output_split *splits, size_t count,
                           const char *learnt)
{
    struct ls_hdf5_quiet quiet;
    struct stat about;
    ls_status status;
    int error;

    LS_TRY(check_room(output, splits, count));
    ls_hdf5_quiet_begin(&quiet);
    status = add_splits(output, splits, count, learnt);
    ls_hdf5_quiet_end(&quiet);
    if (status != LS_OK)
        return ls_fail_within(status, "%s", output->path);
    if (fstat(output->fd, &about) != 0)
        return fail_to_write(output, errno);
    output->bytes = about.st_size;
    /* A full disk shows now, not after an hour of reading; file systems without it say so. */
    error = allocate(output, 0, about.st_size);
    return error == 0 || error == EOPNOTSUPP || error == EINVAL ? LS_OK
                                                                : fail_to_write(output, error);
}

/* -- values, and the end */

ls_status ls_output_write(struct ls_output *output, const void *bytes, size_t count, int64_t offset)
{
    const unsigned char *in = bytes;

    while (count > 0) {
        ssize_t done = pwrite(output->fd, in, count, offset);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return fail_to_write(output, done < 0 ? errno : ENOSPC);
        in += done;
        offset += done;
        count -= (size_t)done;
    }
    return LS_OK;
}

static ls_status check_readable(const struct ls_output *output, const struct ls_output_split *split)
{
    struct ls_file_place place = {.file = output->temporary, .split = split->name};
    struct ls_data *data;
    size_t resident = 0;
    ls_status status = ls_data_from_file(&data, &place, &resident);

    ls_data_free(data);
    if (status != LS_OK)
        return ls_fail_within(status == LS_BAD_INPUT ? LS_CANNOT_WRITE : status,
                              "%s: what was written cannot be read", output->path);
    return LS_OK;
}

ls_status ls_output_publish(struct ls_output *output, const struct ls_output_split *splits,
                            size_t count)
{
    int directory, result;

    if (TEMP_FAILURE_RETRY(fsync(output->fd)) != 0)
        return fail_to_write(output, errno);
    for (size_t i = 0; i < count; i++)
        LS_TRY(check_readable(output, &splits[i]));
    if (rename(output->temporary, output->path) != 0)
        return fail_to_write(output, errno);
    output->made = false;
    directory = open(output->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return fail_to_write(output, errno);
    result = TEMP_FAILURE_RETRY(fsync(directory));
    /* EINVAL: a file system on which a directory has nothing to flush. */
    result = result != 0 && errno != EINVAL ? errno : 0;
    close(directory);
    return result == 0 ? LS_OK : fail_to_write(output, result);
}
