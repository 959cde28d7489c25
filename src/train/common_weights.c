#include "train/common_weights.h"

#include "train/adapt.h"

ls_status ls_weights_make(float **common, struct ls_crew *crew, struct ls_model *model)
{
    *common = NULL;
    if (ls_crew_size(crew) == 1)
        return ls_model_make_weights(model);
    LS_TRY(ls_crew_allocate(crew, common, ls_model_arena_floats(model) * sizeof **common));
    ls_status status = ls_model_lend_weights(model, *common, ls_crew_leads(crew));
    if (status != LS_OK) {
        ls_crew_release(crew, *common);
        *common = NULL;
    }
    return status;
}

ls_status ls_weights_return(float **common, struct ls_crew *crew, struct ls_model *model)
{
    float *own;
    if (!*common)
        return LS_OK;
    LS_TRY(ls_crew_take(crew, *common, &own));
    *common = NULL;
    ls_model_return_weights(model, own);
    return LS_OK;
}

ls_status ls_weights_initialize(struct ls_model *model, uint64_t seed, struct ls_crew *crew,
                                struct ls_data *data)
{
    ls_status status = ls_crew_leads(crew) ? ls_model_initialize(model, seed) : LS_OK;
    LS_TRY(ls_comm_agree(ls_crew_comm(crew), status));
    model->initialized = true;
    LS_TRY(ls_crew_wait(crew));
    return ls_model_adapt(model, crew, data);
}
