/* HDF5, safely. Files are laid out in memory and written by store/file.h, since HDF5 itself does
 * not report a full disk; they are read with every object checked before it is used. All failures
 * name the file and the object; HDF5's own messages stay silent.
 *
 * Objects are absolute paths in the file ("/model_weights/dense"). */
#ifndef STORE_H5_H
#define STORE_H5_H

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/shape.h"
#include "base/status.h"
#include "data/child.h"

/* HDF5's handler of errors while ours is in its place. */
struct ls_h5_quiet {
    H5E_auto2_t function;
    void *data;
    bool begun;
};

/* -- reading */

struct ls_h5 {
    hid_t file;            /* -1 where a child has the file */
    struct ls_child child; /* process 0: the file is read in this process */
    const char *path;      /* the caller's */
    void *image;           /* the file's bytes, where it is in memory; else NULL */
    uint64_t bytes;        /* of the file: nothing in it can be larger, unless compressed */
    struct ls_h5_quiet quiet;
};

struct ls_texts {
    char **text;
    size_t count;
};
void ls_texts_release(struct ls_texts *texts);
ls_status ls_texts_add(struct ls_texts *texts, const char *text);

/* LS_NO_INPUT when there is no such file, LS_BAD_INPUT when it is no whole HDF5 file. The file may
 * be anybody's, damaged in any way: HDF5, which crashes on some, reads it in a child process that
 * serves this one (data/child.h says what that asks of the caller); a child that dies of it is
 * LS_BAD_INPUT in this and in all that read. Such a file's h5->file is -1: what is added here to
 * read by goes through store/h5_child.h. */
ls_status ls_h5_open(struct ls_h5 *h5, const char *path);
/* The same of a file in memory, which stays the caller's and must outlive the reading. path: for
 * messages. */
ls_status ls_h5_open_bytes(struct ls_h5 *h5, void *bytes, size_t length, const char *path);
/* A file whose digest was checked (store/digest.h): in this process. */
ls_status ls_h5_open_sealed(struct ls_h5 *h5, const char *path);
void ls_h5_close(struct ls_h5 *h5); /* a failed open is allowed */

/* False when there is no such object; LS_BAD_INPUT when the way to it is a soft or external link.
 */
ls_status ls_h5_find(const struct ls_h5 *h5, const char *object, bool *found);

/* The names in a group that is there. */
ls_status ls_h5_list(const struct ls_h5 *h5, const char *group, struct ls_texts *names);

/* The object exists in all that follow. An attribute that is missing: NULL, no texts, *found. */
ls_status ls_h5_read_text(const struct ls_h5 *h5, const char *object, const char *attribute,
                          char **text);
/* A list of strings, in one attribute or cut in parts (attribute0, attribute1, ...) as Keras does.
 */
ls_status ls_h5_read_texts(const struct ls_h5 *h5, const char *object, const char *attribute,
                           struct ls_texts *texts);
/* Adds the strings of one attribute. */
ls_status ls_h5_add_texts(const struct ls_h5 *h5, const char *object, const char *attribute,
                          struct ls_texts *texts, bool *found);
ls_status ls_h5_read_int(const struct ls_h5 *h5, const char *object, const char *attribute,
                         int64_t *value, bool *found);

/* A dataset of exactly this shape, of any float or integer type. */
ls_status ls_h5_read_floats(const struct ls_h5 *h5, const char *object, float *values,
                            const struct ls_shape *shape);
/* A dataset of one number without axes; its rank, for one that may be such. */
ls_status ls_h5_read_number(const struct ls_h5 *h5, const char *object, double *value);
ls_status ls_h5_read_rank(const struct ls_h5 *h5, const char *object, int *rank);
/* A one-dimensional dataset of any length, in new memory. */
ls_status ls_h5_read_doubles(const struct ls_h5 *h5, const char *object, double **values,
                             size_t *count);

/* -- writing */

/* Memory that keeps its size from one file to the next. */
struct ls_h5_buffer {
    char *bytes;
    size_t length, room;
    bool lacks_memory; /* it could not grow */
};
/* Room for so many bytes without growing. */
ls_status ls_h5_buffer_reserve(struct ls_h5_buffer *buffer, size_t bytes);
void ls_h5_buffer_release(struct ls_h5_buffer *buffer);

struct ls_h5_piece;

/* A file that is being laid out in a buffer. */
struct ls_h5_image {
    hid_t file;
    const char *path; /* for messages; the caller's */
    struct ls_h5_buffer *buffer;
    struct ls_h5_piece *piece; /* datasets: where their values go */
    size_t pieces;
    struct ls_h5_quiet quiet;
};

enum ls_h5_type { LS_H5_FLOAT, LS_H5_DOUBLE, LS_H5_INT64 };

struct ls_h5_values {
    enum ls_h5_type type;
    struct ls_shape shape; /* rank 0: one value; sizes may be 0 */
    const void *values;    /* borrowed until ls_h5_image_finish */
    void *owned;           /* or NULL: released with the image, also when putting them fails */
};

ls_status ls_h5_image_open(struct ls_h5_image *image, struct ls_h5_buffer *buffer,
                           const char *path);
/* Groups on the way to an object are made; writing one twice is a failure. */
ls_status ls_h5_put_group(struct ls_h5_image *image, const char *object);
ls_status ls_h5_put_values(struct ls_h5_image *image, const char *object,
                           const struct ls_h5_values *values);
/* A one-dimensional dataset of strings of one length. At least one. */
ls_status ls_h5_put_strings(struct ls_h5_image *image, const char *object,
                            const struct ls_texts *texts);
/* The object exists in those that follow. A string of any length; and one of fixed length, whose
 * bytes lie in the object itself. */
ls_status ls_h5_put_text(struct ls_h5_image *image, const char *object, const char *attribute,
                         const char *text);
ls_status ls_h5_put_fixed(struct ls_h5_image *image, const char *object, const char *attribute,
                          const char *text);
ls_status ls_h5_put_texts(struct ls_h5_image *image, const char *object, const char *attribute,
                          const struct ls_texts *texts);
ls_status ls_h5_put_int(struct ls_h5_image *image, const char *object, const char *attribute,
                        int64_t value);
/* The file is in the buffer, values and all. To be followed by ls_h5_image_close. */
ls_status ls_h5_image_finish(struct ls_h5_image *image);
void ls_h5_image_close(struct ls_h5_image *image); /* a failed open is allowed */

/* A new file at path, whole or not there, with what `put` puts into it. LS_CANNOT_WRITE. */
ls_status ls_h5_publish(const char *path,
                        ls_status (*put)(struct ls_h5_image *image, const void *user),
                        const void *user);

/* HDF5 looks for a file of the name that it is given, in memory too: no file has this name. */
#define LS_H5_NO_FILE "/dev/null/image"

/* Both: HDF5's messages off, and as they were. */
void ls_h5_quiet_begin(struct ls_h5_quiet *quiet);
void ls_h5_quiet_end(const struct ls_h5_quiet *quiet);

#endif
