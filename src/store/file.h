/* Publishing files: a file is whole under its name, or not there. Written to a temporary beside it,
 * synced, read back and compared, renamed, the directory synced. */
#ifndef STORE_FILE_H
#define STORE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/status.h"

/* A file that is not yet published. Its temporary is made with O_EXCL and O_NOFOLLOW, has the
 * process's id in its name, and is locked as long as it is open. */
struct ls_draft {
    int file; /* descriptor; -1: none */
    char *path, *directory, *temporary;
    struct ls_hasher *hasher; /* of what was written */
    uint64_t bytes;
};

/* All fail with LS_CANNOT_WRITE, the path and the reason. */
ls_status ls_draft_open(struct ls_draft *draft, const char *path);
ls_status ls_draft_write(struct ls_draft *draft, const void *bytes, size_t count);
/* To be followed by ls_draft_close all the same. */
ls_status ls_draft_publish(struct ls_draft *draft);
/* Removes the temporary when it was not published; a released or failed draft is allowed. */
void ls_draft_close(struct ls_draft *draft);

/* A whole file at once: run.yaml. */
ls_status ls_file_publish(const char *path, const void *bytes, size_t count);
/* The same for what is told every few seconds: nothing waits for the disk, so that a crash of the
 * machine can leave less of it. */
ls_status ls_file_replace(const char *path, const void *bytes, size_t count);

/* Has the disk keep what was written to a file so far, by whomever; one that is not there is none.
 */
ls_status ls_file_sync(const char *path);

/* Makes path another name of the file `existing` in the same directory tree (a copy where the file
 * system has no hard links), replacing what was there. */
ls_status ls_file_link(const char *existing, const char *path);

/* Makes a directory if it is not there, and syncs the one that it is in. */
ls_status ls_directory_make(const char *path);

/* Makes all directories on the way to a file that are not there. */
ls_status ls_file_make_way(const char *path);

/* Removes temporaries that dead processes left in a directory; those of living ones stay. */
void ls_file_sweep(const char *directory);

#endif
