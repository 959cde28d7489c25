/* Files that Keras wrote (tests/reference, by Keras 3.15.1), and what we write for it. */
#include "unit/store_test.h"

#include <math.h>

#include "store/h5.h"
#include "store/keras_compile.h"

#define REFERENCE TEST_DIRECTORY "/reference/"

/* -- Keras' own files */

static void read_values(const char *path, const char *object, float *values,
                        const struct ls_shape *shape)
{
    struct ls_h5 h5;
    assert_ok(ls_h5_open(&h5, path));
    assert_ok(ls_h5_read_floats(&h5, object, values, shape));
    ls_h5_close(&h5);
}

/* Keras' predictions of the stored inputs. */
static void assert_predictions(const struct ls_model *model, const char *path, const char *input,
                               const char *output, int64_t samples)
{
    const struct ls_shape *in = &model->call[0].shapes.out[0];
    const struct ls_shape *out = &model->call[model->calls - 1].shapes.out[0];
    const struct ls_shape in_shape = {2, {samples, in->size[0]}};
    const struct ls_shape out_shape = {2, {samples, out->size[0]}};
    float *x = calloc((size_t)(samples * in->size[0]), sizeof *x);
    float *expected = calloc((size_t)(samples * out->size[0]), sizeof *x);
    float *found = calloc((size_t)(samples * out->size[0]), sizeof *x);
    read_values(path, input, x, &in_shape);
    read_values(path, output, expected, &out_shape);
    assert_ok(ls_model_predict(model, x, samples, found));
    for (int64_t i = 0; i < samples * out->size[0]; i++)
        if (fabsf(found[i] - expected[i]) > 1e-6f)
            fail_msg("[%d]: %.9g, by Keras %.9g", (int)i, found[i], expected[i]);
    free(x);
    free(expected);
    free(found);
}

/* The file, the predictions, and that our own file of it says the same. */
static void read_both(struct ls_checkpoint *back, const char *path)
{
    struct ls_checkpoint keras;
    struct ls_text first = {0}, second = {0};
    assert_ok(ls_checkpoint_read(&keras, path));
    assert_null(keras.state);
    assert_true(keras.model->initialized);
    assert_ok(ls_checkpoint_save(&keras, "ours.h5"));
    assert_ok(ls_checkpoint_read(back, "ours.h5"));
    assert_floats(keras.model->weights, back->model->weights, keras.model->floats);
    ls_tree_format_yaml(&first, keras.compile);
    ls_tree_format_yaml(&second, back->compile);
    assert_string_equal(first.data, second.data);
    ls_text_release(&first);
    ls_text_release(&second);
    ls_checkpoint_release(&keras);
}

static void assert_compile(const struct ls_checkpoint *checkpoint, const char *path,
                           const char *expected)
{
    const struct ls_tree *found = ls_tree_find_path(checkpoint->compile, path);
    assert_non_null(found);
    assert_string_equal(found->text, expected);
}

static void perceptron_xor(void **state)
{
    (void)state;
    struct ls_checkpoint back;
    read_both(&back, REFERENCE "perceptron_xor.h5");
    assert_string_equal(back.model->name, "perceptron_xor");
    assert_predictions(back.model, REFERENCE "perceptron_xor_ref.h5", "/x/keras_tensor",
                       "/pred/dense_1", 4);
    assert_compile(&back, "optimizer.Adam.learning_rate", "0.10000000149011612");
    assert_compile(&back, "loss", "binary_crossentropy");
    assert_compile(&back, "metrics.0", "accuracy");
    ls_checkpoint_release(&back);
}

static void regularized_leaky(void **state)
{
    (void)state;
    struct ls_checkpoint back;
    read_both(&back, REFERENCE "regularized_leaky.h5");
    assert_predictions(back.model, REFERENCE "regularized_leaky_ref.h5", "/x/keras_tensor",
                       "/pred/dense_2", 24);
    assert_compile(&back, "optimizer.SGD.momentum", "0.9");
    assert_compile(&back, "optimizer.SGD.nesterov", "true");
    assert_compile(&back, "loss.CategoricalCrossentropy.label_smoothing", "0.1");
    ls_checkpoint_release(&back);
}

/* Metrics go back to Keras. */
static void seq_classifier(void **state)
{
    (void)state;
    struct ls_checkpoint back;
    struct ls_tree *config;
    read_both(&back, REFERENCE "seq_classifier.h5");
    assert_int_equal(ls_model_variables(back.model), 6);
    assert_compile(&back, "metrics.3.F1Score.average", "macro");
    assert_ok(ls_compile_to_keras(&config, back.compile, back.model));
    assert_json(ls_tree_find_path(config, "metrics.3"),
                "{\"class_name\": \"F1Score\", \"config\": {\"name\": \"f1\", \"average\": "
                "\"macro\", \"threshold\": null}}");
    ls_tree_free(config);
    ls_checkpoint_release(&back);
}

/* -- compile */

static void assert_to_keras(const char *yaml, const char *expected)
{
    struct ls_model *model = make_model("model: {layers: [Input: {shape: [2]}, Dense: {units: 1, "
                                        "name: out}]}");
    struct ls_tree *compile = yaml_tree(yaml), *config;
    assert_ok(ls_compile_to_keras(&config, compile, model));
    if (config)
        assert_json(config, expected);
    else
        assert_null(expected);
    ls_tree_free(config);
    ls_tree_free(compile);
    ls_model_free(model);
}

#define SGD                                                                                           \
    "{\"optimizer_config\": {\"class_name\": \"SGD\", \"config\": {\"learning_rate\": %s, "           \
    "\"momentum\": 0.0, \"nesterov\": false}}, \"loss\": %s, \"loss_weights\": %s, \"metrics\": %s, " \
    "\"weighted_metrics\": null, \"run_eagerly\": false, \"steps_per_execution\": 1, "                \
    "\"jit_compile\": false}"
#define MSE                                                                                        \
    "{\"class_name\": \"MeanSquaredError\", \"config\": {\"reduction\": \"sum_over_batch_size\"}}"

/* Short names of losses and whole numbers, which Keras does not read, are not written. */
static void compile_is_written_as_keras_reads_it(void **state)
{
    (void)state;
    char expected[2048];
    snprintf(expected, sizeof expected, SGD, "1.0", MSE, "null", "[\"mae\"]");
    assert_to_keras("{optimizer: {SGD: {learning_rate: 1}}, loss: mse, metrics: mae}", expected);
    assert_to_keras("{optimizer: {class_name: SGD, config: {learning_rate: 1.0}}, loss: "
                    "{MeanSquaredError: {}}, metrics: [mae]}",
                    expected);
    snprintf(expected, sizeof expected, SGD, "0.01", MSE, "2.0", "[\"accuracy\"]");
    assert_to_keras("{optimizer: sgd, loss: {out: mse}, loss_weights: {out: 2}, metrics: {out: "
                    "[accuracy]}}",
                    expected);
    snprintf(expected, sizeof expected, SGD, "0.01", "\"package>mine\"", "null", "null");
    assert_to_keras("{optimizer: sgd, loss: 'package>mine'}", expected);
    /* kinds that are not ours as they are; those that Keras has not under a registered name */
    snprintf(expected, sizeof expected, SGD, "0.01", MSE, "null",
             "[{\"class_name\": \"Mystery\", \"config\": {\"a\": 1}}, {\"class_name\": "
             "\"lockstep>CohenKappa\", \"config\": {\"name\": \"cohen_kappa\", \"threshold\": "
             "0.5, \"weights\": null}}]");
    assert_to_keras("{optimizer: sgd, loss: mse, metrics: [Mystery: {a: 1}, cohen_kappa]}",
                    expected);
    assert_to_keras("{loss: mse}", NULL);
}

/* Of several outputs: lists by position, which Keras takes as they are meant whatever the names. */
static void assert_parts_of(enum ls_structure structure, const char *yaml, const char *loss,
                            const char *weights, const char *metrics)
{
    char *names[] = {"z", "a"}, expected[2048];
    const struct ls_model model = {
        .outputs = 2, .output_name = names, .output_structure = structure};
    struct ls_tree *compile = yaml_tree(yaml), *config;
    snprintf(expected, sizeof expected, SGD, "0.01", loss, weights, metrics);
    assert_ok(ls_compile_to_keras(&config, compile, &model));
    assert_json(config, expected);
    ls_tree_free(config);
    ls_tree_free(compile);
}

static void assert_parts_to_keras(const char *yaml, const char *loss, const char *weights,
                                  const char *metrics)
{
    assert_parts_of(LS_STRUCTURE_LIST, yaml, loss, weights, metrics);
}

static void parts_by_output_are_written_by_position(void **state)
{
    (void)state;
    static const char both[] = "[" MSE ", " MSE "]", first[] = "[" MSE ", null]";
    assert_parts_to_keras("{optimizer: sgd, loss: mse}", MSE, "null", "null");
    assert_parts_to_keras("{optimizer: sgd, loss: mse, loss_weights: 2}", MSE, "2.0", "null");
    assert_parts_to_keras("{optimizer: sgd, loss: mse, loss_weights: {a: 2}}", both, "[1.0, 2.0]",
                          "null");
    assert_parts_to_keras("{optimizer: sgd, loss: {a: mse, z: mse}, loss_weights: [2, 3]}", both,
                          "[2.0, 3.0]", "null");
    assert_parts_to_keras("{optimizer: sgd, loss: {z: mse}, metrics: {a: mae}}", first, "null",
                          "[null, [\"mae\"]]");
    assert_parts_to_keras("{optimizer: sgd, loss: [mse, null], metrics: [[mae, mse], accuracy]}",
                          first, "null", "[[\"mae\", \"mse\"], [\"accuracy\"]]");
    assert_parts_to_keras("{optimizer: sgd, loss: [ce, crossentropy]}",
                          "[\"ce\", \"crossentropy\"]", "null", "null");
    /* of a model that gives a dictionary by name */
    assert_parts_of(LS_STRUCTURE_DICTIONARY,
                    "{optimizer: sgd, loss: [mse, null], loss_weights: {a: 2}, metrics: [mae, "
                    "null]}",
                    "{\"z\": " MSE ", \"a\": null}", "{\"z\": 1.0, \"a\": 2.0}",
                    "{\"z\": [\"mae\"], \"a\": null}");
}

/* What is wrong with the parts is told at its place. */
static void wrong_parts_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *message;
    } wrong[] = {
        {"{optimizer: sgd, loss: {z: mse, b: mse}}",
         "run.yaml:1: loss: unknown output 'b'; the model's: z, a"},
        {"{optimizer: sgd, loss: mse, loss_weights: [1]}",
         "run.yaml:1: loss_weights: expected a list of 2, an entry for each output (z, a), found "
         "1"},
        {"{optimizer: sgd, loss: mse, loss_weights: [1, x]}",
         "run.yaml:1: loss_weights[1]: expected a number, found 'x'"},
        {"{optimizer: sgd, loss: mse, metrics: mae}",
         "run.yaml:1: metrics: expected a map by output or a list with an entry for each output"},
        {"{optimizer: sgd, loss: mse, weighted_metrics: [mae]}",
         "run.yaml:1: weighted_metrics: expected a list of 2, an entry for each output (z, a), "
         "found 1"},
    };
    char *names[] = {"z", "a"};
    const struct ls_model model = {.outputs = 2, .output_name = names};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct ls_tree *compile = yaml_tree(wrong[i].yaml), *config;
        assert_fails(ls_compile_to_keras(&config, compile, &model), LS_BAD_INPUT, wrong[i].message);
        assert_null(config);
        ls_tree_free(compile);
    }
}

static void a_wrong_compile_is_told(void **state)
{
    (void)state;
    struct ls_model *model = make_model(SMALL_MODEL);
    struct ls_tree *compile = yaml_tree("compile: {optimizer: {SGD: {momentum: -1}}, loss: mse}");
    struct ls_checkpoint made = {.model = model,
                                 .compile = (struct ls_tree *)ls_tree_find(compile, "compile")};
    assert_int_equal(ls_checkpoint_save(&made, "a.h5"), LS_BAD_INPUT);
    assert_int_equal(strncmp(ls_message(), "run.yaml:1: optimizer SGD momentum: ", 36), 0);
    assert_false(exists("a.h5"));
    ls_tree_free(compile);
    ls_model_free(model);
}

static void assert_from_keras(const char *json, const char *expected)
{
    struct ls_tree *config = json_tree(json), *compile;
    assert_ok(ls_compile_from_keras(&compile, config));
    assert_yaml(compile, expected);
    ls_tree_free(compile);
    ls_tree_free(config);
}

static void compile_is_read_in_all_dialects(void **state)
{
    (void)state;
    /* Keras 2: wrapped metrics, Custom>Adam, reduction auto */
    assert_from_keras(
        "{\"optimizer_config\": {\"class_name\": \"Custom>Adam\", \"config\": {\"learning_rate\": "
        "0.001, \"jit_compile\": false, \"is_legacy_optimizer\": false}}, \"loss\": "
        "{\"class_name\": \"CategoricalCrossentropy\", \"config\": {\"reduction\": \"auto\", "
        "\"from_logits\": true, \"fn\": \"categorical_crossentropy\"}}, \"metrics\": "
        "[[{\"class_name\": \"MeanMetricWrapper\", \"config\": {\"name\": \"accuracy\", \"dtype\": "
        "\"float32\", \"fn\": \"categorical_accuracy\"}}, {\"class_name\": \"MeanMetricWrapper\", "
        "\"config\": {\"name\": \"my_name\", \"fn\": \"mean_squared_error\"}}]], "
        "\"loss_weights\": null}",
        "optimizer: {Adam: {learning_rate: 0.001}}\nloss: {CategoricalCrossentropy: {reduction: "
        "auto, from_logits: true}}\nmetrics: [accuracy, mean_squared_error]\n");
    /* a function as loss; a list for one output; empty metrics */
    assert_from_keras("{\"loss\": [{\"module\": \"builtins\", \"class_name\": \"function\", "
                      "\"config\": \"mean_squared_error\", \"registered_name\": \"function\"}], "
                      "\"loss_weights\": [1.0], \"metrics\": []}",
                      "loss: mean_squared_error\nloss_weights: [1.0]\n");
    /* by output */
    assert_from_keras("{\"loss\": {\"a\": \"mse\", \"b\": {\"class_name\": \"Huber\", \"config\": "
                      "{\"delta\": 2.0}}}, \"metrics\": {\"a\": [\"mae\"]}}",
                      "loss:\n  a: mse\n  b: {Huber: {delta: 2.0}}\nmetrics: {a: [mae]}\n");
    /* by position, with Keras 2's wrapped metrics */
    assert_from_keras("{\"loss\": [\"mse\", null], \"loss_weights\": [2.0, 3.0], \"metrics\": "
                      "[[{\"class_name\": \"MeanMetricWrapper\", \"config\": {\"name\": \"acc\", "
                      "\"fn\": \"categorical_accuracy\"}}], null], \"weighted_metrics\": [null, "
                      "[\"mae\"]]}",
                      "loss: [mse, null]\nloss_weights: [2.0, 3.0]\nmetrics: [[acc], "
                      "null]\nweighted_metrics: [null, [mae]]\n");
    assert_from_keras("{\"loss\": \"mse\", \"metrics\": {\"a\": [{\"class_name\": "
                      "\"MeanMetricWrapper\", \"config\": {\"name\": \"acc\"}}]}}",
                      "loss: mse\nmetrics: {a: [acc]}\n");
}

/* A user's own loss is none of Keras', whatever it is called: a plugin's, or unknown. */
static void losses_of_users_keep_their_names(void **state)
{
    (void)state;
    assert_from_keras("{\"loss\": {\"module\": null, \"class_name\": \"Huber\", \"config\": {}, "
                      "\"registered_name\": \"pkg>Huber\"}}",
                      "loss: {\"pkg>Huber\": {}}\n");
    assert_from_keras("{\"loss\": {\"module\": null, \"class_name\": \"Huber\", \"config\": {}, "
                      "\"registered_name\": \"Huber\"}}",
                      "loss: {\"__main__>Huber\": {}}\n");
    assert_from_keras("{\"loss\": {\"module\": \"keras.losses\", \"class_name\": \"Huber\", "
                      "\"config\": {}, \"registered_name\": null}}",
                      "loss: {Huber: {}}\n");
}

/* -- files that are not right */

#define CONFIG                                                                                     \
    "{\"class_name\": \"Sequential\", \"config\": {\"name\": \"m\", \"layers\": "                  \
    "[{\"class_name\": \"InputLayer\", \"config\": {\"batch_shape\": [null, 2]}}, "                \
    "{\"class_name\": \"Dense\", \"config\": {\"name\": \"a\", \"units\": 2, \"use_bias\": "       \
    "false}}, {\"class_name\": \"Dense\", \"config\": {\"name\": \"b\", \"units\": 2}}]}}"

static struct ls_h5_image image;
static struct ls_h5_buffer buffer;

static void begin_file(const char *config)
{
    assert_ok(ls_h5_image_open(&image, &buffer, "k.h5"));
    if (config)
        assert_ok(ls_h5_put_text(&image, "/", "model_config", config));
}

static void put_names(const char *object, const char *attribute, const char *a, const char *b)
{
    struct ls_texts names = {(char *[]){(char *)a, (char *)b}, b ? 2 : 1};
    assert_ok(ls_h5_put_texts(&image, object, attribute, &names));
}

static void put(const char *object, struct ls_shape shape, const float *values)
{
    const struct ls_h5_values put = {LS_H5_FLOAT, shape, values, NULL};
    assert_ok(ls_h5_put_values(&image, object, &put));
}

static ls_status end_file(struct ls_checkpoint *back)
{
    assert_ok(ls_h5_image_finish(&image));
    ls_h5_image_close(&image);
    write_bytes("k.h5", buffer.bytes, buffer.length);
    ls_h5_buffer_release(&buffer);
    return ls_checkpoint_read(back, "k.h5");
}

static const struct ls_shape matrix = {2, {2, 2}}, vector = {1, {2}};
static const float one[4] = {1, 2, 3, 4}, two[4] = {5, 6, 7, 8}, three[2] = {9, 10};

/* Both layers under the names first and second, the weights under any. */
static void put_layers(const char *first, const char *second)
{
    char path[64];
    assert_ok(ls_h5_put_group(&image, "/model_weights"));
    snprintf(path, sizeof path, "/model_weights/%s", first);
    assert_ok(ls_h5_put_group(&image, path));
    put_names(path, "weight_names", "w", NULL);
    snprintf(path, sizeof path, "/model_weights/%s/w", first);
    put(path, matrix, one);
    snprintf(path, sizeof path, "/model_weights/%s", second);
    assert_ok(ls_h5_put_group(&image, path));
    put_names(path, "weight_names", "x/v", "x/u");
    snprintf(path, sizeof path, "/model_weights/%s/x/v", second);
    put(path, matrix, two);
    snprintf(path, sizeof path, "/model_weights/%s/x/u", second);
    put(path, vector, three);
}

static void assert_weights(const struct ls_checkpoint *back)
{
    const struct ls_layer *a = back->model->layer[1], *b = back->model->layer[2];
    assert_floats(back->model->weights + a->variable[0].offset, one, 4);
    assert_floats(back->model->weights + b->variable[0].offset, two, 4);
    assert_floats(back->model->weights + b->variable[1].offset, three, 2);
}

static void layers_go_by_name_or_else_by_position(void **state)
{
    (void)state;
    struct ls_checkpoint back;
    begin_file(CONFIG);
    put_layers("first", "second");
    put_names("/model_weights", "layer_names", "first", "second");
    assert_ok(end_file(&back));
    assert_weights(&back);
    ls_checkpoint_release(&back);
    begin_file(CONFIG);
    put_layers("a", "b");
    put_names("/model_weights", "layer_names", "b", "a");
    assert_ok(end_file(&back));
    assert_weights(&back);
    ls_checkpoint_release(&back);
}

static void what_trains_not_comes_last(void **state)
{
    (void)state;
    struct ls_model *model = make_model("model: {name: m, layers: [Input: {shape: [1]}, "
                                        "Normalization: {name: n}, Dense: {units: 1, name: d}]}");
    struct ls_checkpoint made = {.model = model};
    struct ls_h5 h5;
    struct ls_texts names;
    /* One variable before it becomes frozen by itself: the others move in front of it. */
    model->layer[2]->variable[0].trainable = false;
    assert_ok(ls_checkpoint_save(&made, "a.h5"));
    assert_ok(ls_h5_open(&h5, "a.h5"));
    assert_ok(ls_h5_read_texts(&h5, "/model_weights/d", "weight_names", &names));
    assert_int_equal(names.count, 2);
    assert_string_equal(names.text[0], "m/d/bias");
    assert_string_equal(names.text[1], "m/d/kernel");
    ls_texts_release(&names);
    assert_ok(ls_h5_read_texts(&h5, "/model_weights/n", "weight_names", &names));
    assert_int_equal(names.count, 3);
    assert_string_equal(names.text[0], "m/n/mean");
    assert_string_equal(names.text[2], "m/n/count");
    ls_texts_release(&names);
    assert_ok(ls_h5_read_texts(&h5, "/model_weights", "layer_names", &names));
    assert_int_equal(names.count, 2); /* without the input */
    ls_texts_release(&names);
    ls_h5_close(&h5);
    ls_model_free(model);
}

static void assert_refused(const char *message)
{
    struct ls_checkpoint back;
    assert_int_equal(end_file(&back), LS_BAD_INPUT);
    assert_string_equal(ls_message(), message);
    assert_null(back.model);
}

static void files_that_lack_something_are_refused(void **state)
{
    (void)state;
    begin_file(NULL);
    assert_refused("k.h5: no model_config: the file holds no model of Keras");
    begin_file("{\"class_name\": ");
    struct ls_checkpoint back;
    assert_int_equal(end_file(&back), LS_BAD_INPUT);
    assert_non_null(strstr(ls_message(), "model_config"));
    begin_file(CONFIG);
    assert_refused("k.h5: /model_weights: missing");
    begin_file(CONFIG);
    assert_ok(ls_h5_put_group(&image, "/model_weights"));
    assert_refused("k.h5: it has 0 layers with weights, but the model has 2");
    begin_file(CONFIG);
    put_layers("a", "b");
    put_names("/model_weights", "layer_names", "a", "c");
    assert_refused("k.h5: /model_weights/c: missing");
}

static void weights_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    begin_file(CONFIG);
    put_layers("b", "a");
    put_names("/model_weights", "layer_names", "b", "a");
    assert_refused("k.h5: /model_weights/a has 2 weights, but layer a (Dense) has 1");
    begin_file(CONFIG);
    assert_ok(ls_h5_put_group(&image, "/model_weights/a"));
    assert_ok(ls_h5_put_group(&image, "/model_weights/b"));
    put_names("/model_weights", "layer_names", "a", "b");
    put_names("/model_weights/a", "weight_names", "w", NULL);
    put_names("/model_weights/b", "weight_names", "w", "v");
    put("/model_weights/a/w", vector, one);
    assert_refused("k.h5: /model_weights/a/w: its shape is (2,), but the model's is (2, 2)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(perceptron_xor),
        scratch_test(regularized_leaky),
        scratch_test(seq_classifier),
        leak_checked_test(compile_is_written_as_keras_reads_it),
        leak_checked_test(parts_by_output_are_written_by_position),
        leak_checked_test(wrong_parts_are_told),
        scratch_test(a_wrong_compile_is_told),
        leak_checked_test(compile_is_read_in_all_dialects),
        leak_checked_test(losses_of_users_keep_their_names),
        scratch_test(layers_go_by_name_or_else_by_position),
        scratch_test(what_trains_not_comes_last),
        scratch_test(files_that_lack_something_are_refused),
        scratch_test(weights_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests(tests, start_kernels, NULL);
}
