/* Reading a file of somebody else's through a child process (data/child.h): what HDF5 finds in it
 * comes back as plain values, and HDF5 itself never sees the file in this process. */
#ifndef STORE_H5_CHILD_H
#define STORE_H5_CHILD_H

#include "base/text.h"
#include "store/h5.h"

enum ls_h5_question {
    LS_H5_FIND,    /* ls_h5_find: found */
    LS_H5_TEXTS,   /* ls_h5_read_texts of one attribute: found, bytes */
    LS_H5_INT,     /* ls_h5_read_int: found, value */
    LS_H5_FLOATS,  /* ls_h5_read_floats: into */
    LS_H5_DOUBLES, /* ls_h5_read_doubles: bytes */
    LS_H5_LIST,    /* ls_h5_list: bytes, as texts */
    LS_H5_RANK,    /* ls_h5_read_rank: value */
    LS_H5_NUMBER,  /* ls_h5_read_number: number */
};

struct ls_h5_ask {
    enum ls_h5_question question;
    const char *object, *attribute; /* attribute NULL: none */
    const struct ls_shape *shape;   /* of the floats, or NULL */
    void *into;                     /* where the answer's bytes go; NULL: to new memory */
};

struct ls_h5_answer {
    bool found;
    int64_t value;
    double number;
    void *bytes; /* in new memory, the caller's; or NULL. Texts: each ends with a NUL */
    size_t count;
};

/* Opens the file in this process, by its path or from its image. */
ls_status ls_h5_open_here(struct ls_h5 *h5);
/* Starts the child, which does that. To be followed by ls_h5_close after a failure too. */
ls_status ls_h5_child_open(struct ls_h5 *h5);
/* The status, and its message, are what reading in this process would have given; LS_BAD_INPUT
 * when the child died of it. */
ls_status ls_h5_child_ask(const struct ls_h5 *h5, const struct ls_h5_ask *ask,
                          struct ls_h5_answer *answer);

#endif
