/* What a part of `compile` says of each output. */
#include "unit/base_test.h"

#include "loss/loss.h"
#include "metric/metric.h"
#include "model/by_output.h"

static char *names[] = {"same", "kind", "Huber"};

/* A model with the first `outputs` of these names; nothing else of it is looked at. */
static const struct ls_model *named(size_t outputs)
{
    static struct ls_model model;
    model = (struct ls_model){.outputs = outputs, .output_name = names};
    return &model;
}

/* By output what it is given, as YAML on one line; "-": nothing. */
static void assert_parts(const struct ls_tree **part, size_t outputs, const char *const *expected)
{
    for (size_t o = 0; o < outputs; o++) {
        struct ls_text text = {0};
        if (part[o])
            ls_tree_format_json(&text, part[o]);
        const char *found = part[o] ? text.data : "-";
        if (strcmp(found, expected[o]) != 0)
            fail_msg("output %s: %s, expected %s", names[o], found, expected[o]);
        ls_text_release(&text);
    }
}

static void check(size_t outputs, const char *yaml, enum ls_by_output wanted,
                  const char *const *expected)
{
    const struct ls_tree *part[3];
    enum ls_by_output how;
    struct ls_tree *tree = yaml_tree(yaml);
    assert_ok(ls_by_output(&how, part, named(outputs), ls_tree_find(tree, "loss"), &ls_losses));
    if (how != wanted)
        fail_msg("%s: by %d, expected %d", yaml, (int)how, (int)wanted);
    assert_parts(part, outputs, expected);
    ls_tree_free(tree);
}
#define PARTS(...) ((const char *const[]){__VA_ARGS__})

static void test_one_for_all(void **state)
{
    (void)state;
    check(2, "loss: mse", LS_BY_ALL, PARTS("\"mse\"", "\"mse\""));
    check(2, "loss: {Huber: {delta: 2}}", LS_BY_ALL,
          PARTS("{\"Huber\": {\"delta\": 2}}", "{\"Huber\": {\"delta\": 2}}"));
    check(2, "loss: {class_name: A, config: {}}", LS_BY_ALL,
          PARTS("{\"class_name\": \"A\", \"config\": {}}",
                "{\"class_name\": \"A\", \"config\": {}}"));
    check(2, "loss: {Poisson: {}}", LS_BY_ALL, PARTS("{\"Poisson\": {}}", "{\"Poisson\": {}}"));
    check(1, "loss: mse", LS_BY_ALL, PARTS("\"mse\""));
}

static void test_nothing(void **state)
{
    (void)state;
    check(2, "other: 1", LS_BY_NOTHING, PARTS("-", "-"));
    check(2, "loss: null", LS_BY_NOTHING, PARTS("-", "-"));
    check(2, "loss: {}", LS_BY_NOTHING, PARTS("-", "-"));
    check(2, "loss: [null, ~]", LS_BY_POSITION, PARTS("-", "-"));
}

static void test_by_position_and_name(void **state)
{
    (void)state;
    check(2, "loss: [mse, null]", LS_BY_POSITION, PARTS("\"mse\"", "-"));
    check(1, "loss: [mse]", LS_BY_POSITION, PARTS("\"mse\""));
    check(2, "loss: {kind: mse, same: {Huber: {}}}", LS_BY_NAME,
          PARTS("{\"Huber\": {}}", "\"mse\""));
    check(2, "loss: {kind: mse}", LS_BY_NAME, PARTS("-", "\"mse\""));
    check(2, "loss: {kind: null, same: mae}", LS_BY_NAME, PARTS("\"mae\"", "-"));
    /* an output with the name of a kind is an output */
    check(3, "loss: {Huber: mse}", LS_BY_NAME, PARTS("-", "-", "\"mse\""));
}

static void refuse(size_t outputs, const char *yaml, const char *message)
{
    const struct ls_tree *part[3];
    enum ls_by_output how;
    struct ls_tree *tree = yaml_tree(yaml);
    assert_fails(ls_by_output(&how, part, named(outputs), tree->child, &ls_losses), LS_BAD_INPUT,
                 message);
    ls_tree_free(tree);
}

static void test_refused(void **state)
{
    (void)state;
    refuse(2, "loss: [mse]",
           "run.yaml:1: loss: expected a list of 2, an entry for each output (same, kind), found "
           "1");
    refuse(1, "loss: [mse, mae]",
           "run.yaml:1: loss: expected a list of 1, an entry for each output (same), found 2");
    refuse(2, "loss:\n  same: mse\n  kinds: mse",
           "run.yaml:3: loss: unknown output 'kinds' (did you mean 'kind'?)");
    refuse(2, "loss:\n  same: mse\n  price: mse",
           "run.yaml:3: loss: unknown output 'price'; the model's: same, kind");
    refuse(2, "loss: {price: mse, size: mse}",
           "run.yaml:1: loss: unknown output 'price'; the model's: same, kind");
    refuse(2, "loss: {kinds: mse}",
           "run.yaml:1: loss: unknown output 'kinds' (did you mean 'kind'?)");
}

/* -- metrics */

static ls_status split(const struct ls_tree **part, size_t outputs, const struct ls_tree *tree)
{
    return ls_metrics_by_output(part, named(outputs), tree, &ls_metrics);
}

static void check_metrics(size_t outputs, const char *yaml, const char *const *expected)
{
    const struct ls_tree *part[3];
    struct ls_tree *tree = yaml_tree(yaml);
    assert_ok(split(part, outputs, ls_tree_find(tree, "metrics")));
    assert_parts(part, outputs, expected);
    ls_tree_free(tree);
}

static void test_metrics(void **state)
{
    (void)state;
    check_metrics(1, "metrics: mae", PARTS("\"mae\""));
    check_metrics(1, "metrics: [mae, mse]", PARTS("[\"mae\", \"mse\"]"));
    check_metrics(1, "metrics: {same: [mae]}", PARTS("[\"mae\"]"));
    check_metrics(1, "metrics: []", PARTS("-"));
    check_metrics(2, "other: 1", PARTS("-", "-"));
    check_metrics(2, "metrics: []", PARTS("-", "-"));
    check_metrics(2, "metrics: [mae, mse]", PARTS("\"mae\"", "\"mse\""));
    check_metrics(2, "metrics: [[mae, mse], []]", PARTS("[\"mae\", \"mse\"]", "-"));
    check_metrics(2, "metrics: [null, [mae]]", PARTS("-", "[\"mae\"]"));
    check_metrics(2, "metrics: {kind: [mae, mse]}", PARTS("-", "[\"mae\", \"mse\"]"));
}

static void refuse_metrics(const char *yaml, const char *message)
{
    const struct ls_tree *part[3];
    struct ls_tree *tree = yaml_tree(yaml);
    assert_fails(split(part, 2, tree->child), LS_BAD_INPUT, message);
    ls_tree_free(tree);
}

static void test_refused_metrics(void **state)
{
    (void)state;
    static const char both[] = "run.yaml:1: metrics: expected a map by output or a list with an "
                               "entry for each output";
    refuse_metrics("metrics: mae", both);
    refuse_metrics("metrics: {BinaryAccuracy: {threshold: 0.25}}", both);
    refuse_metrics("metrics: [mae, mse, accuracy]",
                   "run.yaml:1: metrics: expected a list of 2, an entry for each output (same, "
                   "kind), found 3");
    refuse_metrics("metrics: [mae]", "run.yaml:1: metrics: expected a list of 2, an entry for "
                                     "each output (same, kind), found 1");
    refuse_metrics("metrics: {sam: mae}",
                   "run.yaml:1: metrics: unknown output 'sam' (did you mean 'same'?)");
}

/* -- no memory */

static void test_no_memory(void **state)
{
    (void)state;
    static const char *const yaml[] = {"loss: {price: mse, size: mse}", "loss: [mse]"};
    for (size_t i = 0; i < 2; i++) {
        struct ls_tree *tree = yaml_tree(yaml[i]);
        const struct ls_tree *part[3];
        enum ls_by_output how;
        ls_memory_fail_at(1);
        ls_status status = ls_by_output(&how, part, named(2), tree->child, &ls_losses);
        ls_memory_fail_at(0);
        assert_int_equal(status, LS_FAILED);
        assert_non_null(strstr(ls_message(), "memory"));
        ls_tree_free(tree);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        leak_checked_test(test_one_for_all),
        leak_checked_test(test_nothing),
        leak_checked_test(test_by_position_and_name),
        leak_checked_test(test_refused),
        leak_checked_test(test_metrics),
        leak_checked_test(test_refused_metrics),
        leak_checked_test(test_no_memory),
    };
    return cmocka_run_group_tests_name("parts by output", tests, NULL, NULL);
}
