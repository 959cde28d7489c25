/* Evaluation against a direct computation in double: losses, metrics, weights, reductions. */
#include <math.h>

#include "unit/train_test.h"

#include "data/dataset.h"
#include "train/evaluator.h"

enum { INPUTS = 4, CLASSES = 3, MOST = 1000 };

static float x[MOST * INPUTS], classes[MOST], one_hot[MOST * CLASSES], weights[MOST];

static void make_samples(void)
{
    for (size_t i = 0; i < MOST * INPUTS; i++)
        x[i] = test_number(i);
    for (size_t i = 0; i < MOST; i++) {
        classes[i] = (float)(i * 7 % CLASSES);
        one_hot[i * CLASSES + (size_t)classes[i]] = 1;
        weights[i] = (float)(i % 5) * 0.5F;
    }
}

/* -- by hand */

struct dense {
    float kernel[INPUTS][CLASSES], bias[CLASSES];
};

static struct dense weights_of(struct ls_model *model)
{
    struct dense dense;
    assert_ok(
        ls_model_get_weights(model, "dense", "kernel", &dense.kernel[0][0], INPUTS * CLASSES));
    assert_ok(ls_model_get_weights(model, "dense", "bias", dense.bias, CLASSES));
    return dense;
}

static void predict_by_hand(const struct dense *dense, size_t sample, bool softmax,
                            double out[CLASSES])
{
    double sum = 0;
    for (size_t c = 0; c < CLASSES; c++) {
        out[c] = dense->bias[c];
        for (size_t i = 0; i < INPUTS; i++)
            out[c] += (double)x[sample * INPUTS + i] * dense->kernel[i][c];
    }
    for (size_t c = 0; softmax && c < CLASSES; c++)
        sum += out[c] = exp(out[c]);
    for (size_t c = 0; softmax && c < CLASSES; c++)
        out[c] /= sum;
}

struct wanted {
    double crossentropy, squares, accuracy, kernel_squares; /* means, but for the last */
};

/* weight NULL: each sample counts once. */
static struct wanted by_hand(struct ls_model *model, size_t samples, bool softmax,
                             const float *weight)
{
    struct dense dense = weights_of(model);
    struct wanted wanted = {0};
    for (size_t s = 0; s < samples; s++) {
        double out[CLASSES], squares = 0, w = weight ? weight[s] : 1;
        size_t best = 0, class = (size_t)classes[s];
        predict_by_hand(&dense, s, softmax, out);
        for (size_t c = 0; c < CLASSES; c++) {
            double gap = out[c] - (c == class);
            squares += gap * gap / CLASSES;
            best = out[c] > out[best] ? c : best;
        }
        wanted.crossentropy -= w * log(out[class]) / (double)samples;
        wanted.squares += w * squares / (double)samples;
        wanted.accuracy += (best == class) / (double)samples;
    }
    for (size_t i = 0; i < INPUTS * CLASSES; i++)
        wanted.kernel_squares += pow((&dense.kernel[0][0])[i], 2);
    return wanted;
}

static void near(const char *what, double found, double wanted)
{
    if (!(fabs(found - wanted) <= 1e-5 * (1 + fabs(wanted))))
        fail_msg("%s: %.9g, by hand %.9g", what, found, wanted);
}

/* -- evaluating */

static struct ls_model *make_model(const char *dense, const char *compile)
{
    struct ls_model *model =
        layers_model((const char *const[]){"Input", "shape: 4", "Dense", dense, NULL}, 5);
    assert_ok(ls_model_compile(model, compile));
    return model;
}

static struct ls_evaluation evaluate(struct ls_model *model, int64_t samples, const float *y,
                                     size_t y_size)
{
    struct ls_evaluation evaluation;
    struct ls_data *data;
    expect_status(ls_data_from_arrays(
                      &data,
                      &(struct ls_data_arrays){
                          .samples = samples, .x = x, .x_size = INPUTS, .y = y, .y_size = y_size}),
                  LS_OK);
    assert_ok(ls_model_evaluate(model, alone, data, &evaluation));
    assert_int_equal(evaluation.samples, samples);
    ls_data_free(data);
    return evaluation;
}

/* Block sizes around LS_BLOCK_ROWS: every sample counts once. */
static void test_sizes(void **state)
{
    (void)state;
    static const int64_t sizes[] = {1, 255, 256, 257, 512, 1000};
    struct ls_model *model =
        make_model("units: 3, activation: softmax",
                   "loss: sparse_categorical_crossentropy, metrics: [accuracy, mse]");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct wanted wanted = by_hand(model, (size_t)sizes[i], true, NULL);
        for (int form = 0; form < 2; form++) {
            if (form == 1)
                assert_ok(ls_model_compile(
                    model, "loss: categorical_crossentropy, metrics: [accuracy, mse]"));
            struct ls_evaluation found =
                evaluate(model, sizes[i], form ? one_hot : classes, form ? CLASSES : 1);
            assert_int_equal(found.count, 3);
            assert_string_equal(found.names[0], "loss");
            assert_string_equal(found.names[1], "accuracy");
            assert_string_equal(found.names[2], "mse");
            near("loss", found.values[0], wanted.crossentropy);
            near("accuracy", found.values[1], wanted.accuracy);
            near("mse", found.values[2], wanted.squares);
            ls_evaluation_release(&found);
        }
        assert_ok(ls_model_compile(
            model, "loss: sparse_categorical_crossentropy, metrics: [accuracy, mse]"));
    }
    ls_model_free(model);
}

/* Evaluating does not change the model, and its bits are the same each time. */
static void test_again(void **state)
{
    (void)state;
    struct ls_model *model = make_model("units: 3, activation: softmax", "loss: mse");
    uint64_t before, after;
    assert_ok(ls_model_hash(model, &before));
    struct ls_evaluation first = evaluate(model, 700, one_hot, CLASSES),
                         second = evaluate(model, 700, one_hot, CLASSES);
    assert_memory_equal(first.values, second.values, sizeof(double));
    assert_ok(ls_model_hash(model, &after));
    assert_int_equal(before, after);
    ls_evaluation_release(&first);
    ls_evaluation_release(&second);
    ls_model_free(model);
}

/* An evaluator is used once an epoch. */
static void test_evaluator_again(void **state)
{
    (void)state;
    struct ls_model *model =
        make_model("units: 3, activation: softmax", "loss: mse, metrics: [accuracy]");
    struct ls_evaluator *evaluator;
    struct ls_data *data;
    double first[2], second[2];
    expect_status(ls_data_from_arrays(&data, &(struct ls_data_arrays){.samples = 600,
                                                                      .x = x,
                                                                      .x_size = INPUTS,
                                                                      .y = one_hot,
                                                                      .y_size = CLASSES}),
                  LS_OK);
    assert_ok(ls_evaluator_create(&evaluator, alone, model, model->compile, data));
    assert_int_equal(ls_objective_results(ls_evaluator_objective(evaluator)), 2);
    assert_ok(ls_evaluator_run(evaluator, first));
    assert_ok(ls_evaluator_run(evaluator, second));
    assert_memory_equal(first, second, sizeof first);
    ls_evaluator_free(evaluator);
    ls_data_free(data);
    ls_model_free(model);
}

static void test_loss_weight_and_sum(void **state)
{
    (void)state;
    struct ls_model *model = make_model("units: 3", "loss: mse, loss_weights: [0.25]");
    struct wanted wanted = by_hand(model, 300, false, NULL);
    struct ls_evaluation found = evaluate(model, 300, one_hot, CLASSES);
    near("weighted loss", found.values[0], 0.25 * wanted.squares);
    ls_evaluation_release(&found);
    assert_ok(
        ls_model_compile(model, "loss: {MeanSquaredError: {reduction: sum}}, metrics: [mse]"));
    found = evaluate(model, 300, one_hot, CLASSES);
    near("sum", found.values[0], 300 * wanted.squares);
    near("mse", found.values[1], wanted.squares);
    ls_evaluation_release(&found);
    ls_model_free(model);
}

/* The penalty of weights counts once; that of activities is a mean over the samples. */
static void test_penalties(void **state)
{
    (void)state;
    struct ls_model *model =
        make_model("units: 3, kernel_regularizer: {L2: {l2: 0.5}}", "loss: mse");
    struct wanted wanted = by_hand(model, 600, false, NULL);
    struct ls_evaluation found = evaluate(model, 600, one_hot, CLASSES);
    near("with weights' penalty", found.values[0], wanted.squares + 0.5 * wanted.kernel_squares);
    ls_evaluation_release(&found);
    ls_model_free(model);
    model = make_model("units: 3, activity_regularizer: {L2: {l2: 0.5}}", "loss: mse");
    struct dense dense = weights_of(model);
    double squares = 0;
    for (size_t s = 0; s < 600; s++) {
        double out[CLASSES];
        predict_by_hand(&dense, s, false, out);
        for (size_t c = 0; c < CLASSES; c++)
            squares += out[c] * out[c] / 600;
    }
    found = evaluate(model, 600, one_hot, CLASSES);
    near("with activities' penalty", found.values[0], wanted.squares + 0.5 * squares);
    ls_evaluation_release(&found);
    ls_model_free(model);
}

/* Keras: weighted values over the number of samples; metrics do not see the weights. */
static void test_sample_weights(void **state)
{
    (void)state;
    enum { SAMPLES = 400 };
    struct ls_evaluation found;
    struct ls_data *data;
    struct ls_model *model = make_model("units: 3, activation: softmax",
                                        "loss: categorical_crossentropy, metrics: [accuracy]");
    struct wanted wanted = by_hand(model, SAMPLES, true, weights);
    hid_t file = make_file("data.h5");
    add_floats(file, "/all/x", x, (const hsize_t[]){SAMPLES, INPUTS, 0});
    add_floats(file, "/all/y", one_hot, (const hsize_t[]){SAMPLES, CLASSES, 0});
    add_floats(file, "/all/sample_weight", weights, (const hsize_t[]){SAMPLES, 0});
    H5Fclose(file);
    expect_status(ls_data_open(&data, "data.h5:all"), LS_OK);
    assert_ok(ls_model_evaluate(model, alone, data, &found));
    near("loss", found.values[0], wanted.crossentropy);
    near("accuracy", found.values[1], wanted.accuracy);
    ls_evaluation_release(&found);
    ls_data_free(data);
    ls_model_free(model);
}

/* Dropout has nothing to say. */
static void test_dropout_is_off(void **state)
{
    (void)state;
    struct ls_model *model =
        layers_model((const char *const[]){"Input", "shape: 4", "Dense", "units: 3", "Dropout",
                                           "rate: 0.9", NULL},
                     5);
    assert_ok(ls_model_compile(model, "loss: mse"));
    struct wanted wanted = by_hand(model, 300, false, NULL);
    struct ls_evaluation found = evaluate(model, 300, one_hot, CLASSES);
    near("loss", found.values[0], wanted.squares);
    ls_evaluation_release(&found);
    ls_model_free(model);
}

static void test_refused(void **state)
{
    (void)state;
    struct ls_evaluation found;
    struct ls_data *data;
    struct ls_model *model;
    expect_status(
        ls_data_from_arrays(
            &data,
            &(struct ls_data_arrays){.samples = 9, .x = x, .x_size = INPUTS, .y = x, .y_size = 1}),
        LS_OK);
    assert_ok(ls_model_create(&model, NULL));
    assert_fails(ls_model_evaluate(model, alone, data, &found), LS_BAD_INPUT,
                 "the model has no layers");
    assert_ok(ls_layer_add(model, "Input", "shape: 4"));
    assert_ok(ls_layer_add(model, "Dense", "units: 3"));
    assert_fails(ls_model_evaluate(model, alone, data, &found), LS_USAGE,
                 "the model has no weights yet: train it, or set them");
    assert_ok(ls_model_initialize(model, 1));
    assert_fails(ls_model_evaluate(model, alone, data, &found), LS_BAD_INPUT,
                 "the model is not compiled: `compile` names its loss, optimizer and metrics");
    assert_fails(ls_model_compile(model, "loss: [mse"), LS_BAD_INPUT,
                 "compile: not valid YAML: did not find expected ',' or ']' while parsing a flow "
                 "sequence that began on line 1");
    assert_int_equal(found.count, 0);
    assert_ok(ls_model_compile(model, "loss: sparse_categorical_crossentropy"));
    assert_fails(
        ls_model_evaluate(model, alone, data, &found), LS_BAD_INPUT,
        "arrays: sample 0: label -0.284006596 is not a whole number in [0, 3): one number for "
        "an output of several is a class");
    ls_data_free(data);
    ls_model_free(model);
}

static int start(void **state)
{
    make_samples();
    return start_alone(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        directory_test(test_sizes),           directory_test(test_again),
        directory_test(test_evaluator_again), directory_test(test_loss_weight_and_sum),
        directory_test(test_penalties),       directory_test(test_sample_weights),
        directory_test(test_dropout_is_off),  directory_test(test_refused),
    };
    return cmocka_run_group_tests_name("evaluation", tests, start, end_alone);
}
