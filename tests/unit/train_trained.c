/* Training that goes on where Keras stopped (tests/reference/trained.py): 3 steps here give the
 * weights that Keras had after 3 steps more; and where a training here stopped. */
#include <math.h>
#include <unistd.h>

#include "unit/train_test.h"

#include "store/checkpoint.h"
#include "train/open_model.h"

#define REFERENCE TEST_DIRECTORY "/reference/"

static void copy_path(char path[512], const char *name, const char *ending)
{
    snprintf(path, 512, REFERENCE "%s%s", name, ending);
}

static struct ls_data *samples_of(const char *name)
{
    char path[512];
    struct ls_data *data;
    copy_path(path, name, "_ref.h5:train");
    assert_ok(ls_data_open(&data, path));
    return data;
}

static ls_status three_steps(struct ls_model *model, struct ls_data *data)
{
    return ls_model_fit(
        model, alone,
        &(struct ls_fit){.options = "batch_size: 12, epochs: 3, shuffle: false", .train = data});
}

/* The weights, in Keras' order, against /after/0, ... within 1e-5 of each one's largest. */
static void assert_after(const struct ls_model *model, const char *name, const char *what)
{
    char path[512];
    size_t n = 0;
    copy_path(path, name, "_ref.h5");
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    assert_true(file >= 0);
    for (size_t l = 0; l < model->layers; l++)
        for (size_t v = 0; v < model->layer[l]->variables; v++, n++) {
            const struct ls_variable *variable = &model->layer[l]->variable[v];
            float expected[32], largest = 0, apart = 0;
            char object[32];
            snprintf(object, sizeof object, "/after/%zu", n);
            hid_t set = H5Dopen2(file, object, H5P_DEFAULT);
            assert_true(H5Dread(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, expected) >=
                        0);
            H5Dclose(set);
            for (size_t i = 0; i < ls_variable_count(variable); i++) {
                largest = fmaxf(largest, fabsf(expected[i]));
                apart = fmaxf(apart, fabsf(expected[i] - model->weights[variable->offset + i]));
            }
            if (!(apart <= 1e-5F * largest))
                fail_msg("%s: %s of %s: %.3g apart from Keras' of up to %.3g", what, variable->name,
                         model->layer[l]->name, apart, largest);
        }
    assert_true(H5Lexists(file, "/after/5", H5P_DEFAULT) > 0 && n >= 6);
    H5Fclose(file);
}

static const char *const names[] = {
    "trained_adam",      "trained_nadam",    "trained_adamw",      "trained_adamax",
    "trained_adagrad",   "trained_adadelta", "trained_ftrl",       "trained_lion",
    "trained_lamb",      "trained_muon",     "trained_common",     "trained_held",
    "trained_held_mean", "trained_sgd",      "trained_rmsprop",    "trained_nested",
    "trained_heads",     "keras2_adam",      "keras2_sgd",         "keras2_rmsprop",
    "keras2_old_adam",   "keras2_old_sgd",   "keras2_old_rmsprop", NULL};

static void test_goes_on_where_keras_stopped(void **state)
{
    (void)state;
    for (size_t i = 0; names[i]; i++)
        for (int archive = 0; archive < 2; archive++) {
            char path[512];
            struct ls_model *model;
            copy_path(path, names[i], archive ? ".keras" : ".h5");
            if (access(path, F_OK) != 0)
                continue;
            struct ls_data *data = samples_of(names[i]);
            assert_ok(ls_model_read(&model, path));
            assert_ok(three_steps(model, data));
            assert_after(model, names[i], path);
            assert_int_equal(model->trained->iteration, 7);
            ls_model_free(model);
            ls_data_free(data);
        }
}

/* 3 steps, a file, 3 steps: as 6. */
static void test_goes_on_from_files_of_ours(void **state)
{
    (void)state;
    static const char *const files[] = {"a.keras", "a.h5", NULL};
    struct ls_data *data = samples_of("trained_rmsprop");
    struct ls_model *model, *whole;
    uint64_t expected, hash;
    assert_ok(ls_model_read(&whole, REFERENCE "trained_rmsprop.keras"));
    assert_ok(three_steps(whole, data));
    assert_ok(three_steps(whole, data));
    assert_ok(ls_model_hash(whole, &expected));
    ls_model_free(whole);
    for (size_t i = 0; files[i]; i++) {
        assert_ok(ls_model_read(&model, REFERENCE "trained_rmsprop.keras"));
        assert_ok(three_steps(model, data));
        assert_ok(ls_model_save(model, files[i]));
        ls_model_free(model);
        assert_ok(ls_model_read(&model, files[i]));
        assert_int_equal(model->trained->iteration, 7);
        assert_ok(three_steps(model, data));
        assert_ok(ls_model_hash(model, &hash));
        assert_true(hash == expected);
        ls_model_free(model);
    }
    ls_data_free(data);
}

static void test_compiling_begins_anew(void **state)
{
    (void)state;
    struct ls_data *data = samples_of("trained_adafactor");
    struct ls_model *model;
    assert_ok(ls_model_read(&model, REFERENCE "trained_adafactor.keras"));
    assert_fails(
        three_steps(model, data), LS_BAD_INPUT,
        "optimizer: unknown optimizer 'Adafactor' (known: SGD, Adam, RMSprop, AdamW, Adamax, Nadam, Adagrad, Adadelta, Ftrl, Lion, Lamb, LARS, Muon)");
    assert_ok(ls_model_compile(model, "optimizer: adam, loss: mse"));
    assert_ok(three_steps(model, data));
    assert_int_equal(model->trained->iteration, 3);
    ls_model_free(model);
    ls_data_free(data);
}

static void test_what_was_refused_is_told_by_training(void **state)
{
    (void)state;
    struct ls_data *data = samples_of("trained_sgd");
    struct ls_model *model;
    assert_ok(ls_model_read(&model, REFERENCE "trained_sgd.keras"));
    ls_release(model->trained->slot_name[0]);
    assert_ok(ls_duplicate(&model->trained->slot_name[0], "other"));
    assert_fails(three_steps(model, data), LS_BAD_INPUT,
                 "the model's optimizer has no slot 'momentum'");
    assert_ok(ls_duplicate(&model->trained->refused, "why not"));
    assert_fails(three_steps(model, data), LS_BAD_INPUT, "why not");
    ls_model_free(model);
    ls_data_free(data);
}

static void test_json_and_other_endings(void **state)
{
    (void)state;
    struct ls_model *model, *back;
    assert_ok(ls_model_create(&model, NULL));
    assert_ok(ls_layer_add(model, "Input", "shape: 2"));
    assert_ok(ls_layer_add(model, "Dense", "units: 3"));
    assert_fails(ls_model_save(model, "a.keras"), LS_USAGE,
                 "the model has no weights yet: train it, or set them");
    assert_fails(ls_model_save(model, "a.bin"), LS_USAGE,
                 "'a.bin': expected a name that ends in .keras, .h5 or .json");
    assert_ok(ls_model_save(model, "a.json"));
    assert_ok(ls_model_read(&back, "a.json"));
    assert_int_equal(ls_model_output_size(back, 0), 3);
    ls_model_free(back);
    ls_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        directory_test(test_goes_on_where_keras_stopped),
        directory_test(test_goes_on_from_files_of_ours),
        directory_test(test_compiling_begins_anew),
        directory_test(test_what_was_refused_is_told_by_training),
        directory_test(test_json_and_other_endings),
    };
    return cmocka_run_group_tests(tests, start_alone, end_alone);
}
