/* TimeDistributed: numbers of Keras', what it passes on of the layer in it, messages, configs. */
#include "layer_harness.h"

static void expect(const float *found, const double *wanted, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabs(found[i] - wanted[i]) <= 1e-6 * (1 + fabs(wanted[i]))))
            fail_msg("%s[%zu]: %.9g, expected %.9g", what, i, found[i], wanted[i]);
}

static void set(float *to, const double *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (float)from[i];
}

static void start(struct harness *h, const char *options, const char *input, int64_t rows)
{
    struct ls_layer_example example = {options, input, 1};
    harness_create(h, "TimeDistributed", &example, rows);
}

/* Keras 3.15: TimeDistributed(Dense(2, "softmax")), the gradients of sum(y g). */
static void test_dense(void **state)
{
    struct harness h;
    (void)state;
    start(&h, "layer: {Dense: {units: 2, activation: softmax}}", "[3, 2]", 1);
    assert_false(h.layer.has_activation); /* a loss takes the probabilities, as in Keras */
    set(h.in, (double[]){0.5, -1, 2, 0.25, -1.5, 1}, 6);
    set(h.weight[0], (double[]){0.5, -1, 0.25, 0.75}, 4);
    set(h.weight[1], (double[]){0.1, -0.2}, 2);
    set(h.out_grad, (double[]){1, 0, 0.5, -1, 2, 3}, 6);
    harness_forward(&h);
    expect(h.out,
           (double[]){0.824913740158081, 0.17508625984191895, 0.9598826169967651,
                      0.040117423981428146, 0.07943854480981827, 0.9205614328384399},
           6, "softmax of each step");
    harness_backward(&h, false);
    expect(h.in_grad,
           (double[]){0.21664658188819885, -0.07221552729606628, 0.0866430252790451,
                      -0.028881017118692398, -0.10969200730323792, 0.03656396269798279},
           6, "gradient of the input");
    expect(h.weight_grad[0],
           (double[]){0.297431617975235, -0.2974315285682678, -0.20311862230300903,
                      0.20311851799488068},
           4, "gradient of the kernel");
    expect(h.weight_grad[1], (double[]){0.12906497716903687, -0.1290651112794876}, 2,
           "gradient of the bias");
    harness_free(&h);
}

static void test_variables(void **state)
{
    struct harness h;
    (void)state;
    start(&h, "layer: {Dense: {units: 2, kernel_regularizer: l2}}", "[3, 2]", 1);
    assert_int_equal(h.layer.variables, 2);
    assert_string_equal(h.layer.variable[0].name, "dense/kernel");
    assert_string_equal(h.layer.variable[1].name, "dense/bias");
    assert_string_equal(h.layer.variable[0].group, "layer");
    assert_non_null(h.layer.variable[0].regularizer->kind);
    assert_true(h.layer.variable[0].trainable);
    harness_free(&h);
    start(&h, "layer: {TimeDistributed: {layer: {Dense: {units: 2, name: a, trainable: false}}}}",
          "[3, 2, 2]", 1);
    assert_string_equal(h.layer.variable[1].name, "time_distributed/a/bias");
    assert_string_equal(h.layer.variable[1].group, "layer/layer");
    assert_false(h.layer.variable[0].trainable);
    harness_free(&h);
}

static void expect_flags(const char *options, const char *input, unsigned wanted)
{
    struct harness h;
    start(&h, options, input, 1);
    unsigned found = ls_layer_flags(&h.layer);
    if (found != wanted)
        fail_msg("%s: flags %u, expected %u", options, found, wanted);
    harness_free(&h);
}

static void test_flags(void **state)
{
    (void)state;
    expect_flags("layer: {Dense: {units: 2, activation: tanh}}", "[3, 2]",
                 LS_LAYER_PASSES_MASK | LS_LAYER_READS_IN | LS_LAYER_READS_OUT);
    expect_flags("layer: {Dropout: {rate: 0.5}}", "[3, 2]",
                 LS_LAYER_PASSES_MASK | LS_LAYER_IN_PLACE | LS_LAYER_TRAINING);
    expect_flags("layer: Flatten", "[3, 2]", LS_LAYER_PASSES_MASK | LS_LAYER_VIEW);
    expect_flags("layer: Masking", "[3, 2]", LS_LAYER_PASSES_MASK | LS_LAYER_IN_PLACE);
    expect_flags("layer: Softmax", "[3, 2]",
                 LS_LAYER_PASSES_MASK | LS_LAYER_REFUSES_MASKS | LS_LAYER_READS_OUT |
                     LS_LAYER_IN_PLACE);
}

/* Step t of sample s draws the numbers that Dropout draws for sample s T + t. */
static void test_dropout(void **state)
{
    enum { STEPS = 3, WIDTH = 16 };
    struct harness all, one;
    struct ls_layer_example example = {"rate: 0.5", "[16]", 1};
    int differ = 0;
    (void)state;
    start(&all, "layer: {Dropout: {rate: 0.5}}", "[3, 16]", 2);
    harness_forward(&all);
    harness_create(&one, "Dropout", &example, 1);
    for (int64_t r = 0; r < 2; r++)
        for (int64_t t = 0; t < STEPS; t++) {
            const size_t at = (size_t)(r * STEPS + t) * WIDTH;
            memcpy(one.in, all.in + at, WIDTH * sizeof *one.in);
            one.samples[0] = all.samples[r] * STEPS + t;
            harness_forward(&one);
            assert_memory_equal(one.out, all.out + at, WIDTH * sizeof *one.out);
            for (size_t i = 0; i < WIDTH; i++)
                differ += (all.out[at + i] == 0) != (all.out[i] == 0);
        }
    assert_true(differ > 0);
    harness_free(&one);
    harness_free(&all);
}

/* A Normalization in it learns from the steps of all samples. */
static void test_adapts(void **state)
{
    struct harness h;
    (void)state;
    start(&h, "layer: {Normalization: {}}", "[2, 2]", 2);
    double sums[8] = {0};
    assert_int_equal(ls_layer_needs_adapt(&h.layer), 5);
    set(h.in, (double[]){1, 10, 2, 20, 3, 30, 6, 40}, 8);
    h.layer.kind->adapter->add(&h.layer, sums, h.in, 2, &h.shapes.in[0]);
    NEED(h.layer.kind->adapter->finish(&h.layer, sums, h.weight));
    expect(h.weight[0], (double[]){3, 25}, 2, "mean");
    expect(h.weight[1], (double[]){3.5, 125}, 2, "variance");
    harness_free(&h);
}

static void refuse(const char *options, const char *input, const char *wanted)
{
    struct harness h;
    ls_status status = harness_try(&h, "TimeDistributed", options, input);
    if (status != LS_BAD_INPUT)
        fail_msg("{%s} of %s: status %d, expected: %s", options, input, status, wanted);
    assert_string_equal(ls_message(), wanted);
    harness_free(&h);
}

static void test_messages(void **state)
{
    (void)state;
    refuse("{}", "[2, 3]", "option 'layer' is missing");
    refuse("layer: null", "[2, 3]", "layer: must not be null");
    refuse("layer: Dense", "[2, 3]", "layer Dense: option 'units' is missing");
    refuse("layer: [Flatten]", "[2, 3]",
           "layer: expected a name, or a map of one name with its options, found a list");
    refuse("layer: {Dense: {unit: 3}}", "[2, 3]",
           "layer Dense: unknown option 'unit' (did you mean 'units'?)");
    refuse("layer: {Dense: {units: 3, name: a/b}}", "[2, 3]",
           "Dense name: a layer's name is not empty, has no '/' and is not '.'");
    refuse("layer: {Dense: {units: 3, name: [a]}}", "[2, 3]",
           "Dense name: expected a text, found a list");
    refuse("layer: {Dense: {units: 3, trainable: 3}}", "[2, 3]",
           "Dense trainable: expected true or false, found '3'");
    refuse("layer: {Dense: {units: 3, dtype: float64}}", "[2, 3]",
           "Dense dtype: dtype 'float64': layers compute in float32");
    refuse("layer: {Dense: {units: 3}}", "[3]",
           "it (TimeDistributed): the input needs two axes beside the samples, the first of them "
           "for the steps, it is (None, 3)");
    refuse("layer: Add", "[2, 3]", "it (Add): it takes at least 2 inputs, not 1");
    refuse("layer: {InputLayer: {shape: [3]}}", "[2, 3]",
           "it (InputLayer): it takes 0 inputs, not 1");
    refuse(
        "layer: BatchNormalization", "[2, 3]",
        "it (TimeDistributed): BatchNormalization in it is not supported (Keras takes statistics "
        "of each step by itself): use it without, with statistics of all steps");
    refuse("layer: {LSTM: {units: 2, return_state: true}}", "[2, 3, 2]",
           "it (TimeDistributed): it takes a layer of one result: LSTM has 3");
    refuse("layer: {Reshape: {target_shape: [2, 2]}}", "[2, 3]",
           "it (Reshape): target_shape: the 3 elements of a sample of (None, 3) do not fill it");
    refuse("layer: {Reshape: {target_shape: [1, 1, 1, 1, 1, 1, 1, 3]}}", "[2, 3]",
           "it (TimeDistributed): its result has more than 8 axes");
}

static struct ls_tree *config_of(const struct harness *h)
{
    struct ls_tree *config = ls_tree_new(LS_TREE_MAP);
    NEED(ls_instance_write(&h->instance, config));
    NEED(h->layer.kind->write(&h->layer, config));
    return config;
}

/* As Keras reads it: the layer in it has a module and its name. */
static void test_config(void **state)
{
    struct harness h;
    struct ls_text text = {0};
    (void)state;
    start(&h, "layer: {Reshape: {target_shape: [2, 1], trainable: false}}", "[3, 2]", 1);
    struct ls_tree *config = config_of(&h);
    ls_tree_format_json(&text, config);
    assert_string_equal(text.data,
                        "{\"layer\": {\"module\": \"keras.layers\", \"class_name\": \"Reshape\", "
                        "\"config\": {\"name\": \"reshape\", \"trainable\": false, \"dtype\": "
                        "\"float32\", \"target_shape\": [2, 1]}}}");
    ls_text_release(&text);
    ls_tree_free(config);
    harness_free(&h);
}

/* What the layer's own kind writes of itself is written in it too. */
static void test_config_of_inner(void **state)
{
    struct harness h;
    (void)state;
    start(
        &h,
        "layer: {Normalization: {axis: [1, 2], mean: [[1, 2], [3, 4]], variance: [[1, 4], [9, 16]], "
        "name: scale}}",
        "[3, 2, 2]", 1);
    struct ls_tree *config = config_of(&h);
    const struct ls_tree *inner = ls_tree_find(ls_tree_find(config, "layer"), "config");
    assert_string_equal(ls_tree_find(inner, "name")->text, "scale");
    assert_int_equal(ls_tree_find(inner, "mean")->child->type, LS_TREE_LIST);
    ls_tree_free(config);
    harness_free(&h);
}

/* A copy is whole: what it is made from may go. */
static void test_copy(void **state)
{
    struct harness h;
    struct ls_instance copy;
    struct ls_tree *config = ls_tree_new(LS_TREE_MAP);
    (void)state;
    NEED(harness_try(&h, "TimeDistributed", "layer: {Dense: {units: 2, name: a}}", "[3, 2]"));
    NEED(ls_instance_copy(&copy, &h.instance));
    harness_free(&h);
    NEED(ls_instance_write(&copy, config));
    const struct ls_tree *inner = ls_tree_find(ls_tree_find(config, "layer"), "config");
    assert_string_equal(ls_tree_find(inner, "name")->text, "a");
    assert_string_equal(ls_tree_find(inner, "units")->text, "2");
    ls_tree_free(config);
    ls_instance_release(&copy);
}

static void keep_warning(void *user, enum ls_log_level level, const char *line)
{
    (void)level;
    snprintf(user, 200, "%s", line);
}

/* Keras calls the layer in it so that its activity_regularizer is passed over. */
static void test_activity_regularizer(void **state)
{
    struct harness h;
    char warning[200] = "";
    (void)state;
    ls_log_set(keep_warning, warning);
    start(&h, "layer: {Dense: {units: 2, activity_regularizer: l2}}", "[3, 2]", 1);
    ls_log_set(NULL, NULL);
    assert_null(h.layer.activity_regularizer);
    assert_string_equal(warning, "layer 'it' (TimeDistributed): the activity_regularizer of the "
                                 "Dense in it does nothing, as in Keras");
    harness_free(&h);
}

/* No wrapped layer of the registry has too many: as if the wrapper had some already. */
static void test_too_many_weights(void **state)
{
    struct harness h;
    (void)state;
    NEED(harness_try(&h, "TimeDistributed", "layer: {Dense: {units: 2}}", "[3, 2]"));
    ls_layer_forget(&h.layer);
    h.layer.variables = LS_VARIABLES_MAX - 1;
    assert_int_equal(h.layer.kind->build(&h.layer, &h.shapes), LS_BAD_INPUT);
    assert_string_equal(ls_message(), "it (TimeDistributed): it has more weights than 10");
    assert_int_equal(h.layer.variables, 0);
    harness_free(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dense),
        cmocka_unit_test(test_variables),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_adapts),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_config),
        cmocka_unit_test(test_config_of_inner),
        cmocka_unit_test(test_too_many_weights),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_activity_regularizer),
    };
    return cmocka_run_group_tests(tests, test_kernels, NULL);
}
