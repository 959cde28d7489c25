/* What the tests of src/store share: a directory of their own, files, models. */
#ifndef UNIT_STORE_TEST_H
#define UNIT_STORE_TEST_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <hdf5.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/base_test.h"

#include "kernel/kernels.h"
#include "model/graph.h"
#include "store/checkpoint.h"

static char scratch[64];

static inline int remove_entry(const char *path, const struct stat *info, int type,
                               struct FTW *walk)
{
    (void)info, (void)type, (void)walk;
    return remove(path);
}

/* Set-up and tear-down of each test: an empty directory, which is the current one. */
static inline int enter_scratch(void **state)
{
    strcpy(scratch, "/tmp/lockstep-test-XXXXXX");
    return mkdtemp(scratch) && chdir(scratch) == 0 ? count_blocks(state) : -1;
}
static inline int leave_scratch(void **state)
{
    int left = check_blocks(state);
    return chdir("/") == 0 && nftw(scratch, remove_entry, 16, FTW_DEPTH | FTW_PHYS) == 0 ? left
                                                                                         : -1;
}
#define scratch_test(function)                                                                     \
    cmocka_unit_test_setup_teardown(function, enter_scratch, leave_scratch)

static inline void write_bytes(const char *path, const void *bytes, size_t count)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
}

/* The caller frees *bytes with free. */
static inline size_t read_bytes(const char *path, char **bytes)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("cannot read '%s': %s", path, strerror(errno));
    fseek(file, 0, SEEK_END);
    size_t count = (size_t)ftell(file);
    rewind(file);
    *bytes = malloc(count + 1);
    assert_int_equal(fread(*bytes, 1, count, file), count);
    (*bytes)[count] = '\0';
    fclose(file);
    return count;
}

static inline bool exists(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0;
}

/* Names in a directory, without . and .. */
static inline int count_entries(const char *directory)
{
    int count = 0;
    DIR *entries = opendir(directory);
    assert_non_null(entries);
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;)
        count += entry->d_name[0] != '.' || strlen(entry->d_name) > 2;
    closedir(entries);
    return count;
}

/* The tests' model, with weights; its compile tree goes with it. */
#define SMALL_MODEL                                                                                \
    "model:\n"                                                                                     \
    "  name: small\n"                                                                              \
    "  input: {shape: [3]}\n"                                                                      \
    "  layers:\n"                                                                                  \
    "    - Normalization\n"                                                                        \
    "    - Dense: {units: 4, activation: relu, kernel_regularizer: {L2: {l2: 0.01}}}\n"            \
    "    - Dropout: {rate: 0.25}\n"                                                                \
    "    - Dense: {units: 2, trainable: false, name: last}\n"                                      \
    "compile:\n"                                                                                   \
    "  optimizer: {SGD: {learning_rate: 1, momentum: 0.5}}\n"                                      \
    "  loss: mse\n"                                                                                \
    "  metrics: [mae]\n"

static inline struct ls_model *make_model(const char *yaml)
{
    struct ls_model *model = NULL;
    struct ls_tree *tree = yaml_tree(yaml);
    assert_ok(ls_model_from_tree(&model, ls_tree_find(tree, "model")));
    model->source = tree;
    if (ls_tree_find(tree, "compile"))
        assert_ok(ls_tree_copy(&model->compile, ls_tree_find(tree, "compile")));
    assert_ok(ls_model_initialize(model, 7));
    return model;
}

static inline int start_kernels(void **state)
{
    const struct ls_kernel_options options = {.threads = 1};
    (void)state;
    return ls_kernels_init(&options) == LS_OK ? 0 : -1;
}

static inline void assert_floats(const float *a, const float *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(&a[i], &b[i], sizeof *a) != 0)
            fail_msg("[%zu]: %.9g != %.9g", i, a[i], b[i]);
}

#endif
