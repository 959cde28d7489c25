/* The page that a check fills: its lines and figures, on rank 0. */
#ifndef CHECK_PAGE_H
#define CHECK_PAGE_H

#include "base/status.h"
#include "lockstep/run.h"

/* A line of the check. Lines of one topic must follow each other. What there is no memory for is
 * remembered, so that only the end of a chain needs a check: ls_check_status. */
void ls_check_add(struct ls_check *check, enum ls_check_level level, const char *topic,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));
/* A number for programs; `name` lives as long as the check. */
void ls_check_figure(struct ls_check *check, const char *name, double value);

/* LS_FAILED when something is missing. */
ls_status ls_check_status(const struct ls_check *check);

#endif
