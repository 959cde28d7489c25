/* Failing with a message, and notes: the library's side of lockstep/status.h. */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

#include "lockstep/status.h"

/* Room for a message, with the NUL: longer ones are cut. */
enum { LS_MESSAGE_BYTES = 2048 };

/* Sets this thread's message and returns status, so that `return ls_fail(...)` is one line. */
ls_status ls_fail(ls_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts text (formatted) and ": " before this thread's message; returns status unchanged. */
ls_status ls_fail_within(ls_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* One line to the log callback, if there is one. */
void ls_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void ls_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Leaves with the status of a call that failed: LS_TRY(f(x)) in a function that owns nothing yet.
 */
#define LS_TRY(call)                                                                               \
    do {                                                                                           \
        ls_status try_status_ = (call);                                                            \
        if (try_status_ != LS_OK)                                                                  \
            return try_status_;                                                                    \
    } while (0)

/* The same where there is something to release: sets `status` and goes to `out`. */
#define LS_TRY_OUT(call)                                                                           \
    do {                                                                                           \
        status = (call);                                                                           \
        if (status != LS_OK)                                                                       \
            goto out;                                                                              \
    } while (0)

#endif
