/* Convolutions against Keras 3.15's numbers (TensorFlow's, on a CPU), odd sizes and all; what they
 * refuse; Keras' configs. Input and weights are formulas, so that only results are stored. */
#include "layer_harness.h"

enum { RESULT_MAX = 48 };

/* Of one sample; element i of the input is ((7 i + 3) mod 11 - 5) / 4, of the layer's variable v
 * ((5 i + 3 v + 1) mod 7 - 3) / 8. */
static const struct known {
    const char *kind, *options, *input, *shape;
    double result[RESULT_MAX];
} known[] = {
    {"Conv1D",
     "filters: 2, kernel_size: 4, strides: 3, padding: same",
     "[7, 2]",
     "(None, 3, 2)",
     {0.75, -0.25, 0.5625, 0.0625, -0.53125, 0.375}},
    {"Conv1D",
     "filters: 2, kernel_size: 3, padding: causal, dilation_rate: 2",
     "[5, 1]",
     "(None, 5, 2)",
     {0.3125, -0.25, -0.34375, 0.1875, -0.03125, 0, 0.5625, -0.46875, -0.09375, -0.09375}},
    {"Conv1D",
     "filters: 1, kernel_size: 2, strides: 2, padding: causal",
     "[6, 3]",
     "(None, 3, 1)",
     {-0.21875, 0.46875, 0.125}},
    {"Conv1D",
     "filters: 4, kernel_size: 3, groups: 2",
     "[5, 4]",
     "(None, 3, 4)",
     {0.125, 0.46875, -0.78125, 1.125, -0.375, 0, 0.21875, -0.25, 1.1875, -0.125, -0.84375, 1.125}},
    {"Conv1D",
     "filters: 2, kernel_size: 2, strides: 4, use_bias: false",
     "[10, 1]",
     "(None, 3, 2)",
     {0.28125, -0.34375, -0.25, 0.375, -0.09375, 0.0625}},
    {"Conv2D",
     "filters: 1, kernel_size: [2, 4], strides: [2, 3], padding: same",
     "[5, 7, 2]",
     "(None, 3, 3, 1)",
     {-0.9375, -0.6875, -0.1875, -0.6875, -0.0625, -0.25, 1.03125, 0.15625, 0.84375}},
    {"Conv2D",
     "filters: 2, kernel_size: 3, dilation_rate: [2, 3], padding: same",
     "[4, 5, 1]",
     "(None, 4, 5, 2)",
     {-0.0625, 0.25,     0.5,      -0.4375,  -0.09375, 0.375,    -0.09375, 0,
      0.5625,  -0.59375, 0,        0.25,     -0.125,   0.25,     0.65625,  -0.40625,
      0.09375, 0.125,    -0.28125, -0.125,   0.5,      -0.28125, -0.1875,  0.1875,
      0.625,   0,        0.25,     -0.3125,  -0.34375, 0.25,     0.5,      -0.34375,
      0.5,     -0.21875, -0.15625, -0.34375, 0.375,    -0.25,    0.125,    -0.375}},
    {"Conv2D",
     "filters: 3, kernel_size: 2, groups: 3",
     "[3, 4, 3]",
     "(None, 2, 3, 3)",
     {0.46875, -0.09375, -0.25, 0.53125, 0, -0.34375, 0.59375, 0.09375, -1.46875, -0.3125, 0.28125,
      -0.625, -0.25, 0.375, -0.71875, -0.1875, 0.125, -0.125}},
    {"Conv2D",
     "filters: 2, kernel_size: 1, strides: 3, activation: relu",
     "[5, 7, 3]",
     "(None, 2, 3, 2)",
     {0.3125, 0, 0.6875, 0, 0.375, 0, 0, 0.0625, 0.5625, 0, 0.25, 0}},
    {"Conv2D",
     "filters: 1, kernel_size: 5, padding: same",
     "[3, 2, 2]",
     "(None, 3, 2, 1)",
     {-0.6875, -0.5, 0.90625, -0.21875, 0.96875, 0.28125}},
    {"Conv2D",
     "filters: 2, kernel_size: [1, 2], strides: [2, 4]",
     "[3, 7, 1]",
     "(None, 2, 2, 2)",
     {0.40625, -0.46875, -0.125, 0.25, 0.4375, -0.53125, -0.09375, 0.1875}},
    {"Conv2D",
     "filters: 2, kernel_size: 2, strides: 2, padding: same",
     "[1, 3, 1]",
     "(None, 1, 2, 2)",
     {0.40625, -0.46875, 0.0625, -0.03125}},
    {"DepthwiseConv1D",
     "kernel_size: 3, strides: 2, padding: same, depth_multiplier: 2",
     "[6, 2]",
     "(None, 3, 4)",
     {0.53125, -0.125, -0.21875, 0.28125, 0.15625, -0.03125, -0.21875, 0.53125, 0, -0.09375,
      -0.53125, 0.53125}},
    {"DepthwiseConv1D",
     "kernel_size: 2, dilation_rate: 3",
     "[7, 2]",
     "(None, 4, 2)",
     {0.125, 0.25, 0.03125, -0.25, -0.0625, -0.0625, 0.53125, 0.125}},
    {"DepthwiseConv2D",
     "kernel_size: 3, strides: 2, depth_multiplier: 2",
     "[5, 6, 2]",
     "(None, 2, 2, 4)",
     {0.84375, 0, -1.21875, 0.3125, 0.25, 0.59375, 0.34375, 0.4375, -0.65625, -0.90625, -0.4375,
      0.375, 0.125, 0.375, -0.25, 0.84375}},
    {"DepthwiseConv2D",
     "kernel_size: [3, 2], dilation_rate: 2, padding: same",
     "[4, 3, 2]",
     "(None, 4, 3, 2)",
     {0.21875, -0.3125,  0.78125, 0.59375,  -0.25,   -0.1875,  0.28125,  0,
      0.84375, -0.3125,  -0.25,   -0.375,   0.15625, -0.28125, -0.09375, 0.65625,
      0.34375, -0.15625, 0.09375, -0.09375, 0.15625, -0.15625, 0.65625,  -0.46875}},
    {"SeparableConv1D",
     "filters: 2, kernel_size: 3, strides: 2, padding: same, depth_multiplier: 2",
     "[5, 2]",
     "(None, 3, 2)",
     {-0.31640625, 0.1640625, -0.62890625, 0.4296875, -0.0859375, 0.1015625}},
    {"SeparableConv1D",
     "filters: 3, kernel_size: 2, dilation_rate: 2, activation: relu",
     "[5, 1]",
     "(None, 3, 3)",
     {0, 0.22265625, 0, 0, 0.32421875, 0.22265625, 0, 0.2109375, 0}},
    {"SeparableConv2D",
     "filters: 1, kernel_size: 2, strides: 2, padding: same",
     "[5, 4, 3]",
     "(None, 3, 2, 1)",
     {-0.3828125, 0.06640625, -0.51953125, -0.28515625, -0.265625, -0.55859375}},
    {"SeparableConv2D",
     "filters: 2, kernel_size: 3, depth_multiplier: 2, use_bias: false",
     "[4, 5, 1]",
     "(None, 2, 3, 2)",
     {0.40234375, -0.2734375, -0.43359375, 0.29296875, -0.3671875, 0.2578125, 0.00390625, 0.0234375,
      0.45703125, -0.35546875, -0.12109375, 0.08203125}},
    {"Conv1DTranspose",
     "filters: 2, kernel_size: 2, strides: 3",
     "[3, 1]",
     "(None, 9, 2)",
     {0.25, -0.3125, 0.0625, -0.0625, 0.125, -0.125, -0.1875, 0.34375, 0.28125, -0.28125, 0.125,
      -0.125, 0.0625, -0.03125, 0.15625, -0.15625, 0.125, -0.125}},
    {"Conv1DTranspose",
     "filters: 1, kernel_size: 4, strides: 3, padding: same",
     "[4, 2]",
     "(None, 12, 1)",
     {0.71875, -0.09375, 0.625, -0.53125, 0.25, -0.15625, 0.0625, 0.25, -0.25, 0.65625, -0.09375,
      0.6875}},
    {"Conv1DTranspose",
     "filters: 1, kernel_size: 5, strides: 2, padding: same, output_padding: 0",
     "[4, 2]",
     "(None, 7, 1)",
     {0.28125, -0.0625, -0.4375, 0.4375, 0.28125, -0.09375, 1.0625}},
    {"Conv1DTranspose",
     "filters: 1, kernel_size: 3, dilation_rate: 3, padding: same",
     "[4, 2]",
     "(None, 4, 1)",
     {0.4375, 0.25, 0.25, 0.40625}},
    {"Conv2DTranspose",
     "filters: 1, kernel_size: 3, strides: 2, padding: same",
     "[3, 2, 2]",
     "(None, 6, 4, 1)",
     {0.71875,  -0.09375, 0.28125,  0.25,    -0.1875, 0.09375, -0.09375, 0.125,
      -0.25,    0.84375,  0.125,    -0.4375, 0.125,   0.5,     -0.1875,  -0.15625,
      -0.03125, 0,        -0.53125, 0.78125, 0.4375,  -0.125,  0.75,     0.25}},
    {"Conv2DTranspose",
     "filters: 1, kernel_size: [1, 4], strides: [2, 3]",
     "[2, 3, 2]",
     "(None, 4, 10, 1)",
     {0.71875, -0.09375, 0.625,  -0.53125, 0.25,  -0.15625, 0.0625, 0.25,  -0.25,   0.125,
      0.125,   0.125,    0.125,  0.125,    0.125, 0.125,    0.125,  0.125, 0.125,   0.125,
      0.65625, -0.09375, 0.6875, -0.46875, 0.25,  -0.09375, 0.125,  0.25,  -0.1875, 0.25,
      0.125,   0.125,    0.125,  0.125,    0.125, 0.125,    0.125,  0.125, 0.125,   0.125}},
    {"Conv2DTranspose",
     "filters: 2, kernel_size: 3, strides: 2, padding: same, output_padding: [0, 1]",
     "[2, 3, 1]",
     "(None, 3, 6, 2)",
     {0.125,    0,       -0.0625,  -0.1875,  0.1875,   -0.25,    0.59375,  0.03125, -0.03125,
      -0.65625, 0.21875, -0.09375, 0.1875,   -0.40625, 0.15625,  -0.21875, 0.40625, 0.125,
      -0.0625,  0.21875, -0.03125, -0.03125, 0.0625,   -0.03125, 0.125,    0.0625,  -0.15625,
      -0.21875, 0.21875, -0.09375, 0.5,      0,        0,        -0.5,     0.125,   -0.125}},
    {"Conv2DTranspose",
     "filters: 1, kernel_size: 2, strides: 3, output_padding: [1, 2]",
     "[2, 2, 1]",
     "(None, 6, 7, 1)",
     {0.25,  -0.0625, 0.125,    -0.1875, 0.59375, 0.125,   0.125,  0.0625,   0.1875,
      0.125, 0.28125, -0.03125, 0.125,   0.125,   0.125,   0.125,  0.125,    0.125,
      0.125, 0.125,   0.125,    0.0625,  0.21875, 0.125,   0.3125, -0.15625, 0.125,
      0.125, 0.15625, 0.09375,  0.125,   0.03125, 0.21875, 0.125,  0.125,    0.125,
      0.125, 0.125,   0.125,    0.125,   0.125,   0.125}},
    {"Conv2DTranspose",
     "filters: 1, kernel_size: 2, dilation_rate: [1, 2]",
     "[2, 3, 2]",
     "(None, 3, 5, 1)",
     {0.71875, -0.21875, -0.34375, 0.25, 0.25, 1.15625, -0.5625, -1.09375, 0.4375, 0.25, 0.6875,
      -0.09375, -0.375, 0.4375, 0.25}},
    {"Conv2DTranspose",
     "filters: 1, kernel_size: 2, strides: 4, padding: same",
     "[1, 2, 1]",
     "(None, 4, 8, 1)",
     {0.25,  -0.0625, 0.125,    0.125, -0.1875, 0.59375, 0.125, 0.125, 0.0625, 0.1875, 0.125,
      0.125, 0.28125, -0.03125, 0.125, 0.125,   0.125,   0.125, 0.125, 0.125,  0.125,  0.125,
      0.125, 0.125,   0.125,    0.125, 0.125,   0.125,   0.125, 0.125, 0.125,  0.125}},
};

static void test_values(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        const struct known *e = &known[k];
        struct ls_layer_example example = {e->options, e->input, 1};
        char text[LS_SHAPE_TEXT];
        struct harness h;
        harness_create(&h, e->kind, &example, 1);
        ls_shape_format(text, &h.shapes.out[0]);
        assert_string_equal(text, e->shape);
        for (size_t i = 0; i < h.in_size; i++)
            h.in[i] = (float)((int)((7 * i + 3) % 11) - 5) / 4;
        for (size_t v = 0; v < h.layer.variables; v++)
            for (size_t i = 0; i < (size_t)ls_shape_count(&h.layer.variable[v].shape); i++)
                h.weight[v][i] = (float)((int)((5 * i + 3 * v + 1) % 7) - 3) / 8;
        harness_forward(&h);
        assert_true(h.out_size <= RESULT_MAX);
        for (size_t i = 0; i < h.out_size; i++)
            if (!(fabs((double)h.out[i] - e->result[i]) <= 1e-6))
                fail_msg("%s {%s} of %s: [%zu] is %.9g, Keras has %.9g", e->kind, e->options,
                         e->input, i, (double)h.out[i], e->result[i]);
        harness_free(&h);
    }
}

/* -- variables */

static void expect_variable(const struct harness *h, size_t v, const char *name, const char *shape)
{
    char text[LS_SHAPE_TEXT];
    ls_shape_format(text, &h->layer.variable[v].shape);
    assert_string_equal(h->layer.variable[v].name, name);
    assert_string_equal(text, shape);
}

static void test_variables(void **state)
{
    struct harness h;
    (void)state;
    NEED(harness_try(&h, "Conv1D",
                     "filters: 6, kernel_size: 5, groups: 2, kernel_initializer: he_normal, "
                     "kernel_regularizer: l2, bias_regularizer: l1, activity_regularizer: l2",
                     "[9, 4]"));
    assert_int_equal(h.layer.variables, 2);
    expect_variable(&h, 0, "kernel", "(None, 5, 2, 6)");
    expect_variable(&h, 1, "bias", "(None, 6)");
    assert_string_equal(h.layer.variable[0].initializer->kind->name, "HeNormal");
    assert_string_equal(h.layer.variable[0].regularizer->kind->name, "L2");
    assert_string_equal(h.layer.variable[1].regularizer->kind->name, "L1");
    assert_string_equal(h.layer.activity_regularizer->kind->name, "L2");
    assert_true(h.layer.has_activation);
    harness_free(&h);
    NEED(harness_try(&h, "DepthwiseConv2D", "kernel_size: [2, 3], depth_multiplier: 5",
                     "[4, 4, 3]"));
    expect_variable(&h, 0, "kernel", "(None, 2, 3, 3, 5)");
    expect_variable(&h, 1, "bias", "(None, 15)");
    harness_free(&h);
    NEED(harness_try(&h, "SeparableConv2D",
                     "filters: 7, kernel_size: 2, depth_multiplier: 2, use_bias: false, "
                     "pointwise_initializer: ones, pointwise_regularizer: l1",
                     "[4, 4, 3]"));
    assert_int_equal(h.layer.variables, 2);
    expect_variable(&h, 0, "depthwise_kernel", "(None, 2, 2, 3, 2)");
    expect_variable(&h, 1, "pointwise_kernel", "(None, 1, 1, 6, 7)");
    assert_string_equal(h.layer.variable[1].initializer->kind->name, "Ones");
    assert_string_equal(h.layer.variable[1].regularizer->kind->name, "L1");
    harness_free(&h);
    NEED(harness_try(&h, "SeparableConv1D", "filters: 7, kernel_size: 2", "[4, 3]"));
    expect_variable(&h, 0, "depthwise_kernel", "(None, 2, 3, 1)");
    expect_variable(&h, 1, "pointwise_kernel", "(None, 1, 3, 7)");
    expect_variable(&h, 2, "bias", "(None, 7)");
    harness_free(&h);
    NEED(harness_try(&h, "Conv2DTranspose", "filters: 7, kernel_size: 2", "[4, 4, 3]"));
    expect_variable(&h, 0, "kernel", "(None, 2, 2, 7, 3)");
    expect_variable(&h, 1, "bias", "(None, 7)");
    harness_free(&h);
}

/* -- messages */

static void refuse(const char *kind, const char *options, const char *input, const char *wanted)
{
    struct harness h;
    ls_status status = harness_try(&h, kind, options, input);
    if (status != LS_BAD_INPUT)
        fail_msg("%s {%s} of %s: status %d, expected: %s", kind, options, input, status, wanted);
    assert_string_equal(ls_message(), wanted);
    harness_free(&h);
}

static void test_refused(void **state)
{
    (void)state;
    refuse(
        "Conv2D", "filters: 2, kernel_size: 3", "[4, 4]",
        "it (Conv2D): the input needs 3 axes (height, width, channels) beside the samples, it is "
        "(None, 4, 4)");
    refuse(
        "SeparableConv1D", "filters: 2, kernel_size: 3", "[4, 4, 1]",
        "it (SeparableConv1D): the input needs 2 axes (steps, channels) beside the samples, it is "
        "(None, 4, 4, 1)");
    refuse("Conv2D", "kernel_size: 3", "[4, 4, 1]", "option 'filters' is missing");
    refuse("Conv2D", "filters: 2", "[4, 4, 1]", "option 'kernel_size' is missing");
    refuse("Conv2D", "filters: 0, kernel_size: 3", "[4, 4, 1]",
           "filters: must be at least 1 and at most 2147483647, found 0");
    refuse("Conv2D", "filters: 2, kernel_size: [3, 0]", "[4, 4, 1]",
           "kernel_size[1]: must be at least 1 and at most 1048576, found 0");
    refuse("Conv2D", "filters: 2, kernel_size: [3, 3, 3]", "[4, 4, 1]",
           "it (Conv2D): kernel_size: expected one number, or two: height and width, found 3");
    refuse("Conv2D", "filters: 2, kernel_size: [3]", "[5, 5, 2]",
           "it (Conv2D): kernel_size: expected one number, or two: height and width, found 1");
    refuse("Conv2DTranspose", "filters: 2, kernel_size: 3, strides: 2, output_padding: [1]",
           "[5, 5, 2]",
           "it (Conv2DTranspose): output_padding: expected one number, or two: height and width, "
           "found 1");
    refuse("Conv1D", "filters: 2, kernel_size: 3, strides: [1, 2]", "[4, 1]",
           "it (Conv1D): strides: expected one number, found 2");
    refuse("DepthwiseConv2D", "kernel_size: 3, dilation_rate: [1, 1, 1]", "[4, 4, 1]",
           "it (DepthwiseConv2D): dilation_rate: expected one number, or two: height and width, "
           "found 3");
    refuse(
        "Conv2D", "filters: 2, kernel_size: [2, 5]", "[4, 4, 1]",
        "it (Conv2D): kernel_size: the kernel spans 5 cells of an axis that has 4 in (None, 4, 4, "
        "1)");
    refuse("SeparableConv2D", "filters: 2, kernel_size: 3, dilation_rate: 2", "[4, 9, 1]",
           "it (SeparableConv2D): kernel_size: the kernel spans 5 cells of an axis that has 4 in "
           "(None, 4, 9, 1)");
    refuse("Conv2D", "filters: 2, kernel_size: 3, strides: [2, 1], dilation_rate: [1, 2]",
           "[9, 9, 1]", "it (Conv2D): strides and dilation_rate cannot both be more than 1");
    refuse("Conv2DTranspose", "filters: 2, kernel_size: 3, strides: 2, dilation_rate: 2",
           "[9, 9, 1]",
           "it (Conv2DTranspose): strides and dilation_rate cannot both be more than 1");
    refuse("Conv2D", "filters: 4, kernel_size: 3, groups: 2", "[9, 9, 3]",
           "it (Conv2D): groups: 2 groups do not divide the 3 channels");
    refuse("Conv2D", "filters: 3, kernel_size: 3, groups: 2", "[9, 9, 4]",
           "it (Conv2D): groups: 2 groups do not divide the 3 filters");
    refuse("Conv2D", "filters: 3, kernel_size: 3, padding: causal", "[9, 9, 4]",
           "padding: must be one of valid, same; found 'causal'");
    refuse("Conv2D", "filters: 3, kernel_size: 3, data_format: channels_first", "[9, 9, 4]",
           "data_format: is not supported: data is laid out channels last");
    refuse("DepthwiseConv1D", "kernel_size: 3, depth_multiplier: 0", "[9, 4]",
           "depth_multiplier: must be at least 1 and at most 2147483647, found 0");
    refuse("Conv2DTranspose", "filters: 2, kernel_size: 3, strides: [2, 3], output_padding: [1, 3]",
           "[3, 3, 1]",
           "it (Conv2DTranspose): output_padding: must be below the stride, 3, found 3");
    refuse("Conv1DTranspose", "filters: 2, kernel_size: 3, output_padding: [0, 0]", "[3, 1]",
           "it (Conv1DTranspose): output_padding: expected one number, found 2");
    refuse("Conv1DTranspose", "filters: 2, kernel_size: 2, padding: same, output_padding: 0",
           "[1, 1]",
           "it (Conv1DTranspose): output_padding: nothing is left of the result of (None, "
           "1, 1)");
}

static void test_too_large(void **state)
{
    (void)state;
    refuse("Conv2D", "filters: 2147483647, kernel_size: 1", "[1000, 1000, 1]",
           "it (Conv2D): a result of (None, 1000, 1000, 2147483647) is too large");
    refuse("Conv2D", "filters: 2147483647, kernel_size: 100, padding: same", "[1, 1, 1]",
           "it (Conv2D): a kernel of 21474836470000 numbers is too large");
    refuse("DepthwiseConv1D", "kernel_size: 1, depth_multiplier: 2147483647", "[1, 8589934592]",
           "it (DepthwiseConv1D): a result of (None, 1, 9223372036854775807) is too large");
    refuse("SeparableConv1D", "filters: 1, kernel_size: 1, depth_multiplier: 2147483647",
           "[1, 8589934592]",
           "it (SeparableConv1D): a result of (None, 1, 1, 9223372036854775807) is too large");
    refuse("Conv2DTranspose", "filters: 1, kernel_size: 1, strides: 1048576", "[4, 4, 1]",
           "it (Conv2DTranspose): a result of (None, 4194304, 4194304, 1) is too large");
}

/* -- configs of Keras */

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
    ls_text_release(&text);
    ls_tree_format_json(&text, written);
    assert_string_equal(text.data, wanted);
    ls_text_release(&text);
    ls_tree_free(config);
    ls_tree_free(written);
    harness_free(&h);
}

#define ZEROS  "{\"class_name\": \"Zeros\", \"config\": {}}"
#define GLOROT "{\"class_name\": \"GlorotUniform\", \"config\": {\"seed\": null}}"

static void test_configs(void **state)
{
    (void)state;
    static const char conv_2d[] =
        "{\"filters\": 4, \"kernel_size\": [3, 3], \"strides\": [1, 1], \"padding\": \"same\", "
        "\"data_format\": \"channels_last\", \"dilation_rate\": [1, 1], \"groups\": 1, "
        "\"activation\": \"relu\", \"use_bias\": true, \"kernel_initializer\": " GLOROT
        ", \"bias_initializer\": " ZEROS ", \"kernel_regularizer\": null, \"bias_regularizer\": "
        "null, \"kernel_constraint\": null, \"bias_constraint\": null}";
    expect_config("Conv2D", conv_2d, "[5, 5, 2]", conv_2d);
    /* as Keras 2 writes it, with what a convolution has and this has not */
    expect_config("SeparableConv2D",
                  "{\"filters\": 4, \"kernel_size\": [3, 3], \"strides\": [1, 1], \"padding\": "
                  "\"valid\", \"data_format\": \"channels_last\", \"dilation_rate\": [1, 1], "
                  "\"groups\": 1, \"activation\": \"linear\", \"use_bias\": false, "
                  "\"kernel_initializer\": " GLOROT ", \"kernel_regularizer\": null, "
                  "\"kernel_constraint\": null, \"depth_multiplier\": 1, "
                  "\"depthwise_initializer\": " GLOROT "}",
                  "[5, 5, 2]",
                  "{\"filters\": 4, \"kernel_size\": [3, 3], \"strides\": [1, 1], \"padding\": "
                  "\"valid\", \"data_format\": \"channels_last\", \"dilation_rate\": [1, 1], "
                  "\"depth_multiplier\": 1, \"activation\": \"linear\", \"use_bias\": false, "
                  "\"depthwise_initializer\": " GLOROT ", \"pointwise_initializer\": " GLOROT
                  ", \"bias_initializer\": " ZEROS ", \"depthwise_regularizer\": null, "
                  "\"pointwise_regularizer\": null, \"bias_regularizer\": null, "
                  "\"depthwise_constraint\": null, \"pointwise_constraint\": null, "
                  "\"bias_constraint\": null}");
    expect_config("Conv1DTranspose",
                  "{\"filters\": 4, \"kernel_size\": [3], \"strides\": [2], \"padding\": \"same\", "
                  "\"groups\": 1, \"output_padding\": [1]}",
                  "[5, 2]",
                  "{\"filters\": 4, \"kernel_size\": [3], \"strides\": [2], \"padding\": \"same\", "
                  "\"output_padding\": [1], \"data_format\": \"channels_last\", "
                  "\"dilation_rate\": 1, \"activation\": \"linear\", \"use_bias\": true, "
                  "\"kernel_initializer\": " GLOROT ", \"bias_initializer\": " ZEROS
                  ", \"kernel_regularizer\": null, \"bias_regularizer\": null, "
                  "\"kernel_constraint\": null, \"bias_constraint\": null}");
}

/* Groups of more than 1, which a transposed convolution has not, are refused. */
static void test_groups_stay(void **state)
{
    const struct ls_layer_kind *layer =
        ls_layer_kind_of(ls_kind_find(&ls_layers, "Conv2DTranspose"));
    struct ls_tree *config = parse_text("{filters: 2, kernel_size: 3, groups: 2}");
    (void)state;
    NEED(layer->read(config));
    assert_non_null(ls_tree_find(config, "groups"));
    ls_tree_free(config);
    refuse("Conv2DTranspose", "filters: 2, kernel_size: 3, groups: 2", "[4, 4, 2]",
           "unknown option 'groups' (known: filters, kernel_size, strides, padding, "
           "output_padding, data_format, dilation_rate, activation, use_bias, kernel_initializer, "
           "bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer, "
           "kernel_constraint, bias_constraint)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),  cmocka_unit_test(test_variables),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_configs), cmocka_unit_test(test_groups_stay),
    };
    return cmocka_run_group_tests(tests, test_kernels, NULL);
}
