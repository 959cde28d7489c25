/* Runs in a directory, by one process: what they leave there, and stopping anywhere and going on
 * with the same bits. */
#include <sys/stat.h>

#include "unit/train_run_test.h"

/* -- a whole run */

static void test_run_directory(void **state)
{
    (void)state;
    struct ls_run_status status;
    assert_ok(ls_run_train(alone, &(struct ls_run_train){.run = "run.yaml"}));
    static const char *const files[] = {"run/run.yaml",
                                        "run/model.h5",
                                        "run/history.h5",
                                        "run/status.json",
                                        "run/checkpoints/step-00000005.h5",
                                        "run/checkpoints/step-00000010.h5",
                                        "run/checkpoints/step-00000015.h5"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (!there(files[i]))
            fail_msg("there is no %s", files[i]);
    assert_int_equal(hash_of("run"), hash_of("run/model.h5"));
    assert_int_equal(hash_of("run"), hash_of("run/checkpoints/step-00000015.h5"));
    assert_int_not_equal(hash_of("run"), hash_of("run/checkpoints/step-00000010.h5"));
    assert_ok(ls_run_status("run", &status));
    assert_int_equal(status.state, LS_RUN_FINISHED);
    assert_int_equal(status.ranks, 1);
    assert_int_equal(status.nodes, 1);
    assert_int_equal(status.pid, getpid());
    assert_int_equal(status.epoch, EPOCHS);
    assert_int_equal(status.epochs, EPOCHS);
    assert_int_equal(status.step, EPOCHS * STEPS);
    assert_int_equal(status.steps, EPOCHS * STEPS);
    assert_string_equal(status.checkpoint, "run/checkpoints/step-00000015.h5");
    assert_string_equal(status.best_name, "val_loss");
    assert_in_range(status.best_epoch, 1, EPOCHS);
    assert_true(status.best_value > 0);
    assert_string_equal(status.message, "");
}

/* The resolved run file is a run file of its own: from anywhere, with the same bits. */
static void test_resolved_run_file(void **state)
{
    (void)state;
    uint64_t hash;
    assert_ok(train_in("first", false, (const char *const[]){"fit.epochs=1", NULL}));
    hash = hash_of("first");
    assert_int_equal(mkdir("elsewhere", 0777), 0);
    assert_int_equal(chdir("elsewhere"), 0);
    assert_ok(
        ls_run_train(alone, &(struct ls_run_train){.run = "../first", .directory = "second"}));
    assert_int_equal(hash_of("second"), hash);
    assert_int_equal(chdir(test_directory), 0);
}

static void test_keep(void **state)
{
    (void)state;
    assert_ok(
        train_in("run", false,
                 (const char *const[]){"checkpoint.every=2 steps", "checkpoint.keep=2", NULL}));
    assert_false(there("run/checkpoints/step-00000012.h5"));
    assert_true(there("run/checkpoints/step-00000014.h5"));
    assert_true(there("run/checkpoints/step-00000015.h5")); /* the end is always saved */
}

static void test_no_epochs(void **state)
{
    (void)state;
    struct ls_model *model;
    assert_ok(train_in("run", false, (const char *const[]){"fit.epochs=0", NULL}));
    assert_true(there("run/checkpoints/step-00000000.h5")); /* the initial weights */
    assert_ok(ls_model_read(&model, "run"));
    assert_ok(ls_model_get_weights(model, "out", "kernel", (float[18]){0}, 18));
    ls_model_free(model);
    check_state("run", LS_RUN_FINISHED);
    assert_ok(train_in("run", true, NULL));
    assert_ok(train_in("other", false, NULL));
    assert_int_equal(hash_of("run"), hash_of("other"));
}

static void test_data_of_the_command_line(void **state)
{
    (void)state;
    write_text("run.yaml", HEAD "fit: {batch_size: 5}\n");
    assert_fails(
        train_in("run", false, NULL), LS_BAD_INPUT,
        "run.yaml:1: there is no data to train on: `data: {train: FILE:SPLIT}`, or --data");
    assert_false(there("run"));
    assert_ok(
        ls_run_train(alone, &(struct ls_run_train){.run = "run.yaml", .data = "data.h5:train"}));
    check_state("run", LS_RUN_FINISHED);
}

static void test_validation_split(void **state)
{
    (void)state;
    write_text("run.yaml", HEAD "data: {train: data.h5:train, validation_split: 0.25}\n");
    assert_ok(train_in("run", false, NULL));
    write_text("run.yaml", HEAD "data: {train: data.h5:train, validation_split: 0.01}\n");
    assert_fails(train_in("other", false, NULL), LS_BAD_INPUT,
                 "data.validation_split 0.01 of 23 samples leaves one part empty");
    assert_false(there("other"));
}

static void test_observer(void **state)
{
    (void)state;
    struct seen seen = {0};
    assert_ok(train_seen(&seen, "run", false, NULL));
    assert_int_equal(seen.starts, 1);
    assert_int_equal(seen.start.samples, SAMPLES);
    assert_int_equal(seen.start.validation_samples, 11);
    assert_int_equal(seen.start.steps, STEPS);
    assert_int_equal(seen.start.batch_size, BATCH);
    assert_int_equal(seen.start.replicas, 1);
    assert_int_equal(seen.start.epoch, 0);
    assert_string_equal(seen.resumed_from, "");
    assert_int_equal(seen.steps, EPOCHS * STEPS);
    assert_int_equal(seen.epochs, EPOCHS);
    assert_string_equal(seen.names, "loss accuracy val_loss val_accuracy ");
    assert_int_equal(seen.last_checkpoint, EPOCHS * STEPS);
}

/* -- stopping and going on */

static const char *const two_epochs[] = {"fit.epochs=2", "fit.replicas=3",
                                         "checkpoint.every=9 epochs", NULL};

/* Stopped after every step of the run, in the middle of an epoch and at its end. */
static void test_stop_anywhere(void **state)
{
    (void)state;
    assert_ok(train_in("whole", false, two_epochs));
    uint64_t wanted = hash_of("whole");
    for (int k = 1; k < 2 * STEPS; k++) { /* asked in the step before it */
        char directory[32], newest[64], *text;
        struct seen first = {.stop_after = k - 1, .stop = k == 1}, second = {0};
        bool same;
        snprintf(directory, sizeof directory, "stop%d", k);
        expect_status(train_seen(&first, directory, false, two_epochs), LS_INTERRUPTED);
        assert_int_equal(first.steps, k);
        check_state(directory, LS_RUN_STOPPED);
        snprintf(newest, sizeof newest, "%s/checkpoints/step-%08d.h5", directory, first.steps);
        assert_true(there(newest));
        expect_status(train_seen(&second, directory, true, two_epochs), LS_OK);
        assert_int_equal(first.steps + second.steps, 2 * STEPS);
        assert_int_equal(second.start.epoch * STEPS + second.start.step, first.steps);
        assert_string_equal(second.resumed_from, newest);
        if (hash_of(directory) != wanted)
            fail_msg("stopped after step %d: other weights", k);
        assert_ok(ls_run_diff("whole", directory, 10, &same, &text));
        if (!same)
            fail_msg("stopped after step %d:\n%s", k, text);
        ls_text_free(text);
        check_state(directory, LS_RUN_FINISHED);
    }
}

/* Interrupted again and again, one step a start. */
static void test_stop_after_each_step(void **state)
{
    (void)state;
    ls_status status = LS_INTERRUPTED;
    int starts = 0;
    assert_ok(train_in("whole", false, two_epochs));
    for (; status == LS_INTERRUPTED && starts < 4 * STEPS; starts++) {
        struct seen seen = {.stop = 1};
        status = train_seen(&seen, "run", true, two_epochs);
        assert_int_equal(seen.steps, 1);
    }
    assert_ok(status);
    assert_int_equal(starts, 2 * STEPS);
    assert_int_equal(hash_of("run"), hash_of("whole"));
}

static void test_finished(void **state)
{
    (void)state;
    struct seen seen = {0}, more = {0};
    assert_ok(train_in("run", true, NULL)); /* starts where there is none */
    uint64_t hash = hash_of("run");
    assert_ok(train_seen(&seen, "run", true, NULL));
    assert_int_equal(seen.steps, 0);
    assert_int_equal(seen.checkpoints, 0); /* nothing is written anew */
    assert_int_equal(hash_of("run"), hash);
    check_state("run", LS_RUN_FINISHED);
    assert_ok(train_seen(&more, "run", true, (const char *const[]){"fit.epochs=4", NULL}));
    assert_int_equal(more.steps, STEPS);
    assert_ok(train_in("four", false, (const char *const[]){"fit.epochs=4", NULL}));
    assert_int_equal(hash_of("run"), hash_of("four"));
}

/* A torn newest checkpoint is passed over: the run goes on from the one before it. */
static void test_torn_checkpoint(void **state)
{
    (void)state;
    assert_ok(train_in("run", false, NULL));
    uint64_t hash = hash_of("run");
    assert_int_equal(truncate("run/checkpoints/step-00000015.h5", 3000), 0);
    assert_ok(train_in("run", true, NULL));
    assert_int_equal(hash_of("run"), hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        trained_test(test_run_directory),
        trained_test(test_resolved_run_file),
        trained_test(test_keep),
        trained_test(test_no_epochs),
        trained_test(test_data_of_the_command_line),
        trained_test(test_validation_split),
        trained_test(test_observer),
        trained_test(test_stop_anywhere),
        trained_test(test_stop_after_each_step),
        trained_test(test_finished),
        trained_test(test_torn_checkpoint),
    };
    return cmocka_run_group_tests_name("runs", tests, start_alone, end_alone);
}
