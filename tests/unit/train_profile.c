/* Profiles of runs: every part has a row, the parts are the step, and the run is as without. */
#include "unit/train_run_test.h"

#include <math.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "store/h5_profile.h"
#include "store/history.h"

/* A shared layer, masks and with them a point where replicas meet. */
#define SHARED                                                                                     \
    "model:\n"                                                                                     \
    "  inputs: {x: {shape: 4}}\n"                                                                  \
    "  layers:\n"                                                                                  \
    "    - Reshape: {target_shape: [2, 2]}\n"                                                      \
    "    - Masking: {mask_value: 9, name: skip}\n"                                                 \
    "    - Dense: {units: 2, name: twice}\n"                                                       \
    "    - apply: twice\n"                                                                         \
    "      as: again\n"                                                                            \
    "    - Flatten\n"                                                                              \
    "    - Dense: {units: 3, name: out}\n"                                                         \
    "compile: {optimizer: sgd, loss: {SparseCategoricalCrossentropy: {from_logits: true}}}\n"      \
    "data: {train: data.h5:train}\n"                                                               \
    "fit: {batch_size: 5, epochs: 2, seed: 7}\n"

enum { ROWS_MAX = 32 };

struct told {
    struct ls_run_profile profile;
    struct ls_run_profile_row rows[ROWS_MAX];
    char names[ROWS_MAX][64];
    int times;
};

static void on_profile(void *user, const struct ls_run_profile *profile)
{
    struct told *told = user;
    told->times++;
    told->profile = *profile;
    assert_in_range(profile->count, 1, ROWS_MAX);
    for (size_t i = 0; i < profile->count; i++) {
        told->rows[i] = profile->rows[i];
        snprintf(told->names[i], sizeof told->names[i], "%s", profile->rows[i].name);
    }
}

static ls_status train_profiled(struct told *told, const char *directory, int64_t replicas,
                                const char *const *set)
{
    const struct ls_run_observer observer = {.profile = on_profile, .user = told};
    *told = (struct told){0};
    return ls_run_train(alone, &(struct ls_run_train){.run = "run.yaml",
                                                      .directory = directory,
                                                      .profile = true,
                                                      .replicas = replicas,
                                                      .set = set,
                                                      .observer = &observer});
}

static const struct ls_run_profile_row *row(const struct told *told, const char *name)
{
    for (size_t i = 0; i < told->profile.count; i++)
        if (strcmp(told->names[i], name) == 0)
            return &told->rows[i];
    fail_msg("there is no row '%s'", name);
    return NULL;
}

/* Rounding apart, nothing is counted twice or left out. */
static void check_sums(const struct told *told)
{
    double seconds = 0, share = 0;
    for (size_t i = 0; i < told->profile.count; i++) {
        const struct ls_run_profile_row *one = &told->rows[i];
        if (one->seconds < 0 || one->forward_seconds < 0 || one->backward_seconds < 0)
            fail_msg("%s: %g, %g, %g seconds", told->names[i], one->seconds, one->forward_seconds,
                     one->backward_seconds);
        if (one->kind && one->seconds != one->forward_seconds + one->backward_seconds &&
            fabs(one->seconds - one->forward_seconds - one->backward_seconds) > 1e-12)
            fail_msg("%s: %g is not %g + %g", told->names[i], one->seconds, one->forward_seconds,
                     one->backward_seconds);
        seconds += one->seconds;
        share += one->share;
    }
    if (fabs(seconds - told->profile.step_seconds) > 1e-12 || fabs(share - 1) > 1e-9)
        fail_msg("rows: %.17g s, a step: %.17g s; shares: %.17g", seconds,
                 told->profile.step_seconds, share);
    assert_true(told->profile.peak_gflops > 0);
}

static void check_near(double found, double wanted)
{
    if (fabs(found - wanted) > 1e-9 * wanted)
        fail_msg("expected %.17g, found %.17g", wanted, found);
}

/* The first step is not counted: 14 of 15, with 64 of 69 samples. */
static void test_rows(void **state)
{
    (void)state;
    struct told told;
    const double rows = (double)(EPOCHS * SAMPLES - BATCH) / (EPOCHS * STEPS - 1);
    double began = ls_seconds();
    assert_ok(train_profiled(&told, "run", 0, NULL));
    double took = ls_seconds() - began;
    assert_int_equal(told.times, 1);
    assert_int_equal(told.profile.steps, EPOCHS * STEPS - 1);
    assert_true(told.profile.step_seconds > 0);
    assert_true(told.profile.step_seconds * (EPOCHS * STEPS - 1) < took);
    check_sums(&told);
    static const char *const names[] = {"normalization",
                                        "hidden",
                                        "dropout",
                                        "batch_normalization",
                                        "out",
                                        "loss",
                                        "combine: waiting",
                                        "combine: adding",
                                        "combine: between nodes",
                                        "optimizer",
                                        "data",
                                        "rest of the step",
                                        "between steps"};
    assert_int_equal(told.profile.count, sizeof names / sizeof *names);
    for (size_t i = 0; i < told.profile.count; i++)
        assert_string_equal(told.names[i], names[i]);
    assert_string_equal(row(&told, "hidden")->kind, "Dense");
    assert_null(row(&told, "loss")->kind);
    check_near(row(&told, "hidden")->forward_flops, 2 * 4 * 6 * rows);
    check_near(row(&told, "hidden")->backward_flops, 2 * 4 * 6 * rows); /* of its kernel alone */
    check_near(row(&told, "out")->forward_flops, 2 * 6 * 3 * rows);
    check_near(row(&told, "out")->backward_flops, 2 * 2 * 6 * 3 * rows);
    assert_true(row(&told, "dropout")->forward_flops == 0);
    static const char *const busy[] = {"hidden", "out", "loss", "optimizer", "data"};
    for (size_t i = 0; i < sizeof busy / sizeof *busy; i++)
        if (!(row(&told, busy[i])->seconds > 0))
            fail_msg("%s took no time", busy[i]);
    assert_true(row(&told, "combine: waiting")->seconds == 0); /* alone */
}

static void test_one_step(void **state)
{
    (void)state;
    struct told told;
    assert_ok(train_profiled(&told, "run", 0,
                             (const char *const[]){"fit.batch_size=23", "fit.epochs=1", NULL}));
    assert_int_equal(told.profile.steps, 1);
    check_near(row(&told, "hidden")->forward_flops, 2 * 4 * 6 * SAMPLES);
    assert_true(row(&told, "between steps")->seconds == 0);
    check_sums(&told);
}

static void test_shared_layer_and_points(void **state)
{
    (void)state;
    struct told told;
    const double rows = (double)(2 * SAMPLES - BATCH) / (2 * STEPS - 1);
    write_text("run.yaml", SHARED);
    for (int64_t replicas = 1; replicas <= 7; replicas += 3) {
        char directory[16];
        snprintf(directory, sizeof directory, "run-%d", (int)replicas);
        assert_ok(train_profiled(&told, directory, replicas, NULL));
        check_sums(&told);
        assert_int_equal(told.profile.steps, 2 * STEPS - 1);
        check_near(row(&told, "twice#1")->forward_flops, 2 * 4 * 2 * rows);
        check_near(row(&told, "twice#1")->backward_flops, 2 * 4 * 2 * rows);
        check_near(row(&told, "twice#2")->backward_flops, 2 * 2 * 4 * 2 * rows);
        assert_true(row(&told, "skip")->forward_seconds > 0);
        assert_true(row(&told, "combine: adding")->seconds > 0);
    }
}

/* Rows of what the user did not write say what they are for. */
static void test_masks_of_merges(void **state)
{
    (void)state;
    struct told told;
    write_text("run.yaml", "model:\n"
                           "  inputs: {x: {shape: 4}}\n"
                           "  layers:\n"
                           "    - Reshape: {target_shape: [2, 2]}\n"
                           "    - Masking: {mask_value: 9, name: skip}\n"
                           "    - Dense: {units: 2, name: left}\n"
                           "    - Add: {name: both}\n"
                           "      from: [left, skip]\n"
                           "      as: once\n"
                           "    - apply: both\n"
                           "      from: [once, left]\n"
                           "      as: again\n"
                           "    - GlobalAveragePooling1D\n"
                           "    - Dense: {units: 3, name: out}\n"
                           "compile: {optimizer: sgd,\n"
                           "  loss: {SparseCategoricalCrossentropy: {from_logits: true}}}\n"
                           "data: {train: data.h5:train}\n"
                           "fit: {batch_size: 5, epochs: 1}\n");
    assert_ok(train_profiled(&told, "run", 0, NULL));
    assert_string_equal(row(&told, "mask of both")->kind, "Maximum");
    assert_string_equal(row(&told, "mask of both#2")->kind, "Maximum");
    assert_string_equal(row(&told, "both#2")->kind, "Add");
}

/* The same weights, the same run: it goes on with or without. */
static void test_changes_nothing(void **state)
{
    (void)state;
    struct told told;
    bool same;
    char *text;
    assert_ok(train_profiled(&told, "profiled", 3, NULL));
    assert_ok(ls_run_train(
        alone, &(struct ls_run_train){.run = "run.yaml", .directory = "plain", .replicas = 3}));
    assert_int_equal(hash_of("profiled"), hash_of("plain"));
    assert_ok(ls_run_diff("profiled", "plain", 10, &same, &text));
    if (!same)
        fail_msg("%s", text);
    ls_text_free(text);
    assert_ok(train_in("profiled", true, (const char *const[]){"fit.epochs=4", NULL}));
}

static void test_nothing_to_train(void **state)
{
    (void)state;
    struct told told;
    assert_ok(train_profiled(&told, "run", 0, (const char *const[]){"fit.epochs=0", NULL}));
    assert_int_equal(told.times, 0);
}

/* -- history.h5 */

static void check_texts(hid_t file, const char *name, const char *const *wanted, size_t count)
{
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT), type = H5Dget_type(dataset);
    hid_t space = H5Dget_space(dataset);
    size_t width = H5Tget_size(type);
    char *texts = calloc(count, width + 1), *text = calloc(1, width + 1);
    assert_int_equal(H5Sget_simple_extent_npoints(space), count);
    assert_true(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, texts) >= 0);
    for (size_t i = 0; i < count; i++) {
        memcpy(text, texts + i * width, width);
        assert_string_equal(text, wanted[i]);
    }
    free(texts);
    free(text);
    H5Sclose(space);
    H5Tclose(type);
    H5Dclose(dataset);
}

static void test_history(void **state)
{
    (void)state;
    struct told told;
    struct ls_h5 h5;
    double *seconds, *rates, number;
    size_t count;
    assert_ok(train_profiled(&told, "run", 0, NULL));
    const char *names[ROWS_MAX], *classes[ROWS_MAX];
    for (size_t i = 0; i < told.profile.count; i++) {
        names[i] = told.names[i];
        classes[i] = told.rows[i].kind ? told.rows[i].kind : "";
    }
    hid_t file = H5Fopen("run/history.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
    check_texts(file, "/profile/name", names, told.profile.count);
    check_texts(file, "/profile/class", classes, told.profile.count);
    H5Fclose(file);
    assert_ok(ls_h5_open(&h5, "run/history.h5"));
    assert_ok(ls_h5_read_number(&h5, "/profile/steps", &number));
    assert_true(number == (double)told.profile.steps);
    assert_ok(ls_h5_read_number(&h5, "/profile/step_seconds", &number));
    assert_true(number == told.profile.step_seconds);
    assert_ok(ls_h5_read_doubles(&h5, "/profile/seconds", &seconds, &count));
    assert_int_equal(count, told.profile.count);
    assert_ok(ls_h5_read_doubles(&h5, "/profile/forward_gflops", &rates, &count));
    for (size_t i = 0; i < count; i++) {
        const struct ls_run_profile_row *one = &told.rows[i];
        double rate = one->forward_flops / one->forward_seconds * 1e-9;
        assert_true(seconds[i] == one->seconds);
        if (one->forward_flops > 0 ? rates[i] != rate : !isnan(rates[i]))
            fail_msg("%s: %g GFLOPS, expected %g", told.names[i], rates[i], rate);
    }
    ls_release(seconds);
    ls_release(rates);
    ls_h5_close(&h5);
}

static double number_in(const char *path, const char *object)
{
    struct ls_h5 h5;
    double number;
    assert_ok(ls_h5_open(&h5, path));
    assert_ok(ls_h5_read_number(&h5, object, &number));
    ls_h5_close(&h5);
    return number;
}

static size_t epochs_in(const char *path)
{
    struct ls_table epochs, steps;
    bool is_history;
    assert_ok(ls_history_read(path, &epochs, &steps, &is_history));
    size_t rows = epochs.rows;
    ls_table_release(&epochs);
    ls_table_release(&steps);
    return rows;
}

static void compare_profiles(const char *path, const char *other)
{
    struct ls_h5 h5[2];
    struct ls_h5_profile p[2];
    assert_ok(ls_h5_open(&h5[0], path));
    assert_ok(ls_h5_open(&h5[1], other));
    for (int i = 0; i < 2; i++)
        assert_ok(ls_h5_read_profile(&h5[i], &p[i]));
    assert_int_equal(p[0].names.count, p[1].names.count);
    assert_true(p[0].peak_gflops == p[1].peak_gflops && p[0].step_seconds == p[1].step_seconds);
    for (size_t i = 0; i < p[0].names.count; i++) {
        assert_string_equal(p[0].names.text[i], p[1].names.text[i]);
        assert_string_equal(p[0].classes.text[i], p[1].classes.text[i]);
        for (size_t c = 0; c < LS_H5_PROFILE_COLUMNS; c++) /* NaN too */
            assert_memory_equal(&p[0].column[c][i], &p[1].column[c][i], sizeof(double));
    }
    for (int i = 0; i < 2; i++) {
        ls_h5_profile_release(&p[i]);
        ls_h5_close(&h5[i]);
    }
}

static char warning[2048];

static void keep_warning(void *user, enum ls_log_level level, const char *line)
{
    (void)user;
    if (level == LS_LOG_WARNING)
        snprintf(warning, sizeof warning, "%s", line);
}

static ls_status resume(bool profile, const char *epochs, const struct ls_run_observer *observer)
{
    return ls_run_train(alone, &(struct ls_run_train){.run = "run",
                                                      .resume = true,
                                                      .profile = profile,
                                                      .set = (const char *const[]){epochs, NULL},
                                                      .observer = observer});
}

/* Later starts keep it, those that go on and those that have nothing to do, until one has another;
 * a history that cannot be read costs it, with a warning. */
static void test_history_keeps_it(void **state)
{
    (void)state;
    struct told told;
    assert_ok(train_profiled(&told, "run", 0, NULL));
    assert_int_equal(rename("run/history.h5", "first.h5"), 0);
    assert_int_equal(link("first.h5", "run/history.h5"), 0);
    assert_ok(resume(false, "fit.epochs=4", NULL));
    assert_int_equal(epochs_in("run/history.h5"), 4);
    compare_profiles("run/history.h5", "first.h5");
    assert_ok(resume(true, "fit.epochs=4", NULL)); /* no step, no profile */
    compare_profiles("run/history.h5", "first.h5");
    assert_ok(resume(true, "fit.epochs=5", NULL));
    assert_true(number_in("run/history.h5", "/profile/steps") == STEPS - 1);
    write_text("run/history.h5", "no history");
    ls_log_set(keep_warning, NULL);
    assert_ok(resume(false, "fit.epochs=6", NULL));
    ls_log_set(NULL, NULL);
    assert_non_null(strstr(warning, "run/history.h5: "));
    assert_non_null(strstr(warning, ": the profile in it is lost, the next one takes its place"));
    assert_int_equal(epochs_in("run/history.h5"), 6);
}

struct fault {
    int64_t epoch; /* the last one */
    long allocation;
};

static void fail_at_the_end(void *user, const struct ls_run_progress *progress)
{
    const struct fault *fault = user;
    if (progress->epoch_done && progress->epoch + 1 >= fault->epoch)
        ls_memory_fail_at(fault->allocation);
}

/* Memory that is not there for the profile costs it alone. Its allocations are more than the steps
 * in which the failure moves, so that one of these meets it. */
static void test_history_without_it(void **state)
{
    (void)state;
    struct fault fault = {EPOCHS, 0};
    const struct ls_run_observer observer = {.progress = fail_at_the_end, .user = &fault};
    bool met = false;
    ls_log_set(keep_warning, NULL);
    for (int i = 1; !met; i++) {
        char path[64];
        assert_in_range(i, 1, 100);
        fault.allocation = 20 * i;
        *warning = '\0';
        snprintf(path, sizeof path, "run-%d", i);
        ls_status status = ls_run_train(alone, &(struct ls_run_train){.run = "run.yaml",
                                                                      .directory = path,
                                                                      .profile = true,
                                                                      .observer = &observer});
        ls_memory_fail_at(0);
        met = strncmp(warning, "there is no profile of this start: out of memory", 48) == 0;
        snprintf(path, sizeof path, "run-%d/history.h5", i);
        if (met) {
            assert_ok(status);
            assert_int_equal(epochs_in(path), EPOCHS);
        }
    }
    ls_log_set(NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        trained_test(test_rows),
        trained_test(test_one_step),
        trained_test(test_shared_layer_and_points),
        trained_test(test_masks_of_merges),
        trained_test(test_changes_nothing),
        trained_test(test_nothing_to_train),
        trained_test(test_history),
        trained_test(test_history_keeps_it),
        trained_test(test_history_without_it),
    };
    return cmocka_run_group_tests_name("profiles", tests, start_alone, end_alone);
}
