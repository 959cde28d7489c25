/* Results in HDF5 files of their own: evaluations and predictions. On one rank. */
#ifndef STORE_NUMBERS_H
#define STORE_NUMBERS_H

#include <stddef.h>

#include "base/shape.h"
#include "base/status.h"

/* One named block of numbers: `doubles` or `floats`, of this shape (rank 0: one number). */
struct ls_numbers {
    const char *name; /* path in the file: "/evaluation/loss" */
    const float *floats;
    const double *doubles;
    struct ls_shape shape; /* sizes may be 0 */
};

/* A new file at path with these datasets, whole or not there. LS_CANNOT_WRITE. */
ls_status ls_numbers_write(const char *path, const struct ls_numbers *numbers, size_t count);

#endif
