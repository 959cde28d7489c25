/* What `compile` says of losses and metrics, bound to a model and its data. */
#include <math.h>

#include "unit/train_test.h"

#include "data/dataset.h"
#include "train/objective_inside.h"

/* -- data whose columns are of any shape */

enum { SAMPLES = 6 };

/* SAMPLES samples in data.h5:all; y of the given shape, values below `classes`. */
static struct ls_data *make_data(const char *x_shape, const char *y_shape, int classes,
                                 const float *weights)
{
    struct ls_data *data;
    float values[SAMPLES * 64];
    hid_t file = make_file("data.h5");
    const char *const name[] = {"/all/x", "/all/y"}, *const shape[] = {x_shape, y_shape};
    for (int c = 0; c < 2; c++) {
        hsize_t sizes[8] = {SAMPLES}, all = SAMPLES;
        struct ls_tree *tree = yaml_tree(shape[c]);
        int rank = 1;
        for (const struct ls_tree *size = tree->child; size; size = size->next) {
            sizes[rank] = (hsize_t)strtol(size->text, NULL, 10);
            all *= sizes[rank++];
        }
        ls_tree_free(tree);
        assert_true(all <= sizeof values / sizeof *values);
        for (size_t i = 0; i < all; i++)
            values[i] = c == 0 ? test_number(i) : classes ? (float)(i % (size_t)classes) : 0.25F;
        add_floats(file, name[c], values, sizes);
    }
    if (weights)
        add_floats(file, "/all/sample_weight", weights, (const hsize_t[]){SAMPLES, 0});
    H5Fclose(file);
    expect_status(ls_data_open(&data, "data.h5:all"), LS_OK);
    return data;
}

static struct ls_model *make_model(const char *input, const char *last_kind, const char *last)
{
    char shape[64];
    snprintf(shape, sizeof shape, "shape: %s", input);
    return layers_model((const char *const[]){"Input", shape, last_kind, last, NULL}, 1);
}

/* -- targets' forms */

static void check_form(const char *last, const char *y_shape, const char *loss,
                       enum ls_target_form form)
{
    struct ls_objective *objective;
    struct ls_data *data = make_data("[3]", y_shape, 2, NULL);
    struct ls_model *model = make_model("[3]", "Dense", last);
    struct ls_tree *compile = yaml_tree(loss);
    assert_ok(ls_objective_create(&objective, model, compile, data));
    if (objective->output[0].form != form)
        fail_msg("%s, y %s: form %d, expected %d", last, y_shape, (int)objective->output[0].form,
                 (int)form);
    ls_objective_free(objective);
    ls_tree_free(compile);
    ls_model_free(model);
    ls_data_free(data);
}

static void test_forms(void **state)
{
    (void)state;
    check_form("units: 4", "[]", "loss: mse", LS_TARGET_CLASS);
    check_form("units: 4", "[1]", "loss: mse", LS_TARGET_CLASS);
    check_form("units: 4", "[4]", "loss: mse", LS_TARGET_SAME);
    check_form("units: 4", "[]", "loss: sparse_categorical_crossentropy", LS_TARGET_CLASS);
    check_form("units: 4", "[1]", "loss: sparse_categorical_crossentropy", LS_TARGET_CLASS);
    check_form("units: 4", "[]", "loss: categorical_crossentropy", LS_TARGET_CLASS);
    check_form("units: 1", "[]", "loss: mse", LS_TARGET_SAME);
    check_form("units: 1", "[1]", "loss: binary_crossentropy", LS_TARGET_SAME);
}

struct refused {
    const char *input, *last_kind, *last; /* of the model */
    const char *x_shape, *y_shape;        /* of the data */
    const char *compile, *wanted;
};

static void refuse(const struct refused *r)
{
    struct ls_objective *objective = NULL;
    struct ls_columns columns = {0};
    struct ls_data *data = make_data(r->x_shape, r->y_shape, 2, NULL);
    struct ls_model *model = make_model(r->input, r->last_kind, r->last);
    struct ls_tree *tree = yaml_tree(r->compile);
    const struct ls_tree *compile = ls_tree_find(tree, "compile");
    ls_status status = ls_objective_create(&objective, model, compile ? compile : tree, data);
    if (status == LS_OK)
        status = ls_columns_find(&columns, model, objective, data);
    if (status != LS_BAD_INPUT)
        fail_msg("%s: status %d, expected: %s", r->compile, status, r->wanted);
    assert_string_equal(ls_message(), r->wanted);
    ls_columns_release(&columns);
    ls_objective_free(objective);
    ls_tree_free(tree);
    ls_model_free(model);
    ls_data_free(data);
}

/* Arrays of one output's sample weights, `size` a sample; the model's last layer and the target are
 * of one number or class a position. */
static void check_weights(const char *input, size_t y_size, struct ls_data_array weights,
                          const char *wanted)
{
    static const float values[SAMPLES * 6];
    struct ls_columns columns;
    struct ls_objective *objective;
    struct ls_data *data;
    struct ls_model *model = make_model(input, "Dense", "units: 1");
    struct ls_tree *compile = yaml_tree("loss: mse");
    const struct ls_data_array array[] = {
        {"x", values, 6}, {"y", values, y_size}, {weights.name, values, weights.size}};
    assert_ok(ls_data_from_columns(&data, SAMPLES, array, 3));
    assert_ok(ls_objective_create(&objective, model, compile, data));
    if (wanted) {
        assert_fails(ls_columns_find(&columns, model, objective, data), LS_BAD_INPUT, wanted);
    } else {
        assert_ok(ls_columns_find(&columns, model, objective, data));
        assert_int_equal(columns.output[0].weight, 2);
        assert_int_equal(columns.output[0].by_position, weights.size > 1);
    }
    ls_columns_release(&columns);
    ls_objective_free(objective);
    ls_tree_free(compile);
    ls_model_free(model);
    ls_data_free(data);
}

/* A sample has one weight, or one a position of its output. */
static void test_weights(void **state)
{
    (void)state;
    check_weights("[6]", 1, (struct ls_data_array){"dense_sample_weight", NULL, 1}, NULL);
    check_weights("[2, 3]", 2, (struct ls_data_array){"dense_sample_weight", NULL, 1}, NULL);
    check_weights("[2, 3]", 2, (struct ls_data_array){"dense_sample_weight", NULL, 2}, NULL);
    check_weights("[6]", 1, (struct ls_data_array){"dense_sample_weight", NULL, 2},
                  "arrays: 'dense_sample_weight' has shape (None, 2), but a sample has one weight");
    check_weights("[2, 3]", 2, (struct ls_data_array){"dense_sample_weight", NULL, 3},
                  "arrays: 'dense_sample_weight' has shape (None, 3), but a sample has one weight, "
                  "or, in output dense, (None, 2)");
    /* of the only output they are called after that, not after y */
    check_weights("[6]", 1, (struct ls_data_array){"y_sample_weight", NULL, 1},
                  "arrays: 'y_sample_weight' is named after no output of the model: expected "
                  "dense_sample_weight or sample_weight");
}

static void test_shapes_that_do_not_fit(void **state)
{
    (void)state;
    refuse(&(struct refused){"[3]", "Dense", "units: 4", "[3]", "[5]", "loss: mse",
                             "data.h5:all: target 'y' has shape (None, 5), but the output of layer "
                             "'dense' is (None, 4)"});
    refuse(&(struct refused){"[2, 3]", "Dense", "units: 4, name: out", "[2, 3]", "[4]", "loss: mse",
                             "data.h5:all: target 'y' has shape (None, 4), but the output of layer "
                             "'out' is (None, 2, 4)"});
    refuse(&(struct refused){"[3]", "Dense", "units: 1", "[3]", "[2]", "loss: mse",
                             "data.h5:all: target 'y' has shape (None, 2), but the output of layer "
                             "'dense' is (None, 1)"});
    refuse(&(struct refused){"[3]", "Dense", "units: 1", "[4]", "[]", "loss: mse",
                             "data.h5:all: 'x' has shape (None, 4), but the model's input is "
                             "(None, 3)"});
    refuse(&(struct refused){"[6]", "Dense", "units: 1", "[2, 3]", "[]", "loss: mse",
                             "data.h5:all: 'x' has shape (None, 2, 3), but the model's input is "
                             "(None, 6)"});
}

/* Arrays say only how many numbers a sample has. */
static void test_arrays_fit_by_their_size(void **state)
{
    (void)state;
    float values[SAMPLES * 6] = {0};
    struct ls_objective *objective;
    struct ls_columns columns;
    struct ls_data *data;
    struct ls_model *model = make_model("[2, 3]", "Dense", "units: 4");
    struct ls_tree *compile = yaml_tree("loss: sparse_categorical_crossentropy");
    expect_status(ls_data_from_arrays(
                      &data,
                      &(struct ls_data_arrays){
                          .samples = SAMPLES, .x = values, .x_size = 6, .y = values, .y_size = 2}),
                  LS_OK);
    assert_ok(ls_objective_create(&objective, model, compile, data));
    assert_ok(ls_columns_find(&columns, model, objective, data));
    assert_int_equal(columns.uses, 2);
    assert_int_equal(columns.use[1].classes, 4);
    assert_int_equal(columns.output[0].target, 1);
    assert_true(columns.output[0].weight == LS_NO_USE);
    ls_columns_release(&columns);
    ls_objective_free(objective);
    ls_tree_free(compile);
    ls_model_free(model);
    ls_data_free(data);
}

/* -- compile */

static void refuse_compile(const char *last, const char *y_shape, const char *compile,
                           const char *wanted)
{
    refuse(&(struct refused){"[3]", "Dense", last, "[3]", y_shape, compile, wanted});
}

static void test_refused_losses(void **state)
{
    (void)state;
    struct ls_objective *objective;
    struct ls_data *data = make_data("[3]", "[]", 2, NULL);
    struct ls_model *model = make_model("[3]", "Dense", "units: 1");
    assert_fails(ls_objective_create(&objective, model, NULL, data), LS_BAD_INPUT,
                 "the model is not compiled: `compile` names its loss, optimizer and metrics");
    assert_null(objective);
    ls_model_free(model);
    ls_data_free(data);
    refuse_compile("units: 1", "[]", "[mse]",
                   "run.yaml:1: expected a map with optimizer, loss, metrics");
    refuse_compile("units: 1", "[]", "optimizer: adam\n", "run.yaml:1: `compile` names no loss");
    refuse_compile("units: 1", "[]", "optimizer: adam\nloss:\n",
                   "run.yaml:2: loss: `compile` names no loss");
    refuse_compile("units: 1", "[]", "loss: mse\nlosses: 1\n",
                   "run.yaml:2: unknown key 'losses' (did you mean 'loss'?)");
    refuse_compile("units: 1", "[]", "loss: mean_square_error\n",
                   "run.yaml:1: loss: unknown loss 'mean_square_error' (did you mean "
                   "'MeanSquaredError'?)");
    refuse_compile("units: 1", "[]", "loss: {Huber: {delt: 2}}\n",
                   "run.yaml:1: loss Huber: unknown option 'delt' (did you mean 'delta'?)");
    refuse_compile("units: 1", "[]", "loss: sparse_categorical_crossentropy\n",
                   "run.yaml:1: loss: SparseCategoricalCrossentropy needs an output of at least 2 "
                   "classes, the model's has 1");
    refuse_compile("units: 4", "[4]", "loss: sparse_categorical_crossentropy\n",
                   "run.yaml:1: loss: SparseCategoricalCrossentropy needs integer classes, but the "
                   "target has rows of 4 numbers (CategoricalCrossentropy takes those)");
    refuse_compile(
        "units: 4", "[4]", "loss: {CategoricalFocalCrossentropy: {alpha: [0.2, 0.3, 0.5]}}\n",
        "run.yaml:1: loss: CategoricalFocalCrossentropy: alpha: has 3 numbers, but there "
        "are 4 classes");
    refuse_compile("units: 1", "[]", "loss: mse\nloss_weights: [a]\n",
                   "run.yaml:2: loss_weights[0]: expected a number, found 'a'");
}

static void test_refused_metrics(void **state)
{
    (void)state;
    refuse_compile("units: 4", "[]", "loss: mse\nmetrics:\n  - mae\n  - acuracy\n",
                   "run.yaml:4: metrics[1]: unknown metric 'acuracy' (did you mean 'accuracy'?)");
    refuse_compile("units: 4", "[]",
                   "loss: mse\nmetrics: [mae, {MeanAbsoluteError: {name: mae_1}}, mae]\n",
                   "compile: two results would be named 'mae_1': give one of the metrics another "
                   "`name`");
    refuse_compile("units: 4", "[]", "loss: mse\nmetrics: [{MeanAbsoluteError: {name: loss}}]\n",
                   "compile: two results would be named 'loss': give one of the metrics another "
                   "`name`");
    refuse_compile("units: 2", "[2]",
                   "loss: mse\nmetrics: [f1_score, F1Score: {name: f1_score_1, average: micro}]\n",
                   "compile: two results would be named 'f1_score_1': give one of the metrics "
                   "another `name`");
    refuse_compile("units: 4", "[]", "loss: mse\nmetrics: [{MeanAbsoluteError: {name: a/b}}]\n",
                   "run.yaml:2: metrics[0]: 'a/b' cannot be the name of a result: choose one that "
                   "is not empty and has no '/'");
    refuse_compile("units: 4", "[]",
                   "loss: mse\nmetrics: [{MeanAbsoluteError: {name: residuals}}]\n",
                   "run.yaml:2: metrics[0]: 'residuals' is the name of a part of evaluations: give "
                   "the metric another");
    refuse_compile("units: 4", "[]", "loss: mse\nmetrics: [null]\n",
                   "run.yaml:2: metrics[0]: expected a metric");
    refuse_compile("units: 4", "[4]", "loss: mse\nmetrics: [sparse_categorical_accuracy]\n",
                   "run.yaml:2: metrics[0]: SparseCategoricalAccuracy needs integer classes as "
                   "targets");
    refuse_compile("units: 4", "[]",
                   "compile:\n  loss: mse\n  metrics: [{BinaryAccuracy: {treshold: 1}}]\n",
                   "run.yaml:3: metrics[0] BinaryAccuracy: unknown option 'treshold' (did you mean "
                   "'threshold'?)");
}

/* What a loss ignores may be no class, which not all metrics take. */
static void test_ignored_class(void **state)
{
    static struct ls_metric_kind kind; /* of the process, from then on */
    static struct ls_added_kind added = {.registry = &ls_metrics, .kind = &kind.kind};
    static const char ignoring[] =
        "loss: {SparseCategoricalCrossentropy: {ignore_class: -1}}\nmetrics: [counts_of_classes]\n";
    (void)state;
    kind = *(const struct ls_metric_kind *)ls_kind_find(&ls_metrics, "sparse_categorical_accuracy");
    kind.kind.name = "CountsOfClasses";
    kind.any_class = false;
    assert_ok(ls_kinds_add(&added));
    refuse_compile("units: 4", "[]", ignoring,
                   "run.yaml:2: metrics[0]: CountsOfClasses does not take the class -1, which "
                   "SparseCategoricalCrossentropy ignores: ignore one of the 4");
}

static void check_names(const char *last, const char *y_shape, const char *compile_text,
                        const char *const *wanted)
{
    struct ls_objective *objective;
    struct ls_data *data = make_data("[3]", y_shape, 2, NULL);
    struct ls_model *model = make_model("[3]", "Dense", last);
    struct ls_tree *compile = yaml_tree(compile_text);
    size_t count = 0;
    assert_ok(ls_objective_create(&objective, model, compile, data));
    while (wanted[count])
        count++;
    assert_int_equal(ls_objective_results(objective), count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(ls_objective_names(objective)[i], wanted[i]);
    ls_objective_free(objective);
    ls_tree_free(compile);
    ls_model_free(model);
    ls_data_free(data);
}

/* Keras' keys in its logs: what the user wrote, or the class' name in snake case. */
static void test_names(void **state)
{
    (void)state;
    check_names("units: 4", "[]", "loss: mse\n", (const char *const[]){"loss", NULL});
    check_names("units: 4", "[]", "loss: mse\nmetrics: acc\n",
                (const char *const[]){"loss", "acc", NULL});
    check_names(
        "units: 4", "[]",
        "loss: mse\nmetrics: [accuracy, mae, MeanSquaredError: {}, {BinaryAccuracy: {name: "
        "hits}}]\n",
        (const char *const[]){"loss", "accuracy", "mae", "mean_squared_error", "hits", NULL});
    /* a number of a list is named by its place */
    check_names("units: 3", "[3]",
                "loss: mse\nmetrics: [F1Score: {}, f1_score, F1Score: {average: macro, name: f}]\n",
                (const char *const[]){"loss", "f1_score_0", "f1_score_1", "f1_score_2",
                                      "f1_score_1_0", "f1_score_1_1", "f1_score_1_2", "f", NULL});
    check_names("units: 4", "[]",
                "loss: mse\nmetrics: [mae, [mae, mae]]\nweighted_metrics: [mae, mae, mse]\n",
                (const char *const[]){"loss", "mae", "mae_1", "mae_2", "weighted_mae",
                                      "weighted_mae_1", "mse", NULL});
    check_names("units: 4", "[]", "loss: {dense: mse}\nmetrics: {dense: [mae]}\n",
                (const char *const[]){"loss", "mae", NULL});
}

/* "crossentropy" is that of the output and the target. */
static void check_crossentropy(const char *last, const char *y_shape, const char *wanted)
{
    struct ls_objective *objective;
    struct ls_data *data = make_data("[3]", y_shape, 2, NULL);
    struct ls_model *model = make_model("[3]", "Dense", last);
    struct ls_tree *compile = yaml_tree(strcmp(y_shape, "[]") ? "loss: ce" : "loss: crossentropy");
    assert_ok(ls_objective_create(&objective, model, compile, data));
    assert_string_equal(objective->output[0].loss.kind->name, wanted);
    ls_objective_free(objective);
    ls_tree_free(compile);
    ls_model_free(model);
    ls_data_free(data);
}

static void test_crossentropy(void **state)
{
    (void)state;
    check_crossentropy("units: 1", "[]", "BinaryCrossentropy");
    check_crossentropy("units: 4", "[]", "SparseCategoricalCrossentropy");
    check_crossentropy("units: 4", "[4]", "CategoricalCrossentropy");
}

static const char *metric_kind(const char *last, const char *y_shape)
{
    struct ls_objective *objective;
    struct ls_data *data = make_data("[3]", y_shape, 2, NULL);
    struct ls_model *model = make_model("[3]", "Dense", last);
    struct ls_tree *compile = yaml_tree("loss: mse\nmetrics: [accuracy]\n");
    assert_ok(ls_objective_create(&objective, model, compile, data));
    const char *name = objective->metric[0].instance.kind->name;
    ls_objective_free(objective);
    ls_tree_free(compile);
    ls_model_free(model);
    ls_data_free(data);
    return name;
}

static void test_accuracy(void **state)
{
    (void)state;
    assert_string_equal(metric_kind("units: 1", "[]"), "BinaryAccuracy");
    assert_string_equal(metric_kind("units: 4", "[]"), "SparseCategoricalAccuracy");
    assert_string_equal(metric_kind("units: 4", "[4]"), "CategoricalAccuracy");
}

/* -- activations left to the loss */

/* `behind`: a layer behind the last one, which has no options; NULL: none. */
static void check_deferred_behind(const char *const last[2], const char *behind, const char *loss,
                                  bool wanted)
{
    struct ls_objective *objective;
    bool sigmoid = strstr(loss, "inary") != NULL;
    const char *shape = sigmoid ? "shape: [1]" : "shape: [4]";
    struct ls_data *data = make_data(sigmoid ? "[1]" : "[4]", sigmoid ? "[]" : "[4]", 2, NULL);
    struct ls_model *model = layers_model(
        (const char *const[]){"Input", shape, last[0], last[1], behind, NULL, NULL}, 1);
    struct ls_tree *compile = yaml_tree(loss);
    assert_ok(ls_objective_create(&objective, model, compile, data));
    if (ls_objective_defer(objective)[0] != wanted)
        fail_msg("%s {%s} %s, %s: %s", last[0], last[1] ? last[1] : "", behind ? behind : "", loss,
                 wanted ? "not left" : "left");
    ls_objective_free(objective);
    ls_tree_free(compile);
    ls_model_free(model);
    ls_data_free(data);
}

static void check_deferred(const char *kind, const char *last, const char *loss, bool wanted)
{
    check_deferred_behind((const char *const[]){kind, last}, NULL, loss, wanted);
}

static void test_deferral(void **state)
{
    (void)state;
    static const char categorical[] = "loss: categorical_crossentropy",
                      binary[] = "loss: binary_crossentropy";
    check_deferred("Dense", "units: 4, activation: softmax", categorical, true);
    check_deferred("Softmax", NULL, categorical, true);
    check_deferred("Activation", "activation: softmax", categorical, true);
    check_deferred("Dense", "units: 1, activation: sigmoid", binary, true);
    check_deferred("Dense", "units: 4, activation: sigmoid", categorical, false);
    check_deferred("Dense", "units: 4", categorical, false);
    check_deferred("Dense", "units: 4, activation: softmax", "loss: mse", false);
    check_deferred("Dense", "units: 4, activation: softmax",
                   "loss: {CategoricalCrossentropy: {from_logits: true}}", true);
    check_deferred("Dense", "units: 4, activation: sigmoid",
                   "loss: {BinaryFocalCrossentropy: {from_logits: true}}", false);
    check_deferred("Dense", "units: 4, activation: sigmoid", "loss: BinaryFocalCrossentropy", true);
    check_deferred("Dense", "units: 4, activation: softmax", "loss: CategoricalFocalCrossentropy",
                   false);
    /* its penalty is of what the activation gives */
    check_deferred("Dense", "units: 4, activation: softmax, activity_regularizer: l2", categorical,
                   false);
    /* Keras sees the softmax behind a layer that gives its input itself, not behind a Reshape */
    check_deferred_behind((const char *const[]){"Softmax", NULL}, "Identity", categorical, true);
    check_deferred_behind((const char *const[]){"Softmax", NULL}, "Flatten", categorical, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        directory_test(test_forms),          directory_test(test_shapes_that_do_not_fit),
        directory_test(test_weights),        directory_test(test_arrays_fit_by_their_size),
        directory_test(test_refused_losses), directory_test(test_refused_metrics),
        directory_test(test_ignored_class),  directory_test(test_names),
        directory_test(test_accuracy),       directory_test(test_crossentropy),
        directory_test(test_deferral),
    };
    return cmocka_run_group_tests_name("objectives", tests, start_alone, end_alone);
}
