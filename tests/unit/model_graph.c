/* Building models in C: layers, names, variables, weights. */
#include <math.h>

#include "unit/store_test.h"

#include "lockstep/lockstep.h"

static struct ls_model *empty_model(void)
{
    struct ls_model *model;
    assert_ok(ls_model_create(&model, NULL));
    return model;
}

static struct ls_model *model_of(const char *const *layers)
{
    struct ls_model *model = empty_model();
    for (size_t i = 0; layers[i]; i += 2)
        assert_ok(ls_layer_add(model, layers[i], layers[i + 1]));
    return model;
}

/* -- layers and names */

static void test_create(void **state)
{
    (void)state;
    struct ls_model *model = empty_model();
    assert_string_equal(model->name, "sequential");
    assert_true(model->sequential);
    ls_model_free(model);
    assert_ok(ls_model_create(&model, "net"));
    assert_string_equal(model->name, "net");
    ls_model_free(model);
    ls_model_free(NULL);
}

static void test_names(void **state)
{
    (void)state;
    static const char *const wanted[] = {"input_layer", "dense",         "dense_1", "mine",
                                         "leaky_re_lu", "leaky_re_lu_1", "dense_2", "dense_3"};
    struct ls_model *model = model_of(
        (const char *const[]){"Input", "shape: 3", "Dense", "units: 2", "dense", "units: 2",
                              "Dense", "units: 2, name: mine", "LeakyReLU", NULL, "leaky_re_lu",
                              NULL, "Dense", "units: 2, name: dense_2", "Dense", "units: 2", NULL});
    assert_int_equal(model->parts, 8);
    for (size_t i = 0; i < model->parts; i++)
        assert_string_equal(model->part[i].layer->name, wanted[i]);
    assert_string_equal(model->output_name[0], "dense_3");
    ls_model_free(model);
}

/* The first that is free, whatever looks like a name of the kind's. */
static void test_free_names(void **state)
{
    (void)state;
    static const char *const taken[] = {"dense_2",  "dense_01",  "dense_",
                                        "dense_1x", "dense_3_1", "dense_99999999999999999999999"};
    static const char *const wanted[] = {"dense", "dense_1", "dense_3", "dense_4"};
    struct ls_model *model = model_of((const char *const[]){"Input", "shape: 3", NULL});
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        char options[64];
        snprintf(options, sizeof options, "units: 2, name: %s", taken[i]);
        assert_ok(ls_layer_add(model, "Dense", options));
    }
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        assert_ok(ls_layer_add(model, "Dense", "units: 2"));
        assert_string_equal(ls_part_name(&model->part[model->parts - 1]), wanted[i]);
    }
    ls_model_free(model);
}

static void test_most_layers(void **state)
{
    (void)state;
    struct ls_model *model = model_of((const char *const[]){"Input", "shape: 3", NULL});
    char name[32];
    for (int i = 1; i < LS_LAYERS_MAX; i++) {
        snprintf(name, sizeof name, "name: f%d", i);
        assert_ok(ls_layer_add(model, "Flatten", name));
    }
    assert_fails(ls_layer_add(model, "Flatten", NULL), LS_BAD_INPUT,
                 "Flatten: a model of more than 10000 layers");
    ls_model_free(model);
}

/* A failing call leaves the model as it was. */
static void refuse_layer(const char *kind, const char *options, const char *wanted)
{
    struct ls_model *model =
        model_of((const char *const[]){"Input", "shape: 3", "Dense", "units: 2, name: one", NULL});
    ls_status status = ls_layer_add(model, kind, options);
    if (status != LS_BAD_INPUT)
        fail_msg("%s {%s}: status %d, expected: %s", kind, options, status, wanted);
    assert_string_equal(ls_message(), wanted);
    assert_int_equal(model->parts, 2);
    assert_int_equal(model->uses, 2);
    assert_string_equal(model->output_name[0], "one");
    assert_ok(ls_layer_add(model, "Dense", "units: 4, name: two"));
    assert_int_equal(ls_model_output_size(model, 0), 4);
    ls_model_free(model);
}

static void test_refused_layers(void **state)
{
    (void)state;
    refuse_layer("Dense", "units: 2, name: one", "Dense: name: the name 'one' is used twice");
    refuse_layer("Dense", "units: 2, name: input_layer",
                 "Dense: name: the name 'input_layer' is used twice");
    refuse_layer("Dense", "units: 2, name: ''",
                 "Dense: name: a layer's name is not empty, has no '/' and is not '.'");
    refuse_layer("Dense", "units: 2, name: a/b",
                 "Dense: name: a layer's name is not empty, has no '/' and is not '.'");
    refuse_layer("Dense", "units: 2, name: .",
                 "Dense: name: a layer's name is not empty, has no '/' and is not '.'");
    refuse_layer("Dense", "units: 2, name: [a]", "Dense: name: expected a text, found a list");
    refuse_layer("Dense", "units: 2, trainable: maybe",
                 "Dense: trainable: expected true or false, found 'maybe'");
    refuse_layer("Dense", "units: 2, dtype: float64",
                 "Dense: dtype: dtype 'float64': layers compute in float32");
    refuse_layer("Dense", "unit: 2", "Dense: unknown option 'unit' (did you mean 'units'?)");
    refuse_layer("Dense", NULL, "Dense: option 'units' is missing");
    refuse_layer("Dens", "units: 2", "unknown layer 'Dens' (did you mean 'Dense'?)");
    refuse_layer("Input", "shape: 3", "Input: a Sequential model has one Input, its first layer");
    refuse_layer("Dense", "units: 2}, {",
                 "Dense: not valid YAML: did not find expected <document start>");
}

static void test_options_of_every_layer(void **state)
{
    (void)state;
    struct ls_model *model = model_of(
        (const char *const[]){"Input", "shape: 3, dtype: float32", "Dense",
                              "units: 2, name: null, trainable: false, dtype: float32", NULL});
    assert_string_equal(model->part[1].layer->name, "dense");
    assert_false(model->part[1].layer->trainable);
    ls_model_free(model);
}

static void test_no_input(void **state)
{
    (void)state;
    struct ls_model *model = empty_model();
    char *text;
    assert_fails(ls_layer_add(model, "Dense", "units: 2"), LS_BAD_INPUT,
                 "Dense: the model has no input: its first layer must be Input, with the "
                 "shape of a sample");
    assert_fails(ls_model_build(model), LS_BAD_INPUT, "the model has no layers");
    assert_int_equal(ls_model_input_size(model, 0), 0);
    assert_int_equal(ls_model_output_size(model, 0), 0);
    assert_fails(ls_model_summary(model, &text), LS_BAD_INPUT, "the model has no layers");
    assert_null(text);
    ls_model_free(model);
}

static void test_complete(void **state)
{
    (void)state;
    struct ls_model *model =
        model_of((const char *const[]){"Input", "shape: [2, 3]", "Flatten", NULL, NULL});
    assert_int_equal(ls_model_input_size(model, 0), 6);
    assert_int_equal(ls_model_output_size(model, 0), 6);
    assert_int_equal(ls_model_input_size(model, 1), 0);
    assert_int_equal(ls_model_output_size(model, 1), 0);
    assert_fails(ls_layer_add(model, "Flatten", NULL), LS_USAGE,
                 "Flatten: the model is complete: layers are added before its first use");
    ls_model_free(model);
}

/* What does not fit is found when the model is completed, and said of the layer. */
static void test_shapes_that_do_not_fit(void **state)
{
    (void)state;
    struct ls_model *model = model_of((const char *const[]){
        "Input", "shape: 4", "Reshape", "target_shape: [3, 2], name: fold", NULL});
    assert_int_equal(ls_model_output_size(model, 0), 0);
    assert_fails(ls_model_build(model), LS_BAD_INPUT,
                 "fold (Reshape): target_shape: the 4 elements of a sample of (None, 4) do not "
                 "fill it");
    ls_model_free(model);
}

/* -- variables */

static const char *const three_dense[] = {"Input",
                                          "shape: 3",
                                          "Normalization",
                                          NULL,
                                          "Dense",
                                          "units: 5, name: frozen, trainable: false",
                                          "Dense",
                                          "units: 7, name: first",
                                          "Dense",
                                          "units: 2, name: second, use_bias: false",
                                          NULL};

static void test_arena(void **state)
{
    (void)state;
    struct ls_model *model = model_of(three_dense);
    assert_ok(ls_model_build(model));
    assert_ok(ls_model_build(model)); /* once more changes nothing */
    assert_null(model->weights);
    assert_ok(ls_model_make_weights(model));
    const float *made = model->weights;
    assert_ok(ls_model_make_weights(model));
    assert_ptr_equal(model->weights, made);
    size_t count = ls_model_variables(model), offset = 0;
    static const char *const order[] = {
        "first/kernel",           "first/bias",          "second/kernel", "normalization/mean",
        "normalization/variance", "normalization/count", "frozen/kernel", "frozen/bias"};
    assert_int_equal(count, 8);
    for (size_t i = 0; i < count; i++) {
        struct ls_variable_at at = ls_model_variable(model, i);
        char name[64];
        snprintf(name, sizeof name, "%s/%s", at.layer->name, at.variable->name);
        assert_string_equal(name, order[i]);
        assert_int_equal(at.trainable, i < 3);
        assert_int_equal(at.variable->offset % LS_ALIGNMENT_FLOATS, 0);
        assert_int_equal(at.variable->offset, offset);
        assert_int_equal(at.variable->offset < model->trainable_floats, at.trainable);
        offset += ls_round_up(ls_variable_count(at.variable), LS_ALIGNMENT_FLOATS);
    }
    assert_int_equal(model->floats, offset);
    assert_int_equal(model->trainable_floats, 48 + 16 + 16);
    assert_int_equal((uintptr_t)model->weights % LS_ALIGNMENT, 0);
    assert_null(ls_model_variable(model, count).layer);
    ls_model_free(model);
}

/* Each variable has a number of its own, which keys its initial values. */
static void test_numbers_of_variables(void **state)
{
    (void)state;
    struct ls_model *model = model_of(three_dense);
    bool seen[8] = {false};
    assert_ok(ls_model_build(model));
    for (size_t i = 0; i < 8; i++) {
        uint32_t number = ls_model_variable(model, i).number;
        assert_in_range(number, 0, 7);
        assert_false(seen[number]);
        seen[number] = true;
    }
    ls_model_free(model);
}

static uint64_t hash_with_seed(const char *const *layers, uint64_t seed)
{
    struct ls_model *model = model_of(layers);
    uint64_t hash, again;
    assert_ok(ls_model_initialize(model, seed));
    assert_ok(ls_model_hash(model, &hash));
    memset(model->weights, 0, model->floats * sizeof(float));
    assert_ok(ls_model_initialize(model, seed)); /* whatever stood there */
    assert_ok(ls_model_hash(model, &again));
    assert_int_equal(hash, again);
    ls_model_free(model);
    return hash;
}

static void test_initial_weights(void **state)
{
    (void)state;
    assert_int_equal(hash_with_seed(three_dense, 1), hash_with_seed(three_dense, 1));
    assert_int_not_equal(hash_with_seed(three_dense, 1), hash_with_seed(three_dense, 2));
    assert_int_not_equal(hash_with_seed(three_dense, 1),
                         hash_with_seed(three_dense, (uint64_t)1 << 40));
}

/* Whether a layer trains is no part of what it begins with. */
static void test_initial_weights_of_frozen_layers(void **state)
{
    (void)state;
    float kernel[2][6];
    for (int frozen = 0; frozen < 2; frozen++) {
        struct ls_model *model = model_of((const char *const[]){
            "Input", "shape: 3", "Dense", frozen ? "units: 4, trainable: false" : "units: 4",
            "Dense", "units: 2", "Dense", "units: 3", NULL});
        assert_ok(ls_model_initialize(model, 9));
        assert_ok(ls_model_get_weights(model, "dense_2", "kernel", kernel[frozen], 6));
        ls_model_free(model);
    }
    assert_floats(kernel[0], kernel[1], 6);
}

static void test_two_layers_differ(void **state)
{
    (void)state;
    float kernel[2][9];
    struct ls_model *model = model_of(
        (const char *const[]){"Input", "shape: 3", "Dense", "units: 3", "Dense", "units: 3", NULL});
    assert_ok(ls_model_initialize(model, 9));
    assert_ok(ls_model_get_weights(model, "dense", "kernel", kernel[0], 9));
    assert_ok(ls_model_get_weights(model, "dense_1", "kernel", kernel[1], 9));
    assert_memory_not_equal(kernel[0], kernel[1], sizeof kernel[0]);
    ls_model_free(model);
}

static void test_initializer_that_does_not_fit(void **state)
{
    (void)state;
    struct ls_model *model = model_of((const char *const[]){
        "Input", "shape: 3", "Dense", "units: 3, bias_initializer: Orthogonal", NULL});
    assert_fails(ls_model_initialize(model, 1), LS_BAD_INPUT,
                 "dense/bias: Orthogonal: the weight has 1 axes, it needs at least 2");
    assert_false(model->initialized);
    ls_model_free(model);
}

/* -- weights by hand */

static struct ls_model *dense_with(const char *weights)
{
    char options[256];
    snprintf(options, sizeof options, "units: 1, weights: %s", weights);
    return model_of((const char *const[]){"Input", "shape: 2", "Dense", options, NULL});
}

static void test_weights_by_hand(void **state)
{
    (void)state;
    static const char *const forms[] = {"{kernel: [[1], [2]], bias: [-1.5]}",
                                        "{kernel: [1, 2], bias: -1.5}"};
    for (size_t i = 0; i < 2; i++) {
        struct ls_model *model = dense_with(forms[i]);
        float kernel[2], bias;
        assert_ok(ls_model_initialize(model, 1));
        assert_ok(ls_model_get_weights(model, "dense", "kernel", kernel, 2));
        assert_ok(ls_model_get_weights(model, "dense", "bias", &bias, 1));
        assert_true(kernel[0] == 1 && kernel[1] == 2 && bias == -1.5F);
        ls_model_free(model);
    }
}

static void test_some_weights_by_hand(void **state)
{
    (void)state;
    struct ls_model *model = dense_with("{bias: [3]}"), *other = dense_with("null");
    float ours[2], theirs[2];
    assert_ok(ls_model_initialize(model, 1));
    assert_ok(ls_model_initialize(other, 1));
    assert_ok(ls_model_get_weights(model, "dense", "kernel", ours, 2));
    assert_ok(ls_model_get_weights(other, "dense", "kernel", theirs, 2));
    assert_floats(ours, theirs, 2); /* the others are as drawn */
    ls_model_free(model);
    ls_model_free(other);
}

static void refuse_weights(const char *weights, const char *wanted)
{
    struct ls_model *model = dense_with(weights);
    assert_fails(ls_model_initialize(model, 1), LS_BAD_INPUT, wanted);
    assert_false(model->initialized);
    ls_model_free(model);
}

static void test_refused_weights(void **state)
{
    (void)state;
    refuse_weights("{kernel: [1]}", "weights kernel: kernel has 2 numbers, 1 were given");
    refuse_weights("{kernel: [1, 2, 3]}", "weights kernel: kernel has 2 numbers, 3 were given");
    refuse_weights("{kernel: [[1, 2]]}",
                   "weights kernel: kernel has the shape (2, 1), these lists are nested otherwise");
    refuse_weights("{kernel: [[1], 2]}",
                   "weights kernel: kernel has the shape (2, 1), these lists are nested otherwise");
    refuse_weights("{kernel: [[1], [a]]}", "kernel[1][0]: expected a number, found 'a'");
    refuse_weights("{scale: [1]}", "weights scale: the layer has no weight 'scale'");
    refuse_weights("[1, 2]", "weights: expected a map of weights by name");
    refuse_weights("{kernel: {a: 1}}", "weights kernel: expected a number, found a map");
}

/* -- getting and setting */

static void test_get_and_set(void **state)
{
    (void)state;
    static const float kernel[6] = {1, 2, 3, 4, 5, 6};
    float read[6], bias[2], initial[2];
    uint64_t before, after;
    struct ls_model *model =
        model_of((const char *const[]){"Input", "shape: 3", "Dense", "units: 2", NULL});
    assert_ok(ls_model_set_weights(model, "dense", "kernel", kernel, 6));
    assert_true(model->initialized); /* the others have their initial values */
    assert_ok(ls_model_get_weights(model, "dense", "kernel", read, 6));
    assert_floats(read, kernel, 6);
    assert_ok(ls_model_get_weights(model, "dense", "bias", initial, 2));
    assert_true(initial[0] == 0 && initial[1] == 0);
    assert_ok(ls_model_hash(model, &before));
    assert_ok(ls_model_set_weights(model, "dense", "bias", (float[]){0, 1e-30F}, 2));
    assert_ok(ls_model_get_weights(model, "dense", "bias", bias, 2));
    assert_true(bias[1] == 1e-30F);
    assert_ok(ls_model_hash(model, &after));
    assert_int_not_equal(before, after);
    ls_model_free(model);
}

static void test_get_and_set_refused(void **state)
{
    (void)state;
    float values[8] = {0};
    struct ls_model *model =
        model_of((const char *const[]){"Input", "shape: 3", "Dense", "units: 2", NULL});
    assert_fails(ls_model_get_weights(model, "dens", "kernel", values, 6), LS_USAGE,
                 "the model has no layer 'dens'");
    assert_fails(ls_model_get_weights(model, "dense", "beta", values, 6), LS_USAGE,
                 "layer 'dense' has no weight 'beta'");
    assert_fails(ls_model_get_weights(model, "dense", "kernel", values, 5), LS_USAGE,
                 "dense/kernel has 6 numbers, not 5");
    assert_fails(ls_model_set_weights(model, "dense", "kernel", values, 7), LS_USAGE,
                 "dense/kernel has 6 numbers, not 7");
    assert_fails(ls_model_set_weights(model, "input_layer", "kernel", values, 1), LS_USAGE,
                 "layer 'input_layer' has no weight 'kernel'");
    ls_model_free(model);
}

static void test_prediction_refused(void **state)
{
    (void)state;
    float value = 1, out;
    struct ls_model *model =
        model_of((const char *const[]){"Input", "shape: 1", "Dense", "units: 1", NULL});
    assert_fails(ls_model_predict(model, &value, 1, &out), LS_USAGE,
                 "the model has no weights yet: train it, or set them");
    ls_model_free(model);
}

/* -- memory running out */

/* Each allocation fails once: the model is then as before, and the next try succeeds. */
static void test_memory_runs_out(void **state)
{
    (void)state;
    ls_status status = LS_FAILED;
    for (long n = 1; status != LS_OK && n < 500; n++) {
        struct ls_model *model = model_of((const char *const[]){"Input", "shape: 3", NULL});
        ls_memory_fail_at(n);
        status = ls_layer_add(model, "Dense", "units: 2, activation: relu, name: one");
        ls_memory_fail_at(0);
        if (status != LS_OK) {
            if (model->parts != 1 || model->uses != 1)
                fail_msg("allocation %ld: %zu parts, %zu uses", n, model->parts, model->uses);
            assert_ok(ls_layer_add(model, "Dense", "units: 2, name: one"));
        }
        assert_string_equal(model->output_name[0], "one");
        assert_int_equal(ls_model_output_size(model, 0), 2);
        ls_model_free(model);
    }
    assert_ok(status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        leak_checked_test(test_create),
        leak_checked_test(test_names),
        leak_checked_test(test_free_names),
        leak_checked_test(test_most_layers),
        leak_checked_test(test_refused_layers),
        leak_checked_test(test_options_of_every_layer),
        leak_checked_test(test_no_input),
        leak_checked_test(test_complete),
        leak_checked_test(test_shapes_that_do_not_fit),
        leak_checked_test(test_arena),
        leak_checked_test(test_numbers_of_variables),
        leak_checked_test(test_initial_weights),
        leak_checked_test(test_initial_weights_of_frozen_layers),
        leak_checked_test(test_two_layers_differ),
        leak_checked_test(test_initializer_that_does_not_fit),
        leak_checked_test(test_weights_by_hand),
        leak_checked_test(test_some_weights_by_hand),
        leak_checked_test(test_refused_weights),
        leak_checked_test(test_get_and_set),
        leak_checked_test(test_get_and_set_refused),
        leak_checked_test(test_prediction_refused),
        leak_checked_test(test_memory_runs_out),
    };
    return cmocka_run_group_tests_name("building models", tests, start_kernels, NULL);
}
