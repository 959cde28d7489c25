/* Adamax: Adam with the largest magnitude so far in place of the mean square (Kingma, Ba, ICLR
 * 2015, section 7.1), as Keras computes it. */
#include "kernel/kernels.h"
#include "layer/portable.h"
#include "optimizer/optimizer.h"

struct adamax {
    struct ls_optimizer_common common;
    double beta_1, beta_2, epsilon;
};

static const struct ls_option options[] = {LS_OPTIMIZER_COMMON_OPTIONS("0.001"),
                                           LS_OPTIMIZER_MOMENT_OPTIONS(struct adamax),
                                           {.name = NULL}};

static size_t slots(const void *options_, const char *names[LS_SLOTS_MAX])
{
    (void)options_;
    names[0] = "momentum";
    names[1] = "norm";
    return 2;
}

static void step(const struct ls_optimizer_call *call)
{
    const struct adamax *o = call->options;
    struct ls_update update = {.learning_rate = call->learning_rate,
                               .beta_1 = o->beta_1,
                               .beta_2 = o->beta_2,
                               .epsilon = o->epsilon,
                               .rest_1 = 1 - ls_portable_power(o->beta_1, call->iteration + 1)};
    ls_k->adamax(call->weights, call->slot[0], call->slot[1], call->gradient, &update, call->n);
}

static const char *const examples[] = {
    "{}", "learning_rate: 0.1, beta_1: 0.5, beta_2: 0.75, epsilon: 0.001", NULL};

const struct ls_optimizer_kind ls_optimizer_adamax = {
    .kind = {.name = "Adamax",
             .summary = "Adam by the gradient's largest magnitude",
             .options = options,
             .options_size = sizeof(struct adamax)},
    .slots = slots,
    .paired = 2,
    .step = step,
    .learning_rate_offset = offsetof(struct adamax, common.learning_rate),
    .examples = examples,
};
