/* The clocks of other hosts, and how far away these are. */
#ifndef COMM_CLOCK_H
#define COMM_CLOCK_H

#include "comm/comm.h"

struct ls_clock_difference {
    double seconds; /* that the clock of the host's first rank is ahead of rank 0's */
    double latency; /* seconds of a message of a few bytes, one way; 0: of the same rank */
};

/* Asks the first rank of each node what time it is, and back, several times; the quickest answer
 * counts, which is right to half its way (Cristian, Distributed Computing 3, 1989). By node, in
 * differences[nodes], on rank 0; elsewhere it is not looked at. Collective. */
ls_status ls_comm_clocks(struct ls_comm *comm, struct ls_clock_difference *differences);

#endif
