/* The loader: batches as float32, read ahead of the training by a thread where they do not lie in
 * memory. */
#ifndef DATA_LOADER_H
#define DATA_LOADER_H

#include "data/dataset.h"
#include "data/order.h"

struct ls_loader;

/* What a column must hold; found out while it is converted, named by sample. */
struct ls_column_use {
    size_t column;      /* of the data */
    bool finite;        /* no NaN or infinity */
    int64_t classes;    /* > 0: whole numbers in [0, classes) */
    int64_t ignored;    /* with classes: a number that may stand beside them (-1, 255) */
    const char *what;   /* "input", "target of output 'kind'": for messages; borrowed */
    const char *reader; /* of the classes: the layer that takes them, by its path; NULL: they are
                           labels; borrowed */
};

struct ls_loader_options {
    struct ls_data *data;
    struct ls_order order;
    int64_t batch_size;
    int64_t replicas;
    struct ls_range local;           /* the replicas of this rank */
    const struct ls_column_use *use; /* the columns a batch has, in this order; copied */
    size_t uses;
};

/* One step's samples of this rank's replicas, as float32. */
struct ls_batch {
    int64_t rows;           /* of all local replicas */
    const int64_t *first;   /* local replica i has rows [first[i], first[i + 1]) */
    const int64_t *samples; /* rows: index in the data */
    float *const *column;   /* a use's rows, [rows][shape], LS_ALIGNMENT aligned for each column's
                               first row; may be changed by the caller until the next batch */
    int64_t global_rows;    /* of the whole batch, over all replicas */
};

/* Not collective. A thread starts with ls_loader_start. The data is borrowed. */
ls_status ls_loader_create(struct ls_loader **loader, const struct ls_loader_options *options);
/* The bytes that it would take. The options are right. */
size_t ls_loader_bytes(const struct ls_loader_options *options);
void ls_loader_free(struct ls_loader *loader);

/* Sets the next batch to be step `step` of epoch `epoch`; batches then follow to the end of that
 * epoch and go on with the next one (the reader runs ahead into it). */
ls_status ls_loader_start(struct ls_loader *loader, int64_t epoch, int64_t step);

/* The next batch, the loader's until the next call. Fails with the message of what was wrong in the
 * data (LS_BAD_INPUT names file and sample) at the batch it is wrong in, and from then on until
 * ls_loader_start; the caller must make the others know. */
ls_status ls_loader_next(struct ls_loader *loader, const struct ls_batch **batch);

#endif
