/* From what the user wrote to a data set: globs, lists, maps of the run file. */
#include "data_files.h"

/* The values of one sample of a column. */
#define read_one(data, column, sample, out)                                                        \
    expect_status(ls_data_read(data, column, out, &(int64_t){sample}, 1), LS_OK)

static void test_glob(void **state)
{
    struct ls_data *data;
    const int64_t index[] = {0, 3, 4, 8, 9, 2};
    int32_t labels[6];
    int64_t within;
    size_t y;

    (void)state;
    make_digits("part2.h5", "train", 5, 3);
    make_digits("part1.h5", "train", 4, 3);
    make_digits("part10.h5", "train", 1, 3);
    expect_status(ls_data_open(&data, "part*.h5:train"), LS_OK);
    assert_int_equal(ls_data_samples(data), 10);
    expect_status(ls_data_find(data, "y", &y), LS_OK);
    /* sorted by bytes: part1.h5 (4), part10.h5 (1), part2.h5 (5) */
    expect_status(ls_data_read(data, y, labels, index, 6), LS_OK);
    assert_int_equal(labels[0], 0);
    assert_int_equal(labels[1], 3);
    assert_int_equal(labels[2], 0);
    assert_int_equal(labels[3], 3);
    assert_int_equal(labels[4], 4);
    assert_int_equal(labels[5], 2);
    assert_string_equal(ls_data_locate(data, 7, &within), "part2.h5:train");
    assert_int_equal(within, 2);
    ls_data_free(data);
    expect_failure(ls_data_open(&data, "none*.h5:train"), LS_NO_INPUT, "none*.h5: no file matches");
}

static void test_parts_that_differ(void **state)
{
    struct ls_data *data;
    const float x[6] = {0};
    const hsize_t shape[2] = {2, 3};
    hid_t file;

    (void)state;
    make_digits("mix1.h5", "train", 4, 3);
    make_digits("mix2.h5", "train", 5, 2);
    expect_failure(ls_data_open(&data, "mix?.h5:train"), LS_BAD_INPUT,
                   "mix1.h5:train and mix2.h5:train: shapes of x differ: (None, 3) and (None, 2)");
    file = make_file("mix2.h5");
    H5Dclose(add_numbers(
        file, "/train/x",
        &(struct numbers){H5T_NATIVE_FLOAT, H5T_NATIVE_FLOAT, x, 2, shape, H5P_DEFAULT}));
    H5Dclose(add_numbers(
        file, "/train/y",
        &(struct numbers){H5T_NATIVE_INT32, H5T_NATIVE_FLOAT, x, 1, shape, H5P_DEFAULT}));
    H5Fclose(file);
    expect_failure(ls_data_open(&data, "mix?.h5:train"), LS_BAD_INPUT,
                   "mix1.h5:train and mix2.h5:train: number types of x differ");
    file = make_file("mix2.h5");
    H5Dclose(add_numbers(
        file, "/train/x",
        &(struct numbers){H5T_NATIVE_UINT8, H5T_NATIVE_FLOAT, x, 2, shape, H5P_DEFAULT}));
    H5Fclose(file);
    expect_failure(ls_data_open(&data, "mix?.h5:train"), LS_BAD_INPUT,
                   "mix2.h5:train: no dataset 'y'; it has: x");
}

static ls_status open_yaml(struct ls_data **data, const char *yaml, const char *directory)
{
    struct ls_tree *tree;
    ls_status status;

    expect_status(ls_tree_parse_yaml(&tree, yaml, strlen(yaml), "run.yaml"), LS_OK);
    status = ls_data_from_tree(data, ls_tree_find_path(tree, "data.train"), directory);
    ls_tree_free(tree);
    return status;
}

static void test_from_the_run_file(void **state)
{
    struct ls_data *data;
    size_t y;
    int32_t label;

    (void)state;
    make_digits("yaml1.h5", "train", 4, 3);
    make_digits("yaml2.h5", "test", 5, 3);
    expect_status(open_yaml(&data, "data: {train: 'yaml1.h5:train'}\n", test_directory), LS_OK);
    assert_int_equal(ls_data_samples(data), 4);
    ls_data_free(data);
    expect_status(open_yaml(&data, "data:\n  train:\n  - yaml2.h5:test\n  - yaml1.h5:train\n", "."),
                  LS_OK);
    assert_int_equal(ls_data_samples(data), 9);
    assert_string_equal(ls_data_name(data), "./yaml2.h5:test and 1 more");
    ls_data_free(data);
    expect_status(
        open_yaml(&data, "data: {train: {file: yaml2.h5, x: /test/x, y: /test/y}}\n", "."), LS_OK);
    expect_status(ls_data_find(data, "y", &y), LS_OK);
    read_one(data, y, 3, &label);
    assert_int_equal(label, 3);
    ls_data_free(data);
    setenv("LOCKSTEP_TEST_DATA", test_directory, 1);
    expect_status(open_yaml(&data, "data: {train: '${LOCKSTEP_TEST_DATA}/yaml1.h5:train'}\n", "/"),
                  LS_OK);
    ls_data_free(data);
}

static void test_wrong_run_files(void **state)
{
    struct ls_data *data;

    (void)state;
    make_digits("wrong.h5", "train", 4, 3);
    expect_failure(open_yaml(&data, "data:\n  train: wrong.h5:trian\n", NULL), LS_BAD_INPUT,
                   "run.yaml:2: data train: wrong.h5: no split 'trian'; it has: train");
    expect_failure(open_yaml(&data, "data:\n  train: wrong.h5\n", NULL), LS_BAD_INPUT,
                   "run.yaml:2: data train: 'wrong.h5': expected FILE:SPLIT, as in mnist.h5:train");
    expect_failure(open_yaml(&data, "data:\n  train: gone.h5:train\n", NULL), LS_NO_INPUT,
                   "run.yaml:2: data train: gone.h5: no such file");
    expect_failure(open_yaml(&data, "data:\n  train: {x: /train/x}\n", NULL), LS_BAD_INPUT,
                   "run.yaml:2: data train: expected 'file', and the path of each dataset: "
                   "{file: f.h5, x: /images, y: /labels}");
    expect_failure(open_yaml(&data, "data:\n  train: {file: wrong.h5}\n", NULL), LS_BAD_INPUT,
                   "run.yaml:2: data train: names no dataset: expected x: /PATH, y: /PATH, or "
                   "FILE:SPLIT in place of the map");
    expect_failure(open_yaml(&data, "data:\n  train: {file: wrong.h5, x: /none}\n", NULL),
                   LS_BAD_INPUT, "run.yaml:2: data train: wrong.h5: x: there is no dataset /none");
    expect_failure(open_yaml(&data, "data:\n  train: []\n", NULL), LS_BAD_INPUT,
                   "run.yaml:2: data train: names no data: expected FILE:SPLIT, a list of them, or "
                   "{file, x, y}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_glob),
        cmocka_unit_test(test_parts_that_differ),
        cmocka_unit_test(test_from_the_run_file),
        cmocka_unit_test(test_wrong_run_files),
    };
    return cmocka_run_group_tests(tests, start_kernels, remove_directory);
}
