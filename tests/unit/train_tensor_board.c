/* TensorBoard in runs: what its files say, also of a run that was interrupted, and what is refused.
 */
#include <math.h>
#include <signal.h>
#include <sys/resource.h>

#include "unit/train_run_test.h"

#include "base/memory.h"
#include "store/h5.h"
#include "store/history.h"
#include "store/png.h"
#include "train/pictures.h"
#include "unit/events_reader.h"

#define TRAIN_PART      "/logs/train"
#define VALIDATION_PART "/logs/validation"

static struct records events; /* that were read last */

static const struct records *read_part(const char *directory, const char *part)
{
    char path[128];
    snprintf(path, sizeof path, "%s%s", directory, part);
    read_directory(&events, path);
    return &events;
}

/* Steps, tags and values; what hangs on the clock is left out. */
static void append_part(struct ls_text *text, const char *directory, const char *part)
{
    const struct records *all = read_part(directory, part);
    for (size_t i = 0; i < all->count; i++) {
        struct bytes event = all->record[i], tag = field_of(value_of(event), 1);
        struct bytes tensor = tensor_of(event), graph = field_of(event, 4);
        if (memmem(tag.data ? tag.data : (const uint8_t *)"", tag.length, "steps_per_second", 16))
            continue;
        if (tag.data)
            ls_text_append(text, "%lld %.*s %016llx\n", (long long)step_of(event), (int)tag.length,
                           (const char *)tag.data,
                           (unsigned long long)ls_hash64(tensor.data, tensor.length, 0));
        else if (graph.data)
            ls_text_append(text, "graph of %zu bytes\n", graph.length);
    }
}

static void assert_same_events(const char *one, const char *other)
{
    struct ls_text a = {0}, b = {0};
    append_part(&a, one, TRAIN_PART);
    append_part(&a, one, VALIDATION_PART);
    append_part(&b, other, TRAIN_PART);
    append_part(&b, other, VALIDATION_PART);
    if (strcmp(a.data, b.data) != 0)
        fail_msg("%s:\n%s\n%s:\n%s", one, a.data, other, b.data);
    ls_text_release(&a);
    ls_text_release(&b);
}

#define BOARD(options) "fit.callbacks=[{TensorBoard: {" options "}}]"
#define EVERYTHING                                                                                 \
    "histogram_freq: 2, update_freq: 2, write_images: true, write_steps_per_second: true, "        \
    "confusion_matrix: true"

static const char *const everything[] = {BOARD(EVERYTHING), NULL};

static int count_tag(const struct records *all, const char *tag)
{
    int count = 0;
    while (find_event(all, tag, count).data)
        count++;
    return count;
}

/* -- numbers */

static double column(const struct ls_table *table, const char *name, size_t row)
{
    for (size_t c = 0; c < table->columns; c++)
        if (strcmp(table->name[c], name) == 0)
            return table->value[row * table->columns + c];
    fail_msg("no column %s", name);
    return NAN;
}

static void assert_scalar(const struct records *all, const char *tag, int n, int64_t step,
                          double wanted)
{
    struct bytes event = find_event(all, tag, n);
    if (!event.data)
        fail_msg("no event %d of %s", n, tag);
    if (step_of(event) != step || scalar_of(event) != (float)wanted)
        fail_msg("%s: %g at %lld, expected %g at %lld", tag, (double)scalar_of(event),
                 (long long)step_of(event), wanted, (long long)step);
    assert_true(says(field_of(field_of(field_of(value_of(event), 9), 1), 1), "scalars"));
}

static double loss_of_step(const char *directory, size_t step)
{
    struct ls_h5 h5;
    double *losses, loss;
    size_t count;
    char path[128];
    snprintf(path, sizeof path, "%s/history.h5", directory);
    assert_ok(ls_h5_open(&h5, path));
    assert_ok(ls_h5_read_doubles(&h5, "/step/loss", &losses, &count));
    assert_true(step < count);
    loss = losses[step];
    ls_release(losses);
    ls_h5_close(&h5);
    return loss;
}

static void test_numbers(void **state)
{
    (void)state;
    struct ls_table epochs, steps;
    bool is_history;
    assert_ok(train_in("run", false, everything));
    assert_ok(ls_history_read("run/history.h5", &epochs, &steps, &is_history));
    const struct records *all = read_part("run", TRAIN_PART);
    for (int e = 0; e < EPOCHS; e++) {
        assert_scalar(all, "epoch_loss", e, e, column(&epochs, "loss", (size_t)e));
        assert_scalar(all, "epoch_accuracy", e, e, column(&epochs, "accuracy", (size_t)e));
        assert_scalar(all, "epoch_learning_rate", e, e, 0.05F);
    }
    assert_int_equal(count_tag(all, "epoch_loss"), EPOCHS);
    assert_int_equal(count_tag(all, "epoch_steps_per_second"), EPOCHS);
    assert_int_equal(count_tag(all, "batch_loss"), EPOCHS * STEPS / 2);
    assert_int_equal(count_tag(all, "batch_steps_per_second"), EPOCHS * STEPS / 2);
    assert_scalar(all, "batch_loss", 2, 6, loss_of_step("run", 5)); /* an epoch's first step */
    assert_int_equal(count_tag(all, "batch_accuracy"), EPOCHS * STEPS / 2);
    assert_int_equal(count_tag(all, "keras"), 1);
    assert_int_equal(count_tag(all, "sequential/hidden/kernel/histogram"), 2); /* epochs 0 and 2 */
    assert_int_equal(count_tag(all, "sequential/hidden/kernel/gradient/histogram"), 2);
    assert_int_equal(count_tag(all, "sequential/hidden/kernel/image"), 2);
    assert_int_equal(count_tag(all, "sequential/normalization/mean/histogram"), 2);
    assert_int_equal(count_tag(all, "sequential/normalization/mean/gradient/histogram"), 0);
    all = read_part("run", VALIDATION_PART);
    for (int e = 0; e < EPOCHS; e++) {
        double loss = column(&epochs, "val_loss", (size_t)e);
        assert_scalar(all, "epoch_loss", e, e, loss);
        assert_scalar(all, "evaluation_loss_vs_iterations", e, (e + 1) * STEPS, loss);
    }
    assert_int_equal(count_tag(all, "epoch_accuracy"), EPOCHS);
    assert_int_equal(count_tag(all, "epoch_learning_rate"), 0);
    assert_int_equal(count_tag(all, "confusion_matrix"), EPOCHS);
    ls_table_release(&epochs);
    ls_table_release(&steps);
}

/* What Keras has by default. */
static void test_defaults(void **state)
{
    (void)state;
    assert_ok(train_in(
        "run", false,
        (const char *const[]){"fit.callbacks=[TensorBoard]", "data.validation=null", NULL}));
    const struct records *all = read_part("run", TRAIN_PART);
    assert_int_equal(all->count, 1 + 2 + EPOCHS * 3); /* graph and config; three numbers */
    assert_false(there("run/logs/validation"));
}

/* -- histograms of gradients: with a rate of 1, what a step took off the weights */

static double edge(const struct records *all, const char *tag, size_t number)
{
    double value;
    struct bytes content = field_of(tensor_of(find_event(all, tag, 0)), 4);
    assert_int_equal(content.length, 30 * 3 * sizeof value);
    memcpy(&value, content.data + number * sizeof value, sizeof value);
    return value;
}

static void read_weights(float *weights, size_t count, const char *directory)
{
    struct ls_model *model;
    assert_ok(ls_model_read(&model, directory));
    struct ls_variable_at at = ls_model_variable(model, 0);
    assert_int_equal(ls_variable_count(at.variable), count);
    memcpy(weights, model->weights + at.variable->offset, count * sizeof *weights);
    ls_model_free(model);
}

static void test_gradients(void **state)
{
    (void)state;
    enum { WEIGHTS = INPUTS * 6 };
    float before[WEIGHTS], after[WEIGHTS], most = -INFINITY, least = INFINITY;
    const char *const one[] = {BOARD("histogram_freq: 1"), "fit.epochs=1", "fit.batch_size=23",
                               "compile.optimizer={SGD: {learning_rate: 1}}", NULL};
    const char *const none[] = {"fit.epochs=1", "fit.batch_size=23",
                                "compile.optimizer={SGD: {learning_rate: 1e-30}}", NULL};
    assert_ok(train_in("none", false, none));
    assert_ok(train_in("one", false, one));
    read_weights(before, WEIGHTS, "none");
    read_weights(after, WEIGHTS, "one");
    for (size_t i = 0; i < WEIGHTS; i++) {
        most = fmaxf(most, before[i] - after[i]);
        least = fminf(least, before[i] - after[i]);
    }
    const struct records *all = read_part("one", TRAIN_PART);
    assert_float_equal(edge(all, "sequential/hidden/kernel/gradient/histogram", 0), least, 1e-6);
    assert_float_equal(edge(all, "sequential/hidden/kernel/gradient/histogram", 30 * 3 - 2), most,
                       1e-6);
    double count = 0;
    for (size_t b = 0; b < 30; b++)
        count += edge(all, "sequential/hidden/kernel/gradient/histogram", b * 3 + 2);
    assert_true(count == WEIGHTS);
}

/* -- the confusion matrix: as the model's own predictions have it */

static void test_confusion(void **state)
{
    (void)state;
    enum { CLASSES = 3, ROWS = 11 };
    float x[ROWS * INPUTS], y[ROWS * CLASSES];
    int64_t count[CLASSES * CLASSES] = {0};
    struct ls_model *model;
    struct ls_picture picture;
    struct ls_text png = {0};
    assert_ok(train_in("run", false, (const char *const[]){everything[0], "fit.epochs=1", NULL}));
    assert_ok(ls_model_read(&model, "run"));
    for (size_t i = 0; i < ROWS * INPUTS; i++)
        x[i] = test_number(i) + 0.1F;
    assert_ok(ls_model_predict(model, x, ROWS, y));
    ls_model_free(model);
    for (size_t r = 0; r < ROWS; r++) {
        size_t best = 0;
        for (size_t c = 1; c < CLASSES; c++)
            best = y[r * CLASSES + c] > y[r * CLASSES + best] ? c : best;
        count[r % 3 * CLASSES + best]++;
    }
    assert_true(count[1] != count[CLASSES]); /* rows and columns are not the same */
    assert_ok(ls_confusion_picture(&picture, count, CLASSES));
    assert_ok(ls_png_write(&png, &picture));
    struct bytes event = find_event(read_part("run", VALIDATION_PART), "confusion_matrix", 0);
    struct bytes shown = field_at(tensor_of(event), 8, 2, NULL);
    assert_int_equal(shown.length, png.length);
    assert_memory_equal(shown.data, png.data, png.length);
    ls_release(picture.pixel);
    ls_text_release(&png);
}

/* -- interrupted */

static void test_stop_and_resume(void **state)
{
    (void)state;
    assert_ok(train_in("whole", false, everything));
    for (int k = 1; k < EPOCHS * STEPS; k += 2) {
        char directory[32];
        struct seen first = {.stop_after = k - 1, .stop = k == 1};
        snprintf(directory, sizeof directory, "stopped-%d", k);
        assert_int_equal(train_seen(&first, directory, false, everything), LS_INTERRUPTED);
        assert_ok(train_in(directory, true, everything));
        assert_same_events("whole", directory);
    }
    ls_status status = LS_INTERRUPTED;
    for (int start = 0; status == LS_INTERRUPTED; start++) {
        struct seen seen = {.stop_after = 2};
        status = train_seen(&seen, "often", start > 0, everything);
    }
    assert_ok(status);
    assert_same_events("whole", "often");
}

/* A callback that fails the training at a step: whatever came after the checkpoint goes. */
static int fail_at;
static ls_status fail_step(struct ls_custom_callback_call *call)
{
    return call->iteration == fail_at ? LS_FAILED : LS_OK;
}
static const struct ls_custom_callback failing = {.kind = {.name = "Failing"},
                                                  .on_step_end = fail_step};
static const struct ls_custom_callback *const callbacks[] = {&failing, NULL};
static const struct ls_plugin plugin = {
    .abi = LS_PLUGIN_ABI, .name = "failing", .callbacks = callbacks};

static void test_crash_and_resume(void **state)
{
    (void)state;
    const char *const crashing[] = {"fit.callbacks=[{TensorBoard: {" EVERYTHING "}}, Failing]",
                                    "checkpoint.every=4 steps", NULL};
    fail_at = -1;
    assert_ok(train_in("whole", false, crashing));
    static const int moments[] = {3, 7, 6, 11, 10, 13}; /* with a new checkpoint, and without */
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        fail_at = moments[i];
        assert_int_equal(train_in("run", i > 0, crashing), LS_FAILED);
    }
    fail_at = -1;
    assert_ok(train_in("run", true, crashing));
    assert_same_events("whole", "run");
}

/* Other callbacks than before leave what is there, and go on behind it. */
static void test_other_callbacks(void **state)
{
    (void)state;
    struct seen seen = {.stop_after = STEPS};
    const char *const sets[] = {
        "fit.callbacks=[{TensorBoard: {" EVERYTHING "}}, {EarlyStopping: {patience: 9}}]", NULL};
    assert_ok(train_in("whole", false, everything));
    assert_int_equal(train_seen(&seen, "run", false, everything), LS_INTERRUPTED);
    assert_ok(ls_run_train(
        alone, &(struct ls_run_train){.run = "run.yaml",
                                      .directory = "run",
                                      .resume = true,
                                      .set = sets,
                                      .accept = (const char *const[]){"fit.callbacks", NULL}}));
    assert_same_events("whole", "run");
}

/* A file that somebody removed: its events are gone, the graph is written anew. */
static void test_removed(void **state)
{
    (void)state;
    struct seen seen = {.stop_after = STEPS};
    assert_int_equal(train_seen(&seen, "run", false, everything), LS_INTERRUPTED);
    assert_int_equal(rename("run/logs", "elsewhere"), 0);
    assert_ok(train_in("run", true, everything));
    const struct records *all = read_part("run", TRAIN_PART);
    assert_int_equal(count_tag(all, "keras"), 1);
    assert_int_equal(count_tag(all, "epoch_loss"), EPOCHS - 1);
    assert_int_equal(count_tag(all, "batch_loss"), EPOCHS * STEPS / 2 - 3); /* it did 6 steps */
}

/* -- files that cannot be written */

static void test_cannot_write(void **state)
{
    (void)state;
    write_text("file", "");
    assert_int_equal(
        train_in("run", false, (const char *const[]){BOARD("log_dir: ../file/logs"), NULL}),
        LS_CANNOT_WRITE);
    assert_string_equal(ls_message(), "TensorBoard: cannot write 'run/../file': Not a directory");
}

/* The disk is full in the second epoch: the run fails, and goes on when there is room. */
static struct rlimit limit_before;

static void limit_at(void *user, const struct ls_run_progress *progress)
{
    if (progress->epoch == 1 && progress->step == *(int *)user) {
        struct rlimit limit = limit_before;
        limit.rlim_cur = 1 << 12; /* less than the events have */
        setrlimit(RLIMIT_FSIZE, &limit);
    }
}

static void test_full(void **state)
{
    (void)state;
    int step = 3;
    struct ls_run_observer observer = {.progress = limit_at, .user = &step};
    struct ls_run_train options = {
        .run = "run.yaml", .directory = "run", .set = everything, .observer = &observer};
    assert_ok(train_in("whole", false, everything));
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit_before), 0);
    signal(SIGXFSZ, SIG_IGN);
    ls_status status = ls_run_train(alone, &options);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit_before), 0);
    assert_int_equal(status, LS_CANNOT_WRITE);
    static const char wanted[] = "TensorBoard: cannot write 'run/logs/train/events.out.tfevents.";
    if (strncmp(ls_message(), wanted, strlen(wanted)) != 0 ||
        !strstr(ls_message(), "': File too large"))
        fail_msg("%s", ls_message());
    assert_ok(train_in("run", true, everything));
    assert_same_events("whole", "run");
    assert_int_equal(hash_of("run"), hash_of("whole"));
}

/* -- refused */

#define DATA "data: {train: data.h5:train, validation: data.h5:test}\n"

static void test_refused(void **state)
{
    (void)state;
    static const char regression[] = "model: {input: {shape: 4}, layers: [{Dense: {units: 1}}]}\n"
                                     "compile: {loss: mse}\n" DATA;
    static const char many[] = "model: {input: {shape: 4}, layers: [{Dense: {units: 300}}]}\n"
                               "compile: {loss: sparse_categorical_crossentropy}\n" DATA;
    static const struct {
        const char *options, *run, *message;
    } cases[] = {
        {"update_freq: often", NULL,
         "TensorBoard update_freq: expected epoch, batch, or a number of steps, found 'often'"},
        {"update_freq: 0", NULL, "or a number of steps, found '0'"},
        {"histogram_freq: -1", NULL, "TensorBoard histogram_freq: must be at least 0, found -1"},
        {"profile_batch: 2", NULL,
         "TensorBoard profile_batch: is 0 here: `lockstep train --profile` shows where the time "
         "goes"},
        {"profile_batch: [2, 5]", NULL,
         "TensorBoard profile_batch: expected an integer, found a list"},
        {"embeddings_freq: 1", NULL,
         "TensorBoard embeddings_freq: is 0 here: `lockstep predict --layer NAME` writes "
         "embeddings for a projector"},
        {"embeddings_metadata: a.tsv", NULL, "TensorBoard embeddings_metadata: is null here"},
        {"log_dir: model.h5", NULL, "TensorBoard log_dir: 'model.h5' is a file of the run's own"},
        {"confusion_matrix: true", HEAD "data: {train: data.h5:train}\n",
         "TensorBoard confusion_matrix: there is no validation data to count on: give "
         "data.validation or data.validation_split"},
        {"confusion_matrix: true", regression,
         "TensorBoard confusion_matrix: the model is no classifier: no output has a crossentropy "
         "as loss"},
        {"confusion_matrix: true", many,
         "TensorBoard confusion_matrix: at most 256 classes can be told apart on a picture, the "
         "model has 300: set it to false"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char set[256];
        snprintf(set, sizeof set, "fit.callbacks=[{TensorBoard: {%s}}]", cases[i].options);
        write_text("run.yaml", cases[i].run ? cases[i].run : RUN);
        ls_status status = train_in("run", false, (const char *const[]){set, NULL});
        if (status != LS_BAD_INPUT || !strstr(ls_message(), cases[i].message))
            fail_msg("%s: status %d: %s\nexpected: %s", set, status, ls_message(),
                     cases[i].message);
        if (there("run"))
            fail_msg("%s: left a run directory", set);
    }
}

/* -- pictures */

static const uint8_t *pixel(const struct ls_picture *picture, size_t x, size_t y)
{
    return picture->pixel + (y * picture->width + x) * picture->channels;
}

static void test_confusion_picture(void **state)
{
    (void)state;
    enum { EDGE = 40, FIELD = 56 };
    static const uint8_t white[] = {255, 255, 255}, blue[] = {8, 48, 107}, half[] = {132, 152, 181};
    struct ls_picture picture;
    const int64_t two[] = {9, 0, 11, 11};
    assert_ok(ls_confusion_picture(&picture, two, 2));
    assert_int_equal(picture.width, EDGE + 2 * FIELD);
    assert_int_equal(picture.height, EDGE + 2 * FIELD);
    assert_int_equal(picture.channels, 3);
    assert_memory_equal(pixel(&picture, EDGE + 2, EDGE + 2), blue, 3);
    assert_memory_equal(pixel(&picture, EDGE + FIELD + 2, EDGE + 2), white, 3);
    assert_memory_equal(pixel(&picture, EDGE + 2, EDGE + FIELD + 2), half, 3);
    assert_memory_equal(pixel(&picture, EDGE + FIELD + 2, EDGE + FIELD + 2), half, 3);
    /* the digit 9, white on blue, of dots of 2 by 2: a hole in its upper half */
    size_t x = EDGE + (FIELD - 6) / 2, y = EDGE + (FIELD - 10) / 2;
    assert_memory_equal(pixel(&picture, x, y), white, 3);
    assert_memory_equal(pixel(&picture, x + 2, y + 2), blue, 3);
    assert_memory_equal(pixel(&picture, x + 5, y + 9), white, 3);
    assert_memory_equal(pixel(&picture, x + 6, y + 9), blue, 3);
    ls_release(picture.pixel);
    int64_t *many = NULL; /* the largest, of a class that nothing is of */
    assert_ok(ls_allocate(&many, (size_t)256 * 256, sizeof *many));
    many[255] = 1000000000000000;
    assert_ok(ls_confusion_picture(&picture, many, 256));
    assert_int_equal(picture.width, EDGE + 4 * 256);
    assert_memory_equal(pixel(&picture, picture.width - 4, EDGE), blue, 3);
    ls_release(picture.pixel);
    ls_release(many);
}

static int start(void **state)
{
    return start_alone(state) == 0 && ls_plugin_register(&plugin) == LS_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_numbers, enter, leave_directory),
        cmocka_unit_test_setup_teardown(test_defaults, enter, leave_directory),
        cmocka_unit_test_setup_teardown(test_gradients, enter, leave_directory),
        cmocka_unit_test_setup_teardown(test_confusion, enter, leave_directory),
        cmocka_unit_test_setup_teardown(test_stop_and_resume, enter, leave_directory),
        cmocka_unit_test_setup_teardown(test_crash_and_resume, enter, leave_directory),
        cmocka_unit_test_setup_teardown(test_other_callbacks, enter, leave_directory),
        cmocka_unit_test_setup_teardown(test_removed, enter, leave_directory),
        cmocka_unit_test_setup_teardown(test_cannot_write, enter, leave_directory),
        cmocka_unit_test_setup_teardown(test_full, enter, leave_directory),
        cmocka_unit_test_setup_teardown(test_refused, enter, leave_directory),
        directory_test(test_confusion_picture),
    };
    return cmocka_run_group_tests(tests, start, end_alone);
}
