/* Samples whose values are their numbers, for the tests of the loader. */
#ifndef UNIT_DATA_NUMBERS_H
#define UNIT_DATA_NUMBERS_H

#include <stdatomic.h>

#include "data/loader.h"
#include "data_files.h"

/* Sample i: x = {i, i + 0.5}, y = i. */
static inline ls_status read_number(void *user, int64_t sample, float *x, float *y)
{
    atomic_int *calls = user;

    if (calls)
        atomic_fetch_add(calls, 1);
    x[0] = (float)sample;
    x[1] = (float)sample + 0.5f;
    if (y)
        y[0] = (float)sample;
    return LS_OK;
}

static inline struct ls_data *make_numbers(int64_t samples)
{
    struct ls_data *data;

    expect_status(
        ls_data_from_reader(&data, &(struct ls_data_reader){samples, 2, 1, read_number, NULL}),
        LS_OK);
    return data;
}

static const struct ls_column_use both[2] = {{.column = 0, .finite = true, .what = "input"},
                                             {.column = 1, .finite = true, .what = "target"}};

static inline struct ls_loader_options options_for(struct ls_data *data, int64_t batch,
                                                   int64_t replicas)
{
    return (struct ls_loader_options){
        .data = data,
        .order = {.samples = ls_data_samples(data), .shuffle = LS_SHUFFLE_GLOBAL, .seed = 3},
        .batch_size = batch,
        .replicas = replicas,
        .local = {0, replicas},
        .use = both,
        .uses = 2};
}

#endif
