/* Paths and text files: the second half of base/text.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"

enum { TEXT_FILE_MIB_MAX = 64, READ_BYTES = 65536 };

static ls_status read_all(int file, const char *path, struct ls_text *text)
{
    char buffer[READ_BYTES];
    for (;;) {
        ssize_t got = read(file, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return ls_fail(LS_NO_INPUT, "cannot read '%s': %s", path, strerror(errno));
        if (got == 0)
            return LS_OK;
        if (text->length + (size_t)got > (size_t)TEXT_FILE_MIB_MAX << 20)
            return ls_fail(LS_BAD_INPUT, "'%s' is no text file: it has more than %d MiB", path,
                           TEXT_FILE_MIB_MAX);
        ls_text_append_bytes(text, buffer, (size_t)got);
        LS_TRY(ls_text_status(text));
    }
}

ls_status ls_file_read_text(const char *path, struct ls_text *text)
{
    *text = (struct ls_text){0};
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return ls_fail(LS_NO_INPUT, "cannot read '%s': %s", path, strerror(errno));
    ls_status status = read_all(file, path, text);
    if (status == LS_OK) {
        ls_text_append_bytes(text, "", 0); /* so that an empty file has a text too */
        status = ls_text_status(text);
    }
    if (status != LS_OK)
        ls_text_release(text);
    close(file);
    return status;
}

ls_status ls_path_join(char **joined, const char *directory, const char *path)
{
    size_t length = strlen(directory);
    if (path[0] == '/' || length == 0)
        return ls_duplicate(joined, path);
    return ls_format(joined, "%s%s%s", directory, directory[length - 1] == '/' ? "" : "/", path);
}

/* Takes "." and doubled slashes out; ".." stays, since what it means hangs on symbolic links. */
static void tidy_path(char *path)
{
    char *out = path;
    for (const char *in = path; *in;) {
        while (*in == '/')
            in++;
        size_t length = strcspn(in, "/");
        if (length > 0 && !(length == 1 && in[0] == '.')) {
            *out++ = '/';
            memmove(out, in, length);
            out += length;
        }
        in += length;
    }
    if (out == path)
        *out++ = '/';
    *out = '\0';
}

ls_status ls_path_absolute(char **absolute, const char *path)
{
    *absolute = NULL;
    char *directory = NULL;
    if (path[0] != '/') {
        directory = getcwd(NULL, 0);
        if (!directory)
            return ls_fail(LS_FAILED, "cannot tell the current directory: %s", strerror(errno));
    }
    ls_status status = ls_path_join(absolute, directory ? directory : "", path);
    free(directory); /* getcwd's own */
    if (status == LS_OK)
        tidy_path(*absolute);
    return status;
}

ls_status ls_expand_variables(char **expanded, const char *text)
{
    struct ls_text out = {0};
    ls_status status = LS_OK;
    char *name = NULL;
    *expanded = NULL;
    for (const char *start; (start = strstr(text, "${")) != NULL;) {
        const char *end = strchr(start, '}');
        if (!end || end == start + 2) {
            status = ls_fail(LS_BAD_INPUT, "'%s': '${' needs a name and a '}'", text);
            goto out;
        }
        LS_TRY_OUT(ls_format(&name, "%.*s", (int)(end - start - 2), start + 2));
        const char *value = getenv(name);
        if (!value) {
            status = ls_fail(LS_BAD_INPUT, "the environment variable %s is not set", name);
            goto out;
        }
        ls_text_append_bytes(&out, text, (size_t)(start - text));
        ls_text_append_bytes(&out, value, strlen(value));
        ls_release(name);
        name = NULL;
        text = end + 1;
    }
    ls_text_append_bytes(&out, text, strlen(text));
    status = ls_text_status(&out);
    if (status == LS_OK) {
        *expanded = out.data;
        out = (struct ls_text){0};
    }
out:
    ls_release(name);
    ls_text_release(&out);
    return status;
}

bool ls_path_is_directory(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}
