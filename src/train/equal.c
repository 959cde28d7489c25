#include "train/equal.h"

#include "base/hash.h"
#include "base/memory.h"
#include "comm/combine.h"

ls_status ls_equal_create(struct ls_equal *equal)
{
    return ls_allocate(&equal->odd, (size_t)ls_comm_size(equal->comm), sizeof *equal->odd);
}

void ls_equal_release(struct ls_equal *equal)
{
    ls_release(equal->odd);
}

static uint64_t hash_of(const struct ls_equal *equal, bool slots)
{
    const struct ls_model *model = equal->model;
    uint64_t hash = ls_hash64(model->weights, model->floats * sizeof(float), 0);
    for (size_t s = 0; slots && s < ls_update_plan_slots(equal->update); s++)
        hash = ls_hash64(ls_update_plan_slot(equal->update, s),
                         model->trainable_floats * sizeof(float), hash);
    return hash;
}

ls_status ls_equal_check(struct ls_equal *equal, bool slots, int64_t iteration)
{
    if (ls_comm_size(equal->comm) == 1)
        return LS_OK;
    ls_status status = ls_comm_compare(
        equal->comm, hash_of(equal, slots),
        slots ? "the hash of weights and optimizer" : "the weights' hash", equal->odd);
    if (status == LS_OK)
        return LS_OK;
    for (int rank = 0; rank < ls_comm_size(equal->comm); rank++)
        equal->parted |= equal->odd[rank];
    return ls_fail_within(status, "after step %lld", (long long)iteration);
}
