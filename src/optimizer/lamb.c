/* LAMB (You et al., Large batch optimization for deep learning, ICLR 2020) as Keras computes it:
 * Adam's step of a variable as long as the variable, times the learning rate. */
#include "kernel/kernels.h"
#include "layer/portable.h"
#include "optimizer/optimizer.h"

struct lamb {
    struct ls_optimizer_common common;
    double beta_1, beta_2, epsilon;
};

static const struct ls_option options[] = {
    LS_OPTIMIZER_COMMON_OPTIONS("0.001"), LS_OPTIMIZER_MOMENT_OPTIONS(struct lamb), {.name = NULL}};

static size_t slots(const void *options_, const char *names[LS_SLOTS_MAX])
{
    (void)options_;
    names[0] = "momentum";
    names[1] = "velocity";
    return 2;
}

static size_t room(const struct ls_shape *shape)
{
    return (size_t)ls_shape_count(shape);
}

static void step(const struct ls_optimizer_call *call)
{
    const struct lamb *o = call->options;
    int64_t t = call->iteration + 1;
    struct ls_update update = {.beta_1 = o->beta_1,
                               .beta_2 = o->beta_2,
                               .epsilon = o->epsilon,
                               .rest_1 = 1 - ls_portable_power(o->beta_1, t),
                               .rest_2 = 1 - ls_portable_power(o->beta_2, t)};
    ls_k->lamb(call->room, call->slot[0], call->slot[1], call->gradient, &update, call->n);
    double weights = sqrt(ls_sum_blocks(call->weights, call->n, LS_SUM_SQUARES));
    double change = sqrt(ls_sum_blocks(call->room, call->n, LS_SUM_SQUARES));
    double ratio = weights > 0 && change > 0 ? weights / change : 1;
    ls_k->axpy(call->weights, (float)(-ratio * call->learning_rate), call->room, call->n);
}

static const char *const examples[] = {
    "{}", "learning_rate: 0.1, beta_1: 0.5, beta_2: 0.75, epsilon: 0.001", NULL};

const struct ls_optimizer_kind ls_optimizer_lamb = {
    .kind = {.name = "Lamb",
             .summary = "Adam's steps, as long as each variable is: for large batches",
             .options = options,
             .options_size = sizeof(struct lamb)},
    .slots = slots,
    .paired = 2,
    .step = step,
    .learning_rate_offset = offsetof(struct lamb, common.learning_rate),
    .by_variable = true,
    .room = room,
    .examples = examples,
};
