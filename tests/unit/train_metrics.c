/* Metrics in runs: lists in logs, in evaluations and in files; a run that is interrupted in the
 * middle of an epoch; what is refused. */
#include <math.h>

#include "reference.h"
#include "unit/train_run_test.h"

/* All kinds that can be taken of three classes, by their examples in part. */
#define METRICS                                                                                       \
    "compile.metrics=[accuracy, f1_score, AUC, Precision: {thresholds: [0.3, 0.6]}, Recall: "         \
    "{top_k: 1}, FBetaScore: {average: macro}, AUC: {multi_label: true, curve: PR, name: pr}, "       \
    "MeanIoU: {num_classes: 3, sparse_y_pred: false}, TrueNegatives, SparseTopKCategoricalAccuracy: " \
    "{k: 2}, RecallAtPrecision: {precision: 0.4}, MatthewsCorrelation, CohenKappa: {weights: "        \
    "linear}, R2Score: {class_aggregation: null}, PearsonCorrelation]"

struct stopper {
    int steps, stop_after;
    sig_atomic_t stop;
};

static void count_steps(void *user, const struct ls_run_progress *progress)
{
    struct stopper *stopper = user;
    if (!progress->epoch_done && ++stopper->steps == stopper->stop_after)
        stopper->stop = 1;
}

/* stop_after 0: to the end. */
static ls_status train_to(const char *directory, int stop_after, bool resume)
{
    static const char *const set[] = {METRICS, "checkpoint.every=1 step", NULL};
    struct stopper stopper = {.stop_after = stop_after};
    struct ls_run_observer observer = {.progress = count_steps, .user = &stopper};
    return ls_run_train(alone, &(struct ls_run_train){.run = "run.yaml",
                                                      .directory = directory,
                                                      .resume = resume,
                                                      .set = set,
                                                      .stop = &stopper.stop,
                                                      .observer = &observer});
}

/* Stopped in the middle of an epoch and gone on with, it tells what the whole run tells. */
static void test_resume(void **state)
{
    (void)state;
    assert_ok(train_to("whole", 0, false));
    for (int steps = 1; steps < 2 * STEPS; steps += 3) {
        char directory[32], history[64], *text;
        bool same;
        snprintf(directory, sizeof directory, "stopped-%d", steps);
        snprintf(history, sizeof history, "%s/history.h5", directory);
        expect_status(train_to(directory, steps, false), LS_INTERRUPTED);
        assert_ok(train_to(directory, 0, true));
        assert_ok(ls_run_diff("whole/history.h5", history, 100, &same, &text));
        if (!same)
            fail_msg("%s: %s", directory, text);
        ls_text_free(text);
    }
}

static size_t find_name(const struct ls_evaluation *evaluation, const char *name)
{
    size_t i = 0;
    while (i < evaluation->count && strcmp(evaluation->names[i], name) != 0)
        i++;
    if (i == evaluation->count)
        fail_msg("there is no %s", name);
    return i;
}

/* A list is as many numbers, each of which knows it; logs have the same names. */
static void test_lists(void **state)
{
    struct ls_evaluation evaluation;
    (void)state;
    assert_ok(train_to("run", 0, false));
    assert_ok(ls_run_evaluate(
        alone, &(struct ls_run_evaluate){.model = "run", .data = "data.h5:train", .out = "e.h5"},
        &evaluation));
    size_t f1 = find_name(&evaluation, "f1_score_0"), two = find_name(&evaluation, "precision_1");
    assert_string_equal(evaluation.names[f1 + 2], "f1_score_2");
    assert_string_equal(evaluation.names[two - 1], "precision_0");
    assert_string_equal(evaluation.lists[f1 + 2], "f1_score");
    assert_string_equal(evaluation.lists[two], "precision");
    assert_null(evaluation.lists[f1 + 3]);
    assert_null(evaluation.lists[0]);
    ls_evaluation_release(&evaluation);
    hid_t file = H5Fopen("run/history.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
    assert_true(H5Lexists(file, "/epoch/f1_score_2", H5P_DEFAULT) > 0);
    assert_true(H5Lexists(file, "/epoch/val_r2_score_0", H5P_DEFAULT) > 0);
    H5Fclose(file);
}

/* -- a model of Keras' */

/* A number, or the list's: result/NAME of the reference file. */
static double keras_value(hid_t file, const struct ls_evaluation *evaluation, size_t i)
{
    const char *list = evaluation->lists[i];
    struct reference found = reference_read(file, "result", list ? list : evaluation->names[i]);
    size_t at = list ? (size_t)atoi(evaluation->names[i] + strlen(list) + 1) : 0;
    assert_true(at < found.count);
    double value = found.value[at];
    free(found.value);
    return value;
}

/* By ls_model_evaluate, as Keras' evaluate: ls_run_evaluate has an AUC of all scores. */
static void check_evaluation(const char *path, hid_t file)
{
    struct ls_evaluation evaluation;
    struct ls_model *model;
    struct ls_data *data;
    assert_ok(ls_model_read(&model, path));
    assert_ok(ls_data_open(&data, "model-data.h5:train"));
    assert_ok(ls_model_evaluate(model, alone, data, &evaluation));
    ls_data_free(data);
    ls_model_free(model);
    assert_int_equal(evaluation.count, 1 + 2 * (22 + 1 + 1 + 2 + 2));
    for (size_t i = 0; i < evaluation.count; i++) {
        double wanted = keras_value(file, &evaluation, i);
        if (!(fabs(evaluation.values[i] - wanted) <= 1e-6 * fmax(1, fabs(wanted))))
            fail_msg("%s: %s %.9g, Keras %.9g", path, evaluation.names[i], evaluation.values[i],
                     wanted);
    }
    ls_evaluation_release(&evaluation);
}

static void write_model_data(hid_t reference)
{
    static const char *const names[] = {"x", "y", "sample_weight"};
    hid_t file = make_file("model-data.h5");
    for (size_t i = 0; i < 3; i++) {
        char path[64];
        struct reference read = reference_read(reference, "data", names[i]);
        snprintf(path, sizeof path, "/train/%s", names[i]);
        add_floats(file, path, read.value,
                   (const hsize_t[]){read.size[0], i < 2 ? read.size[1] : 0, 0});
        free(read.value);
    }
    H5Fclose(file);
}

/* Keras' file, and ours made from it. */
static void test_keras(void **state)
{
    static const char *const ends[] = {"h5", "keras"};
    hid_t file = reference_open("metrics_model_ref.h5");
    (void)state;
    write_model_data(file);
    for (size_t i = 0; i < 2; i++) {
        char theirs[1024], ours[32];
        snprintf(theirs, sizeof theirs, TEST_DIRECTORY "/reference/metrics_model.%s", ends[i]);
        snprintf(ours, sizeof ours, "ours.%s", ends[i]);
        check_evaluation(theirs, file);
        assert_ok(ls_run_export(&(struct ls_run_export){.model = theirs, .out = ours}));
        check_evaluation(ours, file);
    }
    H5Fclose(file);
}

/* -- what is refused */

static void refuse(const char *metrics, const char *wanted)
{
    char set[512];
    snprintf(set, sizeof set, "compile.metrics=[%s]", metrics);
    const char *const settings[] = {set, NULL};
    assert_fails(train_in("refused", false, settings), LS_BAD_INPUT, wanted);
}

static void test_refused(void **state)
{
    (void)state;
#define AT "--set: metrics[0]: "
    refuse("Precision: {class_id: 3}",
           AT "Precision: class_id: there is no class 3: the output has 3");
    refuse("Recall: {top_k: 4}", AT "Recall: top_k: the output has 3 classes, not 4");
    refuse("RecallAtPrecision: {precision: 0.5, class_id: 9}",
           AT "RecallAtPrecision: class_id: there is no class 9: the output has 3");
    refuse("AUC: {num_labels: 3}", AT "AUC: num_labels goes with multi_label: true alone");
    refuse("AUC: {num_labels: 2, multi_label: true}",
           AT "AUC: num_labels: the output has 3 labels, not 2");
    refuse("AUC: {label_weights: [1, 2]}", AT "AUC: label_weights: the output has 3 labels, not 2");
    refuse(
        "MeanIoU: {num_classes: 3}", AT
        "MeanIoU: sparse_y_pred: the output has 3 numbers for each target, not its class: set it to false");
    refuse("IoU: {num_classes: 3, target_class_ids: [1, 3], sparse_y_pred: false}",
           AT "IoU: target_class_ids: there is no class 3 of 3");
    refuse(
        "OneHotIoU: {num_classes: 3, target_class_ids: [0], sparse_y_pred: true}", AT
        "OneHotIoU: sparse_y_pred: the output has 3 numbers for each target, not its class: set it to false");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        trained_test(test_resume),
        trained_test(test_lists),
        trained_test(test_keras),
        trained_test(test_refused),
    };
    return cmocka_run_group_tests_name("metrics in runs", tests, start_alone, end_alone);
}
