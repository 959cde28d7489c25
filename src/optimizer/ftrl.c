/* FTRL-proximal (McMahan et al., Ad click prediction, KDD 2013) as Keras computes it: beta adds to
 * the L2 strength by the learning rate, the shrinkage to the gradient. */
#include "kernel/kernels.h"
#include "optimizer/optimizer.h"

struct ftrl {
    struct ls_optimizer_common common;
    double learning_rate_power, initial_accumulator_value;
    double l1_regularization_strength, l2_regularization_strength;
    double l2_shrinkage_regularization_strength, beta;
};

static const struct ls_option options[] = {
    LS_OPTIMIZER_COMMON_OPTIONS("0.001"),
    {.name = "learning_rate_power",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct ftrl, learning_rate_power),
     .initial = "-0.5",
     .min = -INFINITY,
     .max = 0,
     .help = "how the step goes by the sum of squares"},
    LS_OPTIMIZER_OWN(struct ftrl, initial_accumulator_value, "0.1", false,
                     "sum of squares before the first step"),
    LS_OPTIMIZER_OWN(struct ftrl, l1_regularization_strength, "0.0", false, "L1 penalty"),
    LS_OPTIMIZER_OWN(struct ftrl, l2_regularization_strength, "0.0", false, "L2 penalty"),
    LS_OPTIMIZER_OWN(struct ftrl, l2_shrinkage_regularization_strength, "0.0", false,
                     "L2 penalty that is part of the gradient"),
    LS_OPTIMIZER_OWN(struct ftrl, beta, "0.0", false, "slows the first steps"),
    {.name = NULL},
};

static size_t slots(const void *options_, const char *names[LS_SLOTS_MAX])
{
    (void)options_;
    names[0] = "accumulator";
    names[1] = "linear";
    return 2;
}

static double initial(const void *options_, size_t slot)
{
    const struct ftrl *o = options_;
    return slot == 0 ? o->initial_accumulator_value : 0;
}

static void step(const struct ls_optimizer_call *call)
{
    const struct ftrl *o = call->options;
    struct ls_update update = {.learning_rate = call->learning_rate,
                               .power = -o->learning_rate_power,
                               .l1 = o->l1_regularization_strength,
                               .l2 = o->l2_regularization_strength,
                               .l2_shrinkage = o->l2_shrinkage_regularization_strength};
    if (o->beta > 0)
        update.l2 += o->beta / (2 * call->learning_rate);
    ls_k->ftrl(call->weights, call->slot[0], call->slot[1], call->gradient, &update, call->n);
}

static const char *const examples[] = {
    "{}", "learning_rate: 0.1, l1_regularization_strength: 0.01, l2_regularization_strength: 0.1",
    "learning_rate: 0.1, learning_rate_power: -0.75, initial_accumulator_value: 0.5, "
    "l2_shrinkage_regularization_strength: 0.1, beta: 0.2",
    NULL};

const struct ls_optimizer_kind ls_optimizer_ftrl = {
    .kind = {.name = "Ftrl",
             .summary = "follow the regularized leader: sparse weights of wide models",
             .options = options,
             .options_size = sizeof(struct ftrl)},
    .slots = slots,
    .initial = initial,
    .paired = 2,
    .step = step,
    .learning_rate_offset = offsetof(struct ftrl, common.learning_rate),
    .examples = examples,
};
