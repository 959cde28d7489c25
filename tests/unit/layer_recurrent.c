/* Recurrent layers against numbers from Keras 3.15: what options, masks and states that are given
 * do. Gradients are layer_gradients.c's. */
#include <time.h>

#include "layer_harness.h"

enum { ROWS = 2, STEPS = 4, WEIGHTS = 10, RESULTS_MAX = 24 };

static const float masks[ROWS * STEPS] = {1, 0, 1, 0, 0, 0, 1, 1};

/* Inputs are tensors 0, 1, ..., weights 10, 11, ...; as Keras got them. */
static void fill(float *out, size_t n, size_t tensor)
{
    for (size_t i = 0; i < n; i++)
        out[i] = ((float)((i * 37 + tensor * 101) % 41) / 41 - 0.5F) * 2;
}

static void fill_all(struct harness *h)
{
    float *to = h->in;
    for (size_t i = 0; i < h->shapes.inputs; i++) {
        size_t n = floats_of(&h->shapes.in[i], 1, ROWS);
        if (harness_is_mask(h, i))
            memcpy(to, masks, sizeof masks);
        else
            fill(to, n, i);
        to += n;
    }
    for (size_t v = 0; v < h->layer.variables; v++)
        fill(h->weight[v], (size_t)ls_shape_count(&h->layer.variable[v].shape), WEIGHTS + v);
}

/* Results one after the other, each [rows][..]. */
static const struct {
    const char *kind, *options, *input;
    size_t count;
    float wanted[RESULTS_MAX];
} cases[] = {
    {"SimpleRNN",
     "units: 2, return_sequences: true, return_state: true, go_backwards: true",
     "[{masked: [4, 3]}, [2]]",
     20,
     {0,           0,           0.245897,    0.324532,    0.245897,   0.324532,   -0.45700559,
      -0.70684451, -0.14064386, -0.48677588, 0.24907096,  0.53402758, 0.24907096, 0.53402758,
      0.24907096,  0.53402758,  -0.45700559, -0.70684451, 0.24907096, 0.53402758}},
    {"SimpleRNN",
     "units: 2, activation: relu, zero_output_for_mask: true",
     "{masked: [4, 3]}",
     4,
     {0, 0, 0.19166866, 0}},
    {"LSTM",
     "units: 2, return_sequences: true, return_state: true",
     "[{masked: [4, 3]}, [2], [2]]",
     24,
     {0.33500037,
      0.02824145,
      0.33500037,
      0.02824145,
      -0.078265011,
      -0.071641631,
      -0.078265011,
      -0.071641631,
      0,
      0,
      0,
      0,
      -0.37547952,
      -0.13070509,
      -0.29553735,
      -0.49286824,
      -0.078265011,
      -0.071641631,
      -0.29553735,
      -0.49286824,
      -0.09971638,
      -0.10063138,
      -0.83642983,
      -0.81140053}},
    {"LSTM",
     "units: 2, return_sequences: true, go_backwards: true, zero_output_for_mask: true",
     "[{masked: [4, 3]}, [2], [2]]",
     16,
     {0, 0, -0.1311646, -0.014875671, 0, 0, -0.10643334, -0.067981295, -0.14865252, -0.42302269,
      -0.45804054, -0.283701, 0, 0, 0, 0}},
    {"LSTM",
     "units: 2, activation: softsign, recurrent_activation: hard_sigmoid, return_state: true",
     "[4, 3]",
     12,
     {-0.15218447, -0.098609544, -0.15980038, -0.23628803, -0.15218447, -0.098609544, -0.15980038,
      -0.23628803, -0.22477555, -0.20321526, -0.54176557, -0.5502882}},
    {"LSTM",
     "units: 2, use_bias: false, unroll: true",
     "{masked: [4, 3]}",
     4,
     {0.069310628, 0.11969453, -0.040235449, -0.20953682}},
    {"GRU",
     "units: 2, return_sequences: true, return_state: true",
     "[{masked: [4, 3]}, [2]]",
     20,
     {-0.12301034, -0.086173102,
      -0.12301034, -0.086173102,
      -0.11953355, -0.35549694,
      -0.11953355, -0.35549694,
      0,           0,
      0,           0,
      -0.3621164,  -0.70587444,
      -0.4764891,  -0.68678224,
      -0.11953355, -0.35549694,
      -0.4764891,  -0.68678224}},
    {"GRU",
     "units: 2, return_sequences: true, return_state: true, reset_after: false, go_backwards: true",
     "[{masked: [4, 3]}, [2]]",
     20,
     {0,           0,           -0.093067698, -0.57136804, -0.093067698, -0.57136804, -0.16881542,
      -0.13376392, -0.65092415, -0.65202868,  -0.43511388, -0.73036444,  -0.43511388, -0.73036444,
      -0.43511388, -0.73036444, -0.16881542,  -0.13376392, -0.43511388,  -0.73036444}},
    {"GRU",
     "units: 2, activation: elu, recurrent_activation: hard_sigmoid",
     "[[4, 3], [2]]",
     4,
     {-0.30521959, 0.069997713, -0.4110857, -0.61398953}},
    {"GRU",
     "units: 2, reset_after: false, use_bias: false, dropout: 0.5, recurrent_dropout: 0.5",
     "[4, 3]",
     4,
     {-0.10946859, 0.61998987, -0.22006148, -0.1526521}},
    {"LSTM",
     "units: 2, dropout: 0.5, recurrent_dropout: 0.5",
     "[4, 3]",
     4,
     {-0.35611811, -0.25116628, -0.31807956, -0.54185325}},
};

static void test_values(void **state)
{
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct harness h;
        struct ls_layer_example example = {cases[c].options, cases[c].input, 1};
        harness_create(&h, cases[c].kind, &example, ROWS);
        fill_all(&h);
        h.training = false;
        harness_forward(&h);
        assert_int_equal(h.out_size, cases[c].count);
        for (size_t i = 0; i < h.out_size; i++)
            if (!(fabsf(h.out[i] - cases[c].wanted[i]) <= 1e-6F))
                fail_msg("%s {%s} of %s: result[%zu] is %.9g, Keras has %.9g", cases[c].kind,
                         cases[c].options, cases[c].input, i, h.out[i], cases[c].wanted[i]);
        harness_free(&h);
    }
}

/* Seconds that both passes over a series take of which one step alone is not masked. */
static double seconds_of(const char *options, int64_t seen)
{
    enum { LONG = 60000 };
    struct ls_layer_example example = {options, "{masked: [60000, 1]}", 1};
    struct harness h;
    harness_create(&h, "SimpleRNN", &example, 1);
    for (int64_t t = 0; t < LONG; t++)
        h.in[LONG + t] = t == seen ? 1 : 0;
    const clock_t before = clock();
    harness_forward(&h);
    harness_backward(&h, false);
    const clock_t after = clock();
    assert_true(h.out[LONG - 1] != 0);
    harness_free(&h);
    return (double)(after - before) / CLOCKS_PER_SEC;
}

/* Where the mask is makes no difference to the time: a look back from each step would take some
 * hundred times as long. */
static void test_masked_steps_take_linear_time(void **state)
{
    (void)state;
    const double end = seconds_of("units: 1, return_sequences: true", 0);
    const double beginning = seconds_of("units: 1, return_sequences: true", 59999);
    const double backwards = seconds_of("units: 1, return_sequences: true, go_backwards: true", 0);
    if (!(beginning <= 10 * end) || !(backwards <= 10 * end))
        fail_msg("masked at its end %g s, at its beginning %g s, at its end taken backwards %g s",
                 end, beginning, backwards);
}

/* -- dropout */

/* Every element of a sample's mask is the same in all steps: with a kernel of ones and inputs of
 * ones, and nothing that comes from the state, all steps give the same. */
static void test_dropout_is_the_same_in_all_steps(void **state)
{
    struct harness h;
    struct ls_layer_example example = {
        "units: 1, activation: null, dropout: 0.5, return_sequences: true", "[5, 64]", 1};
    (void)state;
    harness_create(&h, "SimpleRNN", &example, HARNESS_ROWS);
    ls_k->fill(h.in, 1, h.in_size);
    ls_k->fill(h.weight[0], 1, 64);
    h.weight[1][0] = h.weight[2][0] = 0;
    harness_forward(&h);
    for (size_t r = 0; r < HARNESS_ROWS; r++) {
        const float *row = h.out + r * 5;
        if (row[0] < 24 || row[0] > 104 || fmodf(row[0], 2) != 0)
            fail_msg("row %zu: %g of 64 ones are left, each as 2", r, row[0]);
        for (size_t t = 1; t < 5; t++)
            if (row[t] != row[0])
                fail_msg("row %zu: step %zu has %g, step 0 %g", r, t, row[t], row[0]);
    }
    assert_false(h.out[0] == h.out[5] && h.out[0] == h.out[10] && h.out[0] == h.out[15]);
    harness_free(&h);
}

/* The two rates draw from streams of their own: an input and a state of ones are not dropped at the
 * same places, and what is dropped goes by epoch and seed. */
static void test_dropout_of_the_state(void **state)
{
    struct harness h;
    struct ls_layer_example example = {
        "units: 64, activation: null, dropout: 0.5, recurrent_dropout: 0.5, use_bias: false",
        "[[1, 64], [64]]", 1};
    float *first = harness_floats(64);
    size_t same = 0, again = 0;
    (void)state;
    harness_create(&h, "SimpleRNN", &example, 1);
    ls_k->fill(h.in, 1, h.in_size);
    for (size_t i = 0; i < 64 * 64; i++) {
        h.weight[0][i] = i % 65 == 0 ? 1 : 0; /* the identity */
        h.weight[1][i] = i % 65 == 0 ? 4 : 0;
    }
    harness_forward(&h);
    for (size_t i = 0; i < 64; i++) {
        bool input = fmodf(h.out[i], 8) == 2, from_state = h.out[i] >= 8;
        if (h.out[i] != 2 * (float)input + 8 * (float)from_state)
            fail_msg("unit %zu is %g, expected 0, 2, 8 or 10", i, h.out[i]);
        same += input == from_state;
        first[i] = h.out[i];
    }
    assert_in_range(same, 12, 52);
    h.epoch++;
    harness_forward(&h);
    for (size_t i = 0; i < 64; i++)
        again += h.out[i] == first[i];
    assert_in_range(again, 4, 40);
    free(first);
    harness_free(&h);
}

/* -- what is declared */

static void test_variables(void **state)
{
    struct harness h;
    (void)state;
    NEED(harness_try(&h, "GRU", "units: 5, kernel_regularizer: l2, recurrent_regularizer: l1",
                     "[7, 3]"));
    assert_int_equal(h.layer.variables, 3);
    assert_string_equal(h.layer.variable[1].name, "recurrent_kernel");
    assert_string_equal(h.layer.variable[1].within, "gru_cell");
    assert_string_equal(h.layer.variable[1].group, "cell");
    assert_string_equal(h.layer.variable[0].regularizer->kind->name, "L2");
    assert_string_equal(h.layer.variable[1].regularizer->kind->name, "L1");
    assert_int_equal(h.layer.variable[2].shape.rank, 2);
    assert_int_equal(h.layer.variable[2].shape.size[0], 2);
    assert_int_equal(h.layer.variable[2].shape.size[1], 15);
    assert_int_equal(ls_layer_flags(&h.layer) & LS_LAYER_PASSES_MASK, 0);
    harness_free(&h);
    NEED(harness_try(&h, "GRU", "units: 5, reset_after: false, return_sequences: true", "[7, 3]"));
    assert_int_equal(h.layer.variable[2].shape.rank, 1);
    assert_int_not_equal(ls_layer_flags(&h.layer) & LS_LAYER_PASSES_MASK, 0);
    harness_free(&h);
}

/* unit_forget_bias: i, f, c, o begin as the initializer says, 1, and twice the initializer. */
static void test_forget_bias(void **state)
{
    struct harness h;
    float bias[12];
    (void)state;
    NEED(harness_try(&h, "LSTM", "units: 3, bias_initializer: {RandomUniform: {seed: 4}}",
                     "[7, 3]"));
    NEED(ls_initialize(h.layer.variable[2].initializer, bias, &h.layer.variable[2].shape, 1, 0));
    for (size_t i = 0; i < 12; i++)
        if (i / 3 == 1 ? bias[i] != 1 : !(fabsf(bias[i]) <= 0.05F) || bias[i] == bias[(i + 6) % 12])
            fail_msg("bias[%zu] begins as %g", i, bias[i]);
    harness_free(&h);
    NEED(harness_try(&h, "LSTM", "units: 3", "[7, 3]"));
    NEED(ls_initialize(h.layer.variable[2].initializer, bias, &h.layer.variable[2].shape, 1, 0));
    for (size_t i = 0; i < 12; i++)
        assert_true(bias[i] == (i / 3 == 1 ? 1 : 0));
    harness_free(&h);
    NEED(harness_try(&h, "LSTM", "units: 3, unit_forget_bias: false", "[7, 3]"));
    assert_string_equal(h.layer.variable[2].initializer->kind->name, "Zeros");
    harness_free(&h);
}

/* -- messages */

static void refuse(const char *kind, const char *options, const char *input, const char *wanted)
{
    struct harness h;
    ls_status status = harness_try(&h, kind, options, input);
    if (status != LS_BAD_INPUT)
        fail_msg("%s {%s} of %s: status %d, expected: %s", kind, options, input, status, wanted);
    assert_string_equal(ls_message(), wanted);
    harness_free(&h);
}

static void test_messages(void **state)
{
    (void)state;
    refuse("LSTM", "units: 2", "[3]",
           "it (LSTM): the input must be (None, steps, features), it is (None, 3)");
    refuse("SimpleRNN", "units: 2", "[3, 4, 5]",
           "it (SimpleRNN): the input must be (None, steps, features), it is (None, 3, 4, 5)");
    refuse("LSTM", "units: 2", "[[3, 4], [2]]",
           "it (LSTM): it takes the input alone or with all 2 states to begin with");
    refuse("GRU", "units: 2", "[[3, 4], [3]]",
           "it (GRU): a state to begin with must be (None, 2), input 2 is (None, 3)");
    refuse("GRU", "units: 2", "[[3, 4], [2], [2]]", "it (GRU): it takes at most 2 inputs, not 3");
    refuse("GRU", "units: 2, return_state: true, activity_regularizer: l2", "[3, 4]",
           "it (GRU): activity_regularizer: with return_state Keras penalizes the states too: use "
           "it without");
    refuse(
        "LSTM", "units: 2, stateful: true", "[3, 4]",
        "stateful: is not supported: samples are shuffled, so no batch continues the one before; "
        "return_state gives states, which another call takes: from: [x, lstm:1, lstm:2]");
    refuse("LSTM", "units: 2, time_major: true", "[3, 4]",
           "time_major: is not supported: samples are the first axis");
    refuse("LSTM", "units: 2, dropout: 1", "[3, 4]",
           "dropout: must be at least 0 and below 1, found 1");
    refuse("GRU", "units: 2, recurrent_dropout: -0.5", "[3, 4]",
           "recurrent_dropout: must be at least 0 and below 1, found -0.5");
    refuse("GRU", "units: 0", "[3, 4]", "units: must be at least 1 and at most 536870911, found 0");
    refuse("LSTM", "units: 500000000", "[4000, 3]",
           "it (LSTM): a result of (None, 4000, 2000000000) is too large");
    refuse("LSTM", "units: 2, implementation: 3", "[3, 4]",
           "implementation: must be at least 0 and at most 2, found 3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_masked_steps_take_linear_time),
        cmocka_unit_test(test_dropout_is_the_same_in_all_steps),
        cmocka_unit_test(test_dropout_of_the_state),
        cmocka_unit_test(test_variables),
        cmocka_unit_test(test_forget_bias),
        cmocka_unit_test(test_messages),
    };
    return cmocka_run_group_tests(tests, test_kernels, NULL);
}
