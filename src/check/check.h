/* The inside of `lockstep check`: one file a topic, each of which adds its lines to the page. */
#ifndef CHECK_CHECK_H
#define CHECK_CHECK_H

#include "check/page.h"
#include "train/session.h"

struct ls_checker {
    struct ls_comm *comm;
    struct ls_run_train train;      /* the start that is checked */
    struct ls_session session;      /* as far as it came */
    struct ls_check *check;         /* filled on rank 0, none elsewhere */
    ls_status status;               /* of the first error, */
    char message[LS_MESSAGE_BYTES]; /* and its message */
};

/* Whether this rank writes the page. */
static inline bool ls_checker_writes(const struct ls_checker *checker)
{
    return ls_comm_rank(checker->comm) == 0;
}

/* Tells a failure that all ranks have, with its message; returns whether it is one. */
bool ls_checker_fails(struct ls_checker *checker, const char *topic, ls_status status);

/* costs.c: what the run would take on other numbers of ranks, by the model of cost. On rank 0. */
void ls_check_costs(struct ls_checker *checker);

#endif
