/* Memory that runs out: every allocation of every call of the base room fails in turn. The call
 * says so, leaves nothing behind and nothing half done, and works again once there is memory. */
#include "base_kind_samples.h"
#include "base_test.h"

#include <stdlib.h>

#include "base/text.h"

/* Runs the call with the first, the second, ... allocation failing until it succeeds. */
static void fail_in_turn(const char *name, ls_status (*call)(void), long least)
{
    ls_status status = LS_FAILED;
    long n = 0;
    while (status != LS_OK && n < 100000) {
        long before = ls_memory_blocks();
        ls_fail(LS_FAILED, "no message of its own");
        ls_memory_fail_at(++n);
        status = call();
        ls_memory_fail_at(0);
        if (ls_memory_blocks() != before)
            fail_msg("%s: %ld blocks were left when allocation %ld failed", name,
                     ls_memory_blocks() - before, n);
        if (status != LS_OK && (status != LS_FAILED || !strstr(ls_message(), "out of memory")))
            fail_msg("%s: allocation %ld failed: status %d, '%s'", name, n, (int)status,
                     ls_message());
    }
    assert_int_equal(status, LS_OK);
    if (n <= least)
        fail_msg("%s: only %ld allocations were made", name, n - 1);
}

static const char yaml[] = "model:\n"
                           "  layers:\n"
                           "  - Flatten\n"
                           "  - Dense: {units: 128, activation: 'relu'}\n"
                           "    from: left\n"
                           "fit: {batch_size: 64, epochs: }\n";
static const char json[] =
    "{\"class_name\": \"Dense\", \"config\": {\"units\": [1, 2.5, NaN, null], "
    "\"name\": \"x\"}, \"e\": [], \"t\": true}\n";

static struct ls_tree *prepared; /* made before, with all memory */

static ls_status parse_yaml(void)
{
    struct ls_tree *tree;
    ls_status status = ls_tree_parse_yaml(&tree, yaml, strlen(yaml), "run.yaml");
    assert_true((status == LS_OK) == (tree != NULL));
    ls_tree_free(tree);
    return status;
}

static ls_status parse_json(void)
{
    struct ls_tree *tree;
    ls_status status = ls_tree_parse_json(&tree, json, strlen(json), "net.json");
    assert_true((status == LS_OK) == (tree != NULL));
    ls_tree_free(tree);
    return status;
}

static ls_status copy_tree(void)
{
    struct ls_tree *copy;
    ls_status status = ls_tree_copy(&copy, prepared);
    assert_true((status == LS_OK) == (copy != NULL));
    ls_tree_free(copy);
    return status;
}

static ls_status format_tree(void)
{
    struct ls_text text = {0};
    ls_tree_format_yaml(&text, prepared);
    ls_tree_format_json(&text, prepared);
    ls_status status = ls_text_status(&text);
    ls_text_release(&text);
    return status;
}

/* The tree is freed here, so that what a success adds to it is no leak; and is whole either way. */
static ls_status set_path(void)
{
    struct ls_tree *tree;
    struct ls_text before = {0}, after = {0};
    ls_status status = ls_tree_copy(&tree, prepared);
    if (status != LS_OK)
        return status;
    ls_tree_format_json(&before, tree);
    status = ls_text_status(&before);
    if (status == LS_OK) {
        status = ls_tree_set_path(tree, "model.layers.flatten.name.deep", "{a: [1, 2]}");
        if (status != LS_OK) {
            ls_tree_format_json(&after, tree);
            assert_string_equal(before.data, after.data);
        }
    }
    ls_text_release(&before);
    ls_text_release(&after);
    ls_tree_free(tree);
    return status;
}

static ls_status make_tree(void)
{
    struct ls_tree *tree = ls_tree_new(LS_TREE_MAP);
    bool made = tree && ls_tree_add_text(tree, "a", "b") && ls_tree_add_int(tree, "i", 1) &&
                ls_tree_add_double(tree, "d", 1) && ls_tree_add_null(tree, "n") &&
                ls_tree_add_bool(tree, "t", true) && ls_tree_add(tree, "l", LS_TREE_LIST) &&
                ls_tree_add_copy(tree, "c", prepared);
    ls_tree_free(tree);
    return made ? LS_OK : LS_FAILED;
}

static const char sample_yaml[] =
    "{smp: {units: 5, name: abc, mode: chunk, axis: [1, 2], mean: [[1, 2], [3, 4]], filler: {Constant: "
    "{value: 2}}, other: constant, alpha: 0.3, secret: true}}";

static ls_status parse_instance(void)
{
    struct ls_instance instance;
    ls_status status = ls_instance_parse(&instance, &samples, prepared);
    assert_true((status == LS_OK) == (instance.kind != NULL));
    assert_true((status == LS_OK) == (instance.options != NULL));
    ls_instance_release(&instance);
    return status;
}

static struct ls_instance prepared_instance;

static ls_status copy_instance(void)
{
    struct ls_instance copy;
    ls_status status = ls_instance_copy(&copy, &prepared_instance);
    ls_instance_release(&copy);
    return status;
}

static ls_status write_instance(void)
{
    struct ls_tree *map = ls_tree_new(LS_TREE_MAP);
    if (!map)
        return LS_FAILED;
    ls_status status = ls_instance_write(&prepared_instance, map);
    ls_tree_free(map);
    return status;
}

static ls_status format_help(void)
{
    struct ls_text text = {0};
    ls_kind_format_help(&text, &sample);
    ls_status status = ls_text_status(&text);
    ls_text_release(&text);
    return status;
}

/* A wrong input stays one, or memory has run out; nothing else. */
static ls_status refuse_instance(void)
{
    struct ls_instance instance;
    ls_status status = ls_instance_parse(&instance, &samples, prepared);
    assert_null(instance.kind);
    return status == LS_BAD_INPUT ? LS_OK : status;
}

static ls_status expand_and_join(void)
{
    char *expanded = NULL, *absolute = NULL;
    ls_status status = ls_expand_variables(&expanded, "a/${LOCKSTEP_TEST_A}/c");
    if (status == LS_OK)
        status = ls_path_absolute(&absolute, expanded);
    ls_release(expanded);
    ls_release(absolute);
    return status;
}

static ls_status read_file(void)
{
    struct ls_text text;
    ls_status status = ls_file_read_text("/proc/self/status", &text);
    ls_text_release(&text);
    return status;
}

static void test_trees(void **state)
{
    (void)state;
    fail_in_turn("parse_yaml", parse_yaml, 30);
    fail_in_turn("parse_json", parse_json, 20);
    prepared = yaml_tree(yaml);
    fail_in_turn("copy_tree", copy_tree, 20);
    fail_in_turn("format_tree", format_tree, 2);
    fail_in_turn("set_path", set_path, 40);
    fail_in_turn("make_tree", make_tree, 30);
    ls_tree_free(prepared);
}

static void test_instances(void **state)
{
    (void)state;
    prepared = yaml_tree(sample_yaml);
    fail_in_turn("parse_instance", parse_instance, 10);
    assert_ok(ls_instance_parse(&prepared_instance, &samples, prepared));
    fail_in_turn("copy_instance", copy_instance, 4);
    fail_in_turn("write_instance", write_instance, 40);
    fail_in_turn("format_help", format_help, 20);
    ls_instance_release(&prepared_instance);
    ls_tree_free(prepared);

    static const char *const wrong[] = {"smp: {units: 1, nothing_like_it: 2}", "Nothing",
                                        "smp: {units: 1, mode: x}", "smp: {units: 0}",
                                        "smp: {units: 1, name: a, mean: [1, x]}"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        prepared = yaml_tree(wrong[i]);
        fail_in_turn(wrong[i], refuse_instance, 1);
        ls_tree_free(prepared);
    }
}

static void test_texts(void **state)
{
    (void)state;
    assert_int_equal(setenv("LOCKSTEP_TEST_A", "value", 1), 0);
    fail_in_turn("expand_and_join", expand_and_join, 3);
    fail_in_turn("read_file", read_file, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        leak_checked_test(test_trees),
        leak_checked_test(test_instances),
        leak_checked_test(test_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
