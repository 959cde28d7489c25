/* Every loss of the registry, by its examples: gradients against finite differences, and what all
 * losses promise. */
#include "reference.h"

#include "kernel/activation.h"
#include "kind_harness.h"
#include "loss/loss.h"

enum { POSITIONS = 6, COLUMNS = 4 };

struct bench {
    const struct ls_loss_kind *kind;
    struct ls_instance instance;
    struct ls_loss_call call;
    float *prediction, *target, *weight;
};

static bool from_logits(const struct bench *b)
{
    size_t offset = b->kind->from_logits_offset;
    return offset != SIZE_MAX && *(const bool *)((const char *)b->instance.options + offset);
}

/* Predictions lie where a probability may; the losses of logits and of numbers take any. */
static void start(struct bench *b, const struct ls_kind *kind, const char *options,
                  int64_t positions, int64_t columns)
{
    size_t n = (size_t)(positions * columns);
    *b = (struct bench){.kind = (const struct ls_loss_kind *)kind};
    b->instance = make_instance(&ls_losses, kind->name, options);
    bool of_class = b->kind->target == LS_TARGET_CLASS;
    size_t targets = of_class ? (size_t)positions : n;
    b->prediction = harness_floats(n);
    b->target = harness_floats(targets);
    b->weight = harness_floats((size_t)positions);
    for (size_t i = 0; i < n; i++)
        b->prediction[i] =
            from_logits(b) ? 3 * test_random(1, i) : 0.5F + 0.45F * test_random(1, i);
    for (size_t i = 0; i < targets; i++)
        b->target[i] = of_class ? (float)(i % (size_t)columns) : 0.5F + 0.5F * test_random(2, i);
    for (size_t i = 0; i < (size_t)positions; i++)
        b->weight[i] = 1 + test_random(3, i);
    b->call = (struct ls_loss_call){.kind = kind,
                                    .options = b->instance.options,
                                    .positions = positions,
                                    .columns = columns,
                                    .prediction = b->prediction,
                                    .target = b->target,
                                    .from_logits = from_logits(b),
                                    .value = harness_floats((size_t)positions),
                                    .grad = harness_floats(n),
                                    .work = harness_floats(n)};
}

static void drop(struct bench *b)
{
    ls_instance_release(&b->instance);
    free(b->prediction);
    free(b->target);
    free(b->weight);
    free(b->call.value);
    free(b->call.grad);
    free(b->call.work);
}

/* The weighted sum of the values with prediction i at x; the gradient is not asked for. */
static double weighted(struct bench *b, size_t i, float x)
{
    struct ls_loss_call call = b->call;
    float *grad = call.grad, at = b->prediction[i];
    double sum = 0;
    b->prediction[i] = x;
    call.grad = NULL;
    b->kind->compute(&call);
    call.grad = grad;
    b->prediction[i] = at;
    for (int64_t p = 0; p < call.positions; p++)
        sum += (double)b->weight[p] * call.value[p];
    return sum;
}

static double slope(struct bench *b, size_t i, float step)
{
    float low = b->prediction[i] - step, high = b->prediction[i] + step;
    return (weighted(b, i, high) - weighted(b, i, low)) / ((double)high - (double)low);
}

static void check_gradient(struct bench *b, const char *options)
{
    size_t n = (size_t)(b->call.positions * b->call.columns), kinks = 0;
    b->kind->compute(&b->call);
    for (size_t i = 0; i < n; i++) {
        double found = (double)b->weight[i / (size_t)b->call.columns] * b->call.grad[i];
        double wide = slope(b, i, 0.004F), narrow = slope(b, i, 0.002F);
        double wanted = (4 * narrow - wide) / 3, tolerance = 4e-3 * (1 + fabs(wanted));
        if (fabs(wide - narrow) > tolerance)
            kinks++;
        else if (!(fabs(found - wanted) <= tolerance))
            fail_msg("%s {%s} [%zu]: gradient %.7g, by differences %.7g", b->kind->kind.name,
                     options, i, found, wanted);
    }
    if (kinks * 3 > n)
        fail_msg("%s {%s}: %zu of %zu slopes are at kinks", b->kind->kind.name, options, kinks, n);
}

static void test_gradients(void **state)
{
    static const int64_t columns[] = {COLUMNS, 1, 17};
    (void)state;
    FOR_EACH_KIND(kind, ls_losses)
    {
        const char *const *e = ((const struct ls_loss_kind *)kind)->examples;
        assert_non_null(e);
        for (; *e; e++)
            for (size_t c = 0; c < 3; c++) {
                struct bench b;
                start(&b, kind, *e, POSITIONS, columns[c]);
                check_gradient(&b, *e);
                drop(&b);
            }
    }
}

/* A position's value and gradient depend on it alone; no positions are allowed; without a gradient
 * the values are the same. */
static void test_positions_are_independent(void **state)
{
    (void)state;
    FOR_EACH_KIND(kind, ls_losses)
    for (const char *const *e = ((const struct ls_loss_kind *)kind)->examples; *e; e++) {
        struct bench b, one, none;
        start(&b, kind, *e, POSITIONS, COLUMNS);
        b.kind->compute(&b.call);
        start(&one, kind, *e, 1, COLUMNS);
        for (size_t p = 0; p < POSITIONS; p++) {
            memcpy(one.prediction, b.prediction + p * COLUMNS, COLUMNS * sizeof(float));
            if (b.kind->target == LS_TARGET_CLASS)
                one.target[0] = b.target[p];
            else
                memcpy(one.target, b.target + p * COLUMNS, COLUMNS * sizeof(float));
            one.kind->compute(&one.call);
            assert_memory_equal(one.call.value, b.call.value + p, sizeof(float));
            assert_memory_equal(one.call.grad, b.call.grad + p * COLUMNS, COLUMNS * sizeof(float));
        }
        float *values = harness_floats(POSITIONS), *grad = b.call.grad;
        memcpy(values, b.call.value, POSITIONS * sizeof(float));
        b.call.grad = NULL;
        b.kind->compute(&b.call);
        assert_memory_equal(b.call.value, values, POSITIONS * sizeof(float));
        b.call.grad = grad;
        start(&none, kind, *e, 0, COLUMNS);
        none.kind->compute(&none.call);
        free(values);
        drop(&b), drop(&one), drop(&none);
    }
}

/* A loss that takes the logits of an activation gives of them what it gives of the activation's
 * result, away from the clipping. */
static void test_logits(void **state)
{
    (void)state;
    FOR_EACH_KIND(kind, ls_losses)
    {
        const struct ls_loss_kind *loss = (const struct ls_loss_kind *)kind;
        if (loss->logits_of == LS_ACTIVATION_LINEAR)
            continue;
        struct ls_activation f = ls_activation_default((enum ls_activation_id)loss->logits_of);
        for (const char *const *e = loss->examples; *e; e++) {
            struct bench b;
            float wanted[POSITIONS];
            start(&b, kind, *e, POSITIONS, COLUMNS);
            for (size_t i = 0; i < POSITIONS * COLUMNS; i++)
                b.prediction[i] = 3 * test_random(4, i);
            /* a distribution, so that a sum of targets other than 1 does not count */
            for (size_t i = 0; loss->target == LS_TARGET_SAME && i < POSITIONS * COLUMNS; i++)
                b.target[i] = i % COLUMNS == i / COLUMNS % COLUMNS;
            b.call.from_logits = true;
            b.kind->compute(&b.call);
            memcpy(wanted, b.call.value, sizeof wanted);
            ls_k->activate(b.prediction, b.prediction, &f, POSITIONS * COLUMNS, COLUMNS);
            b.call.from_logits = false;
            b.kind->compute(&b.call);
            for (size_t p = 0; p < POSITIONS; p++)
                if (fabsf(b.call.value[p] - wanted[p]) > 1e-5F * (1 + wanted[p]))
                    fail_msg("%s {%s}: %.8g of probabilities, %.8g of logits", kind->name, *e,
                             b.call.value[p], wanted[p]);
            drop(&b);
        }
    }
}

static void test_options(void **state)
{
    (void)state;
    FOR_EACH_KIND(kind, ls_losses)
    for (const char *const *e = ((const struct ls_loss_kind *)kind)->examples; *e; e++) {
        check_round_trip(&ls_losses, kind->name, *e);
        struct ls_instance instance = make_instance(&ls_losses, kind->name, *e);
        const struct ls_loss_common *common = instance.options;
        assert_int_equal(common->reduction, strstr(*e, "reduction: sum")    ? LS_REDUCTION_SUM
                                            : strstr(*e, "reduction: mean") ? LS_REDUCTION_ALSO_MEAN
                                                                            : LS_REDUCTION_MEAN);
        ls_instance_release(&instance);
    }
}

static void expect_name(const char *name, const char *wanted)
{
    const struct ls_kind *kind = ls_kind_find(&ls_losses, name);
    if (!kind)
        fail_msg("no loss '%s'", name);
    assert_string_equal(kind->name, wanted);
}

static void test_names(void **state)
{
    (void)state;
    expect_name("mse", "MeanSquaredError");
    expect_name("MSE", "MeanSquaredError");
    expect_name("mean_squared_error", "MeanSquaredError");
    expect_name("mae", "MeanAbsoluteError");
    expect_name("MAE", "MeanAbsoluteError");
    expect_name("huber", "Huber");
    expect_name("mape", "MeanAbsolutePercentageError");
    expect_name("MAPE", "MeanAbsolutePercentageError");
    expect_name("msle", "MeanSquaredLogarithmicError");
    expect_name("MSLE", "MeanSquaredLogarithmicError");
    expect_name("mean_absolute_percentage_error", "MeanAbsolutePercentageError");
    expect_name("mean_squared_logarithmic_error", "MeanSquaredLogarithmicError");
    expect_name("cosine_similarity", "CosineSimilarity");
    expect_name("poisson", "Poisson");
    expect_name("kld", "KLDivergence");
    expect_name("KLD", "KLDivergence");
    expect_name("kl_divergence", "KLDivergence");
    expect_name("kullback_leibler_divergence", "KLDivergence");
    expect_name("hinge", "Hinge");
    expect_name("squared_hinge", "SquaredHinge");
    expect_name("categorical_hinge", "CategoricalHinge");
    expect_name("binary_focal_crossentropy", "BinaryFocalCrossentropy");
    expect_name("categorical_focal_crossentropy", "CategoricalFocalCrossentropy");
    expect_name("categorical_generalized_cross_entropy", "CategoricalGeneralizedCrossEntropy");
    expect_name("bce", "BinaryCrossentropy");
    expect_name("binary_crossentropy", "BinaryCrossentropy");
    expect_name("categorical_crossentropy", "CategoricalCrossentropy");
    expect_name("sparse_categorical_crossentropy", "SparseCategoricalCrossentropy");
}

static void test_messages(void **state)
{
    (void)state;
    refuse_instance(&ls_losses, "mse", "reduction: none",
                    "reduction: must be one of sum_over_batch_size, sum, mean, "
                    "mean_with_sample_weight; found 'none'");
    refuse_instance(&ls_losses, "mse", "reduction: null", "reduction: must not be null");
    refuse_instance(&ls_losses, "huber", "delta: 0", "delta: must be above 0, found 0");
    refuse_instance(&ls_losses, "bce", "label_smoothing: 2",
                    "label_smoothing: must be at least 0 and at most 1, found 2");
    refuse_instance(&ls_losses, "bce", "axis: 1", "axis: is supported for the last axis only: -1");
    refuse_instance(&ls_losses, "sparse_categorical_crossentropy", "ignore_class: 0.5",
                    "ignore_class: expected an integer, found '0.5'");
    refuse_instance(&ls_losses, "cosine_similarity", "axis: 1",
                    "axis: is supported for the last axis only: -1");
    refuse_instance(&ls_losses, "binary_focal_crossentropy", "gamma: -1",
                    "gamma: must be at least 0, found -1");
    refuse_instance(&ls_losses, "categorical_generalized_cross_entropy", "q: 1",
                    "q: must be above 0 and below 1, found 1");
    refuse_instance(&ls_losses, "mse", "dtype: float64",
                    "dtype: must be one of float32; found 'float64' (did you mean 'float32'?)");
    refuse_instance(&ls_losses, "mse", "delta: 1",
                    "unknown option 'delta' (known: name, reduction, dtype)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients), cmocka_unit_test(test_positions_are_independent),
        cmocka_unit_test(test_logits),    cmocka_unit_test(test_options),
        cmocka_unit_test(test_names),     cmocka_unit_test(test_messages),
    };
    return cmocka_run_group_tests(tests, test_kernels, NULL);
}
