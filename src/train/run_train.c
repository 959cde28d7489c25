/* lockstep train. */
#include <stdio.h>

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

ls_status ls_run_train(struct ls_comm *comm, const struct ls_run_train *train)
{
    struct ls_session session;
    ls_status status = ls_session_open(&session, comm, train);
    if (status == LS_OK)
        status = ls_comm_agree(comm, ls_session_announce(&session));
    if (status == LS_OK) {
        note_finished(&session);
        status =
            ls_fit_go(session.fit, session.position, session.partial, (size_t)session.partials);
        if (status == LS_OK)
            note_ended(&session);
        status = finish(&session, status);
    }
    ls_session_close(&session);
    return status;
}
