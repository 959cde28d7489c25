/* Bidirectional: numbers of Keras 3.15, variables, messages, configs. */
#include "layer_harness.h"

static void expect(const float *found, const double *wanted, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabs(found[i] - wanted[i]) <= 2e-6 * (1 + fabs(wanted[i]))))
            fail_msg("%s[%zu]: %.9g, expected %.9g", what, i, found[i], wanted[i]);
}

static void set(float *to, const double *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (float)from[i];
}

static void start(struct harness *h, const char *options, const char *input)
{
    struct ls_layer_example example = {options, input, 1};
    harness_create(h, "Bidirectional", &example, 1);
}

/* Two SimpleRNN of one unit over three steps of two features. */
static void start_simple(struct harness *h, const char *options, const char *input)
{
    start(h, options, input);
    set(h->in, (double[]){0.5, -1, 2, 0.25, -1.5, 1}, 6);
    set(h->weight[0], (double[]){0.5, -0.25}, 2);
    set(h->weight[1], (double[]){0.75}, 1);
    set(h->weight[2], (double[]){0.1}, 1);
    set(h->weight[3], (double[]){-0.5, 1}, 2);
    set(h->weight[4], (double[]){0.25}, 1);
    set(h->weight[5], (double[]){-0.2}, 1);
}

static void test_mul_of_masked(void **state)
{
    struct harness h;
    (void)state;
    start_simple(&h, "layer: {SimpleRNN: {units: 1, return_sequences: true}}, merge_mode: mul",
                 "{masked: [3, 2]}");
    assert_true(ls_layer_flags(&h.layer) & LS_LAYER_PASSES_MASK);
    set(h.in + 6, (double[]){1, 0, 1}, 3);
    set(h.out_grad, (double[]){1, 2, -1}, 3);
    harness_forward(&h);
    expect(h.out, (double[]){-0.4511817395687103, 0, -0.42027032375335693}, 3, "product");
    harness_backward(&h, false);
    expect(h.in_grad,
           (double[]){-0.5701634883880615, 0.40358659625053406, 0, 0, -0.4014483690261841,
                      0.2625264525413513},
           6, "gradient of the input");
    expect(h.weight_grad[0], (double[]){0.5895803570747375, 0.26182669401168823}, 2, "kernel");
    expect(h.weight_grad[1], (double[]){-0.3869408667087555}, 1, "recurrent kernel");
    expect(h.weight_grad[2], (double[]){-1.7028141021728516}, 1, "bias");
    expect(h.weight_grad[3], (double[]){-0.044601283967494965, -0.07560347020626068}, 2,
           "backward kernel");
    expect(h.weight_grad[4], (double[]){0.14438402652740479}, 1, "backward recurrent kernel");
    expect(h.weight_grad[5], (double[]){0.2404095083475113}, 1, "backward bias");
    harness_free(&h);
}

static void test_ave(void **state)
{
    struct harness h;
    (void)state;
    start_simple(&h, "layer: {SimpleRNN: {units: 1, return_sequences: true}}, merge_mode: ave",
                 "[3, 2]");
    set(h.out_grad, (double[]){1, 2, -1}, 3);
    harness_forward(&h);
    expect(h.out, (double[]){-0.19264435768127441, 0.13794243335723877, 0.3440288305282593}, 3,
           "average");
    harness_backward(&h, false);
    expect(h.in_grad,
           (double[]){0.17515279352664948, -0.03159187734127045, -0.25008898973464966,
                      0.5973742604255676, -0.20900146663188934, 0.06211032718420029},
           6, "gradient of the input");
    expect(h.weight_grad[3], (double[]){1.3816498517990112, 0.026276685297489166}, 2,
           "backward kernel");
    harness_free(&h);
}

static void test_two_results(void **state)
{
    struct harness h;
    (void)state;
    start_simple(&h, "layer: {SimpleRNN: {units: 1, return_sequences: true}}, merge_mode: null",
                 "[3, 2]");
    assert_int_equal(h.shapes.outputs, 2);
    set(h.out_grad, (double[]){1, 2, -1, 0.5, -1, 3}, 6);
    harness_forward(&h);
    expect(h.out,
           (double[]){0.5370495915412903, 0.8937555551528931, -0.22572779655456543,
                      -0.9223383069038391, -0.6178706884384155, 0.913785457611084},
           6, "results");
    harness_backward(&h, false);
    expect(h.in_grad,
           (double[]){0.38762861490249634, -0.13782978057861328, 0.4329443871974945,
                      -0.6714961528778076, -0.7095048427581787, 0.707224428653717},
           6, "gradient of the input");
    expect(h.weight_grad[5], (double[]){-0.0620899498462677}, 1, "backward bias");
    harness_free(&h);
}

/* Results: the merged one, h and c of the first, h and c of the second. */
static void test_states(void **state)
{
    struct harness h;
    (void)state;
    start(&h, "layer: {LSTM: {units: 1, return_state: true}}", "[3, 2]");
    assert_int_equal(h.shapes.outputs, 5);
    set(h.in, (double[]){0.5, -1, 2, 0.25, -1.5, 1}, 6);
    set(h.weight[0], (double[]){0.5, 0.25, -1, 0.75, -0.25, 0.5, 0.1, 1}, 8);
    set(h.weight[1], (double[]){0.3, -0.2, 0.6, 0.4}, 4);
    set(h.weight[2], (double[]){0.1, 1, 0, -0.1}, 4);
    set(h.weight[3], (double[]){-0.5, 0.2, 0.3, 0.4, 1, -0.7, 0.2, 0.1}, 8);
    set(h.weight[4], (double[]){0.2, 0.5, -0.3, 0.1}, 4);
    set(h.weight[5], (double[]){0, 1, 0.2, 0.3}, 4);
    set(h.out_grad, (double[]){1, -2, 0.5, -1, 2, 1}, 6);
    harness_forward(&h);
    expect(h.out,
           (double[]){-0.19580970704555511, 0.11211523413658142, -0.19580970704555511,
                      -0.5651438236236572, 0.11211523413658142, 0.18841345608234406},
           6, "results");
    harness_backward(&h, false);
    expect(h.in_grad,
           (double[]){0.2772742807865143, 0.015650898218154907, 0.0653342455625534,
                      0.15776553750038147, 0.048776328563690186, -0.009960167109966278},
           6, "gradient of the input");
    expect(h.weight_grad[1],
           (double[]){0.04745084047317505, -0.06562983989715576, 0.0297246016561985,
                      0.11325529217720032},
           4, "recurrent kernel");
    expect(h.weight_grad[5],
           (double[]){0.1399470716714859, 0.015672385692596436, 0.8976580500602722,
                      -0.0016233432106673717},
           4, "backward bias");
    harness_free(&h);
}

/* Nobody reads one of the results: its layer's gradients are 0. */
static void test_without_gradient(void **state)
{
    struct harness h;
    (void)state;
    start_simple(&h, "layer: {SimpleRNN: {units: 1, return_sequences: true}}, merge_mode: null",
                 "[3, 2]");
    harness_forward(&h);
    float in_grad[6];
    float *weight_grad[LS_VARIABLES_MAX], *ins[LS_TENSORS_MAX] = {in_grad},
                                          *outs[LS_TENSORS_MAX] = {h.out, h.out + 3};
    const float *in[LS_TENSORS_MAX] = {h.in}, *out_grad[LS_TENSORS_MAX] = {h.out_grad};
    memcpy(weight_grad, h.weight_grad, sizeof weight_grad);
    h.layer.kind->backward(&(struct ls_call){.layer = &h.layer,
                                             .shapes = &h.shapes,
                                             .rows = 1,
                                             .global_rows = 1,
                                             .training = true,
                                             .in = in,
                                             .out = outs,
                                             .out_grad = out_grad,
                                             .in_grad = ins,
                                             .weight = (const float *const *)h.weight,
                                             .weight_grad = weight_grad,
                                             .saved = h.saved,
                                             .work = h.work,
                                             .prepared = h.prepared,
                                             .samples = h.samples});
    assert_true(h.weight_grad[0][0] != 0);
    for (size_t v = 3; v < 6; v++)
        assert_true(h.weight_grad[v][0] == 0);
    harness_free(&h);
}

static void test_variables(void **state)
{
    static const char *const names[] = {"forward_lstm/lstm_cell/kernel",
                                        "forward_lstm/lstm_cell/recurrent_kernel",
                                        "forward_lstm/lstm_cell/bias",
                                        "backward_lstm/lstm_cell/kernel",
                                        "backward_lstm/lstm_cell/recurrent_kernel",
                                        "backward_lstm/lstm_cell/bias"};
    struct harness h;
    (void)state;
    start(&h, "layer: {LSTM: {units: 1}}", "[3, 2]");
    assert_int_equal(h.layer.variables, 6);
    for (size_t v = 0; v < 6; v++)
        assert_string_equal(h.layer.variable[v].name, names[v]);
    assert_string_equal(h.layer.variable[2].group, "forward_layer/cell");
    assert_string_equal(h.layer.variable[3].group, "backward_layer/cell");
    harness_free(&h);
    start(&h,
          "layer: {GRU: {units: 1, name: forward_gru}}, backward_layer: {GRU: {units: 1, name: "
          "other, go_backwards: true, trainable: false}}",
          "[3, 2]");
    assert_string_equal(h.layer.variable[0].name, "forward_gru/gru_cell/kernel");
    assert_string_equal(h.layer.variable[3].name, "other/gru_cell/kernel");
    assert_true(h.layer.variable[0].trainable && !h.layer.variable[3].trainable);
    harness_free(&h);
}

/* Both directions have dropout of their own. */
static void test_dropout(void **state)
{
    struct harness h;
    int differ = 0;
    (void)state;
    start(&h, "layer: {SimpleRNN: {units: 8, dropout: 0.5, use_bias: false, activation: linear}}",
          "[1, 16]");
    for (size_t i = 0; i < 128; i++)
        h.weight[0][i] = h.weight[2][i] = i % 8 == 0 ? (float)(1 << i / 8) : 0;
    for (size_t i = 0; i < 16; i++)
        h.in[i] = 1;
    harness_forward(&h);
    differ = h.out[0] != h.out[8]; /* one step: else they are the same */
    assert_int_equal(differ, 1);
    harness_free(&h);
}

static void refuse(const char *options, const char *input, const char *wanted)
{
    struct harness h;
    ls_status status = harness_try(&h, "Bidirectional", options, input);
    if (status != LS_BAD_INPUT)
        fail_msg("{%s} of %s: status %d, expected: %s", options, input, status, wanted);
    assert_string_equal(ls_message(), wanted);
    harness_free(&h);
}

static void test_messages(void **state)
{
    (void)state;
    refuse("merge_mode: sum", "[3, 2]", "option 'layer' is missing");
    refuse("layer: {LSTM: {units: 2}}, merge_mode: max", "[3, 2]",
           "merge_mode: must be one of concat, sum, mul, ave; found 'max'");
    refuse("layer: {LSTM: {unit: 2}}", "[3, 2]",
           "layer LSTM: unknown option 'unit' (did you mean 'units'?)");
    refuse("layer: {Dense: {units: 2}}", "[3, 2]",
           "it (Bidirectional): it takes a recurrent layer (SimpleRNN, LSTM, GRU), not Dense");
    refuse("layer: {LSTM: {units: 2}}, backward_layer: Flatten", "[3, 2]",
           "it (Bidirectional): it takes a recurrent layer (SimpleRNN, LSTM, GRU), not Flatten");
    refuse("layer: {LSTM: {units: 2}}, backward_layer: {LSTM: {units: 2}}", "[3, 2]",
           "it (Bidirectional): layer and backward_layer go the same way: one of them has "
           "go_backwards: true");
    refuse("layer: {LSTM: {units: 2}}, backward_layer: {LSTM: {units: 2, go_backwards: true, "
           "return_sequences: true}}",
           "[3, 2]",
           "it (Bidirectional): layer and backward_layer have different return_sequences");
    refuse("layer: {LSTM: {units: 2, return_state: true}}, backward_layer: {LSTM: {units: 2, "
           "go_backwards: true}}",
           "[3, 2]", "it (Bidirectional): layer and backward_layer have different return_state");
    refuse("layer: {LSTM: {units: 2}}, backward_layer: {GRU: {units: 3, go_backwards: true}}",
           "[3, 2]",
           "it (Bidirectional): layer and backward_layer give results of different shapes: (None, "
           "2) and (None, 3)");
    refuse("layer: {GRU: {units: 2, name: a}}, backward_layer: {GRU: {units: 2, name: forward_a, "
           "go_backwards: true}}",
           "[3, 2]",
           "it (Bidirectional): layer and backward_layer have the same name, 'forward_a'");
    refuse("layer: {LSTM: {units: 2}}", "[[3, 2], [2]]",
           "it (Bidirectional): its initial state has 1 tensors: each of the two layers takes a "
           "half of them");
    refuse("layer: {LSTM: {units: 2}}", "[[3, 2], [2], [2]]",
           "it (LSTM): it takes the input alone or with all 2 states to begin with");
    refuse("layer: {LSTM: {units: 2, return_sequences: true}}, merge_mode: null",
           "{masked: [3, 2]}",
           "it (Bidirectional): merge_mode: with null, series that are masked are not supported: "
           "only one result can have a mask");
    refuse("layer: {LSTM: {units: 2}}", "[3]",
           "it (LSTM): the input must be (None, steps, features), it is (None, 3)");
}

/* Both layers, with the names and what Keras makes of their options. */
static void test_config(void **state)
{
    struct harness h;
    struct ls_tree *config = ls_tree_new(LS_TREE_MAP);
    (void)state;
    start(&h, "layer: {SimpleRNN: {units: 2, return_sequences: true, name: a}}", "[3, 2]");
    NEED(ls_instance_write(&h.instance, config));
    NEED(h.layer.kind->write(&h.layer, config));
    const char *const keys[] = {"layer", "backward_layer"};
    const char *const wanted[][4] = {{"forward_a", "false", "true", "keras.layers"},
                                     {"backward_a", "true", "true", "keras.layers"}};
    for (size_t i = 0; i < 2; i++) {
        const struct ls_tree *entry = ls_tree_find(config, keys[i]);
        const struct ls_tree *inner = ls_tree_find(entry, "config");
        assert_string_equal(ls_tree_find(inner, "name")->text, wanted[i][0]);
        assert_string_equal(ls_tree_find(inner, "go_backwards")->text, wanted[i][1]);
        assert_string_equal(ls_tree_find(inner, "zero_output_for_mask")->text, wanted[i][2]);
        assert_string_equal(ls_tree_find(entry, "module")->text, wanted[i][3]);
    }
    ls_tree_free(config);
    harness_free(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mul_of_masked),    cmocka_unit_test(test_ave),
        cmocka_unit_test(test_two_results),      cmocka_unit_test(test_states),
        cmocka_unit_test(test_without_gradient), cmocka_unit_test(test_variables),
        cmocka_unit_test(test_dropout),          cmocka_unit_test(test_messages),
        cmocka_unit_test(test_config),
    };
    return cmocka_run_group_tests(tests, test_kernels, NULL);
}
