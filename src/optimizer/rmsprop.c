/* RMSprop (Hinton, Neural networks for machine learning, lecture 6) as Keras computes it: epsilon
 * stands under the root. */
#include "kernel/kernels.h"
#include "optimizer/optimizer.h"

struct rmsprop {
    struct ls_optimizer_common common;
    double rho, momentum, epsilon;
    bool centered;
};

static const struct ls_option options[] = {
    LS_OPTIMIZER_COMMON_OPTIONS("0.001"),
    {.name = "rho",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct rmsprop, rho),
     .initial = "0.9",
     .min = 0,
     .max = 1,
     .help = "decay of the mean of the gradient's square"},
    {.name = "momentum",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct rmsprop, momentum),
     .initial = "0.0",
     .min = 0,
     .max = 1,
     .help = "part of the last step that goes on"},
    {.name = "epsilon",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct rmsprop, epsilon),
     .initial = "1e-07",
     .min = 0,
     .max = INFINITY,
     .open_max = true,
     .help = "added to the mean square"},
    {.name = "centered",
     .type = LS_OPTION_BOOL,
     .offset = offsetof(struct rmsprop, centered),
     .initial = "false",
     .help = "divide by the variance's root in place of the mean square's"},
    {.name = NULL},
};

struct layout {
    size_t momentum, average, count; /* slots; SIZE_MAX: not in use */
};

static struct layout layout_of(const struct rmsprop *o)
{
    struct layout layout = {.momentum = SIZE_MAX, .average = SIZE_MAX, .count = 1};
    if (o->momentum > 0)
        layout.momentum = layout.count++;
    if (o->centered)
        layout.average = layout.count++;
    return layout;
}

static size_t slots(const void *options_, const char *names[LS_SLOTS_MAX])
{
    struct layout layout = layout_of(options_);
    names[0] = "velocity";
    if (layout.momentum != SIZE_MAX)
        names[layout.momentum] = "momentum";
    if (layout.average != SIZE_MAX)
        names[layout.average] = "average_gradient";
    return layout.count;
}

static void step(const struct ls_optimizer_call *call)
{
    const struct rmsprop *o = call->options;
    struct layout layout = layout_of(o);
    struct ls_update update = {.learning_rate = call->learning_rate,
                               .momentum = o->momentum,
                               .rho = o->rho,
                               .centered = o->centered,
                               .epsilon = o->epsilon};
    ls_k->rmsprop(call->weights, call->slot[0],
                  layout.momentum == SIZE_MAX ? NULL : call->slot[layout.momentum],
                  layout.average == SIZE_MAX ? NULL : call->slot[layout.average], call->gradient,
                  &update, call->n);
}

static const char *const aliases[] = {"rmsprop", NULL};
static const char *const examples[] = {
    "{}", "learning_rate: 0.01, momentum: 0.9", "learning_rate: 0.01, centered: true",
    "learning_rate: 0.01, rho: 0.5, momentum: 0.5, epsilon: 0.001, centered: true", NULL};

const struct ls_optimizer_kind ls_optimizer_rmsprop = {
    .kind = {.name = "RMSprop",
             .aliases = aliases,
             .summary = "steps divided by the running root mean square of the gradient",
             .options = options,
             .options_size = sizeof(struct rmsprop)},
    .slots = slots,
    .step = step,
    .learning_rate_offset = offsetof(struct rmsprop, common.learning_rate),
    .examples = examples,
};
