/* Constraints against Keras' numbers (tests/reference/constraints.py) and numbers worked out by
 * hand; every layer's weights take them, and where axes do not suit. */
#include "reference.h"

#include "layer_harness.h"

#include "lockstep/lockstep.h"
#include "model/graph.h"

static const double tolerance = 3e-7;

/* What it writes is what Keras wrote, but for where Keras has the class. */
static void check_config(const struct ls_instance *constraint, const struct ls_tree *wanted)
{
    struct ls_text found = {0}, keras = {0};
    struct ls_tree *config = ls_tree_new(LS_TREE_MAP);
    NEED(ls_instance_write(constraint, config));
    ls_tree_format_json(&found, config);
    ls_tree_format_json(&keras, ls_tree_find(wanted, "config"));
    assert_string_equal(found.data, keras.data);
    ls_text_release(&found);
    ls_text_release(&keras);
    ls_tree_free(config);
}

static struct ls_instance read_config(hid_t file, const char *name)
{
    size_t count;
    struct ls_tree *tree;
    struct ls_instance constraint;
    char **text = reference_texts(file, name, "config", &count);
    NEED(ls_tree_parse_json(&tree, text[0], strlen(text[0]), NULL));
    NEED(ls_instance_parse(&constraint, &ls_constraints, tree));
    check_config(&constraint, tree);
    ls_tree_free(tree);
    reference_free_texts(text);
    return constraint;
}

static void apply(const struct ls_instance *constraint, float *weights,
                  const struct ls_shape *shape)
{
    double *room = malloc((ls_constraint_room(constraint, shape) + 1) * sizeof *room);
    NEED(ls_constraint_check(constraint, shape));
    ls_constrain(constraint, weights, shape, room);
    free(room);
}

static void check_case(hid_t file, const char *name)
{
    struct ls_instance constraint = read_config(file, name);
    struct reference before = reference_read(file, name, "before");
    struct reference after = reference_read(file, name, "after");
    struct ls_shape shape = {.rank = before.rank};
    double largest = 0;
    for (int i = 0; i < before.rank; i++)
        shape.size[i] = (int64_t)before.size[i];
    apply(&constraint, before.value, &shape);
    for (size_t i = 0; i < before.count; i++) {
        double gap = fabs((double)before.value[i] - (double)after.value[i]);
        if (!(gap <= tolerance * (1 + fabs((double)after.value[i]))))
            fail_msg("%s[%zu]: %.9g, Keras has %.9g", name, i, (double)before.value[i],
                     (double)after.value[i]);
        largest = fmax(largest, gap);
    }
    print_message("%-22s %.1e\n", name, largest);
    free(before.value);
    free(after.value);
    ls_instance_release(&constraint);
}

static void test_keras(void **state)
{
    char name[REFERENCE_NAME];
    hid_t file = reference_open("constraints_ref.h5");
    size_t cases = 0;
    (void)state;
    for (; reference_group(file, cases, name); cases++)
        check_case(file, name);
    assert_int_equal(cases, 14);
    H5Fclose(file);
}

static void expect(const char *constraint, const float wanted[4])
{
    float weights[] = {3, -1, -4, 0}; /* columns of norms 5 and 1 */
    struct ls_tree *tree = parse_text(constraint);
    struct ls_instance instance;
    NEED(ls_instance_parse(&instance, &ls_constraints, tree));
    apply(&instance, weights, &(struct ls_shape){2, {2, 2}});
    for (int i = 0; i < 4; i++)
        if (!(fabsf(weights[i] - wanted[i]) < 1e-6F))
            fail_msg("%s[%d]: %g, expected %g", constraint, i, (double)weights[i],
                     (double)wanted[i]);
    ls_instance_release(&instance);
    ls_tree_free(tree);
}

static void test_by_hand(void **state)
{
    (void)state;
    expect("{MaxNorm: {max_value: 2.5}}", (const float[]){1.5F, -1, -2, 0});
    expect("{max_norm: {max_value: 0.5, axis: 1}}",
           (const float[]){0.4743416F, -0.1581139F, -0.5F, 0});
    expect("{NonNeg: {}}", (const float[]){3, 0, 0, 0});
    expect("{UnitNorm: {}}", (const float[]){0.6F, -1, -0.8F, 0});
    expect("{MinMaxNorm: {min_value: 2, max_value: 3, rate: 0.5}}",
           (const float[]){2.4F, -1.5F, -3.2F, 0});
}

/* No sum over nothing: one number has a norm too. */
static void test_one_number(void **state)
{
    struct ls_tree *tree = parse_text("{UnitNorm: {axis: null}}");
    struct ls_instance instance;
    float weight = -3;
    (void)state;
    NEED(ls_instance_parse(&instance, &ls_constraints, tree));
    apply(&instance, &weight, &(struct ls_shape){0});
    assert_true(fabsf(weight + 1) < 1e-6F);
    ls_instance_release(&instance);
    ls_tree_free(tree);
}

/* Each option X_constraint of a layer comes to the variable X. */
static const struct {
    const char *kind, *options, *input;
    size_t constrained;
} layers[] = {
    {"Dense", "units: 2, kernel_constraint: max_norm, bias_constraint: non_neg", "3", 2},
    {"Embedding", "input_dim: 4, output_dim: 2, embeddings_constraint: {UnitNorm: {axis: 1}}", "3",
     1},
    {"Conv1D", "filters: 2, kernel_size: 2, kernel_constraint: max_norm, bias_constraint: non_neg",
     "[4, 3]", 2},
    {"Conv2DTranspose",
     "filters: 2, kernel_size: 2, kernel_constraint: {MaxNorm: {axis: [0, 1, 3]}}, "
     "bias_constraint: non_neg",
     "[4, 4, 3]", 2},
    {"DepthwiseConv2D", "kernel_size: 2, depthwise_constraint: max_norm, bias_constraint: non_neg",
     "[4, 4, 3]", 2},
    {"SeparableConv2D",
     "filters: 2, kernel_size: 2, depthwise_constraint: max_norm, pointwise_constraint: "
     "max_norm, bias_constraint: non_neg",
     "[4, 4, 3]", 3},
    {"BatchNormalization", "gamma_constraint: non_neg, beta_constraint: max_norm", "3", 2},
    {"LayerNormalization", "gamma_constraint: non_neg, beta_constraint: max_norm", "3", 2},
    {"GroupNormalization", "groups: 1, gamma_constraint: non_neg, beta_constraint: max_norm",
     "[2, 3]", 2},
    {"SimpleRNN",
     "units: 2, kernel_constraint: max_norm, recurrent_constraint: unit_norm, bias_constraint: "
     "non_neg",
     "[4, 3]", 3},
    {"LSTM",
     "units: 2, kernel_constraint: max_norm, recurrent_constraint: unit_norm, bias_constraint: "
     "non_neg",
     "[4, 3]", 3},
    {"GRU",
     "units: 2, kernel_constraint: max_norm, recurrent_constraint: unit_norm, bias_constraint: "
     "non_neg",
     "[4, 3]", 3},
    {"Bidirectional", "layer: {GRU: {units: 2, kernel_constraint: max_norm}}", "[4, 3]", 2},
    {"TimeDistributed", "layer: {Dense: {units: 2, kernel_constraint: max_norm}}", "[4, 3]", 1},
    {"PReLU", "alpha_constraint: non_neg", "[4, 3]", 1},
};

static void test_layers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        struct ls_model *model;
        char input[64];
        size_t constrained = 0;
        snprintf(input, sizeof input, "shape: %s", layers[i].input);
        NEED(ls_model_create(&model, NULL));
        NEED(ls_layer_add(model, "Input", input));
        NEED(ls_layer_add(model, layers[i].kind, layers[i].options));
        NEED(ls_model_build(model));
        for (size_t v = 0; v < ls_model_variables(model); v++) {
            const struct ls_instance *c = ls_model_variable(model, v).variable->constraint;
            constrained += c && c->kind;
        }
        if (constrained != layers[i].constrained)
            fail_msg("%s: %zu constrained variables, expected %zu", layers[i].kind, constrained,
                     layers[i].constrained);
        ls_model_free(model);
    }
}

/* Of all four projections. */
static void test_attention(void **state)
{
    static const char yaml[] =
        "inputs: {x: {shape: [4, 3]}}\n"
        "layers:\n"
        "  - MultiHeadAttention: {num_heads: 2, key_dim: 2, kernel_constraint: {UnitNorm: {axis: "
        "2}}, bias_constraint: non_neg, name: a}\n"
        "    from: [x, x]\n"
        "outputs: [a]\n";
    struct ls_tree *tree;
    struct ls_model *model;
    (void)state;
    NEED(ls_tree_parse_yaml(&tree, yaml, strlen(yaml), NULL));
    NEED(ls_model_from_tree(&model, tree));
    NEED(ls_model_build(model));
    assert_int_equal(ls_model_variables(model), 8);
    for (size_t v = 0; v < 8; v++)
        assert_non_null(ls_model_variable(model, v).variable->constraint->kind);
    ls_model_free(model);
    ls_tree_free(tree);
}

static void test_refused(void **state)
{
    struct ls_model *model;
    (void)state;
    NEED(ls_model_create(&model, NULL));
    NEED(ls_layer_add(model, "Input", "shape: 3"));
    NEED(ls_layer_add(model, "Dense", "units: 2, bias_constraint: {MaxNorm: {axis: 1}}"));
    assert_int_equal(ls_model_build(model), LS_BAD_INPUT);
    assert_string_equal(ls_message(), "dense (Dense): bias: MaxNorm: axis 1, but there are 1 axes");
    ls_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keras),      cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_one_number), cmocka_unit_test(test_layers),
        cmocka_unit_test(test_attention),  cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, test_kernels, NULL);
}
