/* Losses of margins: Hinge, SquaredHinge, CategoricalHinge. Formulas: Keras, losses/losses.py.
 *
 * Keras takes targets of 0 as -1 in batches whose targets are all 0 or 1. Here a 0 is always -1, so
 * that a value depends on no other sample: the same for targets of 0 and 1 and for those of -1 and
 * 1. */
#include "kernel/activation.h"
#include "loss/terms.h"

static const struct ls_option options[] = {LS_LOSS_COMMON_OPTIONS, {.name = NULL}};
static const char *const examples[] = {"{}", "reduction: sum", NULL};

/* -- Hinge, SquaredHinge: at the margin itself, Hinge's slope is that before it */

static struct ls_term hinge_term(double p, double y, const void *unused)
{
    (void)unused;
    double side = y == 0 ? -1 : y, lack = 1 - side * p;
    return lack < 0 ? (struct ls_term){0, 0} : (struct ls_term){lack, -side};
}

static void hinge(const struct ls_loss_call *call)
{
    ls_loss_mean_terms(call, call->target, hinge_term);
}

const struct ls_loss_kind ls_loss_hinge = {
    .kind = {.name = "Hinge",
             .summary = "mean of max(1 - target prediction, 0), targets -1 (or 0) and 1",
             .options = options,
             .options_size = sizeof(struct ls_loss_common)},
    .target = LS_TARGET_SAME,
    .logits_of = LS_ACTIVATION_LINEAR,
    .answer = LS_ANSWER_SIGNS,
    .from_logits_offset = SIZE_MAX,
    .compute = hinge,
    .examples = examples,
};

static struct ls_term squared_term(double p, double y, const void *unused)
{
    struct ls_term lack = hinge_term(p, y, unused);
    return (struct ls_term){lack.value * lack.value, 2 * lack.value * lack.slope};
}

static void squared(const struct ls_loss_call *call)
{
    ls_loss_mean_terms(call, call->target, squared_term);
}

const struct ls_loss_kind ls_loss_squared_hinge = {
    .kind = {.name = "SquaredHinge",
             .summary = "mean of max(1 - target prediction, 0)^2, targets -1 (or 0) and 1",
             .options = options,
             .options_size = sizeof(struct ls_loss_common)},
    .target = LS_TARGET_SAME,
    .logits_of = LS_ACTIVATION_LINEAR,
    .answer = LS_ANSWER_SIGNS,
    .from_logits_offset = SIZE_MAX,
    .compute = squared,
    .examples = examples,
};

/* -- CategoricalHinge: max(max((1 - y) p) - sum(y p) + 1, 0) */

/* In float32, so that what is equal to Keras is so here. */
static float wrong(const float *row, const float *target, int64_t c)
{
    return (1.0F - target[c]) * row[c];
}

/* Equal largest ones share their gradient. */
static void categorical_gradient(const struct ls_loss_call *call, int64_t p, float largest)
{
    const float *row = call->prediction + p * call->columns;
    const float *target = call->target + p * call->columns;
    float *grad = call->grad + p * call->columns;
    int64_t equal = 0;
    for (int64_t c = 0; c < call->columns; c++)
        equal += wrong(row, target, c) == largest;
    for (int64_t c = 0; c < call->columns; c++)
        grad[c] =
            (wrong(row, target, c) == largest ? (1.0F - target[c]) / (float)equal : 0) - target[c];
}

static void categorical(const struct ls_loss_call *call)
{
    for (int64_t p = 0; p < call->positions; p++) {
        const float *row = call->prediction + p * call->columns;
        const float *target = call->target + p * call->columns;
        float largest = wrong(row, target, 0);
        double right = 0;
        for (int64_t c = 0; c < call->columns; c++) {
            float here = wrong(row, target, c);
            largest = here > largest || isnan(here) ? here : largest;
            right += (double)target[c] * row[c];
        }
        double lack = (double)largest - right + 1;
        call->value[p] = lack < 0 ? 0 : (float)lack;
        if (call->grad && lack < 0)
            for (int64_t c = 0; c < call->columns; c++)
                call->grad[p * call->columns + c] = 0;
        else if (call->grad)
            categorical_gradient(call, p, largest);
    }
}

const struct ls_loss_kind ls_loss_categorical_hinge = {
    .kind = {.name = "CategoricalHinge",
             .summary = "how far the right class is from being ahead of the others by 1",
             .options = options,
             .options_size = sizeof(struct ls_loss_common)},
    .target = LS_TARGET_SAME,
    .logits_of = LS_ACTIVATION_LINEAR,
    .answer = LS_ANSWER_CLASSES,
    .from_logits_offset = SIZE_MAX,
    .compute = categorical,
    .examples = examples,
};
