/* Chunks that do not hold what the header says: HDF5 would read on behind their end. */
#include "data_files.h"

enum { ROWS = 8, COLUMNS = 3, CHUNK_ROWS = 4, CHUNK_BYTES = 4 * CHUNK_ROWS * COLUMNS };

static const hsize_t size[2] = {ROWS, COLUMNS}, chunk[2] = {CHUNK_ROWS, COLUMNS};

enum filter { END, GZIP, SHUFFLE, FLETCHER };

/* c.h5 with /s/x, 8 rows of 3 floats 0, 1, 2 ... in two chunks through the filters; open. */
static hid_t make_chunks(hid_t *file, const enum filter *filters, bool written)
{
    hid_t plist = H5Pcreate(H5P_DATASET_CREATE), id;
    float values[ROWS * COLUMNS];

    for (int i = 0; i < ROWS * COLUMNS; i++)
        values[i] = (float)i;
    *file = make_file("c.h5");
    H5Pset_chunk(plist, 2, chunk);
    for (; *filters != END; filters++) {
        herr_t set = *filters == GZIP      ? H5Pset_deflate(plist, 4)
                     : *filters == SHUFFLE ? H5Pset_shuffle(plist)
                                           : H5Pset_fletcher32(plist);
        assert_true(set >= 0);
    }
    id = add_numbers(*file, "/s/x",
                     &(struct numbers){H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, written ? values : NULL, 2,
                                       size, plist});
    H5Pclose(plist);
    return id;
}

static void finish(hid_t file, hid_t id)
{
    H5Dclose(id);
    H5Fclose(file);
}

/* Stores bytes as the chunk at a row; `passed_over` are filters that they did not go through. */
static void put_chunk(hid_t id, hsize_t row, uint32_t passed_over, const void *bytes, size_t count)
{
    const hsize_t offset[2] = {row, 0};

    assert_true(H5Dwrite_chunk(id, H5P_DEFAULT, passed_over, offset, count, bytes) >= 0);
}

/* zlib's form of count zeros. */
static void put_zeros(hid_t id, hsize_t row, size_t count)
{
    unsigned char bytes[512], zeros[512] = {0};
    uLongf length = sizeof bytes;

    assert_int_equal(compress2(bytes, &length, zeros, count, 4), Z_OK);
    put_chunk(id, row, 0, bytes, length);
}

static void expect_refused(const char *message)
{
    struct ls_data *data;

    expect_failure(ls_data_open(&data, "c.h5:s"), LS_BAD_INPUT, message);
    assert_null(data);
}

/* It opens, and fails with the message where the rows of the second chunk are read. */
static void expect_refused_later(const char *message)
{
    struct ls_data *data;
    float row[COLUMNS];
    const int64_t last = ROWS - 1;

    expect_status(ls_data_open(&data, "c.h5:s"), LS_OK);
    expect_failure(ls_data_read(data, 0, row, &last, 1), LS_BAD_INPUT, message);
    ls_data_free(data);
}

static void test_filters(void **state)
{
    static const enum filter sets[][4] = {
        {END},
        {GZIP, END},
        {SHUFFLE, END},
        {FLETCHER, END},
        {SHUFFLE, GZIP, END},
        {SHUFFLE, GZIP, FLETCHER, END},
        {FLETCHER, SHUFFLE, GZIP, END},
    };

    (void)state;
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        hid_t file, id = make_chunks(&file, sets[i], true);
        struct ls_data *data;
        float row[COLUMNS];
        const int64_t index = 5;

        finish(file, id);
        expect_status(ls_data_open(&data, "c.h5:s"), LS_OK);
        expect_status(ls_data_read(data, 0, row, &index, 1), LS_OK);
        for (int c = 0; c < COLUMNS; c++)
            assert_true(row[c] == (float)(5 * COLUMNS + c));
        ls_data_free(data);
    }
}

/* What does not grow smaller is stored as it is, and its chunk says so. */
static void test_passed_over(void **state)
{
    static const enum filter filters[] = {GZIP, END};
    hid_t file, id = make_chunks(&file, filters, true);
    float values[CHUNK_ROWS * COLUMNS] = {7}, row[COLUMNS];
    struct ls_data *data;
    const int64_t index = CHUNK_ROWS;

    (void)state;
    put_chunk(id, CHUNK_ROWS, 1, values, sizeof values);
    finish(file, id);
    expect_status(ls_data_open(&data, "c.h5:s"), LS_OK);
    expect_status(ls_data_read(data, 0, row, &index, 1), LS_OK);
    assert_true(row[0] == 7 && row[1] == 0);
    ls_data_free(data);
}

static void test_wrong_sizes(void **state)
{
    static const enum filter gzip[] = {GZIP, END}, shuffle[] = {SHUFFLE, END};
    static const unsigned char bytes[4096];
    static const size_t sizes[] = {CHUNK_BYTES - 1, CHUNK_BYTES + 1, 1, 4 * CHUNK_BYTES};
    hid_t file, id;

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        id = make_chunks(&file, gzip, true);
        put_zeros(id, 0, sizes[i]);
        finish(file, id);
        expect_refused("c.h5:s: x: damaged: a chunk that does not have the 48 bytes of its shape");
    }
    id = make_chunks(&file, shuffle, true);
    put_chunk(id, 0, 0, bytes, CHUNK_BYTES / 2);
    finish(file, id);
    expect_refused("c.h5:s: x: damaged: a chunk that does not have the 48 bytes of its shape");
    id = make_chunks(&file, gzip, true);
    put_chunk(id, CHUNK_ROWS, 1, bytes, 5); /* as if it were no gzip */
    finish(file, id);
    expect_refused_later("c.h5:s: x: samples 0 to 7: damaged: a chunk that does not have the 48 "
                         "bytes of its shape");
    id = make_chunks(&file, gzip, true);
    put_chunk(id, CHUNK_ROWS, 1, bytes, sizeof bytes);
    finish(file, id);
    expect_refused_later("c.h5:s: x: samples 0 to 7: the index of its chunks is damaged");
}

static void test_other_damages(void **state)
{
    static const enum filter gzip[] = {GZIP, END}, twice[] = {GZIP, GZIP, END};
    hid_t file, id = make_chunks(&file, gzip, true);

    (void)state;
    put_chunk(id, 0, 0, "no gzip", 7);
    finish(file, id);
    expect_refused("c.h5:s: x: a chunk cannot be read: damaged values");
    id = make_chunks(&file, twice, true);
    finish(file, id);
    expect_refused("c.h5:s: x: one filter twice, which is not read");
    id = make_chunks(&file, gzip, false);
    put_zeros(id, CHUNK_ROWS, CHUNK_BYTES);
    finish(file, id);
    expect_refused("c.h5:s: x: not written to the end: 1 of 2 chunks are there");
}

/* Replaces the bytes of a number wherever it stands in the file. */
static void replace(const char *path, uint64_t before, uint64_t after)
{
    unsigned char bytes[65536];
    FILE *file = fopen(path, "r+b");
    size_t length = fread(bytes, 1, sizeof bytes, file);
    int found = 0;

    for (size_t i = 0; i + sizeof before <= length; i++)
        if (memcmp(bytes + i, &before, sizeof before) == 0) {
            memcpy(bytes + i, &after, sizeof after);
            found++;
        }
    rewind(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    fclose(file);
    assert_true(found > 0);
}

/* Values in the header, of which there are fewer than the shape says. */
static void test_compact(void **state)
{
    const hsize_t count = 77;
    hid_t plist = H5Pcreate(H5P_DATASET_CREATE), file = make_file("c.h5");
    unsigned char bytes[77];

    (void)state;
    memset(bytes, 1, sizeof bytes);
    H5Pset_layout(plist, H5D_COMPACT);
    H5Dclose(add_numbers(
        file, "/s/x",
        &(struct numbers){H5T_NATIVE_UINT8, H5T_NATIVE_UINT8, bytes, 1, &count, plist}));
    H5Pclose(plist);
    H5Fclose(file);
    replace("c.h5", 77, 60000);
    expect_refused("c.h5:s: x: damaged: its header does not have the bytes of its shape");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filters),     cmocka_unit_test(test_passed_over),
        cmocka_unit_test(test_wrong_sizes), cmocka_unit_test(test_other_damages),
        cmocka_unit_test(test_compact),
    };
    return cmocka_run_group_tests(tests, start_kernels, remove_directory);
}
