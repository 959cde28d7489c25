/* Functional models in Keras' configs: both forms of calls, models in models, and what is wrong. */
#include "unit/store_test.h"

#include "lockstep/lockstep.h"

static struct ls_model *read_json(const char *json)
{
    struct ls_tree *tree;
    struct ls_model *model;
    assert_ok(ls_tree_parse_json(&tree, json, strlen(json), "net.json"));
    assert_ok(ls_model_from_keras(&model, tree));
    ls_tree_free(tree);
    return model;
}

static void refuse(const char *json, const char *wanted)
{
    struct ls_tree *tree;
    struct ls_model *model;
    assert_ok(ls_tree_parse_json(&tree, json, strlen(json), "net.json"));
    ls_status status = ls_model_from_keras(&model, tree);
    if (status != LS_BAD_INPUT)
        fail_msg("%s: status %d, expected: %s", json, status, wanted);
    assert_string_equal(ls_message(), wanted);
    ls_tree_free(tree);
}

static char *write_json(const struct ls_model *model)
{
    struct ls_tree *config;
    struct ls_text text = {0};
    char *json;
    assert_ok(ls_model_to_keras(model, &config));
    ls_tree_format_json(&text, config);
    assert_ok(ls_duplicate(&json, text.data));
    ls_text_release(&text);
    ls_tree_free(config);
    return json;
}

/* A run file's model written, read, and written again: the same text. */
static char *round_trip(const char *yaml)
{
    struct ls_tree *tree = yaml_tree(yaml);
    struct ls_model *model;
    assert_ok(ls_model_from_tree(&model, ls_tree_find(tree, "model")));
    char *first = write_json(model);
    struct ls_model *again = read_json(first);
    char *second = write_json(again);
    assert_string_equal(first, second);
    assert_int_equal(model->floats, again->floats);
    assert_int_equal(model->calls, again->calls);
    ls_release(second);
    ls_model_free(again);
    ls_model_free(model);
    ls_tree_free(tree);
    return first;
}

#define SIAMESE                                                                                    \
    "model:\n"                                                                                     \
    "  inputs: {left: {shape: 3}, right: {shape: 3}}\n"                                            \
    "  layers:\n"                                                                                  \
    "    - Dense: {units: 2, name: encode}\n"                                                      \
    "      from: left\n"                                                                           \
    "    - apply: encode\n"                                                                        \
    "      from: right\n"                                                                          \
    "      as: other\n"                                                                            \
    "    - Subtract: {name: gap}\n"                                                                \
    "      from: [encode, other]\n"

/* Without models inside: lists of tensors, which Keras 2 reads too. */
static void calls_are_lists(void **state)
{
    (void)state;
    char *json = round_trip(SIAMESE "  outputs: gap\n");
    assert_non_null(strstr(json, "\"inbound_nodes\": [[[\"left\", 0, 0, {}]], [[\"right\", 0, 0, "
                                 "{}]]]"));
    assert_non_null(strstr(json, "\"inbound_nodes\": [[[\"encode\", 0, 0, {}], [\"encode\", 1, 0, "
                                 "{}]]]"));
    assert_non_null(strstr(json, "\"input_layers\": [[\"left\", 0, 0], [\"right\", 0, 0]]"));
    assert_non_null(strstr(json, "\"output_layers\": [\"gap\", 0, 0]"));
    ls_release(json);
    json = round_trip(SIAMESE "  outputs: [gap]\n");
    assert_non_null(strstr(json, "\"output_layers\": [[\"gap\", 0, 0]]"));
    ls_release(json);
    json = round_trip(SIAMESE "  outputs: {a: gap, b: other}\n");
    assert_non_null(strstr(json, "\"output_layers\": {\"a\": [\"gap\", 0, 0], \"b\": [\"encode\", "
                                 "1, 0]}"));
    ls_release(json);
}

/* With models inside: Keras 3's nodes, whose calls count from 0, but from 1 at the ends. */
static void calls_are_nodes(void **state)
{
    (void)state;
    char *json = round_trip("model:\n"
                            "  inputs: {a: {shape: 3}, b: {shape: 3}}\n"
                            "  layers:\n"
                            "    - Model:\n"
                            "        name: tower\n"
                            "        inputs: {x: {shape: 3}}\n"
                            "        layers: [{Dense: {units: 2}}]\n"
                            "      from: a\n"
                            "    - apply: tower\n"
                            "      from: b\n"
                            "      as: other\n"
                            "      call: {training: false}\n"
                            "    - Model: {name: row, input: {shape: 2}, layers: [{Dense: {units: "
                            "1}}], trainable: false}\n"
                            "      from: tower\n"
                            "  outputs: [other, row]\n");
    assert_non_null(strstr(json, "\"keras_history\": [\"tower\", 0, 0]"));
    assert_non_null(strstr(json, "\"kwargs\": {\"training\": false}"));
    assert_non_null(strstr(json, "\"output_layers\": [[\"tower\", 2, 0], [\"row\", 0, 0]]"));
    assert_non_null(strstr(json, "\"class_name\": \"Sequential\""));
    ls_release(json);
}

/* Keras' configs are in any order; names of results are no names of layers. */
static void second_results(void **state)
{
    (void)state;
    char *json = round_trip("model:\n"
                            "  inputs: {a: {shape: 3}}\n"
                            "  layers:\n"
                            "    - Model:\n"
                            "        name: split\n"
                            "        inputs: {x: {shape: 3}}\n"
                            "        layers:\n"
                            "          - Dense: {units: 2, name: p}\n"
                            "          - Dense: {units: 2, name: q}\n"
                            "            from: x\n"
                            "        outputs: {one: p, two: q}\n"
                            "    - Add:\n"
                            "      from: [split, split:1]\n");
    assert_non_null(strstr(json, "\"keras_history\": [\"split\", 0, 1]"));
    ls_release(json);
}

/* A dictionary of inputs is called with one. */
static void dictionaries(void **state)
{
    (void)state;
    char *json = round_trip("model:\n"
                            "  inputs: {a: {shape: 3}, b: {shape: 2}}\n"
                            "  layers:\n"
                            "    - Model:\n"
                            "        name: both\n"
                            "        inputs: {first: x, second: y}\n"
                            "        layers:\n"
                            "          - Input: {shape: 3, name: x}\n"
                            "          - Input: {shape: 2, name: y}\n"
                            "          - Concatenate:\n"
                            "            from: [x, y]\n"
                            "      from: [a, b]\n");
    assert_non_null(strstr(json, "\"input_layers\": {\"first\": [\"x\", 0, 0], \"second\": [\"y\", "
                                 "0, 0]}"));
    assert_non_null(strstr(json, "\"args\": [{\"first\": {\"class_name\": \"__keras_tensor__\""));
    ls_release(json);
}

#define LAYER(name, calls)                                                                         \
    "{\"class_name\": \"Dense\", \"config\": {\"name\": \"" name                                   \
    "\", \"units\": 3}, \"name\": \"" name "\", \"inbound_nodes\": " calls "}"
#define INPUT                                                                                      \
    "{\"class_name\": \"InputLayer\", \"config\": {\"name\": \"x\", \"batch_shape\": [null, 3]}, " \
    "\"name\": \"x\", \"inbound_nodes\": []}"
#define MODEL(layers, outputs)                                                                     \
    "{\"class_name\": \"Functional\", \"config\": {\"name\": \"m\", \"layers\": [" INPUT           \
    ", " layers "], \"input_layers\": [\"x\", 0, 0], \"output_layers\": " outputs "}}"
#define TENSOR(name, call)                                                                         \
    "{\"class_name\": \"__keras_tensor__\", \"config\": {\"keras_history\": [\"" name "\", " call  \
    ", 0]}}"
#define NODE(tensor) "[{\"args\": [" tensor "], \"kwargs\": {}}]"

/* Keras 2 counts the calls of a nested model from 1 everywhere, and does not wrap single tensors.
 */
static const char *part_names(const struct ls_model *model)
{
    static char names[64];
    names[0] = '\0';
    for (size_t p = 0; p < model->parts; p++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s ",
                 ls_part_name(&model->part[p]));
    return names;
}

/* Keras takes the outputs of a dictionary in the order of their names: the parts' order, by which
 * it finds weights, and the numbers of a nested model's results hang on it. */
static void unsorted_dictionaries(void **state)
{
    (void)state;
    char *json = round_trip("model:\n"
                            "  inputs: {x: {shape: 3}}\n"
                            "  layers:\n"
                            "    - Model:\n"
                            "        name: m\n"
                            "        inputs: {v: {shape: 3}}\n"
                            "        layers:\n"
                            "          - Dense: {units: 3, name: p}\n"
                            "          - Dense: {units: 3, name: q}\n"
                            "            from: v\n"
                            "        outputs: {z: p, a: q}\n"
                            "    - Dense: {units: 3, name: one}\n"
                            "      from: m:0\n"
                            "    - Dense: {units: 3, name: two}\n"
                            "      from: m:1\n"
                            "  outputs: {zz: one, mm: x, aa: two}\n");
    struct ls_model *model = read_json(json);
    assert_string_equal(part_names(model), "x m two one ");
    assert_string_equal(part_names(model->part[1].model), "v q p ");
    const char *const names[] = {"zz", "mm", "aa"}, *const layers[] = {"one", "x", "two"};
    for (size_t o = 0; o < 3; o++) {
        assert_string_equal(model->output_name[o], names[o]);
        assert_string_equal(model->layer[model->call[model->output[o].call].layer]->name,
                            layers[o]);
    }
    /* "two" comes before "one", and reads a, which is the first result to Keras */
    const char *a = strstr(json, "\"keras_history\": [\"m\", 0, 0]");
    const char *z = strstr(json, "\"keras_history\": [\"m\", 0, 1]");
    assert_true(a && z && a < z);
    ls_model_free(model);
    ls_release(json);
}

/* Outputs keep the names that the run file gives them, though to Keras they are a list. */
static void names_of_results(void **state)
{
    (void)state;
    char *json = round_trip("model:\n"
                            "  inputs: {x: {shape: 3}}\n"
                            "  layers:\n"
                            "    - Dense: {units: 2, name: a}\n"
                            "      as: first\n"
                            "    - Dense: {units: 1, name: b}\n"
                            "      as: second\n"
                            "  outputs: [second, first]\n");
    struct ls_model *model = read_json(json);
    assert_int_equal(model->output_structure, LS_STRUCTURE_LIST);
    assert_string_equal(model->output_name[0], "second");
    assert_string_equal(model->output_name[1], "first");
    assert_int_equal(ls_model_output_size(model, 1), 2);
    ls_model_free(model);
    ls_release(json);
}

#define TWO_OUTPUTS(names, outputs)                                                                \
    "{\"lockstep_outputs\": " names ", \"class_name\": \"Functional\", \"config\": {"              \
    "\"layers\": [{\"name\": \"x\", \"class_name\": \"InputLayer\", \"config\": "                  \
    "{\"name\": \"x\", \"batch_shape\": [null, 3]}, \"inbound_nodes\": []}],"                      \
    "\"input_layers\": [\"x\", 0, 0], \"output_layers\": " outputs "}}"
#define AS_LIST "[[\"x\", 0, 0], [\"x\", 0, 0]]"
#define AS_MAP  "{\"a\": [\"x\", 0, 0], \"b\": [\"x\", 0, 0]}"

static void wrong_names_of_results(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        TWO_OUTPUTS("[\"a\"]", AS_LIST),       TWO_OUTPUTS("\"a\"", AS_LIST),
        TWO_OUTPUTS("{\"a\": 1}", AS_LIST),    TWO_OUTPUTS("[\"a\", \"a\"]", AS_LIST),
        TWO_OUTPUTS("[\"a\", \"\"]", AS_LIST), TWO_OUTPUTS("[\"a\", \"c\"]", AS_MAP),
        TWO_OUTPUTS("[\"b\", \"b\"]", AS_MAP),
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct ls_tree *tree = json_tree(wrong[i]);
        struct ls_model *model;
        assert_int_equal(ls_model_from_keras(&model, tree), LS_BAD_INPUT);
        assert_null(model);
        assert_non_null(strstr(ls_message(), "expected a name for each of the model's outputs"));
        ls_tree_free(tree);
    }
    refuse(wrong[3],
           "net.json: lockstep_outputs[1]: expected a name for each of the model's outputs");
    ls_model_free(read_json(TWO_OUTPUTS("[\"b\", \"a\"]", AS_MAP)));
    ls_model_free(read_json(TWO_OUTPUTS("[\"p\", \"q\"]", AS_LIST)));
}

static void calls_of_keras_2(void **state)
{
    (void)state;
    static const char nested[] =
        "{\"class_name\": \"Functional\", \"config\": {\"name\": \"t\", \"layers\": [" INPUT
        ", " LAYER(
            "d",
            "[[[\"x\", 0, 0, {}]]]") "], \"input_layers\": [[\"x\", 0, 0]], "
                                     "\"output_layers\": [[\"d\", 0, 0]]}, \"name\": \"t\", \"inbound_nodes\": [[[\"x\", 0, 0, "
                                     "{\"training\": false}]]]}";
    struct ls_text json = {0};
    ls_text_append(&json,
                   "{\"class_name\": \"Functional\", \"config\": {\"name\": \"m\", \"layers\": "
                   "[%s, %s, %s], \"input_layers\": [[\"x\", 0, 0]], \"output_layers\": "
                   "[[\"e\", 0, 0], [\"t\", 1, 0]]}}",
                   INPUT, LAYER("e", "[[\"t\", 1, 0]]"), nested);
    struct ls_model *model = read_json(json.data);
    assert_int_equal(model->outputs, 2);
    assert_string_equal(model->output_name[1], "t");
    assert_true(model->call[1].inference);
    ls_model_free(model);
    ls_text_release(&json);
}

static void wrong_graphs(void **state)
{
    (void)state;
    refuse(MODEL(LAYER("a", NODE(TENSOR("y", "0"))), "[\"a\", 0, 0]"),
           "net.json: layers[1] inbound_nodes[0] args[0] __keras_tensor__ keras_history: "
           "there is no layer 'y'");
    refuse(MODEL(LAYER("a", NODE(TENSOR("x", "1"))), "[\"a\", 0, 0]"),
           "net.json: layers[1] inbound_nodes[0] args[0] __keras_tensor__ keras_history: "
           "layer 'x' has 1 call: there is no call 1");
    refuse(MODEL(LAYER("a", NODE("0.5")), "[\"a\", 0, 0]"),
           "net.json: layers[1] inbound_nodes[0] args[0]: a call with the constant "
           "0.5: only tensors are known here");
    refuse(MODEL(LAYER("a", NODE("{\"class_name\": \"__keras_tensor__\"}")), "[\"a\", 0, 0]"),
           "net.json: layers[1] inbound_nodes[0] args[0]: a tensor without "
           "keras_history");
    refuse(MODEL(LAYER("a", "[{\"kwargs\": {}}]"), "[\"a\", 0, 0]"),
           "net.json: layers[1] inbound_nodes[0]: expected a call: its args and "
           "kwargs");
    refuse(MODEL(LAYER("a", "[{\"args\": []}]"), "[\"a\", 0, 0]"),
           "net.json: layers[1] inbound_nodes[0]: a call without tensors");
    refuse(MODEL(LAYER("a", "[{\"args\": [" TENSOR("x", "0") "], \"kwargs\": {\"training\": "
                                                             "true}}]"),
                 "[\"a\", 0, 0]"),
           "net.json: layers[1] inbound_nodes[0] kwargs training: a call that is "
           "always training is not known here");
    refuse(MODEL(LAYER("a", "[{\"args\": [" TENSOR("x", "0") "], \"kwargs\": {\"mode\": 1}}]"),
                 "[\"a\", 0, 0]"),
           "net.json: layers[1] inbound_nodes[0] kwargs mode: argument 'mode' of a "
           "call is not known here");
    refuse(MODEL(LAYER("a", "[[[\"x\", 0]]]"), "[\"a\", 0, 0]"),
           "net.json: layers[1] inbound_nodes[0][0]: expected [layer, call, "
           "result]");
    refuse(MODEL(LAYER("x", NODE(TENSOR("x", "0"))), "[\"a\", 0, 0]"),
           "net.json: layers[1]: the name 'x' is used twice");
    refuse(MODEL(LAYER("a", NODE(TENSOR("x", "0"))), "[\"b\", 0, 0]"),
           "net.json: Functional output_layers: there is no layer 'b'");
    refuse(MODEL(LAYER("a", NODE(TENSOR("x", "0"))), "[]"),
           "net.json: Functional output_layers: a Functional model without outputs");
    refuse(MODEL(LAYER("a", NODE(TENSOR("b", "0"))) ", " LAYER("b", NODE(TENSOR("a", "0"))),
                 "[\"b\", 0, 0]"),
           "net.json: layers[1]: the model has a cycle: a <- b <- a");
    refuse(MODEL("{\"class_name\": \"Dense\"}", "[\"a\", 0, 0]"),
           "net.json: layers[1]: a layer without a name");
    refuse("{\"class_name\": \"Functional\", \"config\": 3}",
           "net.json: Functional: expected a map with layers and their calls");
    refuse("{\"class_name\": \"Other\", \"config\": {}}",
           "net.json: a model of class Other: Sequential and Functional models can be read");
}

#define IMAGES                                                                                      \
    "{\"class_name\": \"InputLayer\", \"config\": {\"name\": \"i\", \"batch_shape\": [null, 2, 2, " \
    "1]}, \"name\": \"i\", \"inbound_nodes\": []}"
#define OF(kind, options, name, calls)                                                             \
    "{\"class_name\": \"" kind "\", \"config\": {\"name\": \"" name                                \
    "\", \"trainable\": true, " options "}, \"name\": \"" name "\", \"inbound_nodes\": " calls "}"

/* As Keras 3.15 writes them: what augments images says that it is training, the weights of a count
 * are an argument of their own. SpatialDropout is written without `trainable`, which Keras' class
 * does not take. */
static void arguments_of_layers(void **state)
{
    (void)state;
    struct ls_model *model = read_json(
        "{\"class_name\": \"Functional\", \"config\": {\"name\": \"m\", \"layers\": [" INPUT
        ", " IMAGES
        ", " OF("RandomFlip", "\"mode\": \"vertical\"", "flip",
                "[{\"args\": [" TENSOR("i", "0") "], \"kwargs\": {\"training\": true}}]") ", " //
        OF("SpatialDropout2D", "\"rate\": 0.5", "drop", NODE(TENSOR("flip", "0"))) ", "        //
        OF("CategoryEncoding", "\"num_tokens\": 4, \"output_mode\": \"count\"", "count",
           "[{\"args\": [" TENSOR("x", "0") "], \"kwargs\": {\"count_weights\": " TENSOR(
               "x", "0") "}}]") "], \"input_layers\": [[\"x\", 0, 0], [\"i\", 0, 0]], "
                                "\"output_layers\": [[\"drop\", 0, 0], [\"count\", 0, 0]]}}");
    char *json = write_json(model);
    assert_int_equal(ls_model_output_size(model, 1), 4);
    assert_null(strstr(json, "\"training\""));
    if (!strstr(json, "\"name\": \"drop\", \"dtype\": \"float32\", \"rate\": 0.5") ||
        !strstr(json, "\"kwargs\": {\"count_weights\": {\"class_name\": \"__keras_tensor__\""))
        fail_msg("%s", json);
    ls_release(json);
    ls_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        leak_checked_test(calls_are_lists),        leak_checked_test(calls_are_nodes),
        leak_checked_test(second_results),         leak_checked_test(dictionaries),
        leak_checked_test(unsorted_dictionaries),  leak_checked_test(names_of_results),
        leak_checked_test(wrong_names_of_results), leak_checked_test(calls_of_keras_2),
        leak_checked_test(wrong_graphs),           leak_checked_test(arguments_of_layers),
    };
    return cmocka_run_group_tests_name("Keras' graphs", tests, start_kernels, NULL);
}
