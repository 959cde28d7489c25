/* Typing of the config tree's scalars. */
#include "base_test.h"

#include <math.h>

static void assert_type_error(const char *yaml, int type, const char *message)
{
    struct ls_tree *tree = yaml_tree(yaml);
    int64_t i;
    double d;
    bool b;
    const char *t;
    ls_status status = type == 'i'   ? ls_tree_int(tree, &i)
                       : type == 'd' ? ls_tree_double(tree, &d)
                       : type == 'b' ? ls_tree_bool(tree, &b)
                                     : ls_tree_text(tree, &t);
    if (status != LS_BAD_INPUT)
        fail_msg("no error of type %c: %s", type, yaml);
    assert_string_equal(ls_message(), message);
    ls_tree_free(tree);
}

static void assert_int(const char *yaml, int64_t expected)
{
    struct ls_tree *tree = yaml_tree(yaml);
    int64_t value = 0;
    assert_ok(ls_tree_int(tree, &value));
    assert_int_equal(value, expected);
    ls_tree_free(tree);
}

static void test_types(void **state)
{
    (void)state;
    assert_int("5", 5);
    assert_int("-5", -5);
    assert_int("+5", 5);
    assert_int("64.0", 64);
    assert_int("1e3", 1000);
    assert_int("-1.5e1", -15);
    assert_int("9223372036854775807", INT64_MAX);
    assert_int("-9223372036854775808", INT64_MIN);
    assert_type_error("abc", 'i', "run.yaml:1: expected an integer, found 'abc'");
    assert_type_error("'5'", 'i', "run.yaml:1: expected an integer, found \"5\"");
    assert_type_error("1.5", 'i', "run.yaml:1: expected an integer, found '1.5'");
    assert_type_error("1e-3", 'i', "run.yaml:1: expected an integer, found '1e-3'");
    assert_type_error("inf", 'i', "run.yaml:1: expected an integer, found 'inf'");
    assert_type_error("NaN", 'i', "run.yaml:1: expected an integer, found 'NaN'");
    assert_type_error("-Infinity", 'i', "run.yaml:1: expected an integer, found '-Infinity'");
    assert_type_error("true", 'i', "run.yaml:1: expected an integer, found 'true'");
    assert_type_error("null", 'i', "run.yaml:1: expected an integer, found null");
    assert_type_error("[1]", 'i', "run.yaml:1: expected an integer, found a list");
    assert_type_error("{a: 1}", 'i', "run.yaml:1: expected an integer, found a map");
    assert_type_error("9223372036854775808", 'i',
                      "run.yaml:1: the number '9223372036854775808' is too large");
    assert_type_error("1e17", 'i', "run.yaml:1: the number '1e17' is too large");
    assert_type_error("1e999", 'i', "run.yaml:1: the number '1e999' is too large");

    struct ls_tree *tree = yaml_tree("[1, 1e-3, .inf, True, false, 010x]");
    double number;
    bool truth;
    const char *text;
    assert_ok(ls_tree_double(tree->child, &number));
    assert_true(number == 1.0);
    assert_ok(ls_tree_double(tree->child->next, &number));
    assert_true(number == 0.001);
    assert_ok(ls_tree_double(tree->child->next->next, &number));
    assert_true(isinf(number));
    assert_ok(ls_tree_bool(tree->child->next->next->next, &truth));
    assert_true(truth);
    assert_ok(ls_tree_bool(tree->last->parent->child->next->next->next->next, &truth));
    assert_false(truth);
    assert_ok(ls_tree_text(tree->last, &text));
    assert_string_equal(text, "010x");
    ls_tree_free(tree);
    assert_type_error("1,5", 'd', "run.yaml:1: expected a number, found '1,5'");
    assert_type_error("'1.5'", 'd', "run.yaml:1: expected a number, found \"1.5\"");
    assert_type_error("-1e999", 'd', "run.yaml:1: the number '-1e999' is too large");
    assert_type_error("1", 'b', "run.yaml:1: expected true or false, found '1'");
    assert_type_error("'true'", 'b', "run.yaml:1: expected true or false, found \"true\"");
    assert_type_error("", 'b', "run.yaml:1: expected true or false, found null");
    assert_type_error("[a]", 't', "run.yaml:1: expected a text, found a list");
    assert_type_error("None", 't', "run.yaml:1: expected a text, found null");
    assert_type_error("\"a\\n\\e[31m\\N b\"", 'i',
                      "run.yaml:1: expected an integer, found \"a  [31m   b\"");
}

static void test_null(void **state)
{
    (void)state;
    struct ls_tree *tree = yaml_tree("[null, ~, None, 'null', \"None\", 0, []]");
    const bool expected[] = {true, true, true, false, false, false, false};
    size_t i = 0;
    for (const struct ls_tree *entry = tree->child; entry; entry = entry->next, i++)
        assert_int_equal(ls_tree_is_null(entry), expected[i]);
    ls_tree_free(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        leak_checked_test(test_types),
        leak_checked_test(test_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
