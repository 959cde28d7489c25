/* The kinds of metrics: one row each. */
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "metric/metric.h"

#define LS_METRICS(X)                                                                              \
    X(ls_metric_binary_accuracy)                                                                   \
    X(ls_metric_categorical_accuracy)                                                              \
    X(ls_metric_sparse_categorical_accuracy)                                                       \
    X(ls_metric_mean_squared_error)                                                                \
    X(ls_metric_mean_absolute_error)                                                               \
    X(ls_metric_root_mean_squared_error)                                                           \
    X(ls_metric_mean_absolute_percentage_error)                                                    \
    X(ls_metric_mean_squared_logarithmic_error)                                                    \
    X(ls_metric_log_cosh_error)                                                                    \
    X(ls_metric_cosine_similarity)                                                                 \
    X(ls_metric_poisson)                                                                           \
    X(ls_metric_kl_divergence)                                                                     \
    X(ls_metric_hinge)                                                                             \
    X(ls_metric_squared_hinge)                                                                     \
    X(ls_metric_categorical_hinge)                                                                 \
    X(ls_metric_binary_crossentropy)                                                               \
    X(ls_metric_categorical_crossentropy)                                                          \
    X(ls_metric_sparse_categorical_crossentropy)                                                   \
    X(ls_metric_f1_score)                                                                          \
    X(ls_metric_f_beta_score)                                                                      \
    X(ls_metric_accuracy)                                                                          \
    X(ls_metric_true_positives)                                                                    \
    X(ls_metric_true_negatives)                                                                    \
    X(ls_metric_false_positives)                                                                   \
    X(ls_metric_false_negatives)                                                                   \
    X(ls_metric_precision)                                                                         \
    X(ls_metric_recall)                                                                            \
    X(ls_metric_auc)                                                                               \
    X(ls_metric_sensitivity_at_specificity)                                                        \
    X(ls_metric_specificity_at_sensitivity)                                                        \
    X(ls_metric_precision_at_recall)                                                               \
    X(ls_metric_recall_at_precision)                                                               \
    X(ls_metric_top_k_categorical_accuracy)                                                        \
    X(ls_metric_sparse_top_k_categorical_accuracy)                                                 \
    X(ls_metric_r2_score)                                                                          \
    X(ls_metric_iou)                                                                               \
    X(ls_metric_mean_iou)                                                                          \
    X(ls_metric_binary_iou)                                                                        \
    X(ls_metric_one_hot_iou)                                                                       \
    X(ls_metric_one_hot_mean_iou)                                                                  \
    X(ls_metric_pearson_correlation)                                                               \
    X(ls_metric_concordance_correlation)                                                           \
    X(ls_metric_matthews_correlation)                                                              \
    X(ls_metric_cohen_kappa)

#define X(kind) extern const struct ls_metric_kind kind;
LS_METRICS(X)
#undef X

static const struct ls_kind *const kinds[] = {
#define X(row) &row.kind,
    LS_METRICS(X)
#undef X
        NULL};

const struct ls_registry ls_metrics = {.noun = "metric", .kinds = kinds, .open = true};

const char *const ls_metric_dtypes[] = {"float32", NULL};

static const struct ls_metric_kind *kind_of(const struct ls_instance *metric)
{
    return (const struct ls_metric_kind *)metric->kind;
}

const struct ls_metric_kind *ls_metric_resolve(const char *name, int64_t columns,
                                               enum ls_target_form target)
{
    if (strcasecmp(name, "accuracy") != 0 && strcasecmp(name, "acc") != 0)
        return NULL;
    if (columns == 1)
        return &ls_metric_binary_accuracy;
    return target == LS_TARGET_CLASS ? &ls_metric_sparse_categorical_accuracy
                                     : &ls_metric_categorical_accuracy;
}

/* "lockstep>hits" is how Keras finds it, not what it is called in logs. */
static const char *without_package(const char *name)
{
    const char *end = strrchr(name, '>');
    return end ? end + 1 : name;
}

ls_status ls_metric_key(char **key, const struct ls_tree *tree, const struct ls_instance *metric)
{
    const struct ls_metric_common *common = metric->options;
    char snake[64];
    if (tree && tree->type == LS_TREE_SCALAR)
        return ls_duplicate(key, without_package(tree->text));
    if (common && common->name)
        return ls_duplicate(key, common->name);
    if (kind_of(metric)->key)
        return ls_duplicate(key, kind_of(metric)->key);
    ls_snake_case(snake, sizeof snake, metric->kind->name);
    return ls_duplicate(key, snake);
}

enum ls_target_form ls_metric_target(const struct ls_instance *metric)
{
    const struct ls_metric_kind *kind = kind_of(metric);
    return kind->target_by_options ? kind->target_by_options(metric) : kind->target;
}

size_t ls_metric_list(const struct ls_instance *metric, int64_t columns)
{
    const struct ls_metric_kind *kind = kind_of(metric);
    return kind->list ? kind->list(metric, columns) : 0;
}

void ls_metric_results(const struct ls_instance *metric, const double *state, int64_t columns,
                       double *values)
{
    const struct ls_metric_kind *kind = kind_of(metric);
    if (kind->results)
        kind->results(metric, state, columns, values);
    else
        values[0] = kind->result(metric, state, columns);
}
