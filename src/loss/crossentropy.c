/* Cross-entropies. From logits they are the kernel room's loops; from probabilities Keras' formulas
 * with their clipping to [E, 1 - E], which lets no gradient through outside. */
#include "kernel/activation.h"
#include "kernel/kernels.h"
#include "layer/portable.h"
#include "loss/probability.h"

/* -- SparseCategoricalCrossentropy */

static const struct ls_option sparse_options[] = {
    LS_LOSS_COMMON_OPTIONS,
    LS_FROM_LOGITS_OPTION(struct ls_sparse, from_logits),
    LS_IGNORE_CLASS_OPTION(struct ls_sparse, ignore_class),
    LS_LAST_AXIS_OPTION(struct ls_sparse, axis, true),
    {.name = NULL},
};

static int64_t sparse_ignored(const void *options)
{
    return ((const struct ls_sparse *)options)->ignore_class;
}

/* Keras takes the logarithms of the clipped probabilities as logits: a sum other than 1 is divided
 * out. */
static void sparse_of_probabilities(const struct ls_loss_call *call, const float *classes)
{
    for (int64_t p = 0; p < call->positions; p++) {
        const float *row = call->prediction + p * call->columns;
        int64_t class = (int64_t)classes[p];
        double sum = 0;
        for (int64_t c = 0; c < call->columns; c++)
            sum += ls_probability_clip(row[c]);
        call->value[p] = (float)(ls_portable_log(sum) -
                                 ls_portable_log((double)ls_probability_clip(row[class])));
        for (int64_t c = 0; call->grad && c < call->columns; c++) {
            double slope = 1 / sum - (c == class ? 1 / (double)ls_probability_clip(row[c]) : 0);
            call->grad[p * call->columns + c] = ls_probability_passes(row[c]) ? (float)slope : 0;
        }
    }
}

/* The classes, 0 in place of one that is ignored and may be none of them: in work. */
static const float *known_classes(const struct ls_loss_call *call, float ignored)
{
    for (int64_t p = 0; p < call->positions; p++)
        call->work[p] = call->target[p] == ignored ? 0 : call->target[p];
    return call->work;
}

static void clear_ignored(const struct ls_loss_call *call, float ignored)
{
    for (int64_t p = 0; p < call->positions; p++) {
        if (call->target[p] != ignored)
            continue;
        call->value[p] = 0;
        if (call->grad)
            ls_k->fill(call->grad + p * call->columns, 0, (size_t)call->columns);
    }
}

static void sparse(const struct ls_loss_call *call)
{
    int64_t ignored = sparse_ignored(call->options);
    bool ignores = ignored != LS_NULL_INT;
    const float *classes = ignores ? known_classes(call, (float)ignored) : call->target;
    if (call->from_logits)
        ls_k->softmax_crossentropy(call->value, call->grad, call->prediction, classes,
                                   (size_t)call->positions, (size_t)call->columns);
    else
        sparse_of_probabilities(call, classes);
    if (ignores)
        clear_ignored(call, (float)ignored);
}

static const char *const sparse_examples[] = {"{}", "from_logits: true", "ignore_class: 1",
                                              "ignore_class: 2, from_logits: true, axis: -1", NULL};

const struct ls_loss_kind ls_loss_sparse_categorical_crossentropy = {
    .kind = {.name = "SparseCategoricalCrossentropy",
             .summary = "-log of the probability of the target's class (an integer)",
             .options = sparse_options,
             .options_size = sizeof(struct ls_sparse)},
    .target = LS_TARGET_CLASS,
    .logits_of = LS_ACTIVATION_SOFTMAX,
    .answer = LS_ANSWER_CLASSES,
    .from_logits_offset = offsetof(struct ls_sparse, from_logits),
    .compute = sparse,
    .ignored = sparse_ignored,
    .examples = sparse_examples,
};

/* -- CategoricalCrossentropy, BinaryCrossentropy: the same options */

static const struct ls_option smoothed_options[] = {
    LS_LOSS_COMMON_OPTIONS,
    LS_FROM_LOGITS_OPTION(struct ls_smoothed, from_logits),
    LS_SMOOTHING_OPTION(struct ls_smoothed, label_smoothing),
    LS_LAST_AXIS_OPTION(struct ls_smoothed, axis, false),
    {.name = NULL},
};

static const char *const smoothed_examples[] = {"{}", "from_logits: true, axis: -1",
                                                "label_smoothing: 0.2",
                                                "from_logits: true, label_smoothing: 0.1", NULL};

const float *ls_smooth_targets(const struct ls_loss_call *call, double even, float *room)
{
    const struct ls_smoothed *o = call->options;
    if (o->label_smoothing == 0)
        return call->target;
    ls_k->affine(room, call->target, (float)(1 - o->label_smoothing),
                 (float)(o->label_smoothing * even), (size_t)(call->positions * call->columns));
    return room;
}

/* q = clip(p / sum p); value = -sum y log q. With h = d value / d q where the clip lets it through:
 * d value / d p = (h - sum h q) / sum p. */
static void categorical_of_probabilities(const struct ls_loss_call *call, const float *target)
{
    for (int64_t p = 0; p < call->positions; p++) {
        const float *row = call->prediction + p * call->columns;
        const float *y = target + p * call->columns;
        double sum = 0, value = 0, inner = 0;
        for (int64_t c = 0; c < call->columns; c++)
            sum += row[c];
        for (int64_t c = 0; c < call->columns; c++) {
            float q = (float)(row[c] / sum);
            value -= y[c] * ls_portable_log((double)ls_probability_clip(q));
            inner -= ls_probability_passes(q) ? y[c] : 0;
        }
        call->value[p] = (float)value;
        for (int64_t c = 0; call->grad && c < call->columns; c++) {
            float q = (float)(row[c] / sum);
            double h = ls_probability_passes(q) ? -(double)y[c] / q : 0;
            call->grad[p * call->columns + c] = (float)((h - inner) / sum);
        }
    }
}

static void categorical(const struct ls_loss_call *call)
{
    const float *target = ls_smooth_targets(call, 1 / (double)call->columns, call->work);
    if (call->from_logits)
        ls_k->softmax_crossentropy_dense(call->value, call->grad, call->prediction, target,
                                         (size_t)call->positions, (size_t)call->columns);
    else
        categorical_of_probabilities(call, target);
}

const struct ls_loss_kind ls_loss_categorical_crossentropy = {
    .kind = {.name = "CategoricalCrossentropy",
             .summary = "-sum of target log probability over the classes",
             .options = smoothed_options,
             .options_size = sizeof(struct ls_smoothed)},
    .target = LS_TARGET_SAME,
    .logits_of = LS_ACTIVATION_SOFTMAX,
    .answer = LS_ANSWER_CLASSES,
    .from_logits_offset = offsetof(struct ls_smoothed, from_logits),
    .compute = categorical,
    .examples = smoothed_examples,
};

/* -- BinaryCrossentropy */

static void binary_of_probabilities(const struct ls_loss_call *call, const float *target)
{
    double columns = (double)call->columns;
    for (int64_t p = 0; p < call->positions; p++) {
        const float *row = call->prediction + p * call->columns;
        const float *y = target + p * call->columns;
        double value = 0;
        for (int64_t c = 0; c < call->columns; c++) {
            double q = ls_probability_clip(row[c]);
            value -= y[c] * ls_portable_log(q) + (1.0 - y[c]) * ls_portable_log(1 - q);
        }
        call->value[p] = (float)(value / columns);
        for (int64_t c = 0; call->grad && c < call->columns; c++) {
            double q = ls_probability_clip(row[c]), slope = (1.0 - y[c]) / (1 - q) - y[c] / q;
            call->grad[p * call->columns + c] =
                ls_probability_passes(row[c]) ? (float)(slope / columns) : 0;
        }
    }
}

/* The values' terms take work, so that smoothed targets stand where the gradient comes. */
static void binary_of_logits(const struct ls_loss_call *call)
{
    size_t columns = (size_t)call->columns, n = (size_t)call->positions * columns;
    const float *target = ls_smooth_targets(call, 0.5, call->grad ? call->grad : call->work);
    ls_k->sigmoid_crossentropy(call->work, call->grad, call->prediction, target, n);
    for (int64_t p = 0; p < call->positions; p++)
        call->value[p] =
            (float)(ls_k->sum(call->work + (size_t)p * columns, columns) / (double)columns);
    if (call->grad && columns > 1)
        ls_k->scale(call->grad, call->grad, 1.0F / (float)columns, n);
}

static void binary(const struct ls_loss_call *call)
{
    if (call->from_logits)
        binary_of_logits(call);
    else
        binary_of_probabilities(call, ls_smooth_targets(call, 0.5, call->work));
}

static const char *const binary_aliases[] = {"bce", "BCE", NULL};

const struct ls_loss_kind ls_loss_binary_crossentropy = {
    .kind = {.name = "BinaryCrossentropy",
             .aliases = binary_aliases,
             .summary = "mean of -log of the probability of the target, 0 or 1",
             .options = smoothed_options,
             .options_size = sizeof(struct ls_smoothed)},
    .target = LS_TARGET_SAME,
    .logits_of = LS_ACTIVATION_SIGMOID,
    .answer = LS_ANSWER_LABELS,
    .from_logits_offset = offsetof(struct ls_smoothed, from_logits),
    .compute = binary,
    .examples = smoothed_examples,
};
