/* What of an optimizer stands in files for Keras: its variables in Keras' order, its options. */
#include "unit/store_test.h"

#include "store/export.h"
#include "store/h5.h"

#define KIND(compile)                                                                              \
    "model: {name: m, layers: [Input: {shape: [1]}, Dense: {units: 2, name: a}]}\n"                \
    "compile: {optimizer: {" compile "}, loss: mse}\n"

static void read_names(struct ls_texts *names, const char *path)
{
    struct ls_h5 h5;
    assert_ok(ls_h5_open(&h5, path));
    assert_ok(ls_h5_read_texts(&h5, "/optimizer_weights", "weight_names", names));
    ls_h5_close(&h5);
}

/* Averages and accumulators first, the number last; slots that a variable lacks are left out. */
static void orders_are_keras_own(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *names;
    } kinds[] = {
        {KIND("Nadam: {use_ema: true, gradient_accumulation_steps: 2}"),
         "nadam/iteration nadam/learning_rate nadam/m_a_kernel_average nadam/m_a_bias_average "
         "nadam/m_a_kernel_gradient_accumulator nadam/m_a_bias_gradient_accumulator "
         "nadam/m_a_kernel_momentum nadam/m_a_kernel_velocity nadam/m_a_bias_momentum "
         "nadam/m_a_bias_velocity nadam/variable "},
        {KIND("Muon: {}"), "muon/iteration muon/learning_rate muon/m_a_kernel_momentum "
                           "muon/m_a_bias_momentum muon/m_a_bias_velocity "},
        {KIND("Nadam: {learning_rate: {CosineDecay: {initial_learning_rate: 0.1, decay_steps: "
              "9}}}"),
         "nadam/iteration nadam/m_a_kernel_momentum nadam/m_a_kernel_velocity nadam/m_a_bias_"
         "momentum nadam/m_a_bias_velocity nadam/variable "},
    };
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        struct ls_model *model = make_model(kinds[k].yaml);
        struct ls_checkpoint made = {.model = model, .iteration = 4}, back;
        struct ls_text text = {0};
        struct ls_texts names;
        assert_ok(ls_export(&made, "a.h5", true));
        read_names(&names, "a.h5");
        for (size_t i = 0; i < names.count; i++)
            ls_text_append(&text, "%s ", names.text[i]);
        assert_string_equal(text.data, kinds[k].names);
        ls_text_release(&text);
        ls_texts_release(&names);
        assert_ok(ls_checkpoint_read(&back, "a.h5"));
        assert_null(back.slots_refused);
        assert_int_equal(back.iteration, 4);
        ls_checkpoint_release(&back);
        ls_model_free(model);
    }
}

/* Before the first step a slot is what it begins with. */
static void slots_begin_as_the_optimizer_says(void **state)
{
    (void)state;
    struct ls_model *model = make_model(KIND("Adagrad: {initial_accumulator_value: 0.25}"));
    struct ls_checkpoint made = {.model = model, .iteration = 1}, back;
    assert_ok(ls_export(&made, "a.keras", false));
    assert_ok(ls_checkpoint_read(&back, "a.keras"));
    assert_int_equal(back.slots, 1);
    assert_true(back.slot[0][back.model->layer[1]->variable[0].offset] == 0.25F);
    ls_checkpoint_release(&back);
    ls_model_free(model);
}

/* Null says something where it is not the default; LARS goes under a name of ours. */
static void options_come_back(void **state)
{
    (void)state;
    struct ls_model *model = make_model(KIND("Muon: {rms_rate: null, weight_decay: null}"));
    struct ls_checkpoint made = {.model = model}, back;
    assert_ok(ls_export(&made, "a.keras", false));
    assert_ok(ls_checkpoint_read(&back, "a.keras"));
    const struct ls_tree *options = ls_tree_find_path(back.compile, "optimizer.Muon");
    assert_true(ls_tree_is_null(ls_tree_find(options, "rms_rate")));
    assert_true(ls_tree_is_null(ls_tree_find(options, "weight_decay")));
    assert_null(ls_tree_find(options, "clipnorm"));
    ls_checkpoint_release(&back);
    ls_model_free(model);
    model = make_model(KIND("LARS: {momentum: 0.5}"));
    made = (struct ls_checkpoint){.model = model, .iteration = 3};
    assert_ok(ls_export(&made, "a.h5", true));
    assert_ok(ls_checkpoint_read(&back, "a.h5"));
    assert_null(back.slots_refused);
    assert_int_equal(back.iteration, 3);
    assert_string_equal(ls_tree_find(back.compile, "optimizer")->child->key, "lockstep>LARS");
    ls_checkpoint_release(&back);
    ls_model_free(model);
}

/* As an object of Keras' module, in which alone Keras looks for it; back as it was. */
static void schedules_come_back(void **state)
{
    (void)state;
    struct ls_model *model = make_model(
        KIND("SGD: {learning_rate: {PolynomialDecay: {initial_learning_rate: 0.5, decay_steps: 9, "
             "cycle: true}}}"));
    for (int archive = 0; archive < 2; archive++) {
        const char *path = archive ? "a.keras" : "a.h5";
        struct ls_checkpoint made = {.model = model, .iteration = 3}, back;
        struct ls_text text = {0};
        assert_ok(ls_export(&made, path, !archive));
        assert_ok(ls_checkpoint_read(&back, path));
        assert_null(back.slots_refused);
        assert_int_equal(back.iteration, 3);
        ls_tree_format_json(&text, ls_tree_find_path(back.compile, "optimizer.SGD.learning_rate"));
        assert_string_equal(
            text.data,
            "{\"module\": \"keras.optimizers.schedules\", \"class_name\": \"PolynomialDecay\", "
            "\"config\": {\"initial_learning_rate\": 0.5, \"decay_steps\": 9, "
            "\"end_learning_rate\": 0.0001, \"power\": 1.0, \"cycle\": true, \"name\": "
            "\"PolynomialDecay\"}, \"registered_name\": null}");
        ls_text_release(&text);
        ls_checkpoint_release(&back);
    }
    ls_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(orders_are_keras_own),
        scratch_test(slots_begin_as_the_optimizer_says),
        scratch_test(options_come_back),
        scratch_test(schedules_come_back),
    };
    return cmocka_run_group_tests(tests, start_kernels, NULL);
}
