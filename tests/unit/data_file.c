/* Splits of HDF5 files: what they are called, what is read, what is refused. */
#include "data_files.h"

/* The values of one sample of a column. */
#define read_one(data, column, sample, out)                                                        \
    expect_status(ls_data_read(data, column, out, &(int64_t){sample}, 1), LS_OK)

static void test_a_split(void **state)
{
    struct ls_data *data;
    const int64_t index[] = {9, 0, 1, 2, 9};
    unsigned char rows[5][4];
    int32_t label;
    size_t x, y;

    (void)state;
    make_digits("d.h5", "train", 12, 4);
    expect_status(ls_data_open(&data, "d.h5:train"), LS_OK);
    assert_int_equal(ls_data_samples(data), 12);
    assert_int_equal(ls_data_columns(data), 2);
    assert_string_equal(ls_data_name(data), "d.h5:train");
    expect_status(ls_data_find(data, "x", &x), LS_OK);
    expect_status(ls_data_find(data, "y", &y), LS_OK);
    assert_int_equal(ls_data_column(data, x)->role, LS_COLUMN_INPUT);
    assert_int_equal(ls_data_column(data, y)->role, LS_COLUMN_TARGET);
    assert_int_equal(ls_data_column(data, x)->type, LS_NUMBER_UINT8);
    assert_int_equal(ls_data_column(data, x)->shape.rank, 1);
    assert_int_equal(ls_data_column(data, y)->shape.rank, 0);
    assert_true(ls_data_random_access(data));
    assert_null(ls_data_learnt(data));
    expect_status(ls_data_read(data, x, rows, index, 5), LS_OK);
    for (int i = 0; i < 5; i++)
        for (int k = 0; k < 4; k++)
            assert_int_equal(rows[i][k], index[i] * 4 + k);
    read_one(data, y, 11, &label);
    assert_int_equal(label, 1);
    expect_failure(ls_data_find(data, "z", &x), LS_BAD_INPUT,
                   "d.h5:train: no dataset 'z'; it has: x, y");
    expect_failure(ls_data_read(data, y, &label, &(int64_t){12}, 1), LS_USAGE,
                   "d.h5:train: no sample 12; it has 12");
    ls_data_free(data);
}

/* Every way of storing the same numbers gives the same bytes, in memory and not. */
static void test_ways_of_storing(void **state)
{
    enum { SAMPLES = 50, SIZE = 3 };
    const hsize_t shape[2] = {SAMPLES, SIZE}, chunk[2] = {8, 2};
    hid_t file = make_file("ways.h5"), chunked = H5Pcreate(H5P_DATASET_CREATE);
    hid_t packed = H5Pcreate(H5P_DATASET_CREATE), compact = H5Pcreate(H5P_DATASET_CREATE);
    static const char *const names[] = {"contiguous", "big", "chunked", "packed", "compact"};
    float values[SAMPLES][SIZE];
    struct ls_digest first = {{0}}, digest;

    (void)state;
    for (int i = 0; i < SAMPLES * SIZE; i++)
        values[i / SIZE][i % SIZE] = (float)i * 0.25f;
    H5Pset_chunk(chunked, 2, chunk);
    H5Pset_chunk(packed, 2, chunk);
    H5Pset_shuffle(packed);
    H5Pset_deflate(packed, 6);
    H5Pset_fletcher32(packed);
    H5Pset_layout(compact, H5D_COMPACT);
    for (int i = 0; i < 5; i++) {
        char path[64];

        snprintf(path, sizeof path, "/%s/x", names[i]);
        H5Dclose(add_numbers(file, path,
                             &(struct numbers){i == 1 ? H5T_IEEE_F32BE : H5T_IEEE_F32LE,
                                               H5T_NATIVE_FLOAT, values, 2, shape,
                                               i == 2   ? chunked
                                               : i == 3 ? packed
                                               : i == 4 ? compact
                                                        : H5P_DEFAULT}));
    }
    H5Pclose(chunked);
    H5Pclose(packed);
    H5Pclose(compact);
    H5Fclose(file);
    for (int i = 0; i < 5; i++)
        for (int in_memory = 0; in_memory < 2; in_memory++) {
            struct ls_file_place place = {.file = "ways.h5", .split = names[i]};
            size_t resident = in_memory ? sizeof values : 0;
            const int64_t index[] = {49, 0, 1, 2, 33, 32, 49};
            float rows[7][SIZE];
            struct ls_data *data;

            expect_status(ls_data_from_file(&data, &place, &resident), LS_OK);
            assert_int_equal(resident, 0);
            assert_int_equal(ls_data_random_access(data), in_memory || (i != 2 && i != 3));
            assert_int_equal(ls_data_chunk(data), in_memory || (i != 2 && i != 3) ? 0 : 8);
            /* all 7 chunks stay, so a window has half of them */
            assert_int_equal(ls_data_window(data), in_memory || (i != 2 && i != 3) ? 0 : 3);
            for (int pass = 0; pass < 2; pass++) {
                expect_status(ls_data_read(data, 0, rows, index, 7), LS_OK);
                for (int r = 0; r < 7; r++)
                    assert_memory_equal(rows[r], values[index[r]], sizeof rows[r]);
            }
            expect_status(ls_data_fingerprint(data, &digest), LS_OK);
            if (i == 0 && !in_memory)
                first = digest;
            assert_memory_equal(&digest, &first, sizeof digest);
            ls_data_free(data);
        }
}

static void test_number_types(void **state)
{
    const struct {
        hid_t stored;
        enum ls_number_type type;
        double expected;
    } cases[] = {
        {H5T_STD_U8LE, LS_NUMBER_UINT8, 200},   {H5T_STD_I8LE, LS_NUMBER_INT8, 127},
        {H5T_STD_U16LE, LS_NUMBER_UINT16, 200}, {H5T_STD_I16BE, LS_NUMBER_INT16, 200},
        {H5T_STD_I32LE, LS_NUMBER_INT32, 200},  {H5T_STD_U32LE, LS_NUMBER_INT64, 200},
        {H5T_STD_I64BE, LS_NUMBER_INT64, 200},  {H5T_STD_U64LE, LS_NUMBER_DOUBLE, 200},
        {H5T_IEEE_F32LE, LS_NUMBER_FLOAT, 200}, {H5T_IEEE_F64BE, LS_NUMBER_DOUBLE, 200},
    };
    const hsize_t one = 1;
    const double value = 200;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        hid_t file = make_file("types.h5");
        struct ls_data *data;
        unsigned char bytes[8];
        float number;

        H5Dclose(add_numbers(
            file, "/s/x",
            &(struct numbers){cases[i].stored, H5T_NATIVE_DOUBLE, &value, 1, &one, H5P_DEFAULT}));
        H5Fclose(file);
        expect_status(ls_data_open(&data, "types.h5:s"), LS_OK);
        assert_int_equal(ls_data_column(data, 0)->type, cases[i].type);
        read_one(data, 0, 0, bytes);
        ls_k->convert(&number, bytes, cases[i].type, 1);
        assert_float_equal(number, cases[i].expected, 0);
        ls_data_free(data);
    }
}

static void add_texts(hid_t object, const char *name, const char *const *texts, hsize_t count,
                      size_t fixed)
{
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate_simple(1, &count, NULL), attribute;
    char block[8][16] = {""};

    H5Tset_size(type, fixed ? fixed : H5T_VARIABLE);
    attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    for (hsize_t i = 0; fixed && i < count; i++)
        memcpy((char *)block + i * fixed, texts[i], strlen(texts[i]));
    assert_true(H5Awrite(attribute, type, fixed ? (const void *)block : texts) >= 0);
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
}

static void test_class_names(void **state)
{
    static const char *const names[] = {"cat", "dog", "giraffe"};
    const int32_t labels[] = {0, 2, 1};
    const hsize_t three = 3;

    (void)state;
    for (size_t fixed = 0; fixed <= 7; fixed += 7) {
        hid_t file = make_file("names.h5"), id;
        struct ls_data *data, *slice;
        const struct ls_column *y;

        id = add_numbers(
            file, "/s/y",
            &(struct numbers){H5T_NATIVE_INT32, H5T_NATIVE_INT32, labels, 1, &three, H5P_DEFAULT});
        add_texts(id, "class_names", names, 3, fixed);
        H5Dclose(id);
        H5Fclose(file);
        expect_status(ls_data_open(&data, "names.h5:s"), LS_OK);
        expect_status(ls_data_slice(&slice, data, 1, 3), LS_OK);
        y = ls_data_column(slice, 0);
        assert_int_equal(y->classes, 3);
        for (int i = 0; i < 3; i++)
            assert_string_equal(y->class_names[i], names[i]);
        ls_data_free(slice);
        ls_data_free(data);
    }
}

static void test_class_names_that_are_numbers(void **state)
{
    const int32_t labels[] = {0, 1};
    const hsize_t two = 2;
    hid_t file = make_file("bad-names.h5"), id, space, attribute;
    struct ls_data *data;

    (void)state;
    id = add_numbers(
        file, "/s/y",
        &(struct numbers){H5T_NATIVE_INT32, H5T_NATIVE_INT32, labels, 1, &two, H5P_DEFAULT});
    space = H5Screate_simple(1, &two, NULL);
    attribute = H5Acreate2(id, "class_names", H5T_NATIVE_INT32, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, H5T_NATIVE_INT32, labels);
    H5Aclose(attribute);
    H5Sclose(space);
    H5Dclose(id);
    H5Fclose(file);
    expect_failure(ls_data_open(&data, "bad-names.h5:s"), LS_BAD_INPUT,
                   "bad-names.h5:s: y: class_names: expected a list of texts");
}

/* -- wrong files */

static void test_files_that_are_none(void **state)
{
    struct ls_data *data;
    char command[] = "head -c 3000 whole.h5 > cut.h5";

    (void)state;
    expect_failure(ls_data_open(&data, "gone.h5:train"), LS_NO_INPUT, "gone.h5: no such file");
    expect_failure(ls_data_open(&data, ".:train"), LS_BAD_INPUT, ".: not a file");
    write_text("text.h5", "not HDF5");
    expect_failure(ls_data_open(&data, "text.h5:train"), LS_BAD_INPUT, "text.h5: not an HDF5 file");
    make_digits("whole.h5", "train", 1000, 30);
    assert_int_equal(system(command), 0);
    expect_failure(ls_data_open(&data, "cut.h5:train"), LS_BAD_INPUT,
                   "cut.h5: the HDF5 file is damaged or cut off");
    expect_failure(ls_data_open(&data, "whole.h5"), LS_BAD_INPUT,
                   "'whole.h5': expected FILE:SPLIT, as in mnist.h5:train");
    expect_failure(ls_data_open(&data, "whole.h5:valid"), LS_BAD_INPUT,
                   "whole.h5: no split 'valid'; it has: train");
    expect_failure(ls_data_open(&data, "whole.h5:train/x"), LS_BAD_INPUT,
                   "whole.h5: train/x: not a group");
    H5Fclose(make_file("empty.h5"));
    expect_failure(ls_data_open(&data, "empty.h5:train"), LS_BAD_INPUT,
                   "empty.h5: no split 'train'; it has none");
    expect_failure(ls_data_open(&data, "empty.h5:/"), LS_BAD_INPUT,
                   "empty.h5:/: no datasets in the split");
    if (geteuid() != 0) {
        assert_int_equal(system("chmod 000 whole.h5"), 0);
        expect_failure(ls_data_open(&data, "whole.h5:train"), LS_NO_INPUT,
                       "whole.h5: cannot be read: Permission denied");
    }
}

static void test_wrong_datasets(void **state)
{
    const float x[12] = {0};
    const hsize_t shapes[][2] = {{4, 3}, {5, 1}, {0, 3}, {4, 0}};
    struct ls_data *data, *slice;
    hid_t file = make_file("sets.h5"), text = H5Tcopy(H5T_C_S1), space, id;
    size_t column;

    (void)state;
    H5Tset_size(text, 3);
    H5Dclose(add_numbers(
        file, "/lengths/x",
        &(struct numbers){H5T_NATIVE_FLOAT, H5T_NATIVE_FLOAT, x, 2, shapes[0], H5P_DEFAULT}));
    H5Dclose(add_numbers(
        file, "/lengths/y",
        &(struct numbers){H5T_NATIVE_FLOAT, H5T_NATIVE_FLOAT, x, 1, shapes[1], H5P_DEFAULT}));
    H5Dclose(add_numbers(
        file, "/none/x",
        &(struct numbers){H5T_NATIVE_FLOAT, H5T_NATIVE_FLOAT, NULL, 2, shapes[2], H5P_DEFAULT}));
    H5Dclose(add_numbers(
        file, "/flat/x",
        &(struct numbers){H5T_NATIVE_FLOAT, H5T_NATIVE_FLOAT, NULL, 2, shapes[3], H5P_DEFAULT}));
    H5Dclose(add_numbers(file, "/texts/y",
                         &(struct numbers){text, text, "onetwosixten", 1, shapes[0], H5P_DEFAULT}));
    H5Dclose(add_numbers(file, "/beside/ids",
                         &(struct numbers){text, text, "onetwosixten", 1, shapes[0], H5P_DEFAULT}));
    H5Dclose(add_numbers(
        file, "/beside/x",
        &(struct numbers){H5T_NATIVE_FLOAT, H5T_NATIVE_FLOAT, x, 2, shapes[0], H5P_DEFAULT}));
    space = H5Screate(H5S_SCALAR);
    H5Gclose(H5Gcreate2(file, "/one", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    id = H5Dcreate2(file, "/one/x", H5T_NATIVE_FLOAT, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(id, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, x);
    H5Dclose(id);
    H5Sclose(space);
    H5Tclose(text);
    H5Fclose(file);
    expect_failure(ls_data_open(&data, "sets.h5:lengths"), LS_BAD_INPUT,
                   "sets.h5:lengths: y has 5 samples, but x has 4");
    expect_failure(ls_data_open(&data, "sets.h5:none"), LS_BAD_INPUT,
                   "sets.h5:none: x: no samples");
    expect_failure(ls_data_open(&data, "sets.h5:flat"), LS_BAD_INPUT,
                   "sets.h5:flat: x: axis 1 of the samples is empty");
    expect_failure(ls_data_open(&data, "sets.h5:texts"), LS_BAD_INPUT,
                   "sets.h5:texts: y: holds texts; only integers and floats can be read");
    expect_failure(ls_data_open(&data, "sets.h5:one"), LS_BAD_INPUT,
                   "sets.h5:one: x: not a list of samples: it has no axes");
    /* what is no column is passed over until it is asked for */
    expect_status(ls_data_open(&data, "sets.h5:beside"), LS_OK);
    assert_int_equal(ls_data_columns(data), 1);
    expect_failure(ls_data_find(data, "ids", &column), LS_BAD_INPUT,
                   "sets.h5:beside: ids: holds texts; only integers and floats can be read");
    /* by what is made of the data set too */
    expect_status(ls_data_slice(&slice, data, 1, 3), LS_OK);
    assert_true(ls_data_has(slice, "ids"));
    expect_failure(ls_data_find(slice, "ids", &column), LS_BAD_INPUT,
                   "sets.h5:beside: ids: holds texts; only integers and floats can be read");
    ls_data_free(slice);
    ls_data_free(data);
    assert_int_equal(system("cp sets.h5 sets-2.h5"), 0);
    expect_status(ls_data_open(&data, "sets*.h5:beside"), LS_OK);
    assert_int_equal(ls_data_samples(data), 8);
    expect_failure(ls_data_find(data, "ids", &column), LS_BAD_INPUT,
                   "sets-2.h5:beside: ids: holds texts; only integers and floats can be read");
    ls_data_free(data);
}

/* -- fingerprints */

static void test_fingerprint_finds_one_label(void **state)
{
    struct ls_data *data;
    struct ls_digest before, after, same;
    hid_t file, id;
    int32_t labels[3000];

    (void)state;
    make_digits("print.h5", "train", 3000, 2);
    expect_status(ls_data_open(&data, "print.h5:train"), LS_OK);
    expect_status(ls_data_fingerprint(data, &before), LS_OK);
    expect_status(ls_data_fingerprint(data, &same), LS_OK);
    assert_memory_equal(&before, &same, sizeof same);
    ls_data_free(data);
    file = H5Fopen("print.h5", H5F_ACC_RDWR, H5P_DEFAULT);
    id = H5Dopen2(file, "/train/y", H5P_DEFAULT);
    H5Dread(id, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, labels);
    labels[1234] = 7;
    H5Dwrite(id, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, labels);
    H5Dclose(id);
    H5Fclose(file);
    expect_status(ls_data_open(&data, "print.h5:train"), LS_OK);
    expect_status(ls_data_fingerprint(data, &after), LS_OK);
    assert_memory_not_equal(&before, &after, sizeof after);
    ls_data_free(data);
}

/* Of targets every byte counts, however many; of large inputs a selection. */
static void test_fingerprint_of_much_data(void **state)
{
    enum { SAMPLES = 70000, SIZE = 64, CHANGED = 1000 };
    float *values = calloc((size_t)SAMPLES * SIZE, sizeof *values);
    float *others = calloc((size_t)SAMPLES * SIZE, sizeof *others);
    struct ls_digest before, input, target, first;
    struct ls_data *data;

    (void)state;
    expect_status(
        ls_data_from_arrays(&data, &(struct ls_data_arrays){SAMPLES, values, SIZE, others, SIZE}),
        LS_OK);
    expect_status(ls_data_fingerprint(data, &before), LS_OK);
    values[CHANGED * SIZE] = 1;
    expect_status(ls_data_fingerprint(data, &input), LS_OK);
    assert_memory_equal(&before, &input, sizeof before);
    others[CHANGED * SIZE] = 1;
    expect_status(ls_data_fingerprint(data, &target), LS_OK);
    assert_memory_not_equal(&before, &target, sizeof before);
    values[(SAMPLES - 1) * SIZE] = 1;
    expect_status(ls_data_fingerprint(data, &first), LS_OK);
    assert_memory_not_equal(&first, &target, sizeof first);
    ls_data_free(data);
    free(values);
    free(others);
}

/* Arrays by name, of several inputs and outputs. */
static void test_named_arrays(void **state)
{
    const float left[] = {1, 2, 3, 4}, kind[] = {5, 6}, weight[] = {7, 8};
    const struct ls_data_array array[] = {
        {"left", left, 2}, {"kind", kind, 1}, {"kind_sample_weight", weight, 1}};
    const int64_t second = 1;
    struct ls_data *data;
    float found[2];

    (void)state;
    expect_status(ls_data_from_columns(&data, 2, array, 3), LS_OK);
    assert_int_equal(ls_data_samples(data), 2);
    assert_int_equal(ls_data_columns(data), 3);
    assert_int_equal(ls_data_column(data, 1)->role, LS_COLUMN_OTHER);
    assert_int_equal(ls_data_column(data, 2)->role, LS_COLUMN_WEIGHT);
    assert_true(ls_data_has(data, "kind"));
    assert_false(ls_data_has(data, "y"));
    expect_status(ls_data_read(data, 0, found, &second, 1), LS_OK);
    assert_memory_equal(found, left + 2, 2 * sizeof *left);
    expect_status(ls_data_read(data, 2, found, &second, 1), LS_OK);
    assert_memory_equal(found, weight + 1, sizeof *weight);
    ls_data_free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_split),
        cmocka_unit_test(test_ways_of_storing),
        cmocka_unit_test(test_number_types),
        cmocka_unit_test(test_class_names),
        cmocka_unit_test(test_class_names_that_are_numbers),
        cmocka_unit_test(test_files_that_are_none),
        cmocka_unit_test(test_wrong_datasets),
        cmocka_unit_test(test_fingerprint_finds_one_label),
        cmocka_unit_test(test_fingerprint_of_much_data),
        cmocka_unit_test(test_named_arrays),
    };
    return cmocka_run_group_tests(tests, start_kernels, remove_directory);
}
