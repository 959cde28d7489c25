#include "base_test.h"

#include <stdlib.h>
#include <unistd.h>

static void assert_yaml_becomes(const char *yaml, const char *json)
{
    struct ls_tree *tree = yaml_tree(yaml);
    assert_json(tree, json);
    ls_tree_free(tree);
}

static void test_values(void **state)
{
    (void)state;
    assert_yaml_becomes("a: 1\nb: [x, 2, {c: d}]\n",
                        "{\"a\": 1, \"b\": [\"x\", 2, {\"c\": \"d\"}]}");
    assert_yaml_becomes("", "null");
    assert_yaml_becomes("# nothing\n", "null");
    assert_yaml_becomes("a:\nb: ~\nc: null\nd: NULL\ne: None\n",
                        "{\"a\": null, \"b\": null, \"c\": null, \"d\": null, \"e\": null}");
    assert_yaml_becomes("a: 'null'\nb: \"~\"\nc: ''\nd: '1'\n",
                        "{\"a\": \"null\", \"b\": \"~\", \"c\": \"\", \"d\": \"1\"}");
    assert_yaml_becomes("[true, False, 'true', relu]", "[true, false, \"true\", \"relu\"]");
    assert_yaml_becomes("[1e-3, .5, 5., +3, +1.5, -.inf, .nan, 12345678901234567890]",
                        "[1e-3, 0.5, 5.0, 3, 1.5, -Infinity, NaN, 12345678901234567890]");
    assert_yaml_becomes("t: |\n  one\n  two\n", "{\"t\": \"one\\ntwo\\n\"}");
    assert_yaml_becomes("--- {a: 1}\n...\n", "{\"a\": 1}");
    assert_yaml_becomes("%YAML 1.1\n---\na: 1\n", "{\"a\": 1}");
    assert_yaml_becomes("\xef\xbb\xbf"
                        "a: 1\r\nb: 2\r\n",
                        "{\"a\": 1, \"b\": 2}");
    assert_yaml_becomes("{\"a\": [1, 2.0], \"b\": \"x\\ty\"}",
                        "{\"a\": [1, 2.0], \"b\": \"x\\ty\"}");
    /* keys are text, whatever they look like */
    assert_yaml_becomes(
        "{0: a, 010: b, yes: c, y: d, null: e}",
        "{\"0\": \"a\", \"010\": \"b\", \"yes\": \"c\", \"y\": \"d\", \"null\": \"e\"}");
    assert_yaml_becomes(
        "train: mnist.h5:train\ndate: 2026-11-22\nv: 1.2.3\n",
        "{\"train\": \"mnist.h5:train\", \"date\": \"2026-11-22\", \"v\": \"1.2.3\"}");
    assert_yaml_becomes(
        "[0, -0, 0.5, 0e1, 1e05, 0_a, 0x, 0xg, 0b2, 0o8, 1:a, 'yes', \"010\"]",
        "[0, -0, 0.5, 0e1, 1e05, \"0_a\", \"0x\", \"0xg\", \"0b2\", \"0o8\", \"1:a\", "
        "\"yes\", \"010\"]");
}

static void test_lines_and_links(void **state)
{
    (void)state;
    struct ls_tree *tree = yaml_tree("# comment\na: 1\nb:\n  - x\n\n  - y: 2\n    z:\n      3\n");
    const struct ls_tree *b = ls_tree_find(tree, "b");
    assert_int_equal(ls_tree_find(tree, "a")->line, 2);
    assert_int_equal(b->line, 3);
    assert_int_equal(b->count, 2);
    assert_int_equal(b->child->line, 4);
    assert_int_equal(b->last->line, 6);
    assert_ptr_equal(b->child->next, b->last);
    assert_ptr_equal(b->last->parent, b);
    assert_int_equal(ls_tree_find(b->last, "z")->line, 7); /* where its key stands */
    assert_string_equal(ls_tree_find(b->last, "z")->file, "run.yaml");
    ls_tree_free(tree);
}

static void test_errors(void **state)
{
    (void)state;
#define NUMBER                                                                                     \
    " can be read as several numbers: write it in plain decimal, or quote it if it is text"
#define WORD ": write true or false, or quote it if it is text"
    static const struct {
        const char *yaml, *message;
    } cases[] = {
        {"fit:\n  shuffle: yes\n", "run.yaml:2: fit shuffle: 'yes'" WORD},
        {"a: No", "run.yaml:1: a: 'No'" WORD},
        {"a: on", "run.yaml:1: a: 'on'" WORD},
        {"a: OFF", "run.yaml:1: a: 'OFF'" WORD},
        {"[1, off]", "run.yaml:1: [1]: 'off'" WORD},
        {"yes", "run.yaml:1: 'yes'" WORD},
        {"a: 010", "run.yaml:1: a: '010'" NUMBER},
        {"a: -007", "run.yaml:1: a: '-007'" NUMBER},
        {"a: 00.5", "run.yaml:1: a: '00.5'" NUMBER},
        {"a: 01e3", "run.yaml:1: a: '01e3'" NUMBER},
        {"a: 0x1F", "run.yaml:1: a: '0x1F'" NUMBER},
        {"a: 0o17", "run.yaml:1: a: '0o17'" NUMBER},
        {"a: 0b01", "run.yaml:1: a: '0b01'" NUMBER},
        {"a: 1_000", "run.yaml:1: a: '1_000'" NUMBER},
        {"a: 1:30", "run.yaml:1: a: '1:30'" NUMBER},
        {"a: 1\nb: 2\na: 3", "run.yaml:3: duplicate key 'a' (first on line 1)"},
        {"m:\n  l:\n  - D:\n      u: 1\n      u: 2\n",
         "run.yaml:5: l[0] D: duplicate key 'u' (first on line 4)"},
        {"{c: 1, b: 2, a: 1, b: 3, a: 4}", "run.yaml:1: duplicate key 'b' (first on line 1)"},
        {"a: &x 1", "run.yaml:1: a: anchors ('&x') are not read: write the value out"},
        {"a: &x [1]", "run.yaml:1: a: anchors ('&x') are not read: write the value out"},
        {"a: &x {b: 1}", "run.yaml:1: a: anchors ('&x') are not read: write the value out"},
        {"b: [*x]", "run.yaml:1: b[0]: aliases ('*x') are not read: write the value out"},
        {"a: !!str 1", "run.yaml:1: a: tags ('tag:yaml.org,2002:str') are not read: leave it out"},
        {"a: ! 1", "run.yaml:1: a: tags ('!') are not read: leave it out"},
        {"a: !t {b: 1}", "run.yaml:1: a: tags ('!t') are not read: leave it out"},
        {"a: 1\n---\nb: 2", "run.yaml:2: a second document (after '---') is not read"},
        {"? [a, b]\n: 1", "run.yaml:1: a key must be a text, not a list"},
        {"? {a: b}\n: 1", "run.yaml:1: a key must be a text, not a map"},
        {"a: \"x\\0y\"", "run.yaml:1: a: a text must not hold a NUL character"},
        {"a:\n\t- b", "run.yaml:2: not valid YAML: a tab; indent with spaces"},
        {"a: [1, 2",
         "run.yaml:1: not valid YAML: did not find expected ',' or ']' while parsing a flow "
         "sequence that began on line 1"},
        {"a: 1\n b: 2",
         "run.yaml:2: not valid YAML: mapping values are not allowed in this context"},
        {"a: \"x",
         "run.yaml:1: not valid YAML: found unexpected end of stream while scanning a quoted "
         "scalar that began on line 1"},
        {"a: 1\nb: \xff\n", "run.yaml:2: not valid YAML: invalid leading UTF-8 octet (byte 8)"},
        {"a: \x01", "run.yaml:1: not valid YAML: control characters are not allowed (byte 3)"},
        {"a: @x", "run.yaml:1: not valid YAML: found character that cannot start any token while "
                  "scanning for the next token that began on line 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ls_tree *tree = (struct ls_tree *)&tree;
        if (ls_tree_parse_yaml(&tree, cases[i].yaml, strlen(cases[i].yaml), "run.yaml") !=
            LS_BAD_INPUT)
            fail_msg("read without an error: %s", cases[i].yaml);
        assert_string_equal(ls_message(), cases[i].message);
        assert_null(tree);
    }
}

static void test_no_file_in_messages(void **state)
{
    (void)state;
    struct ls_tree *tree;
    assert_fails(ls_tree_parse_yaml(&tree, "a: yes", 6, NULL), LS_BAD_INPUT, "a: 'yes'" WORD);
    assert_fails(ls_tree_parse_yaml(&tree, "a: 1\0b", 6, NULL), LS_BAD_INPUT,
                 "not valid YAML: control characters are not allowed (byte 4)");
}

static void test_depth(void **state)
{
    (void)state;
    struct ls_tree *tree;
    char text[1200];
    for (size_t depth = 250; depth < 600; depth += 5) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        ls_status status = ls_tree_parse_yaml(&tree, text, 2 * depth, "run.yaml");
        assert_int_equal(status, depth <= 256 ? LS_OK : LS_BAD_INPUT);
        if (depth > 256)
            assert_non_null(strstr(ls_message(), "...: nested more than 256 deep"));
        ls_tree_free(tree);
    }
    /* Unclosed, a million deep: refused at once. */
    size_t length = 1000000;
    char *deep = malloc(length);
    assert_non_null(deep);
    memset(deep, '[', length);
    assert_int_equal(ls_tree_parse_yaml(&tree, deep, length, "run.yaml"), LS_BAD_INPUT);
    for (size_t i = 0; i + 2 <= length; i += 2)
        memcpy(deep + i, "- ", 2);
    assert_int_equal(ls_tree_parse_yaml(&tree, deep, length, "run.yaml"), LS_BAD_INPUT);
    free(deep);
}

static void test_many_entries(void **state)
{
    (void)state;
    enum { MANY = 30000 };
    struct ls_text text = {0};
    struct ls_tree *tree;
    for (int i = 0; i < MANY; i++)
        ls_text_append(&text, "key%d: %d\n", i, i);
    assert_ok(ls_text_status(&text));
    assert_ok(ls_tree_parse_yaml(&tree, text.data, text.length, "run.yaml"));
    assert_int_equal(tree->count, MANY);
    ls_tree_free(tree);
    ls_text_append(&text, "key12345: again\n");
    assert_fails(ls_tree_parse_yaml(&tree, text.data, text.length, "run.yaml"), LS_BAD_INPUT,
                 "run.yaml:30001: duplicate key 'key12345' (first on line 12346)");
    ls_text_release(&text);
}

static void test_long_texts_in_messages(void **state)
{
    (void)state;
    struct ls_text text = {0};
    struct ls_tree *tree;
    ls_text_append(&text, "\"%0300d\":\n  \"%0300d\": [*%0300d]", 1, 2, 3);
    assert_int_equal(ls_tree_parse_yaml(&tree, text.data, text.length, "run.yaml"), LS_BAD_INPUT);
    assert_true(strlen(ls_message()) < 300);
    assert_non_null(strstr(ls_message(), "...[0]: aliases ('*000"));
    ls_text_release(&text);
}

static void test_read_file(void **state)
{
    (void)state;
    char path[] = "base_tree.XXXXXX", message[100];
    struct ls_tree *tree;
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, "a: [1]\nb: no\n", 13), 13);
    snprintf(message, sizeof message, "%s:2: b: 'no'" WORD, path);
    assert_fails(ls_tree_read_yaml(&tree, path), LS_BAD_INPUT, message);
    assert_int_equal(ftruncate(file, 7), 0);
    assert_ok(ls_tree_read_yaml(&tree, path));
    assert_json(tree, "{\"a\": [1]}");
    ls_tree_free(tree);
    close(file);
    unlink(path);
    snprintf(message, sizeof message, "cannot read '%s': No such file or directory", path);
    assert_fails(ls_tree_read_yaml(&tree, path), LS_NO_INPUT, message);
    assert_null(tree);
}

/* Options as a program gives them: a map without braces. */
static void test_options(void **state)
{
    (void)state;
    struct ls_tree *tree;
    assert_ok(ls_tree_parse_options(&tree, "units: 3, activation: relu"));
    assert_json(tree, "{\"units\": 3, \"activation\": \"relu\"}");
    ls_tree_free(tree);
    assert_ok(ls_tree_parse_options(&tree, NULL));
    assert_json(tree, "{}");
    ls_tree_free(tree);
    assert_int_equal(ls_tree_parse_options(&tree, "units: [3"), LS_BAD_INPUT);
    assert_null(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        leak_checked_test(test_options),
        leak_checked_test(test_values),
        leak_checked_test(test_lines_and_links),
        leak_checked_test(test_errors),
        leak_checked_test(test_no_file_in_messages),
        leak_checked_test(test_depth),
        leak_checked_test(test_many_entries),
        leak_checked_test(test_long_texts_in_messages),
        leak_checked_test(test_read_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
