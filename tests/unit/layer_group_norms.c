/* LayerNormalization, GroupNormalization, RMSNormalization and UnitNormalization against numbers of
 * Keras' (keras 3.15 on TensorFlow). */
#include "layer_harness.h"

enum { ROWS = 2, N = 6 };

static const float x[ROWS * N] = {1, 2, 3, -1, 0, 4, 2, 2, -2, 5, 1, 0.5F};
static const float out_grad[ROWS * N] = {1, 0.5F, -1, 2, 0.25F, 1, 2, -2, 0.5F, 1, 1, -1};
static const float weight[N] = {1, -0.5F, 2, 0.25F, 3, -1}; /* beta: one more */

static const struct wanted {
    const char *kind, *options, *input;
    double out[ROWS * N], in_grad[ROWS * N], weight_grad[2][N];
} cases[] = {
    {"LayerNormalization",
     "{}",
     "[6]",
     {1.7072802, 0.35364008, 4.756319, 0.8841002, 1.3655214, -1.4635992, 2.2790763, 0.3604618,
      -0.26918006, 1.6785815, 3.4019792, 0.43854856},
     {0.54088348, 0.093342826, -0.6469177, -0.32035422, 0.11026466, 0.22278094, 0.33028281,
      -0.14813378, -0.3625735, -0.34611642, 0.75508946, -0.22854869},
     {{0.26543289, -0.41179281, -1.6954545, -1.2128723, -0.41888011, 1.9021478},
      {3, -1.5, -0.5, 3, 1.25, 0}}},
    {"LayerNormalization",
     "axis: [-1, 1], epsilon: 0.01",
     "[3, 2]",
     {1.7077307, 0.35386527, 4.7536163, 0.88466322, 1.3695753, -1.4613471, 2.2787893, 0.36060536,
      -0.265818, 1.6781409, 3.4025943, 0.43809754},
     {0.54048759, 0.092762783, -0.64723152, -0.31767923, 0.11140424, 0.22025609, 0.32987899,
      -0.14804561, -0.36182439, -0.34615493, 0.75435889, -0.22821267},
     {{0.26530933, -0.41144404, -1.6932627, -1.210131, -0.41833729, 1.8994446},
      {3, -1.5, -0.5, 3, 1.25, 0}}},
    {"LayerNormalization",
     "axis: 1, scale: false",
     "[3, 2]",
     {1.7328246, 2.1622021, 1.8358769, -0.79761767, 1.9312985, 4.1354156, 2.9804111, 1.7327769,
      -0.87257552, 1.8361155, 3.3921645, 1.9311076},
     {0.60123038, -0.28813094, -0.20081073, 0.11531773, -0.40041974, 0.17281327, 0.16979745,
      -0.5726608, 0.056407005, 0.19107336, -0.22620431, 0.38158748},
     {{1.5, 2.5, 1.25}}},
    {"LayerNormalization",
     "rms_scaling: true",
     "[2, 3]",
     {1.2238274, -1.2238274, 7.3429642, -0.46286047, 0, 3.7028837, 1.0605111, -0.53025556,
      -2.1210222, 2.4825115, -0.24825116, 0.49650231},
     {-2.136657, -0.30595684, 0.91282964, 1.3223735, 0.14046872, 0.33074212, 0.79545784, 0.26520228,
      1.0603621, 0.091918737, -0.081657916, -0.7550143},
     {{4.9016399, -0.40069255, -2.598547}}},
    {"GroupNormalization",
     "groups: 2",
     "[6]",
     {0.77617264, 0.5, 5.4476547, 1.0185697, 2.6114187, -1.3885814, 2.7070074, 0.1464963,
      0.17197037, 1.6016891, 2.2622418, 0.82750386},
     {-0.09923625, 0.20397121, -0.10473514, -0.12115809, 0.15156533, -0.03040725, 0.26515263,
      -0.26510292, -4.9710274e-05, -0.0638901, 0.57392055, -0.51003039},
     {{0.19018734, -1.4140147, -1.9308348, -0.44468534, -0.69496787, 2.2160852},
      {3, -1.5, -0.5, 3, 1.25, 0}}},
    {"GroupNormalization",
     "groups: 3, axis: 1",
     "[3, 2]",
     {1.001994, 2.9980061, 6.2465668e-05, 0.99993753, 1.0002499, 4.9997501, 2, 2, 0.99997962,
      2.0444393e-05, 4.9841895, 1.0158107},
     {0.0019880235, -0.0019879639, 9.3698502e-05, -9.3698502e-05, -9.3698502e-05, 9.3698502e-05,
      63.245548, -63.245548, 2.9206276e-06, -2.913177e-06, 0.12498903, -0.12498903},
     {{-0.49900302, -2.4996457, 2.7340956}, {1.5, 2.5, 1.25}}},
    {"GroupNormalization",
     "groups: -1",
     "[3, 2]",
     {1.7328246, 0.41889891, 3.3358769, 1.1488088, 0.93129849, -0.067707717, 2.9804111, 0.6336115,
      0.62742448, -0.1680578, 2.3921645, 1.0344461},
     {0.60123038, 0.14406547, -0.20081073, -0.057658866, -0.40041974, -0.086406633, 0.16979745,
      0.2863304, 0.056407005, -0.095536679, -0.22620431, -0.19079374},
     {{-0.20352876, 1.5607355}, {3.75, 1.5}}},
    {"GroupNormalization",
     "groups: 1, axis: -2, center: false",
     "[3, 2]",
     {-0.29271984, 0.29271984, -0.43907976, 0.7317996, -1.756319, 2.9271984, 0.27907634, 0.27907634,
      0.81729501, -0.85716307, -0.39868051, -0.87709713},
     {0.36516127, -0.17001471, -0.41247088, -0.32080579, 0.3148976, 0.22323251, 1.0159699,
      -0.8976965, -0.055904899, -0.18349351, 1.0171106, -0.89598554},
     {{-0.14635992, -2.9083269, 1.4832677}}},
    {"RMSNormalization",
     "{}",
     "[6]",
     {0.43994129, -0.43994129, 2.6396477, -0.10998532, 0, -1.7597651, 0.79211801, -0.39605901,
      -1.584236, 0.49507377, 1.188177, -0.1980295},
     {0.5818578, 0.17384771, -0.45413303, 0.07805413, 0.32995597, 0.12772477, 0.61091453,
      0.21485554, 0.57726246, -0.35399392, 1.0975753, 0.35075814},
     {{2.0241773, -1.1442947, -1.7158829, 1.1004125, 0.39605901, 1.5617356}}},
    {"RMSNormalization",
     "axis: [2, 1], epsilon: 0.1",
     "[3, 2]",
     {0.43574467, -0.43574467, 2.6144681, -0.10893617, 0, -1.7429787, 0.78597748, -0.39298874,
      -1.571955, 0.49123591, 1.1789663, -0.19649437},
     {0.57363856, 0.16685161, -0.45780769, 0.079978451, 0.32680851, 0.11583087, 0.6089555,
      0.21596678, 0.57001072, -0.34430772, 1.0904553, 0.34873325},
     {{2.0076997, -1.1362103, -1.7002227, 1.0934544, 0.39298874, 1.5464844}}},
    {"UnitNormalization",
     "{}",
     "[6]",
     {0.17960531, 0.35921061, 0.53881592, -0.17960531, 0, 0.71842122, 0.32338083, 0.32338083,
      -0.32338083, 0.80845207, 0.16169041, 0.080845207},
     {0.17381158, 0.078215212, -0.19698647, 0.36500433, 0.044901326, 0.15643042, 0.28533602,
      -0.36142564, 0.11889001, 0.066578403, 0.14266801, -0.17120162},
     {{0}}},
    {"UnitNormalization",
     "axis: 1",
     "[2, 3]",
     {0.70710677, 1, 0.60000002, -0.70710677, 0, 0.80000001, 0.37139067, 0.89442718, -0.97014254,
      0.92847669, 0.44721359, 0.24253564},
     {1.0606601, 0, -0.22400001, 1.0606601, 0.125, 0.168, 0.2561315, -0.35777092, -0.099867627,
      -0.10245259, 0.71554172, -0.39947045},
     {{0}}},
    {"UnitNormalization",
     "axis: [1, 2]",
     "[2, 3]",
     {0.17960531, 0.35921061, 0.53881592, -0.17960531, 0, 0.71842122, 0.32338083, 0.32338083,
      -0.32338083, 0.80845207, 0.16169041, 0.080845207},
     {0.17381158, 0.078215212, -0.19698647, 0.36500433, 0.044901326, 0.15643042, 0.28533602,
      -0.36142564, 0.11889001, 0.066578403, 0.14266801, -0.17120162},
     {{0}}},
};

static void expect(const float *found, const double *wanted, size_t n, const struct wanted *w,
                   const char *what)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)found[i] - wanted[i]) <= 5e-6 * (1 + fabs(wanted[i]))))
            fail_msg("%s {%s}: %s[%zu] is %.9g, expected %.9g", w->kind, w->options, what, i,
                     (double)found[i], wanted[i]);
}

static void check(const struct wanted *w)
{
    struct harness h;
    harness_create(&h, w->kind, &(struct ls_layer_example){w->options, w->input, 1}, ROWS);
    memcpy(h.in, x, sizeof x);
    memcpy(h.out_grad, out_grad, sizeof out_grad);
    for (size_t v = 0; v < h.layer.variables; v++)
        for (int64_t i = 0; i < ls_shape_count(&h.layer.variable[v].shape); i++)
            h.weight[v][i] = weight[i] + (strcmp(h.layer.variable[v].name, "beta") == 0 ? 1 : 0);
    harness_forward(&h);
    expect(h.out, w->out, ROWS * N, w, "out");
    harness_backward(&h, false);
    expect(h.in_grad, w->in_grad, ROWS * N, w, "in_grad");
    for (size_t v = 0; v < h.layer.variables; v++)
        expect(h.weight_grad[v], w->weight_grad[v],
               (size_t)ls_shape_count(&h.layer.variable[v].shape), w, h.layer.variable[v].name);
    harness_free(&h);
}

static void test_keras(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(&cases[i]);
}

/* The shape of a weight is that of Keras', by axes as they are counted there. */
static void test_shapes_of_weights(void **state)
{
    struct harness h;
    (void)state;
    NEED(harness_try(&h, "LayerNormalization", "axis: [1, -1]", "[2, 3, 4]"));
    assert_int_equal(h.layer.variable[0].shape.rank, 2);
    assert_int_equal(h.layer.variable[0].shape.size[0], 4); /* -1 is below 1 */
    assert_int_equal(h.layer.variable[0].shape.size[1], 2);
    harness_free(&h);
    NEED(harness_try(&h, "RMSNormalization", "{}", "[2, 3]"));
    assert_string_equal(h.layer.variable[0].name, "scale");
    assert_int_equal(h.layer.variable[0].shape.size[0], 3);
    harness_free(&h);
}

/* A sample of nothing but 0 stays so, and its gradient is finite, as that of a norm that is not let
 * fall below 1e-12. */
static void test_unit_of_zeros(void **state)
{
    struct harness h;
    (void)state;
    harness_create(&h, "UnitNormalization", &(struct ls_layer_example){"{}", "[3]", 1}, 1);
    memset(h.in, 0, 3 * sizeof *h.in);
    harness_forward(&h);
    for (size_t i = 0; i < 3; i++)
        assert_float_equal(h.out[i], 0, 0);
    harness_backward(&h, false);
    for (size_t i = 0; i < 3; i++)
        assert_float_equal(h.in_grad[i], h.out_grad[i] * 1e12F, 1e6F);
    harness_free(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keras),
        cmocka_unit_test(test_shapes_of_weights),
        cmocka_unit_test(test_unit_of_zeros),
    };
    return cmocka_run_group_tests(tests, test_kernels, NULL);
}
