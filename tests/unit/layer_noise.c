/* Layers that draw random numbers, but Dropout: of what their numbers are functions, how they are
 * spread, and formulas against Keras' numbers; and PReLU. */
#include "layer_harness.h"

enum { COLUMNS = 1000 };

static void start(struct harness *h, const char *kind, const char *options, const char *input,
                  int64_t rows)
{
    struct ls_layer_example example = {options, input, 1};
    harness_create(h, kind, &example, rows);
}

static void expect(const float *found, const double *wanted, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabs(found[i] - wanted[i]) <= 1e-6 * (1 + fabs(wanted[i]))))
            fail_msg("%s[%zu]: %.9g, expected %.9g", what, i, found[i], wanted[i]);
}

static void near(double found, double wanted, double tolerance, const char *what)
{
    if (!(fabs(found - wanted) <= tolerance))
        fail_msg("%s: %.9g, expected %.9g +- %g", what, found, wanted, tolerance);
}

/* -- of what the numbers are functions */

static const struct {
    const char *kind, *options, *input;
} kinds[] = {
    {"GaussianNoise", "stddev: 1", "[1000]"},
    {"GaussianDropout", "rate: 0.5", "[1000]"},
    {"AlphaDropout", "rate: 0.5", "[1000]"},
    {"AlphaDropout", "rate: 0.5, noise_shape: [null, 1, 500]", "[2, 500]"},
    {"Dropout", "rate: 0.5, noise_shape: [null, 500, 1]", "[500, 2]"},
    {"SpatialDropout1D", "rate: 0.5", "[2, 500]"},
    {"SpatialDropout2D", "rate: 0.5", "[2, 1, 500]"},
};

static size_t differences(struct harness *a, struct harness *b)
{
    size_t count = 0;
    harness_forward(a);
    harness_forward(b);
    for (size_t i = 0; i < COLUMNS; i++)
        count += a->out[i] != b->out[i];
    return count;
}

static void change(struct harness *h, int what)
{
    h->epoch += what == 1;
    h->stream += what == 2;
    h->seed += what == 3;
    h->samples[0] += what == 4;
    h->samples[0] += what == 5 ? (int64_t)1 << 32 : 0;
}

static void test_keyed(void **state)
{
    struct harness a, b;
    char own[128];
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        snprintf(own, sizeof own, "%s, seed: 11", kinds[k].options);
        for (int what = 0; what < 8; what++) {
            bool same = what == 0 || what == 7;
            start(&a, kinds[k].kind, what == 7 ? own : kinds[k].options, kinds[k].input, 1);
            start(&b, kinds[k].kind, what >= 6 ? own : kinds[k].options, kinds[k].input, 1);
            change(&b, what == 7 ? 3 : what);
            size_t count = differences(&a, &b);
            if (same ? count != 0 : count < COLUMNS / 3)
                fail_msg("%s, change %d: %zu of %d elements differ", kinds[k].kind, what, count,
                         COLUMNS);
            harness_free(&a);
            harness_free(&b);
        }
    }
}

static void test_not_in_training(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        struct harness h;
        start(&h, kinds[k].kind, kinds[k].options, kinds[k].input, 2);
        h.training = false;
        harness_forward(&h);
        assert_memory_equal(h.out, h.in, h.in_size * sizeof(float));
        assert_true(ls_layer_flags(&h.layer) & LS_LAYER_TRAINING);
        harness_free(&h);
    }
}

/* -- how they are spread */

struct moments {
    double mean, variance, third, fourth; /* about the mean, of the unit deviation */
};

static struct moments moments_of(const float *values, size_t n)
{
    struct moments m = {0};
    for (size_t i = 0; i < n; i++)
        m.mean += values[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        m.variance += pow(values[i] - m.mean, 2) / (double)n;
    for (size_t i = 0; i < n; i++) {
        m.third += pow((values[i] - m.mean) / sqrt(m.variance), 3) / (double)n;
        m.fourth += pow((values[i] - m.mean) / sqrt(m.variance), 4) / (double)n;
    }
    return m;
}

static struct moments of_ones(const char *kind, const char *options)
{
    struct harness h;
    start(&h, kind, options, "[4000]", HARNESS_ROWS);
    for (size_t i = 0; i < h.in_size; i++)
        h.in[i] = 1;
    harness_forward(&h);
    struct moments m = moments_of(h.out, h.out_size);
    harness_free(&h);
    return m;
}

/* 20000 numbers: five times the standard error of each moment of normal ones. */
static void test_normal(void **state)
{
    const double n = 20000, rate = 0.2;
    (void)state;
    struct moments m = of_ones("GaussianNoise", "stddev: 0.5");
    near(m.mean, 1, 5 * 0.5 / sqrt(n), "mean of 1 + noise");
    near(m.variance, 0.25, 5 * 0.25 * sqrt(2 / n), "variance of the noise");
    near(m.third, 0, 5 * sqrt(6 / n), "third moment of the noise");
    near(m.fourth, 3, 5 * sqrt(24 / n), "fourth moment of the noise");
    m = of_ones("GaussianDropout", "rate: 0.2");
    near(m.mean, 1, 5 * sqrt(rate / (1 - rate) / n), "mean of the factors");
    near(m.variance, rate / (1 - rate), 5 * rate / (1 - rate) * sqrt(2 / n),
         "variance of the factors");
}

/* Keras: AlphaDropout of 0.75 gives one of two numbers. */
static void test_alpha(void **state)
{
    static const struct {
        const char *options;
        double rate, kept, dropped;
    } cases[] = {{"rate: 0.2", 0.2, 0.9682176113128662, -1.2361598014831543},
                 {"rate: 0.5", 0.5, 1.4439976215362549, -0.7791938185691833}};
    (void)state;
    for (size_t c = 0; c < 2; c++) {
        struct harness h;
        double dropped = 0;
        start(&h, "AlphaDropout", cases[c].options, "[1000]", 1);
        for (size_t i = 0; i < h.in_size; i++)
            h.in[i] = 0.75F;
        harness_forward(&h);
        for (size_t i = 0; i < h.out_size; i++) {
            bool low = h.out[i] < 0;
            dropped += low;
            expect(&h.out[i], low ? &cases[c].dropped : &cases[c].kept, 1, cases[c].options);
        }
        near(dropped / COLUMNS, cases[c].rate, 5 * sqrt(cases[c].rate / COLUMNS), "dropped");
        harness_free(&h);
    }
}

/* One decision for each channel of each sample. */
static void check_channels(const char *kind, const char *options, const char *input,
                           size_t positions, size_t channels)
{
    struct harness h;
    size_t dropped = 0;
    start(&h, kind, options, input, HARNESS_ROWS);
    for (size_t i = 0; i < h.in_size; i++)
        h.in[i] = 1;
    harness_forward(&h);
    for (size_t r = 0; r < HARNESS_ROWS; r++)
        for (size_t c = 0; c < channels; c++) {
            const float *at = h.out + r * positions * channels + c;
            dropped += *at == 0;
            if (*at != 0 && *at != 2)
                fail_msg("%s: %g, expected 0 or 2", kind, *at);
            for (size_t p = 1; p < positions; p++)
                if (at[p * channels] != *at)
                    fail_msg("%s: sample %zu, channel %zu: %g and %g", kind, r, c, *at,
                             at[p * channels]);
        }
    near((double)dropped, HARNESS_ROWS * channels / 2.0, 2.5 * sqrt(HARNESS_ROWS * channels), kind);
    harness_free(&h);
}

static void test_channels(void **state)
{
    (void)state;
    check_channels("SpatialDropout1D", "rate: 0.5", "[7, 64]", 7, 64);
    check_channels("SpatialDropout2D", "rate: 0.5", "[3, 5, 64]", 15, 64);
    check_channels("Dropout", "rate: 0.5, noise_shape: [null, 1, 64]", "[7, 64]", 7, 64);
    check_channels("Dropout", "rate: 0.5, noise_shape: [null, 1, 1, 64]", "[3, 5, 64]", 15, 64);
}

/* -- PReLU: Keras' numbers */

static void test_prelu(void **state)
{
    struct harness h;
    (void)state;
    start(&h, "PReLU", "shared_axes: [1]", "[3, 2]", 1);
    assert_int_equal(h.layer.variables, 1);
    assert_string_equal(h.layer.variable[0].name, "alpha");
    assert_int_equal(h.layer.variable[0].shape.rank, 2);
    assert_int_equal(h.layer.variable[0].shape.size[0], 1);
    assert_int_equal(h.layer.variable[0].shape.size[1], 2);
    memcpy(h.in, (float[]){1, -2, -0.5F, 0, 3, -4}, 6 * sizeof(float));
    memcpy(h.weight[0], (float[]){0.25F, -0.5F}, 2 * sizeof(float));
    memcpy(h.out_grad, (float[]){1, 2, 3, 4, 5, 6}, 6 * sizeof(float));
    harness_forward(&h);
    expect(h.out, (double[]){1, 1, -0.125, 0, 3, 2}, 6, "result");
    harness_backward(&h, false);
    expect(h.in_grad, (double[]){1, -1, 0.75, 0, 5, -3}, 6, "gradient of the input");
    expect(h.weight_grad[0], (double[]){-1.5, -28}, 2, "gradient of alpha");
    h.in[1] = NAN; /* is named where it comes out, so it may not get lost */
    harness_forward(&h);
    harness_backward(&h, false);
    assert_true(isnan(h.out[1]) && isnan(h.in_grad[1]) && isnan(h.weight_grad[0][1]));
    harness_free(&h);
}

static void test_data_format(void **state)
{
    struct harness h;
    (void)state;
    assert_int_equal(
        harness_try(&h, "SpatialDropout2D", "rate: 0.5, data_format: channels_first", "[3, 4, 4]"),
        LS_BAD_INPUT);
    assert_string_equal(ls_message(),
                        "data_format: is not supported: data is laid out channels last");
    harness_free(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keyed),       cmocka_unit_test(test_not_in_training),
        cmocka_unit_test(test_normal),      cmocka_unit_test(test_alpha),
        cmocka_unit_test(test_channels),    cmocka_unit_test(test_prelu),
        cmocka_unit_test(test_data_format),
    };
    return cmocka_run_group_tests(tests, test_kernels, NULL);
}
