/* Schedules against Keras' numbers (tests/reference/schedules.py) and against numbers worked out by
 * hand; what stands in Keras' files of them; what is refused. */
#include "reference.h"

#include <math.h>

#include "unit/base_test.h"

#include "optimizer/optimizer.h"

/* float32 rounding of the largest rate: near their ends cosines cancel to any relative error. */
static const double tolerance = 1e-6;

static void parse(struct ls_instance *optimizer, const char *yaml)
{
    struct ls_tree *tree;
    assert_ok(ls_tree_parse_yaml(&tree, yaml, strlen(yaml), "run.yaml"));
    assert_ok(ls_optimizer_parse(optimizer, tree));
    ls_tree_free(tree);
}

/* What an SGD with this rate writes for it is what Keras wrote. */
static void check_config(const struct ls_instance *optimizer, const struct ls_tree *wanted)
{
    struct ls_text found = {0}, keras = {0};
    struct ls_tree *config = ls_tree_new(LS_TREE_MAP);
    assert_ok(ls_instance_write(optimizer, config));
    ls_tree_format_json(&found, ls_tree_find(config, "learning_rate"));
    ls_tree_format_json(&keras, wanted);
    assert_string_equal(found.data, keras.data);
    ls_text_release(&found);
    ls_text_release(&keras);
    ls_tree_free(config);
}

static void begin(struct ls_instance *optimizer, hid_t file, const char *name)
{
    size_t count;
    char **text = reference_texts(file, name, "config", &count);
    struct ls_tree *config, *sgd = ls_tree_new(LS_TREE_MAP);
    struct ls_tree *options = ls_tree_add(sgd, "SGD", LS_TREE_MAP);
    struct ls_instance parsed;
    assert_ok(ls_tree_parse_json(&config, text[0], strlen(text[0]), NULL));
    assert_non_null(ls_tree_add_copy(options, "learning_rate", config));
    assert_ok(ls_optimizer_parse(&parsed, sgd));
    assert_false(ls_optimizer_holds_rate(&parsed));
    assert_ok(ls_instance_copy(optimizer, &parsed));
    check_config(optimizer, config);
    ls_instance_release(&parsed);
    ls_tree_free(sgd);
    ls_tree_free(config);
    reference_free_texts(text);
}

static void check_case(hid_t file, const char *name, const struct reference *step)
{
    struct reference rate = reference_read(file, name, "rate");
    struct ls_instance optimizer;
    double apart = 0, relative = 0, largest = 0;
    begin(&optimizer, file, name);
    for (size_t i = 0; i < rate.count; i++)
        largest = fmax(largest, (double)rate.value[i]);
    for (size_t i = 0; i < rate.count; i++) {
        double want = (double)rate.value[i];
        double found =
            ls_schedule_rate(&ls_optimizer_rate(&optimizer)->instance, (int64_t)step->value[i]);
        if (!(fabs(found - want) <= tolerance * largest))
            fail_msg("%s: %.9g at step %.0f, Keras has %.9g", name, found, (double)step->value[i],
                     want);
        apart = fmax(apart, fabs(found - want) / largest);
        relative = want > 0 ? fmax(relative, fabs(found - want) / want) : relative;
    }
    print_message("%-24s %.1e of the largest, %.1e of each\n", name, apart, relative);
    free(rate.value);
    ls_instance_release(&optimizer);
}

static void test_keras(void **state)
{
    char name[REFERENCE_NAME];
    hid_t file = reference_open("schedules_ref.h5");
    struct reference step = reference_read(file, "", "step");
    size_t cases = 0;
    (void)state;
    for (size_t i = 0; reference_group(file, i, name); i++)
        if (strcmp(name, "step") != 0) {
            check_case(file, name, &step);
            cases++;
        }
    assert_int_equal(cases, 21);
    free(step.value);
    H5Fclose(file);
}

static void expect(const char *schedule, int64_t step, double rate)
{
    char yaml[512];
    struct ls_instance optimizer;
    snprintf(yaml, sizeof yaml, "Adam: {learning_rate: {%s}}", schedule);
    parse(&optimizer, yaml);
    double found = ls_schedule_rate(&ls_optimizer_rate(&optimizer)->instance, step);
    if (!(fabs(found - rate) <= 1e-7))
        fail_msg("%s: %.9g at step %d, expected %.9g", schedule, found, (int)step, rate);
    ls_instance_release(&optimizer);
}

/* Every kind, its bounds included. */
static void test_by_hand(void **state)
{
    static const char exponential[] =
        "exponential_decay: {initial_learning_rate: 1.0, decay_steps: 2, decay_rate: 0.25}";
    static const char warm[] = "CosineDecay: {initial_learning_rate: 0.5, decay_steps: 4, "
                               "warmup_target: 1.0, warmup_steps: 2, alpha: 0.5}";
    static const char piecewise[] =
        "PiecewiseConstantDecay: {boundaries: [2, 3], values: [1.0, 0.5, 0.25]}";
    static const char cycle[] = "PolynomialDecay: {initial_learning_rate: 1.0, decay_steps: 4, "
                                "end_learning_rate: 0.5, cycle: true}";
    static const char restarts[] =
        "CosineDecayRestarts: {initial_learning_rate: 1.0, first_decay_steps: 2, m_mul: 0.5}";
    (void)state;
    expect(exponential, 0, 1);
    expect(exponential, 1, 0.5);
    expect(exponential, 4, 0.0625);
    expect(exponential, INT64_C(1) << 40, 0);
    expect("InverseTimeDecay: {initial_learning_rate: 1.0, decay_steps: 2, decay_rate: 1.0, "
           "staircase: true}",
           3, 0.5);
    expect(warm, 0, 0.5);
    expect(warm, 1, 0.75);
    expect(warm, 2, 1);
    expect(warm, 4, 0.75);
    expect(warm, 100, 0.5);
    expect(piecewise, 2, 1);
    expect(piecewise, 3, 0.5);
    expect(piecewise, 4, 0.25);
    expect(cycle, 2, 0.75);
    expect(cycle, 4, 0.5);
    expect(cycle, 6, 0.625);
    expect(restarts, 1, 0.5);
    expect(restarts, 2, 0.5);
    expect(restarts, 4, 0.25);
    expect(restarts, 6, 0.25);
}

/* Each option of every kind is in its examples' tables, and comes back from what is written. */
static void test_registry(void **state)
{
    const struct ls_kind *kind;
    (void)state;
    for (size_t k = 0; (kind = ls_registry_kind(&ls_schedules, k)); k++) {
        const char *const *example = ((const struct ls_schedule_kind *)kind)->examples;
        for (; *example; example++) {
            struct ls_tree *options, *written = ls_tree_new(LS_TREE_MAP);
            struct ls_instance first, second;
            char yaml[256];
            snprintf(yaml, sizeof yaml, "{%s}", *example);
            assert_ok(ls_tree_parse_yaml(&options, yaml, strlen(yaml), NULL));
            assert_ok(ls_instance_create(&first, kind, options, NULL));
            assert_ok(ls_schedule_check(&first));
            assert_ok(ls_instance_write(&first, written));
            assert_ok(ls_instance_create(&second, kind, written, NULL));
            for (int64_t step = 0; step < 20; step++)
                assert_true(ls_schedule_rate(&first, step) == ls_schedule_rate(&second, step));
            ls_instance_release(&first);
            ls_instance_release(&second);
            ls_tree_free(options);
            ls_tree_free(written);
        }
    }
}

static void refuse(const char *learning_rate, const char *wanted)
{
    char yaml[512];
    struct ls_tree *tree;
    struct ls_instance optimizer;
    snprintf(yaml, sizeof yaml, "{Adam: {learning_rate: %s}}", learning_rate);
    assert_ok(ls_tree_parse_yaml(&tree, yaml, strlen(yaml), "run.yaml"));
    assert_fails(ls_optimizer_parse(&optimizer, tree), LS_BAD_INPUT, wanted);
    ls_tree_free(tree);
}

static void test_refused(void **state)
{
    (void)state;
    refuse("{CosineDecay: {initial_learning_rate: 0.1}}",
           "run.yaml:1: learning_rate CosineDecay: option 'decay_steps' is missing");
    refuse("CosineDecay",
           "run.yaml:1: learning_rate CosineDecay: option 'initial_learning_rate' is missing");
    refuse("{CosineDecay: {initial_learning_rate: 0.1, decay_steps: 0}}",
           "run.yaml:1: learning_rate CosineDecay decay_steps: must be above 0, found 0");
    refuse("{CosinDecay: {decay_steps: 1}}",
           "run.yaml:1: Adam learning_rate: unknown schedule 'CosinDecay' (did you mean "
           "'CosineDecay'?)");
    refuse("fast", "run.yaml:1: Adam learning_rate: expected a number, found 'fast'");
    refuse("-0.5", "run.yaml:1: Adam learning_rate: must be at least 0, found -0.5");
    refuse("{CosineDecayRestarts: {initial_learning_rate: 0.1, first_decay_steps: 5, t_mul: 0.5}}",
           "run.yaml:1: learning_rate CosineDecayRestarts t_mul: must be at least 1, found "
           "0.5");
    refuse("{PiecewiseConstantDecay: {boundaries: [5, 5], values: [0.3, 0.2, 0.1]}}",
           "run.yaml:1: Adam: learning_rate: PiecewiseConstantDecay: boundaries: 5 after 5: they "
           "must rise");
    refuse("{PiecewiseConstantDecay: {boundaries: [5], values: [0.3]}}",
           "run.yaml:1: Adam: learning_rate: PiecewiseConstantDecay: expected one boundary or more "
           "and one value more than boundaries, found 1 boundaries and 1 values");
    refuse("{PiecewiseConstantDecay: {boundaries: 5, values: [0.3, 0.1]}}",
           "run.yaml:1: Adam: learning_rate: PiecewiseConstantDecay: boundaries and values must be "
           "lists, as [100] and [0.1, 0.05]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keras),
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_registry),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
