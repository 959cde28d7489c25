/* A data file that is being made: whole under its name, or not there. */
#ifndef DATA_OUTPUT_H
#define DATA_OUTPUT_H

#include "data/source.h"
#include "lockstep/run.h"

/* A dataset to be: its values are written by ls_output_write at offset. */
struct ls_output_column {
    const char *name;
    enum ls_number_type type;
    struct ls_shape shape;
    const char *const *class_names; /* or NULL */
    size_t classes;
    int64_t offset; /* set by ls_output_layout */
    size_t row;     /* bytes a sample; set by ls_output_layout */
};
enum { LS_OUTPUT_COLUMNS_MAX = 32 };
struct ls_output_split {
    const char *name;
    int64_t samples;
    struct ls_output_column column[LS_OUTPUT_COLUMNS_MAX];
    size_t columns;
};

struct ls_output {
    char *path;      /* where it will be */
    char *directory; /* of path */
    char *temporary; /* in the same directory */
    int fd;
    bool append;   /* the temporary began as a copy of path */
    bool made;     /* the temporary is there */
    int64_t bytes; /* the file's length, once laid out */
};

/* Makes the temporary of the import's file; append: as a copy of that file, if there is one. Sweeps
 * temporaries that killed imports to the same path left. LS_CANNOT_WRITE, LS_INTERRUPTED. *output
 * is to be released whatever the status. */
ls_status ls_output_create(struct ls_output *output, const struct ls_import *import);

/* LS_USAGE when the file at path is one of files. */
ls_status ls_output_check_inputs(const struct ls_output *output, const char *const *files);

/* What the file that is appended to learnt from its CSV, as JSON; *learnt NULL: nothing. */
ls_status ls_output_learnt(const struct ls_output *output, char **learnt);

/* Shares of samples, right or wrong, and no split's name: text with a comma, or a number. */
bool ls_output_is_shares(const char *text);
/* A split's name: a group's that "file:split" can name. LS_USAGE. */
ls_status ls_output_check_split(const char *name);

/* Makes groups and datasets, contiguous; learnt (or NULL) becomes the attribute lockstep_csv.
 * LS_BAD_INPUT when a split is there already. */
ls_status ls_output_layout(struct ls_output *output, struct ls_output_split *splits, size_t count,
                           const char *learnt);

ls_status ls_output_write(struct ls_output *output, const void *bytes, size_t count,
                          int64_t offset);

/* Flushes, reads the file as a data set, and gives it its name. */
ls_status ls_output_publish(struct ls_output *output, const struct ls_output_split *splits,
                            size_t count);

/* Removes the temporary unless it was published. */
void ls_output_release(struct ls_output *output);

#endif
