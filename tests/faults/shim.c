/* A disk that breaks: preloaded (LD_PRELOAD), it counts the calls by which a program changes files
 * below a directory, and does something else at one of them. HDF5 and libzip write by the same
 * calls.
 *
 *   FAULT_UNDER  the directory: absolute, no links in it
 *   FAULT_AT     the number of the call, from 1 on; what the mode does happens before it
 *   FAULT_MODE   count (nothing happens), kill, tear (half of what it writes, then kill), short (it
 *                writes half), slow (it takes FAULT_MS more), or an error that it fails with:
 * ENOSPC, EIO, EDQUOT, EINTR, EACCES FAULT_MS     milliseconds FAULT_ON     not empty: at every
 * call from that one on FAULT_CALL   counts the calls of this name alone FAULT_LOG    a file that
 * gets a line a call: NUMBER NAME PATH FAULT_OPENED a file that gets a line a file that is opened,
 * wherever: its path as it was given FAULT_DISK   a directory that gets what was synced (what a
 * disk has after a crash of the machine; `lost` of common.bash makes files of it): file-ID  the
 * bytes of a file, as of its last fsync dir-ID   the entries of a directory, as of its last fsync:
 * TYPE ID NAME now-ID   the same, when the process was killed root     the ID of FAULT_UNDER
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NAME_MAX_BYTES = 64, INODES_MAX = 4096, COPY_BYTES = 1 << 16 };
enum { WHOLE = -1, NOTHING = -2 }; /* how much of a call is done, where it is no number of bytes */

static pthread_mutex_t lock =
    PTHREAD_MUTEX_INITIALIZER; /* a call at a time: the log is the order */
static const char *under, *mode, *disk, *only;
static long at, count, slowness;
static bool on;
static int log_file = -1, opened_file = -1;

static const struct {
    const char *name;
    int number;
} errors[] = {{"ENOSPC", ENOSPC}, {"EIO", EIO},       {"EDQUOT", EDQUOT},
              {"EINTR", EINTR},   {"EACCES", EACCES}, {NULL, 0}};

static void say_and_leave(const char *what)
{
    fprintf(stderr, "fault-shim: %s\n", what);
    _exit(125);
}

static int open_log(const char *path)
{
    const int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;
    return path ? (int)syscall(SYS_openat, AT_FDCWD, path, flags, 0666) : -1;
}

__attribute__((constructor)) static void start(void)
{
    under = getenv("FAULT_UNDER");
    mode = getenv("FAULT_MODE");
    disk = getenv("FAULT_DISK");
    disk = disk && *disk ? disk : NULL;
    only = getenv("FAULT_CALL");
    at = getenv("FAULT_AT") ? atol(getenv("FAULT_AT")) : 0;
    slowness = getenv("FAULT_MS") ? atol(getenv("FAULT_MS")) : 0;
    on = getenv("FAULT_ON") && *getenv("FAULT_ON");
    if (!under || !mode)
        say_and_leave("FAULT_UNDER and FAULT_MODE are not set");
    log_file = open_log(getenv("FAULT_LOG"));
    opened_file = open_log(getenv("FAULT_OPENED"));
}

/* -- where a call goes */

/* False: not below the directory. A path that was opened is known by its descriptor. */
static bool path_of(char path[PATH_MAX], int directory, const char *name)
{
    char link[NAME_MAX_BYTES];
    size_t length = strlen(under);
    ssize_t got = 0;
    path[0] = '\0';
    if (!name || name[0] != '/') {
        if (directory == AT_FDCWD)
            snprintf(link, sizeof link, "/proc/self/cwd");
        else
            snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
        got = readlink(link, path, PATH_MAX - 1);
        if (got <= 0)
            return false;
    }
    if (name)
        snprintf(path + got, (size_t)(PATH_MAX - got), "%s%s", got ? "/" : "", name);
    else
        path[got] = '\0';
    return strncmp(path, under, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

/* -- what is safe on the disk */

/* Numbers of inodes come again: an ID is one with how often it was made anew. */
static struct {
    ino_t inode;
    int made;
} inodes[INODES_MAX];
static size_t inodes_known;

static int *times_made(ino_t inode)
{
    for (size_t i = 0; i < inodes_known; i++)
        if (inodes[i].inode == inode)
            return &inodes[i].made;
    if (inodes_known == INODES_MAX)
        say_and_leave("too many files");
    inodes[inodes_known].inode = inode;
    return &inodes[inodes_known++].made;
}

/* A file of the disk's, for writing. */
static FILE *open_kept(const char *kind, const struct stat *about)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s-%lu.%d", disk, kind, (unsigned long)about->st_ino,
             *times_made(about->st_ino));
    FILE *file = fopen(path, "we");
    if (!file)
        say_and_leave(path);
    return file;
}

static void keep_bytes(int file, const struct stat *about)
{
    static char buffer[COPY_BYTES];
    char path[NAME_MAX_BYTES];
    FILE *out = open_kept("file", about);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file); /* it may be open for writing alone */
    int in = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    for (ssize_t got; (got = read(in, buffer, sizeof buffer)) > 0;)
        fwrite(buffer, 1, (size_t)got, out);
    syscall(SYS_close, in);
    fclose(out);
}

static void keep_entries(const char *kind, const char *path, bool below)
{
    struct stat about;
    DIR *entries = opendir(path);
    if (!entries || stat(path, &about) != 0)
        say_and_leave(path);
    FILE *out = open_kept(kind, &about);
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        char name[PATH_MAX];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (lstat(name, &about) != 0)
            say_and_leave(name);
        fprintf(out, "%c %lu.%d %s\n", S_ISDIR(about.st_mode) ? 'd' : 'f',
                (unsigned long)about.st_ino, *times_made(about.st_ino), entry->d_name);
        if (below && S_ISDIR(about.st_mode))
            keep_entries(kind, name, true);
    }
    fclose(out);
    closedir(entries);
}

static void keep_root(void)
{
    struct stat about;
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/root", disk);
    FILE *out = fopen(path, "we");
    if (!out || stat(under, &about) != 0)
        say_and_leave(path);
    fprintf(out, "%lu.%d\n", (unsigned long)about.st_ino, *times_made(about.st_ino));
    fclose(out);
    keep_entries("now", under, true);
}

static void synced(int file, const char *path)
{
    struct stat about;
    if (!disk || fstat(file, &about) != 0)
        return;
    if (S_ISDIR(about.st_mode))
        keep_entries("dir", path, false);
    else
        keep_bytes(file, &about);
}

static void made(const char *path)
{
    struct stat about;
    if (disk && stat(path, &about) == 0)
        ++*times_made(about.st_ino);
}

/* -- the fault */

static void die(void)
{
    if (disk)
        keep_root();
    kill(getpid(), SIGKILL);
}

/* What is to be done of a call that would write `bytes` (0: it writes none): a number of them,
 * WHOLE, or NOTHING with errno. With the lock. */
static ssize_t begin(const char *call, const char *path, size_t bytes)
{
    char line[PATH_MAX + NAME_MAX_BYTES];
    if (only && *only && strcmp(only, call) != 0)
        return WHOLE;
    count++;
    int length = snprintf(line, sizeof line, "%ld %s %s\n", count, call, path);
    if (log_file >= 0)
        syscall(SYS_write, log_file, line, (size_t)length);
    if (count < at || at == 0 || (count > at && !on))
        return WHOLE;
    if (strcmp(mode, "kill") == 0)
        die();
    if (strcmp(mode, "short") == 0 || strcmp(mode, "tear") == 0)
        return bytes > 1 ? (ssize_t)(bytes / 2) : WHOLE;
    for (size_t i = 0; errors[i].name; i++)
        if (strcmp(mode, errors[i].name) == 0) {
            errno = errors[i].number;
            return NOTHING;
        }
    if (strcmp(mode, "slow") == 0)
        usleep((useconds_t)slowness * 1000);
    else if (strcmp(mode, "count") != 0)
        say_and_leave("unknown FAULT_MODE");
    return WHOLE;
}

/* A call on a descriptor or a path, up to what it does; `todo` is what begin says. */
#define ENTER(call, directory, name, bytes)                                                        \
    char path[PATH_MAX];                                                                           \
    int before = errno;                                                                            \
    bool mine = path_of(path, directory, name);                                                    \
    ssize_t todo = WHOLE;                                                                          \
    errno = before;                                                                                \
    if (mine) {                                                                                    \
        pthread_mutex_lock(&lock);                                                                 \
        todo = begin(call, path, bytes);                                                           \
    }
#define LEAVE(result)                                                                              \
    do {                                                                                           \
        int after = errno;                                                                         \
        if (mine && strcmp(mode, "tear") == 0 && count == at)                                      \
            die();                                                                                 \
        if (mine)                                                                                  \
            pthread_mutex_unlock(&lock);                                                           \
        errno = after;                                                                             \
        return result;                                                                             \
    } while (0)

/* -- the calls */

ssize_t write(int file, const void *bytes, size_t size)
{
    ENTER("write", file, NULL, size)
    ssize_t done =
        todo == NOTHING ? -1 : syscall(SYS_write, file, bytes, todo > 0 ? (size_t)todo : size);
    LEAVE(done);
}

ssize_t pwrite(int file, const void *bytes, size_t size, off_t offset)
{
    ENTER("pwrite", file, NULL, size)
    ssize_t done = todo == NOTHING
                       ? -1
                       : syscall(SYS_pwrite64, file, bytes, todo > 0 ? (size_t)todo : size, offset);
    LEAVE(done);
}

ssize_t pwrite64(int file, const void *bytes, size_t size, off_t offset)
{
    return pwrite(file, bytes, size, offset);
}

/* Cut short, it writes its first part alone. */
ssize_t writev(int file, const struct iovec *parts, int parts_count)
{
    ENTER("writev", file, NULL, parts_count > 1 ? 2 : 0)
    ssize_t done =
        todo == NOTHING ? -1 : syscall(SYS_writev, file, parts, todo > 0 ? 1 : parts_count);
    LEAVE(done);
}

int ftruncate(int file, off_t length)
{
    ENTER("ftruncate", file, NULL, 0)
    int result = todo == NOTHING ? -1 : (int)syscall(SYS_ftruncate, file, length);
    LEAVE(result);
}

int ftruncate64(int file, off_t length)
{
    return ftruncate(file, length);
}

int truncate(const char *name, off_t length)
{
    ENTER("truncate", AT_FDCWD, name, 0)
    int result = todo == NOTHING ? -1 : (int)syscall(SYS_truncate, name, length);
    LEAVE(result);
}

int truncate64(const char *name, off_t length)
{
    return truncate(name, length);
}

int posix_fallocate(int file, off_t offset, off_t length)
{
    ENTER("posix_fallocate", file, NULL, 0)
    int result = todo == NOTHING ? -1 : (int)syscall(SYS_fallocate, file, 0, offset, length);
    LEAVE(result == 0 ? 0 : after); /* it returns what others put into errno */
}

int posix_fallocate64(int file, off_t offset, off_t length)
{
    return posix_fallocate(file, offset, length);
}

int fsync(int file)
{
    ENTER("fsync", file, NULL, 0)
    int result = todo == NOTHING ? -1 : (int)syscall(SYS_fsync, file);
    if (mine && result == 0)
        synced(file, path);
    LEAVE(result);
}

int fdatasync(int file)
{
    ENTER("fdatasync", file, NULL, 0)
    int result = todo == NOTHING ? -1 : (int)syscall(SYS_fdatasync, file);
    if (mine && result == 0)
        synced(file, path);
    LEAVE(result);
}

int renameat(int from_directory, const char *from, int to_directory, const char *to)
{
    ENTER("rename", to_directory, to, 0)
    int result = todo == NOTHING
                     ? -1
                     : (int)syscall(SYS_renameat2, from_directory, from, to_directory, to, 0);
    LEAVE(result);
}

int rename(const char *from, const char *to)
{
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

int linkat(int from_directory, const char *from, int to_directory, const char *to, int flags)
{
    ENTER("link", to_directory, to, 0)
    int result = todo == NOTHING
                     ? -1
                     : (int)syscall(SYS_linkat, from_directory, from, to_directory, to, flags);
    LEAVE(result);
}

int link(const char *from, const char *to)
{
    return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlinkat(int directory, const char *name, int flags)
{
    ENTER("unlink", directory, name, 0)
    int result = todo == NOTHING ? -1 : (int)syscall(SYS_unlinkat, directory, name, flags);
    LEAVE(result);
}

int unlink(const char *name)
{
    return unlinkat(AT_FDCWD, name, 0);
}

int rmdir(const char *name)
{
    return unlinkat(AT_FDCWD, name, AT_REMOVEDIR);
}

int mkdir(const char *name, mode_t permissions)
{
    ENTER("mkdir", AT_FDCWD, name, 0)
    int result = todo == NOTHING ? -1 : (int)syscall(SYS_mkdirat, AT_FDCWD, name, permissions);
    if (mine && result == 0)
        made(path);
    LEAVE(result);
}

/* Of the openings those that can make a file. */
static int open_at(int directory, const char *name, int flags, mode_t permissions)
{
    char line[PATH_MAX + 1];
    if (opened_file >= 0) {
        int length = snprintf(line, sizeof line, "%s\n", name);
        syscall(SYS_write, opened_file, line, (size_t)length);
    }
    if (!(flags & O_CREAT))
        return (int)syscall(SYS_openat, directory, name, flags, permissions);
    ENTER("open", directory, name, 0)
    struct stat about;
    int error = errno;
    bool there = mine && stat(path, &about) == 0;
    errno = error;
    int file = todo == NOTHING ? -1 : (int)syscall(SYS_openat, directory, name, flags, permissions);
    if (mine && !there && file >= 0)
        made(path);
    LEAVE(file);
}

#define PERMISSIONS(last)                                                                          \
    mode_t permissions = 0;                                                                        \
    if (flags & (O_CREAT | O_TMPFILE)) {                                                           \
        va_list arguments;                                                                         \
        va_start(arguments, last);                                                                 \
        permissions = va_arg(arguments, mode_t);                                                   \
        va_end(arguments);                                                                         \
    }

int open(const char *name, int flags, ...)
{
    PERMISSIONS(flags)
    return open_at(AT_FDCWD, name, flags, permissions);
}

int open64(const char *name, int flags, ...)
{
    PERMISSIONS(flags)
    return open_at(AT_FDCWD, name, flags, permissions);
}

int openat(int directory, const char *name, int flags, ...)
{
    PERMISSIONS(flags)
    return open_at(directory, name, flags, permissions);
}

int openat64(int directory, const char *name, int flags, ...)
{
    PERMISSIONS(flags)
    return open_at(directory, name, flags, permissions);
}

/* Of files that were written to. It is closed whatever it says. */
int close(int file)
{
    int flags = fcntl(file, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
        return (int)syscall(SYS_close, file);
    ENTER("close", file, NULL, 0)
    int error = errno;
    int result = (int)syscall(SYS_close, file);
    if (todo == NOTHING) {
        result = -1;
        errno = error;
    }
    LEAVE(result);
}
