/* The values of one dataset of a file: in memory, by pread, or chunk by chunk through HDF5. */
#ifndef DATA_FILE_COLUMN_H
#define DATA_FILE_COLUMN_H

#include <pthread.h>
#include <stdatomic.h>

#include "data/hdf5.h"

struct ls_file_column {
    struct ls_hdf5_dataset set; /* its id is open while values go through HDF5 */
    int fd;                     /* the file's, borrowed */
    size_t row;                 /* bytes a sample */
    bool resident;              /* is read whole, once */
    _Atomic bool loaded;
    unsigned char *memory; /* all samples, or `slots` blocks */
    pthread_mutex_t lock;  /* of loading, and of the blocks */

    /* Blocks: whole chunks (or single samples) that were read last. */
    int64_t block_rows;
    size_t slots;
    int64_t *block; /* which one a slot holds, -1: none */
    uint64_t *used; /* when, by clock */
    uint64_t clock;
};

/* Decides how the values are read. *resident (bytes) is lowered by what will be kept. */
void ls_file_column_init(struct ls_file_column *column, const struct ls_hdf5_dataset *set, int fd,
                         size_t *resident);
void ls_file_column_release(struct ls_file_column *column);
/* True when HDF5 is never needed again for this column. */
bool ls_file_column_direct(const struct ls_file_column *column);
/* Bytes that reading will keep, beside those that are there. */
size_t ls_file_column_memory(const struct ls_file_column *column);
/* Chunks that stay in memory; 0: random access. */
size_t ls_file_column_chunks(const struct ls_file_column *column);

/* LS_FAILED, LS_BAD_INPUT with no name of the file in the message. */
ls_status ls_file_column_read(struct ls_file_column *column, void *bytes, const int64_t *index,
                              int64_t count);

#endif
