/* .keras archives: what we write for Keras, and archives that are not right. */
#include "unit/store_test.h"

#include "store/archive_weights.h"
#include "store/export.h"
#include "store/keras_archive.h"
#include "store/keras_compile.h"
#include "store/keras_groups.h"

static struct ls_texts list(const char *const *names, size_t count)
{
    return (struct ls_texts){(char **)names, count};
}

static void assert_members(const struct ls_h5 *h5, const char *group, const struct ls_texts *names)
{
    struct ls_texts found;
    assert_ok(ls_h5_list(h5, group, &found));
    assert_int_equal(found.count, names->count);
    for (size_t i = 0; i < names->count; i++)
        assert_string_equal(found.text[i], names->text[i]);
    ls_texts_release(&found);
}

static void layers_stand_where_keras_looks(void **state)
{
    (void)state;
    struct ls_model *model = make_model(SMALL_MODEL);
    struct ls_checkpoint made = {.model = model};
    struct ls_archive archive;
    struct ls_archive_weights weights;
    assert_ok(ls_export(&made, "a.keras", false));
    assert_ok(ls_archive_open(&archive, "a.keras"));
    assert_ok(ls_archive_weights_open(&weights, &archive));
    const struct ls_texts top = list((const char *const[]){"layers", "optimizer", "vars"}, 3),
                          layers = list(
                              (const char *const[]){"dense", "dense_1", "dropout", "normalization"},
                              4),
                          three = list((const char *const[]){"0", "1", "2"}, 3),
                          slots = list((const char *const[]){"0", "1", "2", "3"}, 4);
    assert_members(&weights.h5, "/", &top);
    assert_members(&weights.h5, "/layers", &layers);
    assert_members(&weights.h5, "/layers/normalization/vars", &three);
    assert_members(&weights.h5, "/optimizer/vars", &slots); /* of the kernel and bias that train */
    ls_archive_weights_close(&weights);
    ls_archive_close(&archive);
    ls_model_free(model);
}

/* A recurrent layer's weights are in its cell, whose name is in .h5 files. */
static void cells_stand_in_their_layers(void **state)
{
    (void)state;
    struct ls_model *model = make_model("model: {name: m, layers: [Input: {shape: [4, 3]}, LSTM: "
                                        "{units: 2, use_bias: false, name: r}]}");
    struct ls_checkpoint made = {.model = model}, back;
    const struct ls_texts of_layer = list((const char *const[]){"cell", "vars"}, 2),
                          of_cell = list((const char *const[]){"0", "1"}, 2), none = {0};
    struct ls_archive archive;
    struct ls_archive_weights weights;
    struct ls_h5 h5;
    bool found;
    assert_ok(ls_export(&made, "a.keras", false));
    assert_ok(ls_archive_open(&archive, "a.keras"));
    assert_ok(ls_archive_weights_open(&weights, &archive));
    assert_members(&weights.h5, "/layers/lstm", &of_layer);
    assert_members(&weights.h5, "/layers/lstm/cell/vars", &of_cell);
    assert_members(&weights.h5, "/layers/lstm/vars", &none);
    ls_archive_weights_close(&weights);
    ls_archive_close(&archive);
    assert_ok(ls_checkpoint_read(&back, "a.keras"));
    assert_floats(back.model->weights, model->weights, model->floats);
    ls_checkpoint_release(&back);
    assert_ok(ls_export(&made, "a.h5", false));
    assert_ok(ls_h5_open(&h5, "a.h5"));
    assert_ok(ls_h5_find(&h5, "/model_weights/r/m/r/lstm_cell/recurrent_kernel", &found));
    assert_true(found);
    ls_h5_close(&h5);
    assert_ok(ls_checkpoint_read(&back, "a.h5"));
    assert_floats(back.model->weights, model->weights, model->floats);
    ls_checkpoint_release(&back);
    ls_model_free(model);
}

/* As above, of a cell that lacks a bias. */
static void cells_that_lack_weights_are_refused(void **state)
{
    (void)state;
    struct ls_model *model = make_model("model: {name: m, layers: [Input: {shape: [4, 3]}, LSTM: "
                                        "{units: 2, use_bias: false, name: r}]}");
    struct ls_model *wider = make_model("model: {name: m, layers: [Input: {shape: [4, 3]}, LSTM: "
                                        "{units: 2, name: r}]}");
    struct ls_checkpoint made = {.model = model};
    struct ls_archive archive;
    struct ls_archive_weights weights;
    assert_ok(ls_export(&made, "a.keras", false));
    assert_ok(ls_archive_open(&archive, "a.keras"));
    assert_ok(ls_archive_weights_open(&weights, &archive));
    assert_int_equal(ls_keras_groups_read(&weights.h5, wider), LS_BAD_INPUT);
    assert_string_equal(ls_message(), "a.keras: model.weights.h5: /layers/lstm/cell has 2 weights, "
                                      "but layer r (LSTM) has 3");
    ls_archive_weights_close(&weights);
    ls_archive_close(&archive);
    ls_model_free(model);
    ls_model_free(wider);
}

/* Variables that train by nature come first, in a frozen layer too. */
static void what_trains_by_nature_comes_first(void **state)
{
    (void)state;
    struct ls_model *model = make_model("model: {name: m, layers: [Input: {shape: [1]}, Dense: "
                                        "{units: 3, name: d, trainable: false}]}");
    struct ls_checkpoint made = {.model = model}, back;
    struct ls_archive archive;
    struct ls_archive_weights weights;
    float bias[3];
    model->layer[1]->variable[0].trainable = false;
    for (int i = 0; i < 3; i++)
        model->weights[model->layer[1]->variable[1].offset + (size_t)i] = (float)i;
    assert_ok(ls_export(&made, "a.keras", false));
    assert_ok(ls_archive_open(&archive, "a.keras"));
    assert_ok(ls_archive_weights_open(&weights, &archive));
    assert_ok(
        ls_h5_read_floats(&weights.h5, "/layers/dense/vars/0", bias, &(struct ls_shape){1, {3}}));
    assert_floats(bias, (float[]){0, 1, 2}, 3);
    ls_archive_weights_close(&weights);
    ls_archive_close(&archive);
    assert_int_equal(ls_checkpoint_read(&back, "a.keras"), LS_BAD_INPUT); /* a Dense is not so */
    ls_model_free(model);
}

static void the_config_says_all_modules(void **state)
{
    (void)state;
    struct ls_model *model = make_model("model: {layers: [Input: {shape: [2]}, Dense: {units: 1, "
                                        "name: out}]}");
    struct ls_tree *compile = yaml_tree("{optimizer: sgd, loss: mse, metrics: [mae, "
                                        "{MeanSquaredError: {}}]}");
    struct ls_tree *config;
    assert_ok(ls_compile_to_keras_long(&config, compile, model));
    assert_json(config,
                "{\"optimizer\": {\"module\": \"keras.optimizers\", \"class_name\": \"SGD\", "
                "\"config\": {\"learning_rate\": 0.01, \"momentum\": 0.0, \"nesterov\": false}, "
                "\"registered_name\": null}, \"loss\": {\"module\": \"keras.losses\", "
                "\"class_name\": \"MeanSquaredError\", \"config\": {\"reduction\": "
                "\"sum_over_batch_size\"}, \"registered_name\": null}, \"loss_weights\": null, "
                "\"metrics\": [\"mae\", {\"module\": \"keras.metrics\", \"class_name\": "
                "\"MeanSquaredError\", \"config\": {}, \"registered_name\": null}], "
                "\"weighted_metrics\": null, \"run_eagerly\": false, \"steps_per_execution\": 1, "
                "\"jit_compile\": false}");
    struct ls_tree *back;
    assert_ok(ls_compile_from_keras(&back, config));
    assert_yaml(back, "optimizer: {SGD: {learning_rate: 0.01, momentum: 0.0, nesterov: false}}\n"
                      "loss: {MeanSquaredError: {reduction: sum_over_batch_size}}\n"
                      "metrics: [mae, {MeanSquaredError: {}}]\n");
    ls_tree_free(back);
    ls_tree_free(config);
    ls_tree_free(compile);
    ls_model_free(model);
}

/* A function is Python's, a schedule is in a module of its own. */
static void functions_and_schedules_say_theirs(void **state)
{
    (void)state;
    struct ls_model *model = make_model("model: {layers: [Input: {shape: [2]}, Dense: {units: 1, "
                                        "name: out}]}");
    struct ls_tree *compile =
        yaml_tree("{optimizer: {Mine: {learning_rate: {class_name: CosineDecay, config: {}}}}, "
                  "loss: {class_name: function, config: mine}}");
    struct ls_tree *config;
    assert_ok(ls_compile_to_keras_long(&config, compile, model));
    assert_json(ls_tree_find(config, "optimizer"),
                "{\"module\": \"keras.optimizers\", \"class_name\": \"Mine\", \"config\": "
                "{\"learning_rate\": {\"module\": \"keras.optimizers.schedules\", \"class_name\": "
                "\"CosineDecay\", \"config\": {}, \"registered_name\": null}}, "
                "\"registered_name\": null}");
    assert_json(ls_tree_find(config, "loss"),
                "{\"module\": \"builtins\", \"class_name\": \"function\", \"config\": \"mine\", "
                "\"registered_name\": \"function\"}");
    ls_tree_free(config);
    ls_tree_free(compile);
    ls_model_free(model);
}

static void json_comes_back(void **state)
{
    (void)state;
    struct ls_model *model = make_model(SMALL_MODEL);
    struct ls_checkpoint made = {.model = model}, back = {0};
    struct ls_text text = {0};
    struct ls_tree *tree;
    assert_ok(ls_keras_json_write(&text, &made));
    static const char begin[] = "{\"module\": \"keras\", \"class_name\": \"Sequential\", ";
    assert_memory_equal(text.data, begin, strlen(begin));
    tree = json_tree(text.data);
    assert_ok(ls_keras_json_read(&back, tree));
    assert_int_equal(back.model->floats, model->floats);
    assert_false(back.model->initialized);
    assert_non_null(ls_tree_find(back.compile, "optimizer"));
    ls_checkpoint_release(&back);
    ls_tree_free(tree);
    ls_text_release(&text);
    ls_model_free(model);
}

/* -- archives that are not right */

#define CONFIG                                                                                     \
    "{\"class_name\": \"Sequential\", \"config\": {\"name\": \"m\", \"layers\": "                  \
    "[{\"class_name\": \"InputLayer\", \"config\": {\"batch_shape\": [null, 2]}}, "                \
    "{\"class_name\": \"Dense\", \"config\": {\"name\": \"a\", \"units\": 2, \"activation\": "     \
    "\"hard_sigmoid\"}}]}}"

static void assert_refused(const struct ls_member *member, size_t count, const char *message)
{
    struct ls_checkpoint back;
    assert_ok(ls_archive_publish("k.keras", member, count));
    assert_int_equal(ls_checkpoint_read(&back, "k.keras"), LS_BAD_INPUT);
    if (strncmp(ls_message(), message, strlen(message)) != 0)
        assert_string_equal(ls_message(), message);
    assert_null(back.model);
}

static void archives_that_lack_something_are_refused(void **state)
{
    (void)state;
    const struct ls_member config = {"config.json", CONFIG, strlen(CONFIG)},
                           cut = {"config.json", CONFIG, 30}, text = {"a", "hello", 5},
                           weights = {"model.weights.h5", "hello", 5};
    static const char old[] = "{\"keras_version\": \"2.15.0\"}";
    const struct ls_member metadata = {"metadata.json", old, strlen(old)};
    assert_refused(&text, 1, "k.keras: no config.json: not an archive of Keras'");
    assert_refused(&cut, 1, "k.keras: config.json: not valid JSON:");
    assert_refused(&config, 1,
                   "k.keras: no model.weights.h5: save the model with weights_format=\"h5\"");
    assert_refused((const struct ls_member[]){config, weights}, 2,
                   "k.keras: model.weights.h5: not a whole HDF5 file");
    assert_refused(
        (const struct ls_member[]){config, metadata}, 2,
        "k.keras: config.json: layers[1] Dense activation: hard_sigmoid of Keras 2.15.0");
    write_bytes("k.keras", "hello", 5);
    struct ls_checkpoint back;
    assert_fails(ls_checkpoint_read(&back, "k.keras"), LS_BAD_INPUT,
                 "k.keras: not a whole archive (Not a zip archive)");
}

/* HDF5 reads the bytes as they lie in the archive: cut anywhere, and changed in places. */
static void damaged_weights_do_no_harm(void **state)
{
    (void)state;
    struct ls_model *model = make_model(SMALL_MODEL);
    struct ls_checkpoint made = {.model = model}, back;
    struct ls_archive archive;
    char *config, *weights;
    size_t config_length, length;
    assert_ok(ls_export(&made, "a.keras", false));
    ls_model_free(model);
    assert_ok(ls_archive_open(&archive, "a.keras"));
    assert_ok(ls_archive_read(&archive, "config.json", &config, &config_length));
    assert_ok(ls_archive_read(&archive, "model.weights.h5", &weights, &length));
    ls_archive_close(&archive);
    for (size_t i = 0; i < length; i += 61) {
        struct ls_member member[] = {{"config.json", config, config_length},
                                     {"model.weights.h5", weights, i}};
        assert_ok(ls_archive_publish("k.keras", member, 2));
        assert_int_equal(ls_checkpoint_read(&back, "k.keras"), LS_BAD_INPUT);
        member[1].length = length;
        weights[i] ^= 0x55;
        assert_ok(ls_archive_publish("k.keras", member, 2));
        weights[i] ^= 0x55;
        if (ls_checkpoint_read(&back, "k.keras") == LS_OK)
            ls_checkpoint_release(&back);
    }
    ls_release(config);
    ls_release(weights);
}

static void memory_that_runs_out_leaves_nothing(void **state)
{
    (void)state;
    struct ls_model *model = make_model(SMALL_MODEL);
    struct ls_checkpoint made = {.model = model}, back;
    ls_status status = LS_FAILED;
    for (long n = 1; status != LS_OK; n += 1 + n / 16) {
        ls_memory_fail_at(n);
        status = ls_export(&made, "a.keras", false);
        ls_memory_fail_at(0);
        assert_int_equal(exists("a.keras"), status == LS_OK);
    }
    status = LS_FAILED;
    for (long n = 1; status != LS_OK; n += 1 + n / 16) {
        ls_memory_fail_at(n);
        status = ls_checkpoint_read(&back, "a.keras");
        ls_memory_fail_at(0);
        assert_true(status == LS_OK || status == LS_FAILED);
    }
    ls_checkpoint_release(&back);
    ls_model_free(model);
}

static void endings_are_known(void **state)
{
    (void)state;
    enum ls_export_form form;
    assert_ok(ls_export_form("a.json", &form));
    assert_int_equal(form, LS_EXPORT_JSON);
    assert_fails(ls_export_form("a.hdf5", &form), LS_USAGE,
                 "'a.hdf5': expected a name that ends in .keras, .h5 or .json");
}

/* HDF5 asks for memory as damaged files tell it to, and loses some of it: not ours to find. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libhdf5";
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(layers_stand_where_keras_looks),
        scratch_test(cells_stand_in_their_layers),
        scratch_test(cells_that_lack_weights_are_refused),
        scratch_test(what_trains_by_nature_comes_first),
        scratch_test(the_config_says_all_modules),
        scratch_test(functions_and_schedules_say_theirs),
        scratch_test(json_comes_back),
        scratch_test(archives_that_lack_something_are_refused),
        scratch_test(damaged_weights_do_no_harm),
        scratch_test(memory_that_runs_out_leaves_nothing),
        scratch_test(endings_are_known),
    };
    return cmocka_run_group_tests(tests, start_kernels, NULL);
}
