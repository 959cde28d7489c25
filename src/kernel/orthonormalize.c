#include <limits.h>

#include "base/memory.h"
#include "kernel/blas.h"
#include "kernel/gemm.h"
#include "kernel/kernels.h"

/* LAPACK stores by columns. */
static void to_columns(double *out, const double *in, int64_t rows, int64_t columns)
{
    for (int64_t c = 0; c < columns; c++)
        for (int64_t r = 0; r < rows; r++)
            out[c * rows + r] = in[r * columns + c];
}

/* Back to rows, each column with the sign that makes R's diagonal positive. */
static void to_rows(double *out, const double *in, const double *diagonal, int64_t rows,
                    int64_t columns)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < columns; c++)
            out[r * columns + c] = diagonal[c] < 0 ? -in[c * rows + r] : in[c * rows + r];
}

struct factors {
    double *matrix, *tau, *diagonal, *work;
    int rows, columns, work_size;
};

/* Asks LAPACK how much it wants to work in. */
static ls_status make_work(struct factors *f)
{
    const int ask = -1;
    int info;
    double for_qr = 0, for_q = 0;
    ls_blas.dgeqrf(&f->rows, &f->columns, f->matrix, &f->rows, f->tau, &for_qr, &ask, &info);
    ls_blas.dorgqr(&f->rows, &f->columns, &f->columns, f->matrix, &f->rows, f->tau, &for_q, &ask,
                   &info);
    double wanted = for_qr > for_q ? for_qr : for_q;
    if (!(wanted >= 1 && wanted <= INT_MAX))
        return ls_fail(LS_FAILED, "LAPACK cannot work on a %d x %d matrix", f->rows, f->columns);
    f->work_size = (int)wanted;
    return ls_allocate(&f->work, (size_t)f->work_size, sizeof *f->work);
}

static ls_status factorize(struct factors *f)
{
    int info = 0;
    ls_blas.dgeqrf(&f->rows, &f->columns, f->matrix, &f->rows, f->tau, f->work, &f->work_size,
                   &info);
    for (int64_t c = 0; c < f->columns; c++)
        f->diagonal[c] = f->matrix[c * f->rows + c];
    if (info == 0)
        ls_blas.dorgqr(&f->rows, &f->columns, &f->columns, f->matrix, &f->rows, f->tau, f->work,
                       &f->work_size, &info);
    if (info != 0)
        return ls_fail(LS_FAILED, "LAPACK's QR of a %d x %d matrix failed (info %d)", f->rows,
                       f->columns, info);
    return LS_OK;
}

ls_status ls_orthonormalize(double *q, int64_t rows, int64_t columns)
{
    if (columns < 0 || rows < columns || rows > INT_MAX)
        return ls_fail(LS_USAGE, "no orthonormal basis of %lld columns in %lld dimensions",
                       (long long)columns, (long long)rows);
    if (columns == 0)
        return LS_OK;
    if (!ls_blas.dgeqrf)
        return ls_fail(LS_FAILED, "this OpenBLAS is built without LAPACK, which orthogonal "
                                  "initial weights need");
    struct factors f = {.rows = (int)rows, .columns = (int)columns};
    ls_status status;
    LS_TRY_OUT(ls_allocate(&f.matrix, (size_t)(rows * columns), sizeof *f.matrix));
    LS_TRY_OUT(ls_allocate(&f.tau, (size_t)columns, sizeof *f.tau));
    LS_TRY_OUT(ls_allocate(&f.diagonal, (size_t)columns, sizeof *f.diagonal));
    LS_TRY_OUT(make_work(&f));
    to_columns(f.matrix, q, rows, columns);
    ls_blas.set_threads(1); /* initial weights are a function of the seed, not of the threads */
    status = factorize(&f);
    ls_blas.set_threads(ls_kernels_threads());
    if (status == LS_OK)
        to_rows(q, f.matrix, f.diagonal, rows, columns);
out:
    ls_release(f.matrix);
    ls_release(f.tau);
    ls_release(f.diagonal);
    ls_release(f.work);
    return status;
}
