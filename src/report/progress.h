/* The progress bar's own side of lockstep/report.h. */
#ifndef REPORT_PROGRESS_H
#define REPORT_PROGRESS_H

#include "lockstep/report.h"

/* For tests: what tells ls_progress_import the seconds. */
void ls_progress_set_clock(struct ls_progress *progress, double (*clock)(void));

#endif
