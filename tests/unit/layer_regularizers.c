/* Regularizers: values by hand, gradients by finite differences over the registry; both against
 * Keras' numbers (tests/reference/regularizers.py). */
#include "reference.h"

#include "layer_harness.h"

#include "lockstep/lockstep.h"
#include "model/graph.h"

static struct ls_instance make(const char *kind, const char *options)
{
    struct ls_tree *tree = parse_text(options);
    struct ls_instance instance;
    NEED(ls_instance_create(&instance, ls_kind_find(&ls_regularizers, kind), tree, NULL));
    ls_tree_free(tree);
    return instance;
}

static double penalize(const struct ls_instance *instance, const float *values, size_t n)
{
    return ls_penalty(instance, &(struct ls_penalized){.values = values, .n = n});
}

static void expect_penalty(const char *kind, const char *options, double wanted)
{
    static const float weights[] = {1, -2, 0, 3};
    struct ls_instance instance = make(kind, options);
    double found = penalize(&instance, weights, 4);
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
    assert_true(penalize(NULL, NULL, 0) == 0);
    assert_true(penalize(&none, NULL, 0) == 0);
}

enum { ROWS = 3, COLUMNS = 2, WEIGHTS = ROWS * COLUMNS };

/* float32 products inside are off by some 1e-7, which differences make larger. */
static void check_gradient(const struct ls_kind *kind, const char *options)
{
    static const struct ls_shape shape = {2, {ROWS, COLUMNS}};
    struct ls_instance instance = make(kind->name, options);
    float weights[] = {0.5F, -2, 1.25F, 3, -0.75F, 2}, grad[] = {1, 2, 3, 4, 5, 6};
    float *room = harness_floats(ls_penalty_room(&instance, &shape) + 1);
    const struct ls_penalized p = {weights, WEIGHTS, &shape, room};
    NEED(ls_penalty_check(&instance, &shape));
    ls_penalty_add_gradient(&instance, grad, &p, 0.5);
    for (size_t i = 0; i < WEIGHTS; i++) {
        const float at = weights[i], step = 0.015625F;
        weights[i] = at + step;
        double high = ls_penalty(&instance, &p);
        weights[i] = at - step;
        double low = ls_penalty(&instance, &p);
        weights[i] = at;
        double wanted = (double)(i + 1) + 0.5 * (high - low) / (2 * (double)step);
        if (!(fabs((double)grad[i] - wanted) < 3e-5))
            fail_msg("%s {%s}[%zu]: gradient %.8g, expected %.8g", kind->name, options, i,
                     (double)grad[i], wanted);
    }
    free(room);
    ls_instance_release(&instance);
}

static void test_gradients(void **state)
{
    (void)state;
    FOR_EACH_KIND(kind, ls_regularizers)
    {
        const struct ls_regularizer_kind *regularizer = (const struct ls_regularizer_kind *)kind;
        assert_non_null(regularizer->examples);
        for (const char *const *e = regularizer->examples; *e; e++)
            check_gradient(kind, *e);
    }
}

static void check_case(hid_t file, const char *name)
{
    size_t count;
    struct ls_tree *tree;
    struct ls_instance regularizer;
    char **text = reference_texts(file, name, "config", &count);
    struct reference weights = reference_read(file, name, "weights");
    struct reference penalty = reference_read(file, name, "penalty");
    struct reference gradient = reference_read(file, name, "gradient");
    struct ls_shape shape = {2, {(int64_t)weights.size[0], (int64_t)weights.size[1]}};
    float *grad = harness_floats(weights.count);
    double largest = 0, scale = 1; /* of the terms that gradients are sums of */
    for (size_t i = 0; i < weights.count; i++)
        scale = fmax(scale, fabs((double)gradient.value[i]));
    memset(grad, 0, weights.count * sizeof *grad);
    NEED(ls_tree_parse_json(&tree, text[0], strlen(text[0]), NULL));
    NEED(ls_instance_parse(&regularizer, &ls_regularizers, tree));
    float *room = harness_floats(ls_penalty_room(&regularizer, &shape) + 1);
    const struct ls_penalized p = {weights.value, weights.count, &shape, room};
    double found = ls_penalty(&regularizer, &p), wanted = (double)penalty.value[0];
    if (!(fabs(found - wanted) <= 3e-7 * wanted))
        fail_msg("%s: %.9g, Keras has %.9g", name, found, wanted);
    ls_penalty_add_gradient(&regularizer, grad, &p, 1);
    for (size_t i = 0; i < weights.count; i++) {
        double gap = fabs((double)grad[i] - (double)gradient.value[i]) / scale;
        if (!(gap <= 3e-7))
            fail_msg("%s: gradient[%zu] %.9g, Keras has %.9g", name, i, (double)grad[i],
                     (double)gradient.value[i]);
        largest = fmax(largest, gap);
    }
    print_message("%-20s penalty %.1e, gradient %.1e\n", name, fabs(found - wanted), largest);
    reference_free_texts(text);
    free(weights.value);
    free(penalty.value);
    free(gradient.value);
    free(grad);
    free(room);
    ls_tree_free(tree);
    ls_instance_release(&regularizer);
}

static void test_keras(void **state)
{
    char name[REFERENCE_NAME];
    hid_t file = reference_open("regularizers_ref.h5");
    size_t cases = 0;
    (void)state;
    for (; reference_group(file, cases, name); cases++)
        check_case(file, name);
    assert_int_equal(cases, 8);
    H5Fclose(file);
}

static void refuse(const char *layer, const char *options, const char *wanted)
{
    struct ls_model *model;
    NEED(ls_model_create(&model, NULL));
    NEED(ls_layer_add(model, "Input", "shape: [4, 3]"));
    NEED(ls_layer_add(model, layer, options));
    assert_int_equal(ls_model_build(model), LS_BAD_INPUT);
    assert_string_equal(ls_message(), wanted);
    ls_model_free(model);
}

static void test_refused(void **state)
{
    (void)state;
    refuse("Conv1D", "filters: 2, kernel_size: 2, kernel_regularizer: orthogonal_regularizer",
           "conv1d (Conv1D): kernel: OrthogonalRegularizer is for matrices, there are 3 axes");
    refuse("Dense", "units: 1, kernel_regularizer: {OrthogonalRegularizer: {mode: columns}}",
           "dense (Dense): kernel: OrthogonalRegularizer: there is one of the columns, no pair");
    refuse(
        "Dense", "units: 2, activity_regularizer: OrthogonalRegularizer",
        "dense (Dense): activity_regularizer: OrthogonalRegularizer would compare each sample of "
        "a batch with all others: it is for weights");
    refuse("Bidirectional", "layer: {GRU: {units: 2, activity_regularizer: OrthogonalRegularizer}}",
           "bidirectional (Bidirectional): activity_regularizer: OrthogonalRegularizer would "
           "compare each sample of a batch with all others: it is for weights");
}

/* At 0 the magnitude has no slope; none is added. */
static void test_gradient_at_zero(void **state)
{
    struct ls_instance instance = make("L1", "l1: 1"), none = {0};
    float weights[] = {0}, grad[] = {2};
    (void)state;
    const struct ls_penalized p = {.values = weights, .n = 1};
    ls_penalty_add_gradient(&instance, grad, &p, 1);
    ls_penalty_add_gradient(&none, grad, &p, 1);
    ls_penalty_add_gradient(NULL, grad, &p, 1);
    assert_true(grad[0] == 2);
    ls_instance_release(&instance);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_penalties),        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_gradient_at_zero), cmocka_unit_test(test_keras),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, test_kernels, NULL);
}
