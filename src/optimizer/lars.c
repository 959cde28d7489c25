/* LARS (You, Gitman, Ginsburg, Large batch training of convolutional networks, arXiv:1708.03888,
 * 2017, algorithm 1), which Keras has not: with the weight decay b, the trust coefficient c and the
 * momentum mu, per variable
 *     rate = lr c |w| / (|g| + b |w| + epsilon),  m = mu m - rate (g + b w),  w += m.
 * Where |w| or |g| is 0 the rate is lr, or a variable that begins as zeros would stay so. Here
 * weight_decay is b, part of the gradient, not the decay beside it of the other kinds. */
#include <string.h>

#include "kernel/kernels.h"
#include "optimizer/optimizer.h"

struct lars {
    struct ls_optimizer_common common;
    double momentum, trust_coefficient, epsilon;
    bool nesterov;
};

static const struct ls_option options[] = {
    LS_OPTIMIZER_COMMON_OPTIONS("0.01"),
    {.name = "momentum",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct lars, momentum),
     .initial = "0.9",
     .min = 0,
     .max = 1,
     .help = "part of the last step that goes on"},
    LS_OPTIMIZER_OWN(struct lars, trust_coefficient, "0.001", false,
                     "length of a step, as part of the variable's, at learning rate 1"),
    LS_OPTIMIZER_OWN(struct lars, epsilon, "0.0", false, "added to the gradient's norm"),
    {.name = "nesterov",
     .type = LS_OPTION_BOOL,
     .offset = offsetof(struct lars, nesterov),
     .initial = "false",
     .help = "momentum looks one step ahead"},
    {.name = NULL},
};

static size_t slots(const void *options_, const char *names[LS_SLOTS_MAX])
{
    const struct lars *o = options_;
    if (o->momentum == 0)
        return 0;
    names[0] = "momentum";
    return 1;
}

static size_t room(const struct ls_shape *shape)
{
    return (size_t)ls_shape_count(shape);
}

/* None beside the gradient. */
static double decay(const void *options_, int way)
{
    (void)options_, (void)way;
    return (double)NAN;
}

static void step(const struct ls_optimizer_call *call)
{
    const struct lars *o = call->options;
    double b = isnan(o->common.weight_decay) ? 0 : o->common.weight_decay;
    double weights = sqrt(ls_sum_blocks(call->weights, call->n, LS_SUM_SQUARES));
    double gradient = sqrt(ls_sum_blocks(call->gradient, call->n, LS_SUM_SQUARES));
    struct ls_update update = {
        .learning_rate = call->learning_rate, .momentum = o->momentum, .nesterov = o->nesterov};
    if (weights > 0 && gradient > 0)
        update.learning_rate *=
            o->trust_coefficient * weights / (gradient + b * weights + o->epsilon);
    memcpy(call->room, call->gradient, call->n * sizeof(float));
    ls_k->axpy(call->room, (float)b, call->weights, call->n);
    ls_k->sgd(call->weights, o->momentum == 0 ? NULL : call->slot[0], call->room, &update, call->n);
}

static const char *const examples[] = {
    "{}", "learning_rate: 1.0, momentum: 0.0, trust_coefficient: 0.1",
    "learning_rate: 1.0, weight_decay: 0.01, trust_coefficient: 0.01, epsilon: 0.001, nesterov: "
    "true",
    NULL};

const struct ls_optimizer_kind ls_optimizer_lars = {
    .kind = {.name = "LARS",
             .registered = "lockstep>LARS",
             .summary =
                 "momentum's steps by the length of each variable; weight_decay is in the gradient",
             .options = options,
             .options_size = sizeof(struct lars)},
    .slots = slots,
    .step = step,
    .learning_rate_offset = offsetof(struct lars, common.learning_rate),
    .by_variable = true,
    .room = room,
    .decay = decay,
    .examples = examples,
};
