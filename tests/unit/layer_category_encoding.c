/* CategoryEncoding against Keras' numbers. */
#include "layer_harness.h"

static void expect(const float *found, const float *wanted, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++)
        if (found[i] != wanted[i])
            fail_msg("%s[%zu]: %.9g, expected %.9g", what, i, found[i], wanted[i]);
}

static void check(const char *options, const char *input, const float *in, const float *wanted)
{
    struct ls_layer_example example = {options, input, 1};
    struct harness h;
    harness_create(&h, "CategoryEncoding", &example, 1);
    memcpy(h.in, in, h.in_size * sizeof *in);
    harness_forward(&h);
    expect(h.out, wanted, h.out_size, options);
    harness_free(&h);
}

static void check_shape(const char *options, const char *input, const char *wanted)
{
    struct harness h;
    char text[LS_SHAPE_TEXT];
    NEED(harness_try(&h, "CategoryEncoding", options, input));
    ls_shape_format(text, &h.shapes.out[0]);
    assert_string_equal(text, wanted);
    harness_free(&h);
}

static void test_modes(void **state)
{
    static const float in[] = {1, 1, 3};
    (void)state;
    check("num_tokens: 4, output_mode: one_hot", "[3]", in,
          (float[]){0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1});
    check("num_tokens: 4", "[3]", in, (float[]){0, 1, 0, 1});
    check("num_tokens: 4, output_mode: count", "[3]", in, (float[]){0, 2, 0, 1});
    check("num_tokens: 4, output_mode: count", "[[3], [3]]", (float[]){1, 1, 3, 0.5F, 2, 3},
          (float[]){0, 2.5F, 0, 3});
    check("num_tokens: 4, output_mode: one_hot", "[]", in + 2, (float[]){0, 0, 0, 1});
    check_shape("num_tokens: 4, output_mode: one_hot", "[1]", "(None, 4)");
    check_shape("num_tokens: 4, output_mode: one_hot", "[2, 1]", "(None, 2, 4)");
    check_shape("num_tokens: 4, output_mode: one_hot", "[2, 3]", "(None, 2, 3, 4)");
    check_shape("num_tokens: 4", "[1]", "(None, 4)");
}

/* What a layer before may compute: what stands behind the point is cut, what is no category counts
 * for nothing. */
static void test_numbers_of_no_category(void **state)
{
    static const float in[] = {2.9F, -0.5F, 4, -1, 1e30F, -1e30F, 5, INFINITY, -INFINITY};
    (void)state;
    check("num_tokens: 4, output_mode: count", "[9]", in, (float[]){1, 0, 1, 0});
    check("num_tokens: 4", "[9]", in, (float[]){1, 0, 1, 0});
    check("num_tokens: 4, output_mode: one_hot", "[3]", in,
          (float[]){0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0});
}

static void test_gradient(void **state)
{
    struct ls_layer_example example = {"num_tokens: 3, output_mode: count", "[[4], [4]]", 1};
    struct harness h;
    (void)state;
    harness_create(&h, "CategoryEncoding", &example, 1);
    memcpy(h.in, (float[]){2, 0, 5, 2, 1, 1, 1, 1}, 8 * sizeof(float));
    memcpy(h.out_grad, (float[]){10, 20, 30}, 3 * sizeof(float));
    harness_forward(&h);
    harness_backward(&h, false);
    expect(h.in_grad, (float[]){0, 0, 0, 0, 30, 10, 0, 30}, 8, "gradient");
    harness_free(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_numbers_of_no_category),
        cmocka_unit_test(test_gradient),
    };
    return cmocka_run_group_tests(tests, test_kernels, NULL);
}
