/* Runs that are not begun, or not gone on with, and what is said of it. */
#include <math.h>

#include "unit/train_run_test.h"

#include "store/checkpoint.h"
#include "train/directory.h"

/* -- refusing */

static void test_directory_with_a_run(void **state)
{
    (void)state;
    assert_ok(train_in("run", false, NULL));
    uint64_t hash = hash_of("run");
    assert_fails(train_in("run", false, NULL), LS_CANNOT_WRITE,
                 "run holds a run: --resume goes on with it, -o DIR trains elsewhere");
    assert_int_equal(hash_of("run"), hash);
    check_state("run", LS_RUN_FINISHED);
}

static void test_directory_in_use(void **state)
{
    (void)state;
    struct ls_directory directory;
    bool holds_run;
    char wanted[512], host[256] = "";
    expect_status(ls_directory_open(&directory, "run", &holds_run), LS_OK);
    assert_false(holds_run);
    gethostname(host, sizeof host - 1);
    snprintf(wanted, sizeof wanted, "run: in use by process %ld on %s", (long)getpid(), host);
    assert_fails(train_in("run", true, NULL), LS_CANNOT_WRITE, wanted);
    ls_directory_close(&directory);
    assert_false(there("run")); /* made, but no run was begun in it */
}

static void refuse_resume(const char *set, const char *const *accept, const char *wanted)
{
    const char *const sets[] = {set, NULL};
    ls_status status = ls_run_train(alone, &(struct ls_run_train){.run = "run.yaml",
                                                                  .directory = "run",
                                                                  .resume = true,
                                                                  .set = set ? sets : NULL,
                                                                  .accept = accept});
    expect_status(status, LS_BAD_INPUT);
    assert_string_equal(ls_message(), wanted);
}

static void test_another_run(void **state)
{
    (void)state;
    assert_ok(train_in("run", false, NULL));
    refuse_resume("fit.seed=8", NULL,
                  "the run was started with fit.seed: 7, now it is 8 (--accept fit.seed takes the "
                  "change)");
    refuse_resume("model.layers.hidden.units=7", NULL,
                  "the run was started with model.layers.1.Dense.units: 6, now it is 7 (--accept "
                  "model.layers.1.Dense.units takes the change)");
    refuse_resume(
        "compile.metrics=[]", NULL,
        "the run was started with compile.metrics: [\"accuracy\"], now it is [] (--accept "
        "compile.metrics takes the change)");
    refuse_resume("fit.replicas=2", NULL,
                  "the run has 1 replicas for its whole life, not 2: leave out --replicas");
    refuse_resume("model.layers.hidden.units=7", (const char *const[]){"model", "kernels", NULL},
                  "run/checkpoints/step-00000015.h5 holds another model than the run file: "
                  "hidden/kernel differs");
    check_state("run", LS_RUN_FINISHED); /* nothing was touched */
    assert_ok(ls_run_train(
        alone,
        &(struct ls_run_train){.run = "run.yaml",
                               .directory = "run",
                               .resume = true,
                               .set = (const char *const[]){"fit.seed=8", "fit.epochs=4", NULL},
                               .accept = (const char *const[]){"fit.seed", NULL}}));
}

/* What was accepted is written down, and is the run's from then on. */
static void test_accepted(void **state)
{
    (void)state;
    struct ls_checkpoint checkpoint;
    assert_ok(train_in("run", false, (const char *const[]){"fit.epochs=1", NULL}));
    assert_ok(ls_run_train(
        alone, &(struct ls_run_train){.run = "run.yaml",
                                      .directory = "run",
                                      .resume = true,
                                      .set = (const char *const[]){"fit.seed=8", NULL},
                                      .accept = (const char *const[]){"fit.seed", NULL}}));
    assert_ok(ls_checkpoint_read(&checkpoint, "run/model.h5"));
    assert_json(ls_tree_find(checkpoint.state, "accepted"), "[\"fit.seed\"]");
    assert_json(ls_tree_find_path(checkpoint.state, "run.fit.seed"), "8");
    ls_checkpoint_release(&checkpoint);
    refuse_resume(NULL, NULL,
                  "the run was started with fit.seed: 8, now it is 7 (--accept fit.seed takes the "
                  "change)");
}

/* One label is another. */
static void test_other_data(void **state)
{
    (void)state;
    int32_t label = 0;
    hsize_t at = 1, one = 1;
    const char *const accept[] = {"data", NULL};
    assert_ok(train_in("run", false, NULL));
    hid_t file = H5Fopen("data.h5", H5F_ACC_RDWR, H5P_DEFAULT);
    hid_t dataset = H5Dopen2(file, "/train/y", H5P_DEFAULT), space = H5Dget_space(dataset);
    hid_t memory = H5Screate_simple(1, &one, NULL);
    H5Sselect_hyperslab(space, H5S_SELECT_SET, &at, NULL, &one, NULL);
    assert_true(H5Dwrite(dataset, H5T_NATIVE_INT32, memory, space, H5P_DEFAULT, &label) >= 0);
    H5Sclose(memory);
    H5Sclose(space);
    H5Dclose(dataset);
    H5Fclose(file);
    expect_status(train_in("run", true, NULL), LS_BAD_INPUT);
    const char *digests = strstr(ls_message(), "digest ");
    assert_non_null(digests);
    char before[33], now[33];
    assert_int_equal(sscanf(digests, "digest %32[0-9a-f], now it is %32[0-9a-f] ", before, now), 2);
    assert_string_not_equal(before, now);
    assert_non_null(strstr(ls_message(), "the run was started with training data of digest"));
    assert_non_null(strstr(ls_message(), "(--accept data takes the change)"));
    assert_ok(ls_run_train(
        alone, &(struct ls_run_train){
                   .run = "run.yaml", .directory = "run", .resume = true, .accept = accept}));
}

static void refuse_start(const char *yaml, ls_status status, const char *wanted)
{
    write_text("run.yaml", yaml);
    expect_status(train_in("run", true, NULL), status);
    assert_string_equal(ls_message(), wanted);
    if (there("run"))
        fail_msg("left a directory behind: %s", wanted);
}

/* Run files that name run files as models, and in the end themselves. */
static void test_models_of_themselves(void **state)
{
    (void)state;
    static const char rest[] = "compile: {loss: mse}\ndata: {train: data.h5:train}\n";
    char wanted[512], text[256];
    snprintf(wanted, sizeof wanted,
             "%s/run.yaml: 8 run files that name each other as models: does one name itself?",
             test_directory);
    snprintf(text, sizeof text, "model: run.yaml\n%s", rest);
    refuse_start(text, LS_BAD_INPUT, wanted);
    snprintf(text, sizeof text, "model: run.yaml\n%s", rest);
    write_text("other.yaml", text);
    snprintf(text, sizeof text, "model: other.yaml\n%s", rest);
    write_text("run.yaml", text);
    expect_status(train_in("run", true, NULL), LS_BAD_INPUT);
    assert_non_null(strstr(ls_message(), "8 run files that name each other as models"));
    snprintf(text, sizeof text,
             "model:\n  inputs: {a: {shape: [4]}}\n  layers:\n"
             "    - Model: {file: run.yaml}\n      from: a\n%s",
             rest);
    write_text("run.yaml", text);
    expect_status(train_in("run", true, NULL), LS_BAD_INPUT);
    assert_non_null(strstr(ls_message(), "8 run files that name each other as models"));
    assert_false(there("run"));
}

/* Whatever is wrong is found before anything is written. */
static void test_failed_starts(void **state)
{
    (void)state;
    char missing[512], shape[512];
    snprintf(shape, sizeof shape,
             "%s/data.h5:train: 'x' has shape (None, 4), but the model's input is (None, 5)",
             test_directory);
    snprintf(missing, sizeof missing, "run.yaml:13: data train: %s/none.h5: no such file",
             test_directory);
    refuse_start("model: [\n", LS_BAD_INPUT,
                 "run.yaml:1: not valid YAML: did not find expected node content while parsing a "
                 "flow node that began on line 2");
    refuse_start("model:\n  - Input: {shape: 4}\n  - Dens\n", LS_BAD_INPUT,
                 "run.yaml:3: model[1]: unknown layer 'Dens' (did you mean 'Dense'?)");
    refuse_start(HEAD "data: {train: none.h5:train}\n", LS_NO_INPUT, missing);
    refuse_start("model:\n  - Input: {shape: 4}\n  - Dense: {units: 5}\n"
                 "compile: {loss: mse, metrics: [mean_square_error]}\n"
                 "data: {train: data.h5:train}\n",
                 LS_BAD_INPUT,
                 "run.yaml:4: metrics[0]: unknown metric 'mean_square_error' (did you mean "
                 "'MeanSquaredError'?)");
    refuse_start("model:\n  - Input: {shape: 5}\n  - Dense: {units: 5}\n"
                 "compile: {loss: mse}\n"
                 "data: {train: data.h5:train}\n",
                 LS_BAD_INPUT, shape);
    refuse_start(
        "model:\n  - Input: {shape: 4}\n  - Dense: {units: 5}\n"
        "compile: {loss: mse, optimizer: {Adam: {learn_rate: 1}}}\n"
        "data: {train: data.h5:train}\n",
        LS_BAD_INPUT,
        "run.yaml:4: optimizer Adam: unknown option 'learn_rate' (did you mean 'learning_rate'?)");
    refuse_start("model:\n  - Input: {shape: 4}\n"
                 "  - Dense: {units: 5, bias_initializer: Orthogonal}\n"
                 "compile: {loss: mse}\n"
                 "data: {train: data.h5:train}\n",
                 LS_BAD_INPUT,
                 "dense/bias: Orthogonal: the weight has 1 axes, it needs at least 2");
    assert_int_equal(count_files(), 2);
}

/* -- NaN */

static void test_nan_is_never_saved(void **state)
{
    (void)state;
    struct ls_run_status status;
    write_text("run.yaml", "model:\n  - Input: {shape: 4}\n  - Dense: {units: 3}\n"
                           "compile: {loss: mse, optimizer: {SGD: {learning_rate: 1e30}}}\n"
                           "data: {train: data.h5:train}\n"
                           "fit: {batch_size: 5, epochs: 2, shuffle: false}\n"
                           "checkpoint: {every: 1 step}\n");
    expect_status(train_in("run", false, NULL), LS_FAILED);
    assert_non_null(strstr(ls_message(), "not finite"));
    assert_ok(ls_run_status("run", &status));
    assert_int_equal(status.state, LS_RUN_FAILED);
    assert_string_equal(status.message, ls_message());
    if (*status.checkpoint) {
        struct ls_model *model;
        assert_ok(ls_model_read(&model, status.checkpoint));
        for (size_t i = 0; i < model->floats; i++)
            assert_true(isfinite(model->weights[i]));
        ls_model_free(model);
    }
}

/* The loss is still finite, but the weights after the step are not. */
static void test_weights_that_diverge(void **state)
{
    (void)state;
    struct ls_run_status status;
    write_text("run.yaml", "model:\n  - Input: {shape: 4}\n  - Dense: {units: 3}\n"
                           "compile: {loss: mse, loss_weights: [1000], optimizer: {SGD: "
                           "{learning_rate: 3e38}}}\n"
                           "data: {train: data.h5:train}\n"
                           "fit: {batch_size: 5, shuffle: false}\n"
                           "checkpoint: {every: 1 step}\n");
    assert_fails(train_in("run", false, NULL), LS_FAILED,
                 "after step 1: weights of dense/kernel are not finite (NaN or infinity): the "
                 "training diverged");
    assert_ok(ls_run_status("run", &status));
    assert_int_equal(status.state, LS_RUN_FAILED);
    assert_string_equal(status.checkpoint, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        trained_test(test_directory_with_a_run), trained_test(test_directory_in_use),
        trained_test(test_another_run),          trained_test(test_accepted),
        trained_test(test_other_data),           trained_test(test_failed_starts),
        trained_test(test_models_of_themselves), trained_test(test_nan_is_never_saved),
        trained_test(test_weights_that_diverge),
    };
    return cmocka_run_group_tests_name("refused runs", tests, start_alone, end_alone);
}
