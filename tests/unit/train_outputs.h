/* A model of two outputs and data for it, for the tests of several outputs. */
#ifndef UNIT_TRAIN_OUTPUTS_H
#define UNIT_TRAIN_OUTPUTS_H

#include "unit/train_run_test.h"

enum { SAMPLES_HERE = 12 };

#define MODEL                                                                                      \
    "model:\n"                                                                                     \
    "  inputs: {x: {shape: [3]}}\n"                                                                \
    "  layers:\n"                                                                                  \
    "    - Dense: {units: 4, activation: tanh, name: hidden}\n"                                    \
    "    - Dense: {units: 2, name: price}\n"                                                       \
    "    - Dense: {units: 4, activation: softmax, name: kind}\n"                                   \
    "      from: hidden\n"                                                                         \
    "  outputs: [price, kind]\n"

/* Exact in any language: whole numbers over a power of 2. */
static inline void fill(float *values, size_t count, size_t step, size_t size, float scale)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (float)((long)(i * step % size) - (long)(size / 2)) / scale;
}

static float x[SAMPLES_HERE * 3], price[SAMPLES_HERE * 2], kind[SAMPLES_HERE], common[SAMPLES_HERE],
    own[SAMPLES_HERE];

static inline int make_numbers(void **state)
{
    fill(x, SAMPLES_HERE * 3, 5, 13, 8);
    fill(price, SAMPLES_HERE * 2, 3, 7, 4);
    for (size_t i = 0; i < SAMPLES_HERE; i++) {
        kind[i] = (float)(i % 4);
        common[i] = (float)(i % 4 + 1) / 2;
        own[i] = (float)(i % 5) / 2;
    }
    return start_alone(state);
}

static inline struct ls_model *model_of(const char *yaml, const char *compile)
{
    struct ls_model *model;
    struct ls_tree *tree = yaml_tree(yaml);
    assert_ok(ls_model_from_tree(&model, ls_tree_find(tree, "model")));
    model->source = tree;
    assert_ok(ls_model_compile(model, compile));
    assert_ok(ls_model_initialize(model, 1));
    return model;
}

static inline struct ls_data *make_arrays(bool weights)
{
    struct ls_data *data;
    const struct ls_data_array array[] = {{"x", x, 3},
                                          {"kind", kind, 1},
                                          {"price", price, 2},
                                          {"kind_sample_weight", own, 1},
                                          {"sample_weight", common, 1}};
    assert_ok(ls_data_from_columns(&data, SAMPLES_HERE, array, weights ? 5 : 3));
    return data;
}

#endif
