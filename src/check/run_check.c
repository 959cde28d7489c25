/* lockstep check. */
#include <string.h>

#include "check/check.h"

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

static void check_all(struct ls_checker *checker)
{
    if (ls_checker_fails(checker, "run", ls_session_open_input(&checker->session)) ||
        ls_checker_fails(checker, "run", ls_session_identify(&checker->session)))
        return;
    if (ls_checker_writes(checker))
        ls_check_costs(checker);
}

ls_status ls_run_check(struct ls_comm *comm, const struct ls_run_check *options,
                       struct ls_check *check)
{
    struct ls_checker checker = {
        .comm = comm,
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
    ls_status status = ls_session_read(&checker.session, comm, &checker.train);
    if (status == LS_OK) {
        check_all(&checker);
        status = ls_comm_agree(comm, ls_check_status(check));
    }
    ls_session_close(&checker.session);
    if (status == LS_OK && checker.status != LS_OK)
        status = ls_fail(checker.status, "%s", checker.message);
    return status;
}
