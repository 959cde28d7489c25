/* Making, writing, finding and setting of the config tree. */
#include "base_test.h"

#include <math.h>

static void test_make(void **state)
{
    (void)state;
    struct ls_tree *tree = ls_tree_new(LS_TREE_MAP);
    assert_non_null(ls_tree_add_text(tree, "t", "128"));
    assert_non_null(ls_tree_add_int(tree, "i", INT64_MIN));
    assert_non_null(ls_tree_add_bool(tree, "b", true));
    assert_non_null(ls_tree_add_double(tree, "d", 1.0));
    assert_non_null(ls_tree_add_double(tree, "e", 1e-7));
    assert_non_null(ls_tree_add_double(tree, "n", (double)NAN));
    assert_non_null(ls_tree_add_null(tree, "z"));
    struct ls_tree *list = ls_tree_add(tree, "l", LS_TREE_LIST);
    assert_non_null(ls_tree_add_int(list, NULL, 1));
    assert_non_null(ls_tree_add_copy(list, NULL, tree->child));
    assert_non_null(ls_tree_add_copy(tree, "m", list));
    assert_json(
        tree,
        "{\"t\": \"128\", \"i\": -9223372036854775808, \"b\": true, \"d\": 1.0, \"e\": 1e-07, "
        "\"n\": NaN, \"z\": null, \"l\": [1, \"128\"], \"m\": [1, \"128\"]}");
    assert_int_equal(tree->count, 9);
    assert_null(list->last->key);
    ls_tree_remove(tree->child);
    ls_tree_remove(tree->last);
    ls_tree_remove((struct ls_tree *)ls_tree_find(tree, "d"));
    assert_int_equal(tree->count, 6);
    assert_string_equal(tree->last->key, "l");
    assert_non_null(ls_tree_add_int(tree, "x", 1));
    while (list->child)
        ls_tree_remove(list->child);
    assert_non_null(ls_tree_add_int(list, NULL, 7));
    assert_json(tree,
                "{\"i\": -9223372036854775808, \"b\": true, \"e\": 1e-07, \"n\": NaN, \"z\": null, "
                "\"l\": [7], \"x\": 1}");
    ls_tree_free(tree);
    ls_tree_free(NULL);
}

/* A copy keeps its place though the tree that it was taken from is gone. */
static void test_copy(void **state)
{
    (void)state;
    struct ls_tree *tree = yaml_tree("a: 1\nb: [x, 'y']\n"), *copy;
    assert_ok(ls_tree_copy(&copy, ls_tree_find(tree, "b")));
    ls_tree_free(tree);
    assert_json(copy, "[\"x\", \"y\"]");
    assert_true(copy->last->quoted);
    assert_string_equal(copy->last->file, "run.yaml");
    assert_int_equal(copy->last->line, 2);
    assert_null(copy->parent);
    ls_tree_free(copy);
}

/* -- writing YAML */

static void assert_yaml_stays(const char *yaml)
{
    struct ls_tree *tree = yaml_tree(yaml);
    assert_yaml(tree, yaml);
    ls_tree_free(tree);
}

static void test_yaml_style(void **state)
{
    (void)state;
    assert_yaml_stays(
        "model:\n"
        "  input: {shape: [28, 28]}\n"
        "  layers:\n"
        "    - Rescaling: {scale: 0.00392156862745098}\n"
        "    - Flatten\n"
        "    - Dense: {units: 128, activation: relu}\n"
        "      from: left\n"
        "    - Concatenate: {name: joined}\n"
        "      from: [left, right]\n"
        "compile:\n"
        "  optimizer:\n"
        "    Adam:\n"
        "      learning_rate: {CosineDecay: {initial_learning_rate: 0.1, alpha: 0.0}}\n"
        "  loss: {SparseCategoricalCrossentropy: {from_logits: true}}\n"
        "  metrics: [accuracy]\n"
        "data: {train: mnist.h5:train, validation: mnist.h5:test}\n"
        "fit: {batch_size: 64, epochs: 5, shuffle: true, seed: 1}\n"
        "checkpoint: {every: 1 epoch, keep: 3}\n");
    assert_yaml_stays("- a\n- [1, 2]\n-\n  - aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"
                      "  - bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n- {}\n");
    assert_yaml_stays("null\n");
    assert_yaml_stays("{}\n");
    assert_yaml_stays("[]\n");
    assert_yaml_stays("1e-07\n");
    assert_yaml_stays("- -1.5\n- .5\n- +2\n- -.inf\n- 2026-11-22\n- \"---a\"\n- \"-\"\n");
}

/* Texts that plain YAML would take for something else, or could not hold. */
static void test_yaml_texts(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        " ",
        "a b",
        " a",
        "a ",
        "1",
        "1.5",
        "-1",
        "1e3",
        ".5",
        ".inf",
        "inf",
        "nan",
        "NaN",
        "null",
        "~",
        "None",
        "true",
        "True",
        "FALSE",
        "yes",
        "No",
        "on",
        "OFF",
        "y",
        "n",
        "010",
        "0x1f",
        "1_0",
        "1:30",
        "a: b",
        "a:",
        "a:b",
        ":a",
        "#a",
        "a #b",
        "- a",
        "-",
        "--",
        "---",
        "...",
        "..",
        ".",
        "?",
        "[a]",
        "{a}",
        "a,b",
        "a[1]",
        "'a'",
        "\"a\"",
        "a\"b",
        "a'b",
        "a\\b",
        "&a",
        "*a",
        "!a",
        "%a",
        "@a",
        "`a`",
        "|",
        ">",
        "a\nb",
        "\n",
        "\ta",
        "a\tb",
        "\x01",
        "\x7f",
        "\xc3\xa9",
        "\xf0\x9f\x98\x80",
        "\xc2\x85",
        "\xe2\x80\xa8",
        "\xef\xbb\xbf",
        "/a/b-c_d.h5:x",
        "a$b",
        "${A}/b",
        "a\rb",
        "1 epoch",
        "Infinity",
        "-Infinity",
        "<<",
        "=",
        "a/../b",
        "\xef\xbf\xbe",
    };
    struct ls_tree *tree = ls_tree_new(LS_TREE_MAP), *back;
    struct ls_tree *list = ls_tree_add(tree, "list", LS_TREE_LIST);
    struct ls_tree *keys = ls_tree_add(tree, "keys", LS_TREE_MAP);
    struct ls_text text = {0}, before = {0}, after = {0};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct ls_tree *flow = ls_tree_add(list, NULL, LS_TREE_MAP);
        assert_non_null(ls_tree_add_text(list, NULL, texts[i]));
        assert_non_null(ls_tree_add_text(flow, "k", texts[i]));
        assert_non_null(ls_tree_add_text(flow, texts[i], "v"));
        assert_non_null(ls_tree_add_copy(keys, texts[i], flow));
    }
    ls_tree_format_yaml(&text, tree);
    assert_ok(ls_tree_parse_yaml(&back, text.data, text.length, "written.yaml"));
    ls_tree_format_json(&before, tree);
    ls_tree_format_json(&after, back);
    assert_string_equal(before.data, after.data);
    ls_text_release(&text);
    ls_text_release(&before);
    ls_text_release(&after);
    ls_tree_free(back);
    ls_tree_free(tree);
}

static void test_wrong_utf8_is_replaced(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "a\xff",        "\xc3",     "\xe2\x82",         "\xf0\x9f\x98",
        "\xed\xa0\x80", "\xc0\x80", "\xf7\xbf\xbf\xbf", "\x80"};
    static const char *const jsons[] = {
        "\"a\\ufffd\"", "\"\\ufffd\"", "\"\\ufffd\\ufffd\"", "\"\\ufffd\\ufffd\\ufffd\"",
        "\"\\ufffd\"",  "\"\\ufffd\"", "\"\\ufffd\"",        "\"\\ufffd\""};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct ls_tree *tree = ls_tree_new(LS_TREE_LIST), *back;
        struct ls_text yaml = {0};
        struct ls_tree *entry = ls_tree_add_text(tree, NULL, texts[i]);
        assert_json(entry, jsons[i]);
        ls_tree_format_yaml(&yaml, tree);
        assert_ok(ls_tree_parse_yaml(&back, yaml.data, yaml.length, NULL));
        assert_json(back->child, jsons[i]);
        ls_text_release(&yaml);
        ls_tree_free(back);
        ls_tree_free(tree);
    }
}

/* -- finding and setting */

static const char run[] = "model:\n"
                          "  layers:\n"
                          "  - Flatten\n"
                          "  - Dense: {units: 128}\n"
                          "    from: left\n"
                          "  - Dense: {units: 64, name: hidden}\n"
                          "  - Dropout:\n"
                          "  - Dense: {units: 10}\n"
                          "  - {class_name: Dense, config: {units: 5, name: last}}\n"
                          "compile:\n"
                          "  optimizer: adam\n"
                          "  loss: {Huber: {delta: 2.0}}\n"
                          "data: {train: {file: f.h5}}\n"
                          "fit:\n";

static void test_find_path(void **state)
{
    (void)state;
    struct ls_tree *tree = yaml_tree(run);
    static const char *const cases[][2] = {
        {"model.layers.0", "\"Flatten\""},
        {"model.layers.1.units", "128"},
        {"model.layers.1.Dense.units", "128"},
        {"model.layers.1.from", "\"left\""},
        {"model.layers.2.units", "64"},
        {"model.layers.hidden.units", "64"},
        {"model.layers.flatten", "\"Flatten\""},
        {"model.layers.dense.units", "128"},
        {"model.layers.dense_1.units", "10"},
        {"model.layers.dropout", "{\"Dropout\": null}"},
        {"model.layers.5.units", "5"},
        {"model.layers.last.units", "5"},
        {"compile.optimizer", "\"adam\""},
        {"compile.loss.delta", "2.0"},
        {"compile.loss.Huber.delta", "2.0"},
        {"data.train.file", "\"f.h5\""},
        {"fit", "null"},
    };
    static const char *const none[] = {"x",
                                       "model.layers.6",
                                       "model.layers.99999999999999999999999",
                                       "model.layers.-1",
                                       "model.layers.dense_2",
                                       "model.layers.dense_0",
                                       "model.layers.den",
                                       "model.layers.0.units",
                                       "data.file",
                                       "fit.epochs",
                                       ".",
                                       ".model",
                                       "model.",
                                       "model..layers",
                                       "compile.optimizer.learning_rate"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct ls_tree *found = ls_tree_find_path(tree, cases[i][0]);
        if (!found)
            fail_msg("nothing found at %s", cases[i][0]);
        assert_json(found, cases[i][1]);
    }
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (ls_tree_find_path(tree, none[i]))
            fail_msg("found something at %s", none[i]);
    assert_ptr_equal(ls_tree_find_path(tree, ""), tree);
    assert_null(ls_tree_find(tree->child, "x"));
    assert_null(ls_tree_find(NULL, "x"));
    ls_tree_free(tree);
}

static void assert_set(const char *yaml, const char *path, const char *value, const char *expected)
{
    struct ls_tree *tree = yaml_tree(yaml);
    assert_ok(ls_tree_set_path(tree, path, value));
    assert_json(tree, expected);
    ls_tree_free(tree);
}

static void test_set_path(void **state)
{
    (void)state;
    assert_set("", "fit.epochs", "3", "{\"fit\": {\"epochs\": 3}}");
    assert_set("{fit: {epochs: 1, seed: 2}}", "fit.epochs", "'3'",
               "{\"fit\": {\"epochs\": \"3\", \"seed\": 2}}");
    assert_set("{fit: }", "fit.epochs", "3", "{\"fit\": {\"epochs\": 3}}");
    assert_set("{a: 1}", "b.c.d", "{e: [1, x]}",
               "{\"a\": 1, \"b\": {\"c\": {\"d\": {\"e\": [1, \"x\"]}}}}");
    assert_set("{a: {b: {c: 1}}}", "a.b", "", "{\"a\": {\"b\": null}}");
    assert_set("[1, 2]", "1", "x", "[1, \"x\"]");
    assert_set("[Flatten, Dense]", "1.units", "5", "[\"Flatten\", {\"Dense\": {\"units\": 5}}]");
    assert_set("[Flatten: , Dropout: ]", "dropout.rate", "0.5",
               "[{\"Flatten\": null}, {\"Dropout\": {\"rate\": 0.5}}]");
    assert_set("[Dense: {units: 1}]", "0.activation", "relu",
               "[{\"Dense\": {\"units\": 1, \"activation\": \"relu\"}}]");
    assert_set("[Dense: {units: 1}, Dense: {units: 2}]", "dense_1.units", "3",
               "[{\"Dense\": {\"units\": 1}}, {\"Dense\": {\"units\": 3}}]");
    assert_set("[{Dense: {units: 1}, from: a}]", "0.from", "b",
               "[{\"Dense\": {\"units\": 1}, \"from\": \"b\"}]");
    assert_set("[{Dense: {units: 1}, from: a}]", "0.name", "b",
               "[{\"Dense\": {\"units\": 1, \"name\": \"b\"}, \"from\": \"a\"}]");
    assert_set("[{apply: encode}]", "0.from", "b", "[{\"apply\": \"encode\", \"from\": \"b\"}]");
    assert_set("{optimizer: adam}", "optimizer.learning_rate", "0.1",
               "{\"optimizer\": {\"adam\": {\"learning_rate\": 0.1}}}");
    assert_set("{optimizer: {Adam: {beta_1: 0.8}}}", "optimizer.learning_rate", "0.1",
               "{\"optimizer\": {\"Adam\": {\"beta_1\": 0.8, \"learning_rate\": 0.1}}}");
    assert_set("{data: {train: {file: f}}}", "data.validation", "v",
               "{\"data\": {\"train\": {\"file\": \"f\"}, \"validation\": \"v\"}}");
    assert_set("{loss: {Same: mse, kind: mae}}", "loss.third", "mse",
               "{\"loss\": {\"Same\": \"mse\", \"kind\": \"mae\", \"third\": \"mse\"}}");
    assert_set("[{class_name: Dense, config: {units: 1}}]", "dense.units", "2",
               "[{\"class_name\": \"Dense\", \"config\": {\"units\": 2}}]");
}

static void test_set_path_errors(void **state)
{
    (void)state;
    static const struct {
        const char *path, *value, *message;
    } cases[] = {
        {"model.layers.7.units", "1",
         "--set: model.layers.7.units: no such entry: the list has 6, named or numbered from 0"},
        {"model.layers.nothing.units", "1",
         "--set: model.layers.nothing.units: no such entry: the list has 6, named or numbered from 0"},
        {"data.train.file.x", "1", "--set: data.train.file.x: 'f.h5' has no options to set"},
        {"", "1", "--set: '' is no path: write key.key=value"},
        {"a..b", "1", "--set: 'a..b' is no path: write key.key=value"},
        {"a.", "1", "--set: 'a.' is no path: write key.key=value"},
        {"fit.shuffle", "yes",
         "--set fit.shuffle: 'yes': write true or false, or quote it if it is text"},
        {"fit.x", "[1",
         "--set fit.x: not valid YAML: did not find expected ',' or ']' while parsing a flow "
         "sequence that began on line 1"},
    };
    struct ls_tree *tree = yaml_tree(run);
    struct ls_text before = {0};
    ls_tree_format_json(&before, tree);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_fails(ls_tree_set_path(tree, cases[i].path, cases[i].value), LS_BAD_INPUT,
                     cases[i].message);
        assert_json(tree, before.data);
    }
    /* What was set is named as the place of later failures. */
    assert_ok(ls_tree_set_path(tree, "fit.epochs", "many"));
    assert_fails(ls_tree_int(ls_tree_find_path(tree, "fit.epochs"), &(int64_t){0}), LS_BAD_INPUT,
                 "--set: fit epochs: expected an integer, found 'many'");
    ls_text_release(&before);
    ls_tree_free(tree);
}

/* -- places and types */

static void assert_place(const struct ls_tree *tree, const char *path, const char *expected)
{
    const struct ls_tree *place = ls_tree_find_path(tree, path);
    assert_non_null(place);
    assert_int_equal(ls_fail_at(place, LS_BAD_INPUT, "bad %d", 5), LS_BAD_INPUT);
    assert_string_equal(ls_message(), expected);
}

static void test_places(void **state)
{
    (void)state;
    struct ls_tree *tree = yaml_tree(run);
    assert_place(tree, "", "run.yaml:1: bad 5");
    assert_place(tree, "model", "run.yaml:1: model: bad 5");
    assert_place(tree, "model.layers", "run.yaml:2: model layers: bad 5");
    assert_place(tree, "model.layers.0", "run.yaml:3: layers[0]: bad 5");
    assert_place(tree, "model.layers.1.Dense", "run.yaml:4: layers[1] Dense: bad 5");
    assert_place(tree, "model.layers.2.units", "run.yaml:6: layers[2] Dense units: bad 5");
    assert_place(tree, "model.layers.5.units", "run.yaml:9: layers[5] Dense units: bad 5");
    assert_place(tree, "compile.loss.delta", "run.yaml:12: loss Huber delta: bad 5");
    assert_fails(ls_fail_at(NULL, LS_FAILED, "bad"), LS_FAILED, "bad");
    assert_fails(ls_fail_at_line(tree->child, 77, LS_FAILED, "bad"), LS_FAILED,
                 "run.yaml:77: model: bad");
    ls_tree_free(tree);

    struct ls_tree *made = ls_tree_new(LS_TREE_MAP);
    assert_fails(ls_fail_at(made, LS_FAILED, "bad"), LS_FAILED, "bad");
    assert_fails(ls_fail_at(ls_tree_add_int(made, "units", 3), LS_FAILED, "bad"), LS_FAILED,
                 "units: bad");
    ls_tree_free(made);

    char path[1000];
    memset(path, 'p', sizeof path);
    memcpy(path + sizeof path - 6, ".yaml", 6);
    assert_ok(ls_tree_parse_yaml(&tree, "a: 1", 4, path));
    ls_fail_at(tree->child, LS_FAILED, "bad");
    assert_int_equal(strlen(ls_message()), 3 + 200 + strlen(":1: a: bad"));
    assert_string_equal(ls_message() + 201, "ml:1: a: bad");
    ls_tree_free(tree);
}

/* Whichever of its entries there was no memory for: the tree knows. */
static void test_incomplete(void **state)
{
    (void)state;
    ls_status status = LS_FAILED;
    long n = 1;
    for (; status != LS_OK; n++) {
        struct ls_tree *map = ls_tree_new(LS_TREE_MAP), *list;
        ls_memory_fail_at(n);
        ls_tree_add_int(map, "epoch", 3);
        list = ls_tree_add(map, "accepted", LS_TREE_LIST);
        if (list)
            ls_tree_add_text(list, NULL, "fit.seed");
        ls_tree_add_copy(map, "run", list ? list : map);
        ls_memory_fail_at(0);
        status = ls_tree_status(map);
        assert_true(status == LS_FAILED || map->count == 3);
        ls_tree_free(map);
    }
    assert_true(n > 6);
    assert_fails(ls_tree_status(NULL), LS_FAILED, "out of memory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        leak_checked_test(test_make),
        leak_checked_test(test_copy),
        leak_checked_test(test_yaml_style),
        leak_checked_test(test_yaml_texts),
        leak_checked_test(test_wrong_utf8_is_replaced),
        leak_checked_test(test_find_path),
        leak_checked_test(test_set_path),
        leak_checked_test(test_set_path_errors),
        leak_checked_test(test_places),
        leak_checked_test(test_incomplete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
