/* Adam (Kingma, Ba, ICLR 2015) as Keras computes it: epsilon is added to the root of the velocity
 * as it stands, the corrections of both moments are one factor. amsgrad: Reddi et al., ICLR 2018.
 * AdamW (Loshchilov, Hutter, ICLR 2019) is Adam with weight decay. */
#include "kernel/kernels.h"
#include "layer/portable.h"
#include "optimizer/optimizer.h"

struct adam {
    struct ls_optimizer_common common;
    double beta_1, beta_2, epsilon;
    bool amsgrad;
};

#define ADAM_OPTIONS                                                                               \
    LS_OPTIMIZER_MOMENT_OPTIONS(struct adam),                                                      \
    {                                                                                              \
        .name = "amsgrad", .type = LS_OPTION_BOOL, .offset = offsetof(struct adam, amsgrad),       \
        .initial = "false", .help = "divide by the largest velocity so far"                        \
    }

static const struct ls_option options[] = {
    LS_OPTIMIZER_COMMON_OPTIONS("0.001"), ADAM_OPTIONS, {.name = NULL}};
static const struct ls_option decayed_options[] = {
    LS_OPTIMIZER_DECAY_OPTIONS("0.001", "0.004", false), ADAM_OPTIONS, {.name = NULL}};

static size_t slots(const void *options_, const char *names[LS_SLOTS_MAX])
{
    const struct adam *o = options_;
    names[0] = "momentum";
    names[1] = "velocity";
    names[2] = "velocity_hat";
    return o->amsgrad ? 3 : 2;
}

static void step(const struct ls_optimizer_call *call)
{
    const struct adam *o = call->options;
    int64_t t = call->iteration + 1;
    double correction =
        sqrt(1 - ls_portable_power(o->beta_2, t)) / (1 - ls_portable_power(o->beta_1, t));
    struct ls_update update = {.learning_rate = call->learning_rate,
                               .beta_1 = o->beta_1,
                               .beta_2 = o->beta_2,
                               .epsilon = o->epsilon,
                               .amsgrad = o->amsgrad,
                               .correction = correction};
    ls_k->adam(call->weights, call->slot[0], call->slot[1], o->amsgrad ? call->slot[2] : NULL,
               call->gradient, &update, call->n);
}

static const char *const examples[] = {
    "{}", "learning_rate: 0.01, amsgrad: true",
    "learning_rate: 0.1, beta_1: 0.5, beta_2: 0.75, epsilon: 0.001", NULL};

const struct ls_optimizer_kind ls_optimizer_adam = {
    .kind = {.name = "Adam",
             .summary = "steps scaled by running moments of the gradient",
             .options = options,
             .options_size = sizeof(struct adam)},
    .slots = slots,
    .paired = 2,
    .step = step,
    .learning_rate_offset = offsetof(struct adam, common.learning_rate),
    .examples = examples,
};

static const char *const decayed_aliases[] = {"adamw", NULL};
static const char *const decayed_examples[] = {"{}", "learning_rate: 0.01, weight_decay: 0.1",
                                               "amsgrad: true, weight_decay: 0.0", NULL};

const struct ls_optimizer_kind ls_optimizer_adamw = {
    .kind = {.name = "AdamW",
             .aliases = decayed_aliases,
             .summary = "Adam with weight decay",
             .options = decayed_options,
             .options_size = sizeof(struct adam)},
    .slots = slots,
    .paired = 2,
    .step = step,
    .learning_rate_offset = offsetof(struct adam, common.learning_rate),
    .examples = decayed_examples,
};
