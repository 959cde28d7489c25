/* Reading HDF5 files that somebody else wrote: nothing outside the file is opened, no filter is
 * loaded, and nothing is allocated on the word of a header that the file's size belies. */
#ifndef DATA_HDF5_H
#define DATA_HDF5_H

#include <hdf5.h>

#include "data/chunk.h"
#include "data/source.h"

/* Before HDF5 is used, from wherever that may first be: its clean-up at exit is left out, which
 * does not get over a damaged file. To be called any number of times, from any thread. */
void ls_hdf5_start(void);

/* HDF5 prints its errors unless told otherwise, by thread: quiet from begin to end. */
struct ls_hdf5_quiet {
    H5E_auto2_t print;
    void *user;
};
void ls_hdf5_quiet_begin(struct ls_hdf5_quiet *quiet);
void ls_hdf5_quiet_end(const struct ls_hdf5_quiet *quiet);

/* The callers of all the rest are quiet. */

/* An existing file, read-only, not locked. LS_NO_INPUT, LS_BAD_INPUT. */
ls_status ls_hdf5_open(hid_t *file, const char *path);

/* The object at path, of the type H5I_GROUP or H5I_DATASET (H5I_BADID: either). Links out of the
 * file are refused. *object is H5I_INVALID_HID where there is none: LS_OK too. */
ls_status ls_hdf5_open_object(hid_t *object, hid_t parent, const char *path, H5I_type_t type);

/* A dataset of numbers by sample that passed all checks. */
struct ls_hdf5_dataset {
    hid_t id;
    enum ls_number_type type;
    hid_t memory; /* the type's HDF5 name; a constant of the library's */
    int64_t samples;
    struct ls_shape shape;
    int64_t offset; /* in the file, of bytes that need no conversion; -1: H5Dread only */
    int64_t chunk;  /* samples a chunk, 0: not chunked */
    struct ls_chunks chunks;
};
/* The dataset's id is the caller's before, and stays it. */
ls_status ls_hdf5_check(struct ls_hdf5_dataset *dataset, hid_t id, int64_t file_bytes);

/* A list of texts as an attribute; *count 0 and *texts NULL where there is none. */
ls_status ls_hdf5_read_texts(char ***texts, size_t *count, hid_t object, const char *name);
/* The same for one text. */
ls_status ls_hdf5_read_text(char **text, hid_t object, const char *name);
ls_status ls_hdf5_write_texts(hid_t object, const char *name, const char *const *texts,
                              size_t count);
ls_status ls_hdf5_write_text(hid_t object, const char *name, const char *text);

#endif
