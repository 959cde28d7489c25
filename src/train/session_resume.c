/* Resuming: rank 0 reads the newest whole checkpoint; the others get what it holds from rank 0, the
 * ranks of a crew once. */
#include <string.h>

#include "base/memory.h"
#include "train/session.h"

static ls_status read_newest(struct ls_session *session, char **json)
{
    struct ls_text text = {0};
    if (ls_comm_rank(session->comm) == 0 && session->options->resume) {
        LS_TRY(
            ls_checkpoint_read_newest(&session->checkpoint, &session->resumed_from, session->path));
        if (session->resumed_from && !session->checkpoint.state)
            return ls_fail(LS_BAD_INPUT,
                           "%s is no checkpoint of a run, so that nothing says where "
                           "to go on",
                           session->resumed_from);
        if (session->resumed_from)
            ls_tree_format_json(&text, session->checkpoint.state);
    }
    ls_status status = ls_duplicate(json, text.data ? text.data : "");
    ls_text_release(&text);
    return status;
}

ls_status ls_session_find_checkpoint(struct ls_session *session)
{
    char *json = NULL;
    ls_status status = ls_comm_agree(session->comm, read_newest(session, &json));
    LS_TRY_OUT(status);
    if (ls_comm_rank(session->comm) != 0) { /* it gets new memory */
        ls_release(json);
        json = NULL;
    }
    LS_TRY_OUT(ls_comm_broadcast_text(session->comm, &json, 0));
    if (*json) {
        status = ls_tree_parse_json(&session->state, json, strlen(json), session->resumed_from);
        if (status == LS_OK)
            status = ls_state_position(session->state, &session->position);
        status = ls_comm_agree(session->comm, status);
    }
out:
    ls_release(json);
    return status;
}

/* The checkpoint's model has the run's variables, in name and shape. */
static ls_status check_model(const struct ls_session *session)
{
    const struct ls_model *now = session->model, *before = session->checkpoint.model;
    size_t count = ls_model_variables(now);
    if (count != ls_model_variables(before) || now->floats != before->floats)
        return ls_fail(LS_BAD_INPUT, "%s holds another model than the run file",
                       session->resumed_from);
    for (size_t i = 0; i < count; i++) {
        struct ls_variable_at a = ls_model_variable(now, i), b = ls_model_variable(before, i);
        if (strcmp(a.variable->name, b.variable->name) != 0 ||
            !ls_shape_equal(&a.variable->shape, &b.variable->shape) || a.trainable != b.trainable)
            return ls_fail(LS_BAD_INPUT, "%s holds another model than the run file: %s/%s differs",
                           session->resumed_from, a.layer->path, a.variable->name);
    }
    return LS_OK;
}

static ls_status find_slot(const struct ls_checkpoint *checkpoint, const char *name, float **slot)
{
    for (size_t s = 0; s < checkpoint->slots; s++)
        if (strcmp(checkpoint->slot_name[s], name) == 0) {
            *slot = checkpoint->slot[s];
            return LS_OK;
        }
    return ls_fail(LS_BAD_INPUT, "the checkpoint has no optimizer slot '%s'", name);
}

static ls_status take_slots(struct ls_session *session, const struct ls_checkpoint *checkpoint)
{
    struct ls_update_plan *update = ls_fit_update(session->fit);
    for (size_t s = 0; s < ls_update_plan_slots(update); s++) {
        float *slot = NULL;
        LS_TRY(find_slot(checkpoint, ls_update_plan_slot_name(update, s), &slot));
        memcpy(ls_update_plan_slot(update, s), slot,
               session->model->trainable_floats * sizeof(float));
    }
    return LS_OK;
}

/* Whether the callbacks are those of before. */
static bool same_callbacks(const struct ls_session *session)
{
    const struct ls_tree *now = ls_tree_find_path(session->config.tree, "fit.callbacks");
    const struct ls_tree *before = ls_tree_find_path(session->state, "run.fit.callbacks");
    return now && before ? ls_config_same(now, before, NULL) == LS_OK : now == before;
}

/* The weights that callbacks keep. */
static ls_status take_kept(const struct ls_session *session)
{
    const struct ls_fit_state *state = ls_fit_state(session->fit);
    const struct ls_checkpoint *checkpoint = &session->checkpoint;
    if (!same_callbacks(session))
        return LS_OK;
    if (checkpoint->kepts != state->kepts)
        return ls_fail(LS_BAD_INPUT, "%s: has %zu of %zu weights that callbacks keep",
                       session->resumed_from, checkpoint->kepts, state->kepts);
    for (size_t i = 0; i < state->kepts; i++)
        memcpy(state->kept[i], checkpoint->kept[i], session->model->floats * sizeof(float));
    return LS_OK;
}

ls_status ls_session_take_given(struct ls_session *session)
{
    if (session->given.slots > 0 && ls_crew_leads(ls_fit_crew(session->fit)))
        LS_TRY(take_slots(session, &session->given));
    session->position.before = session->given.iteration;
    ls_checkpoint_release_slots(&session->given);
    return LS_OK;
}

/* Rank 0 copies its checkpoint's numbers to where they belong. */
static ls_status take(struct ls_session *session)
{
    const struct ls_checkpoint *checkpoint = &session->checkpoint;
    struct ls_model *model = session->model;
    if (ls_comm_rank(session->comm) != 0)
        return LS_OK;
    LS_TRY(check_model(session));
    memcpy(model->weights, checkpoint->model->weights, model->floats * sizeof(float));
    LS_TRY(take_slots(session, checkpoint));
    LS_TRY(take_kept(session));
    session->partials = (int64_t)checkpoint->partials;
    LS_TRY(ls_allocate(&session->partial, checkpoint->partials + 1, sizeof(double)));
    if (checkpoint->partials)
        memcpy(session->partial, checkpoint->partial, checkpoint->partials * sizeof(double));
    return ls_table_copy(&session->epochs, &checkpoint->epochs);
}

/* Other callbacks than before (--accept fit.callbacks) begin anew, and what one of the old ones
 * ended goes on. */
static void compare_callbacks(struct ls_session *session)
{
    int64_t sums = (int64_t)ls_fit_state(session->fit)->sums;
    if (same_callbacks(session))
        return;
    if (session->partials > sums)
        session->partials = sums;
    session->position.ended = 0;
}

/* The arenas of rank 0 to all; of a failure the others hear when all have been sent. */
static ls_status send_arenas(const struct ls_session *session)
{
    const struct ls_model *model = session->model;
    const struct ls_fit_state *state = ls_fit_state(session->fit);
    struct ls_update_plan *update = ls_fit_update(session->fit);
    struct ls_crew *crew = ls_fit_crew(session->fit);
    const size_t all = model->floats * sizeof(float);
    const size_t trainable = model->trainable_floats * sizeof(float);
    ls_status status = ls_crew_broadcast(crew, model->weights, all), sent;
    for (size_t s = 0; s < ls_update_plan_slots(update); s++) {
        sent = ls_crew_broadcast(crew, ls_update_plan_slot(update, s), trainable);
        status = status == LS_OK ? sent : status;
    }
    for (size_t i = 0; i < state->kepts; i++) {
        sent = ls_crew_broadcast(crew, state->kept[i], all);
        status = status == LS_OK ? sent : status;
    }
    return ls_comm_agree(session->comm, status);
}

ls_status ls_session_restore(struct ls_session *session)
{
    struct ls_comm *comm = session->comm;
    struct ls_model *model = session->model;
    ls_status status = ls_comm_agree(comm, take(session));
    ls_checkpoint_release(&session->checkpoint); /* its numbers are where they belong */
    LS_TRY(status);
    LS_TRY(send_arenas(session));
    ls_comm_broadcast(comm, &session->partials, sizeof session->partials, 0);
    if (!session->partial)
        LS_TRY(ls_comm_agree(
            comm, ls_allocate(&session->partial, (size_t)session->partials + 1, sizeof(double))));
    else
        LS_TRY(ls_comm_agree(comm, LS_OK));
    ls_comm_broadcast(comm, session->partial, (size_t)session->partials * sizeof(double), 0);
    model->initialized = true;
    compare_callbacks(session);
    return LS_OK;
}
