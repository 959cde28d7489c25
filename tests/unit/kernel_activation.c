/* Activations: in every set the same bits, near a double-precision reference (values) and near its
 * finite differences (gradients); kinks, extremes and NaN by hand. */
#include "unit/kernel_sets.h"

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* Keras' formulas, in double. */
static double reference(const struct ls_activation *f, double x)
{
    switch (f->id) {
    case LS_ACTIVATION_LINEAR:
        return x;
    case LS_ACTIVATION_RELU:
        return x > (double)f->threshold ? fmin(x, (double)f->max)
                                        : (double)f->a * (x - (double)f->threshold);
    case LS_ACTIVATION_RELU6:
        return fmin(fmax(x, 0), 6);
    case LS_ACTIVATION_LEAKY_RELU:
        return x > 0 ? x : (double)f->a * x;
    case LS_ACTIVATION_ELU:
        return x > 0 ? x : (double)f->a * expm1(x);
    case LS_ACTIVATION_SELU:
        return 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * expm1(x));
    case LS_ACTIVATION_GELU:
        return x * erfc(-x / sqrt(2)) / 2;
    case LS_ACTIVATION_GELU_TANH:
        return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case LS_ACTIVATION_SILU:
        return x * sigmoid(x);
    case LS_ACTIVATION_SOFTPLUS:
        return fmax(x, 0) + log1p(exp(-fabs(x)));
    case LS_ACTIVATION_SOFTSIGN:
        return x / (1 + fabs(x));
    case LS_ACTIVATION_EXPONENTIAL:
        return exp(x);
    case LS_ACTIVATION_SIGMOID:
        return sigmoid(x);
    case LS_ACTIVATION_HARD_SIGMOID:
        return fmin(fmax(x + 3, 0), 6) / 6;
    case LS_ACTIVATION_TANH:
        return tanh(x);
    case LS_ACTIVATION_MISH:
        return x * tanh(fmax(x, 0) + log1p(exp(-fabs(x))));
    case LS_ACTIVATION_STEP:
        return x >= 0 ? 1 : 0;
    case LS_ACTIVATION_SIGN:
        return x > 0 ? 1 : x < 0 ? -1 : 0;
    default:
        fail_msg("no reference for activation %d", (int)f->id);
        return 0;
    }
}

static const char *const names[] = {
#define X(name, id, saves, help) name,
    LS_ACTIVATIONS(X)
#undef X
};

/* All element-wise ones with their defaults, and those with parameters with some others. */
static size_t list_activations(struct ls_activation out[40])
{
    size_t count = 0;
    for (int id = 0; id < LS_ACTIVATION_COUNT; id++) {
        struct ls_activation f = ls_activation_default((enum ls_activation_id)id);
        if (!ls_activation_by_row(&f))
            out[count++] = f;
    }
    const struct ls_activation more[] = {
        {LS_ACTIVATION_RELU, 0.25f, INFINITY, 0}, {LS_ACTIVATION_RELU, 0, 2, 0},
        {LS_ACTIVATION_RELU, 0, INFINITY, 1},     {LS_ACTIVATION_RELU, 0.5f, 3, 1},
        {LS_ACTIVATION_LEAKY_RELU, 0, 0, 0},      {LS_ACTIVATION_LEAKY_RELU, -0.5f, 0, 0},
        {LS_ACTIVATION_ELU, 0.5f, 0, 0},          {LS_ACTIVATION_ELU, -0.75f, 0, 0},
    };
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        out[count++] = more[i];
    return count;
}

enum { POINTS = 1601 + 12 };

static size_t make_points(float *x)
{
    size_t n = 0;
    for (int i = -800; i <= 800; i++)
        x[n++] = (float)i * 0.025f + 0.003f; /* -20 .. 20, on no kink */
    const float extremes[] = {1e-30f, 1e-6f, 50, 87, 100, 1e6f};
    for (size_t i = 0; i < 6; i++) {
        x[n++] = extremes[i];
        x[n++] = -extremes[i];
    }
    return n;
}

/* How far a value may be from the reference, in units of 2^-24 of the larger of |want| and `floor`:
 * where a formula of Keras cancels (1 + erf x), its error is of x's size. */
static double floor_of(const struct ls_activation *f, double x)
{
    switch (f->id) {
    case LS_ACTIVATION_GELU:
    case LS_ACTIVATION_GELU_TANH:
        return fabs(x);
    case LS_ACTIVATION_HARD_SIGMOID:
        return 1;
    case LS_ACTIVATION_RELU:
        return fabs(x) + 1;
    default:
        return 1.2e-38 * fmax(fabs(x), 1); /* below the smallest normal number */
    }
}

static void check_values(const struct ls_activation *f, const float *x, const float *y, size_t n)
{
    const double limit = 8;
    for (size_t i = 0; i < n; i++) {
        double want = reference(f, (double)x[i]);
        if (isinf((float)want) && y[i] == (float)want)
            continue;
        double unit = 0x1p-24 * fmax(fabs(want), floor_of(f, (double)x[i])) + 1e-45;
        if (!(fabs((double)y[i] - want) <= limit * unit))
            fail_msg("%s(%.9g) in set %s: %.9g, not %.9g: off by %.1f units", names[f->id],
                     (double)x[i], ls_k->name, (double)y[i], want,
                     fabs((double)y[i] - want) / unit);
    }
}

static bool trains(const struct ls_activation *f)
{
    return f->id != LS_ACTIVATION_STEP && f->id != LS_ACTIVATION_SIGN;
}

static void check_gradients(const struct ls_activation *f, const float *x, const float *grad,
                            size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const double at = (double)x[i], h = 1e-5;
        if (fabs(at) > 80) { /* flat or straight there; e^x overflows */
            assert_false(isnan(grad[i]));
            continue;
        }
        double slope = (reference(f, at + h) - reference(f, at - h)) / (2 * h);
        if (fabs(at) < h) /* a kink between */
            continue;
        double want = trains(f) ? 1.5 * slope : 0;
        if (!(fabs((double)grad[i] - want) <= 3e-6 * fmax(1, fabs(want))))
            fail_msg("gradient of %s(a %g, max %g, threshold %g) at %.9g in set %s: %.9g, not %.9g",
                     names[f->id], (double)f->a, (double)f->max, (double)f->threshold, at,
                     ls_k->name, (double)grad[i], want);
    }
}

static void test_references(void **state)
{
    (void)state;
    struct ls_activation list[40];
    static float x[POINTS], y[POINTS], g[POINTS], in_grad[POINTS], first[POINTS],
        first_grad[POINTS];
    const size_t n = make_points(x), count = list_activations(list);
    for (size_t i = 0; i < n; i++)
        g[i] = 1.5f;
    for (size_t a = 0; a < count; a++) {
        const struct ls_activation *f = &list[a];
        bool again = false;
        for (size_t set = 0; set < LS_KERNEL_SET_COUNT; set++) {
            if (!set_runs(set))
                continue;
            assert_int_equal(ls_kernels_choose(set_names[set]), LS_OK);
            ls_k->activate(y, x, f, n, 0);
            ls_k->activate_backward(in_grad, g, ls_activation_saves(f) == LS_SAVES_INPUT ? x : y, f,
                                    n, 0);
            check_values(f, x, y, n);
            check_gradients(f, x, in_grad, n);
            if (again) {
                assert_same_bits(y, first, n, names[f->id], ls_k->name);
                assert_same_bits(in_grad, first_grad, n, names[f->id], ls_k->name);
            }
            memcpy(first, y, sizeof y);
            memcpy(first_grad, in_grad, sizeof in_grad);
            again = true;
        }
    }
}

/* An element's bits do not depend on n, on its place, or on whether it is done in place. */
static void test_sizes_and_places(void **state)
{
    (void)state;
    struct ls_activation list[40];
    static float x[POINTS], whole[POINTS];
    make_points(x);
    const size_t count = list_activations(list);
    for (size_t set = 0; set < LS_KERNEL_SET_COUNT; set++) {
        if (!set_runs(set))
            continue;
        assert_int_equal(ls_kernels_choose(set_names[set]), LS_OK);
        for (size_t a = 0; a < count; a++)
            for (size_t s = 0; s < SIZES; s++) {
                const size_t n = sizes[s], at = 750;
                float *y = make_array(0, n), *g = make_array(1, n);
                ls_k->activate(whole, x, &list[a], POINTS, 0);
                memcpy(y, x + at, n * sizeof *y);
                ls_k->activate(y, y, &list[a], n, 0);
                assert_same_bits(y, whole + at, n, names[list[a].id], ls_k->name);
                float *want = make_array(1, n);
                ls_k->activate_backward(want, g, x + at, &list[a], n, 0);
                ls_k->activate_backward(g, g, x + at, &list[a], n, 0);
                assert_same_bits(g, want, n, names[list[a].id], ls_k->name);
                free_array(y);
                free_array(g);
                free_array(want);
            }
    }
}

static float value(const struct ls_activation *f, float x)
{
    ls_k->activate(&x, &x, f, 1, 1);
    return x;
}
static float slope(const struct ls_activation *f, float x)
{
    float grad = 1, saved = ls_activation_saves(f) == LS_SAVES_INPUT ? x : value(f, x);
    ls_k->activate_backward(&grad, &grad, &saved, f, 1, 1);
    return grad;
}

static void test_kinks(void **state)
{
    (void)state;
    for (size_t set = 0; set < LS_KERNEL_SET_COUNT; set++) {
        if (!set_runs(set))
            continue;
        assert_int_equal(ls_kernels_choose(set_names[set]), LS_OK);
        struct ls_activation relu = ls_activation_default(LS_ACTIVATION_RELU);
        assert_float_equal(slope(&relu, 0), 0, 0);
        assert_float_equal(value(&relu, -INFINITY), 0, 0); /* not 0 * infinity */
        assert_float_equal(slope(&relu, -INFINITY), 0, 0);
        struct ls_activation shifted = {LS_ACTIVATION_RELU, 0.5f, 4, 1};
        assert_float_equal(value(&shifted, 1), 0, 0);
        assert_float_equal(value(&shifted, 1.5f), 1.5f, 0);
        assert_float_equal(value(&shifted, -1), -1, 0);
        assert_float_equal(value(&shifted, 4), 4, 0);
        assert_float_equal(value(&shifted, 9), 4, 0);
        assert_float_equal(slope(&shifted, 4), 0, 0);
        assert_float_equal(slope(&shifted, 2), 1, 0);
        assert_float_equal(slope(&shifted, 1), 0.5f, 0);
        struct ls_activation relu6 = ls_activation_default(LS_ACTIVATION_RELU6);
        assert_float_equal(slope(&relu6, 6), 0, 0);
        assert_float_equal(slope(&relu6, 0), 0, 0);
        struct ls_activation leaky = ls_activation_default(LS_ACTIVATION_LEAKY_RELU);
        assert_float_equal(value(&leaky, -2), -0.4f, 0);
        assert_float_equal(slope(&leaky, 0), 0.2f, 0);
        struct ls_activation selu = ls_activation_default(LS_ACTIVATION_SELU);
        assert_float_equal(slope(&selu, 0), 1.0507009873554805f, 0);
        struct ls_activation elu = {LS_ACTIVATION_ELU, 0.7f, 0, 0};
        assert_float_equal(slope(&elu, 0), 0.7f, 0);
        struct ls_activation step = ls_activation_default(LS_ACTIVATION_STEP);
        assert_float_equal(value(&step, 0), 1, 0);
        assert_float_equal(value(&step, -1e-45f), 0, 0);
        struct ls_activation sign = ls_activation_default(LS_ACTIVATION_SIGN);
        assert_float_equal(value(&sign, 0), 0, 0);
        assert_float_equal(value(&sign, -3), -1, 0);
        struct ls_activation sigmoid_f = ls_activation_default(LS_ACTIVATION_SIGMOID);
        assert_float_equal(value(&sigmoid_f, INFINITY), 1, 0);
        assert_float_equal(value(&sigmoid_f, -INFINITY), 0, 0);
    }
}

/* A NaN must be seen where it comes from, and further on. */
static void test_nan(void **state)
{
    (void)state;
    struct ls_activation list[40];
    const size_t count = list_activations(list);
    for (size_t set = 0; set < LS_KERNEL_SET_COUNT; set++) {
        if (!set_runs(set))
            continue;
        assert_int_equal(ls_kernels_choose(set_names[set]), LS_OK);
        for (size_t a = 0; a < count; a++)
            if (!isnan(value(&list[a], NAN)))
                fail_msg("%s(NaN) is %g", names[list[a].id], (double)value(&list[a], NAN));
        for (int id = LS_ACTIVATION_SOFTMAX; id <= LS_ACTIVATION_LOG_SOFTMAX; id++) {
            struct ls_activation f = ls_activation_default((enum ls_activation_id)id);
            float row[20] = {[17] = NAN};
            ls_k->activate(row, row, &f, 20, 20);
            for (size_t i = 0; i < 20; i++)
                assert_true(isnan(row[i]));
        }
    }
}

/* -- softmax, log_softmax */

struct row {
    const float *x, *y, *g, *grad;
};

static void check_row(struct row row, bool logs, size_t columns)
{
    const float *x = row.x, *y = row.y, *g = row.g, *grad = row.grad;
    double max = -INFINITY, sum = 0, dot = 0, g_sum = 0;
    for (size_t c = 0; c < columns; c++)
        max = fmax(max, (double)x[c]);
    for (size_t c = 0; c < columns; c++)
        sum += exp((double)x[c] - max);
    for (size_t c = 0; c < columns; c++) {
        dot += (double)g[c] * exp((double)x[c] - max) / sum;
        g_sum += (double)g[c];
    }
    for (size_t c = 0; c < columns; c++) {
        double p = exp((double)x[c] - max) / sum, log_p = (double)x[c] - max - log(sum);
        double want = logs ? log_p : p;
        double want_grad = logs ? (double)g[c] - p * g_sum : p * ((double)g[c] - dot);
        double room =
            logs ? 1e-6 * (1 + fabs(want)) : (1e-6 + 1e-7 * (max - (double)x[c])) * want + 1e-37;
        if (!(fabs((double)y[c] - want) <= room))
            fail_msg("%s of %zu columns, column %zu, set %s: %.9g, not %.9g",
                     logs ? "log_softmax" : "softmax", columns, c, ls_k->name, (double)y[c], want);
        if (!(fabs((double)grad[c] - want_grad) <= 2e-5 * (1 + fabs(want_grad))))
            fail_msg("gradient of %s of %zu columns, column %zu, set %s: %.9g, not %.9g",
                     logs ? "log_softmax" : "softmax", columns, c, ls_k->name, (double)grad[c],
                     want_grad);
    }
}

static void test_rows(void **state)
{
    (void)state;
    enum { ROWS = 3 };
    static const size_t widths[] = {1, 2, 3, 4, 5, 8, 9, 10, 15, 16, 17, 31, 32, 33, 100, 1000};
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++)
        for (int logs = 0; logs < 2; logs++) {
            const size_t columns = widths[w], n = ROWS * columns;
            struct ls_activation f =
                ls_activation_default(logs ? LS_ACTIVATION_LOG_SOFTMAX : LS_ACTIVATION_SOFTMAX);
            float *first = NULL, *first_grad = NULL;
            for (size_t set = 0; set < LS_KERNEL_SET_COUNT; set++) {
                if (!set_runs(set))
                    continue;
                assert_int_equal(ls_kernels_choose(set_names[set]), LS_OK);
                float *x = make_array(0, n), *y = make_array(0, n), *g = make_array(1, n),
                      *grad = make_array(1, n);
                for (size_t c = 0; c < columns; c++) {
                    x[columns + c] = x[columns + c] * 30 + 1000; /* the second row: large numbers */
                    x[2 * columns + c] *= 30;
                }
                memcpy(y, x, n * sizeof *y);
                ls_k->activate(y, y, &f, n, columns);
                ls_k->activate_backward(grad, grad, y, &f, n, columns);
                for (size_t r = 0; r < ROWS; r++)
                    check_row((struct row){x + r * columns, y + r * columns, g + r * columns,
                                           grad + r * columns},
                              logs, columns);
                if (first) {
                    assert_same_bits(y, first, n, "softmax rows", ls_k->name);
                    assert_same_bits(grad, first_grad, n, "softmax gradients", ls_k->name);
                    free_array(first);
                    free_array(first_grad);
                }
                first = y;
                first_grad = grad;
                free_array(x);
                free_array(g);
            }
            free_array(first);
            free_array(first_grad);
        }
}

/* -- bias_activate: the same bits as its parts */

static void test_bias(void **state)
{
    (void)state;
    static const size_t shapes[][2] = {{0, 5},  {1, 1},    {3, 10},  {5, 16},
                                       {4, 33}, {60, 100}, {2, 5000}};
    for (size_t set = 0; set < LS_KERNEL_SET_COUNT; set++) {
        if (!set_runs(set))
            continue;
        assert_int_equal(ls_kernels_choose(set_names[set]), LS_OK);
        for (int id = 0; id < LS_ACTIVATION_COUNT; id++)
            for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
                for (int mode = 0; mode < 4; mode++) {
                    const size_t rows = shapes[s][0], columns = shapes[s][1], n = rows * columns;
                    struct ls_activation f = ls_activation_default((enum ls_activation_id)id);
                    float *x = make_array(0, n), *bias = make_array(1, columns),
                          *sum = make_array(0, n), *before = make_array(2, n),
                          *want = make_array(0, n);
                    for (size_t i = 0; i < n && mode & 1; i++)
                        sum[i] += bias[i % columns];
                    ls_k->activate(want, sum, &f, n, columns);
                    ls_k->bias_activate(x, mode & 2 ? before : NULL, mode & 1 ? bias : NULL, &f,
                                        rows, columns);
                    assert_same_bits(x, want, n, names[id], ls_k->name);
                    if (mode & 2)
                        assert_same_bits(before, sum, n, "before", ls_k->name);
                    free_array(x);
                    free_array(bias);
                    free_array(sum);
                    free_array(before);
                    free_array(want);
                }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_references), cmocka_unit_test(test_sizes_and_places),
        cmocka_unit_test(test_kinks),      cmocka_unit_test(test_nan),
        cmocka_unit_test(test_rows),       cmocka_unit_test(test_bias),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
