/* Variables that change in training without training, in BatchNormalization: where they lie, which
 * calls change them, and that a run goes on with the statistics it was started with. */
#include "unit/train_run_test.h"

/* What changes in training without training is between what trains and the rest; of a frozen layer
 * nothing changes. */
static void test_arena_of_updated(void **state)
{
    (void)state;
    struct ls_model *model = NULL;
    assert_ok(ls_model_create(&model, NULL));
    assert_ok(ls_layer_add(model, "Input", "shape: [3]"));
    assert_ok(ls_layer_add(model, "BatchNormalization", "name: frozen, trainable: false"));
    assert_ok(ls_layer_add(model, "BatchNormalization", "name: first, center: false"));
    assert_ok(ls_layer_add(model, "Dense", "units: 2, name: dense, use_bias: false"));
    assert_ok(ls_model_build(model));
    static const char *const order[] = {
        "first/gamma",  "dense/kernel", "first/moving_mean",  "first/moving_variance",
        "frozen/gamma", "frozen/beta",  "frozen/moving_mean", "frozen/moving_variance"};
    for (size_t i = 0; i < 8; i++) {
        struct ls_variable_at at = ls_model_variable(model, i);
        char name[64];
        snprintf(name, sizeof name, "%s/%s", at.layer->name, at.variable->name);
        assert_string_equal(name, order[i]);
        assert_int_equal(at.variable->offset, i * LS_ALIGNMENT_FLOATS);
        assert_int_equal(at.trainable, i < 2);
    }
    assert_int_equal(model->trainable_floats, 2 * LS_ALIGNMENT_FLOATS);
    assert_int_equal(model->gradient_floats, 4 * LS_ALIGNMENT_FLOATS);
    assert_int_equal(model->floats, 8 * LS_ALIGNMENT_FLOATS);
    ls_model_free(model);
}

enum { ROWS = 10 };

/* One step of a model on x, as `options` say; what the moving mean of `norm` becomes from 0, and
 * how far gamma moves from 1. */
static void step(const char *yaml, const char *options, float *mean, float *gamma)
{
    static float x[ROWS], y[ROWS];
    struct ls_model *model = NULL;
    struct ls_data *data = NULL;
    struct ls_tree *tree = NULL;
    for (size_t i = 0; i < ROWS; i++) {
        x[i] = (float)(i * i); /* the mean is 28.5; of the first half 6, of the second 51 */
        y[i] = 1;
    }
    assert_ok(ls_tree_parse_yaml(&tree, yaml, strlen(yaml), NULL));
    assert_ok(ls_model_from_tree(&model, tree));
    model->source = tree;
    assert_ok(ls_model_compile(model, "loss: mse, optimizer: sgd"));
    assert_ok(ls_data_from_arrays(
        &data,
        &(struct ls_data_arrays){.samples = ROWS, .x = x, .x_size = 1, .y = y, .y_size = 1}));
    assert_ok(ls_model_fit(model, alone,
                           &(struct ls_fit){.options = options, .replicas = 2, .train = data}));
    assert_ok(ls_model_get_weights(model, "norm", "moving_mean", mean, 1));
    assert_ok(ls_model_get_weights(model, "norm", "gamma", gamma, 1));
    ls_data_free(data);
    ls_model_free(model);
}

#define LAYERS(norm, call)                                                                         \
    "inputs: {x: {shape: [1]}}\n"                                                                  \
    "layers:\n"                                                                                    \
    "  - BatchNormalization: {name: norm, momentum: 0.5" norm "}\n"                                \
    "    from: x\n" call "  - Dense: {units: 1, name: y}\n"                                        \
    "outputs: [y]\n"

static void test_who_updates(void **state)
{
    (void)state;
    float mean, gamma;
    step(LAYERS("", ""), "batch_size: 10", &mean, &gamma);
    assert_float_equal(mean, 14.25F, 1e-5F);
    assert_float_not_equal(gamma, 1, 1e-6F);
    step(LAYERS("", ""), "batch_size: 10, shuffle: false, batchnorm: replica", &mean, &gamma);
    assert_float_equal(mean, 14.25F, 1e-5F); /* the mean of both replicas' */
    step(LAYERS("", ""), "batch_size: 9, shuffle: false, batchnorm: replica", &mean, &gamma);
    assert_float_equal(mean, 22.666667F / 4 + 81.0F / 2, 1e-5F); /* a step of nine, one of one */
    step(LAYERS(", trainable: false", ""), "batch_size: 10", &mean, &gamma);
    assert_float_equal(mean, 0, 0);
    assert_float_equal(gamma, 1, 0);
    step(LAYERS("", "    call: {training: false}\n"), "batch_size: 10", &mean, &gamma);
    assert_float_equal(mean, 0, 0);
    assert_float_not_equal(gamma, 1, 1e-6F);
    step(LAYERS("", "    call: {training: false}\n  - apply: norm\n    as: again\n"),
         "batch_size: 10", &mean, &gamma); /* of the result of the first call, by 1, 0 */
    assert_float_equal(mean, 28.5 / 2 / sqrt(1.001), 1e-4);
}

/* What its statistics are of belongs to a run. */
static void test_part_of_the_run(void **state)
{
    (void)state;
    static const char *const epochs[] = {"fit.epochs=2", NULL};
    static const char *const changed[] = {"fit.epochs=2", "fit.batchnorm=global", NULL};
    write_text("run.yaml", HEAD "data: {train: data.h5:train}\n"
                                "fit: {batch_size: 5, seed: 7, batchnorm: replica}\n");
    assert_ok(train_in("run", false, NULL));
    assert_fails(train_in("run", true, changed), LS_BAD_INPUT,
                 "the run was started with fit.batchnorm: \"replica\", now it is \"global\" "
                 "(--accept fit.batchnorm takes the change)");
    assert_ok(train_in("run", true, epochs));
    write_text("run.yaml", HEAD "data: {train: data.h5:train}\nfit: {batchnorm: local}\n");
    assert_fails(train_in("other", false, NULL), LS_BAD_INPUT,
                 "run.yaml:14: fit batchnorm: must be one of global, replica; found 'local'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena_of_updated),
        cmocka_unit_test(test_who_updates),
        trained_test(test_part_of_the_run),
    };
    return cmocka_run_group_tests(tests, start_alone, end_alone);
}
