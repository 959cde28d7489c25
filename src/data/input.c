#include "data/input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/status.h"

enum { BUFFER_BYTES = 256 * 1024 };

ls_status ls_watch_init(struct ls_watch *watch, const struct ls_import *import, int passes)
{
    *watch = (struct ls_watch){.import = import};
    for (const char *const *file = import->files; *file; file++) {
        struct stat about;

        if (stat(*file, &about) != 0)
            return errno == ENOENT
                       ? ls_fail(LS_NO_INPUT, "%s: no such file", *file)
                       : ls_fail(LS_NO_INPUT, "%s: cannot be read: %s", *file, strerror(errno));
        if (!S_ISREG(about.st_mode))
            return ls_fail(LS_BAD_INPUT, "%s: not a file", *file);
        watch->total += passes * (int64_t)about.st_size;
    }
    return LS_OK;
}

ls_status ls_import_check_stop(const struct ls_import *import)
{
    if (import->stop && *import->stop)
        return ls_fail(LS_INTERRUPTED, "import stopped; nothing was written to %s", import->out);
    return LS_OK;
}

static ls_status tell(struct ls_watch *watch, int64_t bytes)
{
    const struct ls_import *import = watch->import;

    LS_TRY(ls_import_check_stop(import));
    watch->done += bytes;
    if (watch->done > watch->total) /* a file grew */
        watch->total = watch->done;
    if (import->progress)
        import->progress(import->user, watch->done, watch->total);
    return LS_OK;
}

ls_status ls_input_open(struct ls_input *input, const char *path, struct ls_watch *watch)
{
    struct stat about;
    int fd;

    *input = (struct ls_input){.path = path, .watch = watch};
    LS_TRY(ls_allocate(&input->buffer, BUFFER_BYTES, 1));
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &about) != 0) {
        ls_status status = ls_fail(LS_NO_INPUT, "%s: cannot be read: %s", path, strerror(errno));

        if (fd >= 0)
            close(fd);
        return status;
    }
    input->stored = about.st_size;
    input->gz = gzdopen(fd, "rb");
    if (!input->gz) {
        close(fd);
        return ls_fail(LS_FAILED, "%s: out of memory", path);
    }
    gzbuffer(input->gz, BUFFER_BYTES);
    return LS_OK;
}

void ls_input_close(struct ls_input *input)
{
    if (input->gz)
        gzclose(input->gz);
    ls_release(input->buffer);
    *input = (struct ls_input){0};
}

static ls_status fail_to_unpack(const struct ls_input *input, int64_t byte)
{
    int error = Z_OK;
    const char *what = gzerror(input->gz, &error);
    const char *name = strstr(what, ">: "); /* zlib's, of a descriptor: "<fd:4>: ..." */

    if (error == Z_ERRNO)
        return ls_fail(LS_FAILED, "%s: reading failed: %s", input->path, strerror(errno));
    if (error == Z_BUF_ERROR)
        return ls_fail(LS_BAD_INPUT, "%s: byte %lld: the gzip file is cut off", input->path,
                       (long long)byte);
    return ls_fail(LS_BAD_INPUT, "%s: byte %lld: damaged gzip data: %s", input->path,
                   (long long)byte, name ? name + 3 : what);
}

ls_status ls_input_fill(struct ls_input *input)
{
    int64_t byte = input->position + (int64_t)(input->filled - input->at), packed;
    int got, error = Z_OK;

    if (input->at < input->filled)
        return LS_OK;
    input->at = input->filled = 0;
    got = gzread(input->gz, input->buffer, BUFFER_BYTES);
    if (got < 0)
        return fail_to_unpack(input, byte);
    gzerror(input->gz, &error);
    if (got < BUFFER_BYTES && error == Z_BUF_ERROR)
        return fail_to_unpack(input, byte + got);
    input->filled = (size_t)got;
    packed = got == 0 ? input->stored : gzoffset(input->gz);
    packed = packed > input->counted ? packed - input->counted : 0;
    input->counted += packed;
    return tell(input->watch, packed);
}

ls_status ls_input_read(struct ls_input *input, void *bytes, size_t count, size_t *got)
{
    unsigned char *out = bytes;

    *got = 0;
    while (*got < count) {
        size_t n = input->filled - input->at;

        if (n == 0) {
            LS_TRY(ls_input_fill(input));
            n = input->filled;
            if (n == 0)
                return LS_OK;
        }
        if (n > count - *got)
            n = count - *got;
        memcpy(out + *got, input->buffer + input->at, n);
        input->at += n;
        input->position += (int64_t)n;
        *got += n;
    }
    return LS_OK;
}
