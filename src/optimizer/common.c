/* What Keras' optimizers have in common: the options that do not go together, all slots. */
#include "optimizer/optimizer.h"

/* Keras' own error: only one of the three may be set. */
static ls_status check_clips(const struct ls_optimizer_common *common)
{
    int set =
        !isnan(common->clipnorm) + !isnan(common->global_clipnorm) + !isnan(common->clipvalue);
    return set <= 1 ? LS_OK
                    : ls_fail(LS_BAD_INPUT,
                              "only one of clipnorm, clipvalue and global_clipnorm can be set: "
                              "leave out the others");
}

static ls_status check(const struct ls_instance *optimizer)
{
    const struct ls_optimizer_kind *kind = ls_optimizer_kind(optimizer);
    LS_TRY(check_clips(ls_optimizer_common(optimizer)));
    LS_TRY(ls_schedule_check(&ls_optimizer_rate(optimizer)->instance));
    return kind->check ? kind->check(optimizer->options) : LS_OK;
}

ls_status ls_optimizer_parse(struct ls_instance *optimizer, const struct ls_tree *tree)
{
    LS_TRY(ls_instance_parse(optimizer, &ls_optimizers, tree));
    if (check(optimizer) == LS_OK)
        return LS_OK;
    ls_status status =
        ls_fail_at(tree, LS_BAD_INPUT, "%s: %s", optimizer->kind->name, ls_message());
    ls_instance_release(optimizer);
    return status;
}

static size_t add(struct ls_optimizer_slots *slots, const char *name, double initial)
{
    slots->name[slots->count] = name;
    slots->initial[slots->count] = initial;
    return slots->count++;
}

void ls_optimizer_slots(struct ls_optimizer_slots *slots, const struct ls_instance *optimizer)
{
    const struct ls_optimizer_kind *kind = ls_optimizer_kind(optimizer);
    const struct ls_optimizer_common *common = ls_optimizer_common(optimizer);
    const char *name[LS_SLOTS_MAX];
    size_t own = kind->slots(optimizer->options, name);
    *slots = (struct ls_optimizer_slots){.average = SIZE_MAX, .accumulator = SIZE_MAX};
    if (common->use_ema)
        slots->average = add(slots, "average", 0);
    if (common->gradient_accumulation_steps != LS_NULL_INT)
        slots->accumulator = add(slots, "gradient_accumulator", 0);
    slots->own = slots->count;
    for (size_t s = 0; s < own; s++)
        add(slots, name[s], kind->initial ? kind->initial(optimizer->options, s) : 0);
}

int64_t ls_optimizer_updates(const struct ls_instance *optimizer, int64_t steps)
{
    int64_t each = ls_optimizer_common(optimizer)->gradient_accumulation_steps;
    return each == LS_NULL_INT ? steps : steps / each;
}
