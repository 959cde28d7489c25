/* The loader: every sample once an epoch, whatever the replicas; an end at any time. Arrays,
 * readers and slices along with it. */
#include <time.h>

#include "base/memory.h"
#include "data_numbers.h"

/* The tests of order run twice: batches come from the thread, and, as for data in memory, without.
 */
static bool in_memory;

static int use_memory(void **state)
{
    (void)state;
    in_memory = true;
    return 0;
}

static int use_thread(void **state)
{
    (void)state;
    in_memory = false;
    return 0;
}

static struct ls_data *make_either(int64_t samples)
{
    struct ls_data *data = make_numbers(samples);

    for (size_t i = 0; i < ls_data_columns(data); i++)
        ((struct ls_column *)ls_data_column(data, i))->in_memory = in_memory;
    return data;
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
        struct ls_data *data = make_either(cases[k][0]);
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
            if (batch->rows > 0)
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
    struct ls_data *data = make_either(5000);
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
    struct ls_data *data = make_either(300);
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

/* -- other data */

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
    H5Dclose(add_numbers(
        file, "/s/x",
        &(struct numbers){H5T_NATIVE_FLOAT, H5T_NATIVE_FLOAT, values, 1, shape, plist}));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_batches_follow_the_order, use_thread),
        cmocka_unit_test_setup(test_fast_and_slow_consumers, use_thread),
        cmocka_unit_test_setup(test_ends_at_any_time, use_thread),
        cmocka_unit_test_setup(test_batches_follow_the_order, use_memory),
        cmocka_unit_test_setup(test_fast_and_slow_consumers, use_memory),
        cmocka_unit_test_setup(test_ends_at_any_time, use_memory),
        cmocka_unit_test(test_no_allocation_while_running),
        cmocka_unit_test(test_reader_is_called_once_a_sample),
        cmocka_unit_test(test_chunk_order),
    };
    return cmocka_run_group_tests(tests, start_kernels, remove_directory);
}
