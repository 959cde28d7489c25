/* Adadelta (Zeiler, arXiv:1212.5701, 2012) as Keras computes it: with a learning rate. */
#include "kernel/kernels.h"
#include "optimizer/optimizer.h"

struct adadelta {
    struct ls_optimizer_common common;
    double rho, epsilon;
};

static const struct ls_option options[] = {
    LS_OPTIMIZER_COMMON_OPTIONS("0.001"),
    {.name = "rho",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct adadelta, rho),
     .initial = "0.95",
     .min = 0,
     .max = 1,
     .help = "decay of both mean squares"},
    LS_OPTIMIZER_OWN(struct adadelta, epsilon, "1e-07", false, "added to both mean squares"),
    {.name = NULL},
};

static size_t slots(const void *options_, const char *names[LS_SLOTS_MAX])
{
    (void)options_;
    names[0] = "accumulated_grad";
    names[1] = "accumulated_delta_var";
    return 2;
}

static void step(const struct ls_optimizer_call *call)
{
    const struct adadelta *o = call->options;
    struct ls_update update = {
        .learning_rate = call->learning_rate, .rho = o->rho, .epsilon = o->epsilon};
    ls_k->adadelta(call->weights, call->slot[0], call->slot[1], call->gradient, &update, call->n);
}

static const char *const examples[] = {"{}", "learning_rate: 1.0",
                                       "learning_rate: 0.5, rho: 0.5, epsilon: 0.001", NULL};

const struct ls_optimizer_kind ls_optimizer_adadelta = {
    .kind = {.name = "Adadelta",
             .summary = "steps as large as the last ones were, by the gradient's mean square",
             .options = options,
             .options_size = sizeof(struct adadelta)},
    .slots = slots,
    .paired = 2,
    .step = step,
    .learning_rate_offset = offsetof(struct adadelta, common.learning_rate),
    .examples = examples,
};
