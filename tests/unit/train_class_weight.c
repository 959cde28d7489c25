/* class_weight against Keras' fits (tests/reference/class_weight.py), alone and times sample
 * weights; balanced; what is refused. */
#include "reference.h"

#include <math.h>

#include "unit/train_test.h"

enum { SAMPLES = 12, EPOCHS = 3, CLASSES = 3 };

struct told {
    double loss[EPOCHS], metric[EPOCHS];
};

static ls_status tell(void *user, int64_t epoch, const char *const *names, const double *values,
                      size_t count)
{
    struct told *told = user;
    (void)names;
    assert_int_equal(count, 2);
    told->loss[epoch] = values[0];
    told->metric[epoch] = values[1];
    return LS_OK;
}

static struct ls_data *data_of(hid_t file, const char *name, bool weighted,
                               struct reference read[3])
{
    struct ls_data *data;
    read[0] = reference_read(file, "", "x");
    read[1] = reference_read(file, name, "y");
    read[2] = reference_read(file, "", "sample_weight");
    assert_ok(ls_data_from_columns(
        &data, SAMPLES,
        (const struct ls_data_array[]){{"x", read[0].value, 2},
                                       {"y", read[1].value, (int64_t)read[1].count / SAMPLES},
                                       {"sample_weight", read[2].value, 1}},
        weighted ? 3 : 2));
    return data;
}

static struct ls_model *model_of(int columns, const char *compile)
{
    char options[64];
    struct ls_model *model;
    assert_ok(ls_model_create(&model, NULL));
    assert_ok(ls_layer_add(model, "Input", "shape: [2]"));
    snprintf(options, sizeof options, "units: %d, activation: %s, name: dense", columns,
             columns > 1 ? "softmax" : "sigmoid");
    assert_ok(ls_layer_add(model, "Dense", options));
    assert_ok(ls_model_compile(model, compile));
    return model;
}

static void expect_close(const char *name, const char *what, double found, double wanted)
{
    if (!(fabs(found - wanted) < 1e-6))
        fail_msg("%s: %s %.9g, Keras has %.9g", name, what, found, wanted);
}

static const struct fit_case {
    const char *name, *compile, *class_weight;
    int columns;
    bool weighted;
} cases[] = {
    {"integers", "loss: sparse_categorical_crossentropy, weighted_metrics: [accuracy]",
     "{0: 0.5, 2: 3.0}", CLASSES, false},
    {"one_hot", "loss: categorical_crossentropy, weighted_metrics: [mse]", "{2: 3, 0: 0.5}",
     CLASSES, false},
    {"binary", "loss: binary_crossentropy, weighted_metrics: [mae]", "{0: 2.0, 1: 0.25}", 1, false},
    {"both", "loss: sparse_categorical_crossentropy, weighted_metrics: [accuracy]",
     "{0: 0.5, 2: 3.0}", CLASSES, true},
    {"balanced", "loss: sparse_categorical_crossentropy, weighted_metrics: [accuracy]", "balanced",
     CLASSES, false},
};

static void set_weights(struct ls_model *model, hid_t file, const struct fit_case *c)
{
    struct reference kernel = reference_read(file, c->name, "kernel");
    struct reference bias = reference_read(file, c->name, "bias");
    assert_ok(ls_model_set_weights(model, "dense", "kernel", kernel.value, kernel.count));
    assert_ok(ls_model_set_weights(model, "dense", "bias", bias.value, bias.count));
    free(kernel.value);
    free(bias.value);
}

static void compare(struct ls_model *model, hid_t file, const struct fit_case *c,
                    const struct told *told)
{
    float found[2 * CLASSES];
    struct reference kernel = reference_read(file, c->name, "kernel_after");
    struct reference loss = reference_read(file, c->name, "loss");
    struct reference metric = reference_read(file, c->name, "metric");
    assert_ok(ls_model_get_weights(model, "dense", "kernel", found, kernel.count));
    for (size_t i = 0; i < kernel.count; i++)
        expect_close(c->name, "kernel", (double)found[i], (double)kernel.value[i]);
    for (size_t e = 0; e < EPOCHS; e++) {
        expect_close(c->name, "loss", told->loss[e], (double)loss.value[e]);
        expect_close(c->name, "metric", told->metric[e], (double)metric.value[e]);
    }
    free(kernel.value);
    free(loss.value);
    free(metric.value);
}

static void test_keras(void **state)
{
    hid_t file = reference_open("class_weight_ref.h5");
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct fit_case *c = &cases[i];
        char compile[256], fit[256];
        struct told told;
        struct reference read[3];
        struct ls_data *data = data_of(file, c->name, c->weighted, read);
        snprintf(compile, sizeof compile, "optimizer: {SGD: {learning_rate: 0.5}}, %s", c->compile);
        snprintf(fit, sizeof fit, "batch_size: 5, epochs: 3, shuffle: false, class_weight: %s",
                 c->class_weight);
        struct ls_model *model = model_of(c->columns, compile);
        set_weights(model, file, c);
        assert_ok(ls_model_fit(
            model, alone,
            &(struct ls_fit){.options = fit, .train = data, .on_epoch = tell, .user = &told}));
        compare(model, file, c, &told);
        ls_model_free(model);
        ls_data_free(data);
        for (int r = 0; r < 3; r++)
            free(read[r].value);
    }
    H5Fclose(file);
}

/* Evaluation, also that of validation, knows no class weights. */
static void test_training_only(void **state)
{
    struct reference read[3];
    struct ls_evaluation plain = {0}, after = {0};
    hid_t file = reference_open("class_weight_ref.h5");
    struct ls_data *data = data_of(file, "integers", false, read);
    struct ls_model *model =
        model_of(CLASSES, "optimizer: {SGD: {learning_rate: 0.0}}, loss: "
                          "sparse_categorical_crossentropy, weighted_metrics: [accuracy]");
    (void)state;
    assert_ok(ls_model_initialize(model, 1));
    assert_ok(ls_model_evaluate(model, alone, data, &plain));
    assert_ok(ls_model_fit(model, alone,
                           &(struct ls_fit){.options = "class_weight: {0: 9}", .train = data}));
    assert_ok(ls_model_evaluate(model, alone, data, &after));
    assert_true(plain.values[0] == after.values[0]);
    ls_evaluation_release(&plain);
    ls_evaluation_release(&after);
    ls_model_free(model);
    ls_data_free(data);
    for (int r = 0; r < 3; r++)
        free(read[r].value);
    H5Fclose(file);
}

static void refuse_in(struct ls_model *model, int targets, const char *class_weight,
                      const char *wanted)
{
    static float x[2 * SAMPLES], y[2 * SAMPLES];
    char fit[256];
    struct ls_data *data;
    for (int i = 0; i < 2 * SAMPLES; i++)
        y[i] = (float)(i % 3);
    assert_ok(ls_data_from_columns(
        &data, SAMPLES,
        (const struct ls_data_array[]){{"x", x, 2}, {"y", y, targets}, {"a", y, 1}, {"b", y, 1}},
        4));
    snprintf(fit, sizeof fit, "class_weight: %s", class_weight);
    assert_fails(ls_model_fit(model, alone, &(struct ls_fit){.options = fit, .train = data}),
                 LS_BAD_INPUT, wanted);
    ls_data_free(data);
    ls_model_free(model);
}

static void refuse(int columns, const char *class_weight, const char *wanted)
{
    refuse_in(model_of(columns, columns > 1
                                    ? "optimizer: sgd, loss: sparse_categorical_crossentropy"
                                    : "optimizer: sgd, loss: binary_crossentropy"),
              1, class_weight, wanted);
}

static struct ls_model *graph(const char *yaml, const char *compile)
{
    struct ls_model *model;
    struct ls_tree *tree;
    assert_ok(ls_tree_parse_yaml(&tree, yaml, strlen(yaml), NULL));
    assert_ok(ls_model_from_tree(&model, tree));
    model->source = tree;
    assert_ok(ls_model_compile(model, compile));
    return model;
}

static void test_refused(void **state)
{
    (void)state;
    refuse(3, "{3: 1.0}", "class_weight: there is no class 3: the model's are 0 to 2");
    refuse(3, "{-1: 1.0}", "class_weight: there is no class -1: the model's are 0 to 2");
    refuse(3, "{cat: 1.0}", "class_weight: expected a class, an integer, found 'cat'");
    refuse(3, "{0: -1}", "class_weight 0: must be at least 0, found -1");
    refuse(3, "{1: 2, 1.0: 3}", "class_weight 1.0: the class stands here twice");
    refuse(3, "even", "class_weight: expected {CLASS: weight, ...}, or balanced, found 'even'");
    refuse(3, "[1, 2]", "class_weight: expected {CLASS: weight, ...}, or balanced, found a list");
    refuse(1, "balanced", "class_weight: balanced is for classes from 0 to 1, a target is 2");
    refuse_in(graph("inputs: {x: {shape: [2]}}\n"
                    "layers:\n"
                    "  - Dense: {units: 3, name: a}\n"
                    "  - Dense: {units: 3, name: b}\n"
                    "    from: x\n"
                    "outputs: [a, b]\n",
                    "optimizer: sgd, loss: {a: mse, b: mse}"),
              1, "{0: 1.0}",
              "class_weight: class_weight is for models with one output, this one has 2: data can "
              "have an OUTPUT_sample_weight instead");
    refuse_in(graph("inputs: {x: {shape: [2]}}\n"
                    "layers:\n"
                    "  - Reshape: {target_shape: [2, 1]}\n"
                    "  - Dense: {units: 3, name: y}\n"
                    "outputs: [y]\n",
                    "optimizer: sgd, loss: mse"),
              2, "{0: 1.0}",
              "class_weight: class_weight is for one target a sample, here are 2: data can have a "
              "sample_weight for each instead");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        directory_test(test_keras),
        directory_test(test_training_only),
        directory_test(test_refused),
    };
    return cmocka_run_group_tests(tests, start_alone, end_alone);
}
