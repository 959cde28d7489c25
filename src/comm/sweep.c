#include "comm/sweep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"

static const char segment_prefix[] = "vader_segment.", session_prefix[] = "pid.";

/* A write lease is given on a file that nobody else has open or mapped. Should somebody open it in
 * this moment he waits until it is closed, and this process gets a signal that is ignored. */
static bool is_unused(const char *path)
{
    struct stat about;
    bool unused = false;
    int file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return false;
    if (fstat(file, &about) == 0 && S_ISREG(about.st_mode) && about.st_uid == geteuid() &&
        fcntl(file, F_SETSIG, SIGURG) == 0)
        unused = fcntl(file, F_SETLEASE, F_WRLCK) == 0;
    close(file);
    return unused;
}

static void sweep_segment(const char *path)
{
    if (is_unused(path))
        unlink(path);
}

/* -- session directories */

/* Not 0: a file that is in use, or not ours. */
static int look_at(const char *path, const struct stat *about, int type, struct FTW *where)
{
    (void)where;
    return about->st_uid != geteuid() ||
           (type == FTW_F && S_ISREG(about->st_mode) && !is_unused(path));
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *where)
{
    (void)about, (void)where;
    return type == FTW_DP ? rmdir(path) : unlink(path);
}

static void sweep_session(const char *path)
{
    enum { DESCRIPTORS = 8 };
    const char *number = strrchr(path, '.') + 1;
    char *end;
    long pid = strtol(number, &end, 10);
    if (pid <= 0 || *end || kill((pid_t)pid, 0) == 0 || errno != ESRCH)
        return;
    if (nftw(path, look_at, DESCRIPTORS, FTW_PHYS) == 0)
        nftw(path, remove_one, DESCRIPTORS, FTW_PHYS | FTW_DEPTH);
}

static void sweep(const char *directory, const char *prefix, void (*one)(const char *path))
{
    DIR *open_directory = opendir(directory);
    for (struct dirent *entry; open_directory && (entry = readdir(open_directory));) {
        char *path = NULL;
        if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0 &&
            ls_format(&path, "%s/%s", directory, entry->d_name) == LS_OK)
            one(path);
        ls_release(path);
    }
    if (open_directory)
        closedir(open_directory);
}

void ls_sweep(const char *memory, const char *sessions)
{
    sweep(memory, segment_prefix, sweep_segment);
    if (sessions)
        sweep(sessions, session_prefix, sweep_session);
}
