/* The rank that holds the others up: who computes longest in an epoch, while the others wait. */
#ifndef TRAIN_STRAGGLER_H
#define TRAIN_STRAGGLER_H

#include <stdbool.h>

#include "comm/comm.h"

struct ls_straggler {
    int rank;      /* -1: there is none */
    double factor; /* its time is so many times the median's */
};

/* Of the seconds that each rank computed, which is all but its waits for others: the one that took
 * longest, where it is far enough above the median to be neither noise (of that `crowded` ranks,
 * more than cores, make much) nor too little to matter. Of two ranks the faster one is the median.
 */
struct ls_straggler ls_straggler_find(const double *seconds, int ranks, bool crowded);

/* Over all ranks of the comm: `seconds` are this rank's. Collective. */
ls_status ls_straggler_agree(struct ls_straggler *straggler, struct ls_comm *comm, double seconds);

#endif
