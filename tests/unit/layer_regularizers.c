/* Regularizers: values by hand, gradients by finite differences over the registry. */
#include "layer_harness.h"

static struct ls_instance make(const char *kind, const char *options)
{
    struct ls_tree *tree = parse_text(options);
    struct ls_instance instance;
    NEED(ls_instance_create(&instance, ls_kind_find(&ls_regularizers, kind), tree, NULL));
    ls_tree_free(tree);
    return instance;
}

static void expect_penalty(const char *kind, const char *options, double wanted)
{
    static const float weights[] = {1, -2, 0, 3};
    struct ls_instance instance = make(kind, options);
    double found = ls_penalty(&instance, weights, 4);
    if (fabs(found - wanted) > 1e-12)
        fail_msg("%s {%s}: %.12g, expected %.12g", kind, options, found, wanted);
    ls_instance_release(&instance);
}

static void test_penalties(void **state)
{
    struct ls_instance none = {0};
    (void)state;
    expect_penalty("l1", "{}", 0.06);
    expect_penalty("l2", "{}", 0.14);
    expect_penalty("L1L2", "{}", 0);
    expect_penalty("L1L2", "l1: 0.5, l2: 0.25", 3 + 3.5);
    assert_true(ls_penalty(NULL, NULL, 0) == 0);
    assert_true(ls_penalty(&none, NULL, 0) == 0);
}

static void test_gradients(void **state)
{
    (void)state;
    FOR_EACH_KIND(kind, ls_regularizers)
    {
        const struct ls_regularizer_kind *regularizer = (const struct ls_regularizer_kind *)kind;
        assert_non_null(regularizer->examples);
        for (const char *const *e = regularizer->examples; *e; e++) {
            struct ls_instance instance = make(kind->name, *e);
            float weights[] = {0.5F, -2, 1.25F, 3, -0.75F}, grad[] = {1, 2, 3, 4, 5};
            ls_penalty_add_gradient(&instance, grad, weights, 0.5, 5);
            for (size_t i = 0; i < 5; i++) {
                float at = weights[i], step = 0.0625F;
                weights[i] = at + step;
                double high = ls_penalty(&instance, weights, 5);
                weights[i] = at - step;
                double low = ls_penalty(&instance, weights, 5);
                weights[i] = at;
                double wanted = (double)(i + 1) + 0.5 * (high - low) / (2 * step);
                if (fabs(grad[i] - wanted) > 1e-5)
                    fail_msg("%s {%s}[%zu]: gradient %.8g, expected %.8g", kind->name, *e, i,
                             grad[i], wanted);
            }
            ls_instance_release(&instance);
        }
    }
}

/* At 0 the magnitude has no slope; none is added. */
static void test_gradient_at_zero(void **state)
{
    struct ls_instance instance = make("L1", "l1: 1"), none = {0};
    float weights[] = {0}, grad[] = {2};
    (void)state;
    ls_penalty_add_gradient(&instance, grad, weights, 1, 1);
    ls_penalty_add_gradient(&none, grad, weights, 1, 1);
    ls_penalty_add_gradient(NULL, grad, weights, 1, 1);
    assert_true(grad[0] == 2);
    ls_instance_release(&instance);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_penalties),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_gradient_at_zero),
    };
    return cmocka_run_group_tests(tests, test_kernels, NULL);
}
