/* Inside the room: what a kind of data set is made of. file.c (a split of an HDF5 file) is the one
 * to copy; array.c, join.c and slice.c hold the others. */
#ifndef DATA_SOURCE_H
#define DATA_SOURCE_H

#include "data/dataset.h"

/* The file's attribute with what import csv learnt. */
#define LS_LEARNT "lockstep_csv"

struct ls_data_kind {
    ls_status (*read)(struct ls_data *data, size_t column, void *bytes, const int64_t *index,
                      int64_t count);
    /* As ls_data_memory. NULL: 0. */
    size_t (*memory)(const struct ls_data *data, int64_t rows);
    /* NULL: the data set holds its samples by itself. */
    const char *(*locate)(const struct ls_data *data, int64_t sample, int64_t *within);
    void (*release)(struct ls_data *data); /* what the kind holds beside the members below */
};

/* The first member of every kind's own struct. */
struct ls_data {
    const struct ls_data_kind *kind;
    char *name;
    int64_t samples;
    struct ls_column *column;
    size_t columns;
    char **passed_over; /* names of datasets that are no columns, each followed by why */
    size_t passed_overs;
    char *learnt;
    int64_t chunk, window; /* 0: random access */
    bool unread;           /* samples are not to be read for a fingerprint */
};

/* A zeroed kind's struct of `bytes` with its name and room for columns. On failure *data is NULL;
 * else ls_data_free releases it, however far it has been filled. */
ls_status ls_data_create(void *data, size_t bytes, const struct ls_data_kind *kind,
                         const char *name, size_t columns);
/* Sets name and role. */
ls_status ls_column_init(struct ls_column *column, const char *name, enum ls_number_type type);
ls_status ls_column_copy(struct ls_column *copy, const struct ls_column *column);
void ls_column_release(struct ls_column *column);
void ls_strings_free(char **strings, size_t count);
/* Adds what `data` passes over to what `view`, which is made of it, does: asked for there, it is
 * refused for the same reason. */
ls_status ls_data_pass_on(struct ls_data *view, const struct ls_data *data);

/* A split of one file; `columns` NULL, or pairs of column name and path of its dataset, ending with
 * NULL, in place of the split's group. *resident is what may still be kept in memory, in bytes; it
 * is lowered by what this one will keep. */
struct ls_file_place {
    const char *file, *split;
    const char *const *columns;
};
ls_status ls_data_from_file(struct ls_data **data, const struct ls_file_place *place,
                            size_t *resident);

/* All of parts, one after the other, which the new data set owns (on failure too): shapes, types,
 * names and class names must agree. */
ls_status ls_data_join(struct ls_data **data, struct ls_data **parts, size_t count,
                       const char *name);

#endif
