/* Adagrad (Duchi, Hazan, Singer, JMLR 12, 2011) as Keras computes it: epsilon stands under the
 * root.
 */
#include "kernel/kernels.h"
#include "optimizer/optimizer.h"

struct adagrad {
    struct ls_optimizer_common common;
    double initial_accumulator_value, epsilon;
};

static const struct ls_option options[] = {
    LS_OPTIMIZER_COMMON_OPTIONS("0.001"),
    LS_OPTIMIZER_OWN(struct adagrad, initial_accumulator_value, "0.1", false,
                     "sum of squares before the first step"),
    LS_OPTIMIZER_OWN(struct adagrad, epsilon, "1e-07", false, "added to the sum of squares"),
    {.name = NULL},
};

static size_t slots(const void *options_, const char *names[LS_SLOTS_MAX])
{
    (void)options_;
    names[0] = "accumulator";
    return 1;
}

static double initial(const void *options_, size_t slot)
{
    const struct adagrad *o = options_;
    (void)slot;
    return o->initial_accumulator_value;
}

static void step(const struct ls_optimizer_call *call)
{
    const struct adagrad *o = call->options;
    struct ls_update update = {.learning_rate = call->learning_rate, .epsilon = o->epsilon};
    ls_k->adagrad(call->weights, call->slot[0], call->gradient, &update, call->n);
}

static const char *const examples[] = {
    "{}", "learning_rate: 0.1, initial_accumulator_value: 0.5, epsilon: 0.001", NULL};

const struct ls_optimizer_kind ls_optimizer_adagrad = {
    .kind = {.name = "Adagrad",
             .summary = "steps divided by the root of the gradient's sum of squares",
             .options = options,
             .options_size = sizeof(struct adagrad)},
    .slots = slots,
    .initial = initial,
    .step = step,
    .learning_rate_offset = offsetof(struct adagrad, common.learning_rate),
    .examples = examples,
};
