/* Layers that change images at random: against Keras' numbers where their factors leave nothing to
 * chance, and of what their chances are functions. */
#include "layer_harness.h"

enum { HEIGHT = 3, WIDTH = 4, CHANNELS = 1, PIXELS = HEIGHT * WIDTH * CHANNELS };

static const struct {
    const char *kind, *options;
    float wanted[PIXELS];
} cases[] = {
    {"RandomRotation",
     "factor: [0.1, 0.1], fill_mode: reflect, interpolation: bilinear",
     {2.0434511, 2.2833617, 0.90910184, -0.14793462, -0.47901732, 1.1650397, -0.41503945, 1.2290173,
      0.89793479, -0.15910175, -1.5333617, -1.2934511}},
    {"RandomTranslation",
     "height_factor: [0.3, 0.3], width_factor: [-0.45, -0.45], fill_mode: reflect, interpolation: bilinear",
     {2.2249999, 1.725, 1.625, 2.0250001, 2.0250001, 1.5250001, 1.4250001, 1.8250002, 0.025000215,
      -0.065000206, -0.062500298, -0.072499909}},
    {"RandomZoom",
     "height_factor: [0.6, 0.6], width_factor: [-0.3, -0.3], fill_mode: reflect, interpolation: bilinear",
     {0.081250191, 2.55, 2.2, 1.85, 0.89999998, 0.55000001, 0.19999999, -0.14999998, -1.1, -1.45,
      -1.8, 0.66874969}},
    {"RandomRotation",
     "factor: [0.1, 0.1], fill_mode: wrap, interpolation: bilinear",
     {-1.3121299, -1.7166383, 0.90910184, 0.97967821, -0.47901732, 1.1650397, -0.41503945,
      1.2290173, -0.22967827, -0.15910175, 2.4666383, 2.06213}},
    {"RandomTranslation",
     "height_factor: [0.3, 0.3], width_factor: [-0.45, -0.45], fill_mode: wrap, interpolation: bilinear",
     {-1.775, 1.8249997, -0.875, -1.2750001, 2.0250001, 1.5250001, -1.6875001, 1.6025008,
      0.025000215, -0.065000206, 0.92500013, 0.5250001}},
    {"RandomZoom",
     "height_factor: [0.6, 0.6], width_factor: [-0.3, -0.3], fill_mode: wrap, interpolation: bilinear",
     {-1.1, -1.45, -1.8, 0.66874969, 0.89999998, 0.55000001, 0.19999999, -0.14999998, 0.081250191,
      2.55, 2.2, 1.85}},
    {"RandomRotation",
     "factor: [0.1, 0.1], fill_mode: constant, interpolation: bilinear",
     {0.63204992, 2.0483818, 0.90910184, -0.10336033, -0.47901732, 1.1650397, -0.41503945,
      1.2290173, 0.62737739, -0.15910175, -1.3755641, -0.40007114}},
    {"RandomTranslation",
     "height_factor: [0.3, 0.3], width_factor: [-0.45, -0.45], fill_mode: constant, interpolation: bilinear",
     {0.22249991, 0.17249994, 0.032499995, 0, 2.0250001, 1.5250001, 0.28500009, 0, 0.025000215,
      -0.065000206, -0.012500063, 0}},
    {"RandomZoom",
     "height_factor: [0.6, 0.6], width_factor: [-0.3, -0.3], fill_mode: constant, interpolation: bilinear",
     {0.032500073, 1.0199999, 0.88, 0.73999995, 0.89999998, 0.55000001, 0.19999999, -0.14999998,
      -0.44000012, -0.58000016, -0.72000015, 0.26749995}},
    {"RandomRotation",
     "factor: [0.1, 0.1], fill_mode: nearest, interpolation: bilinear",
     {2.0434511, 2.2833617, 0.90910184, -0.14793462, -0.47901732, 1.1650397, -0.41503945, 1.2290173,
      0.89793479, -0.15910175, -1.5333617, -1.2934511}},
    {"RandomTranslation",
     "height_factor: [0.3, 0.3], width_factor: [-0.45, -0.45], fill_mode: nearest, interpolation: bilinear",
     {2.2249999, 1.725, 1.625, 1.625, 2.0250001, 1.5250001, 1.4250001, 1.4250001, 0.025000215,
      -0.065000206, -0.062500298, -0.062500298}},
    {"RandomZoom",
     "height_factor: [0.6, 0.6], width_factor: [-0.3, -0.3], fill_mode: nearest, interpolation: bilinear",
     {0.081250191, 2.55, 2.2, 1.85, 0.89999998, 0.55000001, 0.19999999, -0.14999998, -1.1, -1.45,
      -1.8, 0.66874969}},
    {"RandomRotation",
     "factor: [-0.35, -0.35], fill_mode: constant, interpolation: nearest, fill_value: 1.5",
     {1.5, -1.375, 1.125, -2, -1.875, 0.125, 0.625, 2.625, 2.75, -0.375, 2.125, 1.5}},
    {"RandomTranslation",
     "height_factor: [-1, -1], width_factor: [0.9, 0.9], fill_mode: reflect",
     {0.89999956, -1.675, -1.175, -0.875, -0.17499995, 0.32500005, 0.82500005, 1.125, 1.825, 2.325,
      0.77499962, -2}},
    {"RandomTranslation",
     "height_factor: [0.8, 0.8], width_factor: [-0.9, -0.9], fill_mode: wrap",
     {-0.875, -1.175, -1.675, -0.875, -0.074999809, -0.37499976, -0.8749997, -0.074999809, -0.875,
      -1.175, -1.675, -0.875}},
    {"RandomTranslation",
     "height_factor: [0.2, 0.2], width_factor: [0.1, 0.1], fill_mode: constant, fill_value: -0.5",
     {-0.86000001, 0.01000002, 0.62999994, 0.42999995, -0.6500001, 0.79500008, 1.5250001, 1.0250001,
      -0.0049999654, 0.025000066, -0.47499996, 0.25499982}},
    {"RandomZoom",
     "height_factor: [0.9, 0.9], width_factor: [1, 1], fill_mode: reflect, interpolation: nearest",
     {2.625, 2.625, 1.625, 1.625, 0.625, 0.625, -0.375, -0.375, -1.375, -1.375, 2.75, 2.75}},
    {"RandomZoom",
     "height_factor: [0.5, 0.5], fill_mode: constant, fill_value: -0.5",
     {-0.6875, 0.484375, 0.75, -0.234375, -0.09375, 0.75, 0, -0.46875, -0.546875, -0.875, -0.609375,
      -0.09375}},
};

static void start(struct harness *h, const char *kind, const char *options, int64_t rows)
{
    char input[64];
    snprintf(input, sizeof input, "[%d, %d, %d]", HEIGHT, WIDTH, CHANNELS);
    struct ls_layer_example example = {options, input, 1};
    harness_create(h, kind, &example, rows);
    for (size_t i = 0; i < h->in_size; i++)
        h->in[i] = (float)(i % PIXELS * 37 % 41) / 8 - 2;
}

/* Made by Keras 3.15 on TensorFlow. */
static void test_against_keras(void **state)
{
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct harness h;
        start(&h, cases[c].kind, cases[c].options, 1);
        harness_forward(&h);
        for (size_t i = 0; i < PIXELS; i++)
            if (!(fabsf(h.out[i] - cases[c].wanted[i]) <= 1e-5F))
                fail_msg("%s {%s}[%zu]: %.8g, expected %.8g", cases[c].kind, cases[c].options, i,
                         h.out[i], cases[c].wanted[i]);
        harness_free(&h);
    }
}

/* -- RandomFlip: of its two outcomes each is met, and nothing else */

static size_t from(size_t i, bool down, bool across)
{
    size_t y = i / CHANNELS / WIDTH, x = i / CHANNELS % WIDTH;
    y = down ? HEIGHT - 1 - y : y;
    x = across ? WIDTH - 1 - x : x;
    return (y * WIDTH + x) * CHANNELS + i % CHANNELS;
}

static bool is_flipped(const struct harness *h, bool down, bool across)
{
    for (size_t i = 0; i < PIXELS; i++)
        if (h->out[i] != h->in[from(i, down, across)])
            return false;
    return true;
}

static void check_flip(const char *options, bool down, bool across)
{
    enum { SAMPLES = 400 };
    struct harness h;
    size_t flipped = 0, left = 0;
    start(&h, "RandomFlip", options, 1);
    for (h.samples[0] = 0; h.samples[0] < SAMPLES; h.samples[0]++) {
        harness_forward(&h);
        flipped += is_flipped(&h, down, across);
        left += is_flipped(&h, false, false);
    }
    if (flipped + left != SAMPLES || fabs(flipped - SAMPLES / 2.0) > 2.5 * sqrt(SAMPLES))
        fail_msg("%s: of %d images %zu were flipped, %zu left", options, SAMPLES, flipped, left);
    harness_free(&h);
}

static void test_flip(void **state)
{
    (void)state;
    check_flip("mode: horizontal", false, true);
    check_flip("mode: vertical", true, false);
    check_flip("{}", true, true);
}

/* -- chance */

static const struct {
    const char *kind, *options;
} kinds[] = {
    {"RandomFlip", "mode: horizontal"},
    {"RandomTranslation", "height_factor: 0.5, width_factor: 0.5"},
    {"RandomRotation", "factor: 0.5"},
    {"RandomZoom", "height_factor: 0.5"},
};

static void change(struct harness *h, int what, int by)
{
    h->epoch += what == 1 ? (uint32_t)by : 0;
    h->stream += what == 2 ? (uint32_t)by : 0;
    h->seed += what == 3 ? (uint64_t)by : 0;
    h->samples[0] += what == 4 ? by : 0;
}

static bool differ(const char *kind, const char *options, int what, int by)
{
    struct harness a, b;
    start(&a, kind, options, 1);
    start(&b, kind, options, 1);
    change(&b, what, by);
    harness_forward(&a);
    harness_forward(&b);
    bool result = memcmp(a.out, b.out, PIXELS * sizeof(float)) != 0;
    harness_free(&a);
    harness_free(&b);
    return result;
}

/* A flip that comes out as it was says nothing: some of several changes must not. */
static void test_keyed(void **state)
{
    enum { CHANGES = 20 };
    char own[128];
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (int what = 0; what < 5; what++) {
            size_t count = 0, with_own = 0;
            snprintf(own, sizeof own, "%s, seed: 11", kinds[k].options);
            for (int by = 1; by <= CHANGES; by++) {
                count += differ(kinds[k].kind, kinds[k].options, what, by);
                with_own += differ(kinds[k].kind, own, what, by);
            }
            bool same = what == 0, own_same = what == 0 || what == 3;
            if (same ? count != 0 : count < 4)
                fail_msg("%s, change %d: %zu of %d differ", kinds[k].kind, what, count, CHANGES);
            if (own_same ? with_own != 0 : with_own < 4)
                fail_msg("%s with a seed, change %d: %zu of %d differ", kinds[k].kind, what,
                         with_own, CHANGES);
        }
}

static void test_not_in_training(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        struct harness h;
        start(&h, kinds[k].kind, kinds[k].options, 2);
        h.training = false;
        harness_forward(&h);
        assert_memory_equal(h.out, h.in, h.in_size * sizeof(float));
        assert_true(ls_layer_flags(&h.layer) & LS_LAYER_TRAINING);
        harness_free(&h);
    }
}

/* One number is a range to both sides, a pair one from the lower to the higher: what is drawn fills
 * it. A shift of a single bright pixel tells the factor. */
static void check_range(const char *factor, double low, double high)
{
    enum { SAMPLES = 500, LONG = 101 };
    char options[128];
    struct harness h;
    double least = 9, most = -9;
    snprintf(options, sizeof options,
             "height_factor: 0, width_factor: %s, fill_mode: constant, interpolation: nearest",
             factor);
    struct ls_layer_example example = {options, "[1, 101, 1]", 1};
    harness_create(&h, "RandomTranslation", &example, 1);
    memset(h.in, 0, LONG * sizeof(float));
    h.in[LONG / 2] = 1;
    for (h.samples[0] = 0; h.samples[0] < SAMPLES; h.samples[0]++) {
        harness_forward(&h);
        for (int i = 0; i < LONG; i++) {
            double shift = (i - LONG / 2) / (double)LONG;
            least = h.out[i] == 1 ? fmin(least, shift) : least;
            most = h.out[i] == 1 ? fmax(most, shift) : most;
        }
    }
    if (fabs(least - low) > 0.02 || fabs(most - high) > 0.02)
        fail_msg("%s: from %g to %g, expected %g to %g", factor, least, most, low, high);
    harness_free(&h);
}

static void test_range(void **state)
{
    (void)state;
    check_range("0.4", -0.4, 0.4);
    check_range("-0.4", -0.4, 0.4);
    check_range("[0.1, 0.3]", 0.1, 0.3);
    check_range("[0.3, -0.1]", -0.1, 0.3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_keras), cmocka_unit_test(test_flip),
        cmocka_unit_test(test_keyed),         cmocka_unit_test(test_not_in_training),
        cmocka_unit_test(test_range),
    };
    return cmocka_run_group_tests(tests, test_kernels, NULL);
}
