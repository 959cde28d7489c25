/* Metrics against Keras' numbers and by hand; how names are resolved; options. */
#include "reference.h"

#include "base/memory.h"
#include "kind_harness.h"
#include "metric/metric.h"

enum { RESULTS_MOST = 8 };

/* Adds positions [from, to) to the state. */
static void add(const struct ls_instance *metric, struct ls_metric_call call, int64_t from,
                int64_t to)
{
    const struct ls_metric_kind *kind = (const struct ls_metric_kind *)metric->kind;
    int64_t targets = ls_metric_target(metric) == LS_TARGET_CLASS ? 1 : call.columns;
    call.kind = metric->kind;
    call.options = metric->options;
    call.positions = to - from;
    call.prediction += from * call.columns;
    call.target += from * targets;
    if (call.weight)
        call.weight += from;
    call.work = harness_floats((size_t)(call.positions * call.columns));
    kind->update(&call);
    free(call.work);
}

/* The metric of all positions, in three parts, the first of them empty, added up. Returns how many
 * numbers it is. */
static size_t results(double *values, const struct ls_instance *metric, struct ls_metric_call call)
{
    const struct ls_metric_kind *kind = (const struct ls_metric_kind *)metric->kind;
    size_t doubles = kind->state_doubles(metric, call.columns);
    double *state = calloc(doubles, sizeof *state), *part = calloc(doubles, sizeof *part);
    size_t list = ls_metric_list(metric, call.columns);
    assert_true(state && part && list <= RESULTS_MOST);
    call.state = state;
    add(metric, call, 0, 0);
    add(metric, call, 0, call.positions / 3);
    call.state = part;
    add(metric, call, call.positions / 3, call.positions);
    for (size_t i = 0; i < doubles; i++)
        state[i] += part[i];
    ls_metric_results(metric, state, call.columns, values);
    free(state), free(part);
    return list ? list : 1;
}

static double result(const struct ls_instance *metric, struct ls_metric_call call)
{
    double values[RESULTS_MOST];
    assert_int_equal(results(values, metric, call), 1);
    return values[0];
}

static void near(double found, double wanted, const char *group, const char *what)
{
    double most = 1e-6 * (fabs(wanted) > 1 ? fabs(wanted) : 1);
    if (!(fabs(found - wanted) <= most) && !(isnan(found) && isnan(wanted)))
        fail_msg("%s %s: %.9g, Keras %.9g", group, what, found, wanted);
}

static void check_results(const struct ls_instance *metric, struct ls_metric_call call, hid_t file,
                          const char *group, const char *what)
{
    double values[RESULTS_MOST];
    struct reference wanted = reference_read(file, group, what);
    size_t count = results(values, metric, call);
    assert_int_equal(count, wanted.count);
    assert_int_equal(ls_metric_list(metric, call.columns), wanted.rank ? wanted.count : 0);
    for (size_t i = 0; i < count; i++)
        near(values[i], (double)wanted.value[i], group, what);
    free(wanted.value);
}

static void check_case(hid_t file, const char *group)
{
    size_t count;
    char **config = reference_texts(file, group, "config", &count);
    struct ls_tree *tree;
    struct ls_instance metric;
    NEED(ls_tree_parse_json(&tree, config[0], strlen(config[0]), NULL));
    NEED(ls_instance_parse(&metric, &ls_metrics, tree));
    struct reference target = reference_read(file, group, "y_true");
    struct reference prediction = reference_read(file, group, "y_pred");
    struct reference weight = reference_read(file, group, "sample_weight");
    struct ls_metric_call call = {.positions = (int64_t)prediction.size[0],
                                  .columns = (int64_t)(prediction.count / prediction.size[0]),
                                  .prediction = prediction.value,
                                  .target = target.value};
    check_results(&metric, call, file, group, "result");
    call.weight = weight.value;
    check_results(&metric, call, file, group, "result_weighted");
    char *key;
    NEED(ls_metric_key(&key, tree, &metric));
    const struct ls_tree *named = ls_tree_find(ls_tree_find(tree, "config"), "name");
    if (named) /* Keras' cases have one, scikit-learn's not */
        assert_string_equal(key, named->text);
    ls_release(key);
    free(target.value), free(prediction.value), free(weight.value);
    ls_instance_release(&metric);
    ls_tree_free(tree);
    reference_free_texts(config);
}

static size_t check_file(const char *name)
{
    char group[REFERENCE_NAME];
    size_t cases = 0;
    hid_t file = reference_open(name);
    for (; reference_group(file, cases, group); cases++)
        check_case(file, group);
    H5Fclose(file);
    return cases;
}

static void test_keras(void **state)
{
    (void)state;
    assert_true(check_file("metrics_ref.h5") >= 5);
}

/* Options and degenerate cases; those that Keras has not by scikit-learn. */
static void test_more(void **state)
{
    (void)state;
    assert_true(check_file("metrics_more_ref.h5") >= 100);
}

static void test_means_of_losses(void **state)
{
    (void)state;
    assert_true(check_file("mean_metrics_ref.h5") >= 18);
}

static void expect(const char *kind, const char *options, struct ls_metric_call call, double wanted)
{
    struct ls_instance metric = make_instance(&ls_metrics, kind, options);
    double found = result(&metric, call);
    if (fabs(found - wanted) > 1e-7)
        fail_msg("%s {%s}: %.9g, expected %.9g", kind, options, found, wanted);
    ls_instance_release(&metric);
}

static void test_by_hand(void **state)
{
    static const float prediction[] = {0.1F, 0.7F, 0.2F, 0.5F, 0.25F, 0.25F};
    static const float hot[] = {0, 1, 0, 0, 0, 1}, classes[] = {1, 2}, weight[] = {3, 1};
    struct ls_metric_call call = {.positions = 2, .columns = 3, .prediction = prediction};
    (void)state;
    call.target = classes;
    expect("sparse_categorical_accuracy", "{}", call, 0.5);
    call.target = hot;
    expect("categorical_accuracy", "{}", call, 0.5);
    /* 0.5 is not above 0.5 */
    expect("binary_accuracy", "{}", call, 5 / 6.0);
    expect("binary_accuracy", "threshold: 0.15", call, 3 / 6.0);
    expect("mae", "{}", call, (0.1 + 0.3 + 0.2 + 0.5 + 0.25 + 0.75) / 6);
    expect("mse", "{}", call, (0.01 + 0.09 + 0.04 + 0.25 + 0.0625 + 0.5625) / 6);
    expect("root_mean_squared_error", "{}", call,
           sqrt((0.01 + 0.09 + 0.04 + 0.25 + 0.0625 + 0.5625) / 6));
    call.weight = weight;
    expect("categorical_accuracy", "{}", call, 0.75);
    expect("mae", "{}", call, (3 * 0.6 + 1.5) / 12);
    call.target = (const float[]){-1, 3}; /* no classes: not among the k */
    expect("SparseTopKCategoricalAccuracy", "{}", call, 0);
    call.target = hot;
    expect("TopKCategoricalAccuracy", "k: 3", call, 1);
    expect("true_positives", "{}", call, 3);
    expect("matthews_correlation", "{}", call, 0.5);
    /* Keras: what is ignored counts as 0 where there are no weights, and not at all where there are
     */
    call.target = classes;
    expect("SparseCategoricalCrossentropy", "ignore_class: 2", call, -log(0.7));
    call.weight = NULL;
    expect("SparseCategoricalCrossentropy", "ignore_class: 2", call, -log(0.7) / 2);
    call.target = hot;
    call.positions = 0;
    expect("auc", "{}", call, 0);
    expect("precision", "{}", call, 0);
    expect("f1_score", "average: macro", call, 0);
    expect("OneHotMeanIoU", "num_classes: 3", call, 0);
    expect("matthews_correlation", "{}", call, 0);
    expect("mae", "{}", call, 0);
    expect("root_mean_squared_error", "{}", call, 0);
    expect("cosine_similarity", "{}", call, 0);
    expect("categorical_accuracy", "{}", call, 0);
    /* one column: both classes are 0 */
    call = (struct ls_metric_call){
        .positions = 2, .columns = 1, .prediction = prediction, .target = classes};
    expect("categorical_accuracy", "{}", call, 1);
}

/* A row of zeros, which an ignored class outside the columns is, is not taken for class 0. */
static void test_no_class(void **state)
{
    static const float prediction[] = {0.1F, 0.9F, 0.9F, 0.1F, 0.1F, 0.9F};
    static const float target[] = {0, 0, 1, 0, 0, 1};
    struct ls_metric_call call = {
        .positions = 3, .columns = 2, .prediction = prediction, .target = target};
    (void)state;
    expect("MatthewsCorrelation", "{}", call, 1);
    expect("CohenKappa", "{}", call, 1);
}

/* A class that there is not gives NaN, not a number from somewhere else. */
static void test_unknown_classes(void **state)
{
    static const float prediction[] = {0.5F, 0.5F}, targets[] = {-1, 2, 1e9F};
    struct ls_instance metric = make_instance(&ls_metrics, "sparse_categorical_crossentropy", "{}");
    (void)state;
    for (size_t i = 0; i < 3; i++)
        assert_true(isnan(result(&metric, (struct ls_metric_call){.positions = 1,
                                                                  .columns = 2,
                                                                  .prediction = prediction,
                                                                  .target = targets + i})));
    ls_instance_release(&metric);
}

/* Counts are whole numbers: parts add up exactly in any order. */
static void test_counts_are_exact(void **state)
{
    struct ls_instance metric = make_instance(&ls_metrics, "binary_accuracy", "{}");
    float prediction[21], target[21];
    double sums[2] = {0};
    (void)state;
    for (int i = 0; i < 21; i++) {
        prediction[i] = 0.5F + 0.5F * test_random(1, (size_t)i);
        target[i] = (float)(i % 2);
    }
    struct ls_metric_call call = {
        .columns = 3, .prediction = prediction, .target = target, .state = sums};
    for (int64_t p = 0; p < 7; p++)
        add(&metric, call, p, p + 1);
    assert_true(sums[0] == floor(sums[0]));
    assert_true(sums[1] == 21);
    ls_instance_release(&metric);
}

static void expect_resolved(const char *name, int64_t columns, enum ls_target_form target,
                            const char *wanted)
{
    const struct ls_metric_kind *kind = ls_metric_resolve(name, columns, target);
    assert_non_null(kind);
    assert_string_equal(kind->kind.name, wanted);
}

static void test_resolve(void **state)
{
    (void)state;
    expect_resolved("accuracy", 1, LS_TARGET_SAME, "BinaryAccuracy");
    expect_resolved("accuracy", 1, LS_TARGET_CLASS, "BinaryAccuracy");
    expect_resolved("acc", 10, LS_TARGET_CLASS, "SparseCategoricalAccuracy");
    expect_resolved("Accuracy", 10, LS_TARGET_SAME, "CategoricalAccuracy");
    assert_null(ls_metric_resolve("mae", 10, LS_TARGET_SAME));
    assert_null(ls_kind_find(&ls_metrics, "acc")); /* no kind takes this name away */
}

static void expect_key(const char *yaml, const char *wanted)
{
    struct ls_tree *tree;
    struct ls_instance metric;
    char *key;
    NEED(ls_tree_parse_yaml(&tree, yaml, strlen(yaml), NULL));
    NEED(ls_instance_parse(&metric, &ls_metrics, tree));
    NEED(ls_metric_key(&key, tree, &metric));
    assert_string_equal(key, wanted);
    ls_release(key);
    ls_instance_release(&metric);
    ls_tree_free(tree);
}

static void test_keys(void **state)
{
    char *key;
    struct ls_tree *tree;
    struct ls_instance none = {0};
    (void)state;
    expect_key("log_cosh_error", "log_cosh_error");
    expect_key("{LogCoshError: {}}", "logcosh");
    expect_key("{LogCoshError: {name: mine}}", "mine");
    expect_key("mape", "mape");
    expect_key("{KLDivergence: {}}", "kl_divergence");
    expect_key("mse", "mse");
    expect_key("MSE", "MSE");
    expect_key("mean_squared_error", "mean_squared_error");
    expect_key("{MeanSquaredError: {}}", "mean_squared_error");
    expect_key("{BinaryAccuracy: {threshold: 0.7, name: right}}", "right");
    expect_key("AUC", "AUC");
    expect_key("{AUC: {}}", "auc");
    expect_key("{F1Score: {}}", "f1_score");
    expect_key("{FBetaScore: {}}", "fbeta_score");
    expect_key("{R2Score: {}}", "r2_score");
    expect_key("{MeanIoU: {num_classes: 2}}", "mean_io_u");
    expect_key("{OneHotIoU: {num_classes: 2, target_class_ids: 0}}", "one_hot_io_u");
    expect_key("{IoU: {num_classes: 2, target_class_ids: [0]}}", "io_u");
    expect_key("{SparseTopKCategoricalAccuracy: {}}", "sparse_top_k_categorical_accuracy");
    expect_key("{'lockstep>CohenKappa': {}}", "cohen_kappa");
    expect_key("{class_name: SparseCategoricalAccuracy, config: {name: top, dtype: float32}}",
               "top");
    NEED(ls_tree_parse_yaml(&tree, "accuracy", 8, NULL)); /* resolved: there is no instance */
    NEED(ls_metric_key(&key, tree, &none));
    assert_string_equal(key, "accuracy");
    ls_release(key);
    ls_tree_free(tree);
}

static void test_options(void **state)
{
    (void)state;
    FOR_EACH_KIND(kind, ls_metrics)
    {
        const char *const *e = ((const struct ls_metric_kind *)kind)->examples;
        assert_non_null(e);
        for (; *e; e++)
            check_round_trip(&ls_metrics, kind->name, *e);
    }
}

static void test_messages(void **state)
{
    (void)state;
    refuse_instance(&ls_metrics, "precision", "thresholds: [0.5, 1.5]",
                    "thresholds[1]: must be at least 0 and at most 1, found 1.5");
    refuse_instance(&ls_metrics, "recall", "top_k: 0", "top_k: must be at least 1, found 0");
    refuse_instance(&ls_metrics, "f1_score", "threshold: 0",
                    "threshold: must be above 0 and at most 1, found 0");
    refuse_instance(&ls_metrics, "FBetaScore", "beta: 0", "beta: must be above 0, found 0");
    refuse_instance(&ls_metrics, "AUC", "num_thresholds: 1",
                    "num_thresholds: must be at least 2 and at most 1000000, found 1");
    refuse_instance(&ls_metrics, "AUC", "curve: ROK",
                    "curve: must be one of ROC, PR, PRGAIN, roc, pr, prgain; found 'ROK' (did you "
                    "mean 'ROC'?)");
    refuse_instance(&ls_metrics, "PrecisionAtRecall", "{}", "option 'recall' is missing");
    refuse_instance(&ls_metrics, "MeanIoU", "num_classes: 0",
                    "num_classes: must be at least 1 and at most 16384, found 0");
    refuse_instance(&ls_metrics, "MeanIoU", "num_classes: 3, axis: 1",
                    "axis: must be at least -1 and at most -1, found 1");
    refuse_instance(&ls_metrics, "R2Score", "num_regressors: -1",
                    "num_regressors: must be at least 0, found -1");
    refuse_instance(&ls_metrics, "binary_accuracy", "threshold: 1",
                    "threshold: must be above 0 and below 1, found 1");
    refuse_instance(&ls_metrics, "mae", "dtype: float64",
                    "dtype: must be one of float32; found 'float64' (did you mean 'float32'?)");
    refuse_instance(&ls_metrics, "mae", "treshold: 1",
                    "unknown option 'treshold' (known: name, dtype)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keras),    cmocka_unit_test(test_unknown_classes),
        cmocka_unit_test(test_no_class), cmocka_unit_test(test_means_of_losses),
        cmocka_unit_test(test_more),     cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_resolve),  cmocka_unit_test(test_counts_are_exact),
        cmocka_unit_test(test_keys),     cmocka_unit_test(test_options),
        cmocka_unit_test(test_messages),
    };
    return cmocka_run_group_tests(tests, test_kernels, NULL);
}
