/* Errors of the loader: at the batch they are in, by file and sample; and what is no data. */
#include <math.h>

#include "data_numbers.h"

/* Takes batches of one sample until one fails; which. */
static int64_t first_failure(struct ls_data *data, const struct ls_column_use *uses, size_t count)
{
    struct ls_loader_options options = options_for(data, 1, 1);
    struct ls_loader *loader;
    const struct ls_batch *batch;
    ls_status status = LS_OK;
    int64_t step = -1;

    options.order.shuffle = LS_SHUFFLE_NONE;
    options.use = uses;
    options.uses = count;
    expect_status(ls_loader_create(&loader, &options), LS_OK);
    expect_status(ls_loader_start(loader, 0, 0), LS_OK);
    while (status == LS_OK && step < 2 * options.order.samples) {
        status = ls_loader_next(loader, &batch);
        step++;
    }
    if (status != LS_OK) { /* and it stays so */
        char message[256];

        snprintf(message, sizeof message, "%s", ls_message());
        expect_failure(ls_loader_next(loader, &batch), status, message);
    }
    ls_loader_free(loader);
    return step;
}

static void make_labels(const char *path, const void *labels, hid_t type, hsize_t count)
{
    float x[64] = {0};
    const hsize_t shape[2] = {count, 2};
    hid_t file = make_file(path);

    H5Dclose(add_numbers(file, "/train/y",
                         &(struct numbers){type, type, labels, 1, &count, H5P_DEFAULT}));
    H5Dclose(add_numbers(
        file, "/train/x",
        &(struct numbers){H5T_NATIVE_FLOAT, H5T_NATIVE_FLOAT, x, 2, shape, H5P_DEFAULT}));
    H5Fclose(file);
}

static void test_labels_out_of_range(void **state)
{
    const unsigned char high[] = {0, 1, 2, 3, 12, 5};
    const int64_t negative[] = {0, -1};
    const float half[] = {0, 1, 2.5f}, below[] = {0, -0.5f}, nan_label[] = {NAN};
    const struct {
        const void *labels;
        hid_t type;
        hsize_t count;
        int64_t at;
        const char *message;
    } cases[] = {
        {high, H5T_NATIVE_UINT8, 6, 4,
         "labels.h5:train: sample 4: label 12 is out of range [0, 10)"},
        {negative, H5T_NATIVE_INT64, 2, 1,
         "labels.h5:train: sample 1: label -1 is out of range [0, 10)"},
        {half, H5T_NATIVE_FLOAT, 3, 2,
         "labels.h5:train: sample 2: label 2.5 is not a whole number in [0, 10): one number for "
         "an output of several is a class"},
        {below, H5T_NATIVE_FLOAT, 2, 1,
         "labels.h5:train: sample 1: label -0.5 is not a whole number in [0, 10): one number for "
         "an output of several is a class"},
        {nan_label, H5T_NATIVE_FLOAT, 1, 0,
         "labels.h5:train: sample 0: label nan is out of range [0, 10)"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ls_column_use use = {.classes = 10, .what = "target"};
        struct ls_data *data;

        make_labels("labels.h5", cases[i].labels, cases[i].type, cases[i].count);
        expect_status(ls_data_open(&data, "labels.h5:train"), LS_OK);
        expect_status(ls_data_find(data, "y", &use.column), LS_OK);
        assert_int_equal(first_failure(data, &use, 1), cases[i].at);
        assert_string_equal(ls_message(), cases[i].message);
        ls_data_free(data);
    }
}

/* A loss may ignore one number that is no class; others stay wrong. */
static void test_ignored_label(void **state)
{
    const float labels[] = {-1, 0, 2, -1, -1, 3};
    const struct ls_column_use use = {.classes = 3, .ignored = -1, .what = "target"};
    struct ls_data *data;

    (void)state;
    expect_status(ls_data_from_arrays(&data, &(struct ls_data_arrays){6, labels, 1, labels, 1}),
                  LS_OK);
    assert_int_equal(first_failure(data, &use, 1), 5);
    assert_string_equal(ls_message(), "arrays: sample 5: label 3 is out of range [0, 3)");
    ls_data_free(data);
}

static void test_two_targets_are_told_apart(void **state)
{
    const float values[] = {1, 2, 3, 4};
    const struct ls_column_use uses[2] = {
        {.column = 0, .classes = 9, .what = "target of output 'same'"},
        {.column = 1, .classes = 3, .what = "target of output 'kind'"}};
    struct ls_data *data;

    (void)state;
    expect_status(ls_data_from_arrays(&data, &(struct ls_data_arrays){4, values, 1, values, 1}),
                  LS_OK);
    assert_int_equal(first_failure(data, uses, 2), 2);
    assert_string_equal(ls_message(), "arrays: sample 2: label 3 is out of range [0, 3) in target "
                                      "of output 'kind'");
    ls_data_free(data);
}

/* What a layer takes from an input is no label, and does not make a label one of two. */
static void test_integers_of_a_layer(void **state)
{
    const float values[] = {1, 2, 3, 4, 5, 2.5F}, labels[] = {0, 1, 7};
    const struct ls_column_use uses[2] = {
        {.column = 0, .finite = true, .classes = 6, .what = "input", .reader = "ids"},
        {.column = 1, .classes = 3, .what = "target"}};
    struct ls_data *data;

    (void)state;
    expect_status(ls_data_from_arrays(&data, &(struct ls_data_arrays){3, values, 2, labels, 1}),
                  LS_OK);
    assert_int_equal(first_failure(data, uses, 1), 2);
    assert_string_equal(ls_message(), "arrays: sample 2: x has 2.5 at element 1, but layer 'ids' "
                                      "takes whole numbers in [0, 6)");
    assert_int_equal(first_failure(data, uses + 1, 1), 2);
    assert_string_equal(ls_message(), "arrays: sample 2: label 7 is out of range [0, 3)");
    assert_int_equal(first_failure(data, (struct ls_column_use[]){{.classes = 5}, uses[1]}, 2), 2);
    assert_string_equal(ls_message(), "arrays: sample 2: label 5 is out of range [0, 5) in x");
    ls_data_free(data);
}

static void test_not_finite(void **state)
{
    float x[4][6] = {{0}};
    double wide[4] = {0, 0, 1e300, 0};
    const struct ls_column_use use = {.column = 0, .finite = true, .what = "input"};
    const struct ls_column_use any = {.column = 0};
    struct ls_data *data, *slice;
    const hsize_t four = 4;
    hid_t file;

    (void)state;
    x[3][5] = NAN;
    expect_status(ls_data_from_arrays(&data, &(struct ls_data_arrays){4, x[0], 6, NULL, 0}), LS_OK);
    assert_int_equal(first_failure(data, &use, 1), 3);
    assert_string_equal(ls_message(), "arrays: sample 3: input has NaN at element 5");
    assert_int_equal(first_failure(data, &any, 1), 8); /* none */
    /* a slice names the sample as the whole does */
    expect_status(ls_data_slice(&slice, data, 2, 4), LS_OK);
    assert_int_equal(first_failure(slice, &use, 1), 1);
    assert_string_equal(ls_message(), "arrays: sample 3: input has NaN at element 5");
    ls_data_free(slice);
    ls_data_free(data);
    x[1][0] = -INFINITY;
    expect_status(ls_data_from_arrays(&data, &(struct ls_data_arrays){4, x[0], 6, NULL, 0}), LS_OK);
    assert_int_equal(first_failure(data, &use, 1), 1);
    assert_string_equal(ls_message(), "arrays: sample 1: input has infinity at element 0");
    ls_data_free(data);
    file = make_file("wide.h5");
    H5Dclose(add_numbers(
        file, "/s/x",
        &(struct numbers){H5T_NATIVE_DOUBLE, H5T_NATIVE_DOUBLE, wide, 1, &four, H5P_DEFAULT}));
    H5Fclose(file);
    expect_status(ls_data_open(&data, "wide.h5:s"), LS_OK);
    assert_int_equal(first_failure(data, &use, 1), 2);
    assert_string_equal(ls_message(), "wide.h5:s: sample 2: input has infinity at element 0");
    ls_data_free(data);
}

static ls_status fail_at_five(void *user, int64_t sample, float *x, float *y)
{
    (void)user;
    x[0] = y[0] = 0;
    return sample == 5 ? LS_FAILED : LS_OK;
}

static void test_a_reader_that_fails(void **state)
{
    struct ls_data *data;

    (void)state;
    expect_status(ls_data_from_reader(&data, &(struct ls_data_reader){9, 1, 1, fail_at_five, NULL}),
                  LS_OK);
    assert_int_equal(first_failure(data, both, 2), 5);
    assert_string_equal(ls_message(), "reader: sample 5: the reader gave no message");
    ls_data_free(data);
}

static void test_options_that_do_not_fit(void **state)
{
    struct ls_data *data = make_numbers(10);
    struct ls_loader_options good = options_for(data, 4, 2), bad;
    struct ls_loader *loader;
    const struct ls_batch *batch;
    const struct ls_column_use beyond = {.column = 2};

    (void)state;
    bad = good;
    bad.batch_size = 0;
    expect_failure(ls_loader_create(&loader, &bad), LS_USAGE,
                   "a loader of batches of 0, replicas [0, 2) of 2");
    bad = good;
    bad.order.samples = 11;
    expect_failure(ls_loader_create(&loader, &bad), LS_USAGE,
                   "an order of 11 samples for data of 10");
    bad = good;
    bad.order.shuffle = LS_SHUFFLE_CHUNK;
    expect_failure(ls_loader_create(&loader, &bad), LS_USAGE,
                   "an order by chunks of 0 samples, 0 a window");
    bad = good;
    bad.use = &beyond;
    bad.uses = 1;
    expect_failure(ls_loader_create(&loader, &bad), LS_USAGE, "reader has no column 2");
    expect_status(ls_loader_create(&loader, &good), LS_OK);
    expect_failure(ls_loader_next(loader, &batch), LS_USAGE, "the loader was not started");
    expect_failure(ls_loader_start(loader, 0, 3), LS_USAGE, "no step 3 of 3 in epoch 0");
    ls_loader_free(loader);
    ls_data_free(data);
}

static void test_data_that_is_none(void **state)
{
    struct ls_data *data;
    const float x[4] = {0};

    (void)state;
    expect_failure(ls_data_from_arrays(&data, &(struct ls_data_arrays){0, x, 1, NULL, 0}),
                   LS_BAD_INPUT, "data of 0 samples: at least 1 is needed");
    expect_failure(ls_data_from_arrays(&data, &(struct ls_data_arrays){1, x, 0, NULL, 0}), LS_USAGE,
                   "data with 0 inputs and 0 targets a sample");
    expect_failure(ls_data_from_arrays(&data, &(struct ls_data_arrays){1, x, 1, x, 0}), LS_USAGE,
                   "data from arrays: an array is missing or has no size");
    expect_failure(ls_data_from_reader(&data, &(struct ls_data_reader){1, 1, 0, NULL, NULL}),
                   LS_USAGE, "data from a reader: there is no reader");
    expect_status(ls_data_from_arrays(&data, &(struct ls_data_arrays){4, x, 1, NULL, 0}), LS_OK);
    struct ls_data *slice;
    expect_failure(ls_data_slice(&slice, data, 3, 3), LS_BAD_INPUT,
                   "arrays: no samples in [3, 3) of 4");
    ls_data_free(data);
}

static void refuse_columns(int64_t samples, const struct ls_data_array *arrays, size_t count,
                           const char *message)
{
    struct ls_data *data;

    expect_failure(ls_data_from_columns(&data, samples, arrays, count),
                   samples < 1 ? LS_BAD_INPUT : LS_USAGE, message);
    assert_null(data);
}

static void test_arrays_that_are_none(void **state)
{
    const float x[4] = {0};
    const struct ls_data_array good = {"left", x, 1};

    (void)state;
    refuse_columns(0, &good, 1, "data of 0 samples: at least 1 is needed");
    refuse_columns(1, &good, 0, "data from arrays: there are none");
    refuse_columns(1, (const struct ls_data_array[]){good, {NULL, x, 1}}, 2,
                   "data from arrays: array 1 has no name");
    refuse_columns(1, (const struct ls_data_array[]){good, {"", x, 1}}, 2,
                   "data from arrays: array 1 has no name");
    refuse_columns(1, (const struct ls_data_array[]){good, {"right", NULL, 1}}, 2,
                   "data from arrays: 'right' has no values");
    refuse_columns(1, (const struct ls_data_array[]){good, {"right", x, 0}}, 2,
                   "data from arrays: 'right' has no size that can be");
    refuse_columns(1, (const struct ls_data_array[]){good, {"right", x, SIZE_MAX / 2}}, 2,
                   "data from arrays: 'right' has no size that can be");
    refuse_columns(1, (const struct ls_data_array[]){good, good}, 2,
                   "data from arrays: 'left' is there twice");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_labels_out_of_range),
        cmocka_unit_test(test_ignored_label),
        cmocka_unit_test(test_two_targets_are_told_apart),
        cmocka_unit_test(test_integers_of_a_layer),
        cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_a_reader_that_fails),
        cmocka_unit_test(test_options_that_do_not_fit),
        cmocka_unit_test(test_data_that_is_none),
        cmocka_unit_test(test_arrays_that_are_none),
    };
    return cmocka_run_group_tests(tests, start_kernels, remove_directory);
}
