/* The callbacks of Keras in runs: interrupted anywhere, a run ends as one that was not. What they
 * decide is tested in train_callback_traces.c. */
#include <sys/stat.h>

#include "unit/train_run_test.h"

#include "base/memory.h"
#include "kind_harness.h"
#include "store/h5.h"
#include "store/history.h"
#include "train/callback.h"

static struct ls_text heard; /* notes and warnings */

static void hear(void *user, enum ls_log_level level, const char *line)
{
    (void)user, (void)level;
    ls_text_append(&heard, "%s\n", line);
}

static void assert_heard(const char *part)
{
    if (!heard.data || !strstr(heard.data, part))
        fail_msg("expected '%s', heard:\n%s", part, heard.data ? heard.data : "(nothing)");
}

/* The bytes of a text file; freed with the C library's free. */
static char *text_of(const char *directory, const char *name)
{
    char path[128];
    struct ls_text text;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    assert_ok(ls_file_read_text(path, &text));
    char *copy = strdup(text.data);
    ls_text_release(&text);
    return copy;
}

static void assert_same_text(const char *one, const char *other, const char *name)
{
    char *a = text_of(one, name), *b = text_of(other, name);
    if (strcmp(a, b) != 0)
        fail_msg("%s: in %s\n%sin %s\n%s", name, one, a, other, b);
    free(a);
    free(b);
}

/* A column of the steps in a run's history; released with ls_release. */
static double *steps_of(const char *directory, const char *column, size_t *count)
{
    struct ls_h5 h5;
    double *values;
    char path[128];
    snprintf(path, sizeof path, "%s/history.h5", directory);
    assert_ok(ls_h5_open(&h5, path));
    assert_ok(ls_h5_read_doubles(&h5, column, &values, count));
    ls_h5_close(&h5);
    return values;
}

static void assert_same_steps(const char *one, const char *other, const char *column)
{
    size_t counts[2];
    double *a = steps_of(one, column, &counts[0]), *b = steps_of(other, column, &counts[1]);
    assert_int_equal(counts[0], counts[1]);
    assert_memory_equal(a, b, counts[0] * sizeof *a);
    ls_release(a);
    ls_release(b);
}

/* Seconds differ: the numbers of each epoch and step are compared. */
static void assert_same_history(const char *one, const char *other)
{
    assert_same_steps(one, other, "/step/loss");
    assert_same_steps(one, other, "/step/learning_rate");
    bool same;
    char *text, paths[2][128];
    snprintf(paths[0], sizeof paths[0], "%s/history.h5", one);
    snprintf(paths[1], sizeof paths[1], "%s/history.h5", other);
    assert_ok(ls_run_diff(paths[0], paths[1], 10, &same, &text));
    if (!same)
        fail_msg("%s, %s: %s", one, other, text);
    ls_text_free(text);
}

static void assert_same_model(const char *one, const char *other, const char *name)
{
    char paths[2][128];
    snprintf(paths[0], sizeof paths[0], "%s/%s", one, name);
    snprintf(paths[1], sizeof paths[1], "%s/%s", other, name);
    assert_int_equal(hash_of(paths[0]), hash_of(paths[1]));
}

#define ALL                                                                                        \
    "fit.callbacks=["                                                                              \
    "{ReduceLROnPlateau: {monitor: val_accuracy, patience: 1, factor: 0.3}}, "                     \
    "{ModelCheckpoint: {save_best_only: true}}, "                                                  \
    "{ModelCheckpoint: {filepath: 'm/{epoch:02d}-{batch}.weights.h5', save_weights_only: true, "   \
    "save_freq: 7}}, "                                                                             \
    "{CSVLogger: {filename: logs/log.csv}}, "                                                      \
    "{EarlyStopping: {patience: 2, min_delta: 0.05, restore_best_weights: true}}]"

static const char *const all[] = {ALL, "fit.epochs=12", NULL};

static int64_t finished_at(const char *directory)
{
    struct ls_run_status status;
    assert_ok(ls_run_status(directory, &status));
    assert_int_equal(status.state, LS_RUN_FINISHED);
    return status.step;
}

static void check_same_run(const char *one, const char *other)
{
    assert_int_equal(finished_at(one), finished_at(other));
    assert_same_model(one, other, "model.h5");
    assert_same_model(one, other, "checkpoints/best.h5");
    assert_same_text(one, other, "logs/log.csv");
    assert_same_history(one, other);
}

/* Interrupted once, at every third step, and every other step. */
static void test_stop_and_resume(void **state)
{
    (void)state;
    assert_ok(train_in("whole", false, all));
    int64_t wanted = finished_at("whole");
    assert_in_range(wanted, 4 * STEPS, 11 * STEPS); /* it stopped early */
    assert_int_equal(wanted % STEPS, 0);
    for (int k = 1; k < wanted; k += 3) {
        char directory[32];
        struct seen first = {.stop_after = k - 1, .stop = k == 1}, second = {0};
        snprintf(directory, sizeof directory, "stopped-%d", k);
        assert_int_equal(train_seen(&first, directory, false, all), LS_INTERRUPTED);
        assert_ok(train_seen(&second, directory, true, all));
        check_same_run("whole", directory);
    }
    ls_status status = LS_INTERRUPTED;
    for (int start = 0; status == LS_INTERRUPTED; start++) {
        struct seen seen = {.stop_after = 2};
        status = train_seen(&seen, "often", start > 0, all);
    }
    assert_ok(status);
    check_same_run("whole", "often");
}

/* A run that ended with restored weights is finished, and so are its files. */
static void test_restored(void **state)
{
    (void)state;
    struct seen seen = {0};
    assert_ok(train_in("run", false, all));
    int64_t wanted = finished_at("run");
    assert_int_equal(hash_of("run/model.h5"), hash_of("run/checkpoints/best.h5"));
    assert_ok(train_seen(&seen, "run", true, all));
    assert_int_equal(seen.steps, 0);
    assert_int_equal(finished_at("run"), wanted);
    const char *const more[] = {ALL, "fit.epochs=13", NULL};
    assert_ok(train_seen(&seen, "run", true, more));
    assert_true(seen.steps >= STEPS); /* with its patience anew */
    /* other callbacks have no state yet */
    assert_ok(ls_run_train(
        alone, &(struct ls_run_train){
                   .run = "run.yaml",
                   .directory = "run",
                   .resume = true,
                   .set = (const char *const[]){"fit.callbacks=[{EarlyStopping: {patience: 9}}]",
                                                "fit.epochs=14", NULL},
                   .accept = (const char *const[]){"fit.callbacks", NULL}}));
    assert_int_equal(finished_at("run"), 14 * STEPS);
}

/* To the last epoch: what is restored is restored there too, and is what is saved. */
static void test_restored_at_the_end(void **state)
{
    (void)state;
#define OF_THE_FIRST                                                                               \
    "fit.callbacks=[{EarlyStopping: {monitor: loss, mode: max, patience: 9, "                      \
    "restore_best_weights: true}}]",                                                               \
        "fit.epochs=3"
    static const char *const set[] = {OF_THE_FIRST, NULL};
    static const char *const averaged[] = {
        OF_THE_FIRST, "compile.optimizer={Adam: {learning_rate: 0.05, use_ema: true}}", NULL};
    assert_ok(train_in("three", false, set));
    assert_ok(train_in("one", false, (const char *const[]){"fit.epochs=1", NULL}));
    assert_same_model("one", "three", "model.h5"); /* the loss was largest in the first epoch */
    assert_int_equal(hash_of("three/checkpoints/step-00000005.h5"), hash_of("one"));
    assert_int_equal(hash_of("three/checkpoints/step-00000015.h5"), hash_of("one"));
    assert_int_not_equal(hash_of("three/checkpoints/step-00000010.h5"), hash_of("one"));
    /* Averages become the weights before the callbacks' last word, as in Keras. */
    assert_ok(train_in("averaged", false, averaged));
    assert_same_model("one", "averaged", "model.h5");
}

/* The rate that stands in a compiled model. */
static double rate_of(const struct ls_model *model, const char *path)
{
    const struct ls_tree *rate = ls_tree_find_path(model->compile, path);
    double value = -1;
    assert_non_null(rate);
    assert_ok(ls_tree_double(rate, &value));
    return value;
}

/* The rate is set from the next step on, is in the steps of the history, and in `compile` of what
 * is written. */
static void test_learning_rate(void **state)
{
    (void)state;
    struct ls_table epochs, steps;
    struct ls_model *model;
    size_t count;
    bool is_history;
    assert_ok(train_in("run", false,
                       (const char *const[]){"fit.callbacks=[{LearningRateScheduler: {schedule: "
                                             "{1: 0.25, 2: 0.125}}}]",
                                             NULL}));
    assert_ok(ls_history_read("run/history.h5", &epochs, &steps, &is_history));
    double *rates = steps_of("run", "/step/learning_rate", &count);
    static const double wanted[] = {0.05F, 0.25, 0.125};
    assert_int_equal(count, 3 * STEPS);
    for (size_t i = 0; i < count; i++)
        assert_true(rates[i] == wanted[i / STEPS]);
    ls_release(rates);
    assert_string_equal(epochs.name[epochs.columns - 1], "learning_rate");
    for (size_t i = 0; i < 3; i++)
        assert_true(epochs.value[(i + 1) * epochs.columns - 1] == wanted[i]);
    ls_table_release(&epochs);
    ls_table_release(&steps);
    assert_ok(ls_model_read(&model, "run"));
    assert_true(rate_of(model, "optimizer.learning_rate") == 0.125);
    ls_model_free(model);
}

/* -- TerminateOnNaN */

static void test_terminate(void **state)
{
    (void)state;
    struct seen seen = {0};
    write_text("run.yaml", "model: {input: {shape: 4}, layers: [{Dense: {units: 1}}]}\n"
                           "compile: {optimizer: {SGD: {learning_rate: 1e18}}, loss: mse}\n"
                           "data: {train: data.h5:train}\n"
                           "fit: {batch_size: 5, epochs: 3}\n");
    const char *const plain[] = {NULL};
    const char *const ending[] = {"fit.callbacks=[TerminateOnNaN]", NULL};
    const char *const raising[] = {"fit.callbacks=[{TerminateOnNaN: {raise_error: true}}]", NULL};
    assert_int_equal(train_in("plain", false, plain), LS_FAILED);
    assert_int_equal(train_in("raising", false, raising), LS_FAILED);
    ls_text_release(&heard);
    assert_ok(train_seen(&seen, "run", false, ending));
    assert_heard("epoch 1, step 3: the loss is not finite");
    assert_heard("TerminateOnNaN ends the training, with the weights of before that step");
    assert_heard("a callback ended the training after step");
    int64_t wanted = finished_at("run");
    assert_int_equal(seen.steps, wanted);
    assert_in_range(wanted, 1, STEPS - 1);
    seen = (struct seen){0};
    assert_ok(train_seen(&seen, "run", true, ending)); /* it is over */
    assert_int_equal(seen.steps, 0);
    assert_int_equal(finished_at("run"), wanted);
}

/* -- CSVLogger */

static void test_csv_files(void **state)
{
    (void)state;
    static const char *const set[] = {
        "fit.callbacks=[{CSVLogger: {filename: log.csv, append: true, separator: ;}}]",
        "fit.epochs=2", NULL};
    assert_int_equal(mkdir("run", 0777), 0);
    write_text("run/log.csv", "before\r\n");
    struct seen seen = {.stop_after = 3};
    assert_int_equal(train_seen(&seen, "run", false, set), LS_INTERRUPTED);
    FILE *file = fopen("run/log.csv", "a");
    fputs("of steps after the checkpoint", file);
    fclose(file);
    assert_ok(train_in("run", true, set));
    char *text = text_of("run", "log.csv");
    int lines = 0;
    for (const char *c = text; *c; c++)
        lines += *c == '\n';
    assert_int_equal(lines, 3);
    assert_int_equal(strncmp(text, "before\r\n0;", 10), 0);
    free(text);
    /* a file that is gone is told, and begun anew */
    const char *const more[] = {set[0], "fit.epochs=3", NULL};
    assert_int_equal(unlink("run/log.csv"), 0);
    ls_text_release(&heard);
    assert_ok(train_in("run", true, more));
    assert_heard("CSVLogger: run/log.csv has 0 bytes, the checkpoint knows of ");
    text = text_of("run", "log.csv");
    assert_int_equal(strncmp(text, "epoch;accuracy;loss;val_accuracy;val_loss\r\n2;", 45), 0);
    free(text);
}

/* -- refused, before the first step */

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *callbacks, *message;
    } cases[] = {
        {"[{EarlyStopping: {monitor: val_los}}]",
         "EarlyStopping monitor: there is no number 'val_los' (did you mean 'val_loss'?)"},
        {"[EarlyStopping, {ReduceLROnPlateau: {monitor: lr}}]",
         "ReduceLROnPlateau monitor: there is no number 'lr' (there are: loss, accuracy, val_loss, "
         "val_accuracy, learning_rate)"},
        {"[{ReduceLROnPlateau: {monitor: learning_rate}}]",
         "ReduceLROnPlateau: it is not known whether 'learning_rate' is better when it is larger: "
         "give `mode: max` or `mode: min`"},
        {"[{ReduceLROnPlateau: {factor: 1}}]",
         "ReduceLROnPlateau factor: must be at least 0 and below 1, found 1"},
        {"[{EarlyStopping: {mode: best}}]",
         "EarlyStopping mode: must be one of auto, min, max; found 'best'"},
        {"[LearningRateScheduler]",
         "callbacks[0] LearningRateScheduler: option 'schedule' is missing"},
        {"[{LearningRateScheduler: {schedule: []}}]",
         "LearningRateScheduler schedule: expected a rate for each epoch, or {EPOCH: rate, ...}"},
        {"[{LearningRateScheduler: {schedule: {1: 0.1, one: 0.2}}}]",
         "LearningRateScheduler schedule: expected whole numbers from 0 as keys, in rising order, "
         "found 'one'"},
        {"[{LearningRateScheduler: {schedule: {3: 0.1, 2: 0.2}}}]", "found '2'"},
        {"[{LearningRateScheduler: {schedule: [0.1, -1]}}]", "must be at least 0, found -1"},
        {"[ModelCheckpoint]", "callbacks[0] ModelCheckpoint: option 'filepath' is missing: as "
                              "'checkpoints/{epoch:02d}.h5', or `save_best_only: true`, which has "
                              "a default"},
        {"[{ModelCheckpoint: {filepath: best}}]",
         "ModelCheckpoint filepath: a model's file ends in .h5 or .keras, found 'best'"},
        {"[{ModelCheckpoint: {filepath: best.h5, save_weights_only: true}}]",
         "filepath: with save_weights_only the filepath ends in .weights.h5, found 'best.h5'"},
        {"[{ModelCheckpoint: {filepath: '{epohc}.h5'}}]",
         "ModelCheckpoint filepath: '{epohc}.h5': there is no number 'epohc' (did you mean "
         "'epoch'?)"},
        {"[{ModelCheckpoint: {filepath: '{val_loss:.2f}.h5', save_freq: 3}}]",
         "there is no number 'val_loss' (there are: epoch, batch, loss, accuracy)"},
        {"[{ModelCheckpoint: {filepath: a.h5, save_freq: 3, save_best_only: true}}]",
         "ModelCheckpoint: there is no number 'val_loss' (there are: loss, accuracy)"},
        {"[{ModelCheckpoint: {filepath: a.h5, save_freq: often}}]",
         "ModelCheckpoint save_freq: expected epoch, or a number of steps, found 'often'"},
        {"[{ModelCheckpoint: {filepath: model.h5}}]",
         "ModelCheckpoint filepath: 'model.h5' is a file of the run's own: give another name"},
        {"[{ModelCheckpoint: {filepath: './checkpoints//step-{epoch}.h5'}}]",
         "'checkpoints/step-1.h5' is a file of the run's own: give another name"},
        {"[{ModelCheckpoint: {filepath: '${NO_SUCH_VARIABLE}/a.h5'}}]",
         "the environment variable NO_SUCH_VARIABLE is not set"},
        {"[CSVLogger]", "callbacks[0] CSVLogger: option 'filename' is missing"},
        {"[{CSVLogger: {filename: history.h5}}]", "'history.h5' is a file of the run's own"},
        {"[{CSVLogger: {filename: a.csv, separator: ', '}}]",
         "CSVLogger separator: expected one character that is no quote and no line end, found ', '"},
        {"[{BackupAndRestore: {backup_dir: /tmp/backup}}]",
         "BackupAndRestore: checkpoints do this: leave it out; `checkpoint: {every: 1 epoch}` says "
         "when, --resume goes on from the newest"},
        {"EarlyStoping", "fit callbacks: unknown callback 'EarlyStoping' (did you mean "
                         "'EarlyStopping'?)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char set[256];
        snprintf(set, sizeof set, "fit.callbacks=%s", cases[i].callbacks);
        ls_status status = train_in("run", false, (const char *const[]){set, NULL});
        if (status != LS_BAD_INPUT || !strstr(ls_message(), cases[i].message))
            fail_msg("%s: status %d: %s\nexpected: %s", set, status, ls_message(),
                     cases[i].message);
        if (there("run"))
            fail_msg("%s: left a run directory", set);
    }
    const char *const alone_[] = {"fit.callbacks=[EarlyStopping]", "data.validation=null", NULL};
    assert_int_equal(train_in("run", false, alone_), LS_BAD_INPUT);
    assert_non_null(strstr(ls_message(), "there is no number 'val_loss' without validation data "
                                         "(there are: loss, accuracy)"));
}

static void test_cannot_write(void **state)
{
    (void)state;
    assert_int_equal(mkdir("dir.h5", 0777), 0);
    write_text("file", "");
    static const char *const cases[][2] = {
        {"[{ModelCheckpoint: {filepath: ../dir.h5}}]",
         "ModelCheckpoint: cannot write 'run/../dir.h5': it is a directory"},
        {"[{ModelCheckpoint: {filepath: ../file/a.h5}}]",
         "ModelCheckpoint: cannot write 'run/../file': Not a directory"},
        {"[{ModelCheckpoint: {filepath: '../file/{epoch}.h5'}}]",
         "ModelCheckpoint: cannot write 'run/../file': Not a directory"},
        {"[{CSVLogger: {filename: ../file/log.csv}}]",
         "CSVLogger: cannot write 'run/../file': Not a directory"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char set[256];
        snprintf(set, sizeof set, "fit.callbacks=%s", cases[i][0]);
        int status = train_in("run", i > 0, (const char *const[]){set, NULL});
        if (status != LS_CANNOT_WRITE || strcmp(ls_message(), cases[i][1]) != 0)
            fail_msg("%s: status %d: %s\nexpected: %s", set, status, ls_message(), cases[i][1]);
    }
}

/* -- all kinds */

static void test_registry(void **state)
{
    (void)state;
    FOR_EACH_KIND(kind, ls_callbacks_known)
    {
        const char *const *example = ((const struct ls_callback_kind *)kind)->examples;
        for (size_t i = 0; example[i]; i++) {
            char set[512], directory[96];
            check_round_trip(&ls_callbacks_known, kind->name, example[i]);
            snprintf(set, sizeof set, "fit.callbacks=[{%s: {%s}}]", kind->name,
                     strcmp(example[i], "{}") == 0 ? "" : example[i]);
            snprintf(directory, sizeof directory, "%s-%zu", kind->name, i);
            const char *const sets[] = {set, NULL};
            struct seen seen = {.stop_after = 6};
            if (train_in(directory, false, sets) != LS_OK)
                fail_msg("%s: %s", set, ls_message());
            strcat(directory, "-again");
            if (train_seen(&seen, directory, false, sets) == LS_INTERRUPTED)
                assert_ok(train_in(directory, true, sets));
            char whole[96];
            snprintf(whole, sizeof whole, "%s-%zu", kind->name, i);
            assert_same_model(whole, directory, "model.h5");
            assert_same_history(whole, directory);
        }
    }
}

/* In a program: the rate that a callback set is the optimizer's from then on. */
static void test_model_fit(void **state)
{
    (void)state;
    static float x[8] = {1, 2, 3, 4, 5, 6, 7, 8}, y[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    static const char *const layers[] = {"Input", "shape: [1]", "Dense", "units: 1", NULL};
    static const char *const optimizers[][2] = {
        {"optimizer: sgd", "optimizer.sgd.learning_rate"},
        {"optimizer: {adam: {beta_1: 0.5}}", "optimizer.adam.learning_rate"},
        {"optimizer: {class_name: SGD, config: {momentum: 0.5}}", "optimizer.learning_rate"},
        {"optimizer: {class_name: SGD}", "optimizer.config.learning_rate"},
        {"metrics: []", "optimizer.RMSprop.learning_rate"},
    };
    struct ls_data *data;
    assert_ok(ls_data_from_arrays(
        &data, &(struct ls_data_arrays){.samples = 8, .x = x, .x_size = 1, .y = y, .y_size = 1}));
    struct ls_fit fit = {.train = data};
    for (size_t i = 0; i < sizeof optimizers / sizeof *optimizers; i++) {
        struct ls_model *model = layers_model(layers, 3);
        char compile[128];
        snprintf(compile, sizeof compile, "%s, loss: mse", optimizers[i][0]);
        assert_ok(ls_model_compile(model, compile));
        fit.options =
            "epochs: 4, callbacks: [{LearningRateScheduler: {schedule: [0.5, 0.25, 0.25, 0.125]}}, "
            "{ModelCheckpoint: {filepath: 'out/{epoch}.keras'}}]";
        assert_ok(ls_model_fit(model, alone, &fit));
        assert_true(rate_of(model, optimizers[i][1]) == 0.125);
        fit.options = "epochs: 1"; /* with that rate, not the first one */
        assert_ok(ls_model_fit(model, alone, &fit));
        ls_model_free(model);
        assert_ok(ls_model_read(&model, "out/1.keras"));
        assert_true(rate_of(model, "optimizer.learning_rate") == 0.5);
        ls_model_free(model);
    }
    struct ls_model *model = layers_model(layers, 3);
    assert_ok(ls_model_compile(model, "optimizer: sgd, loss: mse"));
    fit.options = "callbacks: [{ModelCheckpoint: {save_best_only: true, monitor: loss}}]";
    assert_int_equal(ls_model_fit(model, alone, &fit), LS_BAD_INPUT);
    assert_non_null(strstr(ls_message(), "ModelCheckpoint: option 'filepath' is missing: there is "
                                         "no run directory to write a best.h5 to"));
    ls_data_free(data);
    ls_model_free(model);
}

static int start(void **state)
{
    ls_log_set(hear, NULL);
    return test_kernels(state) == 0 ? start_alone(state) : -1;
}

static int leave_quietly(void **state)
{
    ls_text_release(&heard);
    return leave_directory(state);
}
#define callback_test(function) cmocka_unit_test_setup_teardown(function, enter, leave_quietly)

int main(void)
{
    const struct CMUnitTest tests[] = {
        callback_test(test_stop_and_resume),
        callback_test(test_restored),
        callback_test(test_restored_at_the_end),
        callback_test(test_learning_rate),
        callback_test(test_terminate),
        callback_test(test_csv_files),
        callback_test(test_refused),
        callback_test(test_cannot_write),
        callback_test(test_registry),
        callback_test(test_model_fit),
    };
    return cmocka_run_group_tests(tests, start, end_alone);
}
