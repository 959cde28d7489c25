/* Steps of optimizers against formulas in double, and by hand (against Keras' numbers:
 * unit/train_update.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/optimizer_formulas.h"

enum { STEPS = 10 };

/* An optimizer on n weights. */
struct bench {
    struct ls_instance instance;
    const struct ls_optimizer_kind *kind;
    struct ls_optimizer_call call;
    const char *slot_name[LS_SLOTS_MAX];
    size_t slots;
    struct ls_shape shape; /* one row: Muon's way of a matrix */
};

static void start(struct bench *b, struct ls_instance instance, const float *weights, size_t n)
{
    *b = (struct bench){.instance = instance,
                        .kind = (const struct ls_optimizer_kind *)instance.kind};
    b->call = (struct ls_optimizer_call){.options = instance.options, .n = n};
    b->call.learning_rate = ls_optimizer_rate(&instance)->number;
    b->call.weights = harness_floats(n);
    memcpy(b->call.weights, weights, n * sizeof(float));
    b->slots = b->kind->slots(instance.options, b->slot_name);
    assert_true(b->slots <= LS_SLOTS_MAX);
    for (size_t s = 0; s < b->slots; s++) {
        b->call.slot[s] = harness_floats(n);
        for (size_t i = 0; i < n; i++)
            b->call.slot[s][i] =
                b->kind->initial ? (float)b->kind->initial(instance.options, s) : 0;
    }
    b->shape = (struct ls_shape){2, {1, (int64_t)n}};
    b->call.shape = &b->shape;
    b->call.room = b->kind->room ? harness_floats(b->kind->room(&b->shape)) : NULL;
}

static void step(struct bench *b, const float *gradient)
{
    b->call.gradient = gradient;
    b->kind->step(&b->call);
    b->call.iteration++;
}

static void drop(struct bench *b)
{
    free(b->call.weights);
    free(b->call.room);
    for (size_t s = 0; s < b->slots; s++)
        free(b->call.slot[s]);
    ls_instance_release(&b->instance);
}

static void near(double found, double wanted, const char *title, const char *what, size_t i)
{
    if (!(fabs(found - wanted) <= 2e-6 * (1 + fabs(wanted))))
        fail_msg("%s %s[%zu]: %.9g, expected %.9g", title, what, i, found, wanted);
}

static void test_formulas(void **state)
{
    enum { N = 37 };
    (void)state;
    FOR_EACH_KIND(kind, ls_optimizers)
    {
        const char *const *e = ((const struct ls_optimizer_kind *)kind)->examples;
        assert_non_null(e);
        for (; *e; e++) {
            float weights[N], gradient[N];
            double wanted[N];
            struct memory memory[N] = {{0}};
            struct bench b;
            for (size_t i = 0; i < N; i++)
                wanted[i] = weights[i] = test_random(1, i);
            start(&b, make_instance(&ls_optimizers, kind->name, *e), weights, N);
            struct scalars s = scalars_of(&b.instance);
            for (int t = 1; t <= STEPS; t++) {
                for (size_t i = 0; i < N; i++)
                    gradient[i] = 2 * test_random((uint32_t)(10 + t), i);
                formula_step(kind->name, &(struct stepping){&s, memory, wanted, gradient, N, t});
                step(&b, gradient);
                for (size_t i = 0; i < N; i++)
                    near(b.call.weights[i], wanted[i], kind->name, *e, i);
            }
            drop(&b);
        }
    }
}

/* A range of elements gets the bits that it gets within the whole, so that ranks can share the
 * work.
 */
static void test_ranges(void **state)
{
    enum { N = 53, CUT = 19 };
    (void)state;
    FOR_EACH_KIND(kind, ls_optimizers)
    for (const char *const *e = ((const struct ls_optimizer_kind *)kind)->examples; *e; e++) {
        float weights[N], gradient[N];
        struct bench whole, low, high;
        if (((const struct ls_optimizer_kind *)kind)->by_variable)
            break;
        for (size_t i = 0; i < N; i++)
            weights[i] = test_random(1, i);
        start(&whole, make_instance(&ls_optimizers, kind->name, *e), weights, N);
        start(&low, make_instance(&ls_optimizers, kind->name, *e), weights, CUT);
        start(&high, make_instance(&ls_optimizers, kind->name, *e), weights + CUT, N - CUT);
        for (uint32_t t = 0; t < 3; t++) {
            for (size_t i = 0; i < N; i++)
                gradient[i] = test_random(10 + t, i);
            step(&whole, gradient);
            step(&low, gradient);
            step(&high, gradient + CUT);
        }
        assert_memory_equal(low.call.weights, whole.call.weights, CUT * sizeof(float));
        assert_memory_equal(high.call.weights, whole.call.weights + CUT, (N - CUT) * sizeof(float));
        whole.call.n = 0;
        step(&whole, gradient);
        drop(&whole), drop(&low), drop(&high);
    }
}

/* Numbers that can be worked out on paper. */
static void expect_two_steps(const char *kind, const char *options, float first, float second)
{
    static const float weight = 1, gradient = 2;
    struct bench b;
    start(&b, make_instance(&ls_optimizers, kind, options), &weight, 1);
    step(&b, &gradient);
    near(b.call.weights[0], first, kind, options, 1);
    step(&b, &gradient);
    near(b.call.weights[0], second, kind, options, 2);
    drop(&b);
}

static void test_by_hand(void **state)
{
    (void)state;
    expect_two_steps("SGD", "learning_rate: 0.25", 0.5F, 0);
    expect_two_steps("SGD", "learning_rate: 0.25, momentum: 0.5", 0.5F, -0.25F);
    expect_two_steps("SGD", "learning_rate: 0.25, momentum: 0.5, nesterov: true", 0.25F, -0.625F);
    /* a constant gradient makes full steps */
    expect_two_steps("Adam", "learning_rate: 0.125", 0.875F, 0.75F);
    expect_two_steps("Adam", "learning_rate: 0.125, amsgrad: true", 0.875F, 0.75F);
    /* v = 3, then 3.75 */
    expect_two_steps("RMSprop", "learning_rate: 0.5, rho: 0.25", 1 - 1 / sqrtf(3),
                     1 - 1 / sqrtf(3) - 1 / sqrtf(3.75F));
    /* steps of one size; the root of 0.25 + 4 k */
    expect_two_steps("Lion", "learning_rate: 0.25", 0.75F, 0.5F);
    expect_two_steps("Adagrad", "learning_rate: 0.5, initial_accumulator_value: 0.0", 0.5F,
                     0.5F - 0.5F / sqrtf(2));
    expect_two_steps("Adamax", "learning_rate: 0.125", 0.875F, 0.75F);
    /* as long as the weight, times the rate */
    expect_two_steps("Lamb", "learning_rate: 0.5", 0.5F, 0.25F);
    expect_two_steps("LARS", "learning_rate: 0.5, momentum: 0.0, trust_coefficient: 0.5", 0.75F,
                     0.5625F);
}

static void test_options(void **state)
{
    (void)state;
    FOR_EACH_KIND(kind, ls_optimizers)
    for (const char *const *e = ((const struct ls_optimizer_kind *)kind)->examples; *e; e++)
        check_round_trip(&ls_optimizers, kind->name, *e);
}

static void test_messages(void **state)
{
    static const char *const refused[][2] = {
        {"learning_rate: -1", "learning_rate: must be at least 0, found -1"},
        {"weight_decay: -1", "weight_decay: must be at least 0, found -1"},
        {"clipnorm: -1", "clipnorm: must be at least 0, found -1"},
        {"global_clipnorm: -1", "global_clipnorm: must be at least 0, found -1"},
        {"clipvalue: -1", "clipvalue: must be at least 0, found -1"},
        {"ema_momentum: 1.5", "ema_momentum: must be at least 0 and at most 1, found 1.5"},
        {"ema_overwrite_frequency: 0", "ema_overwrite_frequency: must be at least 1, found 0"},
        {"gradient_accumulation_steps: 1",
         "gradient_accumulation_steps: must be at least 2, found 1"},
        {"loss_scale_factor: 2", "loss_scale_factor: " LS_OPTIMIZER_SCALE_REFUSED},
    };
    (void)state;
    FOR_EACH_KIND(kind, ls_optimizers)
    {
        for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
            refuse_instance(&ls_optimizers, kind->name, refused[i][0], refused[i][1]);
        struct ls_instance instance = make_instance(
            &ls_optimizers, kind->name,
            "clipnorm: null, global_clipnorm: null, clipvalue: null, use_ema: false, ema_momentum: "
            "0.99, ema_overwrite_frequency: null, loss_scale_factor: null, "
            "gradient_accumulation_steps: null");
        ls_instance_release(&instance);
    }
    refuse_instance(&ls_optimizers, "AdamW", "weight_decay: null",
                    "weight_decay: must not be null");
    refuse_instance(&ls_optimizers, "Lion", "beta_1: 0",
                    "beta_1: must be above 0 and at most 1, found 0");
    refuse_instance(&ls_optimizers, "Ftrl", "learning_rate_power: 0.5",
                    "learning_rate_power: must be at most 0, found 0.5");
    refuse_instance(&ls_optimizers, "Muon", "exclude_layers: [{a: 1}]",
                    "exclude_layers[0]: expected a text, found a map");
    refuse_instance(&ls_optimizers, "SGD", "momentum: 1.5",
                    "momentum: must be at least 0 and at most 1, found 1.5");
    refuse_instance(&ls_optimizers, "Adam", "beta_1: 1",
                    "beta_1: must be at least 0 and below 1, found 1");
    refuse_instance(&ls_optimizers, "adam", "lr: 1",
                    "unknown option 'lr' (known: name, learning_rate, weight_decay, clipnorm, "
                    "global_clipnorm, clipvalue, use_ema, ema_momentum, ema_overwrite_frequency, "
                    "loss_scale_factor, gradient_accumulation_steps, beta_1, beta_2, epsilon, "
                    "amsgrad)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formulas), cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_by_hand),  cmocka_unit_test(test_options),
        cmocka_unit_test(test_messages),
    };
    return cmocka_run_group_tests(tests, test_kernels, NULL);
}
