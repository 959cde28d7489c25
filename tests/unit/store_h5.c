/* Reading HDF5 files that somebody else made: what is odd is refused, nothing is followed. */
#include "unit/store_test.h"

#include "store/h5.h"

static hid_t file;
static void make(void)
{
    file = H5Fcreate("a.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(file >= 0);
}
static void done(void)
{
    assert_true(H5Fclose(file) >= 0);
}

/* A dataset d of type and one axis. */
static void make_data(hid_t type, hsize_t size, hid_t create)
{
    hid_t space = H5Screate_simple(1, &size, NULL);
    hid_t dataset = H5Dcreate2(file, "d", type, space, H5P_DEFAULT, create, H5P_DEFAULT);
    assert_true(dataset >= 0);
    double values[] = {0.5, 2, -3, 0.25, 1, 1, 1, 1};
    if (H5Tget_class(type) == H5T_FLOAT && size <= sizeof values / sizeof *values)
        H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    H5Dclose(dataset);
    H5Sclose(space);
}

static void assert_read(ls_status status, const char *message)
{
    struct ls_h5 h5;
    float values[4] = {0};
    const struct ls_shape shape = {1, {4}};
    assert_ok(ls_h5_open(&h5, "a.h5"));
    assert_int_equal(ls_h5_read_floats(&h5, "/d", values, &shape), status);
    if (status == LS_OK)
        assert_floats(values, (const float[]){0.5f, 2, -3, 0.25f}, 4);
    else
        assert_string_equal(ls_message(), message);
    ls_h5_close(&h5);
}

static void numbers_of_all_kinds_are_read(void **state)
{
    (void)state;
    hid_t half = H5Tcopy(H5T_IEEE_F32LE);
    H5Tset_fields(half, 15, 10, 5, 0, 10);
    H5Tset_size(half, 2);
    H5Tset_ebias(half, 15);
    const hid_t types[] = {H5T_IEEE_F32LE, H5T_IEEE_F64LE, H5T_IEEE_F32BE, H5T_IEEE_F64BE, half};
    for (size_t i = 0; i < 5; i++) {
        make();
        make_data(types[i], 4, H5P_DEFAULT);
        done();
        assert_read(LS_OK, NULL);
    }
    H5Tclose(half);
}

static void compressed_ones_too(void **state)
{
    (void)state;
    hid_t create = H5Pcreate(H5P_DATASET_CREATE);
    hsize_t chunk = 3;
    H5Pset_chunk(create, 1, &chunk);
    H5Pset_shuffle(create);
    H5Pset_deflate(create, 4);
    H5Pset_fletcher32(create);
    make();
    make_data(H5T_IEEE_F32LE, 4, create);
    done();
    H5Pclose(create);
    assert_read(LS_OK, NULL);
}

static void other_filters_are_refused(void **state)
{
    (void)state;
    hid_t create = H5Pcreate(H5P_DATASET_CREATE);
    hsize_t chunk = 4;
    H5Pset_chunk(create, 1, &chunk);
    H5Pset_nbit(create);
    make();
    make_data(H5T_IEEE_F32LE, 4, create);
    done();
    H5Pclose(create);
    assert_read(LS_BAD_INPUT,
                "a.h5: /d: compressed by a filter that is not supported: write it with gzip, or "
                "with none");
}

static void huge_chunks_are_refused(void **state)
{
    (void)state;
    hid_t create = H5Pcreate(H5P_DATASET_CREATE);
    hsize_t chunk = 1 << 29, size = 4, room = H5S_UNLIMITED;
    H5Pset_chunk(create, 1, &chunk);
    make();
    hid_t space = H5Screate_simple(1, &size, &room);
    hid_t dataset = H5Dcreate2(file, "d", H5T_IEEE_F32LE, space, H5P_DEFAULT, create, H5P_DEFAULT);
    H5Dclose(dataset);
    H5Sclose(space);
    done();
    H5Pclose(create);
    assert_read(LS_BAD_INPUT, "a.h5: /d: its chunks are larger than it");
}

/* HDF5 would read on behind the end of what a chunk gives. */
static void chunks_have_the_bytes_of_their_shape(void **state)
{
    (void)state;
    hid_t create = H5Pcreate(H5P_DATASET_CREATE);
    const hsize_t chunk = 4, first = 0;
    H5Pset_chunk(create, 1, &chunk);
    H5Pset_shuffle(create);
    make();
    make_data(H5T_IEEE_F32LE, 4, create);
    hid_t dataset = H5Dopen2(file, "d", H5P_DEFAULT);
    assert_true(H5Dwrite_chunk(dataset, H5P_DEFAULT, 0, &first, 8, "12345678") >= 0);
    H5Dclose(dataset);
    done();
    assert_read(LS_BAD_INPUT,
                "a.h5: /d: damaged: a chunk that does not have the 16 bytes of its shape");
    H5Pset_layout(create, H5D_COMPACT);
    H5Premove_filter(create, H5Z_FILTER_ALL);
    make();
    make_data(H5T_IEEE_F32LE, 4, create);
    done();
    H5Pclose(create);
    assert_read(LS_OK, NULL);
}

static void values_in_other_files_are_refused(void **state)
{
    (void)state;
    hid_t create = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_external(create, "/etc/passwd", 0, 16);
    make();
    hsize_t size = 4;
    hid_t space = H5Screate_simple(1, &size, NULL);
    H5Dclose(H5Dcreate2(file, "d", H5T_IEEE_F32LE, space, H5P_DEFAULT, create, H5P_DEFAULT));
    done();
    H5Pclose(create);
    assert_read(LS_BAD_INPUT, "a.h5: /d: its values lie in another file, which is not read");
    create = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_virtual(create, space, "other.h5", "/x", space);
    make();
    H5Dclose(H5Dcreate2(file, "d", H5T_IEEE_F32LE, space, H5P_DEFAULT, create, H5P_DEFAULT));
    done();
    H5Pclose(create);
    H5Sclose(space);
    assert_read(LS_BAD_INPUT, "a.h5: /d: a virtual dataset, which is not read");
}

static void links_are_not_followed(void **state)
{
    (void)state;
    bool found;
    make();
    H5Lcreate_soft("/x", file, "d", H5P_DEFAULT, H5P_DEFAULT);
    done();
    assert_read(LS_BAD_INPUT, "a.h5: /d: a soft or external link, which is not followed");
    make();
    H5Lcreate_external("other.h5", "/x", file, "d", H5P_DEFAULT, H5P_DEFAULT);
    done();
    assert_read(LS_BAD_INPUT, "a.h5: /d: a soft or external link, which is not followed");
    struct ls_h5 h5;
    assert_ok(ls_h5_open(&h5, "a.h5"));
    assert_fails(ls_h5_find(&h5, "/d/inside/it", &found), LS_BAD_INPUT,
                 "a.h5: /d: a soft or external link, which is not followed");
    assert_ok(ls_h5_find(&h5, "/none/inside/it", &found));
    assert_false(found);
    assert_ok(ls_h5_find(&h5, "/", &found));
    assert_true(found);
    ls_h5_close(&h5);
}

static void other_objects_are_refused(void **state)
{
    (void)state;
    make();
    done();
    assert_read(LS_BAD_INPUT, "a.h5: /d: missing");
    make();
    H5Gclose(H5Gcreate2(file, "d", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    done();
    assert_read(LS_BAD_INPUT, "a.h5: /d: expected a dataset");
    make();
    hid_t opaque = H5Tcreate(H5T_OPAQUE, 2);
    make_data(opaque, 4, H5P_DEFAULT);
    H5Tclose(opaque);
    done();
    assert_read(LS_BAD_INPUT, "a.h5: /d: expected numbers");
    make();
    make_data(H5T_IEEE_F32LE, 5, H5P_DEFAULT);
    done();
    assert_read(LS_BAD_INPUT, "a.h5: /d: its shape is (5,), but the model's is (4,)");
    make();
    hid_t space = H5Screate(H5S_NULL);
    H5Dclose(H5Dcreate2(file, "d", H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
    done();
    assert_read(LS_BAD_INPUT, "a.h5: /d: empty");
    make();
    hsize_t sizes[LS_RANK_MAX + 1] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    space = H5Screate_simple(LS_RANK_MAX + 1, sizes, NULL);
    H5Dclose(H5Dcreate2(file, "d", H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
    done();
    assert_read(LS_BAD_INPUT, "a.h5: /d: too many axes");
}

static void sizes_that_the_file_cannot_have_are_refused(void **state)
{
    (void)state;
    struct ls_h5 h5;
    double *values;
    size_t count;
    make();
    make_data(H5T_IEEE_F64LE, (hsize_t)1 << 40, H5P_DEFAULT); /* nothing is allocated */
    done();
    assert_ok(ls_h5_open(&h5, "a.h5"));
    assert_fails(ls_h5_read_doubles(&h5, "/d", &values, &count), LS_BAD_INPUT,
                 "a.h5: /d: larger than the file");
    assert_null(values);
    ls_h5_close(&h5);
    hid_t create = H5Pcreate(H5P_DATASET_CREATE);
    hsize_t chunk = 1024;
    H5Pset_chunk(create, 1, &chunk);
    make();
    hsize_t size = (hsize_t)1 << 40;
    hid_t space = H5Screate_simple(1, &size, NULL);
    H5Dclose(H5Dcreate2(file, "d", H5T_IEEE_F64LE, space, H5P_DEFAULT, create, H5P_DEFAULT));
    H5Sclose(space);
    H5Pclose(create);
    done();
    assert_ok(ls_h5_open(&h5, "a.h5"));
    assert_fails(ls_h5_read_doubles(&h5, "/d", &values, &count), LS_BAD_INPUT,
                 "a.h5: /d: larger than the file");
    ls_h5_close(&h5);
    make();
    size = 2;
    hsize_t sizes[] = {2, 2};
    space = H5Screate_simple(2, sizes, NULL);
    H5Dclose(H5Dcreate2(file, "d", H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
    done();
    assert_ok(ls_h5_open(&h5, "a.h5"));
    assert_fails(ls_h5_read_doubles(&h5, "/d", &values, &count), LS_BAD_INPUT,
                 "a.h5: /d: expected one axis");
    ls_h5_close(&h5);
}

/* -- texts */

static void put_strings(const char *name, H5T_str_t padding, size_t width, const char *bytes,
                        hsize_t count)
{
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate_simple(1, &count, NULL);
    H5Tset_size(type, width);
    H5Tset_strpad(type, padding);
    hid_t attribute = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Awrite(attribute, type, bytes) >= 0);
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
}

static void assert_texts(const char *attribute, const char *expected)
{
    struct ls_h5 h5;
    struct ls_texts texts;
    struct ls_text joined = {0};
    assert_ok(ls_h5_open(&h5, "a.h5"));
    assert_ok(ls_h5_read_texts(&h5, "/", attribute, &texts));
    for (size_t i = 0; i < texts.count; i++)
        ls_text_append(&joined, "[%s]", texts.text[i]);
    assert_string_equal(joined.data ? joined.data : "", expected);
    ls_text_release(&joined);
    ls_texts_release(&texts);
    ls_h5_close(&h5);
}

static void texts_of_all_paddings_are_read(void **state)
{
    (void)state;
    make();
    put_strings("nullterm", H5T_STR_NULLTERM, 3, "ab\0c\0\0", 2);
    put_strings("nullpad", H5T_STR_NULLPAD, 3, "abcd\0\0", 2);
    put_strings("spacepad", H5T_STR_SPACEPAD, 3, "abcd  ", 2);
    const char *variable[] = {"one", "", "three"};
    put_strings("variable", H5T_STR_NULLTERM, H5T_VARIABLE, (const char *)variable, 3);
    hsize_t none = 0;
    hid_t space = H5Screate_simple(1, &none, NULL);
    H5Aclose(H5Acreate2(file, "empty", H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
    space = H5Screate(H5S_NULL);
    H5Aclose(H5Acreate2(file, "null", H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
    put_strings("cut0", H5T_STR_NULLPAD, 1, "ab", 2);
    put_strings("cut1", H5T_STR_NULLPAD, 2, "cdef", 2);
    put_strings("cut3", H5T_STR_NULLPAD, 1, "x", 1);
    done();
    assert_texts("nullterm", "[ab][c]");
    assert_texts("nullpad", "[abc][d]");
    assert_texts("spacepad", "[abc][d]");
    assert_texts("variable", "[one][][three]");
    assert_texts("empty", "");
    assert_texts("null", "");
    assert_texts("none", "");
    assert_texts("cut", "[a][b][cd][ef]");
}

static void attributes_of_other_types_are_refused(void **state)
{
    (void)state;
    struct ls_h5 h5;
    struct ls_texts texts;
    char *text;
    int64_t value;
    bool found;
    make();
    hid_t space = H5Screate(H5S_SCALAR);
    H5Aclose(H5Acreate2(file, "n", H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
    put_strings("two", H5T_STR_NULLPAD, 1, "ab", 2);
    done();
    assert_ok(ls_h5_open(&h5, "a.h5"));
    assert_fails(ls_h5_read_texts(&h5, "/", "n", &texts), LS_BAD_INPUT, "a.h5: n: expected text");
    assert_fails(ls_h5_read_text(&h5, "/", "two", &text), LS_BAD_INPUT,
                 "a.h5: two: expected one text");
    assert_ok(ls_h5_read_text(&h5, "/", "none", &text));
    assert_null(text);
    assert_fails(ls_h5_read_int(&h5, "/", "two", &value, &found), LS_BAD_INPUT,
                 "a.h5: two: expected an integer");
    assert_ok(ls_h5_read_int(&h5, "/", "none", &value, &found));
    assert_false(found);
    ls_h5_close(&h5);
}

/* -- writing */

static void long_lists_are_cut_as_keras_cuts_them(void **state)
{
    (void)state;
    enum { NAMES = 5000, WIDTH = 40 };
    struct ls_texts names = {0}, back;
    struct ls_h5_buffer buffer = {0};
    struct ls_h5_image image;
    struct ls_h5 h5;
    char name[WIDTH + 1];
    for (int i = 0; i < NAMES; i++) {
        snprintf(name, sizeof name, "%0*d", i % 100 ? 8 : WIDTH, i);
        assert_ok(ls_texts_add(&names, name));
    }
    assert_ok(ls_h5_image_open(&image, &buffer, "a.h5"));
    assert_ok(ls_h5_put_texts(&image, "/", "layer_names", &names));
    assert_ok(ls_h5_image_finish(&image));
    ls_h5_image_close(&image);
    write_bytes("a.h5", buffer.bytes, buffer.length);
    assert_ok(ls_h5_open_sealed(&h5, "a.h5"));
    assert_int_equal(H5Aexists(h5.file, "layer_names"), 0);
    /* 5000 names of 40 bytes: 4 parts of 1250, since 3 would have 1667 * 40 > 64512 bytes */
    for (int part = 0; part < 5; part++) {
        snprintf(name, sizeof name, "layer_names%d", part);
        assert_int_equal(H5Aexists(h5.file, name) > 0, part < 4);
    }
    hid_t attribute = H5Aopen(h5.file, "layer_names3", H5P_DEFAULT);
    hid_t space = H5Aget_space(attribute), type = H5Aget_type(attribute);
    assert_int_equal(H5Sget_simple_extent_npoints(space), 1250);
    assert_int_equal(H5Tis_variable_str(type), 0);
    assert_int_equal(H5Tget_size(type), WIDTH);
    H5Tclose(type);
    H5Sclose(space);
    H5Aclose(attribute);
    assert_ok(ls_h5_read_texts(&h5, "/", "layer_names", &back));
    assert_int_equal(back.count, NAMES);
    for (size_t i = 0; i < NAMES; i++)
        assert_string_equal(back.text[i], names.text[i]);
    ls_texts_release(&back);
    ls_h5_close(&h5);
    ls_texts_release(&names);
    ls_h5_buffer_release(&buffer);
}

/* Many short names fit into one attribute, though references to as many strings do not. */
static void many_short_names_are_one_list(void **state)
{
    enum { NAMES = 9001 };
    (void)state;
    struct ls_texts names = {0}, back;
    struct ls_h5_buffer buffer = {0};
    struct ls_h5_image image;
    struct ls_h5 h5;
    char name[8];
    for (int i = 0; i < NAMES; i++) {
        snprintf(name, sizeof name, "d%d", i);
        assert_ok(ls_texts_add(&names, name));
    }
    assert_ok(ls_h5_image_open(&image, &buffer, "a.h5"));
    assert_ok(ls_h5_put_texts(&image, "/", "layer_names", &names));
    assert_ok(ls_h5_image_finish(&image));
    ls_h5_image_close(&image);
    write_bytes("a.h5", buffer.bytes, buffer.length);
    assert_ok(ls_h5_open_sealed(&h5, "a.h5"));
    assert_true(H5Aexists(h5.file, "layer_names") > 0);
    assert_ok(ls_h5_read_texts(&h5, "/", "layer_names", &back));
    assert_int_equal(back.count, NAMES);
    for (size_t i = 0; i < NAMES; i++)
        assert_string_equal(back.text[i], names.text[i]);
    ls_texts_release(&back);
    ls_h5_close(&h5);
    ls_texts_release(&names);
    ls_h5_buffer_release(&buffer);
}

static void what_hdf5_does_not_take_is_told(void **state)
{
    (void)state;
    struct ls_h5_buffer buffer = {0};
    struct ls_h5_image image;
    char *longest = malloc(70000);
    memset(longest, 'x', 69999);
    longest[69999] = '\0';
    struct ls_texts names = {&longest, 1};
    assert_ok(ls_h5_image_open(&image, &buffer, "a.h5"));
    assert_fails(ls_h5_put_texts(&image, "/", "n", &names), LS_BAD_INPUT,
                 "cannot write 'a.h5': a name of 69999 bytes is too long");
    assert_ok(ls_h5_put_group(&image, "/g"));
    assert_fails(ls_h5_put_group(&image, "/g"), LS_CANNOT_WRITE,
                 "cannot lay out 'a.h5': HDF5 does not take /g");
    assert_fails(ls_h5_put_int(&image, "/none", "n", 1), LS_CANNOT_WRITE,
                 "cannot lay out 'a.h5': HDF5 does not take n");
    const struct ls_h5_values values = {LS_H5_FLOAT, {1, {1}}, (float[]){1}, NULL};
    assert_ok(ls_h5_put_values(&image, "/v", &values));
    assert_fails(ls_h5_put_values(&image, "/v", &values), LS_CANNOT_WRITE,
                 "cannot lay out 'a.h5': HDF5 does not take /v");
    ls_h5_image_close(&image);
    ls_h5_buffer_release(&buffer);
    free(longest);
}

/* HDF5's own handler of errors is back when we are done. */
static herr_t mine(hid_t stack, void *user)
{
    (void)stack;
    ++*(int *)user;
    return 0;
}

static void hdf5_s_messages_are_off_only_meanwhile(void **state)
{
    (void)state;
    struct ls_h5 h5;
    H5E_auto2_t before;
    void *data;
    int calls = 0;
    H5Eget_auto2(H5E_DEFAULT, &before, &data);
    H5Eset_auto2(H5E_DEFAULT, mine, &calls);
    write_bytes("a.h5", "nonsense", 8);
    assert_fails(ls_h5_open(&h5, "a.h5"), LS_BAD_INPUT, "a.h5: not a whole HDF5 file");
    assert_int_equal(calls, 0);
    H5Fopen("none.h5", H5F_ACC_RDONLY, H5P_DEFAULT);
    assert_int_equal(calls, 1);
    H5Eset_auto2(H5E_DEFAULT, before, data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(numbers_of_all_kinds_are_read),
        scratch_test(compressed_ones_too),
        scratch_test(other_filters_are_refused),
        scratch_test(huge_chunks_are_refused),
        scratch_test(chunks_have_the_bytes_of_their_shape),
        scratch_test(values_in_other_files_are_refused),
        scratch_test(links_are_not_followed),
        scratch_test(other_objects_are_refused),
        scratch_test(sizes_that_the_file_cannot_have_are_refused),
        scratch_test(texts_of_all_paddings_are_read),
        scratch_test(attributes_of_other_types_are_refused),
        scratch_test(long_lists_are_cut_as_keras_cuts_them),
        scratch_test(many_short_names_are_one_list),
        scratch_test(what_hdf5_does_not_take_is_told),
        scratch_test(hdf5_s_messages_are_off_only_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
