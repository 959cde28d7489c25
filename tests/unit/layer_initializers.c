/* Initializers: distributions, bounds, orthonormality, and of what the values are a function; the
 * functions of portable.h under them. */
#include "layer/portable.h"
#include "layer_harness.h"

struct filled {
    struct ls_instance instance;
    struct ls_shape shape;
    size_t n;
    float *values;
};

static struct filled fill(const char *kind, const char *options, const char *shape, uint64_t seed,
                          uint32_t number)
{
    struct filled f = {.shape = parse_shape(shape)};
    struct ls_tree *tree = parse_text(options);
    f.n = (size_t)ls_shape_count(&f.shape);
    f.values = harness_floats(f.n);
    const struct ls_kind *found = ls_kind_find(&ls_initializers, kind);
    assert_non_null(found);
    NEED(ls_instance_create(&f.instance, found, tree, NULL));
    NEED(ls_initialize(&f.instance, f.values, &f.shape, seed, number));
    ls_tree_free(tree);
    return f;
}

static void drop(struct filled *f)
{
    ls_instance_release(&f->instance);
    free(f->values);
}

struct moments {
    double mean, variance, low, high;
};

/* Moments within five standard errors, and all values within the bounds. */
static void expect_moments(const char *kind, const char *options, const char *shape,
                           struct moments m)
{
    struct filled f = fill(kind, options, shape, 3, 1);
    double sum = 0, squares = 0, fourth = 0, n = (double)f.n;
    for (size_t i = 0; i < f.n; i++) {
        double x = f.values[i] - m.mean;
        if (f.values[i] < m.low * (1 + 1e-6) - 1e-7 || f.values[i] > m.high * (1 + 1e-6))
            fail_msg("%s {%s}: %g is not in [%g, %g]", kind, options, f.values[i], m.low, m.high);
        sum += x;
        squares += x * x;
        fourth += x * x * x * x;
    }
    double found = squares / n, error = sqrt((fourth / n - found * found) / n);
    if (fabs(sum / n) > 5 * sqrt(m.variance / n))
        fail_msg("%s {%s}: mean %g, expected %g", kind, options, m.mean + sum / n, m.mean);
    if (fabs(found - m.variance) > 5 * error)
        fail_msg("%s {%s}: variance %g, expected %g", kind, options, found, m.variance);
    drop(&f);
}

/* The variance of a normal distribution cut at two standard deviations. */
static const double cut = 0.87962566103423978 * 0.87962566103423978;

static void test_distributions(void **state)
{
    static const char shape[] = "[100, 300]"; /* fan in 100, fan out 300, mean 200 */
    double bound;
    (void)state;
    expect_moments("RandomNormal", "{}", shape, (struct moments){0, 0.0025, -INFINITY, INFINITY});
    expect_moments("RandomNormal", "mean: 1, stddev: 2", shape,
                   (struct moments){1, 4, -INFINITY, INFINITY});
    expect_moments("TruncatedNormal", "mean: 1, stddev: 2", shape,
                   (struct moments){1, 4 * cut, -3, 5});
    expect_moments("RandomUniform", "{}", shape, (struct moments){0, 0.01 / 12, -0.05, 0.05});
    expect_moments("RandomUniform", "minval: 1, maxval: 3", shape,
                   (struct moments){2, 4.0 / 12, 1, 3});
    bound = sqrt(6.0 / 400);
    expect_moments("GlorotUniform", "{}", shape, (struct moments){0, 1.0 / 200, -bound, bound});
    bound = 2 * sqrt(1.0 / 200 / cut);
    expect_moments("GlorotNormal", "{}", shape, (struct moments){0, 1.0 / 200, -bound, bound});
    bound = sqrt(6.0 / 100);
    expect_moments("HeUniform", "{}", shape, (struct moments){0, 2.0 / 100, -bound, bound});
    bound = 2 * sqrt(2.0 / 100 / cut);
    expect_moments("HeNormal", "{}", shape, (struct moments){0, 2.0 / 100, -bound, bound});
    bound = sqrt(3.0 / 100);
    expect_moments("LecunUniform", "{}", shape, (struct moments){0, 1.0 / 100, -bound, bound});
    bound = 2 * sqrt(1.0 / 100 / cut);
    expect_moments("LecunNormal", "{}", shape, (struct moments){0, 1.0 / 100, -bound, bound});
}

static void test_variance_scaling(void **state)
{
    double bound;
    (void)state;
    bound = sqrt(3 * 2.0 / 300);
    expect_moments("VarianceScaling", "scale: 2, mode: fan_out, distribution: uniform",
                   "[100, 300]", (struct moments){0, 2.0 / 300, -bound, bound});
    expect_moments("VarianceScaling", "mode: fan_avg, distribution: untruncated_normal",
                   "[100, 300]", (struct moments){0, 1.0 / 200, -INFINITY, INFINITY});
    bound = 2 * sqrt(1.0 / 100 / cut);
    expect_moments("VarianceScaling", "distribution: normal", "[100, 300]",
                   (struct moments){0, 1.0 / 100, -bound, bound});
    /* a kernel's extent, 3 x 3, counts: fan in 9 * 16, fan out 9 * 64 */
    bound = sqrt(6.0 / (9 * 80));
    expect_moments("GlorotUniform", "{}", "[3, 3, 16, 64]",
                   (struct moments){0, 2.0 / (9 * 80), -bound, bound});
    /* axes by hand: fan in 100 * 30, fan out 10 */
    bound = sqrt(3.0 / 3000);
    expect_moments("LecunUniform", "input_axes: [0, -1], output_axes: [1]", "[100, 10, 30]",
                   (struct moments){0, 1.0 / 3000, -bound, bound});
    /* one axis is both */
    bound = sqrt(6.0 / 20000);
    expect_moments("GlorotUniform", "{}", "[10000]",
                   (struct moments){0, 2.0 / 20000, -bound, bound});
}

static void expect_values(const char *kind, const char *options, const char *shape,
                          const float *wanted)
{
    struct filled f = fill(kind, options, shape, 3, 1);
    for (size_t i = 0; i < f.n; i++)
        if (f.values[i] != wanted[i])
            fail_msg("%s {%s}[%zu]: %g, expected %g", kind, options, i, f.values[i], wanted[i]);
    drop(&f);
}

static void test_without_random_numbers(void **state)
{
    float values[2] = {5, 5};
    struct ls_shape shape = {.rank = 1, .size = {2}};
    (void)state;
    expect_values("zeros", "{}", "[3]", (float[]){0, 0, 0});
    expect_values("ones", "{}", "[]", (float[]){1});
    expect_values("constant", "value: 0.5", "[2, 2]", (float[]){0.5, 0.5, 0.5, 0.5});
    expect_values("constant", "value: [1, 2]", "[2, 2]", (float[]){1, 2, 1, 2});
    expect_values("identity", "gain: 2", "[2, 3]", (float[]){2, 0, 0, 0, 2, 0});
    NEED(ls_initialize(NULL, values, &shape, 1, 0));
    assert_true(values[0] == 0 && values[1] == 0);
}

/* The shorter side's vectors are orthonormal. */
static void expect_orthonormal(const char *options, const char *shape, double gain)
{
    struct filled f = fill("Orthogonal", options, shape, 3, 1);
    size_t columns = (size_t)f.shape.size[f.shape.rank - 1], rows = f.n / columns;
    bool wide = rows < columns;
    size_t vectors = wide ? rows : columns, length = wide ? columns : rows;
    for (size_t a = 0; a < vectors; a++)
        for (size_t b = 0; b <= a; b++) {
            double product = 0;
            for (size_t i = 0; i < length; i++)
                product += (double)f.values[wide ? a * columns + i : i * columns + a] *
                           f.values[wide ? b * columns + i : i * columns + b];
            double wanted = a == b ? gain * gain : 0;
            if (fabs(product - wanted) > 1e-5)
                fail_msg("Orthogonal %s: vectors %zu and %zu: %g, expected %g", shape, a, b,
                         product, wanted);
        }
    drop(&f);
}

static void test_orthogonal(void **state)
{
    (void)state;
    expect_orthonormal("{}", "[20, 12]", 1);
    expect_orthonormal("{}", "[12, 20]", 1);
    expect_orthonormal("gain: 1.5", "[7, 7]", 1.5);
    expect_orthonormal("{}", "[2, 3, 4]", 1);
}

static bool same(const struct filled *a, const struct filled *b)
{
    return memcmp(a->values, b->values, a->n * sizeof(float)) == 0;
}

/* Every initializer, by its examples: the same from the same seed; other values, where they are
 * random, from another seed or for another variable; a seed of its own takes the run's place. */
static void test_what_values_depend_on(void **state)
{
    (void)state;
    FOR_EACH_KIND(kind, ls_initializers)
    {
        const struct ls_initializer_kind *initializer = (const struct ls_initializer_kind *)kind;
        bool random = initializer->seed_offset != SIZE_MAX;
        assert_non_null(initializer->examples);
        for (const char *const *e = initializer->examples; *e; e++) {
            bool own = strstr(*e, "seed") != NULL;
            struct filled first = fill(kind->name, *e, "[6, 4]", 3, 1);
            struct filled again = fill(kind->name, *e, "[6, 4]", 3, 1);
            struct filled seed = fill(kind->name, *e, "[6, 4]", 4, 1);
            struct filled number = fill(kind->name, *e, "[6, 4]", 3, 2);
            if (!same(&first, &again))
                fail_msg("%s {%s}: the same seed gave other values", kind->name, *e);
            if (same(&first, &seed) != (!random || own))
                fail_msg("%s {%s}: the run's seed %s", kind->name, *e,
                         random && !own ? "does not count" : "counts");
            if (same(&first, &number) == random)
                fail_msg("%s {%s}: the variable's number %s", kind->name, *e,
                         random ? "does not count" : "counts");
            drop(&first), drop(&again), drop(&seed), drop(&number);
        }
    }
}

/* An element's number is its own: a longer variable begins with the shorter one's values. */
static void test_elements_are_keyed(void **state)
{
    (void)state;
    struct filled shorter = fill("RandomNormal", "{}", "[5]", 3, 1);
    struct filled longer = fill("RandomNormal", "{}", "[9]", 3, 1);
    assert_memory_equal(shorter.values, longer.values, 5 * sizeof(float));
    drop(&shorter);
    drop(&longer);
}

static void test_config_round_trip(void **state)
{
    (void)state;
    FOR_EACH_KIND(kind, ls_initializers)
    {
        const struct ls_initializer_kind *initializer = (const struct ls_initializer_kind *)kind;
        for (const char *const *e = initializer->examples; *e; e++) {
            struct filled first = fill(kind->name, *e, "[6, 4]", 3, 1);
            struct ls_tree *config = ls_tree_new(LS_TREE_MAP);
            struct ls_text text = {0};
            NEED(ls_instance_write(&first.instance, config));
            ls_tree_format_json(&text, config);
            struct filled second = fill(kind->name, text.data, "[6, 4]", 3, 1);
            if (!same(&first, &second))
                fail_msg("%s {%s} is not %s", kind->name, *e, text.data);
            drop(&first), drop(&second);
            ls_text_release(&text);
            ls_tree_free(config);
        }
    }
}

static void test_portable_functions(void **state)
{
    (void)state;
    for (double x = 1e-300; x < 1e300; x *= 1.37) {
        double found = ls_portable_log(x), wanted = log(x);
        if (fabs(found - wanted) > 4e-16 * fmax(1, fabs(wanted)))
            fail_msg("log(%g): %.17g, expected %.17g", x, found, wanted);
    }
    assert_true(ls_portable_log(1) == 0);
    for (double x = -700; x <= 700; x += 0.37) {
        double found = ls_portable_exp(x), wanted = exp(x);
        if (fabs(found - wanted) > 4e-16 * wanted)
            fail_msg("exp(%g): %.17g, expected %.17g", x, found, wanted);
    }
    assert_true(ls_portable_exp(0) == 1);
    for (double x = -30; x <= 30; x += 0.0137) {
        double found = ls_portable_tanh(x), wanted = tanh(x);
        if (fabs(found - wanted) > 4e-16)
            fail_msg("tanh(%g): %.17g, expected %.17g", x, found, wanted);
    }
    for (double x = -5; x <= 5; x += 0.0137) {
        double sine, cosine, angle = 2 * acos(-1) * x;
        ls_portable_sine(x, &sine, &cosine);
        if (fabs(sine - sin(angle)) > 1e-14 || fabs(cosine - cos(angle)) > 1e-14)
            fail_msg("%g turns: %.17g and %.17g, expected %.17g and %.17g", x, sine, cosine,
                     sin(angle), cos(angle));
    }
    assert_true(ls_portable_tanh(0) == 0 && ls_portable_tanh(-1e300) == -1);
    for (int64_t n = 0; n < 5000; n += 37) {
        double found = ls_portable_power(0.999, n), wanted = pow(0.999, (double)n);
        if (fabs(found - wanted) > 1e-12 * wanted)
            fail_msg("0.999^%lld: %.17g, expected %.17g", (long long)n, found, wanted);
    }
    /* back through the distribution function, in all three parts of the approximation */
    for (double p = 1e-15; p < 1; p = p < 0.01 ? p * 2.3 : p + 0.0083) {
        double x = ls_portable_normal(p), back = erfc(-x / sqrt(2)) / 2;
        if (fabs(back - p) > 1e-13 * p)
            fail_msg("the quantile of %.17g is %.17g, of which the probability is %.17g", p, x,
                     back);
        if (p > 1e-6 && fabs(ls_portable_normal(1 - p) + x) > 1e-9)
            fail_msg("the quantiles of %g and %g are not opposite", p, 1 - p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distributions),          cmocka_unit_test(test_variance_scaling),
        cmocka_unit_test(test_without_random_numbers), cmocka_unit_test(test_orthogonal),
        cmocka_unit_test(test_what_values_depend_on),  cmocka_unit_test(test_elements_are_keyed),
        cmocka_unit_test(test_config_round_trip),      cmocka_unit_test(test_portable_functions),
    };
    return cmocka_run_group_tests(tests, test_kernels, NULL);
}
