/* Reading the numbers of Keras in tests/reference. */
#ifndef TESTS_REFERENCE_H
#define TESTS_REFERENCE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <hdf5.h>

enum { REFERENCE_NAME = 128, REFERENCE_AXES = 8 };

struct reference {
    float *value;
    size_t count;
    int rank;
    hsize_t size[REFERENCE_AXES];
};

static inline hid_t reference_open(const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, TEST_DIRECTORY "/reference/%s", name);
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (file < 0)
        fail_msg("cannot open %s", path);
    return file;
}

/* The data set GROUP/NAME, whatever its numbers, as float. */
static inline struct reference reference_read(hid_t file, const char *group, const char *name)
{
    struct reference r = {.count = 1};
    char path[2 * REFERENCE_NAME];
    snprintf(path, sizeof path, "/%s/%s", group, name);
    hid_t set = H5Dopen2(file, path, H5P_DEFAULT);
    if (set < 0)
        fail_msg("there is no %s", path);
    hid_t space = H5Dget_space(set);
    r.rank = H5Sget_simple_extent_dims(space, r.size, NULL);
    for (int i = 0; i < r.rank; i++)
        r.count *= r.size[i];
    r.value = malloc(r.count * sizeof(float));
    assert_non_null(r.value);
    assert_true(H5Dread(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, r.value) >= 0);
    H5Sclose(space);
    H5Dclose(set);
    return r;
}

/* The texts of an attribute of a group, one or a list: freed with reference_free_texts. */
static inline char **reference_texts(hid_t file, const char *group, const char *name, size_t *count)
{
    hid_t attribute = H5Aopen_by_name(file, group, name, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute < 0)
        fail_msg("%s has no attribute %s", group, name);
    hid_t space = H5Aget_space(attribute), type = H5Tcopy(H5T_C_S1);
    hid_t stored = H5Aget_type(attribute);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5Tget_cset(stored));
    *count = (size_t)H5Sget_simple_extent_npoints(space);
    char **texts = calloc(*count + 1, sizeof *texts);
    assert_non_null(texts);
    assert_true(H5Aread(attribute, type, texts) >= 0);
    H5Tclose(stored);
    H5Tclose(type);
    H5Sclose(space);
    H5Aclose(attribute);
    return texts;
}

static inline void reference_free_texts(char **texts)
{
    for (size_t i = 0; texts[i]; i++)
        H5free_memory(texts[i]);
    free(texts);
}

/* The name of the i-th group of the file; false when there are no more. */
static inline int reference_group(hid_t file, size_t i, char name[REFERENCE_NAME])
{
    H5G_info_t info;
    H5Gget_info(file, &info);
    if (i >= info.nlinks)
        return 0;
    return H5Lget_name_by_idx(file, "/", H5_INDEX_NAME, H5_ITER_INC, i, name, REFERENCE_NAME,
                              H5P_DEFAULT) > 0;
}

#endif
