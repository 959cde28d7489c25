/* lockstep train. */
#include <stdio.h>

#include "base/memory.h"
#include "train/session.h"

/* Says once that there is nothing left to do. */
static void note_finished(const struct ls_session *session)
{
    const struct ls_position *position = &session->position;
    if (!session->state || ls_comm_rank(session->comm) != 0 ||
        !ls_position_is_last(position, session->config.fit.epochs))
        return;
    if (position->epoch < session->config.fit.epochs)
        ls_note("%s is finished: a callback ended it after step %lld (--epochs N, more than %lld, "
                "trains on)",
                session->path, (long long)position->iteration, (long long)position->ended);
    else
        ls_note("%s is finished: %lld epochs are done (--epochs N trains on)", session->path,
                (long long)session->position.epoch);
}

/* Says that it ended before its last epoch. */
static void note_ended(const struct ls_session *session)
{
    const struct ls_position *now = &ls_fit_state(session->fit)->position;
    if (now->ended && now->iteration > session->position.iteration &&
        ls_comm_rank(session->comm) == 0)
        ls_note("a callback ended the training after step %lld", (long long)now->iteration);
}

/* What ended the training is what is told, whatever goes wrong after it; a stop or an end counts
 * when its checkpoint is there. */
static ls_status finish(struct ls_session *session, ls_status status)
{
    char message[LS_MESSAGE_BYTES];
    snprintf(message, sizeof message, "%s", ls_message());
    ls_status mine = ls_session_finish(session, status);
    if (status == LS_OK || status == LS_INTERRUPTED)
        return ls_comm_agree(session->comm, mine);
    return ls_fail(status, "%s", message);
}

/* -- going back: ranks that hold other numbers than others are no end of a run */

enum { RETURNS = 3 };

struct returns {
    int count;
    int *times; /* [ranks] so often it was the odd one */
    char why[LS_MESSAGE_BYTES];
};

/* Notes who differed: *again, where the run is to go on from what is saved. */
static void note_parted(struct returns *returns, const struct ls_session *session, bool *again)
{
    const bool *odd = ls_fit_parted(session->fit);
    *again = odd && returns->count < RETURNS;
    if (odd && !*again)
        ls_fail_within(LS_FAILED, "the run went back %d times, and again", RETURNS);
    for (int rank = 0; odd && rank < ls_comm_size(session->comm); rank++)
        returns->times[rank] += odd[rank];
    snprintf(returns->why, sizeof returns->why, "%s", ls_message());
}

/* Of ranks that differed more than once: all, or some. */
static void warn_suspects(const struct returns *returns, struct ls_comm *comm)
{
    int first = -1, count = 0;
    for (int rank = 0; rank < ls_comm_size(comm); rank++) {
        if (returns->times[rank] < 2)
            continue;
        first = count++ ? first : rank;
    }
    if (count > 0)
        ls_warn("rank %d (host %s)%s differed more than once: memory or processor may be faulty, "
                "test the host or leave it out",
                first, ls_comm_host(comm, first), count > 1 ? " and others" : "");
}

static void tell_return(const struct returns *returns, const struct ls_session *session)
{
    if (returns->count == 0 || ls_comm_rank(session->comm) != 0)
        return;
    ls_warn("%s; the run went back to step %lld (%d of at most %d times)", returns->why,
            (long long)session->position.iteration, returns->count, RETURNS);
    warn_suspects(returns, session->comm);
}

/* One start; *again: it ended since ranks differ, and is to be begun again from what is saved. */
static ls_status run_session(struct ls_comm *comm, const struct ls_run_train *train,
                             struct returns *returns, bool *again)
{
    struct ls_session session;
    *again = false;
    ls_status status = ls_session_open(&session, comm, train);
    if (status == LS_OK)
        status = ls_comm_agree(comm, ls_session_announce(&session));
    if (status == LS_OK) {
        tell_return(returns, &session);
        note_finished(&session);
        status =
            ls_fit_go(session.fit, session.position, session.partial, (size_t)session.partials);
        note_parted(returns, &session, again);
        if (status == LS_OK)
            note_ended(&session);
        if (!*again)
            status = finish(&session, status);
    }
    ls_session_close(&session);
    return status;
}

ls_status ls_run_train(struct ls_comm *comm, const struct ls_run_train *train)
{
    struct ls_run_train start = *train;
    struct returns returns = {0};
    bool again = true;
    ls_status status = ls_comm_agree(
        comm, ls_allocate(&returns.times, (size_t)ls_comm_size(comm), sizeof *returns.times));
    while (status == LS_OK && again) {
        status = run_session(comm, &start, &returns, &again);
        if (!again)
            break;
        returns.count++;
        start.resume = true;
        status = LS_OK;
    }
    ls_release(returns.times);
    return status;
}
