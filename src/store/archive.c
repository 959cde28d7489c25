#include "store/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#include "base/memory.h"
#include "base/text.h"
#include "store/file.h"

/* Deflate makes at most 1032 bytes of one. */
enum { EXPANSION_MAX = 1032 };

bool ls_archive_is(const char *path)
{
    static const char mark[4] = "PK\3\4";
    char begin[sizeof mark];
    if (ls_ends_with(path, ".keras"))
        return true;
    int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* it may be a pipe */
    bool is = file >= 0 && pread(file, begin, sizeof begin, 0) == (ssize_t)sizeof begin &&
              memcmp(begin, mark, sizeof mark) == 0;
    if (file >= 0)
        close(file);
    return is;
}

/* -- reading */

static ls_status damaged(const char *path, int code)
{
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    ls_status status =
        ls_fail(LS_BAD_INPUT, "%s: not a whole archive (%s)", path, zip_error_strerror(&error));
    zip_error_fini(&error);
    return status;
}

ls_status ls_archive_open(struct ls_archive *archive, const char *path)
{
    struct stat info;
    int code = 0;
    *archive = (struct ls_archive){.path = path};
    if (stat(path, &info) != 0)
        return ls_fail(LS_NO_INPUT, "cannot read '%s': %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return ls_fail(LS_NO_INPUT, "cannot read '%s': it is no file", path);
    archive->bytes = (uint64_t)info.st_size;
    archive->zip = zip_open(path, ZIP_RDONLY, &code);
    if (!archive->zip && code == ZIP_ER_OPEN)
        return ls_fail(LS_NO_INPUT, "cannot read '%s': %s", path, strerror(errno));
    return archive->zip ? LS_OK : damaged(path, code);
}

void ls_archive_close(struct ls_archive *archive)
{
    if (archive->zip)
        zip_discard(archive->zip);
    *archive = (struct ls_archive){0};
}

static ls_status bad_member(const struct ls_archive *archive, const char *name, const char *why)
{
    return ls_fail(LS_BAD_INPUT, "%s: %s: %s", archive->path, name, why);
}

/* The read that gives nothing more is the one that compares the checksum. */
static ls_status read_all(const struct ls_archive *archive, zip_file_t *file, const char *name,
                          struct ls_member *member)
{
    char *at = (char *)member->bytes, beyond;
    size_t left = member->length;
    for (;;) {
        zip_int64_t got = left > 0 ? zip_fread(file, at, left) : zip_fread(file, &beyond, 1);
        if (got < 0)
            return bad_member(archive, name, zip_file_strerror(file));
        if (got == 0 && left == 0)
            return LS_OK;
        if (got == 0 || left == 0)
            return bad_member(archive, name, "of another size than it says");
        at += got;
        left -= (size_t)got;
    }
}

ls_status ls_archive_read(const struct ls_archive *archive, const char *name, char **bytes,
                          size_t *length)
{
    zip_stat_t info;
    struct ls_member member = {name, NULL, 0};
    *bytes = NULL;
    *length = 0;
    zip_int64_t index = zip_name_locate(archive->zip, name, 0);
    if (index < 0)
        return LS_OK;
    if (zip_stat_index(archive->zip, (zip_uint64_t)index, 0, &info) != 0 ||
        !(info.valid & ZIP_STAT_SIZE) || !(info.valid & ZIP_STAT_COMP_METHOD))
        return bad_member(archive, name, "damaged");
    uint64_t expansion = info.comp_method == ZIP_CM_STORE ? 1 : EXPANSION_MAX;
    if (info.size / expansion > archive->bytes)
        return bad_member(archive, name, "larger than the archive can hold");
    zip_file_t *file = zip_fopen_index(archive->zip, (zip_uint64_t)index, 0);
    if (!file)
        return bad_member(archive, name, zip_strerror(archive->zip));
    ls_status status = ls_allocate(bytes, (size_t)info.size + 1, 1);
    member.bytes = *bytes;
    member.length = (size_t)info.size;
    if (status == LS_OK)
        status = read_all(archive, file, name, &member);
    zip_fclose(file);
    if (status == LS_OK) {
        *length = member.length;
    } else {
        ls_release(*bytes);
        *bytes = NULL;
    }
    return status;
}

/* -- writing */

static ls_status failed(const char *path, zip_error_t *error)
{
    return ls_fail(LS_CANNOT_WRITE, "cannot lay out '%s': %s", path, zip_error_strerror(error));
}

static bool add_member(zip_t *zip, const struct ls_member *member)
{
    zip_source_t *source = zip_source_buffer(zip, member->bytes, member->length, 0);
    if (!source)
        return false;
    zip_int64_t index = zip_file_add(zip, member->name, source, 0);
    if (index < 0) {
        zip_source_free(source);
        return false;
    }
    /* The first day that an archive knows, so that the bytes hang on the members alone. */
    return zip_set_file_compression(zip, (zip_uint64_t)index, ZIP_CM_STORE, 0) == 0 &&
           zip_file_set_dostime(zip, (zip_uint64_t)index, 0, (1 << 5) | 1, 0) == 0;
}

/* Lays the archive out in the memory of a source of libzip's. */
static ls_status lay_out(zip_source_t *memory, const char *path, const struct ls_member *member,
                         size_t count)
{
    zip_error_t error;
    zip_error_init(&error);
    zip_t *zip = zip_open_from_source(memory, ZIP_TRUNCATE, &error);
    if (!zip) {
        ls_status status = failed(path, &error);
        zip_error_fini(&error);
        return status;
    }
    zip_source_keep(memory); /* zip_close gives one reference back */
    bool added = true;
    for (size_t i = 0; i < count && added; i++)
        added = add_member(zip, &member[i]);
    if (added && zip_close(zip) == 0)
        return LS_OK;
    ls_status status = failed(path, zip_get_error(zip));
    zip_discard(zip);
    return status;
}

static ls_status publish(zip_source_t *memory, const char *path)
{
    zip_stat_t info;
    char *bytes = NULL;
    ls_status status = LS_OK;
    bool opened = false;
    if (zip_source_stat(memory, &info) != 0 || zip_source_open(memory) != 0)
        LS_TRY_OUT(failed(path, zip_source_error(memory)));
    opened = true;
    LS_TRY_OUT(ls_allocate(&bytes, (size_t)info.size, 1));
    if (zip_source_read(memory, bytes, info.size) != (zip_int64_t)info.size)
        LS_TRY_OUT(failed(path, zip_source_error(memory)));
    status = ls_file_publish(path, bytes, (size_t)info.size);
out:
    if (opened)
        zip_source_close(memory);
    ls_release(bytes);
    return status;
}

ls_status ls_archive_publish(const char *path, const struct ls_member *member, size_t count)
{
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *memory = zip_source_buffer_create(NULL, 0, 0, &error);
    ls_status status = memory ? LS_OK : failed(path, &error);
    zip_error_fini(&error);
    if (status == LS_OK)
        status = lay_out(memory, path, member, count);
    if (status == LS_OK)
        status = publish(memory, path);
    if (memory)
        zip_source_free(memory);
    return status;
}
