/* Cross-entropies on logits and argmax: the same bits in every set, near double references. */
#include "unit/kernel_sets.h"

static double log_sum_exp(const float *z, size_t columns)
{
    double max = -INFINITY, sum = 0;
    for (size_t c = 0; c < columns; c++)
        max = fmax(max, (double)z[c]);
    for (size_t c = 0; c < columns; c++)
        sum += exp((double)z[c] - max);
    return max + log(sum);
}

static void near(double got, double want, const char *what, size_t columns, size_t row)
{
    if (!(fabs(got - want) <= 3e-6 * (1 + fabs(want))))
        fail_msg("%s of %zu columns, row %zu, set %s: %.9g, not %.9g", what, columns, row,
                 ls_k->name, got, want);
}

/* One shape: values and gradients against the reference, in place as not, without gradients too. */
struct shape {
    size_t rows, columns;
    bool dense;
};

static void call(const struct shape *s, float *value, float *grad, const float *z, const float *t)
{
    (s->dense ? ls_k->softmax_crossentropy_dense : ls_k->softmax_crossentropy)(value, grad, z, t,
                                                                               s->rows, s->columns);
}

static void check_reference(const struct shape *s, const float *z, const float *t,
                            const float *value, const float *grad)
{
    const size_t columns = s->columns;
    for (size_t r = 0; r < s->rows; r++) {
        double log_sum = log_sum_exp(z + r * columns, columns), want = 0, sum_t = 0;
        for (size_t c = 0; c < columns; c++) {
            double weight = s->dense ? (double)t[r * columns + c] : c == (size_t)t[r];
            want += weight * (log_sum - (double)z[r * columns + c]);
            sum_t += weight;
        }
        near((double)value[r], want, "cross-entropy", columns, r);
        for (size_t c = 0; c < columns; c++) {
            double weight = s->dense ? (double)t[r * columns + c] : c == (size_t)t[r];
            near((double)grad[r * columns + c],
                 exp((double)z[r * columns + c] - log_sum) * sum_t - weight, "gradient", columns,
                 r);
        }
    }
}

static void check_shape(const struct shape *s)
{
    const size_t n = s->rows * s->columns;
    float *z = make_array(0, n), *t = make_array(1, s->dense ? n : s->rows);
    for (size_t i = 0; i < n; i++)
        z[i] *= i / s->columns % 2 ? 40 : 1; /* every other row saturates */
    for (size_t i = 0; i < (s->dense ? n : s->rows); i++)
        t[i] = s->dense ? fabsf(t[i]) / 3 : (float)(i * 7 % s->columns);
    float *first = NULL, *first_grad = NULL;
    for (size_t set = 0; set < LS_KERNEL_SET_COUNT; set++) {
        if (!set_runs(set))
            continue;
        assert_int_equal(ls_kernels_choose(set_names[set]), LS_OK);
        float *value = make_array(2, s->rows), *grad = make_array(2, n);
        float *alone = make_array(3, s->rows), *again = make_array(3, s->rows);
        float *in_place = make_array(0, n);
        memcpy(in_place, z, n * sizeof *z);
        call(s, value, grad, z, t);
        call(s, alone, NULL, z, t);
        call(s, again, in_place, in_place, t);
        check_reference(s, z, t, value, grad);
        assert_same_bits(alone, value, s->rows, "values without gradients", ls_k->name);
        assert_same_bits(again, value, s->rows, "values in place", ls_k->name);
        assert_same_bits(in_place, grad, n, "gradients in place", ls_k->name);
        if (first) {
            assert_same_bits(value, first, s->rows, "values", ls_k->name);
            assert_same_bits(grad, first_grad, n, "gradients", ls_k->name);
            free_array(first);
            free_array(first_grad);
        }
        first = value;
        first_grad = grad;
        free_array(alone);
        free_array(again);
        free_array(in_place);
    }
    free_array(first);
    free_array(first_grad);
    free_array(z);
    free_array(t);
}

static void test_softmax_crossentropy(void **state)
{
    (void)state;
    static const size_t widths[] = {1, 2, 3, 4, 5, 8, 9, 10, 15, 16, 17, 33, 100};
    static const size_t heights[] = {0, 1, 3, 15, 16, 17, 33};
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++)
        for (size_t h = 0; h < sizeof heights / sizeof *heights; h++)
            for (int dense = 0; dense < 2; dense++)
                check_shape(&(struct shape){heights[h], widths[w], dense});
}

static void test_sigmoid_crossentropy(void **state)
{
    (void)state;
    for (size_t s = 0; s < SIZES; s++) {
        const size_t n = sizes[s];
        float *z = make_array(0, n), *y = make_array(1, n), *first = NULL, *first_grad = NULL;
        for (size_t i = 0; i < n; i++) {
            z[i] *= i % 3 ? 1 : 50;
            y[i] = i % 2 ? 1 : fabsf(y[i]) / 3;
        }
        for (size_t set = 0; set < LS_KERNEL_SET_COUNT; set++) {
            if (!set_runs(set))
                continue;
            assert_int_equal(ls_kernels_choose(set_names[set]), LS_OK);
            float *value = make_array(2, n), *grad = make_array(0, n);
            memcpy(grad, z, n * sizeof *z);
            ls_k->sigmoid_crossentropy(value, NULL, z, y, n);
            ls_k->sigmoid_crossentropy(value, grad, grad, y, n);
            for (size_t i = 0; i < n; i++) {
                double x = (double)z[i], t = (double)y[i];
                near((double)value[i], fmax(x, 0) - x * t + log1p(exp(-fabs(x))), "sigmoid", 1, i);
                near((double)grad[i], 1 / (1 + exp(-x)) - t, "sigmoid's gradient", 1, i);
            }
            if (first) {
                assert_same_bits(value, first, n, "sigmoid", ls_k->name);
                assert_same_bits(grad, first_grad, n, "sigmoid's gradient", ls_k->name);
                free_array(first);
                free_array(first_grad);
            }
            first = value;
            first_grad = grad;
        }
        free_array(first);
        free_array(first_grad);
        free_array(z);
        free_array(y);
    }
}

static void test_nan_shows(void **state)
{
    (void)state;
    for (size_t set = 0; set < LS_KERNEL_SET_COUNT; set++) {
        if (!set_runs(set))
            continue;
        assert_int_equal(ls_kernels_choose(set_names[set]), LS_OK);
        float z[40] = {[5] = NAN, [23] = 1}, value[2], grad[40], class[2] = {1, 1};
        ls_k->softmax_crossentropy(value, grad, z, class, 2, 20);
        assert_true(isnan(value[0]) && !isnan(value[1]));
        assert_true(isnan(grad[19]) && !isnan(grad[20]));
    }
}

static void test_argmax(void **state)
{
    (void)state;
    for (size_t set = 0; set < LS_KERNEL_SET_COUNT; set++) {
        if (!set_runs(set))
            continue;
        assert_int_equal(ls_kernels_choose(set_names[set]), LS_OK);
        for (size_t s = 1; s < SIZES; s++) {
            const size_t columns = sizes[s];
            float *a = make_array(0, 2 * columns), out[2];
            for (size_t best = 0; best < columns; best++) {
                for (size_t c = 0; c < columns; c++) { /* equal ones after it, NaN before it */
                    a[c] = c < best ? NAN : c == best || c % 2 ? 5 : -1;
                    a[columns + c] = c == best ? -2 : -INFINITY;
                }
                ls_k->argmax_rows(out, a, 2, columns);
                assert_float_equal(out[0], (float)best, 0);
                assert_float_equal(out[1], (float)best, 0);
            }
            for (size_t c = 0; c < 2 * columns; c++)
                a[c] = NAN;
            ls_k->argmax_rows(out, a, 1, columns);
            assert_float_equal(out[0], 0, 0);
            free_array(a);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_softmax_crossentropy),
        cmocka_unit_test(test_sigmoid_crossentropy),
        cmocka_unit_test(test_nan_shows),
        cmocka_unit_test(test_argmax),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
