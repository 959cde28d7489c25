/* What the topics of a check find out about ranks and hosts, and what they make of it: apart from
 * how it is found, so that a test can pretend to be any cluster. Facts are by rank, or by node
 * where that is said. All of it on rank 0. */
#ifndef CHECK_FACTS_H
#define CHECK_FACTS_H

#include <sched.h>

#include "base/memory.h"
#include "check/check.h"
#include "check/subnets.h"
#include "comm/clock.h"
#include "train/needs.h"

struct ls_cores_facts {
    cpu_set_t mask;  /* the CPUs on which it may run */
    cpu_set_t cores; /* of these, the first hardware thread of each core */
    cpu_set_t job;   /* where the job may run: the control group's, else all that are on */
    double quota;    /* CPUs' worth of time; 0: no limit */
    int spanned;     /* NUMA nodes that the mask has CPUs of */
    int online;      /* CPUs of the host */
    double load;     /* processes of the host that ran, in the mean over the last minute */
};
/* threads: a rank. */
ls_status ls_cores_tell(struct ls_checker *checker, const struct ls_cores_facts *all, int threads);

struct ls_memory_facts {
    struct ls_needs needs;
    double free, free_to_all; /* bytes: for this rank, for all of its host together */
    enum ls_memory_limit limit;
};
ls_status ls_memory_tell(struct ls_checker *checker, const struct ls_memory_facts *all);

/* gflops */
ls_status ls_speed_tell(struct ls_checker *checker, const double *all);

/* By node. */
void ls_clocks_tell(struct ls_checker *checker, const struct ls_clock_difference *of);

/* What a host sees of the file that rank 0 wrote, and locked. By rank. */
enum ls_sight { LS_SEEN, LS_UNSEEN, LS_UNLOCKED };
ls_status ls_directory_tell(struct ls_checker *checker, const enum ls_sight *seen);

struct ls_network {
    struct ls_interfaces *hosts; /* [nodes] */
    const char *list;            /* what Open MPI is told to take or, excluded, not to; or NULL */
    bool excluded;
};
ls_status ls_network_tell(struct ls_checker *checker, const struct ls_network *network);

#endif
