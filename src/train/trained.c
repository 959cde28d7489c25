#include "train/trained.h"

#include <string.h>

#include "base/memory.h"

static ls_status make(struct ls_model *model)
{
    ls_trained_free(model->trained);
    model->trained = NULL;
    return ls_allocate(&model->trained, 1, sizeof *model->trained);
}

ls_status ls_trained_from_file(struct ls_checkpoint *file)
{
    struct ls_model *model = file->model;
    if (file->slots == 0 && file->iteration == 0 && !file->slots_refused)
        return LS_OK;
    LS_TRY(make(model));
    for (size_t s = 0; s < file->slots; s++) {
        model->trained->slot_name[s] = (char *)file->slot_name[s]; /* which reading made */
        model->trained->slot[s] = file->slot[s];
    }
    model->trained->slots = file->slots;
    model->trained->iteration = file->iteration;
    model->trained->refused = file->slots_refused;
    file->slots = 0;
    file->slots_refused = NULL;
    return LS_OK;
}

void ls_trained_lend(struct ls_checkpoint *checkpoint, const struct ls_model *model)
{
    const struct ls_trained *trained = model->trained;
    if (!trained)
        return;
    for (size_t s = 0; s < trained->slots; s++) {
        checkpoint->slot_name[s] = trained->slot_name[s];
        checkpoint->slot[s] = trained->slot[s];
    }
    checkpoint->slots = trained->slots;
    checkpoint->iteration = trained->iteration;
    checkpoint->slots_refused = trained->refused;
}

static const float *find(const struct ls_trained *trained, const char *name)
{
    for (size_t s = 0; s < trained->slots; s++)
        if (strcmp(trained->slot_name[s], name) == 0)
            return trained->slot[s];
    return NULL;
}

ls_status ls_trained_begin(const struct ls_model *model, struct ls_fit_run *run, int64_t *before)
{
    const struct ls_trained *trained = model->trained;
    struct ls_update_plan *update = ls_fit_update(run);
    *before = 0;
    if (!trained)
        return LS_OK;
    if (trained->refused)
        return ls_fail(LS_BAD_INPUT, "%s", trained->refused);
    for (size_t s = 0; s < ls_update_plan_slots(update); s++) {
        const float *from = find(trained, ls_update_plan_slot_name(update, s));
        if (!from)
            return ls_fail(LS_BAD_INPUT, "the model's optimizer has no slot '%s'",
                           ls_update_plan_slot_name(update, s));
        if (ls_crew_leads(ls_fit_crew(run)))
            memcpy(ls_update_plan_slot(update, s), from, model->trainable_floats * sizeof *from);
    }
    *before = trained->iteration;
    return LS_OK;
}

ls_status ls_trained_end(struct ls_model *model, const struct ls_fit_run *run)
{
    const struct ls_position *position = &ls_fit_state(run)->position;
    struct ls_update_plan *update = ls_fit_update(run);
    ls_status status = LS_OK;
    LS_TRY_OUT(make(model));
    struct ls_trained *trained = model->trained;
    trained->iteration = position->before + position->iteration;
    for (size_t s = 0; s < ls_update_plan_slots(update); s++) {
        LS_TRY_OUT(ls_duplicate(&trained->slot_name[s], ls_update_plan_slot_name(update, s)));
        trained->slots = s + 1;
        LS_TRY_OUT(ls_update_plan_take_slot(update, s, &trained->slot[s]));
    }
out:
    if (status != LS_OK) {
        ls_trained_free(model->trained);
        model->trained = NULL;
    }
    return status;
}
