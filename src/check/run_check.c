/* lockstep check. */
#include <string.h>

#include "base/memory.h"
#include "check/check.h"
#include "train/cost.h"

bool ls_checker_fails(struct ls_checker *checker, const char *topic, ls_status status)
{
    if (status == LS_OK)
        return false;
    if (ls_checker_writes(checker))
        ls_check_add(checker->check, LS_CHECK_ERROR, topic, "%s", ls_message());
    if (checker->status == LS_OK) {
        checker->status = status;
        snprintf(checker->message, sizeof checker->message, "%s", ls_message());
    }
    return true;
}

/* Which rank is on which node, on rank 0. */
static ls_status make_tables(struct ls_checker *checker)
{
    const size_t size = (size_t)checker->size, nodes = (size_t)checker->nodes;
    if (!ls_checker_writes(checker))
        return LS_OK;
    LS_TRY(ls_allocate(&checker->first_of, nodes, sizeof *checker->first_of));
    LS_TRY(ls_allocate(&checker->host_of, size, sizeof *checker->host_of));
    for (int rank = checker->size - 1; rank >= 0; rank--) {
        checker->first_of[checker->node_of[rank]] = rank;
        checker->host_of[rank] = ls_comm_host(checker->comm, rank);
    }
    return LS_OK;
}

static ls_status find_nodes(struct ls_checker *checker)
{
    const struct ls_place *place = ls_comm_place(checker->comm);
    checker->size = place->size;
    checker->nodes = place->nodes;
    LS_TRY(ls_checker_gather(checker, &checker->node_of, &place->node, sizeof place->node));
    return ls_comm_agree(checker->comm, make_tables(checker));
}

/* What can be said before any memory of the run's size is taken. False: this start cannot go on. */
static ls_status check_start(struct ls_checker *checker, bool *ready)
{
    struct ls_session *session = &checker->session;
    *ready = false;
    if (ls_checker_fails(checker, "run", ls_session_open_input(session)) ||
        ls_checker_fails(checker, "run",
                         ls_comm_agree(checker->comm, ls_model_build(session->model))))
        return LS_OK;
    if (ls_checker_writes(checker))
        ls_check_model(checker);
    if (ls_checker_fails(checker, "run", ls_session_identify(session)))
        return LS_OK;
    if (ls_checker_writes(checker))
        ls_check_slices(checker);
    LS_TRY(ls_check_memory(checker));
    *ready = checker->status == LS_OK;
    return LS_OK;
}

/* What is tried, if it can be. The kernels are told by themselves, from what the plan says of them
 * where there is one. */
static ls_status check_trials(struct ls_checker *checker, bool ready)
{
    if (ready)
        LS_TRY(ls_check_combine(checker));
    ls_status prepared = ready ? ls_session_prepare(&checker->session) : LS_OK;
    ls_checker_fails(checker, "run", prepared);
    LS_TRY(ls_check_kernels(checker));
    if (!ready || prepared != LS_OK)
        return LS_OK;
    LS_TRY(ls_check_steps(checker));
    ls_check_costs(checker);
    return LS_OK;
}

static ls_status check_all(struct ls_checker *checker)
{
    bool ready;
    LS_TRY(find_nodes(checker));
    LS_TRY(check_start(checker, &ready));
    LS_TRY(ls_check_cores(checker));
    LS_TRY(ls_check_speed(checker));
    LS_TRY(ls_check_clocks(checker));
    LS_TRY(ls_check_network(checker));
    LS_TRY(ls_check_directory(checker));
    LS_TRY(check_trials(checker, ready));
    return ls_comm_agree(checker->comm, ls_check_status(checker->check));
}

ls_status ls_run_check(struct ls_comm *comm, const struct ls_run_check *options,
                       struct ls_check *check)
{
    struct ls_checker checker = {
        .comm = comm,
        .options = options,
        .train = {.run = options->run,
                  .resume = true,
                  .profile = true,
                  .data = options->data,
                  .directory = options->directory,
                  .set = options->set,
                  .plugins = options->plugins,
                  .replicas = options->replicas},
        .check = check,
    };
    memset(check, 0, sizeof *check);
    /* A mistake in the command is told before the time that trials take. */
    ls_status status =
        options->net ? ls_cost_net_parse(&(struct ls_cost_net){0}, options->net) : LS_OK;
    if (status == LS_OK)
        status = ls_session_read(&checker.session, comm, &checker.train);
    if (status == LS_OK)
        status = check_all(&checker);
    ls_session_close(&checker.session);
    ls_release(checker.node_of);
    ls_release(checker.first_of);
    ls_release(checker.host_of);
    if (status == LS_OK && checker.status != LS_OK)
        status = ls_fail(checker.status, "%s", checker.message);
    return status;
}
