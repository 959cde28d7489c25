/* Layers of several inputs, and those that move or mask elements, against what Keras 3.15 gives on
 * TensorFlow: results, and the inputs' gradients where the result's are 1, 2, 3, .. */
#include "layer_harness.h"

static void expect(const float *found, const double *wanted, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabs(found[i] - wanted[i]) <= 2e-6 * (1 + fabs(wanted[i]))))
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

/* A kind with its options, and the shapes of its inputs. */
struct setup {
    const char *kind, *options, *input;
};

/* The inputs one after the other, and their gradients. */
static void check(struct setup s, const double *in, const double *out, const double *in_grad)
{
    struct harness h;
    char what[200];
    start(&h, s.kind, s.options, s.input);
    set(h.in, in, h.in_size);
    for (size_t i = 0; i < h.grad_size; i++)
        h.out_grad[i] = (float)(i + 1);
    harness_forward(&h);
    harness_backward(&h, false);
    snprintf(what, sizeof what, "%s {%s} of %s: result", s.kind, s.options, s.input);
    expect(h.out, out, h.out_size, what);
    snprintf(what, sizeof what, "%s {%s} of %s: gradient", s.kind, s.options, s.input);
    expect(h.in_grad, in_grad, h.in_size, what);
    harness_free(&h);
}
#define CHECK(kind, options, input, ...) check((struct setup){kind, options, input}, __VA_ARGS__)
#define LIST(...)                                                                                  \
    (double[])                                                                                     \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

static void test_equal_shapes(void **state)
{
    static const char three[] = "[[3], [3], [3]]";
    const double in[] = {1, -2, 3, 4, 2, -6, 0.5, 2, 3};
    (void)state;
    CHECK("Add", "{}", three, in, LIST(5.5, 2, 0), LIST(1, 2, 3, 1, 2, 3, 1, 2, 3));
    CHECK("Subtract", "{}", "[[3], [3]]", in, LIST(-3, -4, 9), LIST(1, 2, 3, -1, -2, -3));
    CHECK("Multiply", "{}", three, in, LIST(2, -8, -54), LIST(2, 8, -54, 0.5, -8, 27, 4, -8, -54));
    CHECK("Average", "{}", three, in, LIST(5.5 / 3, 2.0 / 3, 0),
          LIST(1.0 / 3, 2.0 / 3, 1, 1.0 / 3, 2.0 / 3, 1, 1.0 / 3, 2.0 / 3, 1));
    CHECK("Maximum", "{}", three, in, LIST(4, 2, 3), LIST(0, 0, 3, 1, 2, 0, 0, 0, 0));
    CHECK("Minimum", "{}", three, in, LIST(0.5, -2, -6), LIST(0, 2, 0, 0, 0, 3, 1, 0, 0));
    CHECK("Multiply", "{}", "[[2], [2], [2], [2]]", LIST(2, 0, 3, 4, 0, 5, -1, 7), LIST(0, 0),
          LIST(0, 280, 0, 0, -6, 0, 0, 0));
}

/* The first of equals has the gradient. */
static void test_ties(void **state)
{
    (void)state;
    CHECK("Maximum", "{}", "[[4], [4], [4]]", LIST(1, 2, 3, 0, 1, 2, 1, 0, 1, 0, 3, 0),
          LIST(1, 2, 3, 0), LIST(1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0));
    CHECK("Minimum", "{}", "[[4], [4], [4]]", LIST(1, 2, 3, 0, 1, 2, 1, 0, 1, 0, 1, 0),
          LIST(1, 0, 1, 0), LIST(1, 0, 0, 4, 0, 0, 3, 0, 0, 2, 0, 0));
}

static void test_broadcasting(void **state)
{
    static const char three[] = "[[2, 3], [2, 1], [3]]";
    const double in[] = {1, 2, 3, 4, 5, 6, 10, 20, 1, 0, -1};
    (void)state;
    CHECK("Add", "{}", three, in, LIST(12, 12, 12, 25, 25, 25),
          LIST(1, 2, 3, 4, 5, 6, 6, 15, 5, 7, 9));
    CHECK("Multiply", "{}", three, in, LIST(10, 0, -30, 80, 0, -120),
          LIST(10, 0, -30, 80, 0, -120, -8, -20, 330, 540, 810));
    CHECK("Average", "{}", three, in, LIST(4, 4, 4, 25.0 / 3, 25.0 / 3, 25.0 / 3),
          LIST(1.0 / 3, 2.0 / 3, 1, 4.0 / 3, 5.0 / 3, 2, 2, 5, 5.0 / 3, 7.0 / 3, 3));
    CHECK("Maximum", "{}", three, in, LIST(10, 10, 10, 20, 20, 20),
          LIST(0, 0, 0, 0, 0, 0, 6, 15, 0, 0, 0));
    CHECK("Minimum", "{}", three, in, LIST(1, 0, -1, 1, 0, -1),
          LIST(1, 0, 0, 0, 0, 0, 0, 0, 4, 7, 9));
    CHECK("Subtract", "{}", "[[3], [2, 3]]", LIST(1, 0, -1, 1, 2, 3, 4, 5, 6),
          LIST(0, -2, -4, -3, -5, -7), LIST(5, 7, 9, -1, -2, -3, -4, -5, -6));
    CHECK("Subtract", "{}", "[[2, 1], [3]]", LIST(10, 20, 1, 0, -1), LIST(9, 10, 11, 19, 20, 21),
          LIST(6, 15, -5, -7, -9));
    CHECK("Multiply", "{}", "[[], [3]]", LIST(2, 1, 0, -1), LIST(2, 0, -2), LIST(-2, 2, 4, 6));
}

/* NaN does not get lost: a run that meets one must say so. */
static void test_nan(void **state)
{
    struct harness h;
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        start(&h, kind ? "Maximum" : "Minimum", "{}", "[[3], [3]]");
        set(h.in, LIST(NAN, 1, 2, 1, NAN, 3), 6);
        harness_forward(&h);
        assert_true(isnan(h.out[0]) && isnan(h.out[1]));
        assert_true(h.out[2] == (kind ? 3 : 2));
        harness_free(&h);
    }
}

/* More elements than are worked on at once. */
static void test_many_elements(void **state)
{
    struct harness h;
    (void)state;
    start(&h, "Maximum", "{}", "[[3000], [3000], [3000]]");
    for (size_t i = 0; i < 9000; i++)
        h.in[i] = i % 3000 % 3 == i / 3000 ? 2 : 1;
    harness_forward(&h);
    harness_backward(&h, false);
    for (size_t i = 0; i < 3000; i++) {
        assert_true(h.out[i] == 2);
        for (size_t input = 0; input < 3; input++)
            assert_true(h.in_grad[input * 3000 + i] == (i % 3 == input ? h.out_grad[i] : 0));
    }
    harness_free(&h);
}

static void test_concatenate(void **state)
{
    (void)state;
    CHECK("Concatenate", "axis: 1", "[[2, 3], [1, 3]]", LIST(1, 2, 3, 4, 5, 6, 7, 8, 9),
          LIST(1, 2, 3, 4, 5, 6, 7, 8, 9), LIST(1, 2, 3, 4, 5, 6, 7, 8, 9));
    CHECK("Concatenate", "{}", "[[2, 3], [2, 1]]", LIST(1, 2, 3, 4, 5, 6, 10, 20),
          LIST(1, 2, 3, 10, 4, 5, 6, 20), LIST(1, 2, 3, 5, 6, 7, 4, 8));
    CHECK("Concatenate", "axis: -2", "[[2, 3], [1, 3]]", LIST(1, 2, 3, 4, 5, 6, 7, 8, 9),
          LIST(1, 2, 3, 4, 5, 6, 7, 8, 9), LIST(1, 2, 3, 4, 5, 6, 7, 8, 9));
}

static void test_dot(void **state)
{
    (void)state;
    CHECK("Dot", "axes: 1", "[[3], [3]]", LIST(1, 2, 3, 4, -5, 6), LIST(12),
          LIST(4, -5, 6, 1, 2, 3));
    CHECK("Dot", "axes: [2, 1]", "[[2, 3], [3]]", LIST(1, 2, 3, 4, 5, 6, 4, -5, 6), LIST(12, 27),
          LIST(4, -5, 6, 8, -10, 12, 9, 12, 15));
    CHECK("Dot", "axes: [1, 2]", "[[3], [2, 3]]", LIST(4, -5, 6, 1, 2, 3, 4, 5, 6), LIST(12, 27),
          LIST(9, 12, 15, 4, -5, 6, 8, -10, 12));
    CHECK("Dot", "axes: -1", "[[2, 3], [1, 3]]", LIST(1, 2, 3, 4, 5, 6, 1, 0, 2), LIST(7, 16),
          LIST(1, 0, 2, 2, 0, 4, 9, 12, 15));
    CHECK("Dot", "axes: 1", "[[2, 3], [2, 2]]", LIST(1, 2, 3, 4, 5, 6, 1, 0, 2, -1),
          LIST(9, -4, 12, -5, 15, -6), LIST(1, 3, 5, 0, 2, 4, 22, 28, 49, 64));
}

static void test_dot_of_rank_3(void **state)
{
    const double in[] = {1, 2, -3, 0, 0, 1, -2, 0, 2, -1, 1, 3};
    const double other[] = {1, 2, -3, 0, 0, 1, -2, 0, 1, 0, 2, -1};
    (void)state;
    CHECK("Dot", "axes: [2, 1]", "[[2, 2, 2], [2, 2, 1]]", in, LIST(-1, -10, 4, -2, -2, -6, 2, -1),
          LIST(0, 2, 7, 15, 4, 6, 23, 31, 14, 18, -13, -18));
    CHECK("Dot", "axes: 2", "[[2, 2, 2], [1, 2, 2]]", other, LIST(-5, 3, 2, 0, -4, 2, 1, 0),
          LIST(1, 3, 0, 2, 5, 7, 4, 6, 14, 18, -13, -18));
    CHECK("Dot", "axes: [1, 3]", "[[1], [2, 2, 1]]", LIST(1.5, 2, -1, 1, 3),
          LIST(3, -1.5, 1.5, 4.5), LIST(15, 1.5, 3, 4.5, 6));
    CHECK("Dot", "axes: [1, 2]", "[[2, 2], [2, 2, 1]]", LIST(1, 2, 3, 4, 2, -1, 1, 3),
          LIST(-1, 10, 0, 14), LIST(4, 10, 5, 9, 7, 15, 10, 22));
}

static void test_dot_normalized(void **state)
{
    (void)state;
    CHECK("Dot", "axes: 1, normalize: true", "[[3], [3]]", LIST(1, 2, 3, 4, -5, 6),
          LIST(0.36548695),
          LIST(0.09572277, -0.20449863, 0.10442485, 0.01147091, 0.08464741, 0.06289223));
    CHECK("Dot", "axes: [1, 2], normalize: true", "[[2, 3], [2, 2]]",
          LIST(1, 2, 3, 4, 5, 6, 1, 0, 2, -1),
          LIST(0.24253564, -0.21693046, 0.37139067, -0.083045490, 0.44721359, 0),
          LIST(0.68765098, 1.16751945, 1.39628482, -0.17191274, -0.46700776, -0.69814241, 0,
               8.22770882, 2.38771152, 4.77542257));
    /* Lengths below Keras' epsilon are taken for it. */
    CHECK("Dot", "axes: 1, normalize: true", "[[3], [3]]", LIST(0, 0, 0, 4, -5, 6), LIST(0),
          LIST(4558423, -5698029, 6837635, 0, 0, 0));
    CHECK("Dot", "axes: 1, normalize: true", "[[3], [3]]", LIST(3e-8, 0, 0, 4, -5, 6),
          LIST(0.13675268), LIST(4558423, -5698029, 6837635, 0.02708413, 0.00888005, -0.01065605));
}

static void test_moved(void **state)
{
    (void)state;
    CHECK("Permute", "dims: [2, 1]", "[2, 3]", LIST(1, 2, 3, 4, 5, 6), LIST(1, 4, 2, 5, 3, 6),
          LIST(1, 3, 5, 2, 4, 6));
    CHECK("Permute", "dims: [3, 1, 2]", "[3, 2, 2]", LIST(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11),
          LIST(0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11), LIST(1, 7, 2, 8, 3, 9, 4, 10, 5, 11, 6, 12));
    CHECK("RepeatVector", "n: 2", "[2]", LIST(1, 2), LIST(1, 2, 1, 2), LIST(4, 6));
}

/* The values, then the mask. */
static void test_masking(void **state)
{
    (void)state;
    CHECK("Masking", "{}", "[4, 2]", LIST(0, 0, 1, 0, 0, 0, 2, 3),
          LIST(0, 0, 1, 0, 0, 0, 2, 3, 0, 1, 0, 1), LIST(0, 0, 3, 4, 0, 0, 7, 8));
    CHECK("Masking", "mask_value: -1", "[3, 2]", LIST(-1, -1, 1, -1, 0, 0),
          LIST(0, 0, 1, -1, 0, 0, 0, 1, 1), LIST(0, 0, 3, 4, 5, 6));
    CHECK("Masking", "{}", "[2]", LIST(0, 5), LIST(0, 5, 1), LIST(1, 2));
}

static void expect_shape(const char *kind, const char *options, const char *input,
                         const char *wanted)
{
    struct harness h;
    char text[LS_SHAPE_TEXT];
    NEED(harness_try(&h, kind, options, input));
    ls_shape_format(text, &h.shapes.out[h.shapes.outputs - 1]);
    assert_string_equal(text, wanted);
    harness_free(&h);
}

static void test_shapes(void **state)
{
    (void)state;
    expect_shape("Add", "{}", "[[2, 1], [3, 1, 4], []]", "(None, 3, 2, 4)");
    expect_shape("Dot", "axes: 1", "[[4], [4]]", "(None, 1)");
    expect_shape("Dot", "axes: [2, 1]", "[[5, 4], [4, 6, 7]]", "(None, 5, 6, 7)");
    expect_shape("Masking", "{}", "[5, 4]", "(None, 5)");
    expect_shape("Masking", "{}", "[4]", "(None,)");
    expect_shape("Identity", "{}", "[5, 4]", "(None, 5, 4)");
}

/* Which layers hand a mask on: Keras' supports_masking. What those do that read masks depends on
 * their options, and is tested with them. */
static void test_masks(void **state)
{
    static const char *const without[] = {
        "InputLayer", "Flatten",    "Reshape",  "Permute",    "RepeatVector",     "Dot",
        "Embedding",  "Conv",       "Depth",    "Separable",  "MaxPool",          "AveragePool",
        "GlobalMax",  "ZeroPad",    "Cropping", "UpSampling", "RMSNormalization", "Random",
        "Category",   "GlobalAver", "Bidirect"}; /* how their names begin */
    (void)state;
    FOR_EACH_KIND(kind, ls_layers)
    {
        const struct ls_layer_example *e = ls_layer_kind_of(kind)->examples;
        bool passes = !kind->registered;
        for (size_t i = 0; i < sizeof without / sizeof *without; i++)
            passes &= strncmp(kind->name, without[i], strlen(without[i])) != 0;
        for (; e->options; e++) {
            struct harness h;
            bool makes =
                strcmp(kind->name, "Masking") == 0 || strstr(e->options, "mask_zero: true");
            unsigned wanted = makes ? LS_LAYER_MAKES_MASK : passes ? LS_LAYER_PASSES_MASK : 0;
            NEED(harness_try(&h, kind->name, e->options, e->input));
            unsigned flags = ls_layer_flags(&h.layer);
            bool reads = flags & LS_LAYER_READS_MASK;
            if (!reads && (flags & (LS_LAYER_MAKES_MASK | LS_LAYER_PASSES_MASK)) != wanted)
                fail_msg("%s {%s}: flags %u, of masks %u", kind->name, e->options, flags, wanted);
            harness_free(&h);
        }
    }
}

/* What Keras writes, read and written again. */
static void test_keras_configs(void **state)
{
    static const struct setup configs[] = {
        {"Concatenate", "{\"axis\": -1}", "[[3], [2]]"},
        {"Dot", "{\"axes\": [1, 1], \"normalize\": false}", "[[3], [3]]"},
        {"Dot", "{\"axes\": 1, \"normalize\": true}", "[[3], [3]]"},
        {"Permute", "{\"dims\": [2, 1]}", "[2, 3]"},
        {"RepeatVector", "{\"n\": 3}", "[2]"},
        {"Masking", "{\"mask_value\": 0.0}", "[2]"},
        {"Identity", "{}", "[2]"},
        {"Add", "{}", "[[2], [2]]"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        struct ls_tree *written = ls_tree_new(LS_TREE_MAP);
        struct ls_text text = {0};
        struct harness h;
        NEED(harness_try(&h, configs[i].kind, configs[i].options, configs[i].input));
        NEED(ls_instance_write(&h.instance, written));
        ls_tree_format_json(&text, written);
        assert_string_equal(text.data, configs[i].options);
        ls_text_release(&text);
        ls_tree_free(written);
        harness_free(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_shapes),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_broadcasting),
        cmocka_unit_test(test_nan),
        cmocka_unit_test(test_many_elements),
        cmocka_unit_test(test_concatenate),
        cmocka_unit_test(test_dot),
        cmocka_unit_test(test_dot_of_rank_3),
        cmocka_unit_test(test_dot_normalized),
        cmocka_unit_test(test_moved),
        cmocka_unit_test(test_masking),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_masks),
        cmocka_unit_test(test_keras_configs),
    };
    return cmocka_run_group_tests(tests, test_kernels, NULL);
}
