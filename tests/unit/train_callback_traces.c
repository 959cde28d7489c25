/* What callbacks decide, against Keras: tests/reference/callbacks.py tells how its numbers were
 * made. They get the events that a training gives, on a model of one weight, which is set to the
 * number of the epoch. */
#include <dirent.h>

#include "unit/train_test.h"

#include "base/memory.h"
#include "train/callback.h"
#include "train/fit.h"

enum { BATCHES = 2, RESULTS = 3, NAMES = 2 * RESULTS + 1, FILES_TEXT = 1024 };

static struct ls_tree *reference;

/* -- a training without steps */

struct rig {
    struct ls_model *model;
    struct ls_data *data;
    struct ls_tree *compile;
    struct ls_objective *objective;
    struct ls_fit_options fit;
    struct ls_fit_job job;
    struct ls_fit_state state;
    const char *names[NAMES];
    double values[NAMES];
    struct ls_callbacks *callbacks;
    double *doubles;
};

static const char *const names[] = {"loss",     "accuracy",     "mae",
                                    "val_loss", "val_accuracy", "val_mae"};

static void make_rig(struct rig *rig, const struct ls_tree *callbacks, bool validation)
{
    static float x[4], y[4];
    static const char *const layers[] = {"Input", "shape: [1]", "Dense",
                                         "units: 1, use_bias: false", NULL};
    *rig = (struct rig){.model = layers_model(layers, 1)};
    assert_ok(ls_data_from_arrays(
        &rig->data,
        &(struct ls_data_arrays){.samples = 4, .x = x, .x_size = 1, .y = y, .y_size = 1}));
    assert_ok(ls_tree_parse_options(&rig->compile,
                                    "optimizer: {SGD: {learning_rate: 0.1}}, loss: mse, "
                                    "metrics: [accuracy, mae]"));
    assert_ok(ls_objective_create(&rig->objective, rig->model, rig->compile, rig->data));
    struct ls_tree *options = ls_tree_new(LS_TREE_MAP);
    assert_non_null(ls_tree_add_copy(options, "callbacks", callbacks));
    assert_ok(ls_options_parse(&rig->fit, &ls_fit_kind, options, NULL));
    ls_tree_free(options);
    rig->job = (struct ls_fit_job){.comm = alone,
                                   .model = rig->model,
                                   .compile = rig->compile,
                                   .validation = validation ? rig->data : NULL,
                                   .directory = ".",
                                   .fit = &rig->fit};
    memcpy(rig->names, names, sizeof names);
    rig->state = (struct ls_fit_state){.job = &rig->job,
                                       .names = rig->names,
                                       .values = rig->values,
                                       .count = validation ? 2 * RESULTS : RESULTS,
                                       .objective = rig->objective};
    assert_ok(ls_update_plan_create(&rig->state.update, rig->model,
                                    ls_tree_find(rig->compile, "optimizer"), NULL));
    assert_ok(ls_update_plan_make_slots(rig->state.update));
    assert_ok(ls_callbacks_create(&rig->callbacks, &rig->fit.callbacks, NULL));
    assert_ok(ls_callbacks_make_kept(rig->callbacks, rig->model->floats));
    assert_ok(ls_allocate(&rig->doubles, ls_callbacks_doubles(rig->callbacks) + 1, sizeof(double)));
    ls_callbacks_place(rig->callbacks, rig->doubles);
    assert_ok(ls_callbacks_check(rig->callbacks, &rig->state));
}

static void free_rig(struct rig *rig)
{
    ls_callbacks_free(rig->callbacks);
    ls_update_plan_free(rig->state.update);
    ls_release(rig->doubles);
    ls_options_release(&rig->fit, &ls_fit_kind);
    ls_objective_free(rig->objective);
    ls_tree_free(rig->compile);
    ls_data_free(rig->data);
    ls_model_free(rig->model);
}

static bool tell(struct rig *rig, enum ls_callback_event event)
{
    ls_status status = LS_OK;
    bool stop = false;
    ls_callbacks_call(rig->callbacks, event, &rig->state, &status, &stop);
    assert_ok(status);
    assert_ok(ls_callbacks_move_weights(rig->callbacks, rig->model));
    return stop;
}

/* The state of a run that is resumed: what a checkpoint holds, in callbacks that are new. */
static void resume(struct rig *rig)
{
    struct ls_callbacks *before = rig->callbacks;
    size_t count, again;
    assert_ok(ls_callbacks_end(before, &rig->state, LS_INTERRUPTED));
    assert_ok(ls_callbacks_create(&rig->callbacks, &rig->fit.callbacks, NULL));
    assert_ok(ls_callbacks_make_kept(rig->callbacks, rig->model->floats));
    ls_callbacks_place(rig->callbacks, rig->doubles);
    float *const *from = ls_callbacks_kept(before, &count);
    float *const *to = ls_callbacks_kept(rig->callbacks, &again);
    assert_int_equal(count, again);
    for (size_t i = 0; i < count; i++)
        memcpy(to[i], from[i], rig->model->floats * sizeof(float));
    ls_callbacks_free(before);
    tell(rig, LS_CALLBACK_TRAIN_BEGIN);
}

/* -- comparing */

static bool is_model(const char *name)
{
    const char *end = strrchr(name, '.');
    return end && (strcmp(end, ".h5") == 0 || strcmp(end, ".keras") == 0);
}

/* Whether the models that were written since the last call are those that Keras saved, which go. */
static void check_files(const struct ls_tree *wanted, const char *what)
{
    DIR *directory = opendir(".");
    size_t found = 0;
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory));) {
        bool saved = false;
        if (!is_model(entry->d_name))
            continue;
        for (const struct ls_tree *name = wanted->child; name; name = name->next)
            saved |= strcmp(name->text, entry->d_name) == 0;
        if (!saved)
            fail_msg("%s: Keras does not save %s", what, entry->d_name);
        found++;
        unlink(entry->d_name);
    }
    closedir(directory);
    if (found != wanted->count)
        fail_msg("%s: %zu files, Keras saves %zu", what, found, wanted->count);
}

static void check_number(double found, const struct ls_tree *wanted, const char *what)
{
    double value;
    assert_ok(ls_tree_double(wanted, &value));
    if (memcmp(&found, &value, sizeof value) != 0)
        fail_msg("%s: %.17g, expected %.17g", what, found, value);
}

static void check_csv(const struct ls_tree *wanted, const char *what)
{
    struct ls_text text;
    if (!wanted)
        return;
    assert_ok(ls_file_read_text("log.csv", &text));
    if (strcmp(text.data, wanted->text) != 0)
        fail_msg("%s: log.csv is\n%sexpected\n%s", what, text.data, wanted->text);
    ls_text_release(&text);
    unlink("log.csv");
}

/* [next rate, logged rate or null, files] */
static void check_epoch(const struct rig *rig, const struct ls_tree *wanted, const char *what)
{
    const struct ls_tree *logged = wanted->child->next;
    const char *last = rig->state.names[rig->state.count - 1];
    check_number(ls_fit_learning_rate(&rig->state), wanted->child, what);
    assert_int_equal(strcmp(last, "learning_rate") == 0, !ls_tree_is_null(logged));
    if (!ls_tree_is_null(logged))
        check_number(rig->state.values[rig->state.count - 1], logged, what);
    check_files(wanted->last, what);
}

/* -- the loop */

static void read_row(double *row, const struct ls_tree *tree)
{
    for (const struct ls_tree *value = tree->child; value; value = value->next)
        assert_ok(ls_tree_double(value, row++));
}

static void run_batches(struct rig *rig, const double *row)
{
    rig->state.count = RESULTS;
    for (int64_t batch = 0; batch < BATCHES; batch++) {
        memcpy(rig->values, row, RESULTS * sizeof *row);
        rig->values[0] *= (double)(batch + 1);
        rig->state.step = batch + 1;
        assert_false(tell(rig, LS_CALLBACK_STEP_END));
    }
}

/* Interrupted after each epoch, where `again`. */
static void run_case(const struct ls_tree *wanted, bool again)
{
    struct rig rig;
    char what[FILES_TEXT];
    struct ls_text text = {0};
    const struct ls_tree *kind = ls_tree_find(wanted, "numbers"), *end = NULL;
    const struct ls_tree *row = ls_tree_find(ls_tree_find(reference, "numbers"), kind->text)->child;
    bool validation, stop = false;
    assert_ok(ls_tree_bool(ls_tree_find(wanted, "validation"), &validation));
    ls_tree_format_json(&text, ls_tree_find(wanted, "callbacks"));
    make_rig(&rig, ls_tree_find(wanted, "callbacks"), validation);
    tell(&rig, LS_CALLBACK_TRAIN_BEGIN);
    for (const struct ls_tree *epoch = ls_tree_find(wanted, "epochs")->child; epoch;
         epoch = epoch->next, row = row->next, rig.state.epoch++) {
        double values[2 * RESULTS];
        snprintf(what, sizeof what, "%s, %s, epoch %d", text.data, kind->text,
                 (int)rig.state.epoch);
        if (stop)
            fail_msg("%s: it has stopped", what);
        read_row(values, row);
        tell(&rig, LS_CALLBACK_EPOCH_BEGIN);
        run_batches(&rig, values);
        rig.model->weights[0] = (float)rig.state.epoch;
        memcpy(rig.values, values, sizeof values);
        rig.state.count = validation ? 2 * RESULTS : RESULTS;
        stop = tell(&rig, LS_CALLBACK_EPOCH_END);
        check_epoch(&rig, epoch, what);
        end = epoch;
        if (again && !stop)
            resume(&rig);
    }
    if (!stop && row)
        fail_msg("%s: Keras stops there", what);
    assert_non_null(end);
    tell(&rig, LS_CALLBACK_FINISH);
    assert_ok(ls_callbacks_end(rig.callbacks, &rig.state, LS_OK));
    check_number(rig.model->weights[0], ls_tree_find(wanted, "weight"), what);
    check_csv(ls_tree_find(wanted, "csv"), what);
    ls_text_release(&text);
    free_rig(&rig);
}

static void run_all(bool again)
{
    size_t cases = 0;
    for (const struct ls_tree *entry = ls_tree_find(reference, "cases")->child; entry;
         entry = entry->next, cases++)
        run_case(entry, again);
    assert_in_range(cases, 500, 1000);
}

static void test_as_keras(void **state)
{
    (void)state;
    run_all(false);
}

static void test_as_keras_when_resumed(void **state)
{
    (void)state;
    run_all(true);
}

static int start(void **state)
{
    struct ls_text text;
    static const char path[] = TEST_DIRECTORY "/reference/callbacks_ref.json";
    if (start_alone(state) != 0 || ls_file_read_text(path, &text) != LS_OK)
        return -1;
    ls_status status = ls_tree_parse_json(&reference, text.data, text.length, path);
    ls_text_release(&text);
    return status == LS_OK ? 0 : -1;
}

static int end(void **state)
{
    ls_tree_free(reference);
    return end_alone(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        directory_test(test_as_keras),
        directory_test(test_as_keras_when_resumed),
    };
    return cmocka_run_group_tests(tests, start, end);
}
