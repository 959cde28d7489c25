/* SGD: w -= lr g; with momentum mu: m = mu m - lr g, w += m; with nesterov w += mu m - lr g
 * (Sutskever et al., ICML 2013). The one to copy. */
#include "kernel/kernels.h"
#include "optimizer/optimizer.h"

struct sgd {
    struct ls_optimizer_common common;
    double momentum;
    bool nesterov;
};

static const struct ls_option options[] = {
    LS_OPTIMIZER_COMMON_OPTIONS("0.01"),
    {.name = "momentum",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct sgd, momentum),
     .initial = "0.0",
     .min = 0,
     .max = 1,
     .help = "part of the last step that goes on"},
    {.name = "nesterov",
     .type = LS_OPTION_BOOL,
     .offset = offsetof(struct sgd, nesterov),
     .initial = "false",
     .help = "momentum looks one step ahead"},
    {.name = NULL},
};

static size_t slots(const void *options_, const char *names[LS_SLOTS_MAX])
{
    const struct sgd *o = options_;
    if (o->momentum == 0)
        return 0;
    names[0] = "momentum";
    return 1;
}

static void step(const struct ls_optimizer_call *call)
{
    const struct sgd *o = call->options;
    struct ls_update update = {
        .learning_rate = call->learning_rate, .momentum = o->momentum, .nesterov = o->nesterov};
    ls_k->sgd(call->weights, o->momentum == 0 ? NULL : call->slot[0], call->gradient, &update,
              call->n);
}

static const char *const examples[] = {"{}", "learning_rate: 0.05, momentum: 0.9",
                                       "learning_rate: 0.05, momentum: 0.9, nesterov: true",
                                       "nesterov: true, name: mine", NULL};

const struct ls_optimizer_kind ls_optimizer_sgd = {
    .kind = {.name = "SGD",
             .summary = "gradient descent, with or without momentum",
             .options = options,
             .options_size = sizeof(struct sgd)},
    .slots = slots,
    .step = step,
    .learning_rate_offset = offsetof(struct sgd, common.learning_rate),
    .examples = examples,
};
