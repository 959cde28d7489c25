/* Files for the tests of the data room: a directory of their own, and small HDF5 files. */
#ifndef UNIT_DATA_FILES_H
#define UNIT_DATA_FILES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <hdf5.h>
#include <zlib.h>

#include "data/dataset.h"
#include "data/source.h"

static char test_directory[256];

static inline int make_directory(void **state)
{
    const char *base = getenv("TMPDIR");

    (void)state;
    snprintf(test_directory, sizeof test_directory, "%s/lockstep-data-XXXXXX",
             base ? base : "/tmp");
    return mkdtemp(test_directory) && chdir(test_directory) == 0 ? 0 : -1;
}

static inline int start_kernels(void **state)
{
    return ls_kernels_init(NULL) == LS_OK ? make_directory(state) : -1;
}

static inline int remove_directory(void **state)
{
    char command[512];

    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", test_directory);
    return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

/* Shows the message where a status is not the expected one. */
#define expect_status(call, expected)                                                              \
    do {                                                                                           \
        ls_status got_ = (call);                                                                   \
        if (got_ != (expected))                                                                    \
            print_error("%s: status %d, expected %d: %s\n", #call, (int)got_, (int)(expected),     \
                        ls_message());                                                             \
        assert_int_equal(got_, (expected));                                                        \
    } while (0)

/* A failure with exactly this message. */
#define expect_failure(call, expected, message)                                                    \
    do {                                                                                           \
        expect_status(call, expected);                                                             \
        assert_string_equal(ls_message(), message);                                                \
    } while (0)

static inline hid_t make_file(const char *path)
{
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);

    assert_true(file >= 0);
    return file;
}

/* What is in a dataset; plist may be H5P_DEFAULT, values NULL: not written. */
struct numbers {
    hid_t stored, memory;
    const void *values;
    int rank;
    const hsize_t *size;
    hid_t plist;
};

/* A dataset, with the groups on its way. */
static inline hid_t add_numbers(hid_t file, const char *path, const struct numbers *numbers)
{
    hid_t links = H5Pcreate(H5P_LINK_CREATE);
    hid_t space = H5Screate_simple(numbers->rank, numbers->size, NULL), id;

    H5Pset_create_intermediate_group(links, 1);
    id = H5Dcreate2(file, path, numbers->stored, space, links, numbers->plist, H5P_DEFAULT);
    assert_true(id >= 0);
    if (numbers->values)
        assert_true(H5Dwrite(id, numbers->memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers->values) >=
                    0);
    H5Sclose(space);
    H5Pclose(links);
    return id;
}

/* path: `samples` x `size` bytes 0, 1, 2, ...; and labels 0..9 0.. in /SPLIT/y. */
static inline void make_digits(const char *path, const char *split, hsize_t samples, hsize_t size)
{
    hid_t file = make_file(path);
    hsize_t shape[2] = {samples, size};
    unsigned char *bytes = malloc(samples * size);
    int32_t *labels = malloc(samples * sizeof *labels);
    char name[64];

    for (hsize_t i = 0; i < samples * size; i++)
        bytes[i] = (unsigned char)i;
    for (hsize_t i = 0; i < samples; i++)
        labels[i] = (int32_t)(i % 10);
    snprintf(name, sizeof name, "/%s/x", split);
    H5Dclose(add_numbers(
        file, name,
        &(struct numbers){H5T_NATIVE_UINT8, H5T_NATIVE_UINT8, bytes, 2, shape, H5P_DEFAULT}));
    snprintf(name, sizeof name, "/%s/y", split);
    H5Dclose(add_numbers(
        file, name,
        &(struct numbers){H5T_NATIVE_INT32, H5T_NATIVE_INT32, labels, 1, shape, H5P_DEFAULT}));
    free(bytes);
    free(labels);
    H5Fclose(file);
}

static inline void write_bytes(const char *path, const void *bytes, size_t count)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
}

static inline void write_text(const char *path, const char *text)
{
    write_bytes(path, text, strlen(text));
}

static inline void write_gzip(const char *path, const void *bytes, size_t count)
{
    gzFile file = gzopen(path, "wb9");

    assert_non_null(file);
    assert_int_equal(gzwrite(file, bytes, (unsigned)count), (int)count);
    assert_int_equal(gzclose(file), Z_OK);
}

/* Names in the directory, the hidden ones too. */
static inline int count_files(void)
{
    FILE *list = popen("ls -A | wc -l", "r");
    int count = -1;

    assert_non_null(list);
    assert_int_equal(fscanf(list, "%d", &count), 1);
    pclose(list);
    return count;
}

#endif
