/* Convolutions against a plain loop in double, in every kernel set: oneDNN chooses its instruction
 * set once a process, so each set has a process of its own. The same bits again, elsewhere in
 * memory, and while another thread runs others. */
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/kernel_sets.h"

#include "base/memory.h"
#include "kernel/convolution.h"

enum { ALL_PASSES = (1 << LS_CONVOLUTION_PASSES) - 1 };

/* rows, channels, filters, groups, in, out, kernel, stride, dilation, before */
static const struct ls_convolution_shape shapes[] = {
    {2, 1, 32, 1, {28, 28}, {26, 26}, {3, 3}, {1, 1}, {1, 1}, {0, 0}},
    {3, 3, 16, 1, {9, 7}, {9, 7}, {3, 3}, {1, 1}, {1, 1}, {1, 1}},
    {2, 32, 64, 1, {8, 8}, {6, 6}, {3, 3}, {1, 1}, {1, 1}, {0, 0}},
    {2, 16, 32, 1, {8, 8}, {4, 4}, {3, 3}, {2, 2}, {1, 1}, {0, 0}},  /* same: one more below */
    {5, 5, 7, 1, {7, 6}, {3, 2}, {2, 3}, {3, 4}, {1, 1}, {1, 0}},    /* cells that none reads */
    {1, 4, 6, 2, {6, 5}, {6, 5}, {3, 2}, {1, 1}, {1, 1}, {1, 0}},    /* groups */
    {2, 12, 12, 12, {5, 9}, {5, 9}, {3, 3}, {1, 1}, {1, 1}, {1, 1}}, /* depthwise */
    {2, 3, 6, 3, {7, 7}, {3, 3}, {3, 3}, {2, 2}, {1, 1}, {0, 0}},    /* depthwise, two each */
    {3, 20, 33, 1, {4, 5}, {4, 5}, {1, 1}, {1, 1}, {1, 1}, {0, 0}},  /* 1 x 1 */
    {3, 20, 33, 1, {5, 5}, {2, 3}, {1, 1}, {3, 2}, {1, 1}, {0, 0}},  /* 1 x 1, stride */
    {2, 6, 5, 1, {9, 9}, {9, 9}, {3, 3}, {1, 1}, {2, 3}, {2, 3}},    /* dilation, same */
    {2, 8, 8, 1, {1, 20}, {1, 20}, {1, 5}, {1, 1}, {1, 2}, {0, 8}},  /* causal */
    {4, 7, 1, 1, {1, 11}, {1, 4}, {1, 4}, {1, 3}, {1, 1}, {0, 1}},   /* one filter */
    {2, 16, 1, 1, {6, 6}, {6, 6}, {3, 3}, {1, 1}, {1, 1}, {1, 1}},
    {2, 3, 2, 1, {2, 2}, {2, 2}, {5, 7}, {1, 1}, {1, 1}, {2, 3}}, /* larger than the image */
    {1, 1, 1, 1, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {0, 0}},
    {2, 2, 3, 1, {12, 12}, {4, 4}, {2, 2}, {3, 3}, {1, 1}, {0, 0}}, /* transposed: gaps */
    {2, 4, 8, 4, {6, 6}, {4, 3}, {2, 2}, {1, 2}, {2, 1}, {0, 0}},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

struct problem {
    struct ls_convolution_shape shape;
    struct ls_convolution *convolution;
    float *in, *out, *kernel, *bias; /* given */
    float *result[LS_CONVOLUTION_PASSES];
    size_t size[LS_CONVOLUTION_PASSES]; /* of the results: out, in, kernel */
};

static void problem_make_with(struct problem *p, const struct ls_convolution_shape *s, bool bias,
                              unsigned passes)
{
    *p = (struct problem){.shape = *s};
    p->size[LS_CONVOLUTION_FORWARD] = (size_t)(s->rows * s->out[0] * s->out[1] * s->filters);
    p->size[LS_CONVOLUTION_DATA] = (size_t)(s->rows * s->in[0] * s->in[1] * s->channels);
    p->size[LS_CONVOLUTION_KERNEL] =
        (size_t)(s->kernel[0] * s->kernel[1] * s->channels / s->groups * s->filters);
    p->out = make_array(0, p->size[LS_CONVOLUTION_FORWARD]);
    p->in = make_array(1, p->size[LS_CONVOLUTION_DATA]);
    p->kernel = make_array(2, p->size[LS_CONVOLUTION_KERNEL]);
    p->bias = bias ? make_array(3, (size_t)s->filters) : NULL;
    for (size_t pass = 0; pass < LS_CONVOLUTION_PASSES; pass++)
        p->result[pass] = make_array(4, p->size[pass]);
    assert_int_equal(ls_convolution_create(&p->convolution, s, passes, bias), LS_OK);
}

static void problem_make(struct problem *p, const struct ls_convolution_shape *s, bool bias)
{
    problem_make_with(p, s, bias, ALL_PASSES);
}

static void problem_free(struct problem *p)
{
    ls_convolution_free(p->convolution);
    free_array(p->out);
    free_array(p->in);
    free_array(p->kernel);
    if (p->bias)
        free_array(p->bias);
    for (size_t pass = 0; pass < LS_CONVOLUTION_PASSES; pass++)
        free_array(p->result[pass]);
}

static void problem_run(struct problem *p)
{
    ls_convolution_forward(p->convolution, p->result[0], p->in, p->kernel, p->bias);
    ls_convolution_data(p->convolution, p->result[1], p->out, p->kernel);
    ls_convolution_kernel(p->convolution, p->result[2], p->in, p->out, false);
}

/* -- the plain loop: sums and sums of magnitudes of each pass */

struct expected {
    double *sum[LS_CONVOLUTION_PASSES], *size[LS_CONVOLUTION_PASSES];
};

static void add(struct expected *e, size_t pass, size_t at, double term)
{
    e->sum[pass][at] += term;
    e->size[pass][at] += fabs(term);
}

/* One cell of the kernel at one place of the result. */
static void add_cell(struct expected *e, const struct problem *p, const int64_t at[5])
{
    const struct ls_convolution_shape *s = &p->shape;
    const int64_t row = at[0], inputs = s->channels / s->groups, outputs = s->filters / s->groups;
    int64_t y[2];
    for (int a = 0; a < 2; a++) {
        y[a] = at[1 + a] * s->stride[a] + at[3 + a] * s->dilation[a] - s->before[a];
        if (y[a] < 0 || y[a] >= s->in[a])
            return;
    }
    for (int64_t f = 0; f < s->filters; f++)
        for (int64_t c = 0; c < inputs; c++) {
            const int64_t channel = f / outputs * inputs + c;
            size_t in =
                (size_t)(((row * s->in[0] + y[0]) * s->in[1] + y[1]) * s->channels + channel);
            size_t out = (size_t)(((row * s->out[0] + at[1]) * s->out[1] + at[2]) * s->filters + f);
            size_t kernel =
                (size_t)(((at[3] * s->kernel[1] + at[4]) * inputs + c) * s->filters + f);
            add(e, LS_CONVOLUTION_FORWARD, out, (double)p->in[in] * (double)p->kernel[kernel]);
            add(e, LS_CONVOLUTION_DATA, in, (double)p->out[out] * (double)p->kernel[kernel]);
            add(e, LS_CONVOLUTION_KERNEL, kernel, (double)p->in[in] * (double)p->out[out]);
        }
}

static void expect(struct expected *e, const struct problem *p)
{
    const struct ls_convolution_shape *s = &p->shape;
    for (int pass = 0; pass < LS_CONVOLUTION_PASSES; pass++) {
        e->sum[pass] = calloc(p->size[pass], sizeof(double));
        e->size[pass] = calloc(p->size[pass], sizeof(double));
    }
    for (size_t i = 0; p->bias && i < p->size[0]; i++)
        add(e, LS_CONVOLUTION_FORWARD, i, (double)p->bias[i % (size_t)s->filters]);
    int64_t at[5];
    for (at[0] = 0; at[0] < s->rows; at[0]++)
        for (at[1] = 0; at[1] < s->out[0]; at[1]++)
            for (at[2] = 0; at[2] < s->out[1]; at[2]++)
                for (at[3] = 0; at[3] < s->kernel[0]; at[3]++)
                    for (at[4] = 0; at[4] < s->kernel[1]; at[4]++)
                        add_cell(e, p, at);
}

static void compare(const struct problem *p, const struct expected *e, size_t shape,
                    const float *before)
{
    static const char *const names[] = {"forward", "data", "kernel"};
    for (int pass = 0; pass < LS_CONVOLUTION_PASSES; pass++)
        for (size_t i = 0; i < p->size[pass]; i++) {
            double wanted = e->sum[pass][i], size = e->size[pass][i];
            if (before && pass == LS_CONVOLUTION_KERNEL) {
                wanted += (double)before[i];
                size += fabs((double)before[i]);
            }
            if (!(fabs((double)p->result[pass][i] - wanted) <= 1e-6 * size))
                fail_msg("shape %zu, set %s, %s[%zu]: %.9g, not %.9g", shape, ls_k->name,
                         names[pass], i, (double)p->result[pass][i], wanted);
        }
}

/* The errors of a fast pass are of the size of what is around. */
static void compare_fast(const struct problem *p, const struct expected *e, size_t shape, int pass)
{
    double largest = 0;
    for (size_t i = 0; i < p->size[pass]; i++)
        largest = fmax(largest, e->size[pass][i]);
    for (size_t i = 0; i < p->size[pass]; i++)
        if (!(fabs((double)p->result[pass][i] - e->sum[pass][i]) <= 4e-6 * largest))
            fail_msg("fast shape %zu, set %s, pass %d, [%zu]: %.9g, not %.9g", shape, ls_k->name,
                     pass, i, (double)p->result[pass][i], e->sum[pass][i]);
}

static void expected_free(struct expected *e)
{
    for (int pass = 0; pass < LS_CONVOLUTION_PASSES; pass++) {
        free(e->sum[pass]);
        free(e->size[pass]);
    }
}

/* Where fewer multiplications do (with AVX-512), and not; elsewhere the bits are those of before.
 */
static void test_fast(void **state)
{
    static const struct ls_convolution_shape fast[] = {
        {2, 32, 64, 1, {13, 13}, {11, 11}, {3, 3}, {1, 1}, {1, 1}, {0, 0}},
        {3, 48, 32, 1, {9, 7}, {9, 7}, {3, 3}, {1, 1}, {1, 1}, {1, 1}},
        {1, 64, 64, 1, {3, 3}, {1, 1}, {3, 3}, {1, 1}, {1, 1}, {0, 0}},
        {2, 32, 32, 1, {8, 8}, {6, 6}, {3, 3}, {1, 1}, {1, 1}, {0, 0}},
        {2, 32, 32, 1, {8, 8}, {12, 12}, {3, 3}, {1, 1}, {1, 1}, {3, 3}}, /* much padding */
        {2, 32, 40, 1, {8, 8}, {8, 8}, {3, 3}, {1, 1}, {1, 1}, {1, 1}},
        {2, 32, 32, 1, {9, 9}, {4, 4}, {3, 3}, {2, 2}, {1, 1}, {0, 0}},
    };
    const bool is_fast = strcmp(ls_k->name, "avx512") == 0;
    (void)state;
    for (size_t s = 0; s < sizeof fast / sizeof *fast; s++) {
        struct problem p, direct;
        struct expected e;
        problem_make_with(&p, &fast[s], s % 2, ALL_PASSES | LS_CONVOLUTION_FAST);
        problem_make(&direct, &fast[s], s % 2);
        expect(&e, &p);
        problem_run(&p);
        problem_run(&direct);
        for (int pass = 0; pass < LS_CONVOLUTION_PASSES; pass++)
            compare_fast(&p, &e, s, pass);
        for (int pass = 0; pass < LS_CONVOLUTION_PASSES && !is_fast; pass++)
            assert_same_bits(p.result[pass], direct.result[pass], p.size[pass], "fast", ls_k->name);
        expected_free(&e);
        problem_free(&p);
        problem_free(&direct);
    }
}

static void test_reference(void **state)
{
    (void)state;
    for (size_t s = 0; s < SHAPES; s++) {
        struct problem p;
        struct expected e;
        problem_make(&p, &shapes[s], s % 2);
        expect(&e, &p);
        for (int pass = 0; pass < LS_CONVOLUTION_PASSES; pass++)
            for (size_t i = 0; i < p.size[pass]; i++)
                p.result[pass][i] = NAN; /* is only written */
        problem_run(&p);
        compare(&p, &e, s, NULL);
        float *first = make_array(5, p.size[LS_CONVOLUTION_KERNEL]);
        memcpy(p.result[LS_CONVOLUTION_KERNEL], first,
               p.size[LS_CONVOLUTION_KERNEL] * sizeof *first);
        ls_convolution_kernel(p.convolution, p.result[LS_CONVOLUTION_KERNEL], p.in, p.out, true);
        compare(&p, &e, s, first);
        free_array(first);
        expected_free(&e);
        problem_free(&p);
    }
}

/* What is not asked for is not made. */
static void test_some_passes(void **state)
{
    (void)state;
    for (int pass = 0; pass < LS_CONVOLUTION_PASSES; pass++) {
        struct problem all;
        struct ls_convolution *one;
        problem_make(&all, &shapes[2], false);
        problem_run(&all);
        float *result = make_array(6, all.size[pass]);
        assert_int_equal(ls_convolution_create(&one, &shapes[2], 1u << pass, false), LS_OK);
        if (pass == LS_CONVOLUTION_FORWARD)
            ls_convolution_forward(one, result, all.in, all.kernel, NULL);
        else if (pass == LS_CONVOLUTION_DATA)
            ls_convolution_data(one, result, all.out, all.kernel);
        else
            ls_convolution_kernel(one, result, all.in, all.out, false);
        assert_same_bits(result, all.result[pass], all.size[pass], "alone", ls_k->name);
        ls_convolution_free(one);
        free_array(result);
        problem_free(&all);
    }
}

/* -- the same bits */

static void *run_again(void *user)
{
    for (size_t s = 0; s < SHAPES; s++)
        for (int i = 0; i < 3; i++)
            problem_run((struct problem *)user + s);
    return NULL;
}

static void test_threads(void **state)
{
    static struct problem mine[SHAPES], others[SHAPES];
    pthread_t thread;
    (void)state;
    for (size_t s = 0; s < SHAPES; s++) {
        problem_make(&mine[s], &shapes[s], true);
        problem_make(&others[s], &shapes[s], true);
    }
    assert_int_equal(pthread_create(&thread, NULL, run_again, others), 0);
    run_again(mine);
    pthread_join(thread, NULL);
    for (size_t s = 0; s < SHAPES; s++) {
        for (int pass = 0; pass < LS_CONVOLUTION_PASSES; pass++)
            assert_same_bits(others[s].result[pass], mine[s].result[pass], mine[s].size[pass],
                             "in two threads", ls_k->name);
        problem_free(&mine[s]);
        problem_free(&others[s]);
    }
}

static void test_alignment(void **state)
{
    (void)state;
    for (size_t s = 0; s < SHAPES; s++) {
        struct problem p;
        problem_make(&p, &shapes[s], true);
        problem_run(&p);
        for (size_t shift = 1; shift < 16; shift += 5) {
            float *memory = malloc((p.size[0] + 17) * sizeof *memory), *out = memory + shift;
            float *other = malloc((p.size[1] + 17) * sizeof *other), *in = other + shift + 1;
            memcpy(in, p.in, p.size[1] * sizeof *in);
            ls_convolution_forward(p.convolution, out, in, p.kernel, p.bias);
            assert_same_bits(out, p.result[0], p.size[0], "shifted", ls_k->name);
            memcpy(out, p.out, p.size[0] * sizeof *out);
            ls_convolution_data(p.convolution, in, out, p.kernel);
            assert_same_bits(in, p.result[1], p.size[1], "shifted", ls_k->name);
            free(memory);
            free(other);
        }
        problem_free(&p);
    }
}

/* A NaN is seen in every result that it is part of: it is not silently 0. */
static void test_nan(void **state)
{
    (void)state;
    for (size_t s = 0; s < SHAPES; s++) {
        struct problem p;
        problem_make(&p, &shapes[s], false);
        for (size_t i = 0; i < p.size[LS_CONVOLUTION_KERNEL]; i++)
            p.kernel[i] = NAN;
        problem_run(&p);
        assert_int_equal(ls_k->find_nonfinite(p.result[LS_CONVOLUTION_FORWARD], 1), 0);
        problem_free(&p);
    }
}

static void test_no_memory(void **state)
{
    struct ls_convolution *convolution = NULL;
    long blocks = ls_memory_blocks(), n = 0;
    ls_status status;
    (void)state;
    do {
        ls_memory_fail_at(++n);
        status = ls_convolution_create(&convolution, &shapes[2], ALL_PASSES, true);
        ls_memory_fail_at(0);
        if (status != LS_OK) {
            assert_int_equal(status, LS_FAILED);
            assert_null(convolution);
            assert_int_equal(ls_memory_blocks(), blocks);
        }
    } while (status != LS_OK);
    assert_true(n > 3);
    ls_convolution_free(convolution);
    ls_convolution_free(NULL);
    assert_int_equal(ls_memory_blocks(), blocks);
}

static void test_refused(void **state)
{
    struct ls_convolution *convolution;
    struct ls_convolution_shape none = shapes[0];
    (void)state;
    none.rows = -1;
    assert_int_equal(ls_convolution_create(&convolution, &none, ALL_PASSES, true), LS_FAILED);
    assert_string_equal(ls_message(), "oneDNN refuses a convolution (its status 2)");
}

/* -- a process a set */

static int start(void **state)
{
    (void)state;
    return ls_kernels_init(NULL) == LS_OK ? 0 : -1;
}

static int run_set(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),   cmocka_unit_test(test_fast),
        cmocka_unit_test(test_some_passes), cmocka_unit_test(test_threads),
        cmocka_unit_test(test_alignment),   cmocka_unit_test(test_nan),
        cmocka_unit_test(test_no_memory),   cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}

static void test_sets(void **state)
{
    (void)state;
    for (size_t set = 0; set < LS_KERNEL_SET_COUNT; set++) {
        int status = -1;
        if (!set_runs(set))
            continue;
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            setenv("LOCKSTEP_KERNELS", set_names[set], 1);
            execl("/proc/self/exe", "kernel_convolution", set_names[set], (char *)NULL);
            _exit(1);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            fail_msg("set %s: status %#x", set_names[set], (unsigned)status);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sets)};
    (void)argv;
    return argc > 1 ? run_set() : cmocka_run_group_tests(tests, NULL, NULL);
}
