/* Checkpoints of a run: written by the writer's thread, kept, pruned, found again. */
#include "unit/store_test.h"

#include <signal.h>
#include <sys/resource.h>

#include "store/file.h"

static struct ls_checkpoint made;
static struct ls_checkpoint_writer *writer;

static void begin_test(int64_t keep)
{
    made = (struct ls_checkpoint){.model = make_model(SMALL_MODEL)};
    made.state = json_tree("{\"step\": 1}");
    assert_ok(ls_checkpoint_writer_create(&writer, ".", keep));
}

static void end_test(void)
{
    ls_checkpoint_writer_free(writer);
    ls_checkpoint_release(&made);
}

/* A log of the warnings, a line each. */
static char warnings[4096];
static void keep_warning(void *user, enum ls_log_level level, const char *line)
{
    (void)user, (void)level;
    strncat(warnings, line, sizeof warnings - strlen(warnings) - 2);
    strcat(warnings, "\n");
}

static void write_steps(const int64_t *steps, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        made.model->weights[0] = (float)steps[i];
        assert_ok(ls_checkpoint_begin(writer, &made, steps[i]));
    }
    assert_ok(ls_checkpoint_wait(writer));
    assert_false(ls_checkpoint_busy(writer));
}

static void assert_newest(const char *expected, float weight)
{
    struct ls_checkpoint back;
    char *path;
    assert_ok(ls_checkpoint_read_newest(&back, &path, "."));
    assert_non_null(path);
    assert_string_equal(path, expected);
    assert_float_equal(back.model->weights[0], weight, 0);
    ls_release(path);
    ls_checkpoint_release(&back);
}

static void the_newest_are_kept(void **state)
{
    (void)state;
    struct stat a, b;
    begin_test(2);
    write_steps((const int64_t[]){1, 20, 300, 123456789}, 4);
    assert_int_equal(count_entries("checkpoints"), 2);
    assert_true(exists("checkpoints/step-00000300.h5"));
    assert_int_equal(stat("checkpoints/step-123456789.h5", &a), 0);
    assert_int_equal(stat("model.h5", &b), 0);
    assert_int_equal(a.st_ino, b.st_ino);
    assert_int_equal(count_entries("."), 2);
    assert_newest("./checkpoints/step-123456789.h5", 123456789);
    end_test();
}

static void the_snapshot_is_taken_at_once(void **state)
{
    (void)state;
    begin_test(1);
    made.model->weights[0] = 1;
    assert_ok(ls_checkpoint_begin(writer, &made, 5));
    made.model->weights[0] = 2;
    assert_ok(ls_checkpoint_wait(writer));
    assert_newest("./checkpoints/step-00000005.h5", 1);
    end_test();
}

/* What the writer's memory held before does not show: the same state is the same file. */
static void files_do_not_hang_on_those_before(void **state)
{
    (void)state;
    char *one, *two;
    begin_test(3);
    for (int i = 0; i < 40; i++)
        assert_ok(ls_table_append(&made.epochs, (const char *[]){"loss"}, (double[]){i}, 1));
    write_steps((const int64_t[]){1}, 1);
    ls_table_release(&made.epochs);
    write_steps((const int64_t[]){2}, 1);
    assert_ok(ls_checkpoint_save(&made, "alone.h5"));
    size_t size = read_bytes("alone.h5", &one);
    assert_int_equal(read_bytes("model.h5", &two), size);
    assert_memory_equal(one, two, size);
    free(one);
    free(two);
    end_test();
}

static void a_step_is_written_again(void **state)
{
    (void)state;
    begin_test(1);
    write_steps((const int64_t[]){5}, 1);
    made.model->weights[1] = 3;
    write_steps((const int64_t[]){5}, 1);
    assert_int_equal(count_entries("checkpoints"), 1);
    assert_newest("./checkpoints/step-00000005.h5", 5);
    end_test();
}

/* A run that went back behind a damaged checkpoint does not lose a whole one to it. */
static void later_steps_do_not_count(void **state)
{
    (void)state;
    begin_test(1);
    write_bytes("checkpoints/step-00000900.h5", "damaged", 7);
    write_bytes("checkpoints/step-0000090.h5", "no checkpoint", 13);
    write_bytes("checkpoints/step-00000001.h5.bak", "no checkpoint", 13);
    write_steps((const int64_t[]){5, 6}, 2);
    assert_true(exists("checkpoints/step-00000900.h5"));
    assert_true(exists("checkpoints/step-00000006.h5"));
    assert_false(exists("checkpoints/step-00000005.h5"));
    assert_int_equal(count_entries("checkpoints"), 4);
    end_test();
}

static void a_damaged_one_is_passed_over(void **state)
{
    (void)state;
    struct ls_checkpoint back;
    char *path;
    begin_test(3);
    write_steps((const int64_t[]){1, 2, 3}, 3);
    assert_int_equal(truncate("checkpoints/step-00000003.h5", 3000), 0);
    warnings[0] = '\0';
    ls_log_set(keep_warning, NULL);
    assert_newest("./checkpoints/step-00000002.h5", 2);
    assert_int_equal(strncmp(warnings, "./checkpoints/step-00000003.h5: ", 32), 0);
    assert_non_null(strstr(warnings, "; going back to the checkpoint before it\n"));
    write_bytes("checkpoints/step-00000002.h5", "x", 1);
    write_bytes("checkpoints/step-00000001.h5", "x", 1);
    assert_int_equal(ls_checkpoint_read_newest(&back, &path, "."), LS_BAD_INPUT);
    assert_string_equal(ls_message(),
                        ".: none of its 3 checkpoints is whole (move the directory away to start "
                        "anew): ./checkpoints/step-00000001.h5: not a whole HDF5 file");
    assert_null(path);
    ls_log_set(NULL, NULL);
    end_test();
}

static void no_checkpoints_are_none(void **state)
{
    (void)state;
    struct ls_checkpoint back;
    char *path;
    assert_ok(ls_checkpoint_read_newest(&back, &path, "."));
    assert_null(path);
    begin_test(1);
    assert_ok(ls_checkpoint_read_newest(&back, &path, "."));
    assert_null(path);
    end_test();
    assert_int_equal(rmdir("checkpoints"), 0);
    assert_int_equal(symlink("checkpoints", "checkpoints"), 0);
    assert_fails(ls_checkpoint_read_newest(&back, &path, "."), LS_NO_INPUT,
                 "cannot read './checkpoints': Too many levels of symbolic links");
}

/* -- what goes wrong */

static void a_full_disk_comes_back_from_wait(void **state)
{
    (void)state;
    struct rlimit before, limit;
    begin_test(2);
    write_steps((const int64_t[]){1}, 1);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = (struct rlimit){4096, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ls_status begun = ls_checkpoint_begin(writer, &made, 2);
    ls_status waited = ls_checkpoint_wait(writer);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(begun, LS_OK);
    assert_int_equal(waited, LS_CANNOT_WRITE);
    assert_string_equal(ls_message(),
                        "cannot write './checkpoints/step-00000002.h5': File too large");
    assert_int_equal(count_entries("checkpoints"), 1);
    assert_newest("./checkpoints/step-00000001.h5", 1);
    assert_ok(ls_checkpoint_wait(writer)); /* told once */
    write_steps((const int64_t[]){3}, 1);
    assert_newest("./checkpoints/step-00000003.h5", 3);
    end_test();
}

static void a_lost_directory_comes_back_from_the_next_begin(void **state)
{
    (void)state;
    begin_test(2);
    assert_int_equal(rmdir("checkpoints"), 0);
    assert_ok(ls_checkpoint_begin(writer, &made, 1));
    assert_fails(ls_checkpoint_begin(writer, &made, 2), LS_CANNOT_WRITE,
                 "cannot write './checkpoints/step-00000001.h5': No such file or directory");
    warnings[0] = '\0';
    ls_log_set(keep_warning, NULL);
    assert_ok(ls_checkpoint_begin(writer, &made, 3));
    end_test(); /* says what nobody waited for */
    ls_log_set(NULL, NULL);
    assert_string_equal(
        warnings, "cannot write './checkpoints/step-00000003.h5': No such file or directory\n");
}

static void model_h5_that_cannot_be_made_is_no_silent_failure(void **state)
{
    (void)state;
    begin_test(2);
    assert_int_equal(mkdir("model.h5", 0777), 0);
    assert_ok(ls_checkpoint_begin(writer, &made, 1));
    assert_fails(ls_checkpoint_wait(writer), LS_CANNOT_WRITE,
                 "cannot write './model.h5': Is a directory");
    assert_int_equal(count_entries("."), 2);
    assert_newest("./checkpoints/step-00000001.h5", made.model->weights[0]);
    end_test();
}

static void bad_directories_are_refused_before_the_first_step(void **state)
{
    (void)state;
    assert_fails(ls_checkpoint_writer_create(&writer, "none", 1), LS_CANNOT_WRITE,
                 "cannot write 'none/checkpoints': No such file or directory");
    assert_null(writer);
    write_bytes("checkpoints", "x", 1);
    assert_fails(ls_checkpoint_writer_create(&writer, ".", 1), LS_CANNOT_WRITE,
                 "cannot write './checkpoints': Not a directory");
    assert_fails(ls_checkpoint_writer_create(&writer, ".", 0), LS_USAGE,
                 "0 checkpoints to keep: at least 1 is kept");
    /* root writes everywhere but there */
    assert_int_equal(ls_checkpoint_writer_create(&writer, "/proc", 1), LS_CANNOT_WRITE);
    if (geteuid() == 0)
        return;
    assert_int_equal(unlink("checkpoints"), 0);
    assert_int_equal(mkdir("checkpoints", 0500), 0);
    assert_fails(ls_checkpoint_writer_create(&writer, ".", 1), LS_CANNOT_WRITE,
                 "cannot write './checkpoints/probe': Permission denied");
}

static void what_dead_writers_left_is_swept(void **state)
{
    (void)state;
    assert_int_equal(mkdir("checkpoints", 0777), 0);
    write_bytes(".lockstep-999999999-0.tmp", "x", 1);
    write_bytes("checkpoints/.lockstep-999999999-7.tmp", "x", 1);
    begin_test(1);
    assert_false(exists(".lockstep-999999999-0.tmp"));
    assert_int_equal(count_entries("checkpoints"), 0);
    end_test();
}

static void a_name_that_cannot_be_stored_is_refused(void **state)
{
    (void)state;
    begin_test(1);
    assert_ok(ls_table_append(&made.epochs, (const char *[]){"a/b"}, (double[]){1}, 1));
    assert_fails(ls_checkpoint_begin(writer, &made, 1), LS_BAD_INPUT,
                 "cannot write './checkpoints/step-00000001.h5': 'a/b' cannot name a column");
    assert_false(ls_checkpoint_busy(writer));
    assert_int_equal(count_entries("checkpoints"), 0);
    end_test();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(the_newest_are_kept),
        scratch_test(the_snapshot_is_taken_at_once),
        scratch_test(files_do_not_hang_on_those_before),
        scratch_test(a_step_is_written_again),
        scratch_test(later_steps_do_not_count),
        scratch_test(a_damaged_one_is_passed_over),
        scratch_test(no_checkpoints_are_none),
        scratch_test(a_full_disk_comes_back_from_wait),
        scratch_test(a_lost_directory_comes_back_from_the_next_begin),
        scratch_test(model_h5_that_cannot_be_made_is_no_silent_failure),
        scratch_test(bad_directories_are_refused_before_the_first_step),
        scratch_test(what_dead_writers_left_is_swept),
        scratch_test(a_name_that_cannot_be_stored_is_refused),
    };
    return cmocka_run_group_tests(tests, start_kernels, NULL);
}
