/* What the environment says about how this process was started. Without MPI. */
#ifndef COMM_LAUNCH_H
#define COMM_LAUNCH_H

#include <stdbool.h>

#include "base/status.h"

struct ls_launch {
    bool launched;  /* by mpirun, srun or their like: MPI has others to find */
    bool reachable; /* something was set up through which MPI could find them */
    long processes; /* that the launcher started; 0: it does not say */
    const char
        *sessions; /* where Open MPI's mpiruns of this user have their directories, or NULL */
};

void ls_launch_read(struct ls_launch *launch);

/* LS_USAGE, with what to do about it. */
ls_status ls_launch_refuse(const struct ls_launch *launch);

/* The network interfaces and subnets that mpirun told Open MPI to take for TCP, or, *excluded, not
 * to take; NULL: it was told nothing. */
const char *ls_launch_tcp_interfaces(bool *excluded);

#endif
