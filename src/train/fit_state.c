/* What callbacks do with the state of a training: the learning rate, and the model as a file. */
#include <string.h>

#include "base/memory.h"
#include "base/number.h"
#include "train/fit.h"

static const char rate_name[] = "learning_rate";

double ls_fit_learning_rate(const struct ls_fit_state *state)
{
    const struct ls_position *position = &state->position;
    return (float)ls_update_plan_base_rate(state->update, position->before + position->iteration);
}

void ls_fit_steer(struct ls_fit_state *state, double rate)
{
    state->position.learning_rate = (float)rate;
    state->position.steered = true;
    ls_update_plan_set_learning_rate(state->update, state->position.learning_rate);
}

void ls_fit_log_learning_rate(struct ls_fit_state *state)
{
    size_t at = state->count;
    if (at > 0 && strcmp(state->names[at - 1], rate_name) == 0)
        at--;
    state->names[at] = rate_name;
    state->values[at] = ls_fit_learning_rate(state);
    state->count = at + 1;
}

/* The way to the rate of an optimizer in any of its forms: Adam, {Adam: {...}}, {class_name,
 * config}, where config may be left out; in new memory. */
static ls_status find_rate(char **path, const struct ls_tree *optimizer)
{
    bool named = optimizer->type == LS_TREE_MAP && optimizer->count == 1;
    if (optimizer->type == LS_TREE_MAP && ls_tree_find(optimizer, "class_name"))
        return ls_format(path, "optimizer.config.%s", rate_name);
    return named ? ls_format(path, "optimizer.%s.%s", optimizer->child->key, rate_name)
                 : ls_format(path, "optimizer.%s", rate_name);
}

ls_status ls_fit_put_learning_rate(const struct ls_fit_state *state, struct ls_tree *compile)
{
    char rate[LS_DOUBLE_TEXT], *path = NULL;
    if (!state->position.steered || !compile)
        return LS_OK;
    const struct ls_tree *optimizer = ls_tree_find(compile, "optimizer");
    if (!optimizer || ls_tree_is_null(optimizer))
        LS_TRY(ls_tree_set_path(compile, "optimizer", "RMSprop"));
    LS_TRY(find_rate(&path, ls_tree_find(compile, "optimizer")));
    ls_double_format(rate, state->position.learning_rate);
    ls_status status = ls_tree_set_path(compile, path, rate);
    ls_release(path);
    return status;
}

ls_status ls_fit_describe(const struct ls_fit_state *state, struct ls_checkpoint *checkpoint)
{
    const struct ls_fit_job *job = state->job;
    struct ls_update_plan *update = state->update;
    *checkpoint = (struct ls_checkpoint){
        .model = job->model,
        .slots = ls_update_plan_slots(update),
        .iteration = state->position.before + state->position.iteration,
    };
    for (size_t s = 0; s < checkpoint->slots; s++) {
        checkpoint->slot_name[s] = ls_update_plan_slot_name(update, s);
        checkpoint->slot[s] = ls_update_plan_slot(update, s);
    }
    if (job->compile)
        LS_TRY(ls_tree_copy(&checkpoint->compile, job->compile));
    LS_TRY(ls_fit_put_learning_rate(state, checkpoint->compile));
    if (job->hooks && job->hooks->identify)
        return job->hooks->identify(job->hooks->user, state, &checkpoint->state);
    return LS_OK;
}

void ls_fit_describe_release(struct ls_checkpoint *checkpoint)
{
    ls_tree_free(checkpoint->compile);
    ls_tree_free(checkpoint->state);
    *checkpoint = (struct ls_checkpoint){0};
}
