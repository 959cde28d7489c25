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

/* Whole arrays, float32, row-major. They stay the caller's and must outlive the data. */
struct ls_data_arrays {
    int64_t samples;
    const float *x; /* [samples][x_size] */
    size_t x_size;
    const float *y; /* [samples][y_size]; or NULL, and y_size 0 */
    size_t y_size;
};
LS_API ls_status ls_data_from_arrays(struct ls_data **data, const struct ls_data_arrays *arrays);

/* The same for models of several inputs or outputs, and for sample weights: arrays by name. An
 * input or target is named as the model names its input or output; where there is only one, x or y.
 * The weights of the losses and of weighted_metrics are named sample_weight, or
 * OUTPUT_sample_weight for one output alone: a number a sample, or one a position (of the output's
 * shape without its last axis). LS_USAGE for an array without name, values or size, and for a name
 * given twice. */
struct ls_data_array {
    const char *name;    /* copied */
    const float *values; /* [samples][size] */
    size_t size;
};
LS_API ls_status ls_data_from_columns(struct ls_data **data, int64_t samples,
                                      const struct ls_data_array *arrays, size_t count);

/* A reader by sample index. */
struct ls_data_reader {
    int64_t samples;
    size_t x_size, y_size;
    /* Fills x (x_size floats) and y (y_size floats) of one sample; called from a thread of the
     * loader, one call at a time. The same index must always give the same sample. */
    ls_status (*read)(void *user, int64_t sample, float *x, float *y);
    void *user;
};
LS_API ls_status ls_data_from_reader(struct ls_data **data, const struct ls_data_reader *reader);

/* How many samples there are. NULL may be freed. */
LS_API int64_t ls_data_samples(const struct ls_data *data);
LS_API void ls_data_free(struct ls_data *data);

#ifdef __cplusplus
}
#endif
#endif
