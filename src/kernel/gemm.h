/* Dense algebra: C = alpha op(A) op(B) + beta C, row-major. */
#ifndef KERNEL_GEMM_H
#define KERNEL_GEMM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

struct ls_gemm {
    bool transpose_a, transpose_b;
    int64_t m, n, k; /* C is m x n, op(A) m x k, op(B) k x n */
    const float *a, *b;
    int64_t lda, ldb; /* row strides in floats; 0: as dense as the shape allows */
    float *c;
    int64_t ldc;
    float beta; /* 0 (C is only written) or 1 */
};

/* m, n or k of 0 are allowed (C = beta C). The bits depend on the shape, the kernel set and the
 * number of threads only. Which library computes it is chosen by shape (the figures stand in
 * gemm.c). Without memory for a library's own use C is not computed: ls_kernels_fault says so. */
void ls_gemm(const struct ls_gemm *gemm);

/* An orthonormal basis by QR (LAPACK's dgeqrf and dorgqr of the same OpenBLAS): q is rows x
 * columns, row-major, rows >= columns, holds the matrix on entry and Q on return, signs fixed by
 * R's diagonal being positive (Keras' Orthogonal). LS_FAILED when LAPACK is missing or memory is
 * short. */
ls_status ls_orthonormalize(double *q, int64_t rows, int64_t columns);

#endif
