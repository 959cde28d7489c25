/* GEMM against double precision: transposes, strides, beta, both libraries; the same bits whatever
 * the alignment, the thread, and how often. Orthonormal bases. */
#include <pthread.h>

#include "unit/kernel_sets.h"

#include "base/memory.h"
#include "kernel/blas.h"
#include "kernel/gemm.h"
#include "kernel/matmul.h"

static int start(void **state)
{
    (void)state;
    return ls_kernels_init(NULL) == LS_OK ? 0 : -1;
}

struct problem {
    struct ls_gemm gemm;
    float *a, *b, *c, *before;
    size_t a_size, b_size, c_size;
};

/* Strides are the dense ones plus `gap`. */
static void problem_make(struct problem *p, size_t gap)
{
    struct ls_gemm *g = &p->gemm;
    const int64_t a_rows = g->transpose_a ? g->k : g->m, b_rows = g->transpose_b ? g->n : g->k;
    const int64_t a_columns = g->transpose_a ? g->m : g->k,
                  b_columns = g->transpose_b ? g->k : g->n;
    p->a_size = (size_t)(a_rows * (a_columns + (int64_t)gap));
    p->b_size = (size_t)(b_rows * (b_columns + (int64_t)gap));
    p->c_size = (size_t)(g->m * (g->n + (int64_t)gap));
    p->a = make_array(0, p->a_size);
    p->b = make_array(1, p->b_size);
    p->c = make_array(2, p->c_size);
    p->before = make_array(2, p->c_size);
    g->a = p->a;
    g->b = p->b;
    g->c = p->c;
    g->lda = gap ? a_columns + (int64_t)gap : 0;
    g->ldb = gap ? b_columns + (int64_t)gap : 0;
    g->ldc = gap ? g->n + (int64_t)gap : 0;
}
static void problem_free(struct problem *p)
{
    free_array(p->a);
    free_array(p->b);
    free_array(p->c);
    free_array(p->before);
}

static void check_element(const struct problem *p, int64_t r, int64_t c, size_t gap)
{
    const struct ls_gemm *g = &p->gemm;
    const int64_t lda = (g->transpose_a ? g->m : g->k) + (int64_t)gap;
    const int64_t ldb = (g->transpose_b ? g->k : g->n) + (int64_t)gap;
    const size_t at = (size_t)(r * (g->n + (int64_t)gap) + c);
    double want = g->beta != 0 ? (double)p->before[at] : 0, size = fabs(want);
    for (int64_t i = 0; i < g->k; i++) {
        double term = (double)p->a[g->transpose_a ? i * lda + r : r * lda + i] *
                      (double)p->b[g->transpose_b ? c * ldb + i : i * ldb + c];
        want += term;
        size += fabs(term);
    }
    if (!(fabs((double)p->c[at] - want) <= 2e-6 * size))
        fail_msg("%c%c %lld x %lld x %lld, beta %g, gap %zu: C[%lld][%lld] is %.9g, not %.9g",
                 g->transpose_a ? 'T' : 'N', g->transpose_b ? 'T' : 'N', (long long)g->m,
                 (long long)g->n, (long long)g->k, (double)g->beta, gap, (long long)r, (long long)c,
                 (double)p->c[at], want);
}

/* Elements at the edges and some within; what lies between the rows must stay. */
static void check_problem(struct ls_gemm gemm, size_t gap)
{
    struct problem p = {.gemm = gemm};
    problem_make(&p, gap);
    if (gemm.beta == 0)
        for (int64_t r = 0; r < gemm.m; r++)
            for (int64_t c = 0; c < gemm.n; c++)
                p.c[r * (gemm.n + (int64_t)gap) + c] = NAN; /* C is only written */
    ls_gemm(&p.gemm);
    const int64_t row_step = gemm.m / 7 + 1, column_step = gemm.n / 11 + 1;
    for (int64_t r = 0; r < gemm.m;
         r += r + row_step < gemm.m || r == gemm.m - 1 ? row_step : gemm.m - 1 - r)
        for (int64_t c = 0; c < gemm.n;
             c += c + column_step < gemm.n || c == gemm.n - 1 ? column_step : gemm.n - 1 - c)
            check_element(&p, r, c, gap);
    for (size_t i = 0; gap && i < p.c_size; i++)
        if ((int64_t)(i % ((size_t)gemm.n + gap)) >= gemm.n)
            assert_same_bits(p.c + i, p.before + i, 1, "between the rows", ls_k->name);
    problem_free(&p);
}

/* m, n, k: small ones and large ones, so that both libraries get some of each transposition, and
 * oneDNN's matmul some with B transposed. */
static const int64_t shapes[][3] = {
    {1, 1, 1},      {3, 5, 7},      {32, 128, 784}, {784, 128, 32}, {32, 784, 128},  {32, 10, 128},
    {128, 10, 32},  {32, 128, 10},  {1, 300, 1},    {300, 1, 300},  {7, 1, 5},       {1, 1, 5000},
    {17, 33, 65},   {2, 4096, 300}, {8, 256, 784},  {1, 784, 1500}, {130, 131, 132}, {1500, 1, 800},
    {64, 128, 512}, {17, 70, 1030}, {257, 45, 100},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static struct ls_gemm shaped(size_t shape, int transposes, float beta)
{
    return (struct ls_gemm){.transpose_a = transposes & 1,
                            .transpose_b = transposes & 2,
                            .m = shapes[shape][0],
                            .n = shapes[shape][1],
                            .k = shapes[shape][2],
                            .beta = beta};
}

static void test_reference(void **state)
{
    (void)state;
    for (size_t s = 0; s < SHAPES; s++)
        for (int transposes = 0; transposes < 4; transposes++)
            for (int beta = 0; beta < 2; beta++)
                for (size_t gap = 0; gap < 6; gap += 5)
                    check_problem(shaped(s, transposes, (float)beta), gap);
}

static void test_empty(void **state)
{
    (void)state;
    float c[6] = {1, 2, 3, 4, 5, 6};
    struct ls_gemm gemm = {.m = 2, .n = 2, .k = 0, .a = c, .b = c, .c = c, .ldc = 3, .beta = 1};
    ls_gemm(&gemm);
    assert_same_bits(c, (float[]){1, 2, 3, 4, 5, 6}, 6, "k 0, beta 1", ls_k->name);
    gemm.beta = 0;
    ls_gemm(&gemm);
    assert_same_bits(c, (float[]){0, 0, 3, 0, 0, 6}, 6, "k 0, beta 0", ls_k->name);
    gemm = (struct ls_gemm){.m = 0, .n = 2, .k = 3, .a = c, .b = c, .c = c};
    ls_gemm(&gemm);
    gemm = (struct ls_gemm){.m = 2, .n = 0, .k = 3, .a = c, .b = c, .c = c};
    ls_gemm(&gemm);
    assert_same_bits(c, (float[]){0, 0, 3, 0, 0, 6}, 6, "empty C", ls_k->name);
}

/* -- the same bits */

/* Copies of the operands, shifted by some floats from a page's beginning. */
struct shifted {
    float *memory, *at;
};
static struct shifted shift(const float *from, size_t n, size_t floats)
{
    struct shifted s;
    assert_int_equal(ls_allocate(&s.memory, n + 1024 + floats, sizeof *s.memory), LS_OK);
    s.at = s.memory + floats;
    memcpy(s.at, from, n * sizeof *from);
    return s;
}

static void check_alignment(struct ls_gemm gemm)
{
    struct problem p = {.gemm = gemm};
    problem_make(&p, 0);
    ls_gemm(&p.gemm);
    static const size_t shifts[][3] = {{0, 0, 0},  {1, 0, 0}, {0, 1, 0}, {0, 0, 1},
                                       {3, 7, 11}, {4, 4, 4}, {8, 2, 1}, {16, 15, 9}};
    for (size_t i = 0; i < sizeof shifts / sizeof *shifts; i++) {
        struct shifted a = shift(p.a, p.a_size, shifts[i][0]);
        struct shifted b = shift(p.b, p.b_size, shifts[i][1]);
        struct shifted c = shift(p.before, p.c_size, shifts[i][2]);
        struct ls_gemm again = gemm;
        again.a = a.at;
        again.b = b.at;
        again.c = c.at;
        ls_gemm(&again);
        assert_same_bits(c.at, p.c, p.c_size, "shifted operands", ls_k->name);
        ls_release(a.memory);
        ls_release(b.memory);
        ls_release(c.memory);
    }
    problem_free(&p);
}

static void test_alignment(void **state)
{
    (void)state;
    for (size_t s = 0; s < SHAPES; s++)
        for (int transposes = 0; transposes < 4; transposes++)
            check_alignment(shaped(s, transposes, (float)(s % 2)));
}

static void test_matmul_failure(void **state)
{
    (void)state;
    float c[4] = {1, 2, 3, 4};
    const struct ls_gemm g = {
        .m = -1, .n = 2, .k = 2, .a = c, .b = c, .c = c, .lda = 2, .ldb = 2, .ldc = 2};
    assert_int_equal(ls_matmul(&g), LS_FAILED);
    assert_string_equal(ls_message(), "oneDNN computes no matrix product (its status 2)");
    assert_same_bits(c, (float[]){1, 2, 3, 4}, 4, "a refused product", ls_k->name);
}

static void *run_gemm(void *gemm)
{
    ls_gemm(gemm);
    return NULL;
}

/* OpenMP counts threads per thread: another one than the initializer's must not use all cores. */
static void test_other_thread(void **state)
{
    (void)state;
    for (size_t s = 0; s < SHAPES; s++) {
        struct problem p = {.gemm = shaped(s, 0, 0)};
        problem_make(&p, 0);
        ls_gemm(&p.gemm);
        memcpy(p.before, p.c, p.c_size * sizeof *p.c);
        memset(p.c, 0, p.c_size * sizeof *p.c);
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, run_gemm, &p.gemm), 0);
        pthread_join(thread, NULL);
        assert_same_bits(p.c, p.before, p.c_size, "in another thread", ls_k->name);
        problem_free(&p);
    }
}

static void test_two_threads(void **state)
{
    (void)state;
    assert_int_equal(ls_kernels_init(&(struct ls_kernel_options){.threads = 2}), LS_OK);
    assert_int_equal(ls_kernels_threads(), 2);
    check_problem(shaped(2, 0, 1), 0);
    check_problem((struct ls_gemm){.m = 300, .n = 9, .k = 700}, 0);
    check_alignment((struct ls_gemm){.m = 200, .n = 200, .k = 200});
    assert_int_equal(ls_kernels_init(&(struct ls_kernel_options){.threads = 1}), LS_OK);
    assert_int_equal(ls_kernels_threads(), 1);
}

/* The loops know several sets in one process; the probe is of what runs, and does not change. No
 * allocation's failure gives a hash, which two ranks could agree on. */
static void test_probe(void **state)
{
    (void)state;
    enum { ALLOCATIONS_MAX = 200 };
    uint64_t hash = 7, again = 7, other = 8;
    long n = 1;
    assert_int_equal(ls_kernels_probe(&hash), LS_OK);
    assert_int_equal(ls_kernels_probe(&again), LS_OK);
    assert_int_equal(ls_kernels_probe(&other), LS_OK);
    assert_true(hash == again && hash != other);
    for (ls_status status = LS_FAILED; status != LS_OK && n < ALLOCATIONS_MAX; n++) {
        ls_memory_fail_at(n);
        status = ls_kernels_probe(&again);
        ls_memory_fail_at(0);
        assert_true(status == LS_OK || strstr(ls_message(), "memory"));
    }
    assert_in_range(n, 4, ALLOCATIONS_MAX - 1);
}

/* -- orthonormal bases */

static void check_basis(int64_t rows, int64_t columns)
{
    double *a = malloc((size_t)(rows * columns) * sizeof *a + 1);
    double *q = malloc((size_t)(rows * columns) * sizeof *q + 1);
    for (int64_t i = 0; i < rows * columns; i++)
        q[i] = a[i] = (double)number_at(0, (size_t)i);
    assert_int_equal(ls_orthonormalize(q, rows, columns), LS_OK);
    for (int64_t i = 0; i < columns; i++)
        for (int64_t j = 0; j < columns; j++) {
            double product = 0, r = 0; /* Q^T Q, and R = Q^T A */
            for (int64_t k = 0; k < rows; k++) {
                product += q[k * columns + i] * q[k * columns + j];
                r += q[k * columns + i] * a[k * columns + j];
            }
            assert_true(fabs(product - (i == j)) < 1e-12);
            if (i > j)
                assert_true(fabs(r) < 1e-11 * (double)rows); /* R is upper triangular */
            if (i == j)
                assert_true(r > 0);
        }
    free(a);
    free(q);
}

static void test_orthonormalize(void **state)
{
    (void)state;
    check_basis(1, 1);
    check_basis(5, 5);
    check_basis(7, 3);
    check_basis(100, 40);
    check_basis(4, 0);
    double q[4] = {3, 0, 4, 1}; /* columns (3, 4) and (0, 1) */
    assert_int_equal(ls_orthonormalize(q, 2, 2), LS_OK);
    const double want[4] = {0.6, -0.8, 0.8, 0.6};
    for (size_t i = 0; i < 4; i++)
        assert_true(fabs(q[i] - want[i]) < 1e-15);
}

static void test_orthonormalize_failures(void **state)
{
    (void)state;
    double q[6] = {1, 2, 3, 4, 5, 6};
    assert_int_equal(ls_orthonormalize(q, 2, 3), LS_USAGE);
    assert_string_equal(ls_message(), "no orthonormal basis of 3 columns in 2 dimensions");
    for (long n = 1; n <= 4; n++) {
        ls_memory_fail_at(n);
        assert_int_equal(ls_orthonormalize(q, 3, 2), LS_FAILED);
        assert_true(q[0] == 1 && q[5] == 6);
    }
    ls_memory_fail_at(0);
    struct ls_blas whole = ls_blas;
    ls_blas.dgeqrf = NULL;
    assert_int_equal(ls_orthonormalize(q, 3, 2), LS_FAILED);
    assert_non_null(strstr(ls_message(), "without LAPACK"));
    ls_blas = whole;
    assert_int_equal(ls_orthonormalize(q, 3, 2), LS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),      cmocka_unit_test(test_empty),
        cmocka_unit_test(test_alignment),      cmocka_unit_test(test_other_thread),
        cmocka_unit_test(test_two_threads),    cmocka_unit_test(test_probe),
        cmocka_unit_test(test_orthonormalize), cmocka_unit_test(test_orthonormalize_failures),
        cmocka_unit_test(test_matmul_failure),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
