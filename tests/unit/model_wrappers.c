/* Layers that hold a layer, in models: places in messages, Keras' configs and files. */
#include "unit/store_test.h"

#include "store/archive_weights.h"
#include "store/export.h"

/* -- in run files */

static void refuse(const char *yaml, const char *wanted)
{
    struct ls_tree *tree = yaml_tree(yaml);
    struct ls_model *model;
    ls_status status = ls_model_from_tree(&model, ls_tree_find(tree, "model"));
    if (status != LS_BAD_INPUT)
        fail_msg("%sstatus %d, expected: %s", yaml, status, wanted);
    assert_string_equal(ls_message(), wanted);
    ls_tree_free(tree);
}

#define HEAD                                                                                       \
    "model:\n"                                                                                     \
    "  input: {shape: [4, 2]}\n"                                                                   \
    "  layers:\n"

static void what_is_wrong_inside_has_a_place(void **state)
{
    (void)state;
    refuse(HEAD "    - TimeDistributed:\n        layer:\n          Dense: {unit: 3}\n",
           "run.yaml:6: layers[0] TimeDistributed layer Dense: unknown option 'unit' (did you mean "
           "'units'?)");
    refuse(HEAD "    - TimeDistributed: {layer: {Dens: {units: 3}}}\n",
           "run.yaml:4: layers[0] TimeDistributed layer: unknown layer 'Dens' (did you mean "
           "'Dense'?)");
    refuse(HEAD "    - TimeDistributed:\n        layer: {Reshape: {target_shape: [3]}}\n",
           "run.yaml:5: layers[0] TimeDistributed layer Reshape: target_shape: the 2 elements of a "
           "sample of (None, 2) do not fill it");
    refuse(HEAD "    - Flatten\n    - TimeDistributed: {layer: Flatten}\n",
           "run.yaml:5: layers[1] TimeDistributed: the input needs two axes beside the samples, "
           "the first of them for the steps, it is (None, 8)");
    refuse(HEAD "    - TimeDistributed: {layer: Add}\n",
           "run.yaml:4: layers[0] TimeDistributed layer Add: it takes at least 2 inputs, not 1");
    refuse(HEAD "    - Flatten\n    - Reshape: {target_shape: [4, 2]}\n    - Bidirectional:\n"
                "        layer:\n          LSTM: {unit: 3}\n",
           "run.yaml:8: layers[2] Bidirectional layer LSTM: unknown option 'unit' (did you mean "
           "'units'?)");
    refuse(HEAD "    - Bidirectional: {layer: {Dense: {units: 3}}}\n",
           "run.yaml:4: layers[0] Bidirectional: it takes a recurrent layer (SimpleRNN, LSTM, "
           "GRU), not Dense");
    refuse("model:\n  input: {shape: [2, 3, 4, 5]}\n  layers:\n    - Masking\n"
           "    - TimeDistributed: {layer: {Reshape: {target_shape: [12, 5]}}}\n"
           "    - TimeDistributed: {layer: {LSTM: {units: 3}}}\n",
           "run.yaml:6: layers[2] TimeDistributed: the input is (None, 2, 12, 5), but its mask is "
           "(None, 2, 3, 4): it takes a mask of all axes but the last");
    /* A TimeDistributed hands its input's mask on, as Keras' does, which fails then too. */
    static const char *const readers[] = {"LSTM: {units: 2}", "GlobalAveragePooling1D: {}",
                                          "BatchNormalization: {}"};
    static const char *const kinds[] = {"LSTM", "GlobalAveragePooling1D", "BatchNormalization"};
    for (size_t i = 0; i < 3; i++) {
        char yaml[256], wanted[256];
        snprintf(yaml, sizeof yaml,
                 "model:\n  input: {shape: [5, 4, 3]}\n  layers:\n    - Masking\n"
                 "    - TimeDistributed: {layer: {LSTM: {units: 2}}}\n    - %s\n",
                 readers[i]);
        snprintf(wanted, sizeof wanted,
                 "run.yaml:6: layers[2] %s: the input is (None, 5, 2), but its mask is (None, 5, "
                 "4): it takes a mask of all axes but the last",
                 kinds[i]);
        refuse(yaml, wanted);
    }
}

static void models_inside_are_refused(void **state)
{
    static const char *const inside[] = {"{Model: {layers: [Flatten]}}", "Sequential",
                                         "{class_name: Functional, config: {}}"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        char yaml[256];
        snprintf(yaml, sizeof yaml, HEAD "    - TimeDistributed: {layer: %s}\n", inside[i]);
        refuse(yaml, "run.yaml:4: layers[0] TimeDistributed layer: TimeDistributed of a model is "
                     "not supported: apply it to the model's layers, one by one");
    }
}

/* -- Keras' configs */

#define SERIES(layer)                                                                              \
    "{\"class_name\": \"Sequential\", \"config\": {\"layers\": [{\"class_name\": \"InputLayer\", " \
    "\"config\": {\"batch_shape\": [null, 4, 2]}}, {\"class_name\": \"TimeDistributed\", "         \
    "\"config\": {\"name\": \"steps\", \"layer\": " layer "}}]}}"

static void read_one(const char *json)
{
    struct ls_model *model = NULL;
    struct ls_tree *config = json_tree(json);
    assert_ok(ls_model_from_keras(&model, config));
    ls_tree_free(config);
    assert_ok(ls_model_build(model));
    const struct ls_layer *layer = model->layer[1];
    assert_string_equal(layer->name, "steps");
    assert_string_equal(layer->variable[0].name, "each/kernel");
    assert_int_equal(layer->variable[0].shape.size[1], 3);
    assert_true(layer->trainable && !layer->variable[0].trainable);
    ls_model_free(model);
}

static void what_keras_writes_is_read(void **state)
{
    (void)state;
    read_one(SERIES("{\"module\": \"keras.layers\", \"class_name\": \"Dense\", \"config\": "
                    "{\"name\": \"each\", \"trainable\": false, \"dtype\": {\"module\": "
                    "\"keras\", \"class_name\": \"DTypePolicy\", \"config\": {\"name\": "
                    "\"float32\"}, \"registered_name\": null}, \"units\": 3, \"activation\": "
                    "\"softmax\", \"kernel_initializer\": {\"module\": \"keras.initializers\", "
                    "\"class_name\": \"GlorotUniform\", \"config\": {\"seed\": null, "
                    "\"input_axes\": null}, \"registered_name\": null}, \"quantization_config\": "
                    "null}, \"registered_name\": null, \"build_config\": {\"input_shape\": [null, "
                    "2]}}"));
    read_one(SERIES("{\"class_name\": \"Dense\", \"config\": {\"name\": \"each\", "
                    "\"trainable\": false, \"dtype\": \"float32\", \"units\": 3, "
                    "\"batch_input_shape\": [null, 4, 2], \"activity_regularizer\": null}}"));
}

static void assert_refused(const char *json, const char *message)
{
    struct ls_model *model = NULL;
    struct ls_tree *config = json_tree(json);
    assert_fails(ls_model_from_keras(&model, config), LS_BAD_INPUT, message);
    ls_tree_free(config);
}

static void what_is_not_known_inside_is_refused(void **state)
{
    (void)state;
    assert_refused(
        SERIES("{\"class_name\": \"Densee\", \"config\": {\"units\": 3}}"),
        "net.json: layers[1] TimeDistributed layer: Keras layer Densee is not known here (did you "
        "mean 'Dense'?)");
    assert_refused(
        SERIES("{\"module\": \"keras\", \"class_name\": \"Sequential\", \"config\": "
               "{\"layers\": []}}"),
        "net.json: layers[1] TimeDistributed layer: TimeDistributed of a model is not supported: "
        "apply it to the model's layers, one by one");
    assert_refused(
        SERIES("{\"class_name\": \"Dense\", \"config\": {\"units\": 3, \"dtype\": "
               "\"float16\"}}"),
        "net.json: layers[1] TimeDistributed layer Dense dtype: dtype 'float16': layers compute "
        "in float32");
}

/* -- files */

static const char model_text[] =
    "model: {name: m, layers: [Input: {shape: [4, 2]}, TimeDistributed: {layer: {Dense: {units: 3, "
    "name: a}}, name: outer}, TimeDistributed: {layer: {Reshape: {target_shape: [3, 1]}}}, "
    "TimeDistributed: {layer: {TimeDistributed: {layer: {Dense: {units: 2}}}}, trainable: false}, "
    "Reshape: {target_shape: [4, 6]}, Bidirectional: {layer: {LSTM: {units: 2}}, name: both}, "
    "Dense: {units: 1}]}";

static void weights_come_back_from_all_files(void **state)
{
    static const char *const names[] = {"a.keras", "a.h5"};
    (void)state;
    struct ls_model *model = make_model(model_text);
    struct ls_checkpoint made = {.model = model};
    for (size_t i = 0; i < 2; i++) {
        struct ls_checkpoint back;
        assert_ok(ls_export(&made, names[i], false));
        assert_ok(ls_checkpoint_read(&back, names[i]));
        assert_int_equal(back.model->floats, model->floats);
        assert_floats(back.model->weights, model->weights, model->floats);
        ls_checkpoint_release(&back);
    }
    ls_model_free(model);
}

/* Keras' own .h5 of such a model predicts otherwise when Keras reads it. */
static void adapted_inside_is_for_archives(void **state)
{
    (void)state;
    static const struct {
        const char *layer;
        ls_status h5;
    } cases[] = {{"TimeDistributed: {layer: Normalization, name: steps}", LS_BAD_INPUT},
                 {"TimeDistributed: {layer: {Normalization: {mean: 1, variance: 4}}}", LS_OK},
                 {"Normalization: {}", LS_OK}};
    for (size_t i = 0; i < 3; i++) {
        char yaml[256];
        struct ls_model *model;
        snprintf(yaml, sizeof yaml, HEAD "    - %s\n", cases[i].layer);
        struct ls_tree *tree = yaml_tree(yaml);
        assert_ok(ls_model_from_tree(&model, ls_tree_find(tree, "model")));
        assert_ok(ls_model_build(model));
        assert_ok(ls_model_initialize(model, 1));
        const struct ls_checkpoint made = {.model = model};
        assert_ok(ls_export(&made, "adapted.keras", false));
        assert_int_equal(ls_export(&made, "adapted.h5", false), cases[i].h5);
        if (cases[i].h5 != LS_OK)
            assert_string_equal(ls_message(),
                                "layer 'steps' (TimeDistributed): Keras would read a .h5, but "
                                "predict as before the layer in it was adapted to the data: "
                                "export a .keras");
        ls_model_free(model);
        ls_tree_free(tree);
    }
}

static void assert_numbers(const struct ls_h5 *h5, const char *object, const char *attribute,
                           const char *wanted)
{
    struct ls_texts found;
    assert_ok(attribute ? ls_h5_read_texts(h5, object, attribute, &found)
                        : ls_h5_list(h5, object, &found));
    struct ls_text all = {0};
    for (size_t i = 0; i < found.count; i++)
        ls_text_append(&all, "%s%s", i ? " " : "", found.text[i]);
    assert_string_equal(all.data ? all.data : "", wanted);
    ls_text_release(&all);
    ls_texts_release(&found);
}

static void weights_stand_where_keras_looks(void **state)
{
    (void)state;
    struct ls_model *model = make_model(model_text);
    struct ls_checkpoint made = {.model = model};
    struct ls_archive archive;
    struct ls_archive_weights weights;
    struct ls_h5 h5;
    assert_ok(ls_export(&made, "a.keras", false));
    assert_ok(ls_archive_open(&archive, "a.keras"));
    assert_ok(ls_archive_weights_open(&weights, &archive));
    assert_numbers(
        &weights.h5, "/layers", NULL,
        "bidirectional dense reshape time_distributed time_distributed_1 time_distributed_2");
    assert_numbers(&weights.h5, "/layers/time_distributed", NULL, "layer vars");
    assert_numbers(&weights.h5, "/layers/time_distributed/layer/vars", NULL, "0 1");
    assert_numbers(&weights.h5, "/layers/bidirectional/forward_layer/cell/vars", NULL, "0 1 2");
    assert_numbers(&weights.h5, "/layers/bidirectional/backward_layer/cell/vars", NULL, "0 1 2");
    assert_numbers(&weights.h5, "/layers/time_distributed_2/layer/layer/vars", NULL, "0 1");
    ls_archive_weights_close(&weights);
    ls_archive_close(&archive);
    assert_ok(ls_export(&made, "a.h5", false));
    assert_ok(ls_h5_open(&h5, "a.h5"));
    assert_numbers(&h5, "/model_weights/outer", "weight_names", "m/outer/a/kernel m/outer/a/bias");
    assert_numbers(&h5, "/model_weights/both", "weight_names",
                   "m/both/forward_lstm/lstm_cell/kernel "
                   "m/both/forward_lstm/lstm_cell/recurrent_kernel "
                   "m/both/forward_lstm/lstm_cell/bias m/both/backward_lstm/lstm_cell/kernel "
                   "m/both/backward_lstm/lstm_cell/recurrent_kernel "
                   "m/both/backward_lstm/lstm_cell/bias");
    ls_h5_close(&h5);
    ls_model_free(model);
}

static void memory_that_runs_out_leaves_nothing(void **state)
{
    (void)state;
    struct ls_tree *tree = yaml_tree(model_text), *config = NULL;
    struct ls_model *model = NULL, *back = NULL;
    ls_status status = LS_FAILED;
    for (long n = 1; status != LS_OK; n++) {
        ls_memory_fail_at(n);
        status = ls_model_from_tree(&model, ls_tree_find(tree, "model"));
        ls_memory_fail_at(0);
        assert_true(status == LS_OK || status == LS_FAILED);
    }
    assert_ok(ls_model_initialize(model, 1));
    status = LS_FAILED;
    for (long n = 1; status != LS_OK; n++) {
        ls_memory_fail_at(n);
        status = ls_model_to_keras(model, &config);
        ls_memory_fail_at(0);
        assert_true(status == LS_OK || status == LS_FAILED);
    }
    status = LS_FAILED;
    for (long n = 1; status != LS_OK; n++) {
        ls_memory_fail_at(n);
        status = ls_model_from_keras(&back, config);
        ls_memory_fail_at(0);
        assert_true(status == LS_OK || status == LS_FAILED);
    }
    ls_tree_free(config);
    ls_model_free(back);
    ls_model_free(model);
    ls_tree_free(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(what_is_wrong_inside_has_a_place),
        scratch_test(models_inside_are_refused),
        scratch_test(what_keras_writes_is_read),
        scratch_test(adapted_inside_is_for_archives),
        scratch_test(what_is_not_known_inside_is_refused),
        scratch_test(weights_come_back_from_all_files),
        scratch_test(weights_stand_where_keras_looks),
        scratch_test(memory_that_runs_out_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, start_kernels, NULL);
}
