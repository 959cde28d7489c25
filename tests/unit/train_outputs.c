/* Models of several outputs: losses, weights, metrics, targets and sample weights by output,
 * trained and evaluated on arrays and through run files; the numbers are Keras'
 * (reference/two_outputs.py).
 */
#include <math.h>

#include "unit/train_outputs.h"

enum { RESULTS = 8 };

#define SGD "optimizer: {SGD: {learning_rate: 0.25, momentum: 0.5}}"

static void set_weights(struct ls_model *model)
{
    static const struct {
        const char *name;
        size_t inputs, outputs, step;
    } layer[] = {{"hidden", 3, 4, 3}, {"price", 4, 2, 4}, {"kind", 4, 4, 5}};
    float values[16];
    for (size_t l = 0; l < 3; l++) {
        size_t count = layer[l].inputs * layer[l].outputs;
        fill(values, count, 7, 11, 8);
        assert_ok(ls_model_set_weights(model, layer[l].name, "kernel", values, count));
        fill(values, layer[l].outputs, layer[l].step, 5, 4);
        assert_ok(ls_model_set_weights(model, layer[l].name, "bias", values, layer[l].outputs));
    }
}

/* -- Keras' numbers */

static const struct {
    const char *name;
    double epoch[2], evaluated;
} keras[RESULTS] = {
    {"loss", {1.59822333, 1.14788568}, 0.824456453},
    {"price_loss", {0.497975975, 0.27988711}, 0.125119999},
    {"kind_loss", {1.20454276, 1.17622292}, 1.14843285},
    {"price_mae", {0.482310385, 0.37536788}, 0.26955387},
    {"kind_accuracy", {0.25, 0.25}, 0.25},
    {"price_weighted_mae", {0.514138758, 0.360878915}, 0.24548541},
    {"price_mse", {0.398380786, 0.223909676}, 0.100096002},
    {"kind_weighted_accuracy", {0.285714298, 0.380952388}, 0.428571433},
};
static const float keras_hidden[12] = {-0.49992165F,   0.544106245F,  -0.400103658F, 0.528704762F,
                                       -0.0274033118F, -0.829618275F, 0.772874117F,  0.0810144097F,
                                       -0.23955135F,   0.453274369F,  -0.130091563F, -0.779550552F};

static void near(const char *what, double found, double wanted)
{
    if (!(fabs(found - wanted) <= 3e-6 * (1 + fabs(wanted))))
        fail_msg("%s: %.9g, Keras' %.9g", what, found, wanted);
}

static ls_status compare_epoch(void *user, int64_t epoch, const char *const *names,
                               const double *values, size_t count)
{
    (void)user;
    assert_int_equal(count, RESULTS);
    for (size_t i = 0; i < RESULTS; i++) {
        assert_string_equal(names[i], keras[i].name);
        near(names[i], values[i], keras[i].epoch[epoch]);
    }
    return LS_OK;
}

static void check_keras(const char *compile)
{
    float found[12];
    struct ls_evaluation evaluation;
    struct ls_data *data = make_arrays(true);
    struct ls_model *model = model_of(MODEL, compile);
    set_weights(model);
    assert_ok(ls_model_fit(model, alone,
                           &(struct ls_fit){.options = "batch_size: 5, epochs: 2, shuffle: false",
                                            .replicas = 2,
                                            .train = data,
                                            .on_epoch = compare_epoch}));
    assert_ok(ls_model_evaluate(model, alone, data, &evaluation));
    assert_int_equal(evaluation.count, RESULTS);
    for (size_t i = 0; i < RESULTS; i++)
        near(evaluation.names[i], evaluation.values[i], keras[i].evaluated);
    assert_ok(ls_model_get_weights(model, "hidden", "kernel", found, 12));
    for (size_t i = 0; i < 12; i++)
        near("hidden/kernel", found[i], keras_hidden[i]);
    ls_evaluation_release(&evaluation);
    ls_model_free(model);
    ls_data_free(data);
}

static void test_keras(void **state)
{
    (void)state;
    check_keras(SGD ", loss: {price: mse, kind: sparse_categorical_crossentropy}, "
                    "loss_weights: {price: 2, kind: 0.5}, metrics: {price: mae, kind: [accuracy]}, "
                    "weighted_metrics: {price: [mae, mse], kind: accuracy}");
    check_keras(SGD ", loss: [mse, {SparseCategoricalCrossentropy: {}}], loss_weights: [2, 0.5], "
                    "metrics: [mae, accuracy], weighted_metrics: [[mae, mse], [accuracy]]");
    check_keras(SGD ", loss: [mse, crossentropy], loss_weights: {kind: 0.5, price: 2}, metrics: "
                    "[[mae], [accuracy]], weighted_metrics: {kind: [accuracy], price: [mae, mse]}");
}

/* -- results' names */

static void check_names(const char *compile, const char *wanted)
{
    struct ls_evaluation evaluation;
    struct ls_data *data = make_arrays(false);
    struct ls_model *model = model_of(MODEL, compile);
    char names[512] = "";
    assert_ok(ls_model_evaluate(model, alone, data, &evaluation));
    for (size_t i = 0; i < evaluation.count; i++)
        strcat(strcat(names, i ? " " : ""), evaluation.names[i]);
    assert_string_equal(names, wanted);
    ls_evaluation_release(&evaluation);
    ls_model_free(model);
    ls_data_free(data);
}

static void test_names(void **state)
{
    (void)state;
    check_names("loss: {price: mse, kind: mse}", "loss price_loss kind_loss");
    check_names("loss: mse, loss_weights: 2", "loss price_loss kind_loss");
    /* one loss is the loss; an output without one has its metrics all the same */
    check_names("loss: {price: mse}, metrics: {kind: accuracy}", "loss kind_accuracy");
    check_names("loss: [null, mse], metrics: [mae, null]", "loss price_mae");
    check_names("loss: [mse, mse], metrics: [[mae, mae, mae], [accuracy]], weighted_metrics: "
                "[[mae, mae], [accuracy]]",
                "loss price_loss kind_loss price_mae price_mae_1 price_mae_2 kind_accuracy "
                "price_weighted_mae price_weighted_mae_1 kind_weighted_accuracy");
}

/* -- an output without a loss */

/* It needs no target, and its layer stays as it is. */
static void test_no_loss(void **state)
{
    (void)state;
    float before[16], after[16];
    struct ls_data *data;
    const struct ls_data_array array[] = {{"x", x, 3}, {"price", price, 2}};
    struct ls_model *model = model_of(MODEL, "optimizer: adam, loss: {price: mse, kind: null}");
    assert_ok(ls_data_from_columns(&data, SAMPLES_HERE, array, 2));
    assert_ok(ls_model_get_weights(model, "kind", "kernel", before, 16));
    assert_ok(ls_model_fit(model, alone, &(struct ls_fit){.train = data}));
    assert_ok(ls_model_get_weights(model, "kind", "kernel", after, 16));
    assert_memory_equal(before, after, sizeof before);
    ls_data_free(data);
    ls_model_free(model);
}

/* -- the whole objective's gradient */

#define STEPS_MODEL                                                                                \
    "model:\n"                                                                                     \
    "  inputs: {x: {shape: [3]}}\n"                                                                \
    "  layers:\n"                                                                                  \
    "    - Dense: {units: 4, activation: tanh, name: hidden, kernel_regularizer: {L2: {l2: "       \
    "0.02}}}\n"                                                                                    \
    "    - Reshape: {target_shape: [2, 2], name: steps}\n"                                         \
    "    - Dense: {units: 2, activation: sigmoid, name: price}\n"                                  \
    "    - Dense: {units: 4, activation: softmax, name: kind}\n"                                   \
    "      from: hidden\n"                                                                         \
    "  outputs: [price, kind]\n"

static double loss_of(struct ls_model *model, struct ls_data *data)
{
    struct ls_evaluation evaluation;
    assert_ok(ls_model_evaluate(model, alone, data, &evaluation));
    double loss = evaluation.values[0];
    ls_evaluation_release(&evaluation);
    return loss;
}

/* The central difference of the loss at `weights`, for weight i; the model's weights stay. */
static double difference(struct ls_model *model, struct ls_data *data, const float *weights,
                         size_t i)
{
    const float step = 1.0F / 64;
    double side[2];
    for (int s = 0; s < 2; s++) {
        memcpy(model->weights, weights, model->floats * sizeof *weights);
        model->weights[i] += s ? step : -step;
        side[s] = loss_of(model, data);
    }
    return (side[1] - side[0]) / (2 * (double)step);
}

/* One step of SGD with learning rate 1 takes off the gradient. */
static void check_gradient(struct ls_model *model, struct ls_data *data)
{
    size_t bytes = model->floats * sizeof(float);
    float *before = malloc(bytes), *after = malloc(bytes);
    memcpy(before, model->weights, bytes);
    assert_ok(ls_model_fit(
        model, alone, &(struct ls_fit){.options = "batch_size: 12", .replicas = 3, .train = data}));
    memcpy(after, model->weights, bytes);
    for (size_t i = 0; i < model->floats; i++) {
        double found = (double)before[i] - (double)after[i];
        double wanted = difference(model, data, before, i);
        if (fabs(found - wanted) > 1e-4 + 1e-3 * fabs(wanted))
            fail_msg("weight %zu: gradient %.7g, by differences %.7g", i, found, wanted);
    }
    free(before);
    free(after);
}

static void test_gradient(void **state)
{
    (void)state;
    static float by_position[SAMPLES_HERE * 2], targets[SAMPLES_HERE * 4];
    struct ls_data *data;
    struct ls_model *model =
        model_of(STEPS_MODEL, "optimizer: {SGD: {learning_rate: 1}}, loss: [mse, ce], "
                              "loss_weights: {price: 3, kind: 0.5}");
    fill(targets, SAMPLES_HERE * 4, 3, 7, 4);
    for (size_t i = 0; i < SAMPLES_HERE * 2; i++)
        by_position[i] = (float)(i % 7) / 4;
    const struct ls_data_array array[] = {{"x", x, 3},
                                          {"price", targets, 4},
                                          {"kind", kind, 1},
                                          {"price_sample_weight", by_position, 2},
                                          {"sample_weight", common, 1}};
    assert_ok(ls_data_from_columns(&data, SAMPLES_HERE, array, 5));
    check_gradient(model, data);
    ls_data_free(data);
    ls_model_free(model);
}

/* -- masks */

#define MASKED_MODEL                                                                               \
    "model:\n"                                                                                     \
    "  inputs: {x: {shape: [3, 2]}}\n"                                                             \
    "  layers:\n"                                                                                  \
    "    - Masking: {mask_value: 0}\n"                                                             \
    "    - Dense: {units: 3, activation: tanh, name: hidden}\n"                                    \
    "    - Dense: {units: 2, name: steps}\n"                                                       \
    "    - Dense: {units: 3, activation: softmax, name: classes}\n"                                \
    "      from: hidden\n"                                                                         \
    "  outputs: [steps, classes]\n"

/* Samples of three steps, of which the first, the first two or all count; `other`: with other
 * targets and weights where they do not. */
static struct ls_data *make_masked(bool other)
{
    static float steps[SAMPLES_HERE * 6], targets[SAMPLES_HERE * 6], classes[SAMPLES_HERE * 3],
        weights[SAMPLES_HERE * 3];
    struct ls_data *data;
    fill(targets, SAMPLES_HERE * 6, 3, 7, 4);
    for (size_t p = 0; p < SAMPLES_HERE * 3; p++) {
        bool counts = p % 3 <= p / 3 % 3;
        classes[p] = (float)((p * 5 + (other && !counts)) % 3);
        weights[p] = (float)(p % 7 + 1) / 4 + (other && !counts ? 1 : 0);
        for (size_t c = 0; c < 2; c++) {
            steps[2 * p + c] = counts ? (test_number(2 * p + c) + 1.5F) / 4 : 0;
            targets[2 * p + c] += other && !counts ? 1 : 0;
        }
    }
    const struct ls_data_array array[] = {{"x", steps, 6},
                                          {"steps", targets, 6},
                                          {"classes", classes, 3},
                                          {"steps_sample_weight", weights, 3},
                                          {"sample_weight", common, 1}};
    assert_ok(ls_data_from_columns(&data, SAMPLES_HERE, array, 5));
    return data;
}

/* What is masked does not matter, and the gradient is that of the loss. */
static void test_masks(void **state)
{
    (void)state;
    struct ls_evaluation evaluation[2];
    struct ls_model *model = model_of(
        MASKED_MODEL, "optimizer: {SGD: {learning_rate: 1}}, loss: [mse, ce], loss_weights: [2, "
                      "0.5], metrics: [mae, accuracy], weighted_metrics: [[mse], [accuracy]]");
    for (int other = 0; other < 2; other++) {
        struct ls_data *data = make_masked(other);
        assert_ok(ls_model_evaluate(model, alone, data, &evaluation[other]));
        if (other)
            check_gradient(model, data);
        ls_data_free(data);
    }
    assert_int_equal(evaluation[0].count, 7);
    for (size_t i = 0; i < 7; i++)
        if (evaluation[0].values[i] != evaluation[1].values[i])
            fail_msg("%s: %.9g, with other numbers where they are masked %.9g",
                     evaluation[0].names[i], evaluation[0].values[i], evaluation[1].values[i]);
    ls_evaluation_release(&evaluation[0]);
    ls_evaluation_release(&evaluation[1]);
    ls_model_free(model);
}

/* -- run files */

static void write_data(void)
{
    hid_t file = make_file("outputs.h5");
    add_floats(file, "/train/x", x, (const hsize_t[]){SAMPLES_HERE, 3, 0});
    add_floats(file, "/train/price", price, (const hsize_t[]){SAMPLES_HERE, 2, 0});
    add_floats(file, "/train/kind", kind, (const hsize_t[]){SAMPLES_HERE, 0});
    add_floats(file, "/train/sample_weight", common, (const hsize_t[]){SAMPLES_HERE, 0});
    H5Fclose(file);
    write_text("run.yaml", MODEL "compile:\n"
                                 "  optimizer: adam\n"
                                 "  loss: {price: mse, kind: {SparseCategoricalCrossentropy: {}}}\n"
                                 "  loss_weights: {kind: 0.5}\n"
                                 "  metrics: {kind: [accuracy]}\n"
                                 "  weighted_metrics: {price: mae}\n"
                                 "data: {train: outputs.h5:train, validation: outputs.h5:train}\n"
                                 "fit: {batch_size: 5, epochs: 2}\n"
                                 "checkpoint: {every: 1 step}\n");
}

/* Stopped in the middle of an epoch and gone on with, it ends with the same weights and history. */
static void test_run(void **state)
{
    (void)state;
    static const char half[] = "loss price_loss kind_loss kind_accuracy price_mae ",
                      val[] = "val_loss val_price_loss val_kind_loss val_kind_accuracy "
                              "val_price_mae ";
    char all[sizeof half + sizeof val];
    struct seen whole = {0}, first = {.stop_after = 3}, second = {0};
    strcat(strcpy(all, half), val);
    write_data();
    assert_ok(train_seen(&whole, "whole", false, NULL));
    assert_string_equal(whole.names, all);
    expect_status(train_seen(&first, "parts", false, NULL), LS_INTERRUPTED);
    assert_ok(train_seen(&second, "parts", true, NULL));
    assert_true(hash_of("whole/model.h5") == hash_of("parts/model.h5"));
    struct ls_run_evaluate evaluate = {.model = "parts", .data = "outputs.h5:train"};
    struct ls_evaluation evaluation[2];
    assert_ok(ls_run_evaluate(alone, &evaluate, &evaluation[0]));
    evaluate.model = "whole";
    assert_ok(ls_run_evaluate(alone, &evaluate, &evaluation[1]));
    assert_int_equal(evaluation[0].count, 5);
    for (size_t i = 0; i < 5; i++)
        assert_true(evaluation[0].values[i] == evaluation[1].values[i]);
    ls_evaluation_release(&evaluation[0]);
    ls_evaluation_release(&evaluation[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        directory_test(test_keras),    directory_test(test_names), directory_test(test_no_loss),
        directory_test(test_gradient), directory_test(test_masks), directory_test(test_run),
    };
    return cmocka_run_group_tests_name("several outputs", tests, make_numbers, end_alone);
}
