/* A model with an output for every loss, compiled by Keras with the losses' options and with
 * metrics that are means of losses (tests/reference/all_losses.py): what evaluation gives, and the
 * weights after three steps with sample weights, are Keras' numbers; so they are after a file of
 * ours. */
#include <math.h>

#include "unit/train_test.h"

#include "reference.h"

#define MODEL TEST_DIRECTORY "/reference/all_losses"

static struct ls_data *open_samples(void)
{
    struct ls_data *data;
    assert_ok(ls_data_open(&data, MODEL "_ref.h5:train"));
    return data;
}

static void assert_number(const char *file, const char *what, double found, double wanted)
{
    if (!(fabs(found - wanted) <= 1e-5 * (1 + fabs(wanted))))
        fail_msg("%s: %s is %.9g, Keras' %.9g", file, what, found, wanted);
}

static float wanted_result(hid_t file, const char *name)
{
    float value;
    hid_t attribute = H5Aopen_by_name(file, "/evaluate", name, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute < 0)
        fail_msg("Keras has no result '%s'", name);
    assert_true(H5Aread(attribute, H5T_NATIVE_FLOAT, &value) >= 0);
    H5Aclose(attribute);
    return value;
}

static void check_evaluation(struct ls_model *model, const char *path)
{
    struct ls_data *data = open_samples();
    struct ls_evaluation found;
    assert_ok(ls_model_evaluate(model, alone, data, &found));
    ls_data_free(data);
    hid_t file = reference_open("all_losses_ref.h5");
    assert_int_equal(found.count, 1 + 20 + 20);
    for (size_t i = 0; i < found.count; i++)
        assert_number(path, found.names[i], found.values[i],
                      (double)wanted_result(file, found.names[i]));
    ls_evaluation_release(&found);
    H5Fclose(file);
}

static void check_weights(const struct ls_model *model, const char *path)
{
    hid_t file = reference_open("all_losses_ref.h5");
    size_t n = 0;
    for (size_t l = 0; l < model->layers; l++)
        for (size_t v = 0; v < model->layer[l]->variables; v++) {
            const struct ls_variable *variable = &model->layer[l]->variable[v];
            char number[16];
            snprintf(number, sizeof number, "%zu", n++);
            struct reference wanted = reference_read(file, "after", number);
            assert_int_equal(wanted.count, ls_variable_count(variable));
            for (size_t i = 0; i < wanted.count; i++) {
                float mine = model->weights[variable->offset + i];
                if (fabsf(mine - wanted.value[i]) > 2e-6F * (1 + fabsf(wanted.value[i])))
                    fail_msg("%s: %s of %s [%zu] is %.9g, Keras' %.9g", path, variable->name,
                             model->layer[l]->name, i, mine, wanted.value[i]);
            }
            free(wanted.value);
        }
    assert_int_equal(n, 40);
    H5Fclose(file);
}

static void check_file(const char *path)
{
    struct ls_model *model;
    assert_ok(ls_model_read(&model, path));
    check_evaluation(model, path);
    struct ls_data *data = open_samples();
    assert_ok(ls_model_fit(
        model, alone,
        &(struct ls_fit){.options = "batch_size: 12, epochs: 3, shuffle: false", .train = data}));
    ls_data_free(data);
    check_weights(model, path);
    ls_model_free(model);
}

static void test_files_of_keras(void **state)
{
    (void)state;
    check_file(MODEL ".keras");
    check_file(MODEL ".h5");
}

static void test_files_of_ours(void **state)
{
    static const char *const files[] = {"a.h5", "a.keras", NULL};
    (void)state;
    for (size_t i = 0; files[i]; i++) {
        struct ls_model *model;
        assert_ok(ls_model_read(&model, MODEL ".keras"));
        assert_ok(ls_model_save(model, files[i]));
        ls_model_free(model);
        check_file(files[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        directory_test(test_files_of_keras),
        directory_test(test_files_of_ours),
    };
    return cmocka_run_group_tests(tests, start_alone, end_alone);
}
