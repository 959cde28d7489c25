/* The watchdog: ends a hang. A thread a rank, which makes no calls of MPI (the rank may be stuck in
 * one), looks at the pulses (base/pulse.h) of all ranks of its node, which lie in memory that they
 * share, and tells when one holds the others up (comm/verdict.h): a rank that is stopped cannot
 * tell of itself, and mpirun never notices. Between nodes the first rank of each sends what it sees
 * to rank 0 by UDP, and hears from it: a node that is cut off is missed there, and rank 0's here.
 */
#ifndef COMM_WATCHDOG_H
#define COMM_WATCHDOG_H

#include "comm/comm.h"

struct ls_watchdog;

struct ls_watchdog_options {
    double seconds; /* without any progress of the rank that the others wait for; > 0 */
    /* Called once, on the watchdog's thread of the rank that found out, with one line; it is to end
     * this process with a status other than 0, whereupon mpirun ends the others. That is rank 0,
     * unless it cannot. */
    void (*hang)(void *user, const char *line);
    void *user;
};

/* Shows the caller's pulse from here on. A rank alone has no watchdog: *watchdog is NULL. The comm
 * must outlive it. Collective. */
ls_status ls_watchdog_start(struct ls_watchdog **watchdog, struct ls_comm *comm,
                            const struct ls_watchdog_options *options);
/* The rank has left: nobody misses it any more, and its pulse is gone, also for threads that beat
 * it (ls_pulse_here). Not collective. NULL is allowed. */
void ls_watchdog_stop(struct ls_watchdog *watchdog);

#endif
