/* Nadam: Adam with Nesterov's momentum (Dozat, ICLR workshop 2016), as Keras computes it: the
 * momentum of update t is u(t) = beta_1 (1 - 0.96^t / 2), and U(t) the product of u(1) to u(t). */
#include "kernel/kernels.h"
#include "layer/portable.h"
#include "optimizer/optimizer.h"

struct nadam {
    struct ls_optimizer_common common;
    double beta_1, beta_2, epsilon;
};

static const struct ls_option options[] = {LS_OPTIMIZER_COMMON_OPTIONS("0.001"),
                                           LS_OPTIMIZER_MOMENT_OPTIONS(struct nadam),
                                           {.name = NULL}};

static const double schedule_decay = 0.96;

static size_t slots(const void *options_, const char *names[LS_SLOTS_MAX])
{
    (void)options_;
    names[0] = "momentum";
    names[1] = "velocity";
    return 2;
}

static double momentum_of(const struct nadam *o, int64_t t)
{
    return o->beta_1 * (1 - 0.5 * ls_portable_power(schedule_decay, t));
}

/* U(t) without a state of its own: after `settled` factors the others are beta_1, to the last bit.
 */
static double momentum_product(const void *options_, int64_t t)
{
    enum { SETTLED = 900 };
    const struct nadam *o = options_;
    double product = ls_portable_power(o->beta_1, t), power = 1;
    for (int64_t i = 1; i <= t && i <= SETTLED; i++) {
        power *= schedule_decay;
        product *= 1 - 0.5 * power;
    }
    return product;
}

static void step(const struct ls_optimizer_call *call)
{
    const struct nadam *o = call->options;
    int64_t t = call->iteration + 1;
    double product = momentum_product(o, t), next = momentum_of(o, t + 1);
    struct ls_update update = {.learning_rate = call->learning_rate,
                               .beta_1 = o->beta_1,
                               .beta_2 = o->beta_2,
                               .epsilon = o->epsilon,
                               .of_momentum = next / (1 - product * next),
                               .of_gradient = (1 - momentum_of(o, t)) / (1 - product),
                               .rest_2 = 1 - ls_portable_power(o->beta_2, t)};
    ls_k->nadam(call->weights, call->slot[0], call->slot[1], call->gradient, &update, call->n);
}

static const char *const examples[] = {
    "{}", "learning_rate: 0.1, beta_1: 0.5, beta_2: 0.75, epsilon: 0.001", NULL};

const struct ls_optimizer_kind ls_optimizer_nadam = {
    .kind = {.name = "Nadam",
             .summary = "Adam with Nesterov's momentum",
             .options = options,
             .options_size = sizeof(struct nadam)},
    .slots = slots,
    .paired = 2,
    .step = step,
    .scalar = momentum_product,
    .learning_rate_offset = offsetof(struct nadam, common.learning_rate),
    .examples = examples,
};
