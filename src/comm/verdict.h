/* Who holds a job up: judged from what the watchdogs of its ranks have seen. Plain arithmetic on a
 * table, so that a test can make up any hang. */
#ifndef COMM_VERDICT_H
#define COMM_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/pulse.h"

/* A rank as who judges sees it. */
struct ls_seen_rank {
    bool known; /* false: nothing was ever heard of it (yet), or it has left */
    bool heard; /* it is of another node, and something was heard */
    char
        state; /* of its main thread as /proc has it, T: stopped, D: in a disk's wait; 0: unknown */
    double idle;   /* seconds without a beat of its pulse */
    double silent; /* seconds without a sign of its watchdog: it is stopped, dead or cut off */
    struct ls_pulse_view pulse;
    const char *host;
};

enum { LS_VERDICT_TEXT = 640 };
struct ls_verdict {
    int rank; /* the first that holds the others up; -1: they wait for each other */
    char text[LS_VERDICT_TEXT];
};

/* Whether somebody holds the job up: a rank that was silent, or that did not wait for others and
 * yet got nothing done, for `limit` seconds; or all, when all have waited for that long. The text
 * has ranks, hosts, the step, and who waits where. */
bool ls_verdict_find(struct ls_verdict *verdict, const struct ls_seen_rank *ranks, int size,
                     double limit);

#endif
