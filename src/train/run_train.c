/* lockstep train. */
#include <stdio.h>

#include "train/session.h"

enum { MESSAGE_TEXT = 1024 };

/* Says once that there is nothing left to do. */
static void note_finished(const struct ls_session *session)
{
    if (session->state && session->position.epoch >= session->config.fit.epochs &&
        ls_comm_rank(session->comm) == 0)
        ls_note("%s is finished: %lld epochs are done (--epochs N trains on)", session->path,
                (long long)session->position.epoch);
}

/* What ended the training is what is told, whatever goes wrong after it; a stop or an end counts
 * when its checkpoint is there. */
static ls_status finish(struct ls_session *session, ls_status status)
{
    char message[MESSAGE_TEXT];
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
        status = finish(&session, status);
    }
    ls_session_close(&session);
    return status;
}
