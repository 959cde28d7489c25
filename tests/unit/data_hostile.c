/* HDF5 files that reach for other files, promise what they do not hold, or need what is not there:
 * refused, and nothing else is opened. */
#include <sys/resource.h>

#include "data_files.h"

static const hsize_t shape[2] = {4, 3};

static void expect_refused(const char *source, const char *message)
{
    struct ls_data *data;

    expect_failure(ls_data_open(&data, source), LS_BAD_INPUT, message);
    assert_null(data);
}

static void test_external_storage(void **state)
{
    hid_t plist = H5Pcreate(H5P_DATASET_CREATE), file = make_file("external.h5");

    (void)state;
    write_text("secret", "twelve bytes");
    H5Pset_external(plist, "secret", 0, 12);
    H5Dclose(
        add_numbers(file, "/s/x",
                    &(struct numbers){H5T_NATIVE_UINT8, H5T_NATIVE_UINT8, NULL, 2, shape, plist}));
    H5Pclose(plist);
    H5Fclose(file);
    expect_refused("external.h5:s", "external.h5:s: x: its values are in another file (external "
                                    "storage), which is not opened");
}

static void test_links_to_other_files(void **state)
{
    struct ls_data *data;
    hid_t file, group;
    size_t column;

    (void)state;
    make_digits("target.h5", "train", 4, 3);
    file = make_file("links.h5");
    H5Lcreate_external("target.h5", "/train", file, "group", H5P_DEFAULT, H5P_DEFAULT);
    group = H5Gcreate2(file, "s", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_external("target.h5", "/train/x", group, "x", H5P_DEFAULT, H5P_DEFAULT);
    H5Gclose(group);
    /* a soft link that leads to the external one */
    group = H5Gcreate2(file, "soft", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/group/x", group, "x", H5P_DEFAULT, H5P_DEFAULT);
    H5Gclose(group);
    group = H5Gcreate2(file, "through", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/group", file, "way", H5P_DEFAULT, H5P_DEFAULT);
    H5Gclose(group);
    H5Fclose(file);
    expect_refused("links.h5:group",
                   "links.h5: group: a link to another file; such links are not followed");
    expect_refused("links.h5:s",
                   "links.h5:s: x: x: a link to another file; such links are not followed");
    expect_refused("links.h5:soft",
                   "links.h5:soft: x: x: cannot be opened: a damaged object, or a link that leads "
                   "nowhere or out of the file");
    expect_refused("links.h5:way", "links.h5: way: cannot be opened: a damaged object, or a link "
                                   "that leads nowhere or out of the file");
    /* a soft link within the file is good */
    file = H5Fopen("target.h5", H5F_ACC_RDWR, H5P_DEFAULT);
    H5Lcreate_soft("/train", file, "alias", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    expect_status(ls_data_open(&data, "target.h5:alias"), LS_OK);
    expect_status(ls_data_find(data, "x", &column), LS_OK);
    ls_data_free(data);
}

static void test_virtual_dataset(void **state)
{
    hid_t plist = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(2, shape, NULL);
    hid_t file;

    (void)state;
    make_digits("source.h5", "train", 4, 3);
    H5Pset_virtual(plist, space, "source.h5", "/train/x", space);
    file = make_file("virtual.h5");
    H5Dclose(
        add_numbers(file, "/s/x",
                    &(struct numbers){H5T_NATIVE_UINT8, H5T_NATIVE_UINT8, NULL, 2, shape, plist}));
    H5Pclose(plist);
    H5Sclose(space);
    H5Fclose(file);
    expect_refused("virtual.h5:s", "virtual.h5:s: x: a virtual dataset: the files it is made of "
                                   "are not opened; name them instead");
}

/* Packing that loses digits is not undone; and plugins, which would be code of the file's choice,
 * are not loaded. */
static void test_other_filters(void **state)
{
    hid_t plist = H5Pcreate(H5P_DATASET_CREATE), file = make_file("filter.h5");
    const unsigned char bytes[12] = {0};

    (void)state;
    H5Pset_chunk(plist, 2, shape);
    H5Pset_scaleoffset(plist, H5Z_SO_INT, 4);
    H5Dclose(
        add_numbers(file, "/s/x",
                    &(struct numbers){H5T_NATIVE_UINT8, H5T_NATIVE_UINT8, bytes, 2, shape, plist}));
    H5Pclose(plist);
    H5Fclose(file);
    expect_refused("filter.h5:s", "filter.h5:s: x: compressed by filter 6 (scaleoffset); gzip, "
                                  "shuffle and fletcher32 are read");
}

/* Promises of terabytes: an error, at once, in little memory. */
static void test_huge_dimensions(void **state)
{
    const hsize_t huge[2] = {(hsize_t)1 << 40, 1000}, more[2] = {(hsize_t)1 << 62, 8};
    const hsize_t chunk[2] = {1 << 20, 1000}, small[2] = {16, 1000};
    const hsize_t few[2] = {16, 8};
    hid_t plist = H5Pcreate(H5P_DATASET_CREATE), file = make_file("huge.h5");

    (void)state;
    H5Dclose(add_numbers(
        file, "/late/x",
        &(struct numbers){H5T_NATIVE_FLOAT, H5T_NATIVE_FLOAT, NULL, 2, huge, H5P_DEFAULT}));
    H5Pset_chunk(plist, 2, chunk);
    H5Dclose(
        add_numbers(file, "/thick/x",
                    &(struct numbers){H5T_NATIVE_UINT8, H5T_NATIVE_UINT8, NULL, 2, huge, plist}));
    H5Pset_chunk(plist, 2, small);
    H5Dclose(
        add_numbers(file, "/empty/x",
                    &(struct numbers){H5T_NATIVE_UINT8, H5T_NATIVE_UINT8, NULL, 2, huge, plist}));
    H5Pset_chunk(plist, 2, few);
    H5Dclose(
        add_numbers(file, "/over/x",
                    &(struct numbers){H5T_NATIVE_UINT8, H5T_NATIVE_UINT8, NULL, 2, more, plist}));
    H5Pclose(plist);
    H5Fclose(file);
    expect_refused("huge.h5:late", "huge.h5:late: x: its values were never written");
    expect_refused("huge.h5:thick", "huge.h5:thick: x: chunks of 1048576 samples are more than 256 "
                                    "MiB; write it with smaller ones");
    expect_refused("huge.h5:empty", "huge.h5:empty: x: not written to the end: 0 of 68719476736 "
                                    "chunks are there");
    expect_refused("huge.h5:over", "huge.h5:over: x: a shape of more bytes than any file has");
}

/* A writer that was stopped: the rest would read as zeros. */
static void test_half_written_chunks(void **state)
{
    const hsize_t size[2] = {10, 3}, chunk[2] = {4, 3}, start[2] = {0, 0}, part[2] = {8, 3};
    hid_t plist = H5Pcreate(H5P_DATASET_CREATE), file = make_file("half.h5"), id, space, memory;
    const unsigned char bytes[24] = {0};

    (void)state;
    H5Pset_chunk(plist, 2, chunk);
    H5Pset_deflate(plist, 1);
    id = add_numbers(file, "/s/x",
                     &(struct numbers){H5T_NATIVE_UINT8, H5T_NATIVE_UINT8, NULL, 2, size, plist});
    space = H5Dget_space(id);
    memory = H5Screate_simple(2, part, NULL);
    H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, part, NULL);
    H5Dwrite(id, H5T_NATIVE_UINT8, memory, space, H5P_DEFAULT, bytes);
    H5Sclose(space);
    H5Sclose(memory);
    H5Dclose(id);
    H5Pclose(plist);
    H5Fclose(file);
    expect_refused("half.h5:s", "half.h5:s: x: not written to the end: 2 of 3 chunks are there");
}

/* A chunk whose bytes were changed: found by its checksum, named by its samples. */
static void test_damaged_chunk(void **state)
{
    const hsize_t size[2] = {64, 16}, chunk[2] = {32, 16};
    hid_t plist = H5Pcreate(H5P_DATASET_CREATE), file = make_file("damaged.h5"), id;
    unsigned char bytes[64 * 16], row[16];
    struct ls_file_place place = {.file = "damaged.h5", .split = "s"};
    struct ls_data *data;
    size_t none = 0;
    haddr_t address;
    hsize_t offset[2];
    hid_t space;
    unsigned mask;
    FILE *raw;

    (void)state;
    memset(bytes, 5, sizeof bytes);
    H5Pset_chunk(plist, 2, chunk);
    H5Pset_fletcher32(plist);
    id = add_numbers(file, "/s/x",
                     &(struct numbers){H5T_NATIVE_UINT8, H5T_NATIVE_UINT8, bytes, 2, size, plist});
    H5Fflush(file, H5F_SCOPE_LOCAL);
    space = H5Dget_space(id);
    assert_true(H5Dget_chunk_info(id, space, 1, offset, &mask, &address, NULL) >= 0);
    H5Sclose(space);
    H5Dclose(id);
    H5Pclose(plist);
    H5Fclose(file);
    raw = fopen("damaged.h5", "r+b");
    fseek(raw, (long)address + 17, SEEK_SET);
    fputc(99, raw);
    fclose(raw);
    expect_status(ls_data_from_file(&data, &place, &none), LS_OK);
    expect_status(ls_data_read(data, 0, row, &(int64_t){3}, 1), LS_OK);
    expect_failure(ls_data_read(data, 0, row, &(int64_t){40}, 1), LS_BAD_INPUT,
                   "damaged.h5:s: x: samples 32 to 63 cannot be read: damaged values");
    ls_data_free(data);
}

/* The file is made shorter while it is open. */
static void test_file_cut_while_open(void **state)
{
    struct ls_file_place place = {.file = "shorter.h5", .split = "train"};
    struct ls_data *data;
    unsigned char row[30];
    char message[128];
    size_t none = 0, x;
    hid_t file, id;

    (void)state;
    make_digits("shorter.h5", "train", 1000, 30);
    file = H5Fopen("shorter.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
    id = H5Dopen2(file, "/train/x", H5P_DEFAULT);
    snprintf(message, sizeof message,
             "shorter.h5:train: x: the file ends at byte %llu, before its values do",
             (unsigned long long)H5Dget_offset(id) + 900 * sizeof row);
    H5Dclose(id);
    H5Fclose(file);
    expect_status(ls_data_from_file(&data, &place, &none), LS_OK);
    expect_status(ls_data_find(data, "x", &x), LS_OK);
    assert_int_equal(truncate("shorter.h5", 20000), 0);
    expect_failure(ls_data_read(data, x, row, &(int64_t){900}, 1), LS_BAD_INPUT, message);
    ls_data_free(data);
}

static void test_too_many_axes_and_wide_integers(void **state)
{
    const hsize_t deep[10] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    hid_t file = make_file("deep.h5"), wide = H5Tcopy(H5T_STD_I64LE);
    const unsigned char bytes[16] = {0};

    (void)state;
    H5Tset_size(wide, 16);
    H5Dclose(add_numbers(
        file, "/axes/x",
        &(struct numbers){H5T_NATIVE_UINT8, H5T_NATIVE_UINT8, bytes, 10, deep, H5P_DEFAULT}));
    H5Dclose(
        add_numbers(file, "/wide/x", &(struct numbers){wide, wide, bytes, 1, deep, H5P_DEFAULT}));
    H5Tclose(wide);
    H5Fclose(file);
    expect_refused("deep.h5:axes", "deep.h5:axes: x: 10 axes; at most 9 can be read");
    expect_refused("deep.h5:wide", "deep.h5:wide: x: integers of 16 bytes cannot be read");
}

/* Each byte of a small file's metadata changed in turn: an error or the data, no crash. */
static void test_flipped_bytes(void **state)
{
    unsigned char whole[8192], row[64];
    size_t count;
    FILE *file;

    (void)state;
    make_digits("flip.h5", "train", 4, 3);
    file = fopen("flip.h5", "rb");
    count = fread(whole, 1, sizeof whole, file);
    fclose(file);
    assert_in_range(count, 100, sizeof whole - 1);
    for (size_t i = 0; i < count; i += 7) {
        struct ls_data *data;

        whole[i] ^= 0xff;
        write_bytes("flipped.h5", whole, count);
        whole[i] ^= 0xff;
        if (ls_data_open(&data, "flipped.h5:train") != LS_OK) {
            assert_non_null(strstr(ls_message(), "flipped.h5"));
            continue;
        }
        for (size_t c = 0; c < ls_data_columns(data); c++) {
            const struct ls_column *column = ls_data_column(data, c);

            if (ls_shape_count(&column->shape) * 8 <= (int64_t)sizeof row)
                ls_data_read(data, c, row, &(int64_t){0}, 1);
        }
        ls_data_free(data);
    }
}

/* HDF5's own printing is as it was, and nothing came on standard error. */
static void test_hdf5_is_quiet(void **state)
{
    H5E_auto2_t before, after;
    void *user;
    struct ls_data *data;
    char text[16];
    int saved = dup(2), pipes[2];
    ssize_t got;

    (void)state;
    H5Eget_auto2(H5E_DEFAULT, &before, &user);
    assert_non_null(before);
    write_text("noise.h5", "nothing");
    assert_int_equal(pipe(pipes), 0);
    dup2(pipes[1], 2);
    ls_data_open(&data, "noise.h5:train");
    ls_data_open(&data, "huge.h5:late");
    dup2(saved, 2);
    close(saved);
    close(pipes[1]);
    got = read(pipes[0], text, sizeof text);
    close(pipes[0]);
    assert_int_equal(got, 0);
    H5Eget_auto2(H5E_DEFAULT, &after, &user);
    assert_ptr_equal(before, after);
}

/* What HDF5 itself loses when it meets a damaged file is not ours to find. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libhdf5";
}

static int setup(void **state)
{
#if !defined(__SANITIZE_ADDRESS__)
    const struct rlimit limit = {(rlim_t)1 << 30, (rlim_t)1 << 30};

    if (setrlimit(RLIMIT_AS, &limit) != 0)
        return -1;
#endif
    H5dont_atexit(); /* as the library does; here the tests are the first to use HDF5 */
    return make_directory(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_external_storage),
        cmocka_unit_test(test_links_to_other_files),
        cmocka_unit_test(test_virtual_dataset),
        cmocka_unit_test(test_other_filters),
        cmocka_unit_test(test_huge_dimensions),
        cmocka_unit_test(test_half_written_chunks),
        cmocka_unit_test(test_damaged_chunk),
        cmocka_unit_test(test_file_cut_while_open),
        cmocka_unit_test(test_too_many_axes_and_wide_integers),
        cmocka_unit_test(test_flipped_bytes),
        cmocka_unit_test(test_hdf5_is_quiet),
    };
    return cmocka_run_group_tests(tests, setup, remove_directory);
}
