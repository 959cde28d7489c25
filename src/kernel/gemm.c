/* Which library: measured on one core of an AMD EPYC (Zen 4, AVX-512), Debian 12's OpenBLAS 0.3.21
 * (SkylakeX) and oneDNN 2.6.3, GFLOPS, N/T: as stored or transposed.
 *
 *     m x n x k             OpenBLAS   oneDNN    chosen
 *     32 x 128 x 784   NN      84        108     oneDNN
 *     784 x 128 x 32   TN      88        101     oneDNN
 *     32 x 784 x 128   NT      77         95     oneDNN
 *     32 x 10 x 128    NN      62         36     OpenBLAS
 *     128 x 10 x 32    TN      64         42     OpenBLAS
 *     32 x 128 x 10    NT      44         47     oneDNN
 *     4 x 512 x 784    NN      40         97     oneDNN
 *     256 x 128 x 784  NN     100        113     oneDNN
 *     256 x 4096^2     NN      91        100     oneDNN
 *
 * OpenBLAS has kernels without packing for products m n k up to 10^6: below that it wins nearly
 * always, above nearly never but where C is narrower than 10 columns. With B transposed oneDNN is
 * ahead from 128 columns on whatever k. Over 2,801 shapes (m 1 to 784, n 1 to 4096, k 4 to 4096)
 * the rule is 1.9% slower than the better library for each (geometric mean).
 *
 * With B transposed both copy it, and badly where its rows are long: oneDNN's matmul primitive
 * (code made for the shape) is ahead there from 16 rows on, though it costs 4 us more:
 *
 *     m x n x k             OpenBLAS   sgemm    matmul
 *     64 x 128 x 512   NT      92         90       103
 *     32 x 128 x 1024  NT      53         56        91
 *     256 x 256 x 256  NT     103        109       113
 *     256 x 4096^2     NT      92         97       109
 *
 * It computes other products as sgemm does, give or take 5%. With weights in the layout that it
 * likes best it is up to 6% faster, but bringing 4096^2 there takes 11 ms, 13% of a product of 256
 * rows. Over 332 shapes (m 8 to 256, n 10 to 1024, k 32 to 1024) it is taken where it is 5% to 120%
 * ahead, and never where it is behind by more than 2%.
 *
 * With AVX2 (Haswell, oneDNN's avx2) the same holds, but for wide B: 32 x 512 x 784 NN 73 to 49
 * GFLOPS, 256 x 512 x 784 TN 78 to 65, while 32 x 128 x 784 NN is 79 to 86. */
#include "kernel/gemm.h"

#include <limits.h>

#include <oneapi/dnnl/dnnl.h>

#include "kernel/blas.h"
#include "kernel/matmul.h"
#include "kernel/memory.h"
#include "kernel/sets.h"

static bool onednn_is_faster(const struct ls_gemm *g)
{
    const bool large = (double)g->m * (double)g->n * (double)g->k > 1e6;
    if (!g->transpose_b && ls_k == &ls_kernels_avx2 && g->n >= 256)
        return false;
    if (!g->transpose_b)
        return large && (g->n == 1 || g->n >= 10);
    if (g->m >= 16)
        return g->n >= 128 || (large && g->n == 1);
    return large || (g->m >= 4 && g->n >= 256 && g->k >= 32);
}

/* With less than AVX-512 oneDNN's matmul is its sgemm. */
static bool matmul_is_faster(const struct ls_gemm *g)
{
    return g->transpose_b && !g->transpose_a && ls_k == &ls_kernels_avx512 && g->m >= 16 &&
           g->n >= 32 && (g->k >= 512 || g->m >= 256) &&
           (double)g->m * (double)g->n * (double)g->k > 1e6;
}

/* With the strides given. What fails is not computed otherwise, which gave other last bits. */
static void compute_by_matmul(struct ls_gemm g, int64_t lda, int64_t ldb, int64_t ldc)
{
    g.lda = lda;
    g.ldb = ldb;
    g.ldc = ldc;
    if (ls_matmul(&g) != LS_OK)
        ls_kernels_note("a matrix product");
}

static void compute_by_sgemm(const struct ls_gemm *g, int64_t lda, int64_t ldb, int64_t ldc)
{
    static _Thread_local uint64_t asked;
    const unsigned kind = g->transpose_a | g->transpose_b << 1 | (g->beta != 0) << 2 |
                          (g->m == 1) << 3 | (g->n == 1) << 4;
    sigset_t before;
    if (ls_kernels_code_room(&asked, kind) != LS_OK) {
        ls_kernels_note("a matrix product");
        return;
    }
    ls_kernels_enter(&before);
    dnnl_status_t status = dnnl_sgemm(g->transpose_a ? 'T' : 'N', g->transpose_b ? 'T' : 'N', g->m,
                                      g->n, g->k, 1.0f, g->a, lda, g->b, ldb, g->beta, g->c, ldc);
    ls_kernels_leave(&before);
    if (status != dnnl_success)
        ls_kernels_note("a matrix product");
}

/* C = beta C */
static void empty_product(const struct ls_gemm *g, int64_t ldc)
{
    if (g->beta != 0)
        return;
    for (int64_t r = 0; r < g->m; r++)
        ls_k->fill(g->c + r * ldc, 0, (size_t)g->n);
}

void ls_gemm(const struct ls_gemm *g)
{
    const int64_t lda = g->lda ? g->lda : g->transpose_a ? g->m : g->k;
    const int64_t ldb = g->ldb ? g->ldb : g->transpose_b ? g->k : g->n;
    const int64_t ldc = g->ldc ? g->ldc : g->n;
    if (g->m == 0 || g->n == 0)
        return;
    if (g->k == 0) {
        empty_product(g, ldc);
        return;
    }
    const bool beyond_int = (g->m | g->n | g->k | lda | ldb | ldc) > INT_MAX;
    if (matmul_is_faster(g))
        compute_by_matmul(*g, lda, ldb, ldc);
    else if (beyond_int || onednn_is_faster(g))
        compute_by_sgemm(g, lda, ldb, ldc);
    else
        ls_blas.sgemm(CblasRowMajor, g->transpose_a ? CblasTrans : CblasNoTrans,
                      g->transpose_b ? CblasTrans : CblasNoTrans, (int)g->m, (int)g->n, (int)g->k,
                      1.0f, g->a, (int)lda, g->b, (int)ldb, g->beta, g->c, (int)ldc);
}
