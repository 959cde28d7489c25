/* Calls with arguments of their own: in run files, in the graph, in Keras' configs. */
#include "unit/store_test.h"

#include "base/memory.h"
#include "model/graph.h"

static struct ls_model *parse(const char *yaml)
{
    struct ls_tree *tree;
    struct ls_model *model;
    assert_ok(ls_tree_parse_yaml(&tree, yaml, strlen(yaml), "run.yaml"));
    assert_ok(ls_model_from_tree(&model, tree));
    model->source = tree;
    return model;
}

static const struct ls_attention_flags {
    bool causal, scores;
} * flags_of(const struct ls_graph_call *call)
{
    return call->shapes.arguments;
}

/* A layer that is called twice, in a nested model, each time with other arguments. */
static const char shared[] =
    "inputs: {x: {shape: [4, 2]}, mask: {shape: [4, 4]}}\n"
    "layers:\n"
    "  - Model:\n"
    "      name: inner\n"
    "      inputs: {y: {shape: [4, 2]}}\n"
    "      layers:\n"
    "        - MultiHeadAttention: {num_heads: 1, key_dim: 2, name: heads}\n"
    "          from: [y, y]\n"
    "          call: {use_causal_mask: true}\n"
    "        - apply: heads\n"
    "          from: [heads, y]\n"
    "          as: second\n"
    "          call: {return_attention_scores: true, training: false}\n"
    "      outputs: [second, 'second:1']\n"
    "    from: x\n"
    "  - MultiHeadAttention: {num_heads: 2, key_dim: 2, dropout: 0.5, name: named}\n"
    "    from: inner\n"
    "    call: {value: x, key: inner, attention_mask: mask}\n"
    "  - MultiHeadAttention: {num_heads: 1, key_dim: 1, name: all}\n"
    "    from: []\n"
    "    call: {value: x, query: named}\n"
    "outputs: [all, 'inner:1']\n";

static void check_shared(const struct ls_model *model)
{
    const struct ls_graph_call *call = model->call + 2; /* behind the inputs */
    assert_int_equal(model->calls, 6);
    assert_true(flags_of(&call[0])->causal && !flags_of(&call[0])->scores && !call[0].inference);
    assert_true(!flags_of(&call[1])->causal && flags_of(&call[1])->scores && call[1].inference);
    assert_int_equal(call[0].shapes.outputs, 1);
    assert_int_equal(call[1].shapes.outputs, 2);
    /* query, then by the names' order: attention_mask, key, value */
    static const uint8_t named[] = {0, 3, 2, 1}, all[] = {0, 1};
    assert_int_equal(call[2].shapes.inputs, 4);
    assert_memory_equal(call[2].shapes.name_of, named, sizeof named);
    assert_int_equal(call[3].shapes.inputs, 2);
    assert_memory_equal(call[3].shapes.name_of, all, sizeof all);
    assert_true(!flags_of(&call[2])->causal && !flags_of(&call[2])->scores);
    assert_int_equal(call[2].in[1].call, 1); /* the mask */
    assert_int_equal(call[2].in[3].call, 0); /* x */
}

static char *to_json(const struct ls_model *model)
{
    struct ls_tree *config;
    struct ls_text text = {0};
    assert_ok(ls_model_to_keras(model, &config));
    ls_tree_format_json(&text, config);
    ls_tree_free(config);
    return text.data;
}

static struct ls_model *from_json(const char *json)
{
    struct ls_tree *tree;
    struct ls_model *model;
    assert_ok(ls_tree_parse_json(&tree, json, strlen(json), NULL));
    assert_ok(ls_model_from_keras(&model, tree));
    ls_tree_free(tree);
    return model;
}

static void expect_part(const char *json, const char *part)
{
    if (!strstr(json, part))
        fail_msg("expected in the config: %s\nfound: %s", part, json);
}

/* Run file, graph, Keras' config, graph again, and once more from a copy that was built before. */
static void test_shared(void **state)
{
    (void)state;
    struct ls_model *model = parse(shared);
    check_shared(model);
    char *json = to_json(model);
    expect_part(json, "\"kwargs\": {\"use_causal_mask\": true}}");
    expect_part(json, "\"kwargs\": {\"return_attention_scores\": true, \"training\": false}}");
    expect_part(json,
                "\"args\": [], \"kwargs\": {\"query\": {\"class_name\": \"__keras_tensor__\"");
    expect_part(json, "\"kwargs\": {\"attention_mask\": {\"class_name\": \"__keras_tensor__\"");
    struct ls_model *again = from_json(json);
    assert_ok(ls_model_build(again));
    check_shared(again);
    char *second = to_json(again);
    assert_string_equal(json, second);
    ls_model_unbuild(again);
    assert_ok(ls_model_build(again));
    check_shared(again);
    assert_ok(ls_model_cut(again, "named"));
    assert_ok(ls_model_build(again));
    assert_int_equal(again->calls, 5);
    ls_release(json);
    ls_release(second);
    ls_model_free(model);
    ls_model_free(again);
}

/* In lists Keras takes the arguments of the last tensor, so that they stand with each. */
static void test_lists(void **state)
{
    (void)state;
    struct ls_model *model = parse("inputs: {x: {shape: [4, 2]}}\n"
                                   "layers:\n"
                                   "  - Attention: {name: a}\n"
                                   "    from: [x, x]\n"
                                   "    call: {use_causal_mask: true, training: false}\n");
    char *json = to_json(model);
    expect_part(json, "[[[\"x\", 0, 0, {\"use_causal_mask\": true, \"training\": false}], "
                      "[\"x\", 0, 0, {\"use_causal_mask\": true, \"training\": false}]]]");
    struct ls_model *again = from_json(json);
    assert_ok(ls_model_build(again));
    assert_true(flags_of(&again->call[1])->causal && again->call[1].inference);
    char *second = to_json(again);
    assert_string_equal(json, second);
    ls_release(json);
    ls_release(second);
    ls_model_free(model);
    ls_model_free(again);
}

/* Keras 2's lists: what is no query stands in the map behind it. */
static void test_keras_2(void **state)
{
    static const char json[] =
        "{\"class_name\": \"Functional\", \"config\": {\"name\": \"m\", \"layers\": ["
        "{\"class_name\": \"InputLayer\", \"config\": {\"batch_input_shape\": [null, 3, 2], "
        "\"name\": \"x\"}, \"name\": \"x\", \"inbound_nodes\": []}, "
        "{\"class_name\": \"MultiHeadAttention\", \"config\": {\"name\": \"a\", \"num_heads\": 1, "
        "\"key_dim\": 2, \"query_shape\": [null, 3, 2], \"key_shape\": [null, 3, 2], "
        "\"value_shape\": [null, 3, 2]}, \"name\": \"a\", \"inbound_nodes\": [[[\"x\", 0, 0, "
        "{\"value\": [\"x\", 0, 0], \"use_causal_mask\": true, \"key\": null}]]]}], "
        "\"input_layers\": [[\"x\", 0, 0]], \"output_layers\": [[\"a\", 0, 0]]}}";
    (void)state;
    struct ls_model *model = from_json(json);
    assert_ok(ls_model_build(model));
    assert_int_equal(model->call[1].shapes.inputs, 2);
    assert_true(flags_of(&model->call[1])->causal);
    ls_model_free(model);
}

/* What a run file calls results is beside Keras' config, and a copy of the model has it. */
static void test_names(void **state)
{
    (void)state;
    static const char *const names[] = {"x", "one", "a/1", "second", "b"};
    struct ls_model *model = parse("inputs: {x: {shape: 2}}\n"
                                   "layers:\n"
                                   "  - Dense: {units: 2, name: a}\n"
                                   "    as: one\n"
                                   "  - apply: a\n"
                                   "  - apply: a\n"
                                   "    as: second\n"
                                   "  - Dense: {units: 2, name: b}\n");
    char *json = to_json(model);
    expect_part(json, "\"lockstep_results\": {\"one\": \"a\", \"second\": \"a/2\"}");
    struct ls_model *again = from_json(json);
    for (size_t u = 0; u < again->uses; u++)
        assert_string_equal(again->use[u].name, names[u]);
    char *second = to_json(again);
    assert_string_equal(json, second);
    ls_release(json);
    ls_release(second);
    ls_model_free(model);
    ls_model_free(again);
}

static void refuse(const char *layers, const char *wanted)
{
    struct ls_tree *tree;
    struct ls_model *model;
    char yaml[1024];
    snprintf(yaml, sizeof yaml, "inputs: {x: {shape: [3, 2]}}\nlayers:\n%s", layers);
    assert_ok(ls_tree_parse_yaml(&tree, yaml, strlen(yaml), "run.yaml"));
    assert_int_equal(ls_model_from_tree(&model, tree), LS_BAD_INPUT);
    assert_string_equal(ls_message(), wanted);
    ls_tree_free(tree);
}

#define HEADS "  - MultiHeadAttention: {num_heads: 1, key_dim: 2}\n"

static void test_refused(void **state)
{
    (void)state;
    refuse("  - Dense: {units: 1}\n    call: {use_causal_mask: true}\n",
           "run.yaml:4: [0] call: unknown key 'use_causal_mask'; known: training");
    refuse(HEADS "    from: [x, x]\n    call: {causal: true}\n",
           "run.yaml:5: [0] call: unknown key 'causal'; known: training, query, value, key, "
           "attention_mask, use_causal_mask, return_attention_scores");
    refuse(HEADS "    from: [x, x]\n    call: {use_causal_mask: 3}\n",
           "run.yaml:5: [0] call use_causal_mask: expected true or false, found '3'");
    refuse(HEADS "    from: [x, x]\n    call: {attention_mask: mask}\n",
           "run.yaml:5: [0] call attention_mask: nothing is named 'mask' in this model");
    refuse(HEADS "    from: x\n",
           "run.yaml:3: [0] MultiHeadAttention: it takes at least 2 inputs, not 1");
    refuse(HEADS "    from: x\n    call: {key: x}\n",
           "run.yaml:3: [0] MultiHeadAttention: its call has no 'value'");
    refuse(HEADS "    from: []\n    call: {training: false}\n",
           "run.yaml:3: [0] MultiHeadAttention: it takes at least 2 inputs, not 0");
    refuse(HEADS "    from: [x, x, x, x]\n",
           "run.yaml:3: [0] MultiHeadAttention: it takes at most 3 inputs, not 4");
    refuse(HEADS "    from: []\n",
           "run.yaml:4: [0] from: expected the names of what the layer comes from");
    refuse("  - LSTM: {units: 2}\n    call: {initial_states: [x, x]}\n",
           "run.yaml:4: [0] call: unknown key 'initial_states' (did you mean 'initial_state'?)");
    refuse("  - LSTM: {units: 2}\n    call: {initial_state: [x, h]}\n",
           "run.yaml:4: [0] call initial_state[1]: nothing is named 'h' in this model");
    refuse("  - LSTM: {units: 2}\n    from: [x, x]\n    call: {initial_state: x}\n",
           "run.yaml:5: [0] call initial_state: 'initial_state' stands beside one input in order, "
           "the sequence, not 2");
    refuse(HEADS "    from: x\n    call: {value: [x, x]}\n",
           "run.yaml:5: [0] call value: 'value' is one tensor, not 2");
    refuse(HEADS "    from: x\n    call: [x]\n",
           "run.yaml:5: [0] call: expected a map of arguments of the call");
}

static void test_too_many(void **state)
{
    (void)state;
    struct ls_text yaml = {0};
    struct ls_tree *tree;
    struct ls_model *model;
    ls_text_append(&yaml, "inputs: {x: {shape: 3}}\nlayers:\n");
    for (int i = 0; i < LS_LAYERS_MAX; i++)
        ls_text_append(&yaml, "  - Flatten\n");
    assert_ok(ls_tree_parse_yaml(&tree, yaml.data, yaml.length, "run.yaml"));
    assert_fails(ls_model_from_tree(&model, tree), LS_BAD_INPUT,
                 "run.yaml:2: layers: more than 10000 calls of layers");
    ls_tree_free(tree);
    ls_text_release(&yaml);
}

/* A call of MultiHeadAttention as Keras 3 writes it. */
static void refuse_keras(const char *arguments, const char *wanted)
{
    static const char format[] =
        "{\"class_name\": \"Functional\", \"config\": {\"name\": \"m\", \"layers\": ["
        "{\"class_name\": \"InputLayer\", \"config\": {\"batch_shape\": [null, 3, 2], \"name\": "
        "\"x\"}, \"name\": \"x\", \"inbound_nodes\": []}, "
        "{\"class_name\": \"MultiHeadAttention\", \"config\": {\"name\": \"a\", \"num_heads\": 1, "
        "\"key_dim\": 2}, \"name\": \"a\", \"inbound_nodes\": [{%s}]}], "
        "\"input_layers\": [[\"x\", 0, 0]], \"output_layers\": [[\"a\", 0, 0]]}}";
    struct ls_tree *tree;
    struct ls_model *model;
    char json[2048];
    snprintf(json, sizeof json, format, arguments);
    assert_ok(ls_tree_parse_json(&tree, json, strlen(json), NULL));
    assert_int_equal(ls_model_from_keras(&model, tree), LS_BAD_INPUT);
    if (!strstr(ls_message(), wanted))
        fail_msg("found: %s\nexpected: %s", ls_message(), wanted);
    ls_tree_free(tree);
}

#define X                                                                                          \
    "{\"class_name\": \"__keras_tensor__\", \"config\": {\"shape\": [null, 3, 2], "                \
    "\"keras_history\": [\"x\", 0, 0]}}"

static void test_refused_keras(void **state)
{
    (void)state;
    refuse_keras("\"args\": [" X ", " X ", null, " X "], \"kwargs\": {}",
                 "argument 3 of a call of MultiHeadAttention is known here by its name only");
    refuse_keras("\"args\": [" X "], \"kwargs\": {\"value_mask\": " X "}",
                 "argument 'value_mask' of a call is not known here");
    refuse_keras("\"args\": [" X "], \"kwargs\": {\"value\": [" X ", " X "]}",
                 "argument 'value' of a call: expected one tensor");
    refuse_keras("\"args\": [], \"kwargs\": {}", "a call without tensors");
}

static void test_refused_names(void **state)
{
    (void)state;
    struct ls_model *model = parse("inputs: {x: {shape: 2}}\nlayers: [Flatten]\n");
    struct ls_tree *config;
    assert_ok(ls_model_to_keras(model, &config));
    ls_model_free(model);
    assert_non_null(ls_tree_add(config, "lockstep_results", LS_TREE_LIST));
    assert_fails(ls_model_from_keras(&model, config), LS_BAD_INPUT,
                 "lockstep_results: expected a map of names of results");
    ls_tree_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shared),        cmocka_unit_test(test_keras_2),
        cmocka_unit_test(test_lists),         cmocka_unit_test(test_refused),
        cmocka_unit_test(test_refused_keras), cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_names),         cmocka_unit_test(test_refused_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
