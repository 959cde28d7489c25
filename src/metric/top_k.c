/* TopKCategoricalAccuracy and its sparse form. */
#include <math.h>

#include "kernel/kernels.h"
#include "metric/mean.h"

struct top_k {
    struct ls_metric_common common;
    int64_t k;
    bool from_sorted_ids;
};

/* As TensorFlow's in_top_k: whether fewer than k are larger, so that all equal ones are among the k
 * or none is; false where a prediction is not finite, and for what is no class. */
static bool in_top_k(const float *row, int64_t columns, float target, int64_t k)
{
    int64_t larger = 0, class = target >= 0 && target < (float)columns ? (int64_t)target : -1;
    if (class < 0)
        return false;
    for (int64_t c = 0; c < columns; c++) {
        if (!isfinite(row[c]))
            return false;
        larger += row[c] > row[class];
    }
    return larger < k;
}

static void update_categorical(const struct ls_metric_call *call)
{
    const struct top_k *o = call->options;
    ls_k->argmax_rows(call->work, call->target, (size_t)call->positions, (size_t)call->columns);
    for (int64_t p = 0; p < call->positions; p++)
        ls_mean_add(
            call, p,
            in_top_k(call->prediction + p * call->columns, call->columns, call->work[p], o->k), 1);
}

/* Predictions that are the classes themselves, the most likely one first. */
static bool among_first(const float *row, int64_t columns, float class, int64_t k)
{
    bool found = false;
    for (int64_t c = 0; c < columns && c < k; c++)
        found |= row[c] == class;
    return found;
}

static void update_sparse(const struct ls_metric_call *call)
{
    const struct top_k *o = call->options;
    for (int64_t p = 0; p < call->positions; p++) {
        const float *row = call->prediction + p * call->columns;
        float class = call->target[p];
        ls_mean_add(call, p,
                    o->from_sorted_ids ? among_first(row, call->columns, class, o->k)
                                       : in_top_k(row, call->columns, (int64_t) class, o->k),
                    1);
    }
}

#define K_OPTION                                                                                   \
    {                                                                                              \
        .name = "k", .type = LS_OPTION_INT, .offset = offsetof(struct top_k, k), .initial = "5",   \
        .min = 1, .max = 0, .help = "how many of the largest count"                                \
    }

static const struct ls_option categorical_options[] = {
    LS_METRIC_COMMON_OPTIONS, K_OPTION, {.name = NULL}};
static const char *const categorical_examples[] = {"{}", "k: 2, name: mine", NULL};

const struct ls_metric_kind ls_metric_top_k_categorical_accuracy = {
    .kind = {.name = "TopKCategoricalAccuracy",
             .summary = "part of the predictions whose k largest classes hold the target's largest",
             .options = categorical_options,
             .options_size = sizeof(struct top_k)},
    .direction = LS_DIRECTION_UP,
    .target = LS_TARGET_SAME,
    .state_doubles = ls_mean_doubles,
    .update = update_categorical,
    .result = ls_mean_result,
    .examples = categorical_examples,
};

static const struct ls_option sparse_options[] = {
    LS_METRIC_COMMON_OPTIONS,
    K_OPTION,
    {.name = "from_sorted_ids",
     .type = LS_OPTION_BOOL,
     .offset = offsetof(struct top_k, from_sorted_ids),
     .initial = "false",
     .unwritten = true,
     .help = "predictions are classes, the most likely first"},
    {.name = NULL},
};
static const char *const sparse_examples[] = {"{}", "k: 2, from_sorted_ids: true", NULL};

const struct ls_metric_kind ls_metric_sparse_top_k_categorical_accuracy = {
    .kind = {.name = "SparseTopKCategoricalAccuracy",
             .summary = "part of the predictions whose k largest classes hold the target (an "
                        "integer)",
             .options = sparse_options,
             .options_size = sizeof(struct top_k)},
    .direction = LS_DIRECTION_UP,
    .target = LS_TARGET_CLASS,
    .any_class = true,
    .state_doubles = ls_mean_doubles,
    .update = update_sparse,
    .result = ls_mean_result,
    .examples = sparse_examples,
};
