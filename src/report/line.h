/* The text of a progress line, apart from where and when it is drawn. */
#ifndef REPORT_LINE_H
#define REPORT_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "lockstep/run.h"

/* How a line is drawn. */
struct ls_line_style {
    bool ascii;
    int columns; /* a running line is shorter than this; 0: any length */
};

/* "1.6ms": a time a step with its unit. */
void ls_line_step_time(struct ls_text *text, double seconds);
/* "0.4s", "12s", "1:05", "2:03:20" */
void ls_line_duration(struct ls_text *text, double seconds);
/* 20 marks, or as many as given, of which the part done / total is full. */
void ls_line_bar(struct ls_text *text, int marks, double part, bool ascii);

/* The line below "Epoch 1/5", as Keras draws it: while it runs with the time left, and cut to the
 * columns by leaving out what matters least; of a finished epoch whole, with the time taken. */
void ls_line_epoch(struct ls_text *text, const struct ls_run_progress *progress,
                   const struct ls_line_style *style);

/* The same as one line for a log: "Epoch 1/5 - 63/63 - 0.4s - ...". */
void ls_line_plain(struct ls_text *text, const struct ls_run_progress *progress);

/* The lines that a run begins with. */
void ls_line_start(struct ls_text *text, const struct ls_run_start *start);

/* Columns that text takes on a terminal: its code points (none here is wide or combining). */
size_t ls_line_columns(const char *text);

#endif
