#include "store/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/pulse.h"
#include "base/text.h"

#define TEMPORARY_PREFIX ".lockstep-"
#define TEMPORARY_SUFFIX ".tmp"

enum { COPY_BYTES = 1 << 20, TEMPORARIES_MAX = 1000 };

static ls_status cannot_write(const char *path, int error)
{
    return ls_fail(LS_CANNOT_WRITE, "cannot write '%s': %s", path, strerror(error));
}

/* The directory of a path, in new memory. */
static ls_status directory_of(char **directory, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return ls_duplicate(directory, ".");
    if (slash == path)
        return ls_duplicate(directory, "/");
    return ls_format(directory, "%.*s", (int)(slash - path), path);
}

static ls_status sync_directory(const char *directory)
{
    ls_status status = LS_OK;
    int file = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* Some file systems cannot sync a directory and say EINVAL: there is no more to be done. */
    if (file < 0 || (TEMP_FAILURE_RETRY(fsync(file)) != 0 && errno != EINVAL))
        status = cannot_write(directory, errno);
    if (file >= 0)
        close(file);
    return status;
}

static ls_status sync_parent(const char *path)
{
    char *directory = NULL;
    LS_TRY(directory_of(&directory, path));
    ls_status status = sync_directory(directory);
    ls_release(directory);
    return status;
}

/* The n-th temporary of this process beside path. */
static ls_status temporary_name(char **name, const char *path, int n)
{
    char *directory = NULL;
    LS_TRY(directory_of(&directory, path));
    ls_status status = ls_format(name, "%s/" TEMPORARY_PREFIX "%ld-%d" TEMPORARY_SUFFIX, directory,
                                 (long)getpid(), n);
    ls_release(directory);
    return status;
}

/* Calls make(name) with names of temporaries until one is free. */
static ls_status make_temporary(char **name, const char *path, const void *what,
                                int (*make)(const char *name, const void *what), int *made)
{
    for (int n = 0; n < TEMPORARIES_MAX; n++) {
        LS_TRY(temporary_name(name, path, n));
        *made = make(*name, what);
        if (*made >= 0)
            return LS_OK;
        int error = errno;
        ls_release(*name);
        *name = NULL;
        if (error != EEXIST) {
            errno = error;
            return cannot_write(path, error);
        }
    }
    return ls_fail(LS_CANNOT_WRITE, "cannot write '%s': too many temporaries beside it", path);
}

static int make_file(const char *name, const void *what)
{
    (void)what;
    return TEMP_FAILURE_RETRY(open(name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
}

static int make_link(const char *name, const void *existing)
{
    return link(existing, name);
}

ls_status ls_draft_open(struct ls_draft *draft, const char *path)
{
    ls_status status = LS_OK;
    struct stat there;
    *draft = (struct ls_draft){.file = -1};
    bool is_there = stat(path, &there) == 0;
    if (is_there && S_ISDIR(there.st_mode))
        return cannot_write(path, EISDIR);
    if (is_there && !S_ISREG(there.st_mode)) /* nothing takes the place of /dev/null */
        return ls_fail(LS_CANNOT_WRITE, "cannot write '%s': it is there and not a file", path);
    LS_TRY_OUT(ls_duplicate(&draft->path, path));
    LS_TRY_OUT(directory_of(&draft->directory, path));
    draft->hasher = ls_hasher_create();
    if (!draft->hasher)
        LS_TRY_OUT(ls_fail(LS_FAILED, "out of memory"));
    LS_TRY_OUT(make_temporary(&draft->temporary, path, NULL, make_file, &draft->file));
    /* Tells a sweep that the file is in use. Where there are no locks the process's id does. */
    flock(draft->file, LOCK_EX | LOCK_NB);
out:
    if (status != LS_OK)
        ls_draft_close(draft);
    return status;
}

ls_status ls_draft_write(struct ls_draft *draft, const void *bytes, size_t count)
{
    const char *at = bytes;
    ls_hasher_add(draft->hasher, bytes, count);
    draft->bytes += count;
    while (count > 0) {
        ssize_t done = write(draft->file, at, count < COPY_BYTES ? count : COPY_BYTES);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return cannot_write(draft->path, done < 0 ? errno : EIO);
        at += done;
        count -= (size_t)done;
        ls_pulse_beat(ls_pulse_here());
    }
    return LS_OK;
}

/* Whether the file has the bytes that were written. */
static ls_status read_back(struct ls_draft *draft)
{
    struct ls_hasher *hasher = ls_hasher_create();
    char *buffer = NULL;
    ls_status status = LS_OK;
    uint64_t at = 0;
    if (!hasher)
        return ls_fail(LS_FAILED, "out of memory");
    LS_TRY_OUT(ls_allocate(&buffer, COPY_BYTES, 1));
    for (;;) {
        ssize_t got = pread(draft->file, buffer, COPY_BYTES, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            LS_TRY_OUT(cannot_write(draft->path, errno));
        if (got == 0)
            break;
        ls_hasher_add(hasher, buffer, (size_t)got);
        at += (uint64_t)got;
    }
    struct ls_digest read = ls_hasher_digest(hasher), written = ls_hasher_digest(draft->hasher);
    if (at != draft->bytes || memcmp(&read, &written, sizeof read) != 0)
        status = ls_fail(LS_CANNOT_WRITE,
                         "cannot write '%s': reading it back gives other bytes than were written",
                         draft->path);
out:
    ls_release(buffer);
    ls_hasher_free(hasher);
    return status;
}

static ls_status take_name(struct ls_draft *draft)
{
    if (rename(draft->temporary, draft->path) != 0)
        return cannot_write(draft->path, errno);
    ls_release(draft->temporary);
    draft->temporary = NULL;
    return LS_OK;
}

ls_status ls_draft_publish(struct ls_draft *draft)
{
    if (TEMP_FAILURE_RETRY(fsync(draft->file)) != 0)
        return cannot_write(draft->path, errno);
    LS_TRY(read_back(draft));
    LS_TRY(take_name(draft));
    return sync_directory(draft->directory);
}

void ls_draft_close(struct ls_draft *draft)
{
    if (draft->temporary)
        unlink(draft->temporary);
    if (draft->file >= 0)
        close(draft->file);
    ls_hasher_free(draft->hasher);
    ls_release(draft->temporary);
    ls_release(draft->path);
    ls_release(draft->directory);
    *draft = (struct ls_draft){.file = -1};
}

static ls_status write_file(const char *path, const void *bytes, size_t count,
                            ls_status (*finish)(struct ls_draft *draft))
{
    struct ls_draft draft;
    LS_TRY(ls_draft_open(&draft, path));
    ls_status status = ls_draft_write(&draft, bytes, count);
    if (status == LS_OK)
        status = finish(&draft);
    ls_draft_close(&draft);
    return status;
}

ls_status ls_file_publish(const char *path, const void *bytes, size_t count)
{
    return write_file(path, bytes, count, ls_draft_publish);
}

ls_status ls_file_replace(const char *path, const void *bytes, size_t count)
{
    return write_file(path, bytes, count, take_name);
}

ls_status ls_file_sync(const char *path)
{
    int file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0)
        return errno == ENOENT ? LS_OK : cannot_write(path, errno);
    ls_status status = TEMP_FAILURE_RETRY(fdatasync(file)) == 0 ? LS_OK : cannot_write(path, errno);
    close(file);
    return status;
}

/* -- another name for a file */

static ls_status copy_file(const char *existing, const char *path)
{
    struct ls_draft draft;
    char *buffer = NULL;
    LS_TRY(ls_draft_open(&draft, path));
    ls_status status = LS_OK;
    int from = open(existing, O_RDONLY | O_CLOEXEC);
    if (from < 0)
        LS_TRY_OUT(cannot_write(path, errno));
    LS_TRY_OUT(ls_allocate(&buffer, COPY_BYTES, 1));
    for (;;) {
        ssize_t got = read(from, buffer, COPY_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            LS_TRY_OUT(cannot_write(path, errno));
        if (got == 0)
            break;
        LS_TRY_OUT(ls_draft_write(&draft, buffer, (size_t)got));
    }
    status = ls_draft_publish(&draft);
out:
    if (from >= 0)
        close(from);
    ls_release(buffer);
    ls_draft_close(&draft);
    return status;
}

/* Links are not followed. */
static bool is_same_file(const char *a, const char *b)
{
    struct stat about_a, about_b;
    return lstat(a, &about_a) == 0 && lstat(b, &about_b) == 0 && about_a.st_dev == about_b.st_dev &&
           about_a.st_ino == about_b.st_ino;
}

ls_status ls_file_link(const char *existing, const char *path)
{
    char *name = NULL;
    int made = -1;
    if (is_same_file(existing, path)) /* a rename would do nothing, and leave both names */
        return sync_parent(path);
    ls_status status = make_temporary(&name, path, existing, make_link, &made);
    if (status != LS_OK)
        return copy_file(existing, path);
    if (rename(name, path) != 0) {
        status = cannot_write(path, errno);
        unlink(name); /* once it has moved, its name may be that of another thread's temporary */
    }
    ls_release(name);
    return status == LS_OK ? sync_parent(path) : status;
}

ls_status ls_directory_make(const char *path)
{
    struct stat info;
    if (mkdir(path, 0777) == 0)
        return sync_parent(path);
    if (errno != EEXIST)
        return cannot_write(path, errno);
    if (stat(path, &info) != 0)
        return cannot_write(path, errno);
    return S_ISDIR(info.st_mode) ? LS_OK : cannot_write(path, ENOTDIR);
}

ls_status ls_file_make_way(const char *path)
{
    char *way = NULL;
    LS_TRY(ls_duplicate(&way, path));
    ls_status status = LS_OK;
    for (char *slash = way; status == LS_OK && (slash = strchr(slash + 1, '/')) != NULL;) {
        *slash = '\0';
        if (!ls_path_is_directory(way))
            status = ls_directory_make(way);
        *slash = '/';
    }
    ls_release(way);
    return status;
}

/* -- what dead processes left */

/* The process that a temporary's name tells; 0: it is none of ours. */
static long temporary_owner(const char *name)
{
    size_t prefix = strlen(TEMPORARY_PREFIX), suffix = strlen(TEMPORARY_SUFFIX);
    size_t length = strlen(name);
    char *end;
    if (length < prefix + suffix || strncmp(name, TEMPORARY_PREFIX, prefix) != 0 ||
        strcmp(name + length - suffix, TEMPORARY_SUFFIX) != 0)
        return 0;
    long pid = strtol(name + prefix, &end, 10);
    return *end == '-' && pid > 0 ? pid : 0;
}

/* Process ids come again, in containers above all: our own tells nothing, the lock does. */
static bool is_live(int directory, const char *name, long pid)
{
    if (pid != (long)getpid() && (kill((pid_t)pid, 0) == 0 || errno == EPERM))
        return true;
    int file = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0)
        return false;
    bool locked = flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    close(file);
    return locked;
}

void ls_file_sweep(const char *directory)
{
    DIR *entries = opendir(directory);
    if (!entries)
        return;
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        long pid = temporary_owner(entry->d_name);
        if (pid > 0 && !is_live(dirfd(entries), entry->d_name, pid))
            unlinkat(dirfd(entries), entry->d_name, 0);
    }
    closedir(entries);
}
