/* Dropout: which elements it drops, and of what that is a function. */
#include "layer_harness.h"

enum { COLUMNS = 1000 };

static void start(struct harness *h, const char *options, int64_t rows)
{
    struct ls_layer_example example = {options, "[1000]", 1};
    harness_create(h, "Dropout", &example, rows);
    for (size_t i = 0; i < h->in_size; i++)
        h->in[i] = 1;
}

/* How many of row 0's elements two settings treat differently. */
static size_t differences(struct harness *a, struct harness *b)
{
    size_t count = 0;
    harness_forward(a);
    harness_forward(b);
    for (size_t i = 0; i < COLUMNS; i++)
        count += a->out[i] != b->out[i];
    return count;
}

static void test_rate_and_scale(void **state)
{
    static const double rates[] = {0.1, 0.5, 0.8};
    char options[64];
    (void)state;
    for (size_t r = 0; r < 3; r++) {
        struct harness h;
        double dropped = 0, sum = 0, n = HARNESS_ROWS * COLUMNS, rate = rates[r];
        snprintf(options, sizeof options, "rate: %g", rate);
        start(&h, options, HARNESS_ROWS);
        harness_forward(&h);
        for (size_t i = 0; i < h.out_size; i++) {
            dropped += h.out[i] == 0;
            sum += h.out[i];
            if (h.out[i] != 0 && fabs(h.out[i] - 1 / (1 - rate)) > 1e-5)
                fail_msg("kept element is %g, expected %g", h.out[i], 1 / (1 - rate));
        }
        double spread = 5 * sqrt(rate * (1 - rate) / n);
        if (fabs(dropped / n - rate) > spread)
            fail_msg("rate %g: %g dropped", rate, dropped / n);
        if (fabs(sum / n - 1) > spread / (1 - rate))
            fail_msg("rate %g: mean %g, expected 1", rate, sum / n);
        harness_free(&h);
    }
}

/* A sample's mask is the same in whatever row of whatever call it is. */
static void test_keyed_by_sample(void **state)
{
    struct harness all, part;
    (void)state;
    start(&all, "rate: 0.5", HARNESS_ROWS);
    start(&part, "rate: 0.5", 2);
    part.samples[0] = all.samples[4];
    part.samples[1] = all.samples[2];
    harness_forward(&all);
    harness_forward(&part);
    assert_memory_equal(part.out, all.out + 4 * COLUMNS, COLUMNS * sizeof(float));
    assert_memory_equal(part.out + COLUMNS, all.out + 2 * COLUMNS, COLUMNS * sizeof(float));
    assert_memory_not_equal(part.out, part.out + COLUMNS, COLUMNS * sizeof(float));
    harness_free(&all);
    harness_free(&part);
}

static void test_keyed_by_all_else(void **state)
{
    struct harness a, b;
    (void)state;
    for (int what = 0; what < 6; what++) {
        start(&a, "rate: 0.5", 1);
        start(&b, what == 5 ? "rate: 0.5, seed: 11" : "rate: 0.5", 1);
        b.epoch += what == 1;
        b.stream += what == 2;
        b.seed += what == 3;
        b.samples[0] += what == 4;
        size_t count = differences(&a, &b);
        if (what == 0 ? count != 0 : count < COLUMNS / 3 || count > 2 * COLUMNS / 3)
            fail_msg("change %d: %zu of %d elements differ", what, count, COLUMNS);
        harness_free(&a);
        harness_free(&b);
    }
}

/* Epoch and stream do not stand for one another. */
static void test_epoch_is_not_stream(void **state)
{
    struct harness a, b;
    (void)state;
    start(&a, "rate: 0.5", 1);
    start(&b, "rate: 0.5", 1);
    a.epoch += 1;
    b.stream += 1;
    assert_true(differences(&a, &b) > COLUMNS / 3);
    a.stream += 5;
    b.epoch += 6;
    b.stream -= 1;
    assert_true(differences(&a, &b) > COLUMNS / 3);
    harness_free(&a);
    harness_free(&b);
}

/* Its own seed takes the place of the run's. */
static void test_own_seed(void **state)
{
    struct harness a, b;
    (void)state;
    start(&a, "rate: 0.5, seed: 11", 1);
    start(&b, "rate: 0.5, seed: 11", 1);
    b.seed += 1;
    assert_int_equal(differences(&a, &b), 0);
    harness_free(&a);
    harness_free(&b);
}

static void test_not_in_training(void **state)
{
    struct harness h;
    (void)state;
    start(&h, "rate: 0.5", 1);
    h.training = false;
    harness_forward(&h);
    assert_memory_equal(h.out, h.in, h.in_size * sizeof(float));
    harness_free(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rate_and_scale),    cmocka_unit_test(test_keyed_by_sample),
        cmocka_unit_test(test_keyed_by_all_else), cmocka_unit_test(test_epoch_is_not_stream),
        cmocka_unit_test(test_own_seed),          cmocka_unit_test(test_not_in_training),
    };
    return cmocka_run_group_tests(tests, test_kernels, NULL);
}
