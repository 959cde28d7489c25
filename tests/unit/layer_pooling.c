/* Pooling, padding, cropping and upsampling: Keras' own results and gradients. The input is
 * ((37 i + 11) mod 23) / 8 - 1.25, the gradient of the result ((5 i + 3) mod 7) / 4 - 0.5, and of a
 * mask every third position from the second on is 0; Keras 3.15 with TensorFlow 2 computed the
 * numbers. */
#include "layer_harness.h"

enum { NUMBERS_MAX = 64 };

static const struct sample {
    const char *kind, *options, *input;
    size_t out, in;
    double result[NUMBERS_MAX], gradient[NUMBERS_MAX];
} samples[] = {
    {"MaxPooling1D",
     "{}",
     "[5, 2]",
     4,
     10,
     {0.75, -0.375, 1.375, 0.875},
     {0, 0, 0.25, -0.25, 1, 0, 0, 0.5, 0, 0}},
    {"MaxPooling1D",
     "pool_size: 3, strides: 2, padding: same",
     "[6, 1]",
     3,
     6,
     {0.75, 1.375, 1.375},
     {0, 0, 0.25, 0, 0.75, 0}},
    {"MaxPooling2D",
     "{}",
     "[4, 5, 2]",
     8,
     40,
     {1, -0.125, 1.375, 1.125, 1.5, 0.375, -0.125, 1.375},
     {0, 0, 0, 0, 1, 0, 0, 0,    0, 0, 0, 0, 0.25, -0.25, 0, 0, 0,    0.5, 0, 0,
      0, 0, 0, 0, 0, 0, 0, 0.25, 0, 0, 0, 0, 0,    -0.5,  0, 0, 0.75, 0,   0, 0}},
    {"MaxPooling2D",
     "pool_size: [3, 2], strides: [2, 1], padding: same",
     "[4, 3, 1]",
     6,
     12,
     {1.375, 1.375, 0.75, 1.5, 0.875, -0.25},
     {0, 0, 1, 0, 0, 0, 0, 0, -0.5, 0.5, 0, 0}},
    {"MaxPooling2D",
     "pool_size: 2, strides: 1",
     "[3, 3, 2]",
     8,
     18,
     {0.75, 1.5, 1.375, 1.5, 1, 1.5, 0.375, 1.5},
     {0, 0, 0.25, 0, 1, 0, 0, 0, 0, 0, 0.75, 0, 0, 0, 0, 0, 0, 0}},
    {"AveragePooling1D",
     "pool_size: 3, strides: 2, padding: same",
     "[6, 1]",
     3,
     6,
     {-0.041666668, 0.58333331, 0.8125},
     {0.083333336, 0.083333336, 0, -0.083333336, 0.41666666, 0.5}},
    {"AveragePooling1D",
     "pool_size: 2, strides: 3",
     "[8, 2]",
     6,
     16,
     {0.4375, -0.6875, -0.5625, 1.1875, -0.125, 0.1875},
     {0.125, -0.125, 0.125, -0.125, 0, 0, 0.5, 0.25, 0.5, 0.25, 0, 0, 0, -0.25, 0, -0.25}},
    {"AveragePooling2D",
     "pool_size: 2",
     "[4, 5, 2]",
     8,
     40,
     {0.5625, -0.5625, -0.34375, 0.6875, 1.0625, -0.0625, -0.5625, 0.46875},
     {0.0625, -0.0625, 0.0625, -0.0625, 0.25,   0.125,  0.25,   0.125,  0, 0,
      0.0625, -0.0625, 0.0625, -0.0625, 0.25,   0.125,  0.25,   0.125,  0, 0,
      0,      -0.125,  0,      -0.125,  0.1875, 0.0625, 0.1875, 0.0625, 0, 0,
      0,      -0.125,  0,      -0.125,  0.1875, 0.0625, 0.1875, 0.0625, 0, 0}},
    {"AveragePooling2D",
     "pool_size: 3, strides: 2, padding: same",
     "[4, 5, 1]",
     6,
     20,
     {-0.3125, -0.083333336, 0.14583333, -0.125, 0.10416666, -0.625},
     {0.041666668,  0.01388889, -0.027777778, 0.1388889,  0.16666667, 0.041666668,  0.01388889,
      -0.027777778, 0.1388889,  0.16666667,   0.16666667, 0.1388889,  -0.027777778, 0.013888896,
      0.041666672,  0.125,      0.125,        0,          -0.125,     -0.125}},
    {"AveragePooling2D",
     "pool_size: [2, 3], strides: 1",
     "[3, 4, 1]",
     4,
     12,
     {0.10416666, -0.0625, 0.39583334, 0.22916667},
     {0.041666668, 0, 0, -0.041666668, 0.20833334, 0.25, 0.25, 0.041666668, 0.16666667, 0.25, 0.25,
      0.083333336}},
    {"GlobalMaxPooling1D",
     "{}",
     "[30, 2]",
     2,
     60,
     {1.5, 1.5},
     {0, -0, 0, -0, 0, -0, 0, -0, 0, -0.125, 0, -0, 0,    -0, 0, -0,     0, -0, 0, -0,
      0, -0, 0, -0, 0, -0, 0, -0, 0, -0,     0, -0, 0.25, -0, 0, -0,     0, -0, 0, -0,
      0, -0, 0, -0, 0, -0, 0, -0, 0, -0,     0, -0, 0,    -0, 0, -0.125, 0, -0, 0, -0}},
    {"GlobalMaxPooling2D",
     "keepdims: true",
     "[5, 6, 2]",
     2,
     60,
     {1.5, 1.5},
     {0, -0, 0, -0, 0, -0, 0, -0, 0, -0.125, 0, -0, 0,    -0, 0, -0,     0, -0, 0, -0,
      0, -0, 0, -0, 0, -0, 0, -0, 0, -0,     0, -0, 0.25, -0, 0, -0,     0, -0, 0, -0,
      0, -0, 0, -0, 0, -0, 0, -0, 0, -0,     0, -0, 0,    -0, 0, -0.125, 0, -0, 0, -0}},
    {"GlobalAveragePooling1D",
     "keepdims: true",
     "[4, 3]",
     3,
     12,
     {0.09375, 0.40625, 0},
     {0.0625, -0.0625, 0.25, 0.0625, -0.0625, 0.25, 0.0625, -0.0625, 0.25, 0.0625, -0.0625, 0.25}},
    {"GlobalAveragePooling1D",
     "{}",
     "{masked: [5, 2]}",
     2,
     10,
     {0.20833333, 0.041666668},
     {0.083333336, -0.083333336, 0, 0, 0.083333336, -0.083333336, 0.083333336, -0.083333336, 0, 0}},
    {"GlobalAveragePooling2D",
     "{}",
     "[3, 3, 2]",
     2,
     18,
     {0.069444448, 0.22222222},
     {0.027777778, -0.027777778, 0.027777778, -0.027777778, 0.027777778, -0.027777778, 0.027777778,
      -0.027777778, 0.027777778, -0.027777778, 0.027777778, -0.027777778, 0.027777778, -0.027777778,
      0.027777778, -0.027777778, 0.027777778, -0.027777778}},
    {"ZeroPadding1D",
     "padding: [0, 2]",
     "[2, 2]",
     8,
     4,
     {0.125, -1, 0.75, -0.375, 0, 0, 0, 0},
     {0.25, -0.25, 1, 0.5}},
    {"ZeroPadding2D",
     "padding: [[1, 0], [0, 2]]",
     "[2, 2, 1]",
     12,
     4,
     {0, 0, 0, 0, 0.125, -1, 0, 0, 0.75, -0.375, 0, 0},
     {0, -0.5, -0.25, 1}},
    {"ZeroPadding2D",
     "padding: [0, 1]",
     "[2, 1, 2]",
     12,
     4,
     {0, 0, 0.125, -1, 0, 0, 0, 0, 0.75, -0.375, 0, 0},
     {1, 0.5, -0.25, 1}},
    {"Cropping1D",
     "cropping: [0, 2]",
     "[4, 2]",
     4,
     8,
     {0.125, -1, 0.75, -0.375},
     {0.25, -0.25, 1, 0.5, 0, 0, 0, 0}},
    {"Cropping2D",
     "cropping: [[1, 0], [2, 1]]",
     "[3, 4, 1]",
     2,
     12,
     {-0.875, 0.375},
     {0, 0, 0, 0, 0, 0, 0.25, 0, 0, 0, -0.25, 0}},
    {"UpSampling1D",
     "size: 3",
     "[2, 2]",
     12,
     4,
     {0.125, -1, 0.125, -1, 0.125, -1, 0.75, -0.375, 0.75, -0.375, 0.75, -0.375},
     {1.25, -0.25, 1, 1.25}},
    {"UpSampling2D",
     "size: [2, 3]",
     "[2, 2, 1]",
     24,
     4,
     {0.125, 0.125, 0.125, -1,     -1,     -1,     0.125, 0.125, 0.125, -1,     -1,     -1,
      0.75,  0.75,  0.75,  -0.375, -0.375, -0.375, 0.75,  0.75,  0.75,  -0.375, -0.375, -0.375},
     {1.75, 1.5, 0.75, 2.25}},
    {"UpSampling2D",
     "size: [2, 3], interpolation: bilinear",
     "[2, 3, 1]",
     36,
     6,
     {0.125,  0.125,  -0.25000006, -0.62500012, -1,       -0.41666663, 0.16666675, 0.75,  0.75,
      0,      0,      -0.1354167,  -0.2708334,  -0.40625, -0.0625,     0.28125003, 0.625, 0.625,
      -0.25,  -0.25,  0.09375,     0.4375,      0.78125,  0.64583325,  0.51041663, 0.375, 0.375,
      -0.375, -0.375, 0.20833337,  0.79166675,  1.375,    0.99999994,  0.62499988, 0.25,  0.25},
     {1.8541666, 1.2083333, 1.4375, 1.5624998, 1.7916669, 1.1458334}},
    {"UpSampling2D",
     "size: 3, interpolation: bicubic",
     "[2, 3, 1]",
     54,
     6,
     {0.3277818,   0.17760316,  -0.28634757,  -0.93822175, -1.2498649,   -0.69293475,  0.18797973,
      0.80260313,  1.0185356,   0.24335709,   0.125,       -0.24520354,  -0.76385123,  -1,
      -0.51856422, 0.22912377,  0.75,         0.934111,    0.0029183384, -0.024812028, -0.12802663,
      -0.26724964, -0.28839284, -0.021962702, 0.34630066,  0.6001879,    0.69367212,   -0.31867224,
      -0.22518794, 0.028699305, 0.39696264,   0.66339278,  0.64224958,   0.5030266,    0.39981201,
      0.37208164,  -0.559111,   -0.375,       0.14587624,  0.89356428,   1.375,        1.1388512,
      0.62020355,  0.25,        0.13164288,   -0.64353567, -0.42760313,  0.18702023,   1.0679346,
      1.6248648,   1.3132217,   0.66134751,   0.19739683,  0.047218174},
     {2.8047831, 1.9135478, 1.9285016, 2.2611747, 1.9406562, 2.9013352}},
    {"UpSampling2D",
     "size: [3, 2], interpolation: bicubic",
     "[5, 1, 2]",
     60,
     10,
     {0.059246048, -1.0657539,  0.059246048, -1.0657539,  0.125,       -1,         0.125,
      -1,          0.27567267,  -0.84932733, 0.27567267,  -0.84932733, 0.50471306, -0.620287,
      0.50471306,  -0.620287,   0.75,        -0.375,      0.75,        -0.375,     1.0644554,
      -0.16687012, 1.0644554,   -0.16687012, 1.379833,    0.041870117, 1.379833,   0.041870117,
      1.375,       0.25,        1.375,       0.25,        0.73236984,  0.45812988, 0.73236984,
      0.45812988,  -0.23236978, 0.66687018,  -0.23236978, 0.66687018,  -0.875,     0.875,
      -0.875,      0.875,       -0.83508074, 1.1202869,   -0.83508074, 1.1202869,  -0.49966541,
      1.3493273,   -0.49966541, 1.3493273,   -0.25,       1.5,         -0.25,      1.5,
      -0.18424603, 1.5657538,   -0.18424603, 1.5657538},
     {2.1953368, 0.79097688, 1.0826536, 1.862749, 2.0038941, 1.2749135, 0.94959038, 1.4542732,
      2.0185249, 1.8670875}},
    {"UpSampling2D",
     "size: 2, interpolation: lanczos3",
     "[2, 3, 1]",
     24,
     6,
     {0.51160997,  -0.229054,   -1.2797943,  -1.0345962,  0.31893712, 1.1944314,
      0.10928086,  -0.14287275, -0.46688187, -0.22168382, 0.40511835, 0.79210228,
      -0.41710237, -0.03011841, 0.5966838,   0.84188187,  0.51787275, 0.26571918,
      -0.81943148, 0.056062814, 1.4095961,   1.6547941,   0.60405397, -0.13660994},
     {0.99347544, 2.0590336, 0.03718555, 0.0023360252, 0.87437904, 2.2835898}},
    {"UpSampling2D",
     "size: [1, 2], interpolation: lanczos5",
     "[1, 7, 1]",
     14,
     7,
     {0.44730523, -0.26681182, -0.97693866, -0.63461763, 0.5286482, 0.60806096, -0.1872173,
      -0.19976479, 0.87965399, 1.5916884, 0.90047044, -0.28873324, -0.79899824, -0.90769434},
     {0.27721605, 1.1570215, -0.079355039, 0.39637139, 0.97734392, 0.52648008, 0.24492222}},
    {"UpSampling2D",
     "size: [3, 1], interpolation: lanczos3",
     "[3, 1, 2]",
     18,
     6,
     {0.049821753, -1.0751781, 0.125, -1, 0.23549527, -0.88950479, 0.43514252, -0.68985742,
      0.74999994, -0.37499997, 1.0648575, -0.060142428, 1.2645048, 0.13950479, 1.375, 0.25,
      1.4501781, 0.32517827},
     {1.5818665, -0.11069619, 0.28359997, 1.2281119, 1.1345336, 0.88258421}},
};

static void expect(const float *found, const double *wanted, size_t n, const struct sample *s)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabs(found[i] - wanted[i]) <= 2e-6 * (1 + fabs(wanted[i]))))
            fail_msg("%s {%s} of %s, %s %zu: %.9g, expected %.9g", s->kind, s->options, s->input,
                     wanted == s->result ? "result" : "gradient", i, (double)found[i], wanted[i]);
}

static void test_keras(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof samples / sizeof *samples; k++) {
        const struct sample *s = &samples[k];
        const struct ls_layer_example example = {s->options, s->input, 1};
        struct harness h;
        harness_create(&h, s->kind, &example, 1);
        assert_int_equal(h.out_size, s->out);
        assert_int_equal(h.in_size - h.mask_size, s->in);
        for (size_t i = 0; i < s->in; i++)
            h.in[i] = (float)((37 * i + 11) % 23) / 8 - 1.25F;
        for (size_t i = 0; i < h.mask_size; i++)
            h.in[s->in + i] = i % 3 != 1 ? 1 : 0;
        for (size_t i = 0; i < s->out; i++)
            h.out_grad[i] = (float)((5 * i + 3) % 7) / 4 - 0.5F;
        harness_forward(&h);
        expect(h.out, s->result, s->out, s);
        harness_backward(&h, false);
        expect(h.in_grad, s->gradient, s->in, s);
        harness_free(&h);
    }
}

static void start(struct harness *h, const char *kind, const char *options, const char *input)
{
    const struct ls_layer_example example = {options, input, 1};
    harness_create(h, kind, &example, 1);
    for (size_t i = 0; i < h->in_size; i++)
        h->in[i] = 0;
    for (size_t i = 0; i < h->out_size; i++)
        h->out_grad[i] = (float)(i + 1);
    harness_forward(h);
    harness_backward(h, false);
}

/* As in TensorFlow: the first of equals has the gradient of a window, all of them that of the whole
 * image. */
static void test_equals(void **state)
{
    struct sample s = {
        "MaxPooling2D", "strides: 1", "[3, 3, 1]", 4, 9, {0}, {1, 2, 0, 3, 4, 0, 0, 0, 0}};
    struct harness h;
    (void)state;
    start(&h, s.kind, s.options, s.input);
    expect(h.in_grad, s.gradient, 9, &s);
    harness_free(&h);
    s = (struct sample){"GlobalMaxPooling1D", "{}", "[4, 1]", 1, 4, {0}, {0.25, 0.25, 0.25, 0.25}};
    start(&h, s.kind, s.options, s.input);
    expect(h.in_grad, s.gradient, 4, &s);
    harness_free(&h);
}

/* Windows of more cells than a byte counts: the last one wins. */
static void test_large_window(void **state)
{
    const struct ls_layer_example example = {"pool_size: [20, 15]", "[20, 15, 2]", 1};
    struct harness h;
    (void)state;
    harness_create(&h, "MaxPooling2D", &example, 2);
    for (size_t i = 0; i < h.in_size; i++)
        h.in[i] = (float)i;
    harness_forward(&h);
    harness_backward(&h, false);
    for (size_t i = 0; i < h.in_size; i++) {
        const float wanted = i % 600 < 598 ? 0 : h.out_grad[i / 600 * 2 + i % 2];
        if (h.in_grad[i] != wanted)
            fail_msg("gradient %zu: %g, expected %g", i, (double)h.in_grad[i], (double)wanted);
    }
    harness_free(&h);
}

/* Where a mask covers all, there is no mean: NaN, as in Keras, and no gradient. */
static void test_all_masked(void **state)
{
    const struct ls_layer_example example = {"{}", "{masked: [2, 1]}", 1};
    struct harness h;
    (void)state;
    harness_create(&h, "GlobalAveragePooling1D", &example, 1);
    h.in[2] = h.in[3] = 0;
    harness_forward(&h);
    harness_backward(&h, false);
    if (!isnan(h.out[0]) || h.in_grad[0] != 0 || h.in_grad[1] != 0)
        fail_msg("%g with gradients %g, %g; expected NaN, 0, 0", (double)h.out[0],
                 (double)h.in_grad[0], (double)h.in_grad[1]);
    harness_free(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keras),
        cmocka_unit_test(test_equals),
        cmocka_unit_test(test_large_window),
        cmocka_unit_test(test_all_masked),
    };
    return cmocka_run_group_tests(tests, test_kernels, NULL);
}
