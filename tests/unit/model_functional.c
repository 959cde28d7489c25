/* Functional models: run files with names, the order of Keras, nested models, what is refused. */
#include "unit/store_test.h"

#include "lockstep/lockstep.h"
#include "model/append.h"

static struct ls_model *parse(struct ls_tree **tree, const char *yaml)
{
    struct ls_model *model;
    assert_ok(ls_tree_parse_yaml(tree, yaml, strlen(yaml), "run.yaml"));
    assert_ok(ls_model_from_tree(&model, ls_tree_find(*tree, "model")));
    return model;
}

static void refuse(const char *yaml, const char *wanted)
{
    struct ls_tree *tree;
    struct ls_model *model;
    assert_ok(ls_tree_parse_yaml(&tree, yaml, strlen(yaml), "run.yaml"));
    ls_status status = ls_model_from_tree(&model, ls_tree_find(tree, "model"));
    if (status != LS_BAD_INPUT)
        fail_msg("%sstatus %d, expected: %s", yaml, status, wanted);
    assert_string_equal(ls_message(), wanted);
    assert_null(model);
    ls_tree_free(tree);
}

/* "a b c": the parts in the model's order. */
static void assert_parts(const struct ls_model *model, const char *wanted)
{
    struct ls_text names = {0};
    for (size_t p = 0; p < model->parts; p++)
        ls_text_append(&names, "%s%s", p ? " " : "", ls_part_name(&model->part[p]));
    assert_string_equal(names.data, wanted);
    ls_text_release(&names);
}

/* -- run files */

#define SIAMESE                                                                                    \
    "model:\n"                                                                                     \
    "  inputs: {left: {shape: 3}, right: {shape: 3}}\n"                                            \
    "  layers:\n"                                                                                  \
    "    - Dense: {units: 2, name: encode}\n"                                                      \
    "      from: left\n"                                                                           \
    "      as: left_code\n"                                                                        \
    "    - apply: encode\n"                                                                        \
    "      from: right\n"                                                                          \
    "      as: right_code\n"

/* `inputs: x` names an Input layer, as Keras' configs of one input do. */
static void test_one_input_by_name(void **state)
{
    (void)state;
    struct ls_tree *tree;
    struct ls_model *model = parse(
        &tree, "model: {inputs: x, layers: [Input: {shape: 3, name: x}, Flatten: {name: f}]}\n");
    assert_int_equal(model->inputs, 1);
    assert_string_equal(model->input_name[0], "x");
    ls_model_free(model);
    ls_tree_free(tree);
}

static void test_shared_layer(void **state)
{
    (void)state;
    struct ls_tree *tree;
    struct ls_model *model = parse(&tree, SIAMESE "    - Subtract: {name: gap}\n"
                                                  "      from: [left_code, right_code]\n"
                                                  "    - Dense: {units: 1, name: same}\n");
    assert_string_equal(model->name, "functional");
    assert_false(model->sequential);
    assert_parts(model, "left right encode gap same");
    assert_int_equal(model->inputs, 2);
    assert_string_equal(model->input_name[1], "right");
    assert_string_equal(model->output_name[0], "same");
    assert_int_equal(ls_model_variables(model), 4); /* one encoder */
    assert_int_equal(model->calls, 6);
    ls_model_free(model);
    ls_tree_free(tree);
}

/* `from` may name what stands further down. */
static void test_any_order(void **state)
{
    (void)state;
    struct ls_tree *tree;
    struct ls_model *model = parse(&tree, "model:\n"
                                          "  inputs: {x: {shape: 3}}\n"
                                          "  layers:\n"
                                          "    - Dense: {units: 4, name: last}\n"
                                          "      from: middle\n"
                                          "    - Dense: {units: 2, name: first}\n"
                                          "      from: x\n"
                                          "    - Dense: {units: 5, name: middle}\n"
                                          "  outputs: last\n");
    assert_parts(model, "x first middle last");
    assert_int_equal(model->output_structure, LS_STRUCTURE_ONE);
    ls_model_free(model);
    ls_tree_free(tree);
}

static void test_outputs(void **state)
{
    (void)state;
    struct ls_tree *tree;
    struct ls_model *model = parse(&tree, SIAMESE "    - Flatten:\n"
                                                  "      from: left_code\n"
                                                  "  outputs: [flatten, right_code]\n");
    assert_int_equal(model->outputs, 2);
    assert_string_equal(model->output_name[0], "flatten");
    assert_string_equal(model->output_name[1], "right_code");
    assert_int_equal(model->output_structure, LS_STRUCTURE_LIST);
    assert_true(ls_model_output_is_last(model, 0));
    ls_model_free(model);
    ls_tree_free(tree);
    model = parse(&tree, SIAMESE "    - Flatten:\n"
                                 "      from: left_code\n"
                                 "  outputs: {b: flatten, a: right_code, c: left_code}\n");
    assert_string_equal(model->output_name[2], "c");
    assert_int_equal(model->output_structure, LS_STRUCTURE_DICTIONARY);
    assert_false(ls_model_output_is_last(model, 2)); /* flatten reads it */
    ls_model_free(model);
    ls_tree_free(tree);
}

static void test_nested(void **state)
{
    (void)state;
    struct ls_tree *tree;
    struct ls_model *model =
        parse(&tree, "model:\n"
                     "  inputs: {a: {shape: 3}, b: {shape: 3}}\n"
                     "  layers:\n"
                     "    - Model:\n"
                     "        name: tower\n"
                     "        trainable: false\n"
                     "        inputs: {x: {shape: 3}}\n"
                     "        layers:\n"
                     "          - Dense: {units: 4, name: one}\n"
                     "          - Model: {input: {shape: 4}, layers: [{Dense: {units: 2}}]}\n"
                     "      from: a\n"
                     "    - apply: tower\n"
                     "      from: b\n"
                     "      as: other\n"
                     "    - Add:\n"
                     "      from: [tower, other]\n"
                     "    - Dense: {units: 1}\n");
    assert_parts(model, "a b tower add dense");
    assert_int_equal(model->layers, 6); /* a, b, one, dense of tower, add, dense */
    assert_string_equal(model->layer[2]->path, "tower/one");
    assert_string_equal(model->layer[3]->path, "tower/sequential/dense");
    assert_false(model->layer[3]->trainable);
    assert_int_equal(ls_part_layers(&model->part[2]), 2);
    assert_int_equal(model->trainable_floats, 2 * LS_ALIGNMENT_FLOATS);
    assert_int_equal(model->calls, 8);
    ls_model_free(model);
    ls_tree_free(tree);
}

#define HEAD                                                                                       \
    "model:\n"                                                                                     \
    "  inputs: {x: {shape: 3}}\n"                                                                  \
    "  layers:\n"

static void test_refused_names(void **state)
{
    (void)state;
    refuse(HEAD "    - Dense: {units: 2}\n      from: y\n",
           "run.yaml:5: layers[0] from: nothing is named 'y' in this model");
    refuse(HEAD "    - Dense: {units: 2, name: encode}\n    - Flatten:\n      from: encoder\n",
           "run.yaml:6: layers[1] from: nothing is named 'encoder' (did you mean 'encode'?)");
    refuse(HEAD "    - Dense: {units: 2}\n      as: x\n",
           "run.yaml:4: layers[0]: the name 'x' is used twice: `as` names a result");
    refuse(HEAD "    - Dense: {units: 2, name: x}\n",
           "run.yaml:4: layers[0] Dense name: the name 'x' is used twice");
    refuse(HEAD "    - Dense: {units: 2}\n    - apply: dens\n      from: x\n",
           "run.yaml:5: layers[1] apply: there is no layer 'dens' (did you mean 'dense'?)");
    refuse(HEAD "    - Dense: {units: 2, name: dens1}\n    - Dense: {units: 2, name: dens2}\n"
                "    - apply: dens2\n      from: x\n      as: y\n  outputs: [dens2, z]\n",
           "run.yaml:9: outputs[1]: nothing is named 'z' in this model");
    refuse(HEAD "    - Dense: {units: 2}\n    - apply: encode\n",
           "run.yaml:5: layers[1] apply: there is no layer 'encode'");
    refuse(HEAD "    - Dense: {units: 2}\n    - apply: x\n",
           "run.yaml:5: layers[1] apply: an input is no layer to apply");
    refuse(HEAD "    - Dense: {units: 2}\n      from: x:1\n",
           "run.yaml:4: layers[0]: 'x' has 1 result: there is no 'x:1'");
    refuse(HEAD "    - Dense: {units: 2}\n      from: []\n",
           "run.yaml:5: layers[0] from: expected the names of what the layer comes from");
}

static void test_refused_entries(void **state)
{
    (void)state;
    refuse(HEAD "    - [Dense]\n",
           "run.yaml:4: layers[0]: expected a layer: its name, or its name with a map of options");
    refuse(HEAD "    - Dense: {units: 2}\n      Flatten:\n",
           "run.yaml:4: layers[0]: one layer an entry: both Dense and Flatten");
    refuse(HEAD "    - Dense: {units: 2}\n      form: x\n",
           "run.yaml:5: layers[0]: unknown key 'form' (did you mean 'from'?)");
    refuse(HEAD "    - Dense: {units: 2}\n      trainable: false\n",
           "run.yaml:5: layers[0]: unknown key 'trainable'; known: Dense, from, as, apply, call");
    refuse(HEAD "    - Dense: {units: 2, from: x}\n",
           "run.yaml:4: layers[0] Dense from: it stands beside the layer, a line of its own, not "
           "among its options");
    refuse(HEAD "    - Dense: {units: 2}\n      apply: dense\n",
           "run.yaml:4: layers[0]: `apply` calls a layer that is there: 'Dense' has no business "
           "here");
    refuse(HEAD "    - from: x\n", "run.yaml:4: layers[0]: expected a layer, or `apply`");
    refuse(
        HEAD "    - MaxPooling1D\n",
        "run.yaml:4: layers[0] MaxPooling1D: the input needs 2 axes (steps, channels) beside the "
        "samples, it is (None, 3)");
    refuse(HEAD "    - Dense: {units: 2}\n      call: 3\n",
           "run.yaml:5: layers[0] call: expected a map of arguments of the call");
    refuse(HEAD "    - Dense: {units: 2}\n      call: {trainin: false}\n",
           "run.yaml:5: layers[0] call: unknown key 'trainin' (did you mean 'training'?)");
    refuse(HEAD "    - Input: {shape: 3}\n      from: x\n    - Flatten\n",
           "run.yaml:5: layers[0] from: an input comes from nowhere");
}

static void test_refused_models(void **state)
{
    (void)state;
    refuse("model: {inputs: {}, layers: [Flatten]}\n",
           "run.yaml:1: model inputs: expected a map of inputs: {left: {shape: [100]}}");
    refuse("model: {inputs: {x: {shape: 3}}}\n", "run.yaml:1: model: expected `layers`, a list");
    refuse("model: {inputs: {x: [3]}, layers: [Flatten]}\n",
           "run.yaml:1: inputs x: expected a map: {shape: [100]}");
    refuse("model: {inputs: [{shape: [3]}], layers: [Flatten]}\n",
           "run.yaml:1: model inputs: found a list of maps: inputs have names: {left: {shape: "
           "[100]}}");
    refuse("model: {inputs: {x: {shape: 3}, y: z}, layers: [{Flatten: {}, from: x}]}\n",
           "run.yaml:1: inputs y: either all inputs are maps ({shape: [100]}) or all are names of "
           "Input layers");
    refuse("model: {inputs: {x: {shape: 3, name: y}}, layers: [Flatten]}\n",
           "run.yaml:1: inputs x name: an input's name is its key, 'x'");
    refuse("model: {inputs: {a/b: {shape: 3}}, layers: [Flatten]}\n",
           "run.yaml:1: inputs a/b: an input's name is not empty, has no '/' and is not '.'");
    refuse("model: {inputs: {.: {shape: 3}}, layers: [Flatten]}\n",
           "run.yaml:1: inputs .: an input's name is not empty, has no '/' and is not '.'");
    refuse("model: {inputs: {x: {shape: 3}}, input: {shape: 3}, layers: [Flatten]}\n",
           "run.yaml:1: model: unknown key 'input' (did you mean 'inputs'?)");
    refuse(HEAD "    - Flatten\n  outputs: []\n",
           "run.yaml:5: model outputs: expected the names of 1 to 32 results");
    refuse("model:\n  inputs: [x, y]\n  layers: [{Input: {shape: 3, name: x}}, {Flatten: {}}]\n",
           "run.yaml:2: inputs[1]: nothing is named 'y' in this model");
    refuse("model:\n  inputs: [x, x]\n  layers: [{Input: {shape: 3, name: x}}, {Flatten: {}}]\n",
           "run.yaml:2: inputs[1]: 'x' is no Input, or is there twice");
    refuse("model:\n  inputs: x\n  layers:\n    - Input: {shape: 3, name: x}\n"
           "    - Input: {shape: 3, name: y}\n    - Add:\n      from: [x, y]\n",
           "run.yaml:2: model inputs: 'y' is an Input that is not named here");
    refuse(
        "model:\n  inputs: [x]\n  layers: [{Dense: {units: 3, name: x}}]\n",
        "run.yaml:3: layers[0]: the first layer comes `from` nowhere: the model's inputs are among "
        "its layers");
}

static void test_refused_graphs(void **state)
{
    (void)state;
    refuse(HEAD "    - Dense: {units: 3, name: a}\n      from: c\n"
                "    - Dense: {units: 3, name: b}\n    - Dense: {units: 3, name: c}\n",
           "run.yaml:4: layers[0]: the model has a cycle: a <- c <- b <- a");
    refuse(HEAD "    - Dense: {units: 3, name: a}\n      from: a\n",
           "run.yaml:4: layers[0]: the model has a cycle: a <- a");
    refuse(HEAD "    - Dense: {units: 3, name: a}\n    - Dense: {units: 3, name: b}\n"
                "      from: x\n",
           "run.yaml:4: layers[0] Dense: layer 'a' leads to no output of the model");
    refuse(HEAD "    - Dense: {units: 3, name: a}\n    - apply: a\n      as: b\n"
                "  outputs: a\n",
           "call 2 of layer 'a' leads to no output of the model");
    refuse("model:\n  inputs: {x: {shape: 3}, y: {shape: 3}}\n  layers: [Flatten]\n",
           "run.yaml:3: layers[0]: the model has several inputs: say which one this layer comes "
           "`from`");
    refuse(HEAD "    - Dense: {units: 2, name: a}\n    - apply: a\n",
           "run.yaml:4: layers[0] Dense: called again with samples of (None, 2), for which its "
           "weights have other shapes than in its first call");
    refuse(
        HEAD "    - Model: {name: m, input: {shape: 4}, layers: [Flatten]}\n",
        "run.yaml:4: layers[0]: model 'm': its input 'input_layer' has shape (None, 4), but gets "
        "(None, 3)");
    refuse(HEAD "    - Model: {name: m, input: {shape: 3}, layers: [Flatten]}\n"
                "      from: [x, x]\n",
           "run.yaml:4: layers[0]: model 'm' has 1 input, but is called with 2");
    refuse(
        "model:\n  input: {shape: 3}\n  layers:\n    - Flatten\n"
        "    - Model: {name: m, input: {shape: 4}, layers: [Flatten]}\n",
        "run.yaml:5: layers[1] Model: model 'm': its input 'input_layer' has shape (None, 4), but "
        "gets (None, 3)");
    refuse("model:\n  input: {shape: [3, 2]}\n  layers:\n"
           "    - LSTM: {units: 2, return_state: true, name: lstm}\n    - Flatten\n",
           "run.yaml:4: layers[0] LSTM: it gives 3 results: layers in a row hand on one. In the "
           "Functional form (inputs, outputs) others take them: from: lstm:1");
    refuse(HEAD "    - Dense: {units: 2}\n      from: [x, x]\n",
           "run.yaml:4: layers[0] Dense: it takes 1 input, not 2");
    refuse(HEAD "    - Model: {file: base.h5}\n",
           "run.yaml:4: layers[0] Model file: a model in a file can be named in run files only");
    refuse(HEAD "    - Model: 3\n",
           "run.yaml:4: layers[0] Model: expected a map: a model in a file ({file: F}) or its "
           "layers");
    refuse(HEAD "    - Dense: {units: 2}\n    - Model: {name: dense, input: {shape: 2}, layers: "
                "[Flatten]}\n",
           "run.yaml:5: layers[1] Model name: the name 'dense' is used twice");
}

/* -- cutting */

static void test_cut(void **state)
{
    (void)state;
    struct ls_tree *tree;
    struct ls_model *model = parse(&tree, HEAD "    - Dense: {units: 4, name: a}\n"
                                               "    - Dense: {units: 5, name: b}\n"
                                               "      from: x\n"
                                               "    - Concatenate: {name: ab}\n"
                                               "      from: [a, b]\n"
                                               "    - Dense: {units: 1, name: end}\n");
    float kernel[15], again[15];
    assert_ok(ls_model_initialize(model, 3));
    assert_ok(ls_model_get_weights(model, "b", "kernel", kernel, 15));
    assert_fails(ls_model_cut(model, "c"), LS_BAD_INPUT,
                 "the model has no layer 'c'; it has x, a, b, ab, end");
    assert_ok(ls_model_cut(model, "b"));
    assert_ok(ls_model_build(model));
    assert_parts(model, "x b");
    assert_string_equal(model->output_name[0], "b");
    assert_ok(ls_model_initialize(model, 9)); /* what it has stays */
    assert_ok(ls_model_get_weights(model, "b", "kernel", again, 15));
    assert_memory_equal(kernel, again, sizeof kernel);
    ls_model_free(model);
    ls_tree_free(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        leak_checked_test(test_one_input_by_name),
        leak_checked_test(test_shared_layer),
        leak_checked_test(test_any_order),
        leak_checked_test(test_outputs),
        leak_checked_test(test_nested),
        leak_checked_test(test_refused_names),
        leak_checked_test(test_refused_entries),
        leak_checked_test(test_refused_models),
        leak_checked_test(test_refused_graphs),
        leak_checked_test(test_cut),
    };
    return cmocka_run_group_tests_name("functional models", tests, start_kernels, NULL);
}
