/* oneDNN's matmul primitive, for the products where it is faster than its sgemm (gemm.c says
 * which). The kernel room's own. */
#ifndef KERNEL_MATMUL_H
#define KERNEL_MATMUL_H

#include "kernel/gemm.h"

/* C = op(A) op(B) + beta C; m, n and k are not 0, the strides are all given. LS_FAILED, and C as it
 * was, when oneDNN finds no memory. */
ls_status ls_matmul(const struct ls_gemm *gemm);

#endif
