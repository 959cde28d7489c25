/* history.h5, and the append-only log of steps that it is rebuilt from. On one rank. */
#ifndef STORE_HISTORY_H
#define STORE_HISTORY_H

#include "lockstep/run.h"
#include "store/checkpoint.h"

struct ls_history_step {
    int64_t step; /* from 1: after this step */
    double loss, learning_rate;
};

struct ls_history;

#define LS_HISTORY_LOG "steps.log"

/* Opens RUNDIR/steps.log (each record with a checksum), drops a torn end and all records after
 * `step` (0: all; the checkpoint's on resume). */
ls_status ls_history_open(struct ls_history **history, const char *directory, int64_t step);
/* Appends in memory; written out by ls_history_flush and when the buffer is full, and
 * synced by the writer of the next checkpoint, which is not to be there without its steps. */
ls_status ls_history_append(struct ls_history *history, const struct ls_history_step *record);
ls_status ls_history_flush(struct ls_history *history);
/* Writes history.h5 anew (temporary, fsync, rename): /epoch from `epochs`, one 1-D dataset a
 * column; /step from the log: step, loss, learning_rate. */
ls_status ls_history_write(struct ls_history *history, const struct ls_table *epochs);
/* Every history.h5 written from now on has it as /profile: a 1-D dataset a column, texts or doubles
 * (NaN: not known), and steps, step_seconds, peak_gflops and hidden_seconds as single numbers. It
 * is copied. After a failure the one before stays. */
ls_status ls_history_keep_profile(struct ls_history *history, const struct ls_run_profile *profile);
/* Takes it from the history.h5 that is there, of an earlier start of the run; a warning where that
 * cannot be read. */
void ls_history_find_profile(struct ls_history *history);
void ls_history_close(struct ls_history *history);

/* The tables of a history.h5; *is_history false, and no tables, for another HDF5 file. The caller
 * releases them. */
ls_status ls_history_read(const char *path, struct ls_table *epochs, struct ls_table *steps,
                          bool *is_history);

#endif
