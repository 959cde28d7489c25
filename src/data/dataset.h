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

/* By name: x, y, sample_weight and OUTPUT_sample_weight; what another name is, the model's inputs
 * and outputs say. */
enum ls_column_role { LS_COLUMN_INPUT, LS_COLUMN_TARGET, LS_COLUMN_WEIGHT, LS_COLUMN_OTHER };

/* One dataset of a split, or one array. */
struct ls_column {
    char *name; /* "x", "y", an input's name, "sample_weight" */
    enum ls_column_role role;
    enum ls_number_type type;
    struct ls_shape shape; /* of a sample */
    bool flat;             /* only the number of elements is known: arrays, readers */
    bool in_memory;        /* samples are read by a copy: nothing to wait for */
    char **class_names;    /* attribute class_names, or NULL */
    size_t classes;        /* how many names */
};

/* From the run file: "file:split" text (or a glob), a list of them, or {file, x, y} (each key but
 * file is a column: the path of its dataset); relative to directory. A failure names the place in
 * the run file. */
ls_status ls_data_from_tree(struct ls_data **data, const struct ls_tree *tree,
                            const char *directory);

size_t ls_data_columns(const struct ls_data *data);
const struct ls_column *ls_data_column(const struct ls_data *data, size_t index);
/* The number of the column of this name. LS_BAD_INPUT names those that are there, or says why this
 * one cannot be used (datasets of a split that are no numbers by sample are passed over until
 * they are asked for). */
ls_status ls_data_find(const struct ls_data *data, const char *name, size_t *column);
/* Whether there is one of this name, be it one that cannot be used. */
bool ls_data_has(const struct ls_data *data, const char *name);
/* "mnist.h5:train", for messages. */
const char *ls_data_name(const struct ls_data *data);
/* The name of what holds this sample (one of several files; the whole of a slice), and in *within
 * its number there: for messages that a person can follow. */
const char *ls_data_locate(const struct ls_data *data, int64_t sample, int64_t *within);
/* What import csv learnt (columns, classes, target), as JSON; NULL where the file has none. */
const char *ls_data_learnt(const struct ls_data *data);

/* A CSV file (or gzip of one) in memory, read by column name as `learnt` (ls_data_learnt's JSON of
 * the data that a model was trained on) says: one column x, and y where `target` asks for it and
 * the file has it. Columns may be in another order and more than are needed: the others are passed
 * over. LS_BAD_INPUT for a column that is missing, a class that was not learnt, and what import csv
 * refuses too, with file, line and column. The file must not change while it is read. */
ls_status ls_data_from_csv(struct ls_data **data, const char *path, const char *learnt,
                           bool target);
/* Whether a path that a user gave is that of a CSV file (.csv, .csv.gz), not FILE:SPLIT. */
bool ls_data_is_csv(const char *path);

/* A view of [begin, end) of the samples (validation_split); it borrows data, which must outlive it.
 */
ls_status ls_data_slice(struct ls_data **slice, struct ls_data *data, int64_t begin, int64_t end);

/* The bytes of one column of the samples at `index` (count of them), one after the other, in the
 * column's number type. LS_BAD_INPUT or LS_FAILED with file and sample in the message. Safe from
 * several threads (two slices of one data set have a loader each). Contiguous, uncompressed data is
 * read by pread around HDF5's lock. The columns of a data set (all its files) that together fit in
 * LS_DATA_RESIDENT_BYTES, smallest first, are read once, with the first read, and stay in memory.
 */
enum { LS_DATA_RESIDENT_BYTES = 256 * 1024 * 1024, LS_FINGERPRINT_RUNS = 16 };
ls_status ls_data_read(struct ls_data *data, size_t column, void *bytes, const int64_t *index,
                       int64_t count);

/* Bytes of memory that reading samples, so many at once, will take and keep, beside what it took
 * already. */
size_t ls_data_memory(const struct ls_data *data, int64_t rows);

/* True when samples can be read in any order at little cost (contiguous, or in memory). */
bool ls_data_random_access(const struct ls_data *data);
/* Samples a chunk where random access is dear, else 0; and how many chunks a window of
 * LS_SHUFFLE_CHUNK may have so that each chunk is read once an epoch. */
int64_t ls_data_chunk(const struct ls_data *data);
int64_t ls_data_window(const struct ls_data *data);

/* A hash of names, shapes, types, number of samples and the bytes: all of targets, weights and
 * columns of up to 16 MiB, of the others LS_FINGERPRINT_RUNS evenly spaced runs of samples; so one
 * changed label is found. Of a reader's samples none are read. Not collective; the same on every
 * rank that sees the same data, however the file stores it. */
ls_status ls_data_fingerprint(struct ls_data *data, struct ls_digest *digest);

#endif
