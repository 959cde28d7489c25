/* Recurrent layers in Keras' configs: states that a call is given, what Keras says of every call,
 * and Keras 2's options. */
#include "unit/store_test.h"

static struct ls_model *read_json(const char *json)
{
    struct ls_tree *tree;
    struct ls_model *model = NULL;
    assert_ok(ls_tree_parse_json(&tree, json, strlen(json), "net.json"));
    assert_ok(ls_model_from_keras(&model, tree));
    assert_ok(ls_model_build(model));
    ls_tree_free(tree);
    return model;
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

#define LAYER(class, name, options, calls)                                                         \
    "{\"class_name\": \"" class "\", \"name\": \"" name "\", \"config\": {\"name\": \"" name       \
                                "\"" options "}, \"inbound_nodes\": " calls "}"
#define TENSOR(layer, result)                                                                      \
    "{\"class_name\": \"__keras_tensor__\", \"config\": {\"keras_history\": [\"" layer             \
    "\", 0, " result "]}}"
#define INPUT(name, shape) LAYER("InputLayer", name, ", \"batch_shape\": [null, " shape "]", "[]")
/* An encoder whose states the decoder begins with, in a call that is written so. */
#define DECODER(call)                                                                                    \
    "{\"class_name\": \"Functional\", \"config\": {\"name\": \"net\", \"layers\": [" INPUT(              \
        "x",                                                                                             \
        "6, 3") ", " INPUT("y",                                                                          \
                           "4, 2") ", " LAYER("LSTM", "encode",                                          \
                                              ", \"units\": 5, \"return_state\": true",                  \
                                              "[{\"args\": [" TENSOR(                                    \
                                                  "x",                                                   \
                                                  "0") "], \"kwargs\": {\"training\": false, \"mask\": " \
                                                       "null}}]") ", " LAYER("LSTM", "decode",           \
                                                                             ", \"units\": 5",           \
                                                                             "[" call                    \
                                                                             "]") "], \"input_layers\": [[\"x\", 0, 0], [\"y\", 0, 0]], \"output_layers\": [\"decode\", 0, 0]}}"

static void check_states(const char *json)
{
    struct ls_model *model = read_json(json);
    const struct ls_use *decode = &model->use[model->result[0].call];
    if (decode->inputs != 3)
        fail_msg("%s: the decoder has %zu inputs, expected 3", json, decode->inputs);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(decode->in[i].output, i);
    for (size_t u = 0; u < model->uses; u++)
        assert_false(model->use[u].inference);
    char *first = write_json(model);
    assert_non_null(strstr(first, "[\"y\", 0, 0]}}, [{\"class_name\": \"__keras_tensor__\""));
    struct ls_model *again = read_json(first);
    char *second = write_json(again);
    assert_string_equal(first, second);
    ls_release(first);
    ls_release(second);
    ls_model_free(again);
    ls_model_free(model);
}

static void states_are_read_however_they_stand(void **state)
{
    (void)state;
    check_states(
        DECODER("{\"args\": [" TENSOR("y", "0") "], \"kwargs\": {\"initial_state\": [" TENSOR(
            "encode", "1") ", " TENSOR("encode", "2") "]}}"));
    check_states(DECODER("{\"args\": [" TENSOR("y", "0") ", [" TENSOR("encode", "1") ", " TENSOR(
        "encode", "2") "]], \"kwargs\": {}}"));
    check_states(DECODER("[[\"y\", 0, 0, {}], [\"encode\", 0, 1, {}], [\"encode\", 0, 2, {}]]"));
}

/* Without states calls stay lists, which Keras 2 reads; training false alone is the user's. */
static void calls_without_states_are_lists(void **state)
{
    (void)state;
    struct ls_model *model = read_json(
        "{\"class_name\": \"Functional\", \"config\": {\"name\": \"net\", \"layers\": [" INPUT(
            "y",
            "4, 2") ", " LAYER("LSTM", "decode", ", \"units\": 5",
                               "[{\"args\": [" TENSOR(
                                   "y",
                                   "0") "], \"kwargs\": "
                                        "{\"training\": false}}]") "], \"input_layers\": [[\"y\", 0, 0]], \"output_layers\": [\"decode\", 0, 0]}}");
    assert_true(model->use[model->result[0].call].inference);
    char *json = write_json(model);
    assert_non_null(strstr(json, "[[[\"y\", 0, 0, {\"training\": false}]]]"));
    ls_release(json);
    ls_model_free(model);
}

/* What Keras 2 writes beside; none of it is written again, nor what only Keras 3 knows. */
static void keras_2_options(void **state)
{
    (void)state;
    struct ls_model *model = read_json(
        "{\"class_name\": \"Sequential\", \"config\": {\"name\": \"net\", \"layers\": "
        "[{\"class_name\": \"GRU\", \"config\": {\"name\": \"gru\", \"trainable\": true, "
        "\"batch_input_shape\": [null, 6, 3], \"dtype\": \"float32\", \"return_sequences\": false, "
        "\"return_state\": false, \"go_backwards\": false, \"stateful\": false, \"unroll\": false, "
        "\"time_major\": false, \"units\": 4, \"activation\": \"tanh\", \"recurrent_activation\": "
        "\"sigmoid\", \"use_bias\": true, \"dropout\": 0.0, \"recurrent_dropout\": 0.0, "
        "\"implementation\": 2, \"reset_after\": true}}]}}");
    char *json = write_json(model);
    assert_int_equal(model->layer[model->layers - 1]->variable[2].shape.rank, 2);
    assert_null(strstr(json, "time_major"));
    assert_null(strstr(json, "implementation"));
    assert_null(strstr(json, "zero_output_for_mask"));
    assert_null(strstr(json, "seed\": null, \"reset"));
    assert_non_null(strstr(json, "\"reset_after\": true"));
    ls_release(json);
    ls_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        leak_checked_test(states_are_read_however_they_stand),
        leak_checked_test(calls_without_states_are_lists),
        leak_checked_test(keras_2_options),
    };
    return cmocka_run_group_tests_name("recurrent layers in Keras' graphs", tests, start_kernels,
                                       NULL);
}
