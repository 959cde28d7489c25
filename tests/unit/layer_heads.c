/* MultiHeadAttention with a gate, penalties, axes and masks against Keras' numbers
 * (tests/reference/heads.py); what it declares, refuses and warns of. unit/layer_attention.c has
 * more numbers of it. */
#include "reference.h"

#include "layer_harness.h"

static const double tolerance = 2e-6;

static char *text_of(hid_t file, const char *name, const char *attribute)
{
    size_t count;
    char **texts = reference_texts(file, name, attribute, &count);
    char *text = strdup(texts[0]);
    reference_free_texts(texts);
    assert_non_null(text);
    return text;
}

/* From `place` on, or to it: `count` numbers of a data set of a case. */
struct part {
    hid_t file;
    const char *of, *name;
    size_t at;
};

static void compare(struct part part, const float *found, size_t count)
{
    struct reference wanted = reference_read(part.file, part.of, part.name);
    assert_true(part.at + count <= wanted.count);
    for (size_t i = 0; i < count; i++) {
        double w = (double)wanted.value[part.at + i], gap = fabs((double)found[i] - w);
        if (!(gap <= tolerance * (1 + fabs(w))))
            fail_msg("%s %s[%zu]: %.9g, Keras has %.9g", part.of, part.name, part.at + i,
                     (double)found[i], w);
    }
    free(wanted.value);
}

static void fill(struct part part, float *out, size_t count)
{
    struct reference given = reference_read(part.file, part.of, part.name);
    assert_true(part.at + count <= given.count);
    memcpy(out, given.value + part.at, count * sizeof *out);
    free(given.value);
}

/* Keras' names, in its order. */
static void check_names(hid_t file, const char *name, const struct ls_layer *layer)
{
    char *text = text_of(file, name, "names");
    struct ls_tree *names = parse_text(text);
    const struct ls_tree *wanted = names->child;
    for (size_t v = 0; v < layer->variables; v++, wanted = wanted->next) {
        assert_non_null(wanted);
        assert_string_equal(layer->variable[v].name, wanted->text);
    }
    assert_null(wanted);
    ls_tree_free(names);
    free(text);
}

static size_t size_of(const struct harness *h, size_t v)
{
    return (size_t)ls_shape_count(&h->layer.variable[v].shape);
}

static void check_case(hid_t file, const char *name)
{
    struct harness h;
    char *options = text_of(file, name, "options"), *input = text_of(file, name, "input");
    struct part part = {file, name, "in", 0};
    harness_create(&h, "MultiHeadAttention", &(struct ls_layer_example){options, input, 1}, 3);
    check_names(file, name, &h.layer);
    h.training = false;
    fill(part, h.in, h.in_size);
    part.name = "weights";
    for (size_t v = 0; v < h.layer.variables; part.at += size_of(&h, v++))
        fill(part, h.weight[v], size_of(&h, v));
    fill((struct part){file, name, "out_grad", 0}, h.out_grad, h.grad_size);
    harness_forward(&h);
    harness_backward(&h, false);
    compare((struct part){file, name, "out", 0}, h.out, h.out_size);
    compare((struct part){file, name, "penalty", 0}, &(float){(float)h.penalty}, 1);
    struct reference in_grad = reference_read(file, name, "in_grad");
    compare((struct part){file, name, "in_grad", 0}, h.in_grad, in_grad.count);
    part = (struct part){file, name, "weight_grad", 0};
    for (size_t v = 0; v < h.layer.variables; part.at += size_of(&h, v++))
        compare(part, h.weight_grad[v], size_of(&h, v));
    free(in_grad.value);
    free(options);
    free(input);
    harness_free(&h);
}

static void test_keras(void **state)
{
    char name[REFERENCE_NAME];
    hid_t file = reference_open("heads_ref.h5");
    size_t cases = 0;
    (void)state;
    for (; reference_group(file, cases, name); cases++)
        check_case(file, name);
    assert_int_equal(cases, 24);
    H5Fclose(file);
}

/* The order, names and shapes of the weights are Keras'. */
static void test_declare(void **state)
{
    static const struct {
        const char *group, *name, *shape;
    } wanted[] = {
        {"query_dense", "query/kernel", "(None, 5, 2, 3)"},
        {"query_dense", "query/bias", "(None, 2, 3)"},
        {"key_dense", "key/kernel", "(None, 7, 2, 3)"},
        {"key_dense", "key/bias", "(None, 2, 3)"},
        {"_gate_dense", "gate/kernel", "(None, 5, 2, 4)"},
        {"_gate_dense", "gate/bias", "(None, 2, 4)"},
        {"value_dense", "value/kernel", "(None, 6, 2, 4)"},
        {"value_dense", "value/bias", "(None, 2, 4)"},
        {"output_dense", "attention_output/kernel", "(None, 2, 4, 8, 9)"},
        {"output_dense", "attention_output/bias", "(None, 8, 9)"},
    };
    struct harness h;
    char text[LS_SHAPE_TEXT];
    (void)state;
    NEED(harness_try(&h, "MultiHeadAttention",
                     "num_heads: 2, key_dim: 3, value_dim: 4, output_shape: [8, 9], use_gate: true",
                     "[[10, 5], [11, 6], [11, 7], {call: {return_attention_scores: true}}]"));
    assert_int_equal(h.layer.variables, 10);
    for (size_t v = 0; v < 10; v++) {
        ls_shape_format(text, &h.layer.variable[v].shape);
        assert_string_equal(text, wanted[v].shape);
        assert_string_equal(h.layer.variable[v].name, wanted[v].name);
        assert_string_equal(h.layer.variable[v].group, wanted[v].group);
    }
    assert_int_equal(h.shapes.outputs, 2);
    ls_shape_format(text, &h.shapes.out[0]);
    assert_string_equal(text, "(None, 10, 8, 9)");
    ls_shape_format(text, &h.shapes.out[1]);
    assert_string_equal(text, "(None, 2, 10, 11)");
    harness_free(&h);
}

/* Glorot's limit takes the kernels as matrices: sqrt(6 / (64 + 4 64)), where its own rule would
 * take 64 as a kernel's extent; an initializer with axes of its own goes by these. */
static void test_initial(void **state)
{
    static const struct {
        const char *options;
        double limit;
    } cases[] = {
        {"num_heads: 4, key_dim: 64", 0.13694},
        {"num_heads: 4, key_dim: 64, kernel_initializer: {GlorotUniform: {input_axes: [0], "
         "output_axes: [1]}}",
         0.29705},
    };
    (void)state;
    for (size_t c = 0; c < 2; c++) {
        struct harness h;
        NEED(harness_try(&h, "MultiHeadAttention", cases[c].options, "[[3, 64], [3, 64]]"));
        struct ls_variable *variable = &h.layer.variable[0];
        struct ls_shape shape = ls_initializer_shape(variable);
        size_t n = (size_t)ls_shape_count(&variable->shape);
        float *values = harness_floats(n), most = 0;
        NEED(ls_initialize(variable->initializer, values, &shape, 1, 0));
        for (size_t i = 0; i < n; i++)
            most = fmaxf(most, fabsf(values[i]));
        if (!(most <= cases[c].limit && most > 0.99 * cases[c].limit))
            fail_msg("{%s}: largest first value %g, expected just below %g", cases[c].options, most,
                     cases[c].limit);
        free(values);
        harness_free(&h);
    }
}

static void refuse(const char *options, const char *input, const char *wanted)
{
    struct harness h;
    ls_status status = harness_try(&h, "MultiHeadAttention", options, input);
    if (status != LS_BAD_INPUT)
        fail_msg("{%s} of %s: status %d, expected: %s", options, input, status, wanted);
    assert_string_equal(ls_message(), wanted);
    harness_free(&h);
}

/* Of inputs of two axes of positions. */
static void refuse_axes(const char *axes, const char *found)
{
    char options[128], wanted[256];
    snprintf(options, sizeof options, "num_heads: 2, key_dim: 2, attention_axes: [%s]", axes);
    snprintf(
        wanted, sizeof wanted,
        "it (MultiHeadAttention): attention_axes: each axis once, from 1, the first behind the "
        "samples, to 3, that of the heads, or -3 to -1; found %s",
        found);
    refuse(options, "[[3, 4, 2], [3, 4, 2]]", wanted);
}

static void test_refused(void **state)
{
    static const char two[] = "num_heads: 2, key_dim: 2";
    (void)state;
    refuse(two, "[3, 2]", "it (MultiHeadAttention): it takes at least 2 inputs, not 1");
    refuse(two, "[[3, 2], [3, 2], [3, 2], [3, 3]]",
           "it (MultiHeadAttention): it takes at most 3 inputs, not 4");
    refuse(two, "[[3, 2], {key: [3, 2]}]", "it (MultiHeadAttention): its call has no 'value'");
    refuse(two, "[[3, 2], [3, 2], {value: [3, 2]}]",
           "it (MultiHeadAttention): its call has 'value' twice");
    refuse(two, "[[2], [2]]",
           "it (MultiHeadAttention): query and value need as many axes, two or more beside the "
           "samples; they are (None, 2) and (None, 2)");
    refuse(two, "[[3, 2], [3, 3, 2]]",
           "it (MultiHeadAttention): query and value need as many axes, two or more beside the "
           "samples; they are (None, 3, 2) and (None, 3, 3, 2)");
    refuse(two, "[[3, 2], [4, 2], [3, 2]]",
           "it (MultiHeadAttention): key and value differ in more than the last axis: (None, 3, 2) "
           "and (None, 4, 2)");
    refuse_axes("0", "0");
    refuse_axes("3, 4", "4");
    refuse_axes("-4", "-4");
    refuse_axes("1, -3", "-3");
    refuse("num_heads: 2, key_dim: 2, attention_axes: 2", "[[3, 4, 2], [4, 4, 2]]",
           "it (MultiHeadAttention): query and value, (None, 3, 4, 2) and (None, 4, 4, 2), differ "
           "in axis 1, which is none of its attention_axes");
    refuse(
        two, "[[3, 2], [4, 2], {attention_mask: [4, 3]}]",
        "it (MultiHeadAttention): attention_mask, (None, 4, 3), does not fit the scores, (None, "
        "2, 3, 4): it needs their last 2 axes, and may have their first ones, each of their size "
        "or 1");
    refuse(two, "[[3, 2], [4, 2], {attention_mask: [4]}]",
           "it (MultiHeadAttention): attention_mask, (None, 4), does not fit the scores, (None, 2, "
           "3, 4): it needs their last 2 axes, and may have their first ones, each of their size "
           "or 1");
    refuse(two, "[{masked: [3, 3, 2]}, [3, 3, 2]]",
           "it (MultiHeadAttention): the mask of query, in Keras (None, 3, 3, 1), does not fit the "
           "scores, (None, 2, 3, 3, 3, 3): it needs their last 4 axes, and may have their first "
           "ones, each of their size or 1");
    refuse("num_heads: 2, key_dim: 2, attention_axes: 1", "[[3, 4, 2], {masked: [3, 4, 2]}]",
           "it (MultiHeadAttention): the mask of value, in Keras (None, 3, 1, 4), does not fit the "
           "scores, (None, 4, 2, 3, 3): it needs their last 2 axes, and may have their first ones, "
           "each of their size or 1");
    refuse(two, "[[3, 2], [4, 2], {key: [4, 2]}, {attention_mask: [1, 2, 3, 4]}]",
           "it (MultiHeadAttention): attention_mask, (None, 1, 2, 3, 4), does not fit the scores, "
           "(None, 2, 3, 4): it needs their last 2 axes, and may have their first ones, each of "
           "their size or 1");
    refuse(two, "[[3, 3, 2], [3, 3, 2], {call: {use_causal_mask: true}}]",
           "it (MultiHeadAttention): use_causal_mask: it hides by places on axis 1, in Keras by a "
           "mask (1, 3, 3), which does not fit the scores, (None, 2, 3, 3, 3, 3): use an "
           "attention_mask");
    refuse("num_heads: 2, key_dim: 2, attention_axes: 2, sliding_window: 2",
           "[[3, 4, 2], [3, 4, 2]]",
           "it (MultiHeadAttention): sliding_window: it hides by places on axis 1, in Keras by a "
           "mask (1, 3, 3), which does not fit the scores, (None, 3, 2, 4, 4): use an "
           "attention_mask");
    refuse("num_heads: 2, key_dim: 2, output_shape: [2, 2, 2, 2]",
           "[[3, 1, 1, 1, 1, 2], [3, 1, 1, 1, 1, 2]]",
           "it (MultiHeadAttention): its result has more than 8 axes beside the samples");
    refuse(two, "[[3, 1, 1, 1, 2], [3, 1, 1, 1, 2]]",
           "it (MultiHeadAttention): its scores have more than 8 axes beside the samples");
    refuse("num_heads: 2, key_dim: 2, flash_attention: true", "[[3, 2], [3, 2]]",
           "flash_attention: must be one of false; found 'true'");
    refuse(two, "[[3, 2], [3, 2], {call: {causal: true}}]",
           "[2] call: unknown option 'causal' (known: use_causal_mask, return_attention_scores)");
}

/* What is known with the layer built alone. */
static void test_built(void **state)
{
    struct harness h;
    (void)state;
    NEED(harness_try(&h, "MultiHeadAttention",
                     "num_heads: 2, key_dim: 2, activity_regularizer: OrthogonalRegularizer",
                     "[[3, 2], [3, 2]]"));
    assert_int_equal(ls_layer_check_variables(&h.layer), LS_BAD_INPUT);
    assert_string_equal(ls_message(), "it (MultiHeadAttention): activity_regularizer: "
                                      "OrthogonalRegularizer would compare each sample of a batch "
                                      "with all others: it is for weights");
    harness_free(&h);
}

static char warning[256];

static void keep_warning(void *user, enum ls_log_level level, const char *line)
{
    (void)user;
    (void)level;
    snprintf(warning, sizeof warning, "%s", line);
}

static void expect_warning(const char *axes, const char *input, bool wanted)
{
    char options[128];
    struct harness h;
    *warning = 0;
    snprintf(options, sizeof options, "num_heads: 2, key_dim: 2, attention_axes: %s", axes);
    NEED(harness_try(&h, "MultiHeadAttention", options, input));
    assert_string_equal(warning, wanted ? "layer 'it' (MultiHeadAttention): attention_axes does "
                                          "nothing, as in Keras, where there is one axis of "
                                          "positions and the weights are neither dropped nor "
                                          "returned"
                                        : "");
    harness_free(&h);
}

/* Keras does not look at the option there. */
static void test_axes_ignored(void **state)
{
    (void)state;
    ls_log_set(keep_warning, NULL);
    expect_warning("-1", "[[3, 2], [4, 2]]", true);
    expect_warning("[1, 2]", "[[3, 2], [4, 2]]", true);
    expect_warning("1", "[[3, 2], [4, 2]]", false);
    expect_warning("-2", "[[3, 2], [4, 2]]", false);
    expect_warning("-1", "[[3, 2], [3, 2], {call: {return_attention_scores: true}}]", false);
    expect_warning("2, dropout: 0.1", "[[3, 2], [3, 2]]", false);
    expect_warning("-1", "[[3, 4, 2], [3, 4, 2]]", false);
    ls_log_set(NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keras),   cmocka_unit_test(test_declare),
        cmocka_unit_test(test_initial), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_built),   cmocka_unit_test(test_axes_ignored),
    };
    return cmocka_run_group_tests(tests, test_kernels, NULL);
}
