/* A child process for what HDF5 may not survive: 1.10 crashes, or runs in circles, in some damaged
 * files, and no check of ours can foresee which. So it is a child that lets HDF5 loose on a file
 * that somebody else made; the child's death is an answer.
 *
 * The child has one thread, the caller's. No other thread is inside HDF5 while it is made, so that
 * HDF5 can be used in it; other locks of other threads (MPI's, the BLAS's) may be held for ever:
 * the work uses HDF5, files, base/ and the socket, nothing else. It sees the parent's memory as it
 * was, changes none of it, and leaves by _exit: nothing of the parent's is flushed, no MPI is
 * finalized. Its standard streams are /dev/null, it leaves no core file, dies with the parent's
 * thread, ignores what is sent to the process group, and dies when it takes more processor time
 * (0.5 s, and 1 s for each 20 MB of the file) or memory (256 MiB, and four times the file) than
 * reading can take. Under MPI the caller's buffers should not be in flight meanwhile; the library
 * opens files before it starts a run's loader and combine. */
#ifndef DATA_CHILD_H
#define DATA_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/status.h"

struct ls_child {
    pid_t process; /* 0: none */
    int socket;    /* to the child; -1: none */
};

struct ls_child_work {
    void (*work)(int socket, void *context); /* in the child; the other end of the socket */
    void *context;
    const char *path; /* the file that is read, for messages; */
    uint64_t bytes;   /* its size */
};

/* Starts the child. LS_FAILED when there can be no more processes. */
ls_status ls_child_start(struct ls_child *child, const struct ls_child_work *work);
/* The child ends, whatever it does; {0} and a failed start are allowed. */
void ls_child_stop(struct ls_child *child);

/* All of the bytes, or false: the other end is no more. */
bool ls_child_send(int socket, const void *bytes, size_t count);
bool ls_child_receive(int socket, void *bytes, size_t count);

/* In the child: `bytes` more than were foreseen are to be read into memory. */
void ls_child_allow(uint64_t bytes);
/* In the child: no file can be opened any more. */
void ls_child_seal(void);

/* LS_BAD_INPUT: what to say of a file that the child did not survive. */
ls_status ls_child_died(const char *path);

/* Does the work in a child, and nothing with its result: LS_OK when the child came to its end, so
 * that the same can be tried here. */
ls_status ls_child_try(const char *path, void (*work)(void *context), void *context);

#endif
