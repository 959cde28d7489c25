/* What the commands beside train do with a run: status, stop, diff, list, predict, evaluate. */
#include <math.h>
#include <sys/stat.h>

#include "unit/train_run_test.h"

#include "train/directory.h"

/* -- status and stop */

static void test_no_run(void **state)
{
    (void)state;
    struct ls_run_status status;
    assert_fails(ls_run_status("none", &status), LS_NO_INPUT, "none: No such file or directory");
    assert_fails(ls_run_status("run.yaml", &status), LS_NO_INPUT, "run.yaml: not a run directory");
    assert_fails(ls_run_stop("none"), LS_NO_INPUT, "none: No such file or directory");
    assert_int_equal(mkdir("empty", 0777), 0);
    check_state("empty", LS_RUN_NONE);
    assert_fails(ls_run_stop("empty"), LS_FAILED, "empty: no run is going on (none)");
    assert_false(there("empty/stop"));
}

/* A directory as a process leaves it that says that it runs. */
static void pretend(const char *host, enum ls_run_state run_state)
{
    struct ls_directory directory = {.path = (char *)"run", .lock = -1};
    struct ls_run_status status = {.state = run_state, .ranks = 4, .nodes = 2, .step = 7};
    snprintf(status.host, sizeof status.host, "%s", host);
    snprintf(status.message, sizeof status.message, "it \"failed\"");
    expect_status(ls_directory_write_status(&directory, &status), LS_OK);
}

static void test_states(void **state)
{
    (void)state;
    struct ls_directory directory;
    struct ls_run_status status;
    bool holds_run;
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    assert_int_equal(mkdir("run", 0777), 0);
    pretend("another.host", LS_RUN_RUNNING);
    check_state("run", LS_RUN_RUNNING); /* heard of a moment ago */
    pretend(host, LS_RUN_RUNNING);
    check_state("run", LS_RUN_DEAD); /* nobody holds the lock */
    assert_fails(ls_run_stop("run"), LS_FAILED, "run: no run is going on (dead)");
    expect_status(ls_directory_open(&directory, "run", &holds_run), LS_OK);
    check_state("run", LS_RUN_RUNNING);
    assert_false(ls_directory_asked_to_stop(&directory));
    assert_ok(ls_run_stop("run"));
    assert_ok(ls_run_stop("run")); /* once more does no harm */
    assert_true(ls_directory_asked_to_stop(&directory));
    ls_directory_close(&directory);
    expect_status(ls_directory_open(&directory, "run", &holds_run), LS_OK);
    assert_false(ls_directory_asked_to_stop(&directory)); /* an old wish is no wish */
    ls_directory_close(&directory);
    for (int s = LS_RUN_FINISHED; s <= LS_RUN_FAILED; s++) {
        pretend(host, (enum ls_run_state)s);
        assert_ok(ls_run_status("run", &status));
        assert_int_equal(status.state, s);
        assert_int_equal(status.ranks, 4);
        assert_int_equal(status.nodes, 2);
        assert_int_equal(status.step, 7);
        assert_string_equal(status.message, "it \"failed\"");
        assert_string_equal(status.checkpoint, "");
    }
}

/* A process that was silent for a long time on another host is dead. */
static void test_silent(void **state)
{
    (void)state;
    assert_int_equal(mkdir("run", 0777), 0);
    write_text("run/status.json",
               "{\"state\": \"running\", \"host\": \"another.host\", \"time\": 1}");
    check_state("run", LS_RUN_DEAD);
    write_text("run/status.json", ""); /* what a crash of the machine leaves of it */
    check_state("run", LS_RUN_DEAD);
    write_text("run/status.json", "{\"state\": \"running\", ");
    struct ls_run_status status;
    expect_status(ls_run_status("run", &status), LS_BAD_INPUT);
    assert_non_null(strstr(ls_message(), "run/status.json"));
}

/* -- diff */

static void check_diff(const char *a, const char *b, bool wanted, const char *first)
{
    char *text;
    bool same;
    assert_ok(ls_run_diff(a, b, 100, &same, &text));
    if (same != wanted || strncmp(text, first, strlen(first)) != 0)
        fail_msg("%s %s: same %d, %s", a, b, same, text);
    if (wanted)
        assert_string_equal(text, "");
    ls_text_free(text);
}

static void test_diff(void **state)
{
    (void)state;
    char *text;
    bool same;
    assert_ok(train_in("a", false, NULL));
    assert_ok(train_in("b", false, NULL));
    assert_ok(train_in("c", false, (const char *const[]){"fit.seed=8", NULL}));
    assert_ok(train_in("d", false, (const char *const[]){"model.layers.hidden.units=7", NULL}));
    check_diff("a", "b", true, "");
    check_diff("a/model.h5", "b/checkpoints/step-00000015.h5", true, "");
    check_diff("a", "b/model.h5", true, "");
    check_diff("a/history.h5", "b/history.h5", true, "");
    check_diff("a", "c", false, "weights hidden/kernel: 24 of 24 numbers differ, first at 0: ");
    check_diff("a/history.h5", "c/history.h5", false, "epoch 1: ");
    assert_ok(ls_run_diff("a/history.h5", "c/history.h5", 100, &same, &text));
    assert_non_null(strstr(text, "\nstep "));
    ls_text_free(text);
    check_diff("a/model.h5", "a/checkpoints/step-00000010.h5", false,
               "position.epoch: 3, 2\nposition.iteration: 15, 10\nweights hidden/kernel: ");
    check_diff("a/model.h5", "d/model.h5", false,
               "model: hidden/kernel (None, 4, 6), hidden/kernel (None, 4, 7)\n");
    assert_ok(ls_run_diff("a", "c", 1, &same, &text));
    assert_false(same);
    assert_non_null(strstr(text, "\nand "));
    assert_non_null(strstr(text, " more\n"));
    ls_text_free(text);
    assert_fails(ls_run_diff("a/history.h5", "a/model.h5", 9, &same, &text), LS_USAGE,
                 "a/history.h5 is a history and a/model.h5 is a model");
    assert_null(text);
    assert_false(same);
    assert_fails(ls_run_diff("a", "none.h5", 9, &same, &text), LS_NO_INPUT,
                 "cannot read 'none.h5': No such file or directory");
}

/* -- list */

static void test_list(void **state)
{
    (void)state;
    static const char *const nouns[][3] = {
        {"layers", "dense", "units"},
        {"losses", "MeanSquaredError", "reduction"},
        {"optimizers", "adam", "learning_rate"},
        {"metrics", "BinaryAccuracy", "threshold"},
        {"activations", "leaky_relu", "a = 0.2"},
        {"initializers", "RandomNormal", "stddev"},
        {"regularizers", "L2", "l2"},
    };
    char *text;
    for (size_t i = 0; i < sizeof nouns / sizeof *nouns; i++) {
        expect_status(ls_run_list(nouns[i][0], NULL, &text), LS_OK);
        assert_true(strchr(text, '\n') != NULL);
        ls_text_free(text);
        expect_status(ls_run_list(nouns[i][0], nouns[i][1], &text), LS_OK);
        if (!strstr(text, nouns[i][2]))
            fail_msg("%s %s has no %s:\n%s", nouns[i][0], nouns[i][1], nouns[i][2], text);
        ls_text_free(text);
    }
    assert_fails(ls_run_list("layer", NULL, &text), LS_USAGE,
                 "nothing is known of 'layer'; known: layers, losses, optimizers, metrics, "
                 "activations, initializers, regularizers, constraints, schedules, callbacks");
    assert_fails(ls_run_list("layers", "Dens", &text), LS_USAGE,
                 "unknown layer 'Dens' (did you mean 'Dense'?)");
    assert_null(text);
}

/* -- predict */

enum { TESTED = 11, CLASSES = 3 };

static int64_t predict(const struct ls_run_predict *options)
{
    int64_t samples;
    expect_status(ls_run_predict(alone, options, &samples), LS_OK);
    return samples;
}

static void read_floats(const char *file_name, const char *name, float *values, size_t count)
{
    hid_t file = H5Fopen(file_name, H5F_ACC_RDONLY, H5P_DEFAULT);
    assert_true(file >= 0);
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT), space = H5Dget_space(dataset);
    assert_int_equal(H5Sget_simple_extent_npoints(space), count);
    assert_true(H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    H5Sclose(space);
    H5Dclose(dataset);
    H5Fclose(file);
}

/* The same by ls_model_predict. */
static void predict_in_memory(float out[TESTED * CLASSES])
{
    struct ls_model *model;
    float x[TESTED * INPUTS];
    for (size_t i = 0; i < TESTED * INPUTS; i++)
        x[i] = test_number(i) + 0.1F;
    assert_ok(ls_model_read(&model, "run"));
    assert_ok(ls_model_predict(model, x, TESTED, out));
    ls_model_free(model);
}

static size_t best_of(const float *row)
{
    size_t best = 0;
    for (size_t c = 1; c < CLASSES; c++)
        best = row[c] > row[best] ? c : best;
    return best;
}

static void test_predict_h5(void **state)
{
    (void)state;
    float wanted[TESTED * CLASSES], found[TESTED * CLASSES], classes[TESTED];
    assert_ok(train_in("run", false, NULL));
    predict_in_memory(wanted);
    struct ls_run_predict options = {.model = "run", .data = "data.h5:test", .out = "p.h5"};
    assert_int_equal(predict(&options), TESTED);
    read_floats("p.h5", "/predictions/out", found, TESTED * CLASSES);
    assert_memory_equal(found, wanted, sizeof found);
    options.classes = true;
    assert_int_equal(predict(&options), TESTED); /* the file is replaced */
    read_floats("p.h5", "/predictions/out", classes, TESTED);
    for (size_t i = 0; i < TESTED; i++)
        assert_true(classes[i] == (float)best_of(wanted + i * CLASSES));
}

static void test_predict_layer(void **state)
{
    (void)state;
    float wanted[TESTED * CLASSES], found[TESTED * CLASSES], hidden[TESTED * 6], input[TESTED * 4];
    assert_ok(train_in("run", false, NULL));
    predict_in_memory(wanted);
    struct ls_run_predict options = {
        .model = "run/model.h5", .data = "data.h5:test", .out = "p.h5", .layer = "out"};
    predict(&options);
    read_floats("p.h5", "/predictions/out", found, TESTED * CLASSES);
    assert_memory_equal(found, wanted, sizeof found);
    options.layer = "hidden";
    predict(&options);
    read_floats("p.h5", "/predictions/hidden", hidden, TESTED * 6);
    for (size_t i = 0; i < TESTED * 6; i++)
        assert_true(hidden[i] >= 0); /* relu */
    options.layer = "input_layer";
    predict(&options);
    read_floats("p.h5", "/predictions/input_layer", input, TESTED * 4);
    for (size_t i = 0; i < TESTED * 4; i++)
        assert_true(input[i] == test_number(i) + 0.1F);
}

static void check_csv(const struct ls_run_predict *options, const char *const *names)
{
    static const char *const classes[] = {"ant", "bee", "\"a \"\"cat\"\", black\""};
    float wanted[TESTED * CLASSES];
    char line[256], row[256];
    predict_in_memory(wanted);
    assert_int_equal(predict(options), TESTED);
    FILE *file = fopen("p.csv", "r");
    assert_non_null(file);
    for (int i = -1; i < TESTED; i++) {
        const float *p = wanted + i * CLASSES;
        assert_non_null(fgets(line, sizeof line, file));
        if (i < 0)
            snprintf(row, sizeof row, "%s\n", options->classes ? "out" : "out_0,out_1,out_2");
        else if (!options->classes)
            snprintf(row, sizeof row, "%.9g,%.9g,%.9g\n", p[0], p[1], p[2]);
        else if (names)
            snprintf(row, sizeof row, "%s\n", classes[best_of(p)]);
        else
            snprintf(row, sizeof row, "%zu\n", best_of(p));
        assert_string_equal(line, row);
    }
    assert_null(fgets(line, sizeof line, file));
    fclose(file);
}

static void test_predict_csv(void **state)
{
    (void)state;
    static const char *const names[] = {"names"};
    struct ls_run_predict options = {.model = "run", .data = "data.h5:test", .out = "p.csv"};
    assert_ok(train_in("run", false, NULL));
    check_csv(&options, NULL);
    options.classes = true;
    check_csv(&options, names);
}

static void refuse_predict(const struct ls_run_predict *options, ls_status status,
                           const char *wanted)
{
    int64_t samples;
    expect_status(ls_run_predict(alone, options, &samples), status);
    assert_string_equal(ls_message(), wanted);
    assert_int_equal(samples, 0);
    assert_false(there("p.h5"));
}

static void test_predict_refused(void **state)
{
    (void)state;
    struct ls_run_predict options = {.model = "run", .data = "data.h5:test", .out = "p.txt"};
    assert_ok(train_in("run", false, NULL));
    refuse_predict(&options, LS_USAGE, "-o names the file to write: F.h5 or F.csv");
    options.out = "p.h5";
    options.layer = "hiden";
    refuse_predict(&options, LS_USAGE,
                   "the model has no layer 'hiden'; it has input_layer, normalization, hidden, "
                   "dropout, batch_normalization, out");
    options.layer = NULL;
    options.out = "none/p.h5";
    int64_t samples;
    expect_status(ls_run_predict(alone, &options, &samples), LS_CANNOT_WRITE);
    options.out = "p.h5";
    options.model = "none";
    refuse_predict(&options, LS_NO_INPUT, "cannot read 'none': No such file or directory");
    assert_int_equal(mkdir("empty", 0777), 0);
    options.model = "empty";
    refuse_predict(&options, LS_NO_INPUT, "empty: no checkpoint in this directory");
    options.model = "run";
    options.data = "data.h5:none";
    expect_status(ls_run_predict(alone, &options, &samples), LS_BAD_INPUT);
}

/* -- evaluate */

static void test_evaluate(void **state)
{
    (void)state;
    struct ls_evaluation given, own;
    double value;
    assert_ok(train_in("run", false, NULL));
    expect_status(
        ls_run_evaluate(
            alone, &(struct ls_run_evaluate){.model = "run", .data = "data.h5:test", .out = "e.h5"},
            &given),
        LS_OK);
    expect_status(ls_run_evaluate(alone, &(struct ls_run_evaluate){.model = "run"}, &own), LS_OK);
    assert_int_equal(given.samples, TESTED);
    assert_int_equal(given.count, 2);
    assert_memory_equal(given.values, own.values, 2 * sizeof *own.values);
    hid_t file = H5Fopen("e.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t dataset = H5Dopen2(file, "/evaluation/accuracy", H5P_DEFAULT);
    assert_true(H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, &value) >= 0);
    H5Dclose(dataset);
    H5Fclose(file);
    assert_true(value == given.values[1]);
    ls_evaluation_release(&given);
    ls_evaluation_release(&own);
}

static void test_evaluate_refused(void **state)
{
    (void)state;
    struct ls_evaluation evaluation;
    write_text("run.yaml", HEAD "data: {train: data.h5:train}\n");
    assert_ok(train_in("run", false, NULL));
    expect_status(ls_run_evaluate(alone, &(struct ls_run_evaluate){.model = "run"}, &evaluation),
                  LS_USAGE);
    assert_string_equal(
        ls_message(),
        "the model's run has no validation data: name data with --data FILE:SPLIT or F.csv");
    assert_int_equal(evaluation.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        trained_test(test_no_run),
        trained_test(test_states),
        trained_test(test_silent),
        trained_test(test_diff),
        trained_test(test_list),
        trained_test(test_predict_h5),
        trained_test(test_predict_layer),
        trained_test(test_predict_csv),
        trained_test(test_predict_refused),
        trained_test(test_evaluate),
        trained_test(test_evaluate_refused),
    };
    return cmocka_run_group_tests_name("commands", tests, start_alone, end_alone);
}
