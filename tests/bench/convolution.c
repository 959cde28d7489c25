/* How fast convolutions are, by pass: milliseconds (the best of many) and GFLOPS of one thread, and
 * the share of the passes over the result that a layer adds. bench/peer_convolution.py prints the
 * same shapes with PyTorch. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "kernel/convolution.h"
#include "kernel/kernels.h"

/* rows, channels, filters, groups, in, out, kernel, stride, dilation, before */
static const struct ls_convolution_shape shapes[] = {
    {64, 1, 32, 1, {28, 28}, {26, 26}, {3, 3}, {1, 1}, {1, 1}, {0, 0}},
    {64, 32, 64, 1, {26, 26}, {24, 24}, {3, 3}, {1, 1}, {1, 1}, {0, 0}},
    {64, 32, 64, 1, {13, 13}, {11, 11}, {3, 3}, {1, 1}, {1, 1}, {0, 0}},
    {64, 3, 16, 1, {32, 32}, {32, 32}, {3, 3}, {1, 1}, {1, 1}, {1, 1}},
    {64, 16, 16, 1, {32, 32}, {32, 32}, {3, 3}, {1, 1}, {1, 1}, {1, 1}},
    {64, 32, 32, 1, {16, 16}, {16, 16}, {3, 3}, {1, 1}, {1, 1}, {1, 1}},
    {64, 64, 64, 1, {8, 8}, {8, 8}, {3, 3}, {1, 1}, {1, 1}, {1, 1}},
    {64, 16, 32, 1, {32, 32}, {16, 16}, {3, 3}, {2, 2}, {1, 1}, {0, 0}},
    {64, 16, 32, 1, {32, 32}, {16, 16}, {1, 1}, {2, 2}, {1, 1}, {0, 0}},
    {64, 32, 64, 1, {16, 16}, {16, 16}, {1, 1}, {1, 1}, {1, 1}, {0, 0}},
    {64, 1, 6, 1, {28, 28}, {28, 28}, {5, 5}, {1, 1}, {1, 1}, {2, 2}},
    {64, 6, 16, 1, {14, 14}, {10, 10}, {5, 5}, {1, 1}, {1, 1}, {0, 0}},
    {64, 16, 32, 1, {1, 100}, {1, 100}, {1, 5}, {1, 1}, {1, 1}, {0, 2}},
    {64, 32, 32, 32, {16, 16}, {16, 16}, {3, 3}, {1, 1}, {1, 1}, {1, 1}},
    {64, 32, 64, 32, {16, 16}, {16, 16}, {3, 3}, {1, 1}, {1, 1}, {1, 1}},
    {64, 32, 32, 4, {16, 16}, {16, 16}, {3, 3}, {1, 1}, {1, 1}, {1, 1}},
    {64, 16, 1, 1, {28, 28}, {28, 28}, {3, 3}, {1, 1}, {1, 1}, {1, 1}},
    {64, 1, 16, 1, {28, 28}, {14, 14}, {3, 3}, {2, 2}, {1, 1}, {0, 0}},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

struct problem {
    struct ls_convolution *convolution;
    float *in, *out, *kernel, *bias;
    size_t out_size, filters;
};

enum measured { FORWARD, DATA, KERNEL, ACTIVATE, ACTIVATE_BACK, BIAS_GRAD, MEASURED };

static void run(const struct problem *p, enum measured what)
{
    const struct ls_activation relu = ls_activation_default(LS_ACTIVATION_RELU);
    const size_t rows = p->out_size / p->filters;
    switch (what) {
    case FORWARD:
        ls_convolution_forward(p->convolution, p->out, p->in, p->kernel, p->bias);
        return;
    case DATA:
        ls_convolution_data(p->convolution, p->in, p->out, p->kernel);
        return;
    case KERNEL:
        ls_convolution_kernel(p->convolution, p->kernel, p->in, p->out, false);
        return;
    case ACTIVATE:
        ls_k->bias_activate(p->out, NULL, p->bias, &relu, rows, p->filters);
        return;
    case ACTIVATE_BACK:
        ls_k->activate_backward(p->out, p->out, p->out, &relu, p->out_size, p->filters);
        return;
    default:
        ls_k->column_sums(p->bias, p->out, rows, p->filters, false);
    }
}

static double best(const struct problem *p, enum measured what)
{
    const double length = 0.2, start = seconds();
    double least = 1e9;
    for (double now = start; now < start + length;) {
        run(p, what);
        double then = now;
        now = seconds();
        least = now - then < least ? now - then : least;
    }
    return least;
}

static float *numbers(size_t n)
{
    float *all = aligned_alloc(64, (n + 16) / 16 * 64);
    for (size_t i = 0; i < n; i++)
        all[i] = (float)(i * 2654435761u % 1000) * 1e-3f - 0.5f;
    return all;
}

static void measure(const struct ls_convolution_shape *s, unsigned passes)
{
    const size_t taps = (size_t)(s->kernel[0] * s->kernel[1] * s->channels / s->groups);
    struct problem p = {.filters = (size_t)s->filters};
    p.out_size = (size_t)(s->rows * s->out[0] * s->out[1] * s->filters);
    p.in = numbers((size_t)(s->rows * s->in[0] * s->in[1] * s->channels));
    p.out = numbers(p.out_size);
    p.kernel = numbers(taps * (size_t)s->filters);
    p.bias = numbers((size_t)s->filters);
    if (ls_convolution_create(&p.convolution, s, passes, true) != LS_OK) {
        puts(ls_message());
        exit(1);
    }
    printf("%2dx%2dx%2d -> %2d, %dx%d, stride %d, groups %2d |", (int)s->in[0], (int)s->in[1],
           (int)s->channels, (int)s->filters, (int)s->kernel[0], (int)s->kernel[1],
           (int)s->stride[0], (int)s->groups);
    for (int what = 0; what < MEASURED; what++) {
        double time = best(&p, (enum measured)what);
        printf(" %7.3f ms", 1e3 * time);
        if (what <= KERNEL)
            printf(" %5.1f |", 2e-9 * (double)p.out_size * (double)taps / time);
    }
    puts("");
    fflush(stdout);
    ls_convolution_free(p.convolution);
    free(p.in);
    free(p.out);
    free(p.kernel);
    free(p.bias);
}

int main(void)
{
    if (ls_kernels_init(NULL) != LS_OK) {
        puts(ls_message());
        return 1;
    }
    printf("%s, 64 rows: forward, data, kernel (ms, GFLOPS); bias and relu, relu's gradient, bias' "
           "gradient (ms)\n",
           ls_k->name);
    for (size_t s = 0; s < SHAPES; s++)
        measure(&shapes[s], LS_CONVOLUTION_FAST - 1);
    puts("where fewer multiplications do (LS_CONVOLUTION_FAST), GFLOPS of the same operations:");
    for (size_t s = 0; s < SHAPES; s++)
        measure(&shapes[s], 2 * LS_CONVOLUTION_FAST - 1);
    return 0;
}
