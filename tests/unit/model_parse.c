/* Models from the run file's `model:`, and every message with its place. */
#include "unit/store_test.h"

static struct ls_model *parse(struct ls_tree **tree, const char *yaml)
{
    struct ls_model *model;
    *tree = yaml_tree(yaml);
    assert_ok(ls_model_from_tree(&model, ls_tree_find(*tree, "model")));
    return model;
}

static void test_map(void **state)
{
    (void)state;
    struct ls_tree *tree;
    struct ls_model *model = parse(&tree, "model:\n"
                                          "  name: net\n"
                                          "  input: {shape: [28, 28], name: image}\n"
                                          "  layers:\n"
                                          "    - Flatten\n"
                                          "    - Dense: {units: 128, activation: relu}\n"
                                          "    - dense: {units: 10, name: last}\n"
                                          "    - Softmax:\n");
    static const char *const names[] = {"image", "flatten", "dense", "last", "softmax"};
    assert_string_equal(model->name, "net");
    assert_int_equal(model->layers, 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(model->layer[i]->name, names[i]);
    assert_true(model->built);
    assert_false(model->initialized);
    assert_int_equal(ls_model_output_size(model, 0), 10);
    ls_model_free(model);
    ls_tree_free(tree);
}

static void test_list(void **state)
{
    (void)state;
    struct ls_tree *tree;
    struct ls_model *model = parse(&tree, "model:\n"
                                          "  - Input: {shape: 3}\n"
                                          "  - Dense: {units: 2}\n");
    assert_string_equal(model->name, "sequential");
    assert_int_equal(model->layers, 2);
    ls_model_free(model);
    ls_tree_free(tree);
}

/* Input as the first entry of `layers` is the same as `input`. */
static void test_input_among_layers(void **state)
{
    (void)state;
    struct ls_tree *tree;
    struct ls_model *model = parse(&tree, "model:\n"
                                          "  layers:\n"
                                          "    - Input: {shape: 3}\n"
                                          "    - Flatten\n");
    assert_int_equal(model->inputs, 1);
    assert_string_equal(model->layer[0]->name, "input_layer");
    ls_model_free(model);
    ls_tree_free(tree);
}

/* Weights by hand reach the layer through its place in the file. */
static void test_weights_by_hand(void **state)
{
    (void)state;
    struct ls_tree *tree;
    struct ls_model *model =
        parse(&tree, "model:\n"
                     "  input: {shape: 2}\n"
                     "  layers:\n"
                     "    - Dense: {units: 1, weights: {kernel: [[1], [1]], bias: [-1.5]}}\n"
                     "    - Flatten\n");
    float kernel[2];
    assert_ok(ls_model_initialize(model, 0));
    assert_ok(ls_model_get_weights(model, "dense", "kernel", kernel, 2));
    assert_true(kernel[0] == 1 && kernel[1] == 1);
    ls_model_free(model);
    ls_tree_free(tree);
}

static void refuse(const char *yaml, const char *wanted)
{
    struct ls_tree *tree = yaml_tree(yaml);
    struct ls_model *model;
    ls_status status = ls_model_from_tree(&model, ls_tree_find(tree, "model"));
    if (status != LS_BAD_INPUT)
        fail_msg("%sstatus %d, expected: %s", yaml, status, wanted);
    assert_string_equal(ls_message(), wanted);
    assert_null(model);
    ls_tree_free(tree);
}

#define HEAD                                                                                       \
    "model:\n"                                                                                     \
    "  input: {shape: 4}\n"                                                                        \
    "  layers:\n"

static void test_refused_models(void **state)
{
    (void)state;
    refuse("model:\n",
           "run.yaml:1: model: expected a map with `input` and `layers`, a list of layers, or the "
           "name of a model file");
    refuse("model: {input: {shape: 3}}\n", "run.yaml:1: model: the model has no `layers`");
    refuse("model:\n  layer: []\n",
           "run.yaml:2: model: unknown key 'layer' (did you mean 'layers'?)");
    refuse("model:\n  input: {shape: 3}\n  outputs: [a]\n",
           "run.yaml:1: model: `outputs` belong to a model with `inputs`, each with a name");
    refuse("model: {input: {shape: 3}, layers: []}\n",
           "run.yaml:1: model layers: expected a list of layers");
    refuse("model: {input: {shape: 3}, layers: Dense}\n",
           "run.yaml:1: model layers: expected a list of layers");
    refuse("model: []\n", "run.yaml:1: model: expected a list of layers");
    refuse("model:\n  input: 3\n  layers: [Flatten]\n",
           "run.yaml:2: model input: expected a map: {shape: [28, 28]}");
    refuse("model:\n  input: {shap: 3}\n  layers: [Flatten]\n",
           "run.yaml:2: model input: unknown option 'shap' (did you mean 'shape'?)");
    refuse("model:\n  name: [a]\n  layers: [Flatten]\n",
           "run.yaml:2: model name: expected a text, found a list");
}

static void test_refused_entries(void **state)
{
    (void)state;
    refuse(HEAD "    - [Dense]\n",
           "run.yaml:4: layers[0]: expected a layer: its name, or its name with a map of options "
           "(`from`, `as`, `apply` and `call` are for models with `inputs`)");
    refuse(HEAD "    - Dense: {units: 2}\n      Flatten:\n",
           "run.yaml:4: layers[0]: expected a layer: its name, or its name with a map of options "
           "(`from`, `as`, `apply` and `call` are for models with `inputs`)");
    refuse(HEAD "    - Flatten\n    - Dense: 5\n",
           "run.yaml:5: layers[1] Dense: expected a map of options");
    refuse(HEAD "    - Dense: [units]\n", "run.yaml:4: layers[0] Dense: expected a map of options");
    refuse(HEAD "    - Flatten\n    - Dens: {units: 2}\n",
           "run.yaml:5: layers[1]: unknown layer 'Dens' (did you mean 'Dense'?)");
    refuse(HEAD "    - Flaten\n",
           "run.yaml:4: layers[0]: unknown layer 'Flaten' (did you mean 'Flatten'?)");
    refuse(HEAD "    - Input: {shape: 3}\n",
           "run.yaml:4: layers[0] Input: a Sequential model has one Input, its first layer");
}

/* A bare name has a place too. */
static void test_refused_bare_names(void **state)
{
    (void)state;
    refuse(HEAD "    - Flatten\n    - Dense\n",
           "run.yaml:5: layers[1] Dense: option 'units' is missing");
    refuse(HEAD "    - Dense:\n", "run.yaml:4: layers[0] Dense: option 'units' is missing");
    refuse("model:\n  layers:\n    - Flatten\n",
           "run.yaml:3: layers[0] Flatten: the model has no input: its first layer must be Input, "
           "with the shape of a sample");
    refuse("model:\n  layers:\n    - Dense: {units: 2}\n",
           "run.yaml:3: layers[0] Dense: the model has no input: its first layer must be "
           "Input, with the shape of a sample");
    refuse(
        HEAD "    - Flatten\n    - MaxPooling1D\n",
        "run.yaml:5: layers[1] MaxPooling1D: the input needs 2 axes (steps, channels) beside the "
        "samples, it is (None, 4)");
}

static void test_refused_options(void **state)
{
    (void)state;
    refuse(HEAD "    - Flatten\n    - Dense:\n        unit: 2\n",
           "run.yaml:6: layers[1] Dense: unknown option 'unit' (did you mean 'units'?)");
    refuse(HEAD "    - Dense: {units: many}\n",
           "run.yaml:4: layers[0] Dense units: expected an integer, found 'many'");
    refuse(HEAD "    - Dropout: {rate: 2}\n",
           "run.yaml:4: layers[0] Dropout rate: must be at least 0 and at most 1, found 2");
    refuse(HEAD "    - Dense: {units: 2, activation: rely}\n",
           "run.yaml:4: layers[0] Dense activation: unknown activation 'rely' (did you mean "
           "'relu'?)");
    refuse(HEAD "    - Dense:\n        units: 2\n        kernel_regularizer: {L2: {l2: -1}}\n",
           "run.yaml:6: layers[0] Dense kernel_regularizer L2 l2: must be at least 0, found -1");
    refuse(HEAD "    - Dense: {units: 2, name: a}\n    - Dense: {units: 2, name: a}\n",
           "run.yaml:5: layers[1] Dense name: the name 'a' is used twice");
    refuse(HEAD "    - Dense:\n        units: 2\n        dtype: float16\n",
           "run.yaml:6: layers[0] Dense dtype: dtype 'float16': layers compute in float32");
    refuse(HEAD "    - Dense: {units: 2, trainable: 1}\n",
           "run.yaml:4: layers[0] Dense trainable: expected true or false, found '1'");
}

/* Shapes are found out of tune when the model is completed; the layer is still named by its place.
 */
static void test_refused_shapes(void **state)
{
    (void)state;
    refuse(HEAD "    - Dense: {units: 6}\n    - Reshape: {target_shape: [4]}\n",
           "run.yaml:5: layers[1] Reshape: target_shape: the 6 elements of a sample of (None, "
           "6) do not fill it");
    refuse(HEAD "    - Softmax: {axis: 2}\n",
           "run.yaml:4: layers[0] Softmax: axis: only the last axis of (None, 4) is supported: -1 "
           "or 1");
    refuse(
        "model:\n  input: {shape: []}\n  layers:\n    - Softmax\n",
        "run.yaml:4: layers[0] Softmax: the input needs at least one axis beside the samples, it is "
        "(None,)");
    refuse(HEAD "    - Add\n", "run.yaml:4: layers[0] Add: it takes at least 2 inputs, not 1");
}

static void refuse_weights(const char *yaml, const char *wanted)
{
    struct ls_tree *tree;
    struct ls_model *model = parse(&tree, yaml);
    assert_fails(ls_model_initialize(model, 0), LS_BAD_INPUT, wanted);
    ls_model_free(model);
    ls_tree_free(tree);
}

static void test_refused_weights(void **state)
{
    (void)state;
    refuse_weights(HEAD "    - Flatten\n    - Dense:\n        units: 1\n        weights:\n"
                        "          bias: [1, 2]\n",
                   "run.yaml:8: layers[1] Dense weights bias: bias has 1 numbers, 2 were given");
    refuse_weights(HEAD "    - Dense:\n        units: 1\n        weights: {gamma: 1}\n",
                   "run.yaml:6: layers[0] Dense weights gamma: the layer has no weight 'gamma'");
    refuse_weights(HEAD
                   "    - Dense:\n        units: 1\n        weights: {kernel: [[1, 2, 3, 4]]}\n",
                   "run.yaml:6: layers[0] Dense weights kernel: kernel has the shape (4, 1), these "
                   "lists are nested otherwise");
    refuse_weights(HEAD "    - Dense: {units: 1, weights: [1]}\n",
                   "run.yaml:4: layers[0] Dense weights: expected a map of weights by name");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        leak_checked_test(test_map),
        leak_checked_test(test_list),
        leak_checked_test(test_input_among_layers),
        leak_checked_test(test_weights_by_hand),
        leak_checked_test(test_refused_models),
        leak_checked_test(test_refused_entries),
        leak_checked_test(test_refused_bare_names),
        leak_checked_test(test_refused_options),
        leak_checked_test(test_refused_shapes),
        leak_checked_test(test_refused_weights),
    };
    return cmocka_run_group_tests_name("models in run files", tests, start_kernels, NULL);
}
