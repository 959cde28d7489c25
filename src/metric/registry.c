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
    X(ls_metric_sparse_categorical_crossentropy)

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
    ls_snake_case(snake, sizeof snake, metric->kind->name);
    return ls_duplicate(key, snake);
}
