/* What the kernels compute on fixed inputs, as a hash: what `lockstep version` shows, and what is
 * compared where plans cannot be (model/plan_probe.c). */
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "kernel/convolution.h"
#include "kernel/gemm.h"
#include "kernel/kernels.h"

/* Numbers in [-1, 1) that need all 24 bits, so that an order of additions shows. */
static void fill_input(float *x, size_t n)
{
    enum { PERIOD = 8191 }; /* no divisor of a likely stride */
    const size_t first = n < PERIOD ? n : PERIOD;
    uint32_t state = 1;
    for (size_t i = 0; i < first; i++) {
        state = state * 1664525u + 1013904223u; /* Numerical Recipes' */
        x[i] = (float)(int32_t)(state & ~0xffu) * 0x1p-31f;
    }
    for (size_t i = first; i < n; i++)
        x[i] = x[i - PERIOD];
}

struct arrays {
    float *a, *b, *c;
};

static uint64_t probe_gemm(const struct arrays *x, struct ls_gemm gemm, uint64_t hash)
{
    gemm.a = x->a;
    gemm.b = x->b;
    gemm.c = x->c;
    ls_gemm(&gemm);
    return ls_hash64(x->c, (size_t)(gemm.m * gemm.n) * sizeof *x->c, hash);
}

/* Forward, gradient of the weights, gradient of the input of one dense layer. */
static uint64_t probe_shape(const struct arrays *x, const int64_t shape[3], uint64_t hash)
{
    const int64_t rows = shape[0], in = shape[1], out = shape[2];
    hash = probe_gemm(x, (struct ls_gemm){.m = rows, .n = out, .k = in}, hash);
    hash = probe_gemm(x, (struct ls_gemm){.m = in, .n = out, .k = rows, .transpose_a = true}, hash);
    return probe_gemm(x, (struct ls_gemm){.m = rows, .n = in, .k = out, .transpose_b = true}, hash);
}

/* Every activation, forward and backward: SLEEF's functions, whatever their version. */
static uint64_t probe_loops(const struct arrays *x, uint64_t hash)
{
    enum { ROWS = 16, COLUMNS = 33, COUNT = ROWS * COLUMNS };
    ls_k->scale(x->b, x->b, 6.0f, COUNT);
    for (int id = 0; id < LS_ACTIVATION_COUNT; id++) {
        struct ls_activation f = ls_activation_default((enum ls_activation_id)id);
        ls_k->activate(x->c, x->b, &f, COUNT, COLUMNS);
        hash = ls_hash64(x->c, COUNT * sizeof *x->c, hash);
        const float *saved = ls_activation_saves(&f) == LS_SAVES_INPUT ? x->b : x->c;
        ls_k->activate_backward(x->c, x->a, saved, &f, COUNT, COLUMNS);
        hash = ls_hash64(x->c, COUNT * sizeof *x->c, hash);
    }
    double sum = ls_k->sum(x->a, COUNT);
    return ls_hash64(&sum, sizeof sum, hash);
}

/* rows, in, out: an MNIST network's, one with odd sizes, one of several blocks. */
static const int64_t dense[][3] = {{32, 784, 128}, {32, 128, 10}, {7, 33, 19}, {48, 600, 520}};

/* The passes of convolutions that oneDNN computes in different ways. It chooses by the sizes of
 * caches too, so that CPUs whose matrix products agree may differ here. */
static const struct ls_convolution_shape convolutions[] = {
    {2, 1, 16, 1, {9, 9}, {7, 7}, {3, 3}, {1, 1}, {1, 1}, {0, 0}},
    {1, 16, 32, 1, {8, 8}, {4, 4}, {3, 3}, {2, 2}, {1, 1}, {0, 0}},
    {1, 24, 20, 1, {5, 5}, {5, 5}, {1, 1}, {1, 1}, {1, 1}, {0, 0}},
    {1, 16, 16, 16, {6, 6}, {6, 6}, {3, 3}, {1, 1}, {1, 1}, {1, 1}},
    {1, 32, 32, 1, {7, 7}, {5, 5}, {3, 3}, {1, 1}, {1, 1}, {0, 0}},
};
enum { FLOATS = 600 * 520 }; /* of the largest matrix, image or kernel */

static ls_status probe_convolution(const struct arrays *x, const struct ls_convolution_shape *s,
                                   uint64_t *hash)
{
    struct ls_convolution *convolution;
    LS_TRY(ls_convolution_create(&convolution, s, 2u * LS_CONVOLUTION_FAST - 1, false));
    const size_t out = (size_t)(s->rows * s->out[0] * s->out[1] * s->filters);
    const size_t in = (size_t)(s->rows * s->in[0] * s->in[1] * s->channels);
    const size_t kernel =
        (size_t)(s->kernel[0] * s->kernel[1] * s->channels / s->groups * s->filters);
    ls_convolution_forward(convolution, x->c, x->a, x->b, NULL);
    *hash = ls_hash64(x->c, out * sizeof *x->c, *hash);
    ls_convolution_data(convolution, x->c, x->a, x->b);
    *hash = ls_hash64(x->c, in * sizeof *x->c, *hash);
    ls_convolution_kernel(convolution, x->c, x->a, x->b, false);
    *hash = ls_hash64(x->c, kernel * sizeof *x->c, *hash);
    ls_convolution_free(convolution);
    return LS_OK;
}

ls_status ls_kernels_probe(uint64_t *hash)
{
    struct arrays x = {0};
    ls_status status;
    LS_TRY_OUT(ls_allocate(&x.a, FLOATS, sizeof *x.a));
    LS_TRY_OUT(ls_allocate(&x.b, FLOATS, sizeof *x.b));
    LS_TRY_OUT(ls_allocate(&x.c, FLOATS, sizeof *x.c));
    fill_input(x.a, FLOATS);
    fill_input(x.b, FLOATS);
    for (size_t s = 0; s < sizeof dense / sizeof *dense; s++)
        *hash = probe_shape(&x, dense[s], *hash);
    for (size_t s = 0; s < sizeof convolutions / sizeof *convolutions; s++)
        LS_TRY_OUT(probe_convolution(&x, &convolutions[s], hash));
    *hash = probe_loops(&x, *hash);
    status = ls_kernels_fault();
out:
    ls_release(x.a);
    ls_release(x.b);
    ls_release(x.c);
    return status;
}
