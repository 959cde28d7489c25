/* Numbers of things in a model's inputs: who reads data refuses what is none, for every layer that
 * takes them as they are or through views; and what CategoryEncoding makes of them in a model. */
#include "unit/train_test.h"

#include "model/graph.h"

static struct ls_model *parse(const char *yaml)
{
    struct ls_tree *tree = NULL;
    struct ls_model *model = NULL;
    assert_ok(ls_tree_parse_yaml(&tree, yaml, strlen(yaml), NULL));
    assert_ok(ls_model_from_tree(&model, tree));
    model->source = tree;
    assert_ok(ls_model_compile(model, "loss: mse"));
    assert_ok(ls_model_initialize(model, 1));
    return model;
}

static void check(const char *yaml, int64_t count, const char *layer)
{
    struct ls_model *model = parse(yaml);
    struct ls_integers found = ls_model_integers(model, 0);
    const char *path = found.layer ? found.layer->path : "none";
    if (found.count != count || strcmp(path, layer) != 0)
        fail_msg("%s: %d of %s, expected %d of %s", yaml, (int)found.count, path, (int)count,
                 layer);
    ls_model_free(model);
}

/* Through Reshape, Flatten, Identity and into a nested model; the smallest count; but not what a
 * layer made, and not weights. */
static void test_which(void **state)
{
    (void)state;
    check("- Input: {shape: [3]}\n- CategoryEncoding: {num_tokens: 5, name: codes}\n", 5, "codes");
    check("- Input: {shape: [3]}\n- Reshape: {target_shape: [3, 1]}\n- Identity\n- Flatten\n"
          "- CategoryEncoding: {num_tokens: 5, name: codes}\n",
          5, "codes");
    check("- Input: {shape: [3]}\n- Rescaling: {scale: 0.5}\n"
          "- CategoryEncoding: {num_tokens: 5}\n",
          0, "none");
    check("- Input: {shape: [3]}\n- Dense: {units: 2}\n", 0, "none");
    check("- Input: {shape: [3]}\n- Sequential:\n    name: inner\n    layers:\n"
          "      - Input: {shape: [3]}\n      - CategoryEncoding: {num_tokens: 5, name: codes}\n",
          5, "inner/codes");
    check("inputs: {x: {shape: [3]}}\nlayers:\n"
          "  - CategoryEncoding: {num_tokens: 7, name: a}\n    from: x\n"
          "  - CategoryEncoding: {num_tokens: 4, name: b}\n    from: x\n"
          "  - CategoryEncoding: {num_tokens: 6, name: c}\n    from: x\n"
          "  - Concatenate:\n    from: [a, b, c]\n",
          4, "b");
    check("inputs: {w: {shape: [3]}, x: {shape: [3]}}\nlayers:\n"
          "  - CategoryEncoding: {num_tokens: 7, output_mode: count}\n    from: [x, w]\n",
          0, "none");
    check("inputs: {x: {shape: [3]}, w: {shape: [3]}}\nlayers:\n"
          "  - CategoryEncoding: {num_tokens: 7, output_mode: count, name: counted}\n"
          "    from: x\n    call: {count_weights: w}\n",
          7, "counted");
}

static const char one_input[] = "- Input: {shape: [2]}\n"
                                "- CategoryEncoding: {num_tokens: 4, name: codes}\n"
                                "- Dense: {units: 1}\n";

/* Training, evaluation and prediction in memory name sample, element and layer. */
static void test_refused(void **state)
{
    static const struct {
        float value;
        const char *text;
    } bad[] = {{4, "4"}, {-1, "-1"}, {1.5F, "1.5"}, {NAN, "nan"}, {INFINITY, "inf"}};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        float x[3][2] = {{0, 3}, {1, 2}, {2, bad[i].value}}, y[3] = {0}, out[3];
        char data_message[200], memory_message[200];
        struct ls_data *data;
        struct ls_evaluation evaluation;
        struct ls_model *model = parse(one_input);
        snprintf(data_message, sizeof data_message,
                 "arrays: sample 2: x has %s at element 1, but layer 'codes' takes whole numbers "
                 "in [0, 4)",
                 bad[i].text);
        snprintf(memory_message, sizeof memory_message,
                 "sample 2: input '%s' has %s at element 1, but layer 'codes' takes whole numbers "
                 "in [0, 4)",
                 model->input_name[0], bad[i].text);
        assert_ok(ls_data_from_arrays(&data, &(struct ls_data_arrays){3, x[0], 2, y, 1}));
        assert_fails(ls_model_evaluate(model, alone, data, &evaluation), LS_BAD_INPUT,
                     data_message);
        assert_fails(
            ls_model_fit(model, alone, &(struct ls_fit){.options = "epochs: 1", .train = data}),
            LS_BAD_INPUT, data_message);
        assert_fails(ls_model_predict(model, x[0], 3, out), LS_BAD_INPUT, memory_message);
        assert_ok(ls_model_predict(model, x[0], 2, out));
        ls_data_free(data);
        ls_model_free(model);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        directory_test(test_which),
        directory_test(test_refused),
    };
    return cmocka_run_group_tests(tests, start_alone, end_alone);
}
