/* The loader: every sample once an epoch, whatever the replicas; errors where they are; an end at
 * any time. Arrays, readers and slices along with it. */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/memory.h"
#include "data/loader.h"
#include "data_files.h"

/* Sample i: x = {i, i + 0.5}, y = i. */
static ls_status read_number(void *user, int64_t sample, float *x, float *y)
{
    atomic_int *calls = user;

    if (calls)
        atomic_fetch_add(calls, 1);
    x[0] = (float)sample;
    x[1] = (float)sample + 0.5f;
    if (y)
        y[0] = (float)sample;
    return LS_OK;
}

static struct ls_data *make_numbers(int64_t samples)
{
    struct ls_data *data;

    expect_status(
        ls_data_from_reader(&data, &(struct ls_data_reader){samples, 2, 1, read_number, NULL}),
        LS_OK);
    return data;
}

static const struct ls_column_use both[2] = {{.column = 0, .finite = true, .what = "input"},
                                             {.column = 1, .finite = true, .what = "target"}};

static struct ls_loader_options options_for(struct ls_data *data, int64_t batch, int64_t replicas)
{
    return (struct ls_loader_options){
        .data = data,
        .order = {.samples = ls_data_samples(data), .shuffle = LS_SHUFFLE_GLOBAL, .seed = 3},
        .batch_size = batch,
        .replicas = replicas,
        .local = {0, replicas},
        .use = both,
        .uses = 2};
}

/* The rows of one batch are what the order says. */
static void check_batch(const struct ls_batch *batch, const struct ls_loader_options *o,
                        int64_t epoch, int64_t step)
{
    int64_t row = 0;

    for (int64_t replica = o->local.begin; replica < o->local.end; replica++) {
        struct ls_range range =
            ls_order_slice(o->order.samples, o->batch_size, step, o->replicas, replica);

        assert_int_equal(batch->first[replica - o->local.begin], row);
        for (int64_t at = range.begin; at < range.end; at++, row++) {
            int64_t sample = ls_order_sample(&o->order, epoch, at);

            assert_int_equal(batch->samples[row], sample);
            assert_float_equal(batch->column[0][2 * row], (float)sample, 0);
            assert_float_equal(batch->column[0][2 * row + 1], (float)sample + 0.5f, 0);
            assert_float_equal(batch->column[1][row], (float)sample, 0);
        }
    }
    assert_int_equal(batch->rows, row);
    assert_int_equal((uintptr_t)batch->column[0] % LS_ALIGNMENT, 0);
    assert_int_equal((uintptr_t)batch->column[1] % LS_ALIGNMENT, 0);
}

static void test_batches_follow_the_order(void **state)
{
    const int64_t cases[][5] = {{100, 32, 1, 0, 1},
                                {100, 32, 4, 1, 3},
                                {7, 10, 3, 0, 3},
                                {50, 1, 4, 2, 4},
                                {1000, 64, 8, 0, 8}};

    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        struct ls_data *data = make_numbers(cases[k][0]);
        struct ls_loader_options options = options_for(data, cases[k][1], cases[k][2]);
        int64_t steps = ls_order_steps(cases[k][0], cases[k][1]);
        struct ls_loader *loader;
        const struct ls_batch *batch;

        options.local = (struct ls_range){cases[k][3], cases[k][4]};
        expect_status(ls_loader_create(&loader, &options), LS_OK);
        expect_status(ls_loader_start(loader, 2, steps / 2), LS_OK);
        for (int64_t at = 2 * steps + steps / 2; at < 5 * steps; at++) {
            expect_status(ls_loader_next(loader, &batch), LS_OK);
            check_batch(batch, &options, at / steps, at % steps);
            assert_int_equal(batch->global_rows, at % steps < steps - 1
                                                     ? cases[k][1]
                                                     : cases[k][0] - (steps - 1) * cases[k][1]);
            batch->column[0][0] = -1; /* the caller may write there */
        }
        expect_status(ls_loader_start(loader, 0, 0), LS_OK);
        expect_status(ls_loader_next(loader, &batch), LS_OK);
        check_batch(batch, &options, 0, 0);
        ls_loader_free(loader);
        ls_data_free(data);
    }
}

/* Consumers that are slower and faster than the producer, by turns. */
static void test_fast_and_slow_consumers(void **state)
{
    struct ls_data *data = make_numbers(5000);
    struct ls_loader_options options = options_for(data, 1, 1);
    const struct timespec nap = {0, 2000000};
    struct ls_loader *loader;
    const struct ls_batch *batch;

    (void)state;
    expect_status(ls_loader_create(&loader, &options), LS_OK);
    expect_status(ls_loader_start(loader, 0, 0), LS_OK);
    for (int64_t step = 0; step < 20000; step++) {
        expect_status(ls_loader_next(loader, &batch), LS_OK);
        check_batch(batch, &options, step / 5000, step % 5000);
        if (step % 500 == 0)
            nanosleep(&nap, NULL);
    }
    ls_loader_free(loader);
    ls_data_free(data);
}

/* Freed and started again at any point, with a full, an empty and a half-used ring. */
static void test_ends_at_any_time(void **state)
{
    struct ls_data *data = make_numbers(300);
    struct ls_loader_options options = options_for(data, 7, 2);

    (void)state;
    for (int taken = 0; taken < 40; taken++) {
        const struct timespec nap = {0, taken % 3 * 300000};
        struct ls_loader *loader;
        const struct ls_batch *batch;

        expect_status(ls_loader_create(&loader, &options), LS_OK);
        if (taken != 1)
            expect_status(ls_loader_start(loader, 0, 0), LS_OK);
        for (int i = 2; i < taken; i++)
            expect_status(ls_loader_next(loader, &batch), LS_OK);
        nanosleep(&nap, NULL);
        if (taken % 2 == 0) {
            expect_status(ls_loader_start(loader, 1, 1), LS_OK);
            expect_status(ls_loader_next(loader, &batch), LS_OK);
            check_batch(batch, &options, 1, 1);
        }
        ls_loader_free(loader);
    }
    ls_data_free(data);
}

/* Allocations are made before the first batch: none may fail later. */
static void test_no_allocation_while_running(void **state)
{
    struct ls_data *data;
    struct ls_loader_options options;
    struct ls_loader *loader;
    const struct ls_batch *batch;
    const struct ls_column_use uses[2] = {{.column = 0}, {.column = 1, .classes = 10}};

    (void)state;
    make_digits("steady.h5", "train", 64, 9);
    expect_status(ls_data_open(&data, "steady.h5:train"), LS_OK);
    options = options_for(data, 8, 2);
    options.use = uses;
    expect_status(ls_loader_create(&loader, &options), LS_OK);
    expect_status(ls_loader_start(loader, 0, 0), LS_OK);
    expect_status(ls_loader_next(loader, &batch), LS_OK); /* the data was read into memory */
    ls_memory_fail_at(1);
    for (int i = 0; i < 100; i++)
        expect_status(ls_loader_next(loader, &batch), LS_OK);
    ls_memory_fail_at(0);
    for (int64_t row = 0; row < batch->rows; row++) {
        assert_float_equal(batch->column[1][row], (float)(batch->samples[row] % 10), 0);
        for (int64_t k = 0; k < 9; k++)
            assert_float_equal(batch->column[0][9 * row + k],
                               (float)((batch->samples[row] * 9 + k) % 256), 0);
    }
    ls_loader_free(loader);
    ls_data_free(data);
}

/* -- errors ----------------------------------------------------------------------------------- */

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

    H5Dclose(add_numbers(file, "/train/y", type, type, labels, 1, &count, H5P_DEFAULT));
    H5Dclose(add_numbers(file, "/train/x", H5T_NATIVE_FLOAT, H5T_NATIVE_FLOAT, x, 2, shape,
                         H5P_DEFAULT));
    H5Fclose(file);
}

static void test_labels_out_of_range(void **state)
{
    const unsigned char high[] = {0, 1, 2, 3, 12, 5};
    const int64_t negative[] = {0, -1};
    const float half[] = {0, 1, 2.5f}, nan_label[] = {NAN};
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
         "labels.h5:train: sample 2: label 2.5 is not a whole number in [0, 10)"},
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
    H5Dclose(add_numbers(file, "/s/x", H5T_NATIVE_DOUBLE, H5T_NATIVE_DOUBLE, wide, 1, &four,
                         H5P_DEFAULT));
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

/* -- other data ------------------------------------------------------------------------------- */

/* x and y of a batch come from one call a sample, and two loaders over slices of one reader get
 * along. */
static void test_reader_is_called_once_a_sample(void **state)
{
    atomic_int calls = 0;
    struct ls_data *data, *slice[2];
    struct ls_loader *loader[2];
    struct ls_loader_options options[2];
    const struct ls_batch *batch;

    (void)state;
    expect_status(
        ls_data_from_reader(&data, &(struct ls_data_reader){64, 2, 1, read_number, &calls}), LS_OK);
    for (int i = 0; i < 2; i++) {
        expect_status(ls_data_slice(&slice[i], data, 32 * i, 32 * i + 32), LS_OK);
        options[i] = options_for(slice[i], 8, 1);
        expect_status(ls_loader_create(&loader[i], &options[i]), LS_OK);
        expect_status(ls_loader_start(loader[i], 0, 0), LS_OK);
    }
    for (int step = 0; step < 400; step++)
        for (int i = 0; i < 2; i++) {
            expect_status(ls_loader_next(loader[i], &batch), LS_OK);
            for (int64_t row = 0; row < batch->rows; row++) {
                float expected = (float)(batch->samples[row] + 32 * i);

                assert_float_equal(batch->column[0][2 * row], expected, 0);
                assert_float_equal(batch->column[1][row], expected, 0);
            }
        }
    for (int i = 0; i < 2; i++) {
        ls_loader_free(loader[i]);
        ls_data_free(slice[i]);
    }
    ls_data_free(data);
    calls = 0;
    expect_status(
        ls_data_from_reader(&data, &(struct ls_data_reader){64, 2, 1, read_number, &calls}), LS_OK);
    options[0] = options_for(data, 64, 1);
    options[0].order.shuffle = LS_SHUFFLE_NONE;
    expect_status(ls_loader_create(&loader[0], &options[0]), LS_OK);
    expect_status(ls_loader_start(loader[0], 0, 0), LS_OK);
    expect_status(ls_loader_next(loader[0], &batch), LS_OK);
    ls_loader_free(loader[0]);
    assert_int_equal(calls % 64, 0);
    assert_int_equal(calls, 64); /* the order never changes, so one read serves all epochs */
    ls_data_free(data);
}

/* Chunked data that does not stay in memory: by chunks, each sample once; not as a whole. */
static void test_chunk_order(void **state)
{
    enum { SAMPLES = 203 };
    const hsize_t shape[1] = {SAMPLES}, chunk[1] = {10};
    hid_t file = make_file("chunks.h5"), plist = H5Pcreate(H5P_DATASET_CREATE);
    struct ls_file_place place = {.file = "chunks.h5", .split = "s"};
    const struct ls_column_use use = {.column = 0};
    float values[SAMPLES];
    struct ls_loader_options options;
    struct ls_loader *loader;
    const struct ls_batch *batch;
    struct ls_data *data;
    size_t none = 0;
    int seen[SAMPLES] = {0};

    (void)state;
    for (int i = 0; i < SAMPLES; i++)
        values[i] = (float)i;
    H5Pset_chunk(plist, 1, chunk);
    H5Pset_deflate(plist, 1);
    H5Dclose(
        add_numbers(file, "/s/x", H5T_NATIVE_FLOAT, H5T_NATIVE_FLOAT, values, 1, shape, plist));
    H5Pclose(plist);
    H5Fclose(file);
    expect_status(ls_data_from_file(&data, &place, &none), LS_OK);
    options = options_for(data, 16, 1);
    options.use = &use;
    options.uses = 1;
    expect_failure(ls_loader_create(&loader, &options), LS_BAD_INPUT,
                   "chunks.h5:s: chunked data that does not fit in memory cannot be shuffled as a "
                   "whole; use 'shuffle: chunk', or write it contiguous and uncompressed");
    options.order.shuffle = LS_SHUFFLE_CHUNK;
    options.order.chunk = ls_data_chunk(data);
    options.order.window = ls_data_window(data);
    expect_status(ls_loader_create(&loader, &options), LS_OK);
    expect_status(ls_loader_start(loader, 0, 0), LS_OK);
    for (int64_t step = 0; step < ls_order_steps(SAMPLES, 16); step++) {
        expect_status(ls_loader_next(loader, &batch), LS_OK);
        for (int64_t row = 0; row < batch->rows; row++) {
            seen[batch->samples[row]]++;
            assert_float_equal(batch->column[0][row], (float)batch->samples[row], 0);
        }
    }
    for (int i = 0; i < SAMPLES; i++)
        assert_int_equal(seen[i], 1);
    ls_loader_free(loader);
    ls_data_free(data);
}

static int setup(void **state)
{
    return ls_kernels_init(NULL) == LS_OK ? make_directory(state) : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batches_follow_the_order),
        cmocka_unit_test(test_fast_and_slow_consumers),
        cmocka_unit_test(test_ends_at_any_time),
        cmocka_unit_test(test_no_allocation_while_running),
        cmocka_unit_test(test_labels_out_of_range),
        cmocka_unit_test(test_two_targets_are_told_apart),
        cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_a_reader_that_fails),
        cmocka_unit_test(test_options_that_do_not_fit),
        cmocka_unit_test(test_data_that_is_none),
        cmocka_unit_test(test_reader_is_called_once_a_sample),
        cmocka_unit_test(test_chunk_order),
    };
    return cmocka_run_group_tests(tests, setup, remove_directory);
}
