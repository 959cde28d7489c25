/* Small runs in a directory, for the tests of what runs do there. */
#ifndef UNIT_TRAIN_RUN_TEST_H
#define UNIT_TRAIN_RUN_TEST_H

#include "unit/train_test.h"

enum { SAMPLES = 23, INPUTS = 4, BATCH = 5, STEPS = 5, EPOCHS = 3 }; /* a short last batch */

#define HEAD                                                                                       \
    "model:\n"                                                                                     \
    "  input: {shape: 4}\n"                                                                        \
    "  layers:\n"                                                                                  \
    "    - Normalization\n"                                                                        \
    "    - Dense: {units: 6, activation: relu, name: hidden}\n"                                    \
    "    - Dropout: {rate: 0.3}\n"                                                                 \
    "    - BatchNormalization: {momentum: 0.9}\n"                                                  \
    "    - Dense: {units: 3, activation: softmax, name: out}\n"                                    \
    "compile:\n"                                                                                   \
    "  optimizer: {Adam: {learning_rate: 0.05}}\n"                                                 \
    "  loss: sparse_categorical_crossentropy\n"                                                    \
    "  metrics: [accuracy]\n"
#define RUN                                                                                        \
    HEAD "data: {train: data.h5:train, validation: data.h5:test}\n"                                \
         "fit: {batch_size: 5, epochs: 3, seed: 7}\n"

static inline void write_split(hid_t file, const char *split, size_t samples, float shift)
{
    float x[SAMPLES * INPUTS];
    int32_t y[SAMPLES];
    char name[64];
    static const char *const names[] = {"ant", "bee", "a \"cat\", black"};
    hsize_t count = samples, three = 3;
    for (size_t i = 0; i < samples * INPUTS; i++)
        x[i] = test_number(i) + shift;
    for (size_t i = 0; i < samples; i++)
        y[i] = (int32_t)(i % 3);
    snprintf(name, sizeof name, "/%s/x", split);
    add_floats(file, name, x, (const hsize_t[]){samples, INPUTS, 0});
    snprintf(name, sizeof name, "/%s/y", split);
    hid_t id = add_numbers(
        file, name,
        &(struct numbers){H5T_NATIVE_INT32, H5T_NATIVE_INT32, y, 1, &count, H5P_DEFAULT});
    hid_t text = H5Tcopy(H5T_C_S1), space = H5Screate_simple(1, &three, NULL);
    H5Tset_size(text, H5T_VARIABLE);
    hid_t attribute = H5Acreate2(id, "class_names", text, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Awrite(attribute, text, names) >= 0);
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(text);
    H5Dclose(id);
}

static inline int enter(void **state)
{
    if (enter_directory(state) != 0)
        return -1;
    hid_t file = make_file("data.h5");
    write_split(file, "train", SAMPLES, 0);
    write_split(file, "test", 11, 0.1F);
    H5Fclose(file);
    write_text("run.yaml", RUN);
    return 0;
}
#define trained_test(function) cmocka_unit_test_setup_teardown(function, enter, leave_directory)

static inline bool there(const char *path)
{
    return access(path, F_OK) == 0;
}

static inline ls_status train_in(const char *directory, bool resume, const char *const *set)
{
    return ls_run_train(
        alone, &(struct ls_run_train){
                   .run = "run.yaml", .directory = directory, .resume = resume, .set = set});
}

static inline uint64_t hash_of(const char *path)
{
    struct ls_model *model;
    uint64_t hash;
    assert_ok(ls_model_read(&model, path));
    assert_ok(ls_model_hash(model, &hash));
    ls_model_free(model);
    return hash;
}

static inline void check_state(const char *directory, enum ls_run_state wanted)
{
    struct ls_run_status status;
    assert_ok(ls_run_status(directory, &status));
    assert_string_equal(ls_run_state_name(status.state), ls_run_state_name(wanted));
}

/* -- observing */

struct seen {
    struct ls_run_start start;
    char resumed_from[64];
    int starts, steps, epochs, checkpoints;
    int64_t last_checkpoint;
    sig_atomic_t stop;
    int stop_after; /* steps; 0: never */
    char names[256];
    double first_loss;
};

static inline void on_start(void *user, const struct ls_run_start *start)
{
    struct seen *seen = user;
    seen->start = *start;
    seen->starts++;
    snprintf(seen->resumed_from, sizeof seen->resumed_from, "%s",
             start->resumed_from ? start->resumed_from : "");
}

static inline void on_progress(void *user, const struct ls_run_progress *progress)
{
    struct seen *seen = user;
    seen->names[0] = '\0';
    for (size_t i = 0; i < progress->count; i++)
        strcat(strcat(seen->names, progress->names[i]), " ");
    if (progress->epoch_done) {
        seen->epochs++;
        return;
    }
    seen->steps++;
    if (seen->steps == seen->stop_after)
        seen->stop = 1;
}

static inline void on_checkpoint(void *user, const char *path, int64_t step)
{
    struct seen *seen = user;
    assert_true(there(path));
    seen->checkpoints++;
    seen->last_checkpoint = step;
}

static inline ls_status train_seen(struct seen *seen, const char *directory, bool resume,
                                   const char *const *set)
{
    struct ls_run_observer observer = {
        .start = on_start, .progress = on_progress, .checkpoint = on_checkpoint, .user = seen};
    return ls_run_train(alone, &(struct ls_run_train){.run = "run.yaml",
                                                      .directory = directory,
                                                      .resume = resume,
                                                      .set = set,
                                                      .stop = &seen->stop,
                                                      .observer = &observer});
}

#endif
