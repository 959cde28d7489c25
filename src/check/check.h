/* The inside of `lockstep check`: one file a topic, which looks, on all ranks, and tells, on rank
 * 0, what it found, in lines of the page. Unless said otherwise a function here is collective. */
#ifndef CHECK_CHECK_H
#define CHECK_CHECK_H

#include "check/page.h"
#include "train/session.h"

struct ls_checker {
    struct ls_comm *comm;
    const struct ls_run_check *options;
    struct ls_run_train train;      /* the start that is checked */
    struct ls_session session;      /* as far as it came */
    struct ls_check *check;         /* filled on rank 0 */
    ls_status status;               /* of the first error, */
    char message[LS_MESSAGE_BYTES]; /* and its message */
    int size, nodes;                /* ranks and hosts; the rest is on rank 0: */
    int *node_of, *first_of;        /* by rank; by node, its first rank */
    const char **host_of;           /* its name, by rank */
    bool crowded;                   /* a host has fewer cores than threads */
    double checkpoint_bytes;        /* known once memory was looked at */
};

/* Whether this rank writes the page. Not collective. */
static inline bool ls_checker_writes(const struct ls_checker *checker)
{
    return ls_comm_rank(checker->comm) == 0;
}

/* Tells a failure that all ranks have, with its message; returns whether it is one. Not collective.
 */
bool ls_checker_fails(struct ls_checker *checker, const char *topic, ls_status status);

/* `bytes` bytes of each rank, by rank, in new memory on rank 0; NULL elsewhere. */
ls_status ls_checker_gather(struct ls_checker *checker, void *all, const void *mine, size_t bytes);

/* -- hosts.c: what is said of each host, told once for those of which the same is said. On rank 0.
 */
struct ls_host_line {
    enum ls_check_level level;
    char text[384]; /* empty: nothing */
};
/* line[nodes] */
void ls_hosts_tell(struct ls_checker *checker, const char *topic, const struct ls_host_line *line);
/* "host a": of a rank's. */
const char *ls_hosts_name(const struct ls_checker *checker, int node);
/* "ranks 0-3, 7": those for which which[rank] is set. */
enum { LS_RANKS_TEXT = 64 };
const char *ls_ranks_format(char out[LS_RANKS_TEXT], const bool *which, int size);

/* -- the topics, in the order of the page; where there is a status, memory ran out */
void ls_check_model(struct ls_checker *checker);  /* on rank 0 */
void ls_check_slices(struct ls_checker *checker); /* on rank 0 */
ls_status ls_check_memory(struct ls_checker *checker);
ls_status ls_check_cores(struct ls_checker *checker);
ls_status ls_check_kernels(struct ls_checker *checker);
ls_status ls_check_speed(struct ls_checker *checker);
ls_status ls_check_clocks(struct ls_checker *checker);
ls_status ls_check_network(struct ls_checker *checker);
ls_status ls_check_directory(struct ls_checker *checker);
ls_status ls_check_combine(struct ls_checker *checker);
ls_status ls_check_steps(struct ls_checker *checker);

/* costs.c: what the run would take on other numbers of ranks, by the model of cost, where that was
 * asked for. Trains for some seconds, so that it comes last. Collective. */
void ls_check_costs(struct ls_checker *checker);

#endif
