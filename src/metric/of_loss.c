/* Metrics that are the mean of a loss' values. A metric's option struct is struct ls_metric_common
 * and then the loss' options. */
#include "kernel/activation.h"
#include "loss/probability.h"
#include "metric/mean.h"

extern const struct ls_loss_kind ls_loss_binary_crossentropy, ls_loss_categorical_crossentropy,
    ls_loss_categorical_hinge, ls_loss_cosine_similarity, ls_loss_hinge, ls_loss_kl_divergence,
    ls_loss_log_cosh, ls_loss_mean_absolute_error, ls_loss_mean_absolute_percentage_error,
    ls_loss_mean_squared_error, ls_loss_mean_squared_logarithmic_error, ls_loss_poisson,
    ls_loss_sparse_categorical_crossentropy, ls_loss_squared_hinge;

static const struct ls_loss_kind *loss_of(const struct ls_metric_call *call)
{
    return ((const struct ls_metric_kind *)call->kind)->loss;
}

static const void *loss_options(const struct ls_metric_call *call)
{
    return (const char *)call->options + sizeof(struct ls_metric_common);
}

static int64_t ignored_class(const struct ls_metric_call *call)
{
    const struct ls_loss_kind *loss = loss_of(call);
    return loss->ignored ? loss->ignored(loss_options(call)) : LS_NULL_INT;
}

/* Whether the target is the class that does not count. */
static bool is_ignored(const struct ls_metric_call *call, int64_t p)
{
    int64_t ignored = ignored_class(call);
    return ignored != LS_NULL_INT && call->target[p] == (float)ignored;
}

/* Whether the output is the result of the activation whose logits the loss takes: then Keras takes
 * them, whatever the option from_logits says. */
static bool is_activated(const struct ls_metric_call *call)
{
    int activation = loss_of(call)->logits_of;
    return activation != LS_ACTIVATION_LINEAR && activation == call->activation;
}

static bool is_from_logits(const struct ls_metric_call *call)
{
    size_t offset = loss_of(call)->from_logits_offset;
    if (is_activated(call))
        return call->logits != NULL;
    return offset != SIZE_MAX && *(const bool *)((const char *)loss_options(call) + offset);
}

/* The loss' value of one position; NaN of a class that there is not. */
static double value_of(const struct ls_metric_call *call, int64_t p)
{
    const struct ls_loss_kind *loss = loss_of(call);
    const float *prediction = is_activated(call) && call->logits ? call->logits : call->prediction;
    bool by_class = loss->target == LS_TARGET_CLASS;
    float value = NAN;
    if (by_class && !(call->target[p] >= 0 && call->target[p] < (float)call->columns) &&
        !is_ignored(call, p))
        return (double)value;
    loss->compute(&(struct ls_loss_call){
        .kind = &loss->kind,
        .options = loss_options(call),
        .positions = 1,
        .columns = call->columns,
        .prediction = prediction + p * call->columns,
        .target = call->target + p * (by_class ? 1 : call->columns),
        .from_logits = is_from_logits(call),
        .value = &value,
        .work = call->work,
    });
    return (double)value;
}

/* An ignored class' value is 0; as in Keras it counts all the same, unless there are weights or a
 * mask. */
static void update(const struct ls_metric_call *call)
{
    for (int64_t p = 0; p < call->positions; p++)
        if (!call->weight || !is_ignored(call, p))
            ls_mean_add(call, p, value_of(call, p), 1);
}

#define LS_MEAN_OF_LOSS(target_, loss_)                                                            \
    .target = target_, .loss = &loss_, .state_doubles = ls_mean_doubles, .update = update,         \
    .result = ls_mean_result

/* -- without options of the loss */

struct plain {
    struct ls_metric_common common;
    struct ls_loss_common loss;
};

static const struct ls_option plain_options[] = {LS_METRIC_COMMON_OPTIONS, {.name = NULL}};
static const char *const plain_examples[] = {"{}", "name: mine", NULL};

static const char *const mean_squared_error_aliases[] = {"mse", "MSE", NULL};

const struct ls_metric_kind ls_metric_mean_squared_error = {
    .kind = {.name = "MeanSquaredError",
             .aliases = mean_squared_error_aliases,
             .summary = "mean of (prediction - target)^2",
             .options = plain_options,
             .options_size = sizeof(struct plain)},
    .direction = LS_DIRECTION_DOWN,
    LS_MEAN_OF_LOSS(LS_TARGET_SAME, ls_loss_mean_squared_error),
    .examples = plain_examples,
};

static double root(const struct ls_instance *metric, const double *state, int64_t columns)
{
    return sqrt(ls_mean_result(metric, state, columns));
}

const struct ls_metric_kind ls_metric_root_mean_squared_error = {
    .kind = {.name = "RootMeanSquaredError",
             .summary = "square root of the mean of (prediction - target)^2",
             .options = plain_options,
             .options_size = sizeof(struct plain)},
    .direction = LS_DIRECTION_DOWN,
    .target = LS_TARGET_SAME,
    .loss = &ls_loss_mean_squared_error,
    .state_doubles = ls_mean_doubles,
    .update = update,
    .result = root,
    .examples = plain_examples,
};

static const char *const mean_absolute_error_aliases[] = {"mae", "MAE", NULL};

const struct ls_metric_kind ls_metric_mean_absolute_error = {
    .kind = {.name = "MeanAbsoluteError",
             .aliases = mean_absolute_error_aliases,
             .summary = "mean of |prediction - target|",
             .options = plain_options,
             .options_size = sizeof(struct plain)},
    .direction = LS_DIRECTION_DOWN,
    LS_MEAN_OF_LOSS(LS_TARGET_SAME, ls_loss_mean_absolute_error),
    .examples = plain_examples,
};

static const char *const mean_absolute_percentage_error_aliases[] = {"mape", "MAPE", NULL};

const struct ls_metric_kind ls_metric_mean_absolute_percentage_error = {
    .kind = {.name = "MeanAbsolutePercentageError",
             .aliases = mean_absolute_percentage_error_aliases,
             .summary = "100 times the mean of |prediction - target| / |target|",
             .options = plain_options,
             .options_size = sizeof(struct plain)},
    .direction = LS_DIRECTION_DOWN,
    LS_MEAN_OF_LOSS(LS_TARGET_SAME, ls_loss_mean_absolute_percentage_error),
    .examples = plain_examples,
};

static const char *const mean_squared_logarithmic_error_aliases[] = {"msle", "MSLE", NULL};

const struct ls_metric_kind ls_metric_mean_squared_logarithmic_error = {
    .kind = {.name = "MeanSquaredLogarithmicError",
             .aliases = mean_squared_logarithmic_error_aliases,
             .summary = "mean of (log(prediction + 1) - log(target + 1))^2",
             .options = plain_options,
             .options_size = sizeof(struct plain)},
    .direction = LS_DIRECTION_DOWN,
    LS_MEAN_OF_LOSS(LS_TARGET_SAME, ls_loss_mean_squared_logarithmic_error),
    .examples = plain_examples,
};

const struct ls_metric_kind ls_metric_poisson = {
    .kind = {.name = "Poisson",
             .summary = "mean of prediction - target log(prediction)",
             .options = plain_options,
             .options_size = sizeof(struct plain)},
    .direction = LS_DIRECTION_DOWN,
    LS_MEAN_OF_LOSS(LS_TARGET_SAME, ls_loss_poisson),
    .examples = plain_examples,
};

const struct ls_metric_kind ls_metric_kl_divergence = {
    .kind = {.name = "KLDivergence",
             .summary = "mean of the sum of target log(target / prediction) over the classes",
             .options = plain_options,
             .options_size = sizeof(struct plain)},
    .direction = LS_DIRECTION_DOWN,
    LS_MEAN_OF_LOSS(LS_TARGET_SAME, ls_loss_kl_divergence),
    .examples = plain_examples,
};

const struct ls_metric_kind ls_metric_hinge = {
    .kind = {.name = "Hinge",
             .summary = "mean of max(1 - target prediction, 0), targets -1 (or 0) and 1",
             .options = plain_options,
             .options_size = sizeof(struct plain)},
    .direction = LS_DIRECTION_DOWN,
    LS_MEAN_OF_LOSS(LS_TARGET_SAME, ls_loss_hinge),
    .examples = plain_examples,
};

const struct ls_metric_kind ls_metric_squared_hinge = {
    .kind = {.name = "SquaredHinge",
             .summary = "mean of max(1 - target prediction, 0)^2, targets -1 (or 0) and 1",
             .options = plain_options,
             .options_size = sizeof(struct plain)},
    .direction = LS_DIRECTION_DOWN,
    LS_MEAN_OF_LOSS(LS_TARGET_SAME, ls_loss_squared_hinge),
    .examples = plain_examples,
};

const struct ls_metric_kind ls_metric_categorical_hinge = {
    .kind = {.name = "CategoricalHinge",
             .summary = "how far the right class is from being ahead of the others by 1",
             .options = plain_options,
             .options_size = sizeof(struct plain)},
    .direction = LS_DIRECTION_DOWN,
    LS_MEAN_OF_LOSS(LS_TARGET_SAME, ls_loss_categorical_hinge),
    .examples = plain_examples,
};

/* -- LogCoshError: Keras calls it logcosh in logs */

const struct ls_metric_kind ls_metric_log_cosh_error = {
    .kind = {.name = "LogCoshError",
             .summary = "mean of log(cosh(prediction - target))",
             .options = plain_options,
             .options_size = sizeof(struct plain)},
    .key = "logcosh",
    .direction = LS_DIRECTION_DOWN,
    LS_MEAN_OF_LOSS(LS_TARGET_SAME, ls_loss_log_cosh),
    .examples = plain_examples,
};

/* -- CosineSimilarity: the loss is -1 where the metric is 1; its config leaves the axis out */

struct axial {
    struct ls_metric_common common;
    struct ls_axial loss;
};

static const struct ls_option axial_options[] = {
    LS_METRIC_COMMON_OPTIONS,
    LS_LAST_AXIS_OPTION(struct axial, loss.axis, true),
    {.name = NULL},
};
static const char *const axial_examples[] = {"{}", "axis: -1, name: mine", NULL};

static double opposite(const struct ls_instance *metric, const double *state, int64_t columns)
{
    return 0 - ls_mean_result(metric, state, columns);
}

const struct ls_metric_kind ls_metric_cosine_similarity = {
    .kind = {.name = "CosineSimilarity",
             .summary = "mean cosine of the angle between prediction and target",
             .options = axial_options,
             .options_size = sizeof(struct axial)},
    .direction = LS_DIRECTION_UP,
    .target = LS_TARGET_SAME,
    .loss = &ls_loss_cosine_similarity,
    .state_doubles = ls_mean_doubles,
    .update = update,
    .result = opposite,
    .examples = axial_examples,
};

/* -- cross-entropies */

struct smoothed {
    struct ls_metric_common common;
    struct ls_smoothed loss;
};

static const struct ls_option binary_options[] = {
    LS_METRIC_COMMON_OPTIONS,
    LS_FROM_LOGITS_OPTION(struct smoothed, loss.from_logits),
    LS_SMOOTHING_OPTION(struct smoothed, loss.label_smoothing),
    {.name = NULL},
};
static const char *const binary_examples[] = {"{}", "from_logits: true, label_smoothing: 0.2",
                                              NULL};
static const char *const binary_crossentropy_aliases[] = {"bce", "BCE", NULL};

const struct ls_metric_kind ls_metric_binary_crossentropy = {
    .kind = {.name = "BinaryCrossentropy",
             .aliases = binary_crossentropy_aliases,
             .summary = "mean of -log of the probability of the target, 0 or 1",
             .options = binary_options,
             .options_size = sizeof(struct smoothed)},
    .direction = LS_DIRECTION_DOWN,
    LS_MEAN_OF_LOSS(LS_TARGET_SAME, ls_loss_binary_crossentropy),
    .examples = binary_examples,
};

static const struct ls_option categorical_options[] = {
    LS_METRIC_COMMON_OPTIONS,
    LS_FROM_LOGITS_OPTION(struct smoothed, loss.from_logits),
    LS_SMOOTHING_OPTION(struct smoothed, loss.label_smoothing),
    LS_LAST_AXIS_OPTION(struct smoothed, loss.axis, false),
    {.name = NULL},
};
static const char *const categorical_examples[] = {
    "{}", "from_logits: true, label_smoothing: 0.2, axis: -1", NULL};

const struct ls_metric_kind ls_metric_categorical_crossentropy = {
    .kind = {.name = "CategoricalCrossentropy",
             .summary = "mean of -sum of target log probability over the classes",
             .options = categorical_options,
             .options_size = sizeof(struct smoothed)},
    .direction = LS_DIRECTION_DOWN,
    LS_MEAN_OF_LOSS(LS_TARGET_SAME, ls_loss_categorical_crossentropy),
    .examples = categorical_examples,
};

struct sparse {
    struct ls_metric_common common;
    struct ls_sparse loss;
};

/* What loss_options relies on. */
_Static_assert(offsetof(struct plain, loss) == sizeof(struct ls_metric_common) &&
                   offsetof(struct axial, loss) == sizeof(struct ls_metric_common) &&
                   offsetof(struct smoothed, loss) == sizeof(struct ls_metric_common) &&
                   offsetof(struct sparse, loss) == sizeof(struct ls_metric_common),
               "a loss' options follow the metric's at once");

static const struct ls_option sparse_options[] = {
    LS_METRIC_COMMON_OPTIONS,
    LS_FROM_LOGITS_OPTION(struct sparse, loss.from_logits),
    LS_IGNORE_CLASS_OPTION(struct sparse, loss.ignore_class),
    LS_LAST_AXIS_OPTION(struct sparse, loss.axis, false),
    {.name = NULL},
};
static const char *const sparse_examples[] = {"{}", "from_logits: true, ignore_class: -1, axis: -1",
                                              NULL};

const struct ls_metric_kind ls_metric_sparse_categorical_crossentropy = {
    .kind = {.name = "SparseCategoricalCrossentropy",
             .summary = "mean of -log of the probability of the target's class (an integer)",
             .options = sparse_options,
             .options_size = sizeof(struct sparse)},
    .direction = LS_DIRECTION_DOWN,
    LS_MEAN_OF_LOSS(LS_TARGET_CLASS, ls_loss_sparse_categorical_crossentropy),
    .any_class = true,
    .examples = sparse_examples,
};
