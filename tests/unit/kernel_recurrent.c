/* The steps of recurrent layers: the same bits in every set, near a plain double computation; the
 * gradients are proved by differences in layer_gradients.c. */
#include "kernel_sets.h"

enum { ROWS = 3, GATES = 4, ARRAYS = 9 };

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static size_t gates_of(bool lstm)
{
    return lstm ? 4 : 3;
}

/* A step forward and backward over arrays of ROWS * gates * units: the first three are read. */
static void run(float **a, size_t units, bool lstm, bool with_bias)
{
    const float *bias = with_bias ? a[2] : NULL;
    if (lstm) {
        ls_k->lstm_forward(&(struct ls_lstm_step){.gates = a[3],
                                                  .cell = a[4],
                                                  .cell_out = a[5],
                                                  .hidden = a[6],
                                                  .bias = bias,
                                                  .cell_before = a[0],
                                                  .rows = ROWS,
                                                  .units = units});
        memcpy(a[4] + ROWS * units, a[4], ROWS * units * sizeof(float)); /* to be compared */
        ls_k->lstm_backward(&(struct ls_lstm_gradient){.gates_grad = a[7],
                                                       .hidden_grad = a[8],
                                                       .cell_grad = a[4],
                                                       .gates = a[3],
                                                       .cell_before = a[0],
                                                       .cell_out = a[5],
                                                       .rows = ROWS,
                                                       .units = units});
        return;
    }
    ls_k->gru_forward(&(struct ls_gru_step){.gates = a[3],
                                            .extra = a[5],
                                            .hidden = a[6],
                                            .inner = a[1],
                                            .bias = bias,
                                            .before = a[0],
                                            .rows = ROWS,
                                            .units = units});
    ls_k->gru_backward(&(struct ls_gru_gradient){.gates_grad = a[7],
                                                 .inner_grad = a[4],
                                                 .hidden_grad = a[8],
                                                 .gates = a[3],
                                                 .extra = a[5],
                                                 .before = a[0],
                                                 .rows = ROWS,
                                                 .units = units});
}

static void make_all(float **a, size_t n)
{
    for (size_t i = 0; i < ARRAYS; i++)
        a[i] = make_array(i, n);
}

static void free_all(float **a)
{
    for (size_t i = 0; i < ARRAYS; i++)
        free_array(a[i]);
}

/* The output of a unit by the formulas, from the sums `z` of its gates. */
static double expect(const double z[GATES], double before, double extra, bool lstm)
{
    if (lstm)
        return sigmoid(z[3]) * tanh(sigmoid(z[1]) * before + sigmoid(z[0]) * tanh(z[2]));
    return sigmoid(z[0]) * before + (1 - sigmoid(z[0])) * tanh(z[2] + sigmoid(z[1]) * extra);
}

static void check_output(float **got, size_t units, bool lstm, bool with_bias)
{
    const size_t gates = gates_of(lstm), n = ROWS * gates * units;
    float *sums = make_array(3, n);
    for (size_t r = 0; r < ROWS; r++)
        for (size_t u = 0; u < units; u++) {
            double z[GATES], extra = 0;
            for (size_t g = 0; g < gates; g++) {
                const size_t at = (r * gates + g) * units + u;
                z[g] = (double)sums[at] + (with_bias ? got[2][g * units + u] : 0);
                if (lstm)
                    continue;
                extra = (double)got[1][at] + (with_bias ? got[2][(gates + g) * units + u] : 0);
                z[g] += g < 2 ? extra : 0;
            }
            double want = expect(z, (double)got[0][r * units + u], extra, lstm);
            if (!(fabs(got[6][r * units + u] - want) <= 2e-6))
                fail_msg("%s, set %s, %zu units: output[%zu][%zu] is %.9g, not %.9g",
                         lstm ? "lstm" : "gru", ls_k->name, units, r, u, got[6][r * units + u],
                         want);
        }
    free_array(sums);
}

static void check(size_t units, bool lstm, bool with_bias)
{
    const size_t n = ROWS * gates_of(lstm) * units;
    float *want[ARRAYS], *got[ARRAYS];
    assert_int_equal(ls_kernels_choose("baseline"), LS_OK);
    make_all(want, n);
    run(want, units, lstm, with_bias);
    check_output(want, units, lstm, with_bias);
    for (size_t set = 0; set < LS_KERNEL_SET_COUNT; set++) {
        if (!set_runs(set))
            continue;
        assert_int_equal(ls_kernels_choose(set_names[set]), LS_OK);
        make_all(got, n);
        run(got, units, lstm, with_bias);
        for (size_t i = 0; i < ARRAYS; i++)
            assert_same_bits(got[i], want[i], n, lstm ? "lstm" : "gru", ls_k->name);
        free_all(got);
    }
    free_all(want);
}

static void test_steps(void **state)
{
    (void)state;
    for (size_t s = 0; s < SIZES; s++)
        for (int lstm = 0; lstm < 2; lstm++) {
            check(sizes[s], lstm, true);
            check(sizes[s], lstm, false);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_steps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
