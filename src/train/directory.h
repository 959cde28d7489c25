/* The run directory: who works in it, how far it is, and whether it is asked to stop. On rank 0. */
#ifndef TRAIN_DIRECTORY_H
#define TRAIN_DIRECTORY_H

#include "lockstep/run.h"

struct ls_directory {
    char *path;
    int lock;  /* descriptor; -1: none */
    bool made; /* by this process: goes again when no run is begun in it */
};

/* Makes the directory where it is not there, and takes its lock: one writer a run directory.
 * *holds_run tells whether there was a run in it that saved something. LS_CANNOT_WRITE names the
 * holder (host and process). A lock whose holder died is free. */
ls_status ls_directory_open(struct ls_directory *directory, const char *path, bool *holds_run);
void ls_directory_close(struct ls_directory *directory);

/* Whether `lockstep stop` asked for an end since the directory was opened. Cheap, but not free: a
 * few times a second. */
bool ls_directory_asked_to_stop(const struct ls_directory *directory);

/* status.json, for `lockstep status`. */
ls_status ls_directory_write_status(const struct ls_directory *directory,
                                    const struct ls_run_status *status);

/* A file of the directory, in new memory. */
ls_status ls_directory_file(char **path, const char *directory, const char *name);

/* Whether a living process holds the lock. */
bool ls_directory_locked(const char *path);
/* Who wrote into the lock, "process 1234 on host a"; empty: nobody. */
void ls_directory_holder(const char *path, char *holder, size_t room);

/* A directory's newest checkpoint by name, which is not opened; empty when there is none. */
void ls_directory_newest(const char *path, char *name, size_t room);

#endif
