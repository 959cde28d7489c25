#include "base_test.h"

#include <jansson.h>
#include <stdlib.h>

static void assert_json_stays(const char *json)
{
    struct ls_tree *tree = json_tree(json);
    assert_json(tree, json);
    ls_tree_free(tree);
}

static void assert_json_becomes(const char *json, const char *expected)
{
    struct ls_tree *tree = json_tree(json);
    assert_json(tree, expected);
    ls_tree_free(tree);
}

/* What Python's json.dumps wrote comes back byte for byte. */
static void test_round_trip(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"class_name\": \"Dense\", \"config\": {\"units\": 10, \"rate\": 1e-07, \"scale\": 1.0}}",
        "[0.001, 0.30000000000000004, 1e+16, -0.0, 0, -5, 9223372036854775807, "
        "-9223372036854775808]",
        "[NaN, Infinity, -Infinity, {\"a\": NaN}]",
        "[true, false, null, [], {}]",
        "\"a \\\"quoted\\\" \\\\ \\n\\r\\t\\b\\f\\u0001\\u001f\\u007f/ \\u00e9\\u20ac\\ud83d\\ude00\"",
        "[\"NaN\", \"null\", \"1\", \"true\", \"\", \"None\"]",
        "1.5",
        "null",
        "{\"\": 1, \"a b\": 2, \"\\u00e9\": 3}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_json_stays(texts[i]);
}

static void test_other_spellings(void **state)
{
    (void)state;
    assert_json_becomes(" {\"a\":[1,2.50,1E3] ,\n\"b\":\"\\/\\u0041\xc3\xa9\"}\n",
                        "{\"a\": [1, 2.5, 1000.0], \"b\": \"/A\\u00e9\"}");
    assert_json_becomes("[0.1000000000000000055511151231257827]", "[0.1]");
    assert_json_becomes("[-0, 1e-400]", "[0, 0.0]");
}

static void test_types(void **state)
{
    (void)state;
    struct ls_tree *tree =
        json_tree("{\"i\": 1, \"f\": 1.0, \"s\": \"1\", \"n\": null, \"x\": NaN}");
    assert_string_equal(ls_tree_find(tree, "i")->text, "1");
    assert_string_equal(ls_tree_find(tree, "f")->text, "1.0");
    assert_false(ls_tree_find(tree, "f")->quoted);
    assert_true(ls_tree_find(tree, "s")->quoted);
    assert_int_equal(ls_tree_find(tree, "n")->type, LS_TREE_NULL);
    assert_false(ls_tree_find(tree, "x")->quoted);
    ls_tree_free(tree);
}

static void test_lines(void **state)
{
    (void)state;
    struct ls_tree *tree =
        json_tree("{\n \"a\": [1,\n  {\"b\"\n : NaN}],\n \"c\": \"x\", \"d\":\n\n null}");
    const struct ls_tree *a = ls_tree_find(tree, "a");
    assert_int_equal(tree->line, 1);
    assert_int_equal(a->line, 2);
    assert_int_equal(a->child->line, 2);
    assert_int_equal(a->last->line, 3);
    assert_int_equal(a->last->child->line, 4);
    assert_int_equal(ls_tree_find(tree, "c")->line, 5);
    assert_int_equal(ls_tree_find(tree, "d")->line, 7);
    ls_tree_free(tree);
    tree = json_tree("{\"a\": [1]}\n\n"); /* a single line is no place */
    assert_fails(ls_tree_int(ls_tree_find(tree, "a"), &(int64_t){0}), LS_BAD_INPUT,
                 "net.json: a: expected an integer, found a list");
    ls_tree_free(tree);
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        const char *json, *message;
    } cases[] = {
        {"{\"a\": 1, \"a\": 2}", "net.json: not valid JSON: duplicate object key near '\"a\"'"},
        {"{\"a\":\n 1,}", "net.json:2: not valid JSON: string or '}' expected near '}'"},
        {"[1, 2", "net.json: not valid JSON: ']' expected near end of file"},
        {"", "net.json: not valid JSON: unexpected token near end of file"},
        {"nan", "net.json: not valid JSON: invalid token near 'nan'"},
        {"[1] [2]", "net.json: not valid JSON: end of file expected near '['"},
        {"[010]", "net.json: not valid JSON: invalid token near '0'"},
        {"[+1]", "net.json: not valid JSON: invalid token near '+'"},
        {"[99999999999999999999]", "net.json: not valid JSON: too big integer"},
        {"[1e999]", "net.json: not valid JSON: real number overflow"},
        {"[\"\xff\"]", "net.json: not valid JSON: unable to decode byte 0xff"},
        {"[\"a\\u0000NaN\"]", "net.json: a text must not hold a NUL character"},
        {"{\"a\\u0000\": 1}", "net.json: a text must not hold a NUL character"},
        {"[\"abc]", "net.json: not valid JSON: premature end of input near '\"abc]'"},
        {"[\"abc\\", "net.json: not valid JSON: invalid escape near '\"abc\\'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ls_tree *tree = (struct ls_tree *)&tree;
        if (ls_tree_parse_json(&tree, cases[i].json, strlen(cases[i].json), "net.json") !=
            LS_BAD_INPUT)
            fail_msg("read without an error: %s", cases[i].json);
        if (strncmp(ls_message(), cases[i].message, strlen(cases[i].message)) != 0)
            assert_string_equal(ls_message(), cases[i].message);
        assert_null(tree);
    }
    /* an escaped backslash before u0000 is no NUL */
    assert_json_stays("\"\\\\u0000\"");
}

static void test_depth(void **state)
{
    (void)state;
    char text[4096];
    struct ls_tree *tree;
    for (size_t depth = 255; depth < 2000; depth += depth < 260 ? 1 : 300) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        ls_status status = ls_tree_parse_json(&tree, text, 2 * depth, "net.json");
        assert_int_equal(status, depth <= 257 ? LS_OK : LS_BAD_INPUT);
        if (status != LS_OK)
            assert_string_equal(ls_message(), "net.json: nested more than 256 deep");
        ls_tree_free(tree);
    }
    size_t length = 3000000;
    char *deep = malloc(length);
    assert_non_null(deep);
    memset(deep, '[', length);
    assert_int_equal(ls_tree_parse_json(&tree, deep, length, "net.json"), LS_BAD_INPUT);
    free(deep);
}

static void test_large(void **state)
{
    (void)state;
    struct ls_text text = {0};
    struct ls_tree *tree;
    ls_text_append(&text, "[0.5");
    for (int i = 0; i < 100000; i++)
        ls_text_append(&text, ", 0.25");
    ls_text_append(&text, "]");
    assert_ok(ls_tree_parse_json(&tree, text.data, text.length, NULL));
    assert_int_equal(tree->count, 100001);
    assert_json(tree, text.data);
    ls_tree_free(tree);
    ls_text_release(&text);
}

/* jansson's own memory: each of its allocations fails in turn. */
static long jansson_left;
static void *jansson_malloc(size_t bytes)
{
    return --jansson_left == 0 ? NULL : malloc(bytes);
}

static void test_no_memory_in_jansson(void **state)
{
    (void)state;
    static const char json[] = "{\"a\": [1, 2.5, NaN, \"text\"], \"b\": {\"c\": null}}";
    struct ls_tree *tree;
    ls_status status = LS_FAILED;
    json_set_alloc_funcs(jansson_malloc, free);
    long n = 1;
    for (; n < 1000 && status != LS_OK; n++) {
        jansson_left = n;
        status = ls_tree_parse_json(&tree, json, strlen(json), NULL);
        if (status != LS_OK) {
            assert_null(tree);
            assert_true(ls_message()[0] != '\0');
            if (status == LS_FAILED)
                assert_string_equal(ls_message(), "out of memory");
        }
    }
    json_set_alloc_funcs(malloc, free);
    assert_ok(status);
    assert_true(n > 10);
    assert_json(tree, json);
    ls_tree_free(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        leak_checked_test(test_round_trip), leak_checked_test(test_other_spellings),
        leak_checked_test(test_types),      leak_checked_test(test_lines),
        leak_checked_test(test_errors),     leak_checked_test(test_depth),
        leak_checked_test(test_large),      leak_checked_test(test_no_memory_in_jansson),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
