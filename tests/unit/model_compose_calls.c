/* Calls with arguments made in C: the model is the run file's, its weights after a training and its
 * predictions have the same bits, and Keras' files hold it. */
#include "unit/train_test.h"

enum { SAMPLES = 6, MOST = 64 };
#define MASKED 0.25F

/* Masks are 1 or 0; of steps of three numbers every fourth is what Masking masks; the others are
 * any numbers. */
static void fill(float *values, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        values[i] = test_number(i);
        if (strcmp(name, "mask") == 0)
            values[i] = values[i] > 0;
        if (strcmp(name, "steps") == 0 && i / 3 % 4 == 3)
            values[i] = MASKED;
    }
}

/* Trains on a column an input and one for the output. */
static uint64_t train(struct ls_model *model)
{
    static float values[LS_TENSORS_MAX][SAMPLES * MOST];
    struct ls_data_array column[LS_TENSORS_MAX];
    struct ls_data *data;
    uint64_t hash;
    for (size_t i = 0; i < model->inputs; i++) {
        size_t size = ls_model_input_size(model, i);
        fill(values[i], SAMPLES * size, model->input_name[i]);
        column[i] = (struct ls_data_array){model->inputs == 1 ? "x" : model->input_name[i],
                                           values[i], size};
    }
    column[model->inputs] =
        (struct ls_data_array){"y", values[model->inputs], ls_model_output_size(model, 0)};
    assert_ok(ls_data_from_columns(&data, SAMPLES, column, model->inputs + 1));
    assert_ok(ls_model_compile(model, "optimizer: {SGD: {learning_rate: 0.1}}, loss: mse"));
    assert_ok(ls_model_fit(
        model, alone,
        &(struct ls_fit){.options = "epochs: 2, batch_size: 3, seed: 5", .train = data}));
    ls_data_free(data);
    assert_ok(ls_model_hash(model, &hash));
    return hash;
}

static void predict(struct ls_model *model, float *out)
{
    static float values[LS_TENSORS_MAX][SAMPLES * MOST];
    const float *input[LS_TENSORS_MAX];
    float *output[LS_TENSORS_MAX] = {out};
    for (size_t i = 0; i < model->inputs; i++) {
        fill(values[i], SAMPLES * ls_model_input_size(model, i), model->input_name[i]);
        input[i] = values[i];
    }
    assert_ok(ls_model_predict_all(model, input, SAMPLES, output));
}

static void check_file(struct ls_model *model, const char *path, const float *expected,
                       size_t count)
{
    struct ls_model *read;
    float found[SAMPLES * MOST];
    assert_ok(ls_model_save(model, path));
    assert_ok(ls_model_read(&read, path));
    predict(read, found);
    assert_memory_equal(found, expected, count * sizeof *found);
    ls_model_free(read);
}

/* Without the names that a run file gives to results: in C the handles are all there is. */
static void format_config(const struct ls_model *model, struct ls_text *text)
{
    struct ls_tree *config;
    assert_ok(ls_model_to_keras(model, &config));
    struct ls_tree *names = (struct ls_tree *)ls_tree_find(config, "lockstep_results");
    if (names)
        ls_tree_remove(names);
    ls_tree_format_json(text, config);
    ls_tree_free(config);
}

/* Takes the model. */
static void check_same(struct ls_model *made, const char *yaml)
{
    struct ls_tree *tree = yaml_tree(yaml);
    struct ls_model *written;
    struct ls_text wanted = {0}, found = {0};
    float expected[SAMPLES * MOST], got[SAMPLES * MOST];
    const size_t count = SAMPLES * ls_model_output_size(made, 0);
    assert_true(count > 0 && count <= SAMPLES * MOST);
    assert_ok(ls_model_from_tree(&written, tree));
    format_config(written, &wanted);
    format_config(made, &found);
    assert_string_equal(found.data, wanted.data);
    assert_true(train(made) == train(written));
    predict(written, expected);
    predict(made, got);
    assert_memory_equal(got, expected, count * sizeof *got);
    check_file(made, "made.keras", expected, count);
    check_file(made, "made.h5", expected, count);
    ls_text_release(&wanted);
    ls_text_release(&found);
    ls_model_free(made);
    ls_model_free(written);
    ls_tree_free(tree);
}

static struct ls_model *begin(const char *options, struct ls_tensor *x)
{
    struct ls_model *model;
    assert_ok(ls_model_create(&model, NULL));
    assert_ok(ls_input(model, options, x));
    return model;
}

/* Behind the tensor stands the only output, `end`. */
static struct ls_model *end(struct ls_model *model, struct ls_tensor y)
{
    assert_ok(ls_layer_apply(model, "Dense", "units: 2, name: end", LS_TENSORS(y), &y));
    assert_ok(ls_model_output(model, y, NULL));
    return model;
}
#define END "  - Dense: {units: 2, name: end}\n"

static void test_attention(void **state)
{
    (void)state;
    struct ls_tensor x, mask, y, z;
    struct ls_model *model = begin("shape: [4, 3], name: x", &x);
    assert_ok(ls_input(model, "shape: [4, 4], name: mask", &mask));
    assert_ok(ls_layer_apply_with(
        model, "MultiHeadAttention", "num_heads: 2, key_dim: 3, dropout: 0.4, name: heads",
        &(struct ls_arguments){.inputs = LS_TENSORS(x, x), .options = "use_causal_mask: true"},
        &y));
    assert_ok(ls_layer_call_with(
        model, "heads",
        &(struct ls_arguments){
            .inputs = LS_TENSORS(y),
            .named = LS_NAMED({"value", LS_TENSORS(x)}, {"attention_mask", LS_TENSORS(mask)}),
            .options = "training: false, return_attention_scores: true"},
        &z));
    z.output = 1;
    check_same(end(model, z),
               "inputs: {x: {shape: [4, 3]}, mask: {shape: [4, 4]}}\n"
               "layers:\n"
               "  - MultiHeadAttention:\n"
               "      {num_heads: 2, key_dim: 3, dropout: 0.4, name: heads}\n"
               "    from: [x, x]\n"
               "    call: {use_causal_mask: true}\n"
               "  - apply: heads\n"
               "    from: heads\n"
               "    as: again\n"
               "    call: {attention_mask: mask, value: x, training: false,\n"
               "           return_attention_scores: true}\n" END "    from: again:1\n");
}

/* All tensors by their names; the masks of what Masking is before travel by themselves. */
static void test_masked(void **state)
{
    (void)state;
    struct ls_tensor x, y;
    struct ls_model *model = begin("shape: [4, 3], name: steps", &x);
    assert_ok(
        ls_layer_apply(model, "Masking", "name: masked, mask_value: 0.25", LS_TENSORS(x), &y));
    assert_ok(
        ls_layer_apply_with(model, "MultiHeadAttention", "num_heads: 1, key_dim: 3, name: heads",
                            &(struct ls_arguments){.named = LS_NAMED({"value", LS_TENSORS(y)},
                                                                     {"query", LS_TENSORS(y)})},
                            &x));
    assert_ok(ls_layer_apply_with(
        model, "Attention", "name: plain, dropout: 0.5",
        &(struct ls_arguments){.inputs = LS_TENSORS(x, y),
                               .options = "use_causal_mask: true, training: false"},
        &y));
    check_same(end(model, y), "inputs: {steps: {shape: [4, 3]}}\n"
                              "layers:\n"
                              "  - Masking: {name: masked, mask_value: 0.25}\n"
                              "  - MultiHeadAttention: {num_heads: 1, key_dim: 3, name: heads}\n"
                              "    from: []\n"
                              "    call: {query: masked, value: masked}\n"
                              "  - Attention: {name: plain, dropout: 0.5}\n"
                              "    from: [heads, masked]\n"
                              "    call: {use_causal_mask: true, training: false}\n" END);
}

/* States by name and, in the run file, both in order and by name. */
static void test_states(void **state)
{
    (void)state;
    static const char *const decoder[] = {
        "    from: [series, 'encode:1', 'encode:2']\n",
        "    from: series\n    call: {initial_state: ['encode:1', 'encode:2']}\n",
    };
    for (size_t i = 0; i < sizeof decoder / sizeof *decoder; i++) {
        struct ls_tensor x, y, code;
        char yaml[512];
        struct ls_model *model = begin("shape: [4, 3], name: x", &x);
        assert_ok(ls_input(model, "shape: [3, 2], name: series", &y));
        assert_ok(ls_layer_apply(model, "LSTM", "units: 3, return_state: true, name: encode",
                                 LS_TENSORS(x), &code));
        struct ls_tensor h = {code.call, 1}, c = {code.call, 2};
        assert_ok(ls_layer_apply_with(
            model, "LSTM", "units: 3, name: decode",
            &(struct ls_arguments){.inputs = LS_TENSORS(y),
                                   .named = LS_NAMED({"initial_state", LS_TENSORS(h, c)})},
            &y));
        snprintf(yaml, sizeof yaml,
                 "inputs: {x: {shape: [4, 3]}, series: {shape: [3, 2]}}\n"
                 "layers:\n"
                 "  - LSTM: {units: 3, return_state: true, name: encode}\n"
                 "    from: x\n"
                 "  - LSTM: {units: 3, name: decode}\n%s" END,
                 decoder[i]);
        check_same(end(model, y), yaml);
    }
}

/* One state, and its name is no list in the run file. */
static void test_state(void **state)
{
    (void)state;
    struct ls_tensor x, h, y;
    struct ls_model *model = begin("shape: [4, 3], name: x", &x);
    assert_ok(ls_input(model, "shape: [2], name: h", &h));
    assert_ok(ls_layer_apply_with(
        model, "GRU", "units: 2, name: gru",
        &(struct ls_arguments){.inputs = LS_TENSORS(x),
                               .named = LS_NAMED({"initial_state", LS_TENSORS(h)})},
        &y));
    check_same(end(model, y), "inputs: {x: {shape: [4, 3]}, h: {shape: [2]}}\n"
                              "layers:\n"
                              "  - GRU: {units: 2, name: gru}\n"
                              "    from: x\n"
                              "    call: {initial_state: h}\n" END);
}

/* Of layers, of a layer that is called again, and of a model in a layer's place. */
static void test_training(void **state)
{
    (void)state;
    static const char still[] = "training: false";
    struct ls_tensor x, y, z;
    struct ls_model *tower, *model = begin("shape: 3, name: x", &x);
    assert_ok(ls_model_create(&tower, "tower"));
    assert_ok(ls_layer_add(tower, "Input", "shape: 3, name: given"));
    assert_ok(ls_layer_add(tower, "BatchNormalization", "name: norm"));
    assert_ok(ls_layer_add(tower, "Dropout", "rate: 0.5, name: drop"));
    assert_ok(ls_layer_apply_with(model, "Dropout", "rate: 0.5, name: drop",
                                  &(struct ls_arguments){.inputs = LS_TENSORS(x), .options = still},
                                  &y));
    assert_ok(ls_layer_apply(model, "BatchNormalization", "name: norm", LS_TENSORS(y), &y));
    assert_ok(ls_layer_call_with(
        model, "norm", &(struct ls_arguments){.inputs = LS_TENSORS(y), .options = still}, &y));
    assert_ok(ls_model_apply_with(
        model, tower, &(struct ls_arguments){.inputs = LS_TENSORS(y), .options = still}, &z));
    check_same(end(model, z), "inputs: {x: {shape: 3}}\n"
                              "layers:\n"
                              "  - Dropout: {rate: 0.5, name: drop}\n"
                              "    call: {training: false}\n"
                              "  - BatchNormalization: {name: norm}\n"
                              "  - apply: norm\n"
                              "    as: still\n"
                              "    call: {training: false}\n"
                              "  - Model:\n"
                              "      name: tower\n"
                              "      input: {shape: 3, name: given}\n"
                              "      layers:\n"
                              "        - BatchNormalization: {name: norm}\n"
                              "        - Dropout: {rate: 0.5, name: drop}\n"
                              "    call: {training: false}\n" END);
}

static void refuse(const char *kind, const struct ls_arguments *arguments, ls_status status,
                   const char *message)
{
    struct ls_tensor x, y;
    struct ls_model *model = begin("shape: [4, 3], name: x", &x);
    const char *options = strcmp(kind, "LSTM") == 0    ? "units: 2"
                          : strcmp(kind, "Dense") == 0 ? "units: 1"
                                                       : "num_heads: 1, key_dim: 2";
    assert_fails(ls_layer_apply_with(model, kind, options, arguments, &y), status, message);
    assert_int_equal(model->parts, 1);
    assert_int_equal(model->uses, 1);
    ls_model_free(model);
}

#define X         LS_TENSORS(((struct ls_tensor){0, 0}))
#define X_X       LS_TENSORS(((struct ls_tensor){0, 0}), ((struct ls_tensor){0, 0}))
#define NONE      LS_TENSORS(((struct ls_tensor){7, 0}))
#define WITH(...) (&(struct ls_arguments){__VA_ARGS__})
#define HEADS     "MultiHeadAttention: call: "

static void test_refused(void **state)
{
    (void)state;
    static const char heads[] = "MultiHeadAttention";
    refuse("Dense", WITH(.inputs = X, .options = "use_causal_mask: true"), LS_BAD_INPUT,
           "Dense: call: unknown key 'use_causal_mask'; known: training");
    refuse("Dense", WITH(.inputs = X, .options = "training: 3"), LS_BAD_INPUT,
           "Dense: call: training: expected true or false, found '3'");
    refuse("Dense", WITH(.inputs = X, .named = LS_NAMED({"mask", X})), LS_BAD_INPUT,
           "Dense: call: unknown key 'mask'; known: training");
    refuse(heads, WITH(.inputs = X_X, .options = "use_casual_mask: true"), LS_BAD_INPUT,
           HEADS "unknown key 'use_casual_mask' (did you mean 'use_causal_mask'?)");
    refuse(heads, WITH(.inputs = X_X, .options = "use_causal_mask: [1]"), LS_BAD_INPUT,
           HEADS "use_causal_mask: expected true or false, found a list");
    refuse(heads, WITH(.inputs = X_X, .named = LS_NAMED({"attention_masks", X})), LS_BAD_INPUT,
           HEADS "unknown key 'attention_masks' (did you mean 'attention_mask'?)");
    refuse(heads, WITH(.inputs = X_X, .named = LS_NAMED({"attention_mask", X_X})), LS_BAD_INPUT,
           HEADS "'attention_mask' is one tensor, not 2");
    refuse(heads, WITH(.inputs = X_X, .named = LS_NAMED({"attention_mask", NONE})), LS_USAGE,
           HEADS "attention_mask: tensor 0 is none of this model");
    refuse(heads, WITH(.inputs = X, .named = LS_NAMED({"value", X}, {"value", X})), LS_USAGE,
           HEADS "'value' is given twice");
    refuse(heads, WITH(.inputs = X_X, .named = LS_NAMED({"training", X})), LS_USAGE,
           HEADS "'training' is no tensor: it is given among `options`");
    refuse(heads, WITH(.inputs = X_X, .options = "attention_mask: x"), LS_USAGE,
           HEADS "'attention_mask' is a tensor: it is given as one of `named`");
    refuse(heads, WITH(.options = "training: false"), LS_USAGE,
           "MultiHeadAttention: a layer is applied to 1 to 32 tensors, not 0");
    refuse("LSTM", WITH(.named = LS_NAMED({"initial_state", X_X})), LS_BAD_INPUT,
           "LSTM: call: 'initial_state' stands beside one input in order, the sequence, not 0");
    refuse("LSTM", WITH(.inputs = X_X, .named = LS_NAMED({"initial_state", X})), LS_BAD_INPUT,
           "LSTM: call: 'initial_state' stands beside one input in order, the sequence, not 2");
}

/* Of a layer and of a model that are there the message has the name. */
static void test_refused_again(void **state)
{
    (void)state;
    struct ls_tensor x, y;
    struct ls_model *tower, *model = begin("shape: 3, name: x", &x);
    assert_ok(ls_layer_apply(model, "Dense", "units: 3, name: code", LS_TENSORS(x), &y));
    assert_ok(ls_model_create(&tower, "tower"));
    assert_ok(ls_layer_add(tower, "Input", "shape: 3"));
    assert_fails(
        ls_layer_call_with(model, "code", WITH(.inputs = X, .options = "trainin: false"), &y),
        LS_BAD_INPUT, "code: call: unknown key 'trainin' (did you mean 'training'?)");
    assert_fails(
        ls_model_apply_with(model, tower, WITH(.inputs = X, .named = LS_NAMED({"given", X})), &y),
        LS_BAD_INPUT, "tower: call: unknown key 'given'; known: training");
    assert_int_equal(model->uses, 2);
    ls_model_free(tower);
    ls_model_free(model);
}

/* What is found when the model is complete. */
static void test_incomplete(void **state)
{
    (void)state;
    struct ls_tensor x, y;
    struct ls_model *model = begin("shape: [4, 3], name: x", &x);
    assert_ok(ls_layer_apply_with(model, "MultiHeadAttention", "num_heads: 1, key_dim: 2",
                                  WITH(.inputs = X, .named = LS_NAMED({"key", X})), &y));
    assert_ok(ls_model_output(model, y, NULL));
    assert_fails(ls_model_build(model), LS_BAD_INPUT,
                 "multi_head_attention (MultiHeadAttention): its call has no 'value'");
    ls_model_free(model);
}

/* Each allocation fails once: nothing is lost or left half-way. */
static void test_memory_runs_out(void **state)
{
    (void)state;
    ls_status status = LS_FAILED;
    for (long n = 1; status != LS_OK && n < 500; n++) {
        struct ls_tensor x, y;
        struct ls_model *model = begin("shape: [4, 3], name: x", &x);
        const struct ls_arguments *arguments =
            WITH(.inputs = X_X, .named = LS_NAMED({"key", X}),
                 .options = "use_causal_mask: true, training: false");
        ls_memory_fail_at(n);
        status = ls_layer_apply_with(model, "MultiHeadAttention", "num_heads: 1, key_dim: 2",
                                     arguments, &y);
        ls_memory_fail_at(0);
        assert_int_equal(model->parts, status == LS_OK ? 2 : 1);
        assert_int_equal(model->uses, status == LS_OK ? 2 : 1);
        ls_model_free(model);
    }
    assert_ok(status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        directory_test(test_attention),
        directory_test(test_masked),
        directory_test(test_states),
        directory_test(test_state),
        directory_test(test_training),
        leak_checked_test(test_refused),
        leak_checked_test(test_refused_again),
        leak_checked_test(test_incomplete),
        leak_checked_test(test_memory_runs_out),
    };
    return cmocka_run_group_tests_name("calls made in C", tests, start_alone, end_alone);
}
