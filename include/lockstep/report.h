/* report.h: a run told to people: the progress bar, tables. Writes only to the stream that it is
 * given. */
#ifndef LOCKSTEP_REPORT_H
#define LOCKSTEP_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lockstep/run.h"
#include "lockstep/status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ls_progress;

enum ls_progress_style {
    LS_PROGRESS_AUTO,     /* terminal where people look at one, else plain */
    LS_PROGRESS_TERMINAL, /* one line an epoch, redrawn ten times a second at most */
    LS_PROGRESS_PLAIN,    /* whole lines, flushed: one an epoch, and one a minute in long epochs */
};

/* How to draw; {0} decides everything itself. */
struct ls_progress_options {
    enum ls_progress_style style;
    bool ascii;  /* no UTF-8 even where the locale has it */
    int columns; /* width of the terminal; 0: asked of it at each drawing, else 80 */
};

/* AUTO is decided here: by LOCKSTEP_OUTPUT (terminal or plain; another value is LS_USAGE) where it
 * is set; else a terminal is what isatty() says, TERM is neither unset nor "dumb", and, under
 * mpirun, whose ranks see a pseudo-terminal whatever its output is, mpirun's own standard output is
 * a terminal too. UTF-8 follows LC_CTYPE, which the program must have set (setlocale). The stream
 * stays the caller's and must outlive the progress. Not collective: for the rank that prints. */
LS_API ls_status ls_progress_create(struct ls_progress **progress, FILE *out,
                                    const struct ls_progress_options *options);

/* Ends a line that is being drawn, frees. NULL is allowed. */
LS_API void ls_progress_free(struct ls_progress *progress);

/* For struct ls_run_train's observer. Lives as long as the progress. */
LS_API const struct ls_run_observer *ls_progress_observer(struct ls_progress *progress);

/* For struct ls_import: `progress` with user = the struct ls_progress. Of bytes or rows. */
LS_API void ls_progress_import(void *progress, int64_t done, int64_t total);

/* A profile as a table for people, its parts that took no time left out; freed with ls_text_free
 * (model.h). */
LS_API ls_status ls_profile_format(const struct ls_run_profile *profile, char **text);

/* An evaluation as a table for people, with scikit-learn's classification report and the confusion
 * matrix of classes, the residuals' statistics of numbers; freed with ls_text_free. */
LS_API ls_status ls_evaluation_format(const struct ls_evaluation *evaluation, char **text);

/* A check as a page of at most 100 columns for people, with a verdict at its end; freed with
 * ls_text_free. */
LS_API ls_status ls_check_format(const struct ls_check *check, char **text);

/* Takes a line that is being drawn off the terminal, so that something else can be printed; it is
 * drawn again with the next progress. May be called from any thread. NULL is allowed. */
LS_API void ls_progress_clear(struct ls_progress *progress);

#ifdef __cplusplus
}
#endif
#endif
