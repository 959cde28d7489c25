#include "metric/residuals.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* NAN comes last. */
static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    if (isnan(x) || isnan(y))
        return (isnan(x) != 0) - (isnan(y) != 0);
    return x < y ? -1 : x > y;
}

/* Linear between the two nearest, as numpy's. */
static double quantile(const double *sorted, size_t count, double part)
{
    double place = part * (double)(count - 1);
    size_t below = (size_t)place, above = below + 1 < count ? below + 1 : below;
    return sorted[below] + (sorted[above] - sorted[below]) * (place - (double)below);
}

/* A column's squares about its mean, or about zero. */
struct spread {
    double mean, squares, about_zero;
};

static struct spread spread_of(const double *value, size_t rows, size_t step)
{
    struct spread spread = {0};
    for (size_t r = 0; r < rows; r++)
        spread.mean += value[r * step];
    spread.mean /= (double)rows;
    for (size_t r = 0; r < rows; r++) {
        double off = value[r * step] - spread.mean;
        spread.squares += off * off;
        spread.about_zero += value[r * step] * value[r * step];
    }
    return spread;
}

/* scikit-learn's: where the targets do not vary, 1 for no error and 0 for any. */
static double explained(double left, double varied)
{
    if (varied > 0)
        return 1 - left / varied;
    return left > 0 ? 0 : 1;
}

static void score(double *value, const double *residual, const double *target, size_t rows,
                  size_t columns)
{
    double *r2 = &value[LS_RESIDUAL_R2];
    double *explained_variance = &value[LS_RESIDUAL_EXPLAINED_VARIANCE];
    *r2 = *explained_variance = rows < 2 ? NAN : 0;
    for (size_t c = 0; c < columns; c++) {
        struct spread left = spread_of(residual + c, rows, columns);
        struct spread varied = spread_of(target + c, rows, columns);
        *r2 += explained(left.about_zero, varied.squares) / (double)columns;
        *explained_variance += explained(left.squares, varied.squares) / (double)columns;
    }
}

static void find_absolute(double *value, double *residual, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        residual[i] = fabs(residual[i]);
        value[LS_RESIDUAL_MEAN_ABSOLUTE] += residual[i] / (double)count;
    }
    qsort(residual, count, sizeof *residual, compare);
    value[LS_RESIDUAL_MEDIAN_ABSOLUTE] = quantile(residual, count, 0.5);
    value[LS_RESIDUAL_LARGEST_ABSOLUTE] = residual[count - 1];
}

static void find(double *value, double *residual, size_t count)
{
    struct spread spread = spread_of(residual, count, 1);
    value[LS_RESIDUAL_MEAN] = spread.mean;
    value[LS_RESIDUAL_STD] = sqrt(spread.squares / (double)count);
    value[LS_RESIDUAL_ROOT_MEAN_SQUARE] = sqrt(spread.about_zero / (double)count);
    qsort(residual, count, sizeof *residual, compare);
    value[LS_RESIDUAL_MIN] = residual[0];
    value[LS_RESIDUAL_QUARTER] = quantile(residual, count, 0.25);
    value[LS_RESIDUAL_MEDIAN] = quantile(residual, count, 0.5);
    value[LS_RESIDUAL_THREE_QUARTERS] = quantile(residual, count, 0.75);
    value[LS_RESIDUAL_MAX] = residual[count - 1];
}

ls_status ls_residuals_find(struct ls_residuals *residuals, const float *target,
                            const float *prediction, size_t rows, size_t columns)
{
    double *residual = NULL, *wanted = NULL;
    size_t count = rows * columns;
    ls_status status;
    memset(residuals, 0, sizeof *residuals);
    residuals->count = (int64_t)count;
    if (count == 0)
        return LS_OK;
    LS_TRY_OUT(ls_allocate(&residual, count, sizeof *residual));
    LS_TRY_OUT(ls_allocate(&wanted, count, sizeof *wanted));
    for (size_t i = 0; i < count; i++) {
        wanted[i] = target[i];
        residual[i] = (double)target[i] - (double)prediction[i];
    }
    score(residuals->value, residual, wanted, rows, columns);
    find(residuals->value, residual, count);
    find_absolute(residuals->value, residual, count);
out:
    ls_release(residual);
    ls_release(wanted);
    return status;
}

const char *ls_residual_name(enum ls_residual residual)
{
    static const char *const names[] = {
#define X(id, name) name,
        LS_RESIDUALS(X)
#undef X
    };
    return names[residual];
}
