/* Lion (Chen et al., NeurIPS 2023): steps of one size, by the sign of the gradient's mean. */
#include "kernel/kernels.h"
#include "optimizer/optimizer.h"

struct lion {
    struct ls_optimizer_common common;
    double beta_1, beta_2;
};

static const struct ls_option options[] = {
    LS_OPTIMIZER_COMMON_OPTIONS("0.001"),
    {.name = "beta_1",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct lion, beta_1),
     .initial = "0.9",
     .min = 0,
     .max = 1,
     .open_min = true,
     .help = "part of the mean in the step, the rest being the gradient's"},
    LS_OPTIMIZER_OWN(struct lion, beta_2, "0.99", true, "decay of the gradient's mean"),
    {.name = NULL},
};

static size_t slots(const void *options_, const char *names[LS_SLOTS_MAX])
{
    (void)options_;
    names[0] = "momentum";
    return 1;
}

static void step(const struct ls_optimizer_call *call)
{
    const struct lion *o = call->options;
    struct ls_update update = {
        .learning_rate = call->learning_rate, .beta_1 = o->beta_1, .beta_2 = o->beta_2};
    ls_k->lion(call->weights, call->slot[0], call->gradient, &update, call->n);
}

static const char *const examples[] = {"{}", "learning_rate: 0.01, beta_1: 0.5, beta_2: 0.75",
                                       NULL};

const struct ls_optimizer_kind ls_optimizer_lion = {
    .kind = {.name = "Lion",
             .summary = "steps of one size, by the sign of the gradient's mean",
             .options = options,
             .options_size = sizeof(struct lion)},
    .slots = slots,
    .step = step,
    .learning_rate_offset = offsetof(struct lion, common.learning_rate),
    .examples = examples,
};
