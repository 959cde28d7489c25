/* Models that no memory holds are refused with their size, before memory is asked for. */
#include "unit/store_test.h"

#include "model/plan.h"

enum { GB = 1000000000 };

/* As on a machine with 2 GB. */
static int have_two(void **state)
{
    ls_memory_pretend(2 * (uint64_t)GB);
    return count_blocks(state);
}
static int have_all(void **state)
{
    ls_memory_pretend(0);
    return check_blocks(state);
}

static void refuse(const char *yaml, const char *message)
{
    struct ls_model *model = NULL;
    struct ls_tree *tree = yaml_tree(yaml);
    ls_status status = ls_model_from_tree(&model, ls_tree_find(tree, "model"));
    if (status == LS_OK) {
        status = ls_model_make_weights(model);
        ls_model_free(model);
    }
    ls_tree_free(tree);
    assert_int_equal(status, LS_BAD_INPUT);
    assert_string_equal(ls_message(), message);
}

#define MODEL(shape, layers) "model:\n  input: {shape: " shape "}\n  layers: [" layers "]\n"

static void weights_that_do_not_fit(void **state)
{
    (void)state;
    refuse(
        MODEL("[20000]", "Dense: {units: 10}, Dense: {units: 60000000}"),
        "run.yaml:3: layers[1] Dense: the model's weights take 2.6 GB (2.6 GB in this layer), but "
        "2.0 GB of memory are free");
    refuse(
        MODEL("[2147483647]", "Dense: {units: 2147483647}"),
        "run.yaml:2: model input: its output (None, 2147483647) takes 8.6 GB a sample, but 2.0 GB of "
        "memory are free");
    refuse(
        MODEL("[400000000]", "Dense: {units: 400000000}"),
        "run.yaml:3: layers[0] Dense: the model's weights take 640.0 PB (640.0 PB in this layer), "
        "but 2.0 GB of memory are free");
}

/* Who only asks for shapes gets them; but what is no number is refused. */
static void weights_that_nobody_asked_for(void **state)
{
    (void)state;
    struct ls_model *model = NULL;
    char *text = NULL;
    struct ls_tree *tree = yaml_tree(MODEL("[500000]", "Dense: {units: 500000}"));
    assert_ok(ls_model_from_tree(&model, ls_tree_find(tree, "model")));
    assert_ok(ls_model_summary(model, &text));
    assert_non_null(strstr(text, "Total params: 250,000,500,000 (931.32 GB)"));
    assert_null(model->weights);
    assert_int_equal(ls_model_initialize(model, 1), LS_BAD_INPUT);
    assert_string_equal(ls_message(),
                        "run.yaml:3: layers[0] Dense: the model's weights take 1.0 TB "
                        "(1.0 TB in this layer), but 2.0 GB of memory are free");
    ls_text_free(text);
    ls_model_free(model);
    ls_tree_free(tree);
    refuse(
        MODEL("[400000000]", "Dense: {units: 400000000}, Dense: {units: 400000000}"),
        "run.yaml:3: layers[0] Dense: the model's weights take 1.3 EB (640.0 PB in this layer): no "
        "memory holds that");
}

static void tensors_that_do_not_fit(void **state)
{
    (void)state;
    refuse(MODEL("[2147483647, 2147483647, 2147483647]", "Flatten"),
           "run.yaml:2: model input: its output (None, 2147483647, 2147483647, 2147483647) takes "
           "39614081201.8 EB a sample, but 2.0 GB of memory are free");
    refuse(MODEL("[100000, 2]", "Dense: {units: 100000}"),
           "run.yaml:3: layers[0] Dense: its output (None, 100000, 100000) takes 40.0 GB a sample, "
           "but 2.0 GB of memory are free");
    refuse(
        MODEL("[2147483647, 2147483647]", "Normalization: {axis: null}"),
        "run.yaml:2: model input: its output (None, 2147483647, 2147483647) takes 18.4 EB a sample, but "
        "2.0 GB of memory are free");
}

static void batches_that_do_not_fit(void **state)
{
    (void)state;
    struct ls_model *model = make_model(MODEL("[1000]", "Dense: {units: 10}"));
    struct ls_plan *plan;
    struct ls_plan_options options = {.model = model, .rows = INT64_MAX};
    assert_fails(
        ls_plan_create(&plan, &options), LS_BAD_INPUT,
        "9223372036854775807 samples of this model take 37262.4 EB of memory: use a smaller "
        "batch");
    assert_null(plan);
    /* What can be counted is asked for, and refused like any other memory. */
    struct ls_plan_run *run;
    options.rows = (int64_t)GB * 100;
    assert_ok(ls_plan_create(&plan, &options));
    assert_int_equal(ls_plan_run_create(&run, plan), LS_FAILED);
    assert_non_null(strstr(ls_message(), "out of memory: no room for"));
    ls_plan_free(plan);
    ls_model_free(model);
}

static void what_fits_is_made(void **state)
{
    (void)state;
    struct ls_model *model = make_model(MODEL("[1000]", "Dense: {units: 20000}"));
    assert_int_equal(model->floats, 20020000 - 20000 + 20000);
    ls_model_free(model);
    assert_true(ls_memory_available() > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(weights_that_do_not_fit, have_two, have_all),
        cmocka_unit_test_setup_teardown(weights_that_nobody_asked_for, have_two, have_all),
        cmocka_unit_test_setup_teardown(tensors_that_do_not_fit, have_two, have_all),
        cmocka_unit_test_setup_teardown(batches_that_do_not_fit, have_two, have_all),
        cmocka_unit_test_setup_teardown(what_fits_is_made, have_two, have_all),
    };
    return cmocka_run_group_tests(tests, start_kernels, NULL);
}
