/* Importing small CSV files, and looking at what came of them. */
#ifndef UNIT_DATA_CSV_H
#define UNIT_DATA_CSV_H

#include "data_files.h"
#include "lockstep/run.h"

#define FILES(...) ((const char *const[]){__VA_ARGS__, NULL})

static inline ls_status import_csv(const char *out, const char *file, const char *target)
{
    return ls_import_csv(&(struct ls_import){.files = FILES(file), .out = out, .target = target});
}

static inline void expect_samples(const char *source, int64_t samples)
{
    struct ls_data *data;

    expect_status(ls_data_open(&data, source), LS_OK);
    assert_int_equal(ls_data_samples(data), samples);
    ls_data_free(data);
}

static inline void expect_columns(const char *source, size_t columns)
{
    struct ls_data *data;

    expect_status(ls_data_open(&data, source), LS_OK);
    assert_int_equal(ls_data_columns(data), columns);
    ls_data_free(data);
}

/* All of x: [samples][features]. */
static inline void expect_x(const char *source, int64_t samples, int64_t features,
                            const float *expected)
{
    struct ls_data *data;
    float values[64];
    size_t x;

    expect_status(ls_data_open(&data, source), LS_OK);
    expect_status(ls_data_find(data, "x", &x), LS_OK);
    assert_int_equal(ls_data_column(data, x)->type, LS_NUMBER_FLOAT);
    assert_int_equal(ls_data_column(data, x)->shape.rank, 1);
    assert_int_equal(ls_data_column(data, x)->shape.size[0], features);
    assert_int_equal(ls_data_samples(data), samples);
    for (int64_t i = 0; i < samples; i++) {
        expect_status(ls_data_read(data, x, values, &i, 1), LS_OK);
        for (int64_t k = 0; k < features; k++)
            assert_float_equal(values[k], expected[i * features + k], 0);
    }
    ls_data_free(data);
}

static inline void expect_y(const char *source, enum ls_number_type type, const double *expected,
                            int64_t samples)
{
    struct ls_data *data;
    unsigned char bytes[8];
    size_t y;

    expect_status(ls_data_open(&data, source), LS_OK);
    expect_status(ls_data_find(data, "y", &y), LS_OK);
    assert_int_equal(ls_data_column(data, y)->type, type);
    assert_int_equal(ls_data_column(data, y)->shape.rank, 0);
    assert_int_equal(ls_data_samples(data), samples);
    for (int64_t i = 0; i < samples; i++) {
        float value;

        expect_status(ls_data_read(data, y, bytes, &i, 1), LS_OK);
        ls_k->convert(&value, bytes, type, 1);
        assert_float_equal(value, (float)expected[i], 0);
    }
    ls_data_free(data);
}

#endif
