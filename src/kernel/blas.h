/* OpenBLAS, loaded at run time for this CPU. The kernel room's own. */
#ifndef KERNEL_BLAS_H
#define KERNEL_BLAS_H

#include <cblas.h>

#include "base/status.h"

struct ls_blas {
    __typeof__(&cblas_sgemm) sgemm;
    __typeof__(&openblas_get_corename) corename;
    __typeof__(&openblas_get_config) config;
    __typeof__(&openblas_set_num_threads) set_threads;
    /* LAPACK's, NULL where the library is without it */
    void (*dgeqrf)(const int *m, const int *n, double *a, const int *lda, double *tau, double *work,
                   const int *lwork, int *info);
    void (*dorgqr)(const int *m, const int *n, const int *k, double *a, const int *lda,
                   const double *tau, double *work, const int *lwork, int *info);
};

/* What ls_blas_load filled. */
extern struct ls_blas ls_blas;

/* Loads libopenblas.so.0 into ls_blas with OPENBLAS_CORETYPE=core (where core is not NULL and the
 * user has not set it) and OPENBLAS_NUM_THREADS=1 in the environment, which is then as it was
 * before. OpenBLAS reads both while it loads, and never again. LS_FAILED when it cannot be
 * loaded. */
ls_status ls_blas_load(const char *core);

/* Makes OpenBLAS take the memory that it works in, and keeps, now: later, it would try for ever
 * where there is none. LS_FAILED when there is none for so many threads. */
ls_status ls_blas_reserve(int threads);

#endif
