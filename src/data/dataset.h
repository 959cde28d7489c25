/* Data sets: columns of numbers by sample. */
#ifndef DATA_DATASET_H
#define DATA_DATASET_H

#include <stdbool.h>

#include "base/hash.h"
#include "base/shape.h"
#include "base/tree.h"
#include "comm/partition.h"
#include "kernel/kernels.h"
#include "lockstep/data.h"

enum ls_column_role { LS_COLUMN_INPUT, LS_COLUMN_TARGET, LS_COLUMN_WEIGHT };

/* One dataset of a split, or one array. */
struct ls_column {
    char *name; /* "x", "y", an input's name, "sample_weight" */
    enum ls_column_role role;
    enum ls_number_type type;
    struct ls_shape shape; /* of a sample */
    char **class_names;    /* attribute class_names, or NULL */
    size_t classes;        /* how many names */
};

/* From the run file: "file:split" text, a list of them, or {file, x, y}; relative to directory. */
ls_status ls_data_from_tree(struct ls_data **data, const struct ls_tree *tree,
                            const char *directory);

size_t ls_data_columns(const struct ls_data *data);
const struct ls_column *ls_data_column(const struct ls_data *data, size_t index);
/* "mnist.h5:train", for messages. */
const char *ls_data_name(const struct ls_data *data);

/* A view of [begin, end) of the samples (validation_split); it borrows data, which must outlive it.
 */
ls_status ls_data_slice(struct ls_data **slice, struct ls_data *data, int64_t begin, int64_t end);

/* The bytes of one column of the samples at `index` (count of them), one after the other, in the
 * column's number type. LS_BAD_INPUT or LS_FAILED with file and sample in the message. Safe from
 * one thread at a time. Contiguous, uncompressed data is read by pread around HDF5's lock, and kept
 * in memory when it is small (LS_DATA_RESIDENT_BYTES). */
enum { LS_DATA_RESIDENT_BYTES = 256 * 1024 * 1024 };
ls_status ls_data_read(struct ls_data *data, size_t column, void *bytes, const int64_t *index,
                       int64_t count);

/* True when samples can be read in any order at little cost (contiguous, or in memory). */
bool ls_data_random_access(const struct ls_data *data);
/* Samples a chunk where the data is chunked, else 0. */
int64_t ls_data_chunk(const struct ls_data *data);

/* A hash of shapes, types, number of samples and (for data in files) a fixed selection of the bytes
 * that includes all targets, so that one changed label is found. Not collective; the same on every
 * rank that sees the same data. */
ls_status ls_data_fingerprint(struct ls_data *data, struct ls_digest *digest);

#endif
