/* What a checkpoint's state says of the training data: how its CSV was read, its classes' names. */
#include "base/memory.h"
#include "data_csv.h"
#include "train/learnt.h"

static const char expected[] =
    "{\"learnt\": {\"columns\": [{\"name\": \"size\"}], \"target\": {\"name\": \"kind\", "
    "\"classes\": [\"a\", \"no \\u00fc\", \"null\"]}}, \"class_names\": {\"y\": [\"a\", \"no "
    "\\u00fc\", \"null\"]}}";

static struct ls_tree *write_state(const char *source, const struct ls_tree *before)
{
    struct ls_tree *state = ls_tree_new(LS_TREE_MAP);
    struct ls_data *data;

    expect_status(ls_data_open(&data, source), LS_OK);
    expect_status(ls_learnt_write(state, data, before), LS_OK);
    ls_data_free(data);
    return state;
}

static void expect_json(const struct ls_tree *tree, const char *json)
{
    struct ls_text text = {0};

    ls_tree_format_json(&text, tree);
    assert_string_equal(text.data, json);
    ls_text_release(&text);
}

/* From the data; what it has none of, from the state before. */
static void test_writing(void **unused)
{
    struct ls_tree *first = write_state("kinds.h5:train", NULL);
    struct ls_tree *second = write_state("digits.h5:train", first);
    struct ls_tree *none = write_state("digits.h5:train", NULL);

    (void)unused;
    expect_json(first, expected);
    expect_json(second, expected);
    expect_json(none, "{}");
    ls_tree_free(first);
    ls_tree_free(second);
    first = write_state("numbers.h5:train", none);
    expect_json(first, "{\"learnt\": {\"columns\": [{\"name\": \"size\"}]}}");
    ls_tree_free(first);
    ls_tree_free(none);
}

static void test_damaged(void **unused)
{
    struct ls_tree *state = ls_tree_new(LS_TREE_MAP);
    struct ls_data *data;

    (void)unused;
    expect_status(ls_data_open(&data, "numbers.h5:train"), LS_OK);
    ls_release(data->learnt);
    expect_status(ls_duplicate(&data->learnt, "{\"columns\""), LS_OK);
    expect_status(ls_learnt_write(state, data, NULL), LS_BAD_INPUT);
    assert_non_null(
        strstr(ls_message(), "numbers.h5:train: what import csv learnt cannot be read: "));
    expect_status(ls_learnt_check(data), LS_BAD_INPUT);
    ls_data_free(data);
    ls_tree_free(state);
}

static void test_opening(void **unused)
{
    struct ls_tree *state = write_state("kinds.h5:train", NULL);
    struct ls_learnt_source source = {.data = "new.csv", .model = "run", .state = state};
    struct ls_data *data;

    (void)unused;
    write_text("new.csv", "kind,size\nunknown,4\n");
    expect_status(ls_learnt_open(&data, &source), LS_OK);
    assert_int_equal(ls_data_columns(data), 1);
    ls_data_free(data);
    source.target = true;
    expect_failure(ls_learnt_open(&data, &source), LS_BAD_INPUT,
                   "new.csv:2: column 1 'kind': 'unknown' is none of the 3 classes known from "
                   "before ('a' to 'null')");
    ls_tree_free(state);
    for (int i = 0; i <= 1; i++) {
        source.state = i == 0 ? NULL : ls_tree_new(LS_TREE_MAP);
        expect_failure(ls_learnt_open(&data, &source), LS_BAD_INPUT,
                       "new.csv: run does not say what a CSV file's columns are, since it was not "
                       "trained on what 'lockstep import csv' wrote: import this file with it and "
                       "name the result as FILE:SPLIT");
        source.data = "digits.h5:train";
        expect_status(ls_learnt_open(&data, &source), LS_OK);
        ls_data_free(data);
        source.data = "new.csv";
        ls_tree_free((struct ls_tree *)source.state);
    }
}

static void test_class_names(void **unused)
{
    static const char damaged[] = "{\"class_names\": {\"y\": [\"a\", [1]]}}";
    struct ls_tree *state = write_state("kinds.h5:train", NULL);
    struct ls_class_names names;
    struct ls_data *data;

    (void)unused;
    expect_status(ls_class_names_find(&names, "y", NULL, state), LS_OK);
    assert_int_equal(names.count, 3);
    assert_string_equal(names.name[2], "null");
    ls_release(names.name);
    expect_status(ls_class_names_find(&names, "z", NULL, state), LS_OK);
    assert_int_equal(names.count, 0);

    write_text("other.csv", "size,kind\n1,b\n2,c\n");
    expect_status(import_csv("other.h5", "other.csv", "kind"), LS_OK);
    expect_status(ls_data_open(&data, "other.h5:train"), LS_OK);
    expect_status(ls_class_names_find(&names, "y", data, state), LS_OK);
    assert_int_equal(names.count, 2);
    assert_string_equal(names.name[0], "b");
    ls_release(names.name);
    ls_data_free(data);
    ls_tree_free(state);

    expect_status(ls_tree_parse_json(&state, damaged, strlen(damaged), "s"), LS_OK);
    expect_status(ls_class_names_find(&names, "y", NULL, state), LS_BAD_INPUT);
    assert_non_null(strstr(ls_message(), "the checkpoint's class_names: "));
    assert_null(names.name);
    ls_tree_free(state);
}

/* Every allocation made to fail. */
static void test_memory(void **unused)
{
    ls_status status = LS_FAILED;
    struct ls_tree *before = write_state("kinds.h5:train", NULL);
    struct ls_data *data;

    (void)unused;
    expect_status(ls_data_open(&data, "kinds.h5:train"), LS_OK);
    for (long n = 1; status != LS_OK; n++) {
        struct ls_tree *state = ls_tree_new(LS_TREE_MAP);
        struct ls_class_names names = {0};
        struct ls_data *read = NULL;
        struct ls_learnt_source source = {.data = "kinds.csv", .model = "run", .state = before};

        ls_memory_fail_at(n);
        status = ls_learnt_write(state, data, NULL);
        if (status == LS_OK)
            status = ls_learnt_open(&read, &source);
        if (status == LS_OK)
            status = ls_class_names_find(&names, "y", NULL, before);
        ls_memory_fail_at(0);
        if (status != LS_OK)
            assert_int_equal(status, LS_FAILED);
        ls_release(names.name);
        ls_data_free(read);
        ls_tree_free(state);
        assert_in_range(n, 1, 2000);
    }
    ls_data_free(data);
    ls_tree_free(before);
}

static int setup(void **state)
{
    if (start_kernels(state) != 0)
        return -1;
    make_digits("digits.h5", "train", 4, 3);
    write_text("kinds.csv", "size,kind\n1,a\n2,null\n3,no \xc3\xbc\n");
    write_text("numbers.csv", "size\n1\n2\n");
    if (import_csv("numbers.h5", "numbers.csv", NULL) != LS_OK)
        return -1;
    return ls_import_csv(&(struct ls_import){.files = FILES("kinds.csv"),
                                             .out = "kinds.h5",
                                             .target = "kind",
                                             .text_columns = FILES("kind")});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writing), cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_opening), cmocka_unit_test(test_class_names),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, setup, remove_directory);
}
