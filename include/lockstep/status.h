/* status.h: what every function that can fail returns, and the message that goes with it. */
#ifndef LOCKSTEP_STATUS_H
#define LOCKSTEP_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

/* Marks what the shared library exports. */
#define LS_API __attribute__((visibility("default")))

/* The numbers are the program's exit statuses (sysexits.h where it has one). */
typedef enum ls_status {
    LS_OK = 0,
    LS_FAILED = 1,        /* the run failed: a fault while running, memory, MPI, kernels */
    LS_USAGE = 64,        /* wrong use of a command or a function */
    LS_BAD_INPUT = 65,    /* run file, model or data are wrong; the message names the place */
    LS_NO_INPUT = 66,     /* no such file, or it cannot be read */
    LS_CANNOT_WRITE = 73, /* a directory or file cannot be written, or is in use */
    LS_INTERRUPTED = 75,  /* asked to stop, and saved: run it again to go on */
} ls_status;

/* The message of the last failure in this thread: one line, without a newline, that names the place
 * and the remedy. Never NULL; valid until the thread's next failing call. Not collective. */
LS_API const char *ls_message(void);

/* Progress and notes of the library go to the callback, one line without a newline; there is none
 * at first, and nothing is printed. Called on one thread at a time. Not collective. */
enum ls_log_level { LS_LOG_NOTE, LS_LOG_WARNING };
typedef void ls_log_function(void *user, enum ls_log_level level, const char *line);
LS_API void ls_log_set(ls_log_function *function, void *user);

#ifdef __cplusplus
}
#endif
#endif
