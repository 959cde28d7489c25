/* Accuracies: the part of the predictions that is right. Counts are whole numbers in doubles, so
 * that sums over replicas are exact. The family to copy. */
#include "kernel/kernels.h"
#include "metric/mean.h"

static const struct ls_option common_options[] = {LS_METRIC_COMMON_OPTIONS, {.name = NULL}};
static const char *const common_examples[] = {"{}", "name: mine, dtype: float32", NULL};

/* -- Accuracy */

static void update_equal(const struct ls_metric_call *call)
{
    for (int64_t p = 0; p < call->positions; p++) {
        const float *row = call->prediction + p * call->columns;
        const float *target = call->target + p * call->columns;
        int64_t right = 0;
        for (int64_t c = 0; c < call->columns; c++)
            right += row[c] == target[c];
        ls_mean_add(call, p, (double)right, (double)call->columns);
    }
}

const struct ls_metric_kind ls_metric_accuracy = {
    .kind = {.name = "Accuracy",
             .summary = "part of the predictions that are equal to the target",
             .options = common_options,
             .options_size = sizeof(struct ls_metric_common)},
    .direction = LS_DIRECTION_UP,
    .target = LS_TARGET_SAME,
    .state_doubles = ls_mean_doubles,
    .update = update_equal,
    .result = ls_mean_result,
    .examples = common_examples,
};

/* -- BinaryAccuracy */

struct binary {
    struct ls_metric_common common;
    double threshold;
};

static const struct ls_option binary_options[] = {
    LS_METRIC_COMMON_OPTIONS,
    {.name = "threshold",
     .type = LS_OPTION_FLOAT,
     .offset = offsetof(struct binary, threshold),
     .initial = "0.5",
     .min = 0,
     .max = 1,
     .open_min = true,
     .open_max = true,
     .help = "predictions above it are 1, the others 0"},
    {.name = NULL},
};

static void update_binary(const struct ls_metric_call *call)
{
    const struct binary *o = call->options;
    float threshold = (float)o->threshold;
    for (int64_t p = 0; p < call->positions; p++) {
        const float *row = call->prediction + p * call->columns;
        const float *target = call->target + p * call->columns;
        int64_t right = 0;
        for (int64_t c = 0; c < call->columns; c++)
            right += (row[c] > threshold ? 1.0F : 0.0F) == target[c];
        ls_mean_add(call, p, (double)right, (double)call->columns);
    }
}

static const char *const binary_examples[] = {"{}", "threshold: 0.25, name: mine", NULL};

const struct ls_metric_kind ls_metric_binary_accuracy = {
    .kind = {.name = "BinaryAccuracy",
             .summary = "part of the predictions on the target's side of the threshold",
             .options = binary_options,
             .options_size = sizeof(struct binary)},
    .direction = LS_DIRECTION_UP,
    .target = LS_TARGET_SAME,
    .state_doubles = ls_mean_doubles,
    .update = update_binary,
    .result = ls_mean_result,
    .examples = binary_examples,
};

/* -- SparseCategoricalAccuracy */

static void update_sparse(const struct ls_metric_call *call)
{
    ls_k->argmax_rows(call->work, call->prediction, (size_t)call->positions, (size_t)call->columns);
    for (int64_t p = 0; p < call->positions; p++)
        ls_mean_add(call, p, call->work[p] == call->target[p], 1);
}

const struct ls_metric_kind ls_metric_sparse_categorical_accuracy = {
    .kind = {.name = "SparseCategoricalAccuracy",
             .summary = "part of the predictions whose largest class is the target (an integer)",
             .options = common_options,
             .options_size = sizeof(struct ls_metric_common)},
    .direction = LS_DIRECTION_UP,
    .target = LS_TARGET_CLASS,
    .state_doubles = ls_mean_doubles,
    .any_class = true,
    .update = update_sparse,
    .result = ls_mean_result,
    .examples = common_examples,
};

/* -- CategoricalAccuracy */

/* With one column both classes are 0. */
static void update_categorical(const struct ls_metric_call *call)
{
    size_t positions = (size_t)call->positions, columns = (size_t)call->columns;
    float *predicted = call->work, *wanted = call->work + positions;
    if (columns > 1) {
        ls_k->argmax_rows(predicted, call->prediction, positions, columns);
        ls_k->argmax_rows(wanted, call->target, positions, columns);
    }
    for (size_t p = 0; p < positions; p++)
        ls_mean_add(call, (int64_t)p, columns == 1 || predicted[p] == wanted[p], 1);
}

const struct ls_metric_kind ls_metric_categorical_accuracy = {
    .kind = {.name = "CategoricalAccuracy",
             .summary = "part of the predictions whose largest class is the target's largest",
             .options = common_options,
             .options_size = sizeof(struct ls_metric_common)},
    .direction = LS_DIRECTION_UP,
    .target = LS_TARGET_SAME,
    .state_doubles = ls_mean_doubles,
    .update = update_categorical,
    .result = ls_mean_result,
    .examples = common_examples,
};
