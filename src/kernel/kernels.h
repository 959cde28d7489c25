/* The loops of our own, compiled once per instruction set from one source (kernel/loops.inc) and
 * chosen at start. All of them work on float32, row-major; outputs first, then inputs, then
 * dimensions. Unless a line says otherwise an output may be the same memory as an input (in place),
 * never a part of it, and pointers need no alignment (though the arenas are aligned to 64 bytes).
 * Every set gives the same bits: no fused multiply-add, SLEEF's deterministic functions, fixed
 * lanes of 16 in sums. None allocates or fails. */
#ifndef KERNEL_KERNELS_H
#define KERNEL_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "base/status.h"
#include "kernel/activation.h"

/* Options of an optimizer's update; which fields count is said at each loop. In double, because
 * 1 - beta is taken in double before it is rounded, as Keras does: 1 - 0.999f is 5e-5 off. */
struct ls_update {
    double learning_rate;
    double momentum;       /* SGD, RMSprop */
    bool nesterov;         /* SGD */
    double rho;            /* RMSprop, Adadelta */
    bool centered;         /* RMSprop */
    double beta_1, beta_2; /* Adam and its kin, Lion */
    double epsilon;
    bool amsgrad;                       /* Adam */
    double correction;                  /* Adam: sqrt(1 - beta_2^t) / (1 - beta_1^t) */
    double rest_1, rest_2;              /* Adamax, Nadam, LAMB: 1 - beta_1^t, 1 - beta_2^t */
    double of_momentum, of_gradient;    /* Nadam: the factors of both in the step */
    double power, l1, l2, l2_shrinkage; /* Ftrl: of the accumulator; of the penalties */
};

/* What numbers a batch's rows are read from. */
enum ls_number_type {
    LS_NUMBER_UINT8,
    LS_NUMBER_INT8,
    LS_NUMBER_UINT16,
    LS_NUMBER_INT16,
    LS_NUMBER_INT32,
    LS_NUMBER_INT64,
    LS_NUMBER_FLOAT,
    LS_NUMBER_DOUBLE
};
size_t ls_number_bytes(enum ls_number_type type);

/* The index of the first element that is no whole number in [0, count), or n. */
size_t ls_find_no_index(const float *a, size_t n, int64_t count);

/* One step of an LSTM over rows; the gates of a row are [4][units]: i, f, c, o. */
struct ls_lstm_step {
    float *gates;             /* sums without the bias; then what comes out of the activations */
    float *cell, *cell_out;   /* [rows][units]: the cell's state, and tanh of it */
    float *hidden;            /* [rows][units]: the output */
    const float *bias;        /* [4][units], or NULL */
    const float *cell_before; /* [rows][units] */
    size_t rows, units;
};

/* The same backward: gradients of what the step made, in place those of what it began with (of the
 * hidden state 0: it comes in through the gates). */
struct ls_lstm_gradient {
    float *gates_grad;              /* of the sums */
    float *hidden_grad, *cell_grad; /* [rows][units] */
    const float *gates, *cell_before, *cell_out;
    size_t rows, units;
};

/* One step of a GRU whose reset gate counts after the product; gates are [3][units]: z, r, h. */
struct ls_gru_step {
    float *gates;        /* x kernel; then what comes out of the activations */
    float *extra;        /* [rows][units]: h recurrent_kernel + bias of the candidate */
    float *hidden;       /* [rows][units]: the output */
    const float *inner;  /* [rows][3][units]: h recurrent_kernel */
    const float *bias;   /* [2][3][units], of x and of h; or NULL */
    const float *before; /* [rows][units]: h */
    size_t rows, units;
};

/* The same backward: in place of the gradient of the output what comes to h other than through the
 * gates. */
struct ls_gru_gradient {
    float *gates_grad, *inner_grad; /* of x kernel and of inner */
    float *hidden_grad;             /* [rows][units] */
    const float *gates, *extra, *before;
    size_t rows, units;
};

/* Windows over images [height][width][channels], the height first in each pair. Window i of an axis
 * has the cells from i stride - before on, `size` of them, of which those outside the image do not
 * count; one at least is inside. */
struct ls_pool {
    size_t in[2], out[2]; /* cells; windows */
    size_t size[2], stride[2], before[2];
    size_t channels;
    bool bytes; /* max_pool keeps winners in bytes: at most 256 cells in a window */
    bool mean;  /* mean_pool gives means, else sums */
};

/* How a number is told: as it is, or in 16 bits: bfloat16 has float32's range and 8 bits of
 * fraction, float16 (IEEE 754's binary16) 11 bits and numbers to 65504. */
enum ls_wire { LS_WIRE_FLOAT32, LS_WIRE_BF16, LS_WIRE_FP16 };

/* What a map over columns has for each of them. */
struct ls_column_map {
    const float *mean, *factor, *slope, *offset;
};

/* What a map over rows has: of each row shift, factor, and backward slope and offset; of each
 * column gamma and beta, which may be NULL (1 and 0). */
struct ls_row_map {
    const float *shift, *factor, *slope, *offset, *gamma, *beta;
};

struct ls_kernels {
    const char *name; /* "baseline", "avx2", "avx512" */

    /* -- element-wise */
    void (*fill)(float *out, float value, size_t n);
    void (*add)(float *out, const float *a, const float *b, size_t n); /* a + b */
    void (*subtract)(float *out, const float *a, const float *b, size_t n);
    void (*multiply)(float *out, const float *a, const float *b, size_t n);
    /* The larger and the smaller of both; NaN where one is. */
    void (*maximum)(float *out, const float *a, const float *b, size_t n);
    void (*minimum)(float *out, const float *a, const float *b, size_t n);
    /* Where a == b: taken = rest, rest = 0; else taken = 0. taken is no input. */
    void (*take_equal)(float *taken, float *rest, const float *a, const float *b, size_t n);
    void (*scale)(float *out, const float *a, float factor, size_t n); /* a * factor */
    void (*axpy)(float *out, float factor, const float *a, size_t n);  /* out += factor * a */
    void (*affine)(float *out, const float *a, float factor, float offset, size_t n);
    /* out[r][c] = (a[r][c] - mean[c]) * factor[c] */
    void (*normalize_columns)(float *out, const float *a, const float *mean, const float *factor,
                              size_t rows, size_t columns);
    /* sum[c] += sum over r of a[r][c], squares[c] += that of a^2; in double, rows in order. */
    void (*column_moments)(double *sum, double *squares, const float *a, size_t rows,
                           size_t columns);
    /* sum[c] += sum over r of g[r][c], products[c] += that of g (a - mean), the difference in
     * float; likewise. */
    void (*column_products)(double *sum, double *products, const float *g, const float *a,
                            const float *mean, size_t rows, size_t columns);
    /* out[r][c] = (a[r][c] - mean[c]) * factor[c] + offset[c] */
    void (*map_columns)(float *out, const float *a, const struct ls_column_map *map, size_t rows,
                        size_t columns);
    /* out = g * factor + (a - mean) * slope + offset */
    void (*map_columns_backward)(float *out, const float *g, const float *a,
                                 const struct ls_column_map *map, size_t rows, size_t columns);
    /* sum[r] = sum over c of a[r][c], squares[r] = that of a^2; in double, in 16 lanes. */
    void (*row_moments)(double *sum, double *squares, const float *a, size_t rows, size_t columns);
    /* sum[r] = sum over c of g[r][c] gamma[c], products[r] = that of g gamma (a - shift[r]);
     * likewise. */
    void (*row_products)(double *sum, double *products, const float *g, const float *a,
                         const struct ls_row_map *map, size_t rows, size_t columns);
    /* sum[c] += sum over r of g[r][c], products[c] += that of g (a - shift[r]) factor[r]; in
     * double, rows in order. */
    void (*column_products_of_rows)(double *sum, double *products, const float *g, const float *a,
                                    const struct ls_row_map *map, size_t rows, size_t columns);
    /* out[r][c] = (a[r][c] - shift[r]) * factor[r] * gamma[c] + beta[c] */
    void (*map_rows)(float *out, const float *a, const struct ls_row_map *map, size_t rows,
                     size_t columns);
    /* out = g gamma[c] factor[r] + (a - shift[r]) slope[r] + offset[r] */
    void (*map_rows_backward)(float *out, const float *g, const float *a,
                              const struct ls_row_map *map, size_t rows, size_t columns);
    /* Rows of numbers of a type to float: exact for what float32 holds, else rounded. */
    void (*convert)(float *out, const void *in, enum ls_number_type type, size_t n);
    /* out = a + error, rounded to the nearest number of 16 bits (ties to the even one); error =
     * what the rounding leaves, to be told the next time. The largest number stands for larger
     * ones; of NaN and infinities nothing is left. */
    void (*narrow)(uint16_t *out, float *error, const float *a, enum ls_wire type, size_t n);
    void (*widen)(float *out, const uint16_t *a, enum ls_wire type, size_t n);
    /* The index of the first element that is NaN or infinite, or n. */
    size_t (*find_nonfinite)(const float *a, size_t n);

    /* -- activations */
    /* out = f(in). For softmax and log_softmax n is rows * columns and rows are of `columns`
     * elements; for the others columns does not count. */
    void (*activate)(float *out, const float *in, const struct ls_activation *f, size_t n,
                     size_t columns);
    /* in_grad = out_grad * f'. `saved` is f's output, or its input, as ls_activation_saves says.
     * in_grad may be out_grad. */
    void (*activate_backward)(float *in_grad, const float *out_grad, const float *saved,
                              const struct ls_activation *f, size_t n, size_t columns);
    /* Dense's epilogue in one pass: x[r][c] = f(x[r][c] + bias[c]); bias may be NULL. When before
     * is not NULL the values before f are kept there (rows * columns). Works for softmax too. */
    void (*bias_activate)(float *x, float *before, const float *bias, const struct ls_activation *f,
                          size_t rows, size_t columns);
    /* out[c] (+)= sum over r of a[r][c], rows in order, so the bits depend on rows alone. */
    void (*column_sums)(float *out, const float *a, size_t rows, size_t columns, bool accumulate);

    /* -- pooling: over `rows` images one after the other; nothing in place */
    /* The largest of each window, NaN where one is. winner (NULL: nobody asks) keeps which cell of
     * the window it was, the first of equals (the last cell after a NaN), for max_pool_backward: a
     * byte, or a float unless `bytes`, for each number of out. */
    void (*max_pool)(float *out, void *winner, const float *in, const struct ls_pool *pool,
                     size_t rows);
    /* in_grad of a cell = sum of out_grad of the windows it won, in their order. */
    void (*max_pool_backward)(float *in_grad, const float *out_grad, const void *winner,
                              const struct ls_pool *pool, size_t rows);
    /* The mean of each window's cells inside the image, or their sum; and what each cell gets. */
    void (*mean_pool)(float *out, const float *in, const struct ls_pool *pool, size_t rows);
    void (*mean_pool_backward)(float *in_grad, const float *out_grad, const struct ls_pool *pool,
                               size_t rows);

    /* -- random */
    /* Dropout (Srivastava et al., JMLR 15, 2014), inverted: out = keep ? in * f : 0, f being
     * 1 / (1 - rate) computed in double and rounded. The element e of row r is dropped when the
     * uniform number e of (key; counter words: e / 4, low and high word of samples[r], stream) is
     * below rate. Backward is the same call on the gradient. rate in [0, 1). `stream` numbers the
     * layer's call and the epoch. */
    void (*dropout)(float *out, const float *in, float rate, struct ls_random_key key,
                    uint32_t stream, const int64_t *samples, size_t rows, size_t columns);

    /* -- recurrent layers: a step, with sigmoid and tanh */
    void (*lstm_forward)(const struct ls_lstm_step *step);
    void (*lstm_backward)(const struct ls_lstm_gradient *step);
    void (*gru_forward)(const struct ls_gru_step *step);
    void (*gru_backward)(const struct ls_gru_gradient *step);

    /* -- sums (double, fixed lanes; see ls_sum_blocks) ------------------------------------------
     */
    double (*sum)(const float *a, size_t n);
    double (*sum_squares)(const float *a, size_t n);
    double (*sum_absolute)(const float *a, size_t n);

    /* -- losses: per-sample values, and the gradient of each value ------------------------------
     */
    /* Sparse cross-entropy of logits: value[r] = log sum exp(z[r]) - z[r][class], grad = softmax(z)
     * - onehot (grad may be NULL, or z itself). Classes are floats with whole values in
     * [0, columns); they were checked when they were read. */
    void (*softmax_crossentropy)(float *value, float *grad, const float *logits,
                                 const float *classes, size_t rows, size_t columns);
    /* The same against target distributions t[r][c]: value = -sum t log softmax(z); grad =
     * softmax(z)
     * * sum t - t. */
    void (*softmax_crossentropy_dense)(float *value, float *grad, const float *logits,
                                       const float *targets, size_t rows, size_t columns);
    /* Element-wise: value = max(z,0) - z y + log(1 + exp(-|z|)); grad = sigmoid(z) - y. */
    void (*sigmoid_crossentropy)(float *value, float *grad, const float *logits,
                                 const float *targets, size_t n);
    /* out[r] = the index of the largest element of the row, the first of equals (as a float). */
    void (*argmax_rows)(float *out, const float *a, size_t rows, size_t columns);

    /* -- optimizers: Keras 3's formulas (shared reference, section 9) ---------------------------
     */
    /* momentum_slot NULL: w -= lr g. Else m = mu m - lr g; w += m, or with nesterov
     * w += mu m - lr g. */
    void (*sgd)(float *w, float *momentum_slot, const float *g, const struct ls_update *u,
                size_t n);
    /* m += (g-m)(1-b1); v += (g^2-v)(1-b2); w -= m lr correction / (sqrt(v) + eps); with amsgrad
     * v_hat = max(v_hat, v) in place of v (v_hat NULL without). */
    void (*adam)(float *w, float *m, float *v, float *v_hat, const float *g,
                 const struct ls_update *u, size_t n);
    /* v = rho v + (1-rho) g^2; d = v [- a^2, a = rho a + (1-rho) g] + eps; inc = lr g / sqrt(d);
     * momentum > 0: m = mu m + inc, w -= m, else w -= inc. Slots that are not used are NULL. */
    void (*rmsprop)(float *w, float *v, float *m, float *a, const float *g,
                    const struct ls_update *u, size_t n);
    /* m as Adam's; norm = max(b2 norm, |g|); w -= lr m / (rest_1 (norm + eps)) */
    void (*adamax)(float *w, float *m, float *norm, const float *g, const struct ls_update *u,
                   size_t n);
    /* m and v as Adam's; w -= (m of_momentum + g of_gradient) lr / (sqrt(v / rest_2) + eps) */
    void (*nadam)(float *w, float *m, float *v, const float *g, const struct ls_update *u,
                  size_t n);
    /* s += g^2; w -= lr g / sqrt(s + eps) */
    void (*adagrad)(float *w, float *s, const float *g, const struct ls_update *u, size_t n);
    /* s = rho s + (1-rho) g^2; step = sqrt(d + eps) g / sqrt(s + eps);
     * d = rho d + (1-rho) step^2; w -= lr step */
    void (*adadelta)(float *w, float *s, float *d, const float *g, const struct ls_update *u,
                     size_t n);
    /* s' = s + g^2; z += g + 2 l2_shrinkage w - (s'^power - s^power) / lr w;
     * w = (clip(z, -l1, l1) - z) / (s'^power / lr + 2 l2); s = s' */
    void (*ftrl)(float *w, float *s, float *z, const float *g, const struct ls_update *u, size_t n);
    /* w -= lr sign(m b1 + g (1-b1)); m = m b2 + g (1-b2) */
    void (*lion)(float *w, float *m, const float *g, const struct ls_update *u, size_t n);
    /* m and v as Adam's; step = m / rest_1 / (sqrt(v / rest_2) + eps). w stays. */
    void (*lamb)(float *step, float *m, float *v, const float *g, const struct ls_update *u,
                 size_t n);
    /* w -= w decay learning_rate */
    void (*decay_weights)(float *w, double decay, double learning_rate, size_t n);
    /* out = a, at least -most and at most most; NaN where a is. */
    void (*clip)(float *out, const float *a, float most, size_t n);
    /* mean = momentum mean + (1 - momentum) a */
    void (*moving_mean)(float *mean, const float *a, float momentum, size_t n);

    /* -- measuring: so many rounds of multiplications and additions in independent chains, fused
     * where the set can; returns how many operations that was. out: 16 floats that depend on all.
     */
    double (*multiply_add)(float *out, size_t rounds);
};

/* The chosen set. Valid after ls_kernels_init. */
extern const struct ls_kernels *ls_k;

/* What is asked for; 0 or NULL: the default. */
struct ls_kernel_options {
    int threads; /* of OpenBLAS and oneDNN; default 1 */
};

/* Loads OpenBLAS for this CPU, chooses the set (`LOCKSTEP_KERNELS` by hand: baseline, avx2, avx512,
 * and with it OpenBLAS' core and oneDNN's instruction set), sets the threads. May be called again:
 * only the threads change, and not even they where options is NULL. LS_FAILED when OpenBLAS cannot
 * be loaded, LS_USAGE when the set is unknown or the CPU lacks it. Changes OPENBLAS_CORETYPE and
 * OPENBLAS_NUM_THREADS in the environment only while OpenBLAS loads, and puts them back. */
ls_status ls_kernels_init(const struct ls_kernel_options *options);
int ls_kernels_threads(void);

/* LS_FAILED when since the last call some product or convolution was not computed on this thread,
 * for want of memory that a library takes by itself: then whatever was made from it is void. */
ls_status ls_kernels_fault(void);

/* What one core does at most with the chosen set, in GFLOPS (a multiplication and an addition are
 * two operations): measured, the best of several tries, which take 50 ms in all. */
double ls_kernels_peak(void);

/* For `lockstep version` and the run's identity. */
struct ls_kernel_identity {
    char set[16];          /* "avx512" */
    char blas_core[32];    /* "SkylakeX" */
    char blas_version[32]; /* "0.3.21" */
    char onednn_version[32];
    char onednn_isa[32];
    char sleef_version[32];
    char cpu[64];   /* model name */
    uint64_t probe; /* hash of the versions, and of what the kernels compute from fixed numbers */
};
/* LS_FAILED when there is no memory for the probe. */
ls_status ls_kernels_identity(struct ls_kernel_identity *identity);
/* What products, convolutions and activations of several shapes make of fixed numbers, as a hash,
 * begun with *hash. */
ls_status ls_kernels_probe(uint64_t *hash);

/* Sum, or sum of squares or magnitudes, of a variable in the one order that does not depend on who
 * computes it: double sums over blocks of LS_SUM_BLOCK elements (each in 16 fixed lanes), then the
 * fixed tree over the blocks (ls_tree_sum). */
enum { LS_SUM_BLOCK = 4096 };
enum ls_sum { LS_SUM, LS_SUM_SQUARES, LS_SUM_ABSOLUTE };
double ls_sum_blocks(const float *a, size_t n, enum ls_sum what);
/* sum(lo, hi) = sum(lo, mid) + sum(mid, hi), mid - lo the largest power of two below hi - lo; 0 for
 * none. */
double ls_tree_sum(const double *values, size_t n);

#endif
