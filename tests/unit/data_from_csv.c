/* A new CSV file read as an earlier import read another one: by column name, in memory. */
#include "data_csv.h"

static const char learnt[] =
    "{\"columns\": [{\"name\": \"size\"}, {\"name\": \"colour\", \"classes\": [\"blue\", \"green\", "
    "\"red\"]}], \"target\": {\"name\": \"kind\", \"classes\": [\"a\", \"b\"]}}";

static struct ls_data *read_csv(const char *text, bool target)
{
    struct ls_data *data;

    write_text("new.csv", text);
    expect_status(ls_data_from_csv(&data, "new.csv", learnt, target), LS_OK);
    return data;
}

static void expect_floats(struct ls_data *data, int64_t samples, int64_t features,
                          const float *expected)
{
    size_t x;
    float values[8];

    expect_status(ls_data_find(data, "x", &x), LS_OK);
    assert_int_equal(ls_data_samples(data), samples);
    assert_int_equal(ls_data_column(data, x)->role, LS_COLUMN_INPUT);
    assert_int_equal(ls_data_column(data, x)->shape.rank, 1);
    assert_int_equal(ls_data_column(data, x)->shape.size[0], features);
    for (int64_t i = samples; i-- > 0;) { /* in no order of the file's */
        expect_status(ls_data_read(data, x, values, &i, 1), LS_OK);
        for (int64_t k = 0; k < features; k++)
            assert_float_equal(values[k], expected[i * features + k], 0);
    }
}

static void test_by_name(void **state)
{
    struct ls_data *data = read_csv("id,colour,note,size\n7,red,,1.5\n8,blue,x,-2\n", true);

    (void)state;
    expect_floats(data, 2, 2, (const float[]){1.5f, 2, -2, 0});
    assert_int_equal(ls_data_columns(data), 1);
    assert_string_equal(ls_data_name(data), "new.csv");
    assert_string_equal(ls_data_learnt(data), learnt);
    assert_true(ls_data_random_access(data));
    ls_data_free(data);
}

/* The target is found by name too, and is not looked at where nobody wants it. */
static void test_target(void **state)
{
    struct ls_data *data = read_csv("kind,colour,size\nb,red,1\na,red,2\nb,green,3\n", true);
    const int64_t index[] = {2, 1, 0};
    int32_t y[3];
    size_t column;

    (void)state;
    expect_floats(data, 3, 2, (const float[]){1, 2, 2, 2, 3, 1});
    expect_status(ls_data_find(data, "y", &column), LS_OK);
    assert_int_equal(ls_data_column(data, column)->role, LS_COLUMN_TARGET);
    assert_int_equal(ls_data_column(data, column)->type, LS_NUMBER_INT32);
    assert_int_equal(ls_data_column(data, column)->classes, 2);
    assert_string_equal(ls_data_column(data, column)->class_names[1], "b");
    expect_status(ls_data_read(data, column, y, index, 3), LS_OK);
    assert_int_equal(y[0], 1);
    assert_int_equal(y[1], 0);
    assert_int_equal(y[2], 1);
    ls_data_free(data);

    data = read_csv("kind,colour,size\n?,red,1\n", false);
    assert_int_equal(ls_data_columns(data), 1);
    expect_failure(ls_data_find(data, "y", &column), LS_BAD_INPUT,
                   "new.csv: no dataset 'y'; it has: x");
    ls_data_free(data);
    data = read_csv("colour,size\nred,1\n", true);
    expect_failure(ls_data_find(data, "y", &column), LS_BAD_INPUT,
                   "new.csv: no column 'kind', which is the target");
    ls_data_free(data);
}

/* What the import of a file gives, reading the file gives. */
static void test_same_as_import(void **state)
{
    static const char text[] = "x,t,c\n1e-3,2.5,p\n0.1,3,q\n7,-1e10,p\n";
    struct ls_data *data, *again;
    size_t y;

    (void)state;
    write_text("same.csv", text);
    write_gzip("same.csv.gz", text, strlen(text));
    expect_status(import_csv("same.h5", "same.csv", "t"), LS_OK);
    expect_status(ls_data_open(&data, "same.h5:train"), LS_OK);
    for (int packed = 0; packed <= 1; packed++) {
        struct ls_digest a, b;

        expect_status(ls_data_from_csv(&again, packed ? "same.csv.gz" : "same.csv",
                                       ls_data_learnt(data), true),
                      LS_OK);
        expect_floats(again, 3, 2, (const float[]){1e-3f, 0, 0.1f, 1, 7, 0});
        expect_status(ls_data_find(again, "y", &y), LS_OK);
        assert_int_equal(ls_data_column(again, y)->type, LS_NUMBER_FLOAT);
        expect_status(ls_data_fingerprint(data, &a), LS_OK);
        expect_status(ls_data_fingerprint(again, &b), LS_OK);
        assert_memory_equal(&a, &b, sizeof a);
        ls_data_free(again);
    }
    ls_data_free(data);
}

/* Where the import found no header, there is none in new files either. */
static void test_no_header(void **state)
{
    struct ls_import import = {
        .files = FILES("plain.csv"), .out = "plain.h5", .target = "c3", .no_header = true};
    struct ls_data *data, *again;

    (void)state;
    write_text("plain.csv", "1,2,3\n4,5,6\n");
    expect_status(ls_import_csv(&import), LS_OK);
    expect_status(ls_data_open(&data, "plain.h5:train"), LS_OK);
    write_text("new.csv", "8,9\n");
    expect_status(ls_data_from_csv(&again, "new.csv", ls_data_learnt(data), true), LS_OK);
    expect_floats(again, 1, 2, (const float[]){8, 9});
    ls_data_free(again);
    ls_data_free(data);
}

static void expect_bad(const char *text, const char *message)
{
    struct ls_data *data;

    write_text("new.csv", text);
    expect_failure(ls_data_from_csv(&data, "new.csv", learnt, true), LS_BAD_INPUT, message);
    assert_null(data);
}

static void test_errors(void **state)
{
    struct ls_data *data;

    (void)state;
    expect_bad("size,kind\n1,a\n", "new.csv: no column 'colour'; the columns are: size, kind");
    expect_bad("size,colour\n1,red\n2,pink\n",
               "new.csv:3: column 2 'colour': 'pink' is none of the 3 classes known from before "
               "('blue' to 'red')");
    expect_bad("colour,size\nred,large\n",
               "new.csv:2: column 2 'size': 'large' is not a number, as those known from before");
    expect_bad("colour,size\nred,\n", "new.csv:2: column 2 'size': a missing value");
    expect_bad("colour,size\nred,1e39\n",
               "new.csv:2: column 2 'size': '1e39' is too large for a 32-bit float");
    expect_bad("kind,colour,size\nc,red,1\n",
               "new.csv:2: column 1 'kind': 'c' is none of the 2 classes known from before ('a' to "
               "'b')");
    expect_bad("colour,size\nred,1,2\n", "new.csv:2: 3 columns, but the first line has 2");
    expect_bad("colour,id,size\nred,\xff,2\n", "new.csv:2: column 2: not UTF-8");
    expect_bad("colour,size,size\nred,1,2\n",
               "new.csv:1: column 3: the name 'size' is that of column 2 too");
    expect_bad("colour,size\n", "new.csv: no rows after the header");
    expect_bad("", "new.csv: an empty file");
    expect_failure(ls_data_from_csv(&data, "none.csv", learnt, true), LS_NO_INPUT,
                   "none.csv: no such file");
    expect_failure(ls_data_from_csv(&data, ".", learnt, true), LS_BAD_INPUT, ".: not a file");
}

static void test_what_was_learnt_is_damaged(void **state)
{
    static const char *const damaged[] = {
        "",
        "[]",
        "{}",
        "{\"columns\": 1}",
        "{\"columns\": []}",
        "{\"columns\": [1]}",
        "{\"columns\": [{\"name\": \"a\", \"classes\": []}]}",
        "{\"columns\": [{\"name\": \"a\", \"classes\": [\"b\", \"a\"]}]}",
        "{\"columns\": [{\"name\": \"a\"}], \"target\": 3}",
        "{\"columns\": [{\"name\": \"a\"}], \"header\": 3}",
    };

    (void)state;
    write_text("new.csv", "a\n1\n");
    for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
        static const char begin[] = "what the model's import of CSV learnt: lockstep_csv:";
        struct ls_data *data;

        expect_status(ls_data_from_csv(&data, "new.csv", damaged[i], true), LS_BAD_INPUT);
        if (strncmp(ls_message(), begin, strlen(begin)) != 0)
            fail_msg("%s: found '%s', expected '%s...'", damaged[i], ls_message(), begin);
    }
}

static void test_names_of_files(void **state)
{
    (void)state;
    assert_true(ls_data_is_csv("new.csv"));
    assert_true(ls_data_is_csv("a/b.h5:c.csv.gz"));
    assert_false(ls_data_is_csv(".csv"));
    assert_false(ls_data_is_csv("new.csv:train"));
    assert_false(ls_data_is_csv("new.h5:train"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_name),        cmocka_unit_test(test_target),
        cmocka_unit_test(test_same_as_import), cmocka_unit_test(test_no_header),
        cmocka_unit_test(test_errors),         cmocka_unit_test(test_what_was_learnt_is_damaged),
        cmocka_unit_test(test_names_of_files),
    };
    return cmocka_run_group_tests(tests, start_kernels, remove_directory);
}
