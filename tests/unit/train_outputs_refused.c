/* Several outputs: what of `compile` and of the data is refused, and how columns are bound. */
#include <math.h>

#include "unit/train_outputs.h"

#include "train/objective_inside.h"

/* -- what is refused */

static void refuse(const char *compile, const struct ls_data_array *array, size_t count,
                   const char *wanted)
{
    struct ls_evaluation evaluation;
    struct ls_data *data;
    struct ls_model *model = model_of(MODEL, compile);
    assert_ok(ls_data_from_columns(&data, SAMPLES_HERE, array, count));
    assert_fails(ls_model_evaluate(model, alone, data, &evaluation), LS_BAD_INPUT, wanted);
    ls_model_free(model);
    ls_data_free(data);
}

static void test_refused_compile(void **state)
{
    (void)state;
    static const struct {
        const char *compile, *wanted;
    } refused[] = {
        {"loss: {price: mse, kinds: mse}", "loss: unknown output 'kinds' (did you mean 'kind'?)"},
        {"loss: [mse]",
         "loss: expected a list of 2, an entry for each output (price, kind), found 1"},
        {"loss: [null, null]", "loss: `compile` names no loss"},
        {"loss: {}", "loss: `compile` names no loss"},
        {"loss: [mse, mse], loss_weights: 2",
         "loss_weights: expected a map by output or a list with a number for each output"},
        {"loss: mse, loss_weights: [2]",
         "loss_weights: expected a list of 2, an entry for each output (price, kind), found 1"},
        {"loss: mse, loss_weights: {prices: 2}",
         "loss_weights: unknown output 'prices' (did you mean 'price'?)"},
        {"loss: mse, loss_weights: {price: much}",
         "loss_weights price: expected a number, found 'much'"},
        {"loss: mse, metrics: [mae, mse, mae]",
         "metrics: expected a list of 2, an entry for each output (price, kind), found 3"},
        {"loss: mse, metrics: mae",
         "metrics: expected a map by output or a list with an entry for each output"},
        {"loss: mse, weighted_metrics: {knd: mae}",
         "weighted_metrics: unknown output 'knd' (did you mean 'kind'?)"},
        {"loss: mse, metrics: {kind: acuracy}",
         "metrics kind: unknown metric 'acuracy' (did you mean 'accuracy'?)"},
        {"loss: mse, metrics: {price: {MeanAbsoluteError: {name: loss}}}",
         "compile: two results would be named 'price_loss': give one of the metrics another "
         "`name`"},
    };
    const struct ls_data_array array[] = {{"x", x, 3}, {"kind", kind, 1}, {"price", price, 2}};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        refuse(refused[i].compile, array, 3, refused[i].wanted);
}

static void test_refused_data(void **state)
{
    (void)state;
    const struct ls_data_array good[] = {{"x", x, 3}, {"kind", kind, 1}, {"price", price, 2}};
    struct ls_data_array array[] = {good[0], good[1], good[2], {"kind_sample_weight", own, 2}};
    refuse("loss: mse", array, 2, "arrays: no dataset 'price'; it has: x, kind");
    refuse("loss: {price: mse}, metrics: {kind: mae}",
           (const struct ls_data_array[]){good[0], good[2]}, 2,
           "arrays: no dataset 'kind'; it has: x, price");
    refuse("loss: mse", array, 4,
           "arrays: 'kind_sample_weight' has shape (None, 2), but a sample has one weight in "
           "output kind");
    array[1].size = 3;
    refuse("loss: mse", array, 3,
           "arrays: target 'kind' has shape (None, 3), but the output of layer 'kind' is (None, "
           "4)");
    array[1] = good[1];
    array[3] = (struct ls_data_array){"knd_sample_weight", own, 1};
    refuse("loss: mse", array, 4,
           "arrays: 'knd_sample_weight' is named after no output of the model: expected "
           "price_sample_weight, ..., or sample_weight");
    float bad[SAMPLES_HERE];
    memcpy(bad, kind, sizeof bad);
    bad[7] = 4;
    array[1] = (struct ls_data_array){"kind", bad, 1};
    refuse("loss: [mse, ce]", array, 3, "arrays: sample 7: label 4 is out of range [0, 4)");
    memcpy(bad, own, sizeof bad);
    bad[3] = NAN;
    array[1] = good[1];
    array[3] = (struct ls_data_array){"kind_sample_weight", bad, 1};
    refuse("loss: mse", array, 4, "arrays: sample 3: kind_sample_weight has NaN at element 0");
    array[3].name = "sample_weight";
    refuse("loss: mse", array, 4, "arrays: sample 3: sample weight has NaN at element 0");
}

/* The only input is x, the only target y, whatever the model calls them. */
static void test_refused_names_of_only_ones(void **state)
{
    (void)state;
    static const char model[] = "model:\n  inputs: {left: {shape: [3]}}\n  layers:\n"
                                "    - Dense: {units: 2, name: price}\n";
    const struct ls_data_array arrays[][2] = {{{"left", x, 3}, {"y", price, 2}},
                                              {{"x", x, 3}, {"price", price, 2}}};
    static const char *const wanted[] = {
        "arrays: no dataset 'x', as the only one of a model is called; 'left' can stand for it in a "
        "run file: {file: F.h5, x: /PATH, y: /PATH}",
        "arrays: no dataset 'y', as the only one of a model is called; 'price' can stand for it in "
        "a run file: {file: F.h5, x: /PATH, y: /PATH}"};
    for (size_t i = 0; i < 2; i++) {
        struct ls_evaluation evaluation;
        struct ls_data *data;
        struct ls_model *made = model_of(model, "loss: mse");
        assert_ok(ls_data_from_columns(&data, SAMPLES_HERE, arrays[i], 2));
        assert_fails(ls_model_evaluate(made, alone, data, &evaluation), LS_BAD_INPUT, wanted[i]);
        ls_model_free(made);
        ls_data_free(data);
    }
}

/* A mask of positions that the output does not have: no layer hands one on yet. */
static void test_refused_mask(void **state)
{
    (void)state;
    struct ls_data *data;
    struct ls_objective *objective;
    struct ls_model *model = model_of("model:\n"
                                      "  inputs: {x: {shape: [3, 2]}}\n"
                                      "  layers:\n"
                                      "    - Masking\n"
                                      "    - Dense: {units: 2, name: out}\n"
                                      "  outputs: [out]\n",
                                      "loss: mse");
    const struct ls_data_array array[] = {{"x", x, 6}, {"y", x, 6}};
    struct ls_edge out = model->output[0];
    assert_true(model->call[out.call].masked);
    model->call[out.call].mask = out;
    assert_ok(ls_data_from_columns(&data, SAMPLES_HERE / 2, array, 2));
    assert_fails(
        ls_objective_create(&objective, model, model->compile, data), LS_BAD_INPUT,
        "output 'out' is (None, 3, 2), but its mask is (None, 3, 2): a loss takes a mask of "
        "all axes but the last");
    ls_data_free(data);
    ls_model_free(model);
}

/* -- binding */

/* A column that is an output's target is not another's weights, whatever its name. */
static void test_a_target_is_no_weight(void **state)
{
    (void)state;
    struct ls_data *data;
    struct ls_objective *objective;
    struct ls_columns columns;
    struct ls_model *model = model_of("model:\n"
                                      "  inputs: {x: {shape: [3]}}\n"
                                      "  layers:\n"
                                      "    - Dense: {units: 1, name: kind}\n"
                                      "    - Dense: {units: 1, name: kind_sample_weight}\n"
                                      "      from: x\n"
                                      "  outputs: [kind, kind_sample_weight]\n",
                                      "loss: mse");
    const struct ls_data_array array[] = {
        {"x", x, 3}, {"kind", kind, 1}, {"kind_sample_weight", own, 1}, {"sample_weight", own, 1}};
    for (size_t count = 3; count <= 4; count++) {
        assert_ok(ls_data_from_columns(&data, SAMPLES_HERE, array, count));
        assert_ok(ls_objective_create(&objective, model, model->compile, data));
        assert_ok(ls_columns_find(&columns, model, objective, data));
        for (size_t o = 0; o < 2; o++) /* the common ones, in one use */
            assert_true(columns.output[o].weight == (count == 4 ? 3 : LS_NO_USE));
        assert_int_equal(columns.uses, count);
        ls_columns_release(&columns);
        ls_objective_free(objective);
        ls_data_free(data);
    }
    ls_model_free(model);
}

/* Weights that cannot be read are told, not passed over. */
static void test_weights_that_are_no_numbers(void **state)
{
    (void)state;
    struct ls_data *data;
    struct ls_evaluation evaluation;
    struct ls_model *model = model_of(MODEL, "loss: mse");
    const hsize_t samples = SAMPLES_HERE;
    hid_t file = make_file("text.h5");
    add_floats(file, "/all/x", x, (const hsize_t[]){SAMPLES_HERE, 3, 0});
    add_floats(file, "/all/price", price, (const hsize_t[]){SAMPLES_HERE, 2, 0});
    add_floats(file, "/all/kind", kind, (const hsize_t[]){SAMPLES_HERE, 0});
    hid_t space = H5Screate_simple(1, &samples, NULL);
    H5Dclose(H5Dcreate2(file, "/all/kind_sample_weight", H5T_C_S1, space, H5P_DEFAULT, H5P_DEFAULT,
                        H5P_DEFAULT));
    H5Sclose(space);
    H5Fclose(file);
    assert_ok(ls_data_open(&data, "text.h5:all"));
    expect_status(ls_model_evaluate(model, alone, data, &evaluation), LS_BAD_INPUT);
    assert_non_null(strstr(ls_message(), "text.h5:all: kind_sample_weight: "));
    ls_data_free(data);
    ls_model_free(model);
}

static ls_status bind_all(const struct ls_model *model, const struct ls_data *data)
{
    struct ls_objective *objective;
    struct ls_columns columns = {0};
    struct ls_measure_room room = {0};
    ls_status status = ls_objective_create(&objective, model, model->compile, data);
    if (status == LS_OK)
        status = ls_columns_find(&columns, model, objective, data);
    if (status == LS_OK)
        status = ls_measure_room_create(&room, objective, 4);
    ls_measure_room_release(&room);
    ls_columns_release(&columns);
    ls_objective_free(objective);
    return status;
}

/* Every allocation made to fail in turn. */
static void test_no_memory(void **state)
{
    (void)state;
    ls_status status = LS_FAILED;
    struct ls_data *data = make_arrays(true);
    struct ls_model *model = model_of(MODEL, "loss: [mse, ce], loss_weights: [2, 1], metrics: "
                                             "[[mae, mae], null], weighted_metrics: {price: mae}");
    for (long n = 1; status != LS_OK; n++) {
        ls_memory_fail_at(n);
        status = bind_all(model, data);
        ls_memory_fail_at(0);
        if (status != LS_OK) {
            assert_int_equal(status, LS_FAILED);
            assert_non_null(strstr(ls_message(), "memory"));
        }
        assert_in_range(n, 1, 200);
    }
    ls_data_free(data);
    ls_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        directory_test(test_refused_compile),
        directory_test(test_refused_data),
        directory_test(test_refused_names_of_only_ones),
        directory_test(test_refused_mask),
        directory_test(test_a_target_is_no_weight),
        directory_test(test_weights_that_are_no_numbers),
        directory_test(test_no_memory),
    };
    return cmocka_run_group_tests_name("several outputs that do not fit", tests, make_numbers,
                                       end_alone);
}
