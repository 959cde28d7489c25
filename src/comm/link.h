/* A trial of the links between nodes, for who wants to know what messages cost. */
#ifndef COMM_LINK_H
#define COMM_LINK_H

#include "comm/comm.h"

struct ls_link {
    double bytes_per_second; /* of a node, in each direction at once */
    double latency;          /* seconds, one way, of the shortest message */
    double overhead;         /* seconds of a rank's for each message that it sends or receives */
};

/* Between the first ranks of all nodes, each with the next and the one before: the best of several,
 * of the slowest node, the same on all ranks. LS_USAGE where there is one node alone. Takes 8 MB,
 * and as long as 40 MB need, or some seconds. Collective. */
ls_status ls_link_measure(struct ls_link *link, struct ls_comm *comm);

#endif
