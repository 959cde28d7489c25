/* What the tests of src/train share: data in memory, models, HDF5 files, and a directory. */
#ifndef UNIT_TRAIN_TEST_H
#define UNIT_TRAIN_TEST_H

#include "unit/base_test.h"
#include "unit/data_files.h"

#include "base/random.h"
#include "kernel/kernels.h"
#include "lockstep/lockstep.h"
#include "model/graph.h"

/* Set-up and tear-down of each test: a directory of its own, which is the current one; nothing may
 * be left behind. */
static inline int enter_directory(void **state)
{
    return make_directory(state) == 0 ? count_blocks(state) : -1;
}
static inline int leave_directory(void **state)
{
    int left = check_blocks(state);
    return remove_directory(state) == 0 ? left : -1;
}
#define directory_test(function)                                                                   \
    cmocka_unit_test_setup_teardown(function, enter_directory, leave_directory)

/* A group's set-up and tear-down: kernels, and this process alone. */
static struct ls_comm *alone;
static inline int start_alone(void **state)
{
    (void)state;
    return ls_kernels_init(NULL) == LS_OK && ls_comm_create_alone(&alone) == LS_OK ? 0 : -1;
}
static inline int end_alone(void **state)
{
    (void)state;
    ls_comm_free(alone);
    return 0;
}

/* In [-1, 1), a function of i alone. */
static inline float test_number(size_t i)
{
    uint32_t word[4];
    ls_philox(word, (uint32_t[4]){(uint32_t)i}, ls_random_key(2, LS_PURPOSE_TEST));
    return 2 * ls_uniform_float(word[0]) - 1;
}

/* Layers as pairs of a kind and its options; ends with NULL. */
static inline struct ls_model *layers_model(const char *const *layers, uint64_t seed)
{
    struct ls_model *model;
    assert_ok(ls_model_create(&model, NULL));
    for (size_t i = 0; layers[i]; i += 2)
        assert_ok(ls_layer_add(model, layers[i], layers[i + 1]));
    assert_ok(ls_model_initialize(model, seed));
    return model;
}

/* A column of floats in a file: sizes end with 0. */
static inline void add_floats(hid_t file, const char *path, const float *values,
                              const hsize_t *sizes)
{
    int rank = 0;
    while (sizes[rank])
        rank++;
    H5Dclose(add_numbers(
        file, path,
        &(struct numbers){H5T_NATIVE_FLOAT, H5T_NATIVE_FLOAT, values, rank, sizes, H5P_DEFAULT}));
}

#endif
