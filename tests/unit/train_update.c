/* The update plan against Keras' numbers, step by step (tests/reference/optimizers.py): every
 * optimizer, and what stands around the steps of all. */
#include "reference.h"

#include <math.h>

#include "unit/train_test.h"

#include "store/slots_layout.h"
#include "train/update.h"

/* As close as ten steps of float32 rounding leave weights of about 1. */
static const double tolerance = 2e-6;

static struct ls_model *make_model(void)
{
    struct ls_model *model;
    assert_ok(ls_model_create(&model, "trained"));
    assert_ok(ls_layer_add(model, "Input", "shape: 3"));
    assert_ok(ls_layer_add(model, "Dense", "units: 5, name: wide"));
    assert_ok(ls_layer_add(model, "Dense", "units: 2, use_bias: false, name: tall"));
    assert_ok(ls_layer_add(model, "Dense", "units: 3, use_bias: false, name: My_Embedding"));
    assert_ok(ls_model_initialize(model, 1));
    return model;
}

/* The numbers of all variables, one behind the other, into an arena. */
static void spread(float *arena, const struct ls_model *model, const float *flat)
{
    for (size_t i = 0; i < ls_model_variables(model); i++) {
        struct ls_variable_at at = ls_model_variable(model, i);
        size_t count = ls_variable_count(at.variable);
        memcpy(arena + at.variable->offset, flat, count * sizeof *flat);
        flat += count;
    }
}

struct bench {
    const char *name;
    hid_t file;
    struct ls_model *model;
    struct ls_update_plan *plan;
    float *gradient;
    double largest; /* difference so far */
};

static size_t compare(struct bench *b, const struct ls_variable *variable, const float *arena,
                      const float *wanted, const char *what)
{
    size_t count = ls_variable_count(variable);
    for (size_t i = 0; i < count; i++) {
        double found = (double)arena[variable->offset + i], want = (double)wanted[i];
        double gap = fabs(found - want) / (1 + fabs(want));
        if (!(gap <= tolerance))
            fail_msg("%s: %s, %s[%zu]: %.9g, Keras has %.9g", b->name, what, variable->name, i,
                     found, want);
        b->largest = fmax(b->largest, gap);
    }
    return count;
}

static void compare_weights(struct bench *b, const float *wanted, const char *what)
{
    for (size_t i = 0; i < ls_model_variables(b->model); i++)
        wanted +=
            compare(b, ls_model_variable(b->model, i).variable, b->model->weights, wanted, what);
}

/* The plan's slots, in the order of Keras' files, against the optimizer's variables. */
static void compare_state(struct bench *b)
{
    size_t count;
    struct ls_slots_layout layout;
    struct ls_checkpoint checkpoint = {.model = b->model};
    struct reference state = reference_read(b->file, b->name, "state");
    char **names = reference_texts(b->file, b->name, "state_names", &count);
    assert_ok(ls_slots_layout_make(&layout, &checkpoint, false));
    assert_int_equal(count, layout.spots + layout.scalar);
    const float *wanted = state.value;
    for (size_t n = 0; n < layout.spots; n++) {
        size_t slot = layout.spot[n].slot;
        const char *name = ls_update_plan_slot_name(b->plan, slot);
        assert_string_equal(names[n] + strlen(names[n]) - strlen(name), name);
        wanted += compare(b, ls_model_variable(b->model, layout.spot[n].variable).variable,
                          ls_update_plan_slot(b->plan, slot), wanted, names[n]);
    }
    if (layout.scalar) {
        double found =
            ls_optimizer_kind(&layout.optimizer)
                ->scalar(layout.optimizer.options, ls_optimizer_updates(&layout.optimizer, 10));
        assert_true(fabs(found - (double)*wanted) < 1e-6);
    }
    ls_slots_layout_release(&layout);
    reference_free_texts(names);
    free(state.value);
}

static void begin(struct bench *b)
{
    size_t count;
    struct ls_tree *config;
    char **text = reference_texts(b->file, b->name, "config", &count);
    struct reference start = reference_read(b->file, "", "start");
    b->model = make_model();
    spread(b->model->weights, b->model, start.value);
    assert_ok(ls_tree_parse_json(&config, text[0], strlen(text[0]), NULL));
    b->model->compile = ls_tree_new(LS_TREE_MAP);
    assert_non_null(ls_tree_add_copy(b->model->compile, "optimizer", config));
    assert_ok(ls_update_plan_create(&b->plan, b->model, config, NULL));
    assert_ok(ls_update_plan_make_slots(b->plan));
    assert_ok(ls_allocate(&b->gradient, b->model->gradient_floats, sizeof(float)));
    ls_tree_free(config);
    reference_free_texts(text);
    free(start.value);
}

static void end(struct bench *b)
{
    ls_update_plan_free(b->plan);
    ls_release(b->gradient);
    ls_model_free(b->model);
}

static bool has_averages(const struct bench *b)
{
    return ls_update_plan_slots(b->plan) > 0 &&
           strcmp(ls_update_plan_slot_name(b->plan, 0), "average") == 0;
}

/* What a training ends with, however often it ends. */
static void compare_final(struct bench *b, int64_t steps)
{
    struct reference final = reference_read(b->file, b->name, "final");
    assert_ok(ls_update_plan_finish(b->plan, steps));
    assert_ok(ls_update_plan_finish(b->plan, steps));
    compare_weights(b, final.value, "in the end");
    free(final.value);
}

static void check_case(hid_t file, const char *name)
{
    struct bench b = {.name = name, .file = file};
    struct reference gradient = reference_read(file, "", "gradient");
    struct reference weights = reference_read(file, name, "weights");
    const size_t n = (size_t)weights.size[1], steps = (size_t)weights.size[0];
    begin(&b);
    for (size_t t = 0; t < steps; t++) {
        char what[32];
        spread(b.gradient, b.model, gradient.value + t * n);
        assert_ok(ls_update_plan_step(b.plan, b.gradient, (int64_t)t));
        snprintf(what, sizeof what, "after step %d", (int)t);
        compare_weights(&b, weights.value + t * n, what);
    }
    compare_state(&b);
    if (has_averages(&b))
        compare_final(&b, (int64_t)steps);
    print_message("%-22s %.1e\n", name, b.largest);
    free(gradient.value);
    free(weights.value);
    end(&b);
}

static void test_keras(void **state)
{
    char name[REFERENCE_NAME];
    hid_t file = reference_open("optimizers_ref.h5");
    size_t cases = 0;
    (void)state;
    for (size_t i = 0; reference_group(file, i, name); i++)
        if (strcmp(name, "start") != 0 && strcmp(name, "gradient") != 0) {
            check_case(file, name);
            cases++;
        }
    assert_int_equal(cases, 28 + 2 * 8 + 9 * 2);
    H5Fclose(file);
}

/* Where an optimizer divides 0 by 0 in the gaps between the variables, they stay zero. */
static void test_gaps_stay_zero(void **state)
{
    static const char *const optimizers[] = {
        "{Adam: {epsilon: 0.0}}", "{Ftrl: {initial_accumulator_value: 0.0}}",
        "{Adam: {epsilon: 0.0, use_ema: true, gradient_accumulation_steps: 2}}"};
    (void)state;
    for (size_t o = 0; o < sizeof optimizers / sizeof *optimizers; o++) {
        struct ls_model *model = make_model();
        struct ls_update_plan *plan;
        struct ls_tree *tree;
        float *gradient;
        assert_ok(ls_tree_parse_yaml(&tree, optimizers[o], strlen(optimizers[o]), NULL));
        assert_ok(ls_update_plan_create(&plan, model, tree, NULL));
        assert_ok(ls_update_plan_make_slots(plan));
        assert_ok(ls_allocate(&gradient, model->gradient_floats, sizeof(float)));
        for (size_t i = 0; i < ls_model_variables(model); i++) {
            struct ls_variable_at at = ls_model_variable(model, i);
            ls_k->fill(gradient + at.variable->offset, 1, ls_variable_count(at.variable));
        }
        for (int64_t t = 0; t < 4; t++)
            assert_ok(ls_update_plan_step(plan, gradient, t));
        assert_ok(ls_update_plan_finish(plan, 4));
        assert_int_equal(ls_k->find_nonfinite(model->weights, model->floats), model->floats);
        struct ls_variable *first = ls_model_variable(model, 0).variable;
        assert_true(model->weights[first->offset + ls_variable_count(first)] == 0);
        ls_release(gradient);
        ls_update_plan_free(plan);
        ls_tree_free(tree);
        ls_model_free(model);
    }
}

static void refuse(const char *text, const char *wanted)
{
    struct ls_model *model = make_model();
    struct ls_update_plan *plan;
    struct ls_tree *tree;
    assert_ok(ls_tree_parse_yaml(&tree, text, strlen(text), "run.yaml"));
    assert_fails(ls_update_plan_create(&plan, model, tree, NULL), LS_BAD_INPUT, wanted);
    assert_null(plan);
    ls_tree_free(tree);
    ls_model_free(model);
}

static void test_options_that_do_not_go_together(void **state)
{
    (void)state;
    refuse(
        "{Adam: {clipnorm: 1.0, clipvalue: 0.5}}",
        "run.yaml:1: Adam: only one of clipnorm, clipvalue and global_clipnorm can be set: leave "
        "out the others");
    refuse("{Muon: {exclude_layers: ['a(b']}}",
           "run.yaml:1: Muon: exclude_layers: 'a(b' is no pattern that is known here: use part of "
           "the layer's name");
    refuse("{Muon: {exclude_layers: [out, '(a{1,99}){1,99}']}}",
           "run.yaml:1: Muon: exclude_layers: '(a{1,99}){1,99}' is no pattern that is known here: "
           "use part of the layer's name");
    refuse("{Muon: {exclude_layers: ['\\d']}}",
           "run.yaml:1: Muon: exclude_layers: '\\d' is no pattern that is known here: use part of "
           "the layer's name");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        directory_test(test_keras),
        directory_test(test_gaps_stay_zero),
        directory_test(test_options_that_do_not_go_together),
    };
    return cmocka_run_group_tests(tests, start_alone, end_alone);
}
