/* The learning rate of each step: by a schedule, scaled for large batches, accumulated steps and
 * resumed trainings counted. */
#include <math.h>

#include "unit/train_test.h"

#include "train/fit.h"

enum { SAMPLES = 8, STEPS_MAX = 64 };

static float x[SAMPLES], y[SAMPLES];

struct rates {
    double rate[STEPS_MAX];
    size_t count;
};

static ls_status keep_rate(void *user, const struct ls_fit_state *state)
{
    struct rates *rates = user;
    assert_true(rates->count < STEPS_MAX);
    rates->rate[rates->count++] = state->last.learning_rate;
    return LS_OK;
}

/* The rates of a training from a position. */
static struct rates train(const char *optimizer, const char *fit, struct ls_position begin)
{
    struct rates rates = {.count = 0};
    char text[512];
    struct ls_fit_options options;
    struct ls_tree *tree;
    struct ls_model *model;
    struct ls_data *data;
    struct ls_fit_run *run;
    const struct ls_fit_hooks hooks = {.step = keep_rate, .user = &rates};
    assert_ok(ls_data_from_columns(&data, SAMPLES,
                                   (const struct ls_data_array[]){{"x", x, 1}, {"y", y, 1}}, 2));
    assert_ok(ls_model_create(&model, NULL));
    assert_ok(ls_layer_add(model, "Input", "shape: 1"));
    assert_ok(ls_layer_add(model, "Dense", "units: 1"));
    snprintf(text, sizeof text, "optimizer: {%s}, loss: mse", optimizer);
    assert_ok(ls_model_compile(model, text));
    assert_ok(ls_model_initialize(model, 1));
    assert_ok(ls_tree_parse_options(&tree, fit));
    assert_ok(ls_options_parse(&options, &ls_fit_kind, tree, NULL));
    const struct ls_fit_job job = {.comm = alone,
                                   .model = model,
                                   .compile = model->compile,
                                   .train = data,
                                   .fit = &options,
                                   .replicas = 1,
                                   .hooks = &hooks};
    assert_ok(ls_fit_create(&run, &job));
    assert_ok(ls_fit_go(run, begin, NULL, 0));
    ls_fit_free(run);
    ls_options_release(&options, &ls_fit_kind);
    ls_tree_free(tree);
    ls_data_free(data);
    ls_model_free(model);
    return rates;
}

static void expect(const struct rates *rates, const double *wanted, size_t count)
{
    assert_int_equal(rates->count, count);
    for (size_t i = 0; i < count; i++)
        if (!(fabs(rates->rate[i] - wanted[i]) < 1e-7))
            fail_msg("step %zu: %.9g, expected %.9g", i, rates->rate[i], wanted[i]);
}

static const char piecewise[] =
    "SGD: {learning_rate: {PiecewiseConstantDecay: {boundaries: [1, 2], "
    "values: [0.5, 0.25, 0.125]}}";

static void test_schedule(void **state)
{
    char optimizer[256];
    struct rates rates;
    (void)state;
    snprintf(optimizer, sizeof optimizer, "%s}", piecewise);
    rates = train(optimizer, "batch_size: 4, epochs: 2", (struct ls_position){0});
    expect(&rates, (const double[]){0.5, 0.5, 0.25, 0.125}, 4);
    /* steps of the file that it began with count */
    rates = train(optimizer, "batch_size: 4, epochs: 1", (struct ls_position){.before = 2});
    expect(&rates, (const double[]){0.25, 0.125}, 2);
    /* Keras' schedules go by all steps, also those that only accumulate */
    snprintf(optimizer, sizeof optimizer, "%s, gradient_accumulation_steps: 2}", piecewise);
    rates = train(optimizer, "batch_size: 4, epochs: 2", (struct ls_position){0});
    expect(&rates, (const double[]){0.5, 0.5, 0.25, 0.125}, 4);
}

static void test_scaled(void **state)
{
    static const char fit[] =
        "batch_size: 4, epochs: 3, scale_learning_rate: {base_batch_size: 1, warmup_epochs: 2}";
    const double wanted[] = {0.5, 0.875, 1.25, 1.625, 2, 2};
    char optimizer[256];
    struct rates rates;
    (void)state;
    rates = train("SGD: {learning_rate: 0.5}", fit, (struct ls_position){0});
    expect(&rates, wanted, 6);
    /* resumed: as if nothing had happened; begun from a trained file: the warm-up is the run's */
    rates = train("SGD: {learning_rate: 0.5}", fit,
                  (struct ls_position){.epoch = 1, .step = 1, .iteration = 3, .before = 5});
    expect(&rates, wanted + 3, 3);
    rates = train("SGD: {learning_rate: 0.5}",
                  "batch_size: 4, scale_learning_rate: {base_batch_size: 8, warmup_epochs: 0}",
                  (struct ls_position){0});
    expect(&rates, (const double[]){0.25, 0.25}, 2);
    /* times what a schedule says */
    snprintf(optimizer, sizeof optimizer, "%s}", piecewise);
    rates = train(optimizer, fit, (struct ls_position){0});
    expect(&rates, (const double[]){0.5, 0.875, 0.625, 0.40625, 0.5, 0.5}, 6);
}

/* What callbacks read and set is the rate before it is scaled. */
static void test_set_by_callbacks(void **state)
{
    struct rates rates;
    (void)state;
    rates = train("SGD: {learning_rate: 0.5}",
                  "batch_size: 4, epochs: 3, scale_learning_rate: {base_batch_size: 2, "
                  "warmup_epochs: 0}, callbacks: [{LearningRateScheduler: {schedule: {1: 0.25, 2: "
                  "0.125}}}]",
                  (struct ls_position){0});
    expect(&rates, (const double[]){1, 1, 0.5, 0.5, 0.25, 0.25}, 6);
}

static void refuse_callback(const char *callback, const char *wanted)
{
    char fit[256], compile[256];
    struct ls_model *model;
    struct ls_data *data;
    assert_ok(ls_data_from_columns(&data, SAMPLES,
                                   (const struct ls_data_array[]){{"x", x, 1}, {"y", y, 1}}, 2));
    assert_ok(ls_model_create(&model, NULL));
    assert_ok(ls_layer_add(model, "Input", "shape: 1"));
    assert_ok(ls_layer_add(model, "Dense", "units: 1"));
    snprintf(compile, sizeof compile, "optimizer: {%s}}, loss: mse", piecewise);
    assert_ok(ls_model_compile(model, compile));
    snprintf(fit, sizeof fit, "callbacks: [{%s}]", callback);
    assert_fails(ls_model_fit(model, alone, &(struct ls_fit){.options = fit, .train = data}),
                 LS_BAD_INPUT, wanted);
    ls_data_free(data);
    ls_model_free(model);
}

static void test_schedules_are_not_set(void **state)
{
    (void)state;
    refuse_callback("LearningRateScheduler: {schedule: [0.1]}",
                    "[0] LearningRateScheduler: the optimizer's learning_rate is a "
                    "schedule, which cannot be set: make it a number, or leave this callback out");
    refuse_callback("ReduceLROnPlateau: {monitor: loss}",
                    "[0] ReduceLROnPlateau: the optimizer's learning_rate is a schedule, "
                    "which cannot be set: make it a number, or leave this callback out");
}

static void refuse(const char *fit, const char *wanted)
{
    struct ls_fit_options options;
    struct ls_tree *tree = ls_tree_new(LS_TREE_MAP);
    assert_ok(ls_tree_set_path(tree, "fit.scale_learning_rate", fit));
    assert_fails(ls_options_parse(&options, &ls_fit_kind, ls_tree_find(tree, "fit"), NULL),
                 LS_BAD_INPUT, wanted);
    ls_tree_free(tree);
}

static void test_refused(void **state)
{
    struct ls_fit_options options;
    struct ls_tree *tree;
    (void)state;
    refuse("{base_batch_siz: 32}",
           "--set: fit scale_learning_rate: unknown option 'base_batch_siz' (did you "
           "mean 'base_batch_size'?)");
    refuse("{warmup_epochs: -1}",
           "--set: scale_learning_rate warmup_epochs: must be at least 0, found -1");
    refuse("256", "--set: fit scale_learning_rate: expected a map of options, found '256'");
    assert_ok(ls_tree_parse_options(&tree, "scale_learning_rate: {}"));
    assert_ok(ls_options_parse(&options, &ls_fit_kind, tree, NULL));
    const struct ls_rate_scaling *scaling = options.scale_learning_rate.options;
    assert_int_equal(scaling->base_batch_size, 256);
    assert_true(scaling->warmup_epochs == 5);
    ls_options_release(&options, &ls_fit_kind);
    ls_tree_free(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        directory_test(test_schedule),         directory_test(test_scaled),
        directory_test(test_set_by_callbacks), directory_test(test_schedules_are_not_set),
        directory_test(test_refused),
    };
    return cmocka_run_group_tests(tests, start_alone, end_alone);
}
