/* Embedding: rows of a table by whole numbers, masks, gradients, configs. */
#include "layer_harness.h"

static void expect(const float *found, const float *wanted, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(&found[i], &wanted[i], sizeof *found) != 0 &&
            !(isnan(found[i]) && isnan(wanted[i])))
            fail_msg("%s[%zu]: %.9g, expected %.9g", what, i, found[i], wanted[i]);
}

static void start(struct harness *h, const char *options, const char *input, const float *in)
{
    struct ls_layer_example example = {options, input, 1};
    harness_create(h, "Embedding", &example, 1);
    memcpy(h->in, in, h->in_size * sizeof *in);
    for (int i = 0; i < 8; i++)
        h->weight[0][i] = (float)i;
    for (size_t i = 0; i < h->grad_size; i++)
        h->out_grad[i] = (float)(1 << i);
    harness_forward(h);
    harness_backward(h, false);
}

/* A row that comes twice has both gradients; one that does not come has 0. */
static void test_rows(void **state)
{
    struct harness h;
    (void)state;
    start(&h, "input_dim: 4, output_dim: 2", "[3]", (float[]){3, 1, 3});
    expect(h.out, (float[]){6, 7, 2, 3, 6, 7}, 6, "rows");
    expect(h.weight_grad[0], (float[]){0, 0, 4, 8, 0, 0, 17, 34}, 8, "gradient of the table");
    expect(h.in_grad, (float[]){0, 0, 0}, 3, "gradient of whole numbers");
    harness_backward(&h, true);
    expect(h.weight_grad[0], (float[]){0, 0, 8, 16, 0, 0, 34, 68}, 8, "the same, added");
    harness_free(&h);
}

static void test_mask(void **state)
{
    struct harness h;
    (void)state;
    start(&h, "input_dim: 4, output_dim: 2, mask_zero: true", "[3]", (float[]){2, 0, 1});
    expect(h.out, (float[]){4, 5, 0, 1, 2, 3, 1, 0, 1}, 9, "rows, and the mask");
    assert_int_equal(ls_layer_flags(&h.layer) & LS_LAYER_MAKES_MASK, LS_LAYER_MAKES_MASK);
    harness_free(&h);
    start(&h, "input_dim: 4, output_dim: 2", "[3]", (float[]){2, 0, 1});
    assert_int_equal(h.shapes.outputs, 1);
    assert_int_equal(ls_layer_flags(&h.layer) & LS_LAYER_MAKES_MASK, 0);
    harness_free(&h);
}

/* What a layer before may compute: what stands behind the point is cut, as Keras does; what is no
 * row gives NaN, has no gradient, and is not masked. */
static void test_numbers_of_no_row(void **state)
{
    static const float in[] = {2.9F, -0.5F, 4, -1, 1e30F, -1e30F, NAN, INFINITY, -INFINITY};
    struct harness h;
    (void)state;
    start(&h, "input_dim: 4, output_dim: 2, mask_zero: true", "[9]", in);
    float wanted[27] = {4, 5, 0, 1};
    for (int i = 4; i < 18; i++)
        wanted[i] = NAN;
    for (int i = 18; i < 27; i++)
        wanted[i] = i == 19 ? 0 : 1;
    expect(h.out, wanted, 27, "rows, and the mask");
    expect(h.weight_grad[0], (float[]){4, 8, 0, 0, 1, 2, 0, 0}, 8, "gradient of the table");
    harness_free(&h);
}

static void test_declares(void **state)
{
    struct harness h;
    (void)state;
    NEED(harness_try(&h, "Embedding",
                     "input_dim: 5, output_dim: 3, embeddings_regularizer: l2, "
                     "activity_regularizer: l1",
                     "[2, 7]"));
    assert_int_equal(h.layer.variables, 1);
    assert_string_equal(h.layer.variable[0].name, "embeddings");
    assert_string_equal(h.layer.variable[0].regularizer->kind->name, "L2");
    assert_string_equal(h.layer.activity_regularizer->kind->name, "L1");
    assert_int_equal(h.layer.variable[0].shape.size[0], 5);
    assert_int_equal(h.layer.variable[0].shape.size[1], 3);
    assert_int_equal(h.layer.kind->integers(&h.layer, 0), 5);
    float values[15];
    NEED(ls_initialize(h.layer.variable[0].initializer, values, &h.layer.variable[0].shape, 1, 0));
    for (int i = 0; i < 15; i++)
        if (!(fabsf(values[i]) <= 0.05F))
            fail_msg("first value %d: %g, expected within 0.05", i, values[i]);
    harness_free(&h);
}

static void expect_config(const char *json, const char *wanted)
{
    struct ls_tree *written = ls_tree_new(LS_TREE_MAP);
    struct ls_text text = {0};
    struct harness h;
    NEED(harness_try(&h, "Embedding", json, "[3]"));
    NEED(ls_instance_write(&h.instance, written));
    NEED(h.layer.kind->write(&h.layer, written));
    ls_tree_format_json(&text, written);
    assert_string_equal(text.data, wanted);
    ls_text_release(&text);
    ls_tree_free(written);
    harness_free(&h);
}

/* What Keras 3.15 and Keras 2.15 write, read and written again. */
static void test_keras_configs(void **state)
{
    static const char wanted[] =
        "{\"input_dim\": 7, \"output_dim\": 3, \"embeddings_initializer\": {\"class_name\": "
        "\"RandomUniform\", \"config\": {\"minval\": -0.05, \"maxval\": 0.05, \"seed\": null}}, "
        "\"embeddings_regularizer\": null, \"embeddings_constraint\": null, \"mask_zero\": true}";
    (void)state;
    expect_config(
        "{\"input_dim\": 7, \"output_dim\": 3, \"embeddings_initializer\": {\"module\": "
        "\"keras.initializers\", \"class_name\": \"RandomUniform\", \"config\": {\"seed\": null, "
        "\"minval\": -0.05, \"maxval\": 0.05}, \"registered_name\": null}, "
        "\"embeddings_regularizer\": null, \"activity_regularizer\": null, "
        "\"embeddings_constraint\": null, \"mask_zero\": true, \"quantization_config\": null}",
        wanted);
    expect_config("{\"input_dim\": 7, \"output_dim\": 3, \"embeddings_initializer\": "
                  "{\"class_name\": \"RandomUniform\", \"config\": {\"minval\": -0.05, \"maxval\": "
                  "0.05, \"seed\": null}}, \"embeddings_regularizer\": null, "
                  "\"activity_regularizer\": null, \"embeddings_constraint\": null, \"mask_zero\": "
                  "true, \"input_length\": 3}",
                  wanted);
}

static void refuse(const char *options, const char *input, const char *wanted)
{
    struct harness h;
    ls_status status = harness_try(&h, "Embedding", options, input);
    if (status != LS_BAD_INPUT)
        fail_msg("{%s} of %s: status %d, expected: %s", options, input, status, wanted);
    assert_string_equal(ls_message(), wanted);
    harness_free(&h);
}

static void test_refused(void **state)
{
    (void)state;
    refuse("input_dim: 16777217, output_dim: 2", "[3]",
           "input_dim: must be at least 1 and at most 16777216, found 16777217");
    refuse("input_dim: 4, output_dim: 0", "[3]",
           "output_dim: must be at least 1 and at most 2147483647, found 0");
    refuse("input_dim: 4, output_dim: 2, lora_rank: 3", "[3]",
           "lora_rank: is not supported: the table itself is trained");
    refuse("input_dim: 4, output_dim: 2, lora_alpha: 3", "[3]",
           "lora_alpha: is not supported: the table itself is trained");
    refuse("input_dim: 4, output_dim: 2, quantization_config: int8", "[3]",
           "quantization_config: is not supported: layers compute in float32");
    refuse("input_dim: 4, output_dim: 2", "[1, 1, 1, 1, 1, 1, 1, 1]",
           "it (Embedding): the input has 8 axes beside the samples, at most 7 fit");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),     cmocka_unit_test(test_mask),
        cmocka_unit_test(test_declares), cmocka_unit_test(test_numbers_of_no_row),
        cmocka_unit_test(test_refused),  cmocka_unit_test(test_keras_configs),
    };
    return cmocka_run_group_tests(tests, test_kernels, NULL);
}
