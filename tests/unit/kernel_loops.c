/* Element-wise loops, conversion, columns: in every set the bits of plain scalar C. */
#include "unit/kernel_sets.h"

#define EACH(n, ...)                                                                               \
    for (size_t i = 0; i < (n); i++) {                                                             \
        __VA_ARGS__;                                                                               \
    }

/* One loop: NAME(how the kernels do it)(how an element comes about). array[0] is the output. */
#define LOOP(name, call, ...)                                                                      \
    static void run_##name(const struct ls_kernels *k, float **x, size_t n)                        \
    {                                                                                              \
        call;                                                                                      \
    }                                                                                              \
    static void expect_##name(float **x, size_t n)                                                 \
    {                                                                                              \
        EACH(n, __VA_ARGS__)                                                                       \
    }

LOOP(fill, k->fill(x[0], 2.5f, n), x[0][i] = 2.5f)
LOOP(add, k->add(x[0], x[1], x[2], n), x[0][i] = x[1][i] + x[2][i])
LOOP(add_in_first, k->add(x[0], x[0], x[1], n), x[0][i] = x[0][i] + x[1][i])
LOOP(add_in_second, k->add(x[0], x[1], x[0], n), x[0][i] = x[1][i] + x[0][i])
LOOP(subtract, k->subtract(x[0], x[1], x[2], n), x[0][i] = x[1][i] - x[2][i])
LOOP(subtract_in_second, k->subtract(x[0], x[1], x[0], n), x[0][i] = x[1][i] - x[0][i])
LOOP(multiply, k->multiply(x[0], x[1], x[2], n), x[0][i] = x[1][i] * x[2][i])
LOOP(multiply_itself, k->multiply(x[0], x[0], x[0], n), x[0][i] = x[0][i] * x[0][i])
LOOP(maximum, k->maximum(x[0], x[1], x[2], n), x[0][i] = x[1][i] > x[2][i] ? x[1][i] : x[2][i])
LOOP(maximum_in_second, k->maximum(x[0], x[1], x[0], n),
     x[0][i] = x[1][i] > x[0][i] ? x[1][i] : x[0][i])
LOOP(minimum, k->minimum(x[0], x[1], x[2], n), x[0][i] = x[1][i] < x[2][i] ? x[1][i] : x[2][i])
LOOP(minimum_in_first, k->minimum(x[0], x[0], x[1], n),
     x[0][i] = x[0][i] < x[1][i] ? x[0][i] : x[1][i])
LOOP(take_equal, k->take_equal(x[0], x[1], x[2], x[3], n),
     x[0][i] = x[2][i] == x[3][i] ? x[1][i] : 0;
     x[1][i] = x[2][i] == x[3][i] ? 0 : x[1][i])
LOOP(scale, k->scale(x[0], x[1], 0.3f, n), x[0][i] = x[1][i] * 0.3f)
LOOP(scale_in_place, k->scale(x[0], x[0], 0.3f, n), x[0][i] = x[0][i] * 0.3f)
LOOP(axpy, k->axpy(x[0], 0.7f, x[1], n), x[0][i] = x[0][i] + 0.7f * x[1][i])
LOOP(axpy_itself, k->axpy(x[0], 0.7f, x[0], n), x[0][i] = x[0][i] + 0.7f * x[0][i])
LOOP(affine, k->affine(x[0], x[1], 0.3f, -0.9f, n), x[0][i] = x[1][i] * 0.3f + -0.9f)
LOOP(affine_in_place, k->affine(x[0], x[0], 0.3f, -0.9f, n), x[0][i] = x[0][i] * 0.3f + -0.9f)

static void test_elementwise(void **state)
{
    (void)state;
#define CASE(name, arrays)                                                                         \
    check_loop(&(struct loop_case){#name, arrays, run_##name, expect_##name, 0})
    CASE(fill, 1);
    CASE(add, 3);
    CASE(add_in_first, 2);
    CASE(add_in_second, 2);
    CASE(subtract, 3);
    CASE(subtract_in_second, 2);
    CASE(multiply, 3);
    CASE(multiply_itself, 1);
    CASE(maximum, 3);
    CASE(maximum_in_second, 2);
    CASE(minimum, 3);
    CASE(minimum_in_first, 2);
    CASE(take_equal, 4);
    CASE(scale, 2);
    CASE(scale_in_place, 1);
    CASE(axpy, 2);
    CASE(axpy_itself, 1);
    CASE(affine, 2);
    CASE(affine_in_place, 1);
}

/* -- loops over rows and columns */

static size_t columns; /* of the case that runs; n is a multiple of it */

static void run_normalize(const struct ls_kernels *k, float **x, size_t n)
{
    k->normalize_columns(x[0], x[1], x[2], x[3], n / columns, columns);
}
static void expect_normalize(float **x, size_t n)
{
    EACH(n, x[0][i] = (x[1][i] - x[2][i % columns]) * x[3][i % columns])
}
static void run_normalize_in_place(const struct ls_kernels *k, float **x, size_t n)
{
    k->normalize_columns(x[0], x[0], x[1], x[2], n / columns, columns);
}
static void expect_normalize_in_place(float **x, size_t n)
{
    EACH(n, x[0][i] = (x[0][i] - x[1][i % columns]) * x[2][i % columns])
}
static void run_columns(const struct ls_kernels *k, float **x, size_t n)
{
    k->column_sums(x[0], x[1], n / columns, columns, false);
}
static void expect_columns(float **x, size_t n)
{
    const size_t rows = n / columns;
    for (size_t c = 0; c < columns; c++) {
        float sum = 0;
        for (size_t r = 0; r < rows; r++)
            sum += x[1][r * columns + c];
        x[0][c] = sum;
    }
}
static void run_columns_added(const struct ls_kernels *k, float **x, size_t n)
{
    k->column_sums(x[0], x[1], n / columns, columns, true);
}
static void expect_columns_added(float **x, size_t n)
{
    for (size_t c = 0; c < columns; c++) {
        float sum = 0;
        for (size_t r = 0; r < n / columns; r++)
            sum += x[1][r * columns + c];
        x[0][c] = x[0][c] + sum;
    }
}

/* Sums in double come out as floats: of the sums, and of what they are added to. */
static void run_moments(const struct ls_kernels *k, float **x, size_t n)
{
    double *sum = calloc(2 * columns, sizeof *sum), *squares = sum + columns;
    EACH(columns, sum[i] = 1; squares[i] = 2)
    k->column_moments(sum, squares, x[2], n / columns, columns);
    EACH(columns, x[0][i] = (float)sum[i]; x[1][i] = (float)squares[i])
    free(sum);
}
static void expect_moments(float **x, size_t n)
{
    for (size_t c = 0; c < columns; c++) {
        double sum = 1, squares = 2;
        for (size_t i = c; i < n; i += columns) {
            sum += (double)x[2][i];
            squares += (double)x[2][i] * (double)x[2][i];
        }
        x[0][c] = (float)sum;
        x[1][c] = (float)squares;
    }
}
static void run_products(const struct ls_kernels *k, float **x, size_t n)
{
    double *sum = calloc(2 * columns, sizeof *sum), *products = sum + columns;
    k->column_products(sum, products, x[2], x[3], x[4], n / columns, columns);
    EACH(columns, x[0][i] = (float)sum[i]; x[1][i] = (float)products[i])
    free(sum);
}
static void expect_products(float **x, size_t n)
{
    for (size_t c = 0; c < columns; c++) {
        double sum = 0, products = 0;
        for (size_t i = c; i < n; i += columns) {
            sum += (double)x[2][i];
            products += (double)x[2][i] * (double)(x[3][i] - x[4][c]);
        }
        x[0][c] = (float)sum;
        x[1][c] = (float)products;
    }
}
static void run_map(const struct ls_kernels *k, float **x, size_t n)
{
    struct ls_column_map map = {.mean = x[2], .factor = x[3], .offset = x[4]};
    k->map_columns(x[0], x[1], &map, n / columns, columns);
    k->map_columns(x[1], x[1], &map, n / columns, columns);
}
static void expect_map(float **x, size_t n)
{
    EACH(n, size_t c = i % columns; x[1][i] = (x[1][i] - x[2][c]) * x[3][c] + x[4][c];
         x[0][i] = x[1][i])
}
static void run_map_backward(const struct ls_kernels *k, float **x, size_t n)
{
    struct ls_column_map map = {.mean = x[2], .factor = x[3], .slope = x[4], .offset = x[2]};
    k->map_columns_backward(x[0], x[0], x[1], &map, n / columns, columns);
}
static void expect_map_backward(float **x, size_t n)
{
    EACH(n, size_t c = i % columns;
         x[0][i] = x[0][i] * x[3][c] + (x[1][i] - x[2][c]) * x[4][c] + x[2][c])
}

/* A row's sum, by lanes as those of arrays. */
static double lanes_sum(const double *value, size_t n)
{
    double lane[16] = {0};
    EACH(n, lane[i % 16] += value[i])
    for (size_t half = 8; half > 0; half /= 2)
        EACH(half, lane[i] += lane[i + half])
    return lane[0];
}
/* Of rows' sums the first place of each row has the one, the second row's of the other array. */
static void run_row_sums(const struct ls_kernels *k, float **x, size_t n)
{
    size_t rows = n / columns;
    double *sum = calloc(4 * rows, sizeof *sum);
    struct ls_row_map map = {.shift = x[4], .gamma = x[3]};
    k->row_moments(sum, sum + rows, x[2], rows, columns);
    k->row_products(sum + 2 * rows, sum + 3 * rows, x[2], x[1], &map, rows, columns);
    EACH(rows, x[0][i * columns] = (float)(sum[i] + sum[rows + i]);
         x[1][i * columns] = (float)(sum[2 * rows + i] + sum[3 * rows + i]))
    free(sum);
}
static void expect_row_sums(float **x, size_t n)
{
    double *value = malloc(4 * columns * sizeof *value);
    for (size_t r = 0; r < n / columns; r++) {
        const float *g = x[2] + r * columns, *a = x[1] + r * columns;
        for (size_t c = 0; c < columns; c++) {
            double scaled = (double)(g[c] * x[3][c]);
            value[c] = (double)g[c];
            value[columns + c] = (double)g[c] * (double)g[c];
            value[2 * columns + c] = scaled;
            value[3 * columns + c] = scaled * (double)(a[c] - x[4][r]);
        }
        x[0][r * columns] =
            (float)(lanes_sum(value, columns) + lanes_sum(value + columns, columns));
        x[1][r * columns] = (float)(lanes_sum(value + 2 * columns, columns) +
                                    lanes_sum(value + 3 * columns, columns));
    }
    free(value);
}
static void run_products_of_rows(const struct ls_kernels *k, float **x, size_t n)
{
    double *sum = calloc(2 * columns, sizeof *sum), *products = sum + columns;
    struct ls_row_map map = {.shift = x[4], .factor = x[0]};
    k->column_products_of_rows(sum, products, x[2], x[3], &map, n / columns, columns);
    EACH(columns, x[0][i] = (float)sum[i]; x[1][i] = (float)products[i])
    free(sum);
}
static void expect_products_of_rows(float **x, size_t n)
{
    float *factor = malloc(n * sizeof *factor);
    memcpy(factor, x[0], n * sizeof *factor);
    for (size_t c = 0; c < columns; c++) {
        double sum = 0, products = 0;
        for (size_t r = 0; r < n / columns; r++) {
            float y = (x[3][r * columns + c] - x[4][r]) * factor[r];
            sum += (double)x[2][r * columns + c];
            products += (double)x[2][r * columns + c] * (double)y;
        }
        x[0][c] = (float)sum;
        x[1][c] = (float)products;
    }
    free(factor);
}
static void run_map_rows(const struct ls_kernels *k, float **x, size_t n)
{
    struct ls_row_map map = {.shift = x[2], .factor = x[3], .gamma = x[4], .beta = x[2]};
    k->map_rows(x[0], x[1], &map, n / columns, columns);
    map.gamma = map.beta = NULL;
    k->map_rows(x[1], x[1], &map, n / columns, columns);
}
static void expect_map_rows(float **x, size_t n)
{
    EACH(n, size_t c = i % columns; float y = (x[1][i] - x[2][i / columns]) * x[3][i / columns];
         x[0][i] = y * x[4][c] + x[2][c]; x[1][i] = y)
}
static void run_map_rows_backward(const struct ls_kernels *k, float **x, size_t n)
{
    struct ls_row_map map = {
        .shift = x[2], .factor = x[3], .slope = x[4], .offset = x[2], .gamma = x[4]};
    k->map_rows_backward(x[0], x[0], x[1], &map, n / columns, columns);
    map.gamma = NULL;
    k->map_rows_backward(x[1], x[0], x[1], &map, n / columns, columns);
}
static void expect_map_rows_backward(float **x, size_t n)
{
    EACH(n, size_t c = i % columns, r = i / columns; float rest = (x[1][i] - x[2][r]) * x[4][r];
         x[0][i] = x[0][i] * x[4][c] * x[3][r] + rest + x[2][r];
         x[1][i] = x[0][i] * x[3][r] + rest + x[2][r])
}

static void check_rows(const struct loop_case *c, size_t rows)
{
    const size_t n = rows * columns;
    float *want[ARRAYS_MAX], *got[ARRAYS_MAX];
    make_arrays(want, c, n);
    c->expect(want, n);
    for (size_t set = 0; set < LS_KERNEL_SET_COUNT; set++) {
        if (!set_runs(set))
            continue;
        assert_int_equal(ls_kernels_choose(set_names[set]), LS_OK);
        make_arrays(got, c, n);
        c->run(ls_k, got, n);
        for (size_t a = 0; a < c->arrays; a++) {
            assert_same_bits(got[a], want[a], n, c->name, ls_k->name);
            free_array(got[a]);
        }
    }
    for (size_t a = 0; a < c->arrays; a++)
        free_array(want[a]);
}

static void test_columns(void **state)
{
    (void)state;
    static const size_t widths[] = {1, 3, 10, 15, 16, 17, 33, 64, 100, 130};
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++)
        for (size_t rows = 1; rows <= 5; rows += 2) {
            columns = widths[w];
#define ROWS(name, arrays)                                                                         \
    check_rows(&(struct loop_case){#name, arrays, run_##name, expect_##name, 0}, rows)
            ROWS(normalize, 4);
            ROWS(normalize_in_place, 3);
            ROWS(columns, 2);
            ROWS(columns_added, 2);
            ROWS(moments, 3);
            ROWS(products, 5);
            ROWS(map, 5);
            ROWS(map_backward, 5);
            ROWS(row_sums, 5);
            ROWS(products_of_rows, 5);
            ROWS(map_rows, 5);
            ROWS(map_rows_backward, 5);
        }
    columns = 3; /* more rows than a block has */
    const size_t rows = 2000;
    ROWS(moments, 3);
    ROWS(products, 5);
}

static void test_columns_of_no_rows(void **state)
{
    (void)state;
    for (size_t set = 0; set < LS_KERNEL_SET_COUNT; set++) {
        if (!set_runs(set))
            continue;
        assert_int_equal(ls_kernels_choose(set_names[set]), LS_OK);
        float out[3] = {1, 2, 3}, zeros[3] = {0, 0, 0}, before[3] = {1, 2, 3};
        ls_k->column_sums(out, zeros, 0, 3, true);
        assert_same_bits(out, before, 3, "accumulated over no rows", ls_k->name);
        ls_k->column_sums(out, zeros, 0, 3, false);
        assert_same_bits(out, zeros, 3, "sum of no rows", ls_k->name);
    }
}

/* -- conversion */

/* All types: the extremes, and numbers between that float32 must round. */
#define CONVERSION(type, number, ...)                                                              \
    static void check_##type(void)                                                                 \
    {                                                                                              \
        const type extremes[] = {__VA_ARGS__};                                                     \
        const size_t extreme_count = sizeof extremes / sizeof *extremes;                           \
        for (size_t s = 0; s < SIZES; s++) {                                                       \
            const size_t n = sizes[s];                                                             \
            type *in = malloc(n * sizeof *in + 1);                                                 \
            float *want = malloc(n * sizeof *want + 1);                                            \
            EACH(n, in[i] = (type)(extremes[i % extreme_count] / (type)(1 + i / extreme_count)))   \
            EACH(n, want[i] = (float)in[i])                                                        \
            for (size_t set = 0; set < LS_KERNEL_SET_COUNT; set++) {                               \
                if (!set_runs(set))                                                                \
                    continue;                                                                      \
                assert_int_equal(ls_kernels_choose(set_names[set]), LS_OK);                        \
                float *got = make_array(0, n);                                                     \
                ls_k->convert(got, in, number, n);                                                 \
                assert_same_bits(got, want, n, "convert " #type, ls_k->name);                      \
                free_array(got);                                                                   \
            }                                                                                      \
            free(in);                                                                              \
            free(want);                                                                            \
        }                                                                                          \
        assert_int_equal(ls_number_bytes(number), sizeof(type));                                   \
    }

CONVERSION(uint8_t, LS_NUMBER_UINT8, 0, 1, 127, 128, 255, 200)
CONVERSION(int8_t, LS_NUMBER_INT8, 0, 1, -1, 127, -128, 77)
CONVERSION(uint16_t, LS_NUMBER_UINT16, 0, 1, 32768, 65535, 12345)
CONVERSION(int16_t, LS_NUMBER_INT16, 0, -1, 32767, -32768, 12345)
CONVERSION(int32_t, LS_NUMBER_INT32, 0, -1, INT32_MAX, INT32_MIN, 16777217, 33554435)
CONVERSION(int64_t, LS_NUMBER_INT64, 0, -1, INT64_MAX, INT64_MIN, 16777217, 9007199254740993)
CONVERSION(float, LS_NUMBER_FLOAT, 0, -1.5f, 3e38f, 1e-45f, INFINITY)
CONVERSION(double, LS_NUMBER_DOUBLE, 0, -1.5, 1e300, 1e-300, 0.1, 16777217.0, -INFINITY)

static void test_convert(void **state)
{
    (void)state;
    check_uint8_t();
    check_int8_t();
    check_uint16_t();
    check_int16_t();
    check_int32_t();
    check_int64_t();
    check_float();
    check_double();
}

static void test_find_nonfinite(void **state)
{
    (void)state;
    static const float bad[] = {NAN, -NAN, INFINITY, -INFINITY};
    for (size_t set = 0; set < LS_KERNEL_SET_COUNT; set++) {
        if (!set_runs(set))
            continue;
        assert_int_equal(ls_kernels_choose(set_names[set]), LS_OK);
        for (size_t s = 0; s < SIZES; s++) {
            const size_t n = sizes[s];
            float *a = make_array(0, n);
            for (size_t i = 0; i < n; i += 3)
                a[i] = i % 2 ? 3.4028234e38f : -1e-45f;
            assert_int_equal(ls_k->find_nonfinite(a, n), n);
            for (size_t i = 0; i < n; i++) {
                float kept = a[i], last = a[n - 1];
                a[n - 1] = NAN; /* the first counts */
                a[i] = bad[i % 4];
                assert_int_equal(ls_k->find_nonfinite(a, n), i);
                a[n - 1] = last;
                a[i] = kept;
            }
            free_array(a);
        }
    }
}

/* Numbers of arrays differ nearly everywhere: here every third is equal, and there are NaNs. */
static void test_extremes(void **state)
{
    enum { N = 37 };
    (void)state;
    for (size_t set = 0; set < LS_KERNEL_SET_COUNT; set++) {
        if (!set_runs(set))
            continue;
        assert_int_equal(ls_kernels_choose(set_names[set]), LS_OK);
        float a[N], b[N], high[N], low[N], taken[N], rest[N];
        for (size_t i = 0; i < N; i++) {
            a[i] = i % 5 == 1 ? NAN : (float)i;
            b[i] = i % 7 == 2 ? NAN : (float)(i - i % 3 + 1);
            rest[i] = (float)(i + 1);
        }
        ls_k->maximum(high, a, b, N);
        ls_k->minimum(low, a, b, N);
        ls_k->take_equal(taken, rest, a, b, N);
        for (size_t i = 0; i < N; i++) {
            bool bad = isnan(a[i]) || isnan(b[i]);
            assert_true(bad ? isnan(high[i]) : high[i] == fmaxf(a[i], b[i]));
            assert_true(bad ? isnan(low[i]) : low[i] == fminf(a[i], b[i]));
            assert_true(taken[i] == (a[i] == b[i] ? (float)(i + 1) : 0));
            assert_true(rest[i] == (a[i] == b[i] ? 0 : (float)(i + 1)));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_elementwise),        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_columns_of_no_rows), cmocka_unit_test(test_convert),
        cmocka_unit_test(test_find_nonfinite),     cmocka_unit_test(test_extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
