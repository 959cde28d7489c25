/* Models to and from Keras' configs, in both dialects. */
#include "unit/store_test.h"

static struct ls_model *from_keras(const char *json)
{
    struct ls_model *model = NULL;
    struct ls_tree *config = json_tree(json);
    assert_ok(ls_model_from_keras(&model, config));
    ls_tree_free(config);
    return model;
}

static void assert_refused(const char *json, const char *message)
{
    struct ls_model *model = NULL;
    struct ls_tree *config = json_tree(json);
    assert_int_equal(ls_model_from_keras(&model, config), LS_BAD_INPUT);
    assert_string_equal(ls_message(), message);
    assert_null(model);
    ls_tree_free(config);
}

/* The config that Keras gets for a model of a run file. */
static void assert_written(const char *yaml, const char *expected)
{
    struct ls_model *model = make_model(yaml);
    struct ls_tree *config;
    assert_ok(ls_model_to_keras(model, &config));
    assert_json(config, expected);
    ls_tree_free(config);
    ls_model_free(model);
}

/* Written, read and written again is the same. */
static void assert_stays(const char *yaml)
{
    struct ls_model *model = make_model(yaml), *back;
    struct ls_tree *config, *again;
    struct ls_text text = {0};
    assert_ok(ls_model_to_keras(model, &config));
    assert_ok(ls_model_from_keras(&back, config));
    assert_int_equal(back->layers, model->layers);
    assert_int_equal(back->floats, model->floats);
    assert_int_equal(back->trainable_floats, model->trainable_floats);
    assert_string_equal(back->name, model->name);
    for (size_t i = 0; i < model->layers; i++) {
        assert_ptr_equal(back->layer[i]->kind, model->layer[i]->kind);
        assert_string_equal(back->layer[i]->name, model->layer[i]->name);
        assert_int_equal(back->layer[i]->trainable, model->layer[i]->trainable);
    }
    assert_ok(ls_model_to_keras(back, &again));
    ls_tree_format_json(&text, config);
    assert_json(again, text.data);
    ls_text_release(&text);
    ls_tree_free(config);
    ls_tree_free(again);
    ls_model_free(model);
    ls_model_free(back);
}

static void a_model_is_written_as_keras_reads_it(void **state)
{
    (void)state;
    assert_written(
        "model: {name: net, input: {shape: [4]}, layers: [Dense: {units: 2, activation: relu, "
        "name: d, trainable: false}, Activation: {activation: step}]}",
        "{\"class_name\": \"Sequential\", \"config\": {\"name\": \"net\", \"trainable\": true, "
        "\"dtype\": \"float32\", \"layers\": [{\"class_name\": \"InputLayer\", \"config\": "
        "{\"batch_input_shape\": [null, 4], \"dtype\": \"float32\", \"sparse\": false, \"name\": "
        "\"input_layer\"}}, {\"class_name\": \"Dense\", \"config\": {\"name\": \"d\", "
        "\"trainable\": false, \"dtype\": \"float32\", \"units\": 2, \"activation\": \"relu\", "
        "\"use_bias\": true, \"kernel_initializer\": {\"class_name\": \"GlorotUniform\", "
        "\"config\": {\"seed\": null}}, \"bias_initializer\": {\"class_name\": \"Zeros\", "
        "\"config\": {}}, \"kernel_regularizer\": null, \"bias_regularizer\": null, "
        "\"kernel_constraint\": null, \"bias_constraint\": null}}, {\"class_name\": "
        "\"Activation\", \"config\": {\"name\": \"activation\", \"trainable\": true, \"dtype\": "
        "\"float32\", \"activation\": \"lockstep>step\"}}], \"build_input_shape\": [null, 4]}}");
}

/* Every layer of the registry that can stand in a Sequential model, with every set of options that
 * its examples have. */
static void every_layer_comes_back(void **state)
{
    (void)state;
    const struct ls_kind *known;
    for (size_t i = 0; (known = ls_registry_kind(&ls_layers, i)); i++) {
        const struct ls_layer_kind *kind = ls_layer_kind_of(known);
        const struct ls_layer_example *example = kind->examples;
        for (; ls_layer_takes_one_input(kind) && example && example->options; example++) {
            char yaml[1024];
            bool braces = example->options[0] == '{';
            if (strpbrk(example->input + 1, "[{") || example->input[0] == '{')
                continue; /* of several inputs, or masked */
            if (strstr(example->options, "return_state: true") ||
                strstr(example->options, "merge_mode: null"))
                continue; /* of several results */
            snprintf(yaml, sizeof yaml, "model: {input: {shape: %s}, layers: [%s: %s%s%s]}",
                     example->input, kind->kind.name, braces ? "" : "{", example->options,
                     braces ? "" : "}");
            assert_stays(yaml);
        }
    }
}

static void names_and_initializers_come_back(void **state)
{
    (void)state;
    assert_stays(SMALL_MODEL);
    assert_stays("model: {input: {shape: [2, 3], name: pixels}, layers: [Dense: {units: 2, "
                 "kernel_initializer: {VarianceScaling: {scale: 2.0, mode: fan_out}}, "
                 "bias_initializer: {Constant: {value: 0.5}}, bias_regularizer: {L1L2: {l1: 0.1, "
                 "l2: 0.2}}, activity_regularizer: l1}]}");
}

/* -- Keras' dialects */

static void what_keras_3_writes_is_read(void **state)
{
    (void)state;
    struct ls_model *model = from_keras(
        "{\"module\": \"keras\", \"class_name\": \"Sequential\", \"config\": {\"name\": \"m\", "
        "\"trainable\": true, \"dtype\": {\"module\": \"keras\", \"class_name\": \"DTypePolicy\", "
        "\"config\": {\"name\": \"float32\"}, \"registered_name\": null}, \"layers\": "
        "[{\"module\": \"keras.layers\", \"class_name\": \"InputLayer\", \"config\": "
        "{\"batch_shape\": [null, 2], \"dtype\": \"int64\", \"sparse\": false, \"ragged\": false, "
        "\"name\": \"in\", \"optional\": false}, \"registered_name\": null}, {\"module\": "
        "\"keras.layers\", \"class_name\": \"Dense\", \"config\": {\"name\": \"d\", "
        "\"trainable\": false, \"dtype\": {\"module\": \"keras\", \"class_name\": "
        "\"DTypePolicy\", \"config\": {\"name\": \"float32\"}, \"registered_name\": null}, "
        "\"units\": 3, \"activation\": {\"module\": \"builtins\", \"class_name\": \"function\", "
        "\"config\": \"lockstep>sign\", \"registered_name\": \"function\"}, \"use_bias\": false, "
        "\"kernel_initializer\": {\"module\": \"keras.initializers\", \"class_name\": "
        "\"GlorotUniform\", \"config\": {\"seed\": null, \"input_axes\": null, \"output_axes\": "
        "null}, \"registered_name\": null}, \"bias_initializer\": null, \"kernel_constraint\": "
        "null, \"quantization_config\": null, \"a_new_option\": null}, \"registered_name\": null, "
        "\"build_config\": {\"input_shape\": [null, 2]}}], \"build_input_shape\": [null, 2]}, "
        "\"registered_name\": null, \"compile_config\": {}}");
    assert_string_equal(model->name, "m");
    assert_int_equal(model->layers, 2);
    assert_string_equal(model->layer[0]->name, "in");
    assert_false(model->layer[1]->trainable);
    assert_int_equal(model->layer[1]->variables, 1);
    assert_int_equal(model->layer[1]->activation.id, LS_ACTIVATION_SIGN);
    assert_int_equal(model->call[1].shapes.out[0].size[0], 3);
    ls_model_free(model);
}

static void what_keras_2_writes_is_read(void **state)
{
    (void)state;
    struct ls_model *model = from_keras(
        "{\"class_name\": \"Sequential\", \"keras_version\": \"2.15.0\", \"backend\": "
        "\"tensorflow\", \"config\": {\"name\": \"old\", \"layers\": [{\"class_name\": "
        "\"Dense\", \"config\": {\"name\": \"a\", \"trainable\": true, \"batch_input_shape\": "
        "[null, 5], \"dtype\": \"float32\", \"units\": 3, \"activation\": \"relu\", "
        "\"kernel_initializer\": {\"class_name\": \"GlorotUniform\", \"config\": {\"seed\": "
        "null, \"dtype\": \"float32\"}}, \"activity_regularizer\": null}}, {\"class_name\": "
        "\"LeakyReLU\", \"config\": {\"name\": \"l\", \"alpha\": 0.1}}]}}");
    assert_int_equal(model->layers, 3);
    assert_int_equal(model->call[0].shapes.out[0].size[0], 5);
    ls_model_free(model);
    /* and of old: the config is the list */
    model = from_keras("{\"class_name\": \"Sequential\", \"config\": [{\"class_name\": \"Dense\", "
                       "\"config\": {\"units\": 1, \"batch_input_shape\": [null, 2]}}]}");
    assert_string_equal(model->layer[1]->name, "dense");
    ls_model_free(model);
}

static void the_shape_may_be_that_of_the_build(void **state)
{
    (void)state;
    struct ls_model *model =
        from_keras("{\"class_name\": \"Sequential\", \"config\": {\"layers\": [{\"class_name\": "
                   "\"Dense\", \"config\": {\"units\": 1}}], \"build_input_shape\": [null, 7]}}");
    assert_int_equal(model->call[0].shapes.out[0].size[0], 7);
    ls_model_free(model);
}

/* Without it Keras 3 takes the axes for none. */
static void a_layer_with_several_axes_has_its_module(void **state)
{
    (void)state;
    struct ls_model *model = make_model("model: {input: {shape: [2, 3]}, layers: [Normalization: "
                                        "{axis: [1, 2]}, Normalization: {axis: [2]}]}");
    struct ls_tree *config;
    assert_ok(ls_model_to_keras(model, &config));
    const struct ls_tree *layers = ls_tree_find(ls_tree_find(config, "config"), "layers");
    const struct ls_tree *several = layers->child->next, *one = several->next;
    assert_non_null(ls_tree_find(several, "module"));
    assert_string_equal(ls_tree_find(several, "module")->text, "keras.layers");
    assert_null(ls_tree_find(one, "module"));
    ls_tree_free(config);
    ls_model_free(model);
}

/* -- calls of a Functional model */

#define TENSOR                                                                                     \
    "{\"class_name\": \"__keras_tensor__\", \"config\": {\"keras_history\": [\"x\", 0, 0]}}"
#define CALLED_WITH(named)                                                                         \
    "{\"class_name\": \"Functional\", \"config\": {\"layers\": [{\"class_name\": "                 \
    "\"InputLayer\", \"name\": \"x\", \"inbound_nodes\": [], \"config\": {\"name\": \"x\", "       \
    "\"batch_shape\": [null, 4]}}, {\"class_name\": \"Add\", \"name\": \"a\", \"inbound_nodes\": " \
    "[{\"args\": [[" TENSOR ", " TENSOR "]], \"kwargs\": {" named "}}], \"config\": {\"name\": "   \
    "\"a\"}}], \"input_layers\": [\"x\", 0, 0], \"output_layers\": [\"a\", 0, 0]}}"

/* Keras writes the masks of a nested model's inputs that have none. */
static void arguments_that_say_nothing_are_passed_over(void **state)
{
    (void)state;
    static const char *const calls[] = {CALLED_WITH(""), CALLED_WITH("\"mask\": null"),
                                        CALLED_WITH("\"mask\": [null, null]"),
                                        CALLED_WITH("\"training\": false, \"mask\": []")};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        struct ls_model *model = from_keras(calls[i]);
        assert_int_equal(model->calls, 2);
        assert_int_equal(model->call[1].shapes.inputs, 2);
        ls_model_free(model);
    }
    assert_refused(
        CALLED_WITH("\"mask\": [null, " TENSOR "]"),
        "net.json: layers[1] inbound_nodes[0] kwargs mask[1]: the mask of a call must be "
        "the one that its input 'x' has by itself, of an Embedding or a Masking: another "
        "one is not known here");
    assert_refused(CALLED_WITH("\"training\": true"),
                   "net.json: layers[1] inbound_nodes[0] kwargs training: a call that is always "
                   "training is not known here");
}

/* -- what is refused */

#define SEQUENTIAL(layers)                                                                         \
    "{\"class_name\": \"Sequential\", \"config\": {\"layers\": [{\"class_name\": "                 \
    "\"InputLayer\", \"config\": {\"batch_shape\": [null, 4]}}" layers "]}}"

static void what_is_no_model_is_refused(void **state)
{
    (void)state;
    assert_refused("{\"x\": 1}",
                   "net.json: expected Keras' config of a model: class_name and config");
    assert_refused("{\"class_name\": \"Functional\", \"config\": {}}",
                   "net.json: Functional: the model has no layers");
    assert_refused("{\"class_name\": \"Sequential\", \"config\": {\"layers\": []}}",
                   "net.json: Sequential: the model has no layers");
    assert_refused(SEQUENTIAL(", {\"class_name\": \"Dense\"}"),
                   "net.json: layers[1]: expected a layer with class_name and config");
    assert_refused("{\"class_name\": \"Sequential\", \"config\": {\"layers\": [{\"class_name\": "
                   "\"Dense\", \"config\": {\"units\": 1}}]}}",
                   "net.json: layers[0]: the model does not say what shape its input has: put an "
                   "Input first, or build it, before Keras saves it");
}

/* Classes that users call as Keras calls its own compute something else. */
static void classes_of_users_are_no_classes_of_keras(void **state)
{
    (void)state;
    assert_refused(SEQUENTIAL(", {\"module\": null, \"class_name\": \"Dense\", \"config\": "
                              "{\"units\": 1}, \"registered_name\": \"pkg>Dense\"}"),
                   "net.json: layers[1]: the layer 'pkg>Dense' is a custom one, which only its "
                   "author's code knows: --plugin F.so loads it");
    assert_refused(SEQUENTIAL(", {\"module\": null, \"class_name\": \"Dense\", \"config\": "
                              "{\"units\": 1}, \"registered_name\": \"Custom>Dense\"}"),
                   "net.json: layers[1]: the layer '__main__>Dense' is a custom one, which only "
                   "its author's code knows: --plugin F.so loads it");
    assert_refused(SEQUENTIAL(", {\"module\": \"net\", \"class_name\": \"Dense\", \"config\": "
                              "{\"units\": 1}, \"registered_name\": \"Dense\"}"),
                   "net.json: layers[1]: the layer 'net>Dense' is a custom one, which only its "
                   "author's code knows: --plugin F.so loads it");
    assert_refused(SEQUENTIAL(", {\"class_name\": \"Custom>Dense\", \"config\": {\"units\": 1}}"),
                   "net.json: layers[1]: the layer 'Custom>Dense' is a custom one, which only its "
                   "author's code knows: --plugin F.so loads it");
    assert_refused(SEQUENTIAL(", {\"module\": null, \"class_name\": \"Sequential\", "
                              "\"config\": {\"layers\": []}, \"registered_name\": "
                              "\"pkg>Sequential\"}"),
                   "net.json: layers[1]: the layer 'pkg>Sequential' is a custom one, which only "
                   "its author's code knows: --plugin F.so loads it");
    assert_refused("{\"module\": null, \"class_name\": \"Sequential\", \"config\": {\"layers\": "
                   "[]}, \"registered_name\": \"Sequential\"}",
                   "net.json: a model of class __main__>Sequential: Sequential and Functional "
                   "models can be read");
    assert_refused(SEQUENTIAL(", {\"class_name\": \"Dense\", \"config\": {\"units\": 1, "
                              "\"kernel_initializer\": {\"module\": null, \"class_name\": "
                              "\"Zeros\", \"config\": {}, \"registered_name\": \"pkg>Zeros\"}}}"),
                   "net.json: layers[1] Dense kernel_initializer class_name: unknown initializer "
                   "'pkg>Zeros' (known: Zeros, Ones, Constant, Identity, Orthogonal, RandomNormal, "
                   "RandomUniform, TruncatedNormal, VarianceScaling, GlorotNormal, GlorotUniform, "
                   "HeNormal, HeUniform, LecunNormal, LecunUniform)");
    /* {"value": ...} is what Keras leaves of a lambda */
    assert_refused(SEQUENTIAL(", {\"class_name\": \"Dense\", \"config\": {\"units\": 1, "
                              "\"activation\": {\"value\": [\"4wEA\", null, null]}}}"),
                   "net.json: layers[1] Dense activation: the activation is a lambda of "
                   "Python's, which only Keras can run");
}

static void what_changes_something_is_refused(void **state)
{
    (void)state;
    assert_refused(
        SEQUENTIAL(", {\"class_name\": \"Densee\", \"config\": {}}"),
        "net.json: layers[1]: Keras layer Densee is not known here (did you mean 'Dense'?)");
    struct ls_model *model;
    struct ls_tree *config =
        json_tree(SEQUENTIAL(", {\"class_name\": \"Quantum\", \"config\": {}}"));
    static const char known[] =
        "net.json: layers[1]: Keras layer Quantum is not known here; known: InputLayer, ";
    assert_int_equal(ls_model_from_keras(&model, config), LS_BAD_INPUT);
    if (strncmp(ls_message(), known, sizeof known - 1) != 0)
        assert_string_equal(ls_message(), known);
    assert_non_null(strstr(ls_message(), ", Dense, "));
    ls_tree_free(config);
    assert_refused(
        SEQUENTIAL(", {\"class_name\": \"Densee\", \"config\": {\"name\": \"mine\"}}"),
        "net.json: layers[1]: Keras layer Densee ('mine') is not known here (did you mean "
        "'Dense'?)");
    assert_refused(SEQUENTIAL(", {\"class_name\": \"Dense\", \"config\": {\"unitz\": 1}}"),
                   "net.json: layers[1] Dense: unknown option 'unitz' (did you mean 'units'?)");
    assert_refused(SEQUENTIAL(", {\"class_name\": \"Dense\", \"config\": {\"units\": 1, "
                              "\"dtype\": {\"class_name\": \"DTypePolicy\", \"config\": "
                              "{\"name\": \"mixed_float16\"}}}}"),
                   "net.json: layers[1] Dense dtype: dtype 'mixed_float16': layers compute in "
                   "float32");
    assert_refused("{\"class_name\": \"Sequential\", \"keras_version\": \"2.4.0\", \"config\": "
                   "{\"layers\": [{\"class_name\": \"Activation\", \"config\": {\"activation\": "
                   "\"hard_sigmoid\", \"batch_input_shape\": [null, 1]}}]}}",
                   "net.json: layers[0] Activation activation: hard_sigmoid of Keras 2.4.0 is "
                   "another function than Keras 3's: save the model with Keras 3");
}

static void an_incomplete_model_is_not_written(void **state)
{
    (void)state;
    struct ls_model *model;
    struct ls_tree *config;
    assert_ok(ls_model_create(&model, NULL));
    assert_fails(ls_model_to_keras(model, &config), LS_USAGE,
                 "the model is not complete: it cannot be written yet");
    ls_model_free(model);
}

static void memory_that_runs_out_leaves_nothing(void **state)
{
    (void)state;
    struct ls_model *model = make_model(SMALL_MODEL), *back = NULL;
    struct ls_tree *config = NULL;
    ls_status status = LS_FAILED;
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
}

/* The example plugin's layer is one of them. */
static int start(void **state)
{
    return ls_plugin_register(&lockstep_plugin) == LS_OK ? start_kernels(state) : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        leak_checked_test(a_model_is_written_as_keras_reads_it),
        leak_checked_test(every_layer_comes_back),
        leak_checked_test(names_and_initializers_come_back),
        leak_checked_test(what_keras_3_writes_is_read),
        leak_checked_test(what_keras_2_writes_is_read),
        leak_checked_test(the_shape_may_be_that_of_the_build),
        leak_checked_test(a_layer_with_several_axes_has_its_module),
        leak_checked_test(arguments_that_say_nothing_are_passed_over),
        leak_checked_test(what_is_no_model_is_refused),
        leak_checked_test(classes_of_users_are_no_classes_of_keras),
        leak_checked_test(what_changes_something_is_refused),
        leak_checked_test(an_incomplete_model_is_not_written),
        leak_checked_test(memory_that_runs_out_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
