/* Layers against numbers worked out by hand. */
#include "layer_harness.h"

static void expect(const float *found, const double *wanted, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabs(found[i] - wanted[i]) <= 1e-6 * (1 + fabs(wanted[i]))))
            fail_msg("%s[%zu]: %.9g, expected %.9g", what, i, found[i], wanted[i]);
}

static void start(struct harness *h, const char *kind, const char *options, const char *input)
{
    struct ls_layer_example example = {options, input, 1};
    harness_create(h, kind, &example, 1);
}

static void set(float *to, const double *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (float)from[i];
}

/* One row through a layer. */
static void check(const char *kind, const char *options, const char *input, const double *in,
                  const double *wanted)
{
    struct harness h;
    start(&h, kind, options, input);
    set(h.in, in, h.in_size);
    harness_forward(&h);
    expect(h.out, wanted, h.out_size, options);
    harness_free(&h);
}

static void test_dense(void **state)
{
    struct harness h;
    (void)state;
    start(&h, "Dense", "units: 2, activation: relu", "[3]");
    set(h.in, (double[]){1, 2, 3}, 3);
    set(h.weight[0], (double[]){1, -1, 0.5, -2, 0.25, 1}, 6); /* [3][2] */
    set(h.weight[1], (double[]){0.5, 1}, 2);
    harness_forward(&h);
    expect(h.out, (double[]){3.25, 0}, 2, "relu(x W + b)");
    set(h.out_grad, (double[]){2, 5}, 2);
    harness_backward(&h, false);
    expect(h.in_grad, (double[]){2, 1, 0.5}, 3, "g W^T, the second unit is off");
    expect(h.weight_grad[0], (double[]){2, 0, 4, 0, 6, 0}, 6, "x^T g");
    expect(h.weight_grad[1], (double[]){2, 0}, 2, "sum g");
    harness_free(&h);
}

static void test_dense_declares(void **state)
{
    struct harness h;
    (void)state;
    start(&h, "Dense", "units: 7, kernel_regularizer: l2, activity_regularizer: l1", "[5, 3]");
    assert_int_equal(h.layer.variables, 2);
    assert_string_equal(h.layer.variable[0].name, "kernel");
    assert_string_equal(h.layer.variable[1].name, "bias");
    assert_int_equal(h.layer.variable[0].shape.size[0], 3);
    assert_int_equal(h.layer.variable[0].shape.size[1], 7);
    assert_int_equal(h.layer.variable[1].shape.size[0], 7);
    assert_string_equal(h.layer.variable[0].initializer->kind->name, "GlorotUniform");
    assert_string_equal(h.layer.variable[0].regularizer->kind->name, "L2");
    assert_string_equal(h.layer.activity_regularizer->kind->name, "L1");
    assert_int_equal(h.shapes.out[0].rank, 2);
    assert_int_equal(h.shapes.out[0].size[0], 5);
    assert_int_equal(h.shapes.out[0].size[1], 7);
    harness_free(&h);
}

static void test_activation_layers(void **state)
{
    (void)state;
    check("ReLU", "max_value: 2, negative_slope: 0.5, threshold: 1", "[4]",
          (double[]){-3, 1, 1.5, 7}, (double[]){-2, 0, 1.5, 2});
    check("ReLU", "{}", "[3]", (double[]){-3, 0, 1.5}, (double[]){0, 0, 1.5});
    check("LeakyReLU", "{}", "[2]", (double[]){-2, 3}, (double[]){-0.6, 3});
    check("LeakyReLU", "alpha: 0.1", "[2]", (double[]){-2, 3}, (double[]){-0.2, 3});
    check("ELU", "alpha: 2", "[2]", (double[]){-1, 3}, (double[]){2 * (exp(-1) - 1), 3});
    check("Softmax", "{}", "[2]", (double[]){0, log(3)}, (double[]){0.25, 0.75});
    check("Activation", "activation: leaky_relu", "[2]", (double[]){-2, 3}, (double[]){-0.4, 3});
    check("Activation", "activation: hard_sigmoid", "[3]", (double[]){-4, 0.6, 4},
          (double[]){0, 0.6, 1});
    check("Activation", "activation: swish", "[1]", (double[]){1}, (double[]){1 / (1 + exp(-1))});
    check("Activation", "activation: step", "[3]", (double[]){-1, 0, 2}, (double[]){0, 1, 1});
    check("Activation", "activation: sign", "[3]", (double[]){-1, 0, 2}, (double[]){-1, 0, 1});
}

static void test_rescaling(void **state)
{
    (void)state;
    check("Rescaling", "scale: 0.5, offset: -1", "[2]", (double[]){4, -2}, (double[]){1, -2});
    check("Rescaling", "scale: [1, 0], offset: [0, 3]", "[2, 2]", (double[]){4, -2, 6, 8},
          (double[]){4, 3, 6, 3});
}

static void test_normalization_given(void **state)
{
    (void)state;
    check("Normalization", "mean: 1, variance: 4", "[2]", (double[]){3, 0}, (double[]){1, -0.5});
    check("Normalization", "mean: 1, variance: 4, invert: true", "[2]", (double[]){1, -0.5},
          (double[]){3, 0});
    check("Normalization", "mean: [1, 2], variance: [4, 0]", "[2]", (double[]){3, 2.5},
          (double[]){1, 0.5e7});
    check("Normalization", "axis: 1, mean: [1, 2], variance: [4, 1]", "[2, 2]",
          (double[]){3, 1, 3, 2}, (double[]){1, 0, 1, 0});
    /* aligned to the last of the kept axes */
    check("Normalization", "axis: [1, 2], mean: [1, 2], variance: [1, 4]", "[2, 2]",
          (double[]){1, 4, 2, 2}, (double[]){0, 1, 1, 0});
    struct harness h;
    start(&h, "Normalization", "mean: 1, variance: 4", "[2]");
    assert_int_equal(h.layer.variables, 0);
    assert_int_equal(ls_layer_needs_adapt(&h.layer), 0);
    harness_free(&h);
}

/* Keras: adapt() of these rows gives means 2 and 6, variances 1 and 4. The sums of parts add up. */
static void test_normalization_adapts(void **state)
{
    static const float rows[4][2] = {{1, 4}, {3, 8}, {1, 8}, {3, 4}};
    double sums[5] = {0}, part[5] = {0};
    struct harness h;
    (void)state;
    start(&h, "Normalization", "{}", "[2]");
    assert_int_equal(h.layer.variables, 3);
    assert_string_equal(h.layer.variable[0].name, "mean");
    assert_string_equal(h.layer.variable[1].name, "variance");
    assert_string_equal(h.layer.variable[2].name, "count");
    assert_int_equal(h.layer.variable[2].shape.rank, 0);
    assert_int_equal(ls_layer_needs_adapt(&h.layer), 5);
    const struct ls_layer_adapter *adapter = h.layer.kind->adapter;
    adapter->add(&h.layer, sums, rows[0], 1, &h.shapes.in[0]);
    adapter->add(&h.layer, part, rows[1], 3, &h.shapes.in[0]);
    for (int i = 0; i < 5; i++)
        sums[i] += part[i];
    NEED(adapter->finish(&h.layer, sums, h.weight));
    expect(h.weight[0], (double[]){2, 6}, 2, "mean");
    expect(h.weight[1], (double[]){1, 4}, 2, "variance");
    expect(h.weight[2], (double[]){0}, 1, "count");
    set(h.in, (double[]){5, 0}, 2);
    harness_forward(&h);
    expect(h.out, (double[]){3, -3}, 2, "normalized");
    harness_free(&h);
}

static void test_normalization_adapts_axes(void **state)
{
    static const float rows[2][2][2] = {{{1, 2}, {3, 4}}, {{5, 6}, {7, 8}}};
    double sums[5] = {0};
    struct harness h;
    (void)state;
    start(&h, "Normalization", "axis: 1", "[2, 2]");
    h.layer.kind->adapter->add(&h.layer, sums, rows[0][0], 2, &h.shapes.in[0]);
    NEED(h.layer.kind->adapter->finish(&h.layer, sums, h.weight));
    expect(h.weight[0], (double[]){3.5, 5.5}, 2, "mean by axis 1");
    expect(h.weight[1], (double[]){4.25, 4.25}, 2, "variance by axis 1");
    harness_free(&h);
    start(&h, "Normalization", "axis: null", "[2, 2]");
    memset(sums, 0, sizeof sums);
    h.layer.kind->adapter->add(&h.layer, sums, rows[0][0], 2, &h.shapes.in[0]);
    NEED(h.layer.kind->adapter->finish(&h.layer, sums, h.weight));
    expect(h.weight[0], (double[]){4.5}, 1, "one mean");
    expect(h.weight[1], (double[]){5.25}, 1, "one variance");
    harness_free(&h);
}

/* A far mean: the sums in double still give the variance to a float's precision. */
static void test_normalization_far_mean(void **state)
{
    static float rows[1000];
    double sums[3] = {0};
    struct harness h;
    (void)state;
    for (int i = 0; i < 1000; i++)
        rows[i] = 4000 + (float)(i % 2); /* variance 0.25 */
    start(&h, "Normalization", "{}", "[1]");
    h.layer.kind->adapter->add(&h.layer, sums, rows, 1000, &h.shapes.in[0]);
    NEED(h.layer.kind->adapter->finish(&h.layer, sums, h.weight));
    expect(h.weight[0], (double[]){4000.5}, 1, "mean");
    expect(h.weight[1], (double[]){0.25}, 1, "variance");
    harness_free(&h);
}

static void expect_shape(const char *kind, const char *options, const char *input,
                         const char *wanted)
{
    struct harness h;
    char text[LS_SHAPE_TEXT];
    NEED(harness_try(&h, kind, options, input));
    ls_shape_format(text, &h.shapes.out[0]);
    assert_string_equal(text, wanted);
    harness_free(&h);
}

static void test_shapes(void **state)
{
    (void)state;
    expect_shape("InputLayer", "shape: [28, 28]", "[]", "(None, 28, 28)");
    expect_shape("InputLayer", "shape: 4", "[]", "(None, 4)");
    expect_shape("Flatten", "{}", "[2, 3, 4]", "(None, 24)");
    expect_shape("Flatten", "{}", "[]", "(None, 1)");
    expect_shape("Reshape", "target_shape: [-1, 6]", "[2, 3, 4]", "(None, 4, 6)");
    expect_shape("Reshape", "target_shape: 24", "[2, 3, 4]", "(None, 24)");
    expect_shape("Dense", "units: 10", "[3, 4]", "(None, 3, 10)");
    expect_shape("Softmax", "axis: 2", "[3, 4]", "(None, 3, 4)");
}

static void expect_config(const char *kind, const char *json, const char *input, const char *wanted)
{
    struct ls_tree *config, *written = ls_tree_new(LS_TREE_MAP);
    struct ls_text text = {0};
    struct harness h;
    const struct ls_layer_kind *layer = ls_layer_kind_of(ls_kind_find(&ls_layers, kind));
    NEED(ls_tree_parse_json(&config, json, strlen(json), NULL));
    if (layer->read)
        NEED(layer->read(config));
    ls_tree_format_json(&text, config);
    NEED(harness_try(&h, kind, text.data, input));
    NEED(ls_instance_write(&h.instance, written));
    if (layer->write)
        NEED(layer->write(&h.layer, written));
    ls_text_release(&text);
    ls_tree_format_json(&text, written);
    assert_string_equal(text.data, wanted);
    ls_text_release(&text);
    ls_tree_free(config);
    ls_tree_free(written);
    harness_free(&h);
}

/* What Keras 3.15 writes for these layers, read and written again. */
static void test_keras_configs(void **state)
{
    (void)state;
    expect_config("InputLayer",
                  "{\"batch_shape\": [null, 3, 4], \"sparse\": false, \"ragged\": false, "
                  "\"optional\": false}",
                  "[]",
                  "{\"sparse\": false, \"ragged\": false, \"optional\": false, \"batch_shape\": "
                  "[null, 3, 4]}");
    expect_config("InputLayer", "{\"batch_input_shape\": [null]}", "[]",
                  "{\"sparse\": false, \"ragged\": false, \"optional\": false, \"batch_shape\": "
                  "[null]}");
    expect_config("Normalization",
                  "{\"axis\": [1, 2], \"invert\": false, \"mean\": [[1.0, 2.0], [3.0, 4.0]], "
                  "\"variance\": [[1.0, 1.0], [2.0, 2.0]]}",
                  "[2, 2]",
                  "{\"axis\": [1, 2], \"invert\": false, \"mean\": [[1.0, 2.0], [3.0, 4.0]], "
                  "\"variance\": [[1.0, 1.0], [2.0, 2.0]]}");
    expect_config("Normalization",
                  "{\"axis\": [-1], \"invert\": false, \"mean\": null, \"variance\": null}", "[2]",
                  "{\"axis\": [-1], \"mean\": null, \"variance\": null, \"invert\": false}");
    expect_config("Activation", "{\"activation\": \"relu\"}", "[2]", "{\"activation\": \"relu\"}");
    expect_config("Activation", "{\"activation\": \"lockstep>step\"}", "[2]",
                  "{\"activation\": \"lockstep>step\"}");
    expect_config("LeakyReLU", "{\"negative_slope\": 0.1}", "[2]", "{\"alpha\": 0.1}");
    expect_config(
        "Dense",
        "{\"units\": 3, \"activation\": \"leaky_relu\", \"use_bias\": true, "
        "\"kernel_initializer\": {\"module\": \"keras.initializers\", \"class_name\": "
        "\"GlorotUniform\", \"config\": {\"seed\": null, \"input_axes\": null, \"output_axes\": "
        "null}, \"registered_name\": null}, \"bias_initializer\": {\"module\": "
        "\"keras.initializers\", \"class_name\": \"Zeros\", \"config\": {}, \"registered_name\": "
        "null}, \"kernel_regularizer\": {\"module\": \"keras.regularizers\", \"class_name\": "
        "\"L2\", \"config\": {\"l2\": 0.01}, \"registered_name\": null}, \"bias_regularizer\": "
        "null, \"kernel_constraint\": null, \"bias_constraint\": null, \"quantization_config\": "
        "null}",
        "[2]",
        "{\"units\": 3, \"activation\": \"leaky_relu\", \"use_bias\": true, "
        "\"kernel_initializer\": {\"class_name\": \"GlorotUniform\", \"config\": {\"seed\": "
        "null}}, \"bias_initializer\": {\"class_name\": \"Zeros\", \"config\": {}}, "
        "\"kernel_regularizer\": {\"class_name\": \"L2\", \"config\": {\"l2\": 0.01}}, "
        "\"bias_regularizer\": null, \"kernel_constraint\": null, \"bias_constraint\": null}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dense),
        cmocka_unit_test(test_dense_declares),
        cmocka_unit_test(test_activation_layers),
        cmocka_unit_test(test_rescaling),
        cmocka_unit_test(test_normalization_given),
        cmocka_unit_test(test_normalization_adapts),
        cmocka_unit_test(test_normalization_adapts_axes),
        cmocka_unit_test(test_normalization_far_mean),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_keras_configs),
    };
    return cmocka_run_group_tests(tests, test_kernels, NULL);
}
