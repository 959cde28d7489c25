/* The log of steps and history.h5. */
#include "unit/store_test.h"

#include <math.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/memory.h"
#include "store/h5.h"
#include "store/h5_table.h"
#include "store/history.h"

enum { HEAD = 32, RECORD = 32 };

static void append(struct ls_history *history, int64_t first, int64_t last)
{
    for (int64_t step = first; step <= last; step++)
        assert_ok(
            ls_history_append(history, &(struct ls_history_step){step, 1.0 / (double)step, 0.5}));
}

static void make_log(int64_t last)
{
    struct ls_history *history;
    assert_ok(ls_history_open(&history, ".", 0));
    append(history, 1, last);
    ls_history_close(history);
}

static off_t log_size(void)
{
    struct stat info;
    assert_int_equal(stat("steps.log", &info), 0);
    return info.st_size;
}

/* What history.h5 says. */
static void read_history(struct ls_table *epochs, double **step, double **loss, size_t *steps)
{
    struct ls_h5 h5;
    size_t count;
    assert_ok(ls_h5_open(&h5, "history.h5"));
    assert_ok(ls_h5_read_table(&h5, "/epoch", epochs));
    assert_ok(ls_h5_read_doubles(&h5, "/step/step", step, steps));
    assert_ok(ls_h5_read_doubles(&h5, "/step/loss", loss, &count));
    assert_int_equal(count, *steps);
    double *rate;
    assert_ok(ls_h5_read_doubles(&h5, "/step/learning_rate", &rate, &count));
    assert_int_equal(count, *steps);
    if (count)
        assert_true(rate[0] == 0.5);
    ls_release(rate);
    ls_h5_close(&h5);
}

static void assert_steps(int64_t count)
{
    struct ls_history *history;
    struct ls_table epochs;
    double *step, *loss;
    size_t steps;
    assert_ok(ls_history_open(&history, ".", INT64_MAX));
    assert_ok(ls_history_write(history, &(struct ls_table){0}));
    ls_history_close(history);
    read_history(&epochs, &step, &loss, &steps);
    assert_int_equal(steps, count);
    for (int64_t i = 0; i < count; i++)
        assert_true(step[i] == (double)(i + 1) && loss[i] == 1.0 / (double)(i + 1));
    ls_release(step);
    ls_release(loss);
    ls_table_release(&epochs);
}

/* How many records an opening keeps. */
static void assert_kept(int64_t count)
{
    struct ls_history *history;
    assert_ok(ls_history_open(&history, ".", INT64_MAX));
    assert_int_equal(log_size(), HEAD + count * RECORD);
    ls_history_close(history);
}

static void history_h5_has_epochs_and_steps(void **state)
{
    (void)state;
    struct ls_history *history;
    struct ls_table table = {0}, back;
    double *step, *loss;
    size_t steps;
    assert_ok(ls_table_append(&table, (const char *[]){"epoch", "seconds", "loss"},
                              (double[]){1, 0.25, 1.0 / 3}, 3));
    assert_ok(ls_table_append(&table, (const char *[]){"epoch", "val_loss"}, (double[]){2, 5}, 2));
    assert_ok(ls_history_open(&history, ".", 0));
    append(history, 1, 10000); /* more than the buffer holds */
    assert_ok(ls_history_write(history, &table));
    read_history(&back, &step, &loss, &steps);
    assert_int_equal(steps, 10000);
    assert_true(step[9999] == 10000 && loss[4999] == 1.0 / 5000);
    assert_int_equal(back.columns, 4);
    assert_int_equal(back.rows, 2);
    assert_string_equal(back.name[1], "seconds");
    assert_memory_equal(back.value, table.value, 8 * sizeof(double));
    ls_release(step);
    ls_release(loss);
    ls_table_release(&back);
    append(history, 10001, 10001);
    assert_ok(ls_history_write(history, &table));
    ls_history_close(history);
    assert_steps(10001);
    ls_table_release(&table);
    assert_int_equal(count_entries("."), 2);
}

static void resuming_cuts_the_log(void **state)
{
    (void)state;
    struct ls_history *history;
    make_log(100);
    assert_ok(ls_history_open(&history, ".", 40));
    assert_int_equal(log_size(), HEAD + 40 * RECORD);
    append(history, 41, 42);
    ls_history_close(history);
    assert_steps(42);
    assert_ok(ls_history_open(&history, ".", 0));
    ls_history_close(history);
    assert_steps(0);
}

static void a_torn_end_is_dropped_at_every_length(void **state)
{
    (void)state;
    make_log(5);
    for (off_t size = HEAD + 5 * RECORD - 1; size >= 0; size--) {
        assert_int_equal(truncate("steps.log", size), 0);
        assert_kept(size < HEAD ? 0 : (size - HEAD) / RECORD);
    }
}

static void a_flipped_bit_ends_the_log(void **state)
{
    (void)state;
    char *bytes;
    make_log(3);
    size_t size = read_bytes("steps.log", &bytes);
    for (size_t at = HEAD; at < size; at++) {
        bytes[at] ^= 16;
        write_bytes("steps.log", bytes, size);
        assert_kept((int64_t)((at - HEAD) / RECORD));
        bytes[at] ^= 16;
    }
    /* a record in another's place */
    memcpy(bytes + HEAD + RECORD, bytes + HEAD + 2 * RECORD, RECORD);
    write_bytes("steps.log", bytes, size);
    assert_steps(1);
    free(bytes);
}

static void another_file_is_left_alone(void **state)
{
    (void)state;
    struct ls_history *history;
    const char text[] = "something else that is longer than the head";
    char *bytes;
    write_bytes("steps.log", text, sizeof text);
    assert_fails(ls_history_open(&history, ".", 0), LS_BAD_INPUT,
                 "./steps.log: not a log of steps that this program knows (move it away to go on "
                 "without the steps before)");
    assert_null(history);
    assert_int_equal(read_bytes("steps.log", &bytes), sizeof text);
    assert_string_equal(bytes, text);
    free(bytes);
}

static void what_cannot_be_written_is_named(void **state)
{
    (void)state;
    struct ls_history *history;
    assert_fails(ls_history_open(&history, "none", 0), LS_CANNOT_WRITE,
                 "cannot write 'none/steps.log': No such file or directory");
    assert_int_equal(symlink("victim", "steps.log"), 0);
    assert_int_equal(ls_history_open(&history, ".", 0), LS_CANNOT_WRITE);
    assert_false(exists("victim"));
    assert_int_equal(unlink("steps.log"), 0);
    assert_ok(ls_history_open(&history, ".", 0));
    assert_int_equal(mkdir("history.h5", 0777), 0);
    assert_fails(ls_history_write(history, &(struct ls_table){0}), LS_CANNOT_WRITE,
                 "cannot write './history.h5': Is a directory");
    ls_history_close(history);
}

static void a_full_disk_is_named_and_can_be_tried_again(void **state)
{
    (void)state;
    struct ls_history *history;
    struct rlimit before, limit;
    assert_ok(ls_history_open(&history, ".", 0));
    append(history, 1, 10);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = (struct rlimit){HEAD + 3 * RECORD + 5, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ls_status status = ls_history_flush(history);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(status, LS_CANNOT_WRITE);
    assert_string_equal(ls_message(), "cannot write './steps.log': File too large");
    assert_ok(ls_history_flush(history));
    ls_history_close(history);
    assert_steps(10);
}

static void a_log_that_shrinks_while_in_use_is_told(void **state)
{
    (void)state;
    struct ls_history *history;
    make_log(10);
    assert_ok(ls_history_open(&history, ".", 10));
    assert_int_equal(truncate("steps.log", HEAD), 0);
    assert_fails(ls_history_write(history, &(struct ls_table){0}), LS_FAILED,
                 "./steps.log: cut short while it was in use");
    ls_history_close(history);
}

/* By HDF5, which lays out history.h5 */
static void memory_that_hdf5_did_not_get_is_told(void **state)
{
    (void)state;
    struct ls_h5_buffer buffer = {0};
    struct ls_h5_image image;
    ls_memory_fail_at(1);
    ls_status status = ls_h5_image_open(&image, &buffer, "a.h5");
    if (status == LS_OK) /* it is taken later */
        status = ls_h5_image_finish(&image);
    ls_memory_fail_at(0);
    assert_int_equal(status, LS_FAILED);
    assert_string_equal(ls_message(), "cannot lay out 'a.h5': out of memory");
    ls_h5_image_close(&image);
    ls_h5_buffer_release(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(history_h5_has_epochs_and_steps),
        scratch_test(resuming_cuts_the_log),
        scratch_test(a_torn_end_is_dropped_at_every_length),
        scratch_test(a_flipped_bit_ends_the_log),
        scratch_test(another_file_is_left_alone),
        scratch_test(what_cannot_be_written_is_named),
        scratch_test(a_full_disk_is_named_and_can_be_tried_again),
        scratch_test(a_log_that_shrinks_while_in_use_is_told),
        scratch_test(memory_that_hdf5_did_not_get_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
