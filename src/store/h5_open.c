/* Opening HDF5 files: in a child process where anybody may have made them. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "store/h5_child.h"

enum { CORE_STEP_BYTES = 1 << 16 };

static ls_status look_at(struct ls_h5 *h5, const char *path)
{
    struct stat info;
    *h5 = (struct ls_h5){.file = -1};
    if (stat(path, &info) != 0)
        return ls_fail(LS_NO_INPUT, "cannot read '%s': %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return ls_fail(LS_NO_INPUT, "cannot read '%s': it is no file", path);
    h5->path = path;
    h5->bytes = (uint64_t)info.st_size;
    return LS_OK;
}

static ls_status open_in_child(struct ls_h5 *h5)
{
    ls_status status = ls_h5_child_open(h5);
    if (status != LS_OK)
        ls_h5_close(h5);
    return status;
}

ls_status ls_h5_open(struct ls_h5 *h5, const char *path)
{
    LS_TRY(look_at(h5, path));
    return open_in_child(h5);
}

ls_status ls_h5_open_sealed(struct ls_h5 *h5, const char *path)
{
    LS_TRY(look_at(h5, path));
    return ls_h5_open_here(h5);
}

ls_status ls_h5_open_bytes(struct ls_h5 *h5, void *bytes, size_t length, const char *path)
{
    *h5 = (struct ls_h5){.file = -1, .path = path, .image = bytes, .bytes = length};
    return open_in_child(h5);
}

void ls_h5_close(struct ls_h5 *h5)
{
    if (h5->file >= 0)
        H5Fclose(h5->file);
    if (h5->quiet.begun)
        ls_h5_quiet_end(&h5->quiet);
    ls_child_stop(&h5->child);
    *h5 = (struct ls_h5){.file = -1};
}

/* -- a file in memory: HDF5 takes the bytes as they lie there, without copies of its own */

static void *image_take(size_t bytes, H5FD_file_image_op_t operation, void *user)
{
    (void)bytes, (void)operation;
    return user;
}

static void *image_copy(void *to, const void *from, size_t bytes, H5FD_file_image_op_t operation,
                        void *user)
{
    (void)from, (void)bytes, (void)operation, (void)user;
    return to; /* is from */
}

static void *image_grow(void *bytes, size_t size, H5FD_file_image_op_t operation, void *user)
{
    (void)bytes, (void)size, (void)operation, (void)user;
    return NULL;
}

static herr_t image_leave(void *bytes, H5FD_file_image_op_t operation, void *user)
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

static hid_t open_image(hid_t access, void *bytes, size_t length)
{
    H5FD_file_image_callbacks_t callbacks = {image_take, image_copy, image_grow, image_leave,
                                             same_user,  leave_user, bytes};
    if (length == 0 || H5Pset_fapl_core(access, CORE_STEP_BYTES, false) < 0 ||
        H5Pset_file_image_callbacks(access, &callbacks) < 0 ||
        H5Pset_file_image(access, bytes, length) < 0)
        return -1;
    return H5Fopen(LS_H5_NO_FILE, H5F_ACC_RDONLY, access);
}

/* -- in this process */

ls_status ls_h5_open_here(struct ls_h5 *h5)
{
    ls_h5_quiet_begin(&h5->quiet);
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    /* Files are replaced by renames, never changed in place: HDF5's locks, which some file systems
     * refuse, have nothing to guard. */
    H5Pset_file_locking(access, false, true);
    h5->file = h5->image ? open_image(access, h5->image, (size_t)h5->bytes)
                         : H5Fopen(h5->path, H5F_ACC_RDONLY, access);
    H5Pclose(access);
    if (h5->file >= 0)
        return LS_OK;
    const char *path = h5->path;
    ls_h5_close(h5);
    return ls_fail(LS_BAD_INPUT, "%s: not a whole HDF5 file", path);
}
