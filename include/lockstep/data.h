/* data.h: where samples come from: a split of an HDF5 file, arrays in memory, or a reader of the
 * program's own. */
#ifndef LOCKSTEP_DATA_H
#define LOCKSTEP_DATA_H

#include <stddef.h>
#include <stdint.h>

#include "lockstep/status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ls_data;

/* A split of a data file, "mnist.h5:train" (parted by the last colon), a glob of such
 * ("part*.h5:train", sorted: one after the other). LS_NO_INPUT where a file is missing,
 * LS_BAD_INPUT where it is not what it should be: a missing split (named with those that are
 * there), no samples, columns of different length, no numbers. Not collective. */
LS_API ls_status ls_data_open(struct ls_data **data, const char *source);

/* Whole arrays, float32, row-major: x is samples x x_size, y samples x y_size (y may be NULL,
 * y_size 0). They stay the caller's and must outlive the data. */
LS_API ls_status ls_data_from_arrays(struct ls_data **data, int64_t samples, const float *x,
                                     size_t x_size, const float *y, size_t y_size);

/* A reader by sample index: fills x (x_size floats) and y (y_size floats) of one sample; called
 * from a thread of the loader, one call at a time. The same index must always give the same sample.
 */
typedef ls_status ls_data_reader(void *user, int64_t sample, float *x, float *y);
LS_API ls_status ls_data_from_reader(struct ls_data **data, int64_t samples, size_t x_size,
                                     size_t y_size, ls_data_reader *read, void *user);

LS_API int64_t ls_data_samples(const struct ls_data *data);
LS_API void ls_data_free(struct ls_data *data);

#ifdef __cplusplus
}
#endif
#endif
