/* A plugin's loss as a kind. */
#include "kernel/activation.h"
#include "loss/loss.h"

struct custom {
    struct ls_loss_kind loss;
    const struct ls_custom_loss *custom;
};

static void compute(const struct ls_loss_call *call)
{
    ((const struct custom *)call->kind)
        ->custom->compute(&(struct ls_custom_loss_call){
            .option = ls_custom_numbers(call->options, sizeof(struct ls_loss_common)),
            .positions = call->positions,
            .columns = call->columns,
            .prediction = call->prediction,
            .target = call->target,
            .value = call->value,
            .gradient = call->grad,
        });
}

ls_status ls_loss_custom(const struct ls_kind **kind, const struct ls_custom_loss *custom)
{
    static const struct ls_option common[] = {LS_LOSS_COMMON_OPTIONS, {.name = NULL}};
    struct custom *made = NULL;
    if (!custom->compute)
        return ls_fail(LS_BAD_INPUT, "a loss needs the function compute");
    LS_TRY(ls_custom_create(
        &made, &(struct ls_custom_source){.custom = &custom->kind,
                                          .kind_bytes = sizeof *made,
                                          .common = common,
                                          .common_bytes = sizeof(struct ls_loss_common)}));
    if (ls_loss_resolve(made->loss.kind.name, 1, LS_TARGET_SAME)) {
        ls_custom_free(&made->loss.kind);
        return ls_fail(LS_BAD_INPUT, "'%s' stands for one of several losses: give it another name",
                       custom->kind.name);
    }
    made->custom = custom;
    made->loss.target = custom->classes ? LS_TARGET_CLASS : LS_TARGET_SAME;
    made->loss.logits_of = LS_ACTIVATION_LINEAR;
    made->loss.from_logits_offset = SIZE_MAX;
    made->loss.compute = compute;
    made->loss.examples = ls_custom_examples(&custom->kind);
    *kind = &made->loss.kind;
    return LS_OK;
}
