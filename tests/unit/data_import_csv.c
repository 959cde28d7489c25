/* Import of CSV: what the columns become, quoting, splits, what was learnt. */
#include "data_csv.h"

static void test_numbers_and_classes(void **state)
{
    struct ls_data *data;
    size_t y;

    (void)state;
    write_text("pets.csv", "weight,colour,species\n"
                           "4.5,red,cat\n"
                           "12,blue,dog\n"
                           " -3e1 ,red,ant\n");
    expect_status(import_csv("pets.h5", "pets.csv", "species"), LS_OK);
    expect_x("pets.h5:train", 3, 2, (const float[]){4.5f, 1, 12, 0, -30, 1});
    expect_y("pets.h5:train", LS_NUMBER_INT32, (const double[]){1, 2, 0}, 3);
    expect_status(ls_data_open(&data, "pets.h5:train"), LS_OK);
    expect_status(ls_data_find(data, "y", &y), LS_OK);
    assert_int_equal(ls_data_column(data, y)->classes, 3);
    assert_string_equal(ls_data_column(data, y)->class_names[0], "ant");
    assert_string_equal(ls_data_column(data, y)->class_names[2], "dog");
    assert_string_equal(
        ls_data_learnt(data),
        "{\"columns\": [{\"name\": \"weight\"}, {\"name\": \"colour\", \"classes\": [\"blue\", "
        "\"red\"]}], \"target\": {\"name\": \"species\", \"classes\": [\"ant\", \"cat\", "
        "\"dog\"]}}");
    ls_data_free(data);
}

static void test_targets(void **state)
{
    (void)state;
    write_text("t.csv", "a,b\n1,7\n2,-8\n");
    expect_status(import_csv("t.h5", "t.csv", "b"), LS_OK);
    expect_y("t.h5:train", LS_NUMBER_INT32, (const double[]){7, -8}, 2);
    expect_status(import_csv("t.h5", "t.csv", "a"), LS_OK); /* not the last column */
    expect_y("t.h5:train", LS_NUMBER_INT32, (const double[]){1, 2}, 2);
    expect_x("t.h5:train", 2, 1, (const float[]){7, -8});
    write_text("t.csv", "a,b\n1,5000000000\n2,3\n");
    expect_status(import_csv("t.h5", "t.csv", "b"), LS_OK);
    expect_y("t.h5:train", LS_NUMBER_INT64, (const double[]){5000000000.0, 3}, 2);
    write_text("t.csv", "a,b\n1,7.5\n2,-8\n");
    expect_status(import_csv("t.h5", "t.csv", "b"), LS_OK);
    expect_y("t.h5:train", LS_NUMBER_FLOAT, (const double[]){7.5, -8}, 2);
    expect_status(import_csv("t.h5", "t.csv", NULL), LS_OK);
    expect_x("t.h5:train", 2, 2, (const float[]){1, 7.5f, 2, -8});
}

/* RFC 4180, with what programs make of it: byte order mark, CRLF, blank lines, no last newline. */
static void test_quoting(void **state)
{
    struct ls_data *data;

    (void)state;
    write_text("q.csv", "\xef\xbb\xbf\"na,me\",\"with \"\"quotes\"\"\",n\r\n"
                        "\"a,b\",\"two\r\nlines\",\"1\"\r\n"
                        "\r\n"
                        " plain , \"x \" ,2\r\n"
                        "\"say \"\"hi\"\"\",z,3");
    expect_status(import_csv("q.h5", "q.csv", "n"), LS_OK);
    expect_y("q.h5:train", LS_NUMBER_INT32, (const double[]){1, 2, 3}, 3);
    expect_x("q.h5:train", 3, 2, (const float[]){0, 0, 1, 1, 2, 2});
    expect_status(ls_data_open(&data, "q.h5:train"), LS_OK);
    assert_string_equal(
        ls_data_learnt(data),
        "{\"columns\": [{\"name\": \"na,me\", \"classes\": [\"a,b\", \"plain\", \"say "
        "\\\"hi\\\"\"]}, {\"name\": \"with \\\"quotes\\\"\", \"classes\": [\"two\\r\\nlines\", \"x "
        "\", \"z\"]}], \"target\": {\"name\": \"n\"}}");
    ls_data_free(data);
}

/* The short way of reading numbers and the long one. */
static void test_numbers(void **state)
{
    static const char *const texts[] = {
        "0",        "-0.5",   "+7",          ".25",
        "3.",       "1e3",    "-2.5E-3",     "123456789012345678",
        "0.000001", "3.4e38", "1.17549e-38", "3.14159265358979323846264338327950288",
        "00012",    "1e-50",  "16777217",    "0.1"};
    const float expected[] = {0,
                              -0.5f,
                              7,
                              0.25f,
                              3,
                              1000,
                              -2.5e-3f,
                              1.23456789012345678e17f,
                              0.000001f,
                              3.4e38f,
                              1.17549e-38f,
                              3.14159265358979f,
                              12,
                              0,
                              16777216.0f,
                              0.1f};
    enum { COUNT = sizeof texts / sizeof texts[0] };
    char text[2048] = "a,b\n";

    (void)state;
    for (int i = 0; i < COUNT; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s,0\n", texts[i]);
    write_text("n.csv", text);
    expect_status(import_csv("n.h5", "n.csv", "b"), LS_OK);
    expect_x("n.h5:train", COUNT, 1, expected);
}

static void test_no_header_and_text_columns(void **state)
{
    struct ls_import import = {.files = FILES("nh.csv"),
                               .out = "nh.h5",
                               .target = "c3",
                               .no_header = true,
                               .text_columns = FILES("c1", "c3")};
    struct ls_data *data;

    (void)state;
    write_text("nh.csv", "10,1.5,5\n9,2.5,NA\n");
    expect_status(ls_import_csv(&import), LS_OK);
    expect_x("nh.h5:train", 2, 2, (const float[]){0, 1.5f, 1, 2.5f});
    expect_y("nh.h5:train", LS_NUMBER_INT32, (const double[]){0, 1}, 2);
    expect_status(ls_data_open(&data, "nh.h5:train"), LS_OK);
    assert_string_equal(ls_data_learnt(data),
                        "{\"columns\": [{\"name\": \"c1\", \"classes\": [\"10\", \"9\"]}, "
                        "{\"name\": \"c2\"}], \"target\": {\"name\": \"c3\", \"classes\": [\"5\", "
                        "\"NA\"]}, \"header\": false}");
    ls_data_free(data);
}

static void test_several_files_and_gzip(void **state)
{
    const struct ls_import import = {
        .files = FILES("one.csv", "two.csv.gz"), .out = "several.h5", .target = "y"};
    static const char two[] = "y,x\nb,3\n"; /* the columns in another order */

    (void)state;
    write_text("one.csv", "x,y\n1,c\n2,a\n");
    write_gzip("two.csv.gz", two, strlen(two));
    expect_status(ls_import_csv(&import), LS_OK);
    expect_x("several.h5:train", 3, 1, (const float[]){1, 2, 3});
    expect_y("several.h5:train", LS_NUMBER_INT32, (const double[]){2, 0, 1}, 3);
}

/* -- splits ----------------------------------------------------------------------------------- */

/* Each row is in one split, in the order of the file; the same for the same seed. */
static void test_shares(void **state)
{
    enum { ROWS = 1000 };
    struct ls_import import = {
        .files = FILES("rows.csv"), .out = "shares.h5", .split = "0.7,0.1,0.2", .target = "y"};
    static const char *const splits[] = {"shares.h5:train", "shares.h5:validation",
                                         "shares.h5:test"};
    const int64_t counts[] = {700, 100, 200};
    int seen[ROWS] = {0}, first[2] = {0};
    FILE *file = fopen("rows.csv", "w");

    (void)state;
    fprintf(file, "x,y\n");
    for (int i = 0; i < ROWS; i++)
        fprintf(file, "%d,%d\n", i, i * 2);
    fclose(file);
    for (int seed = 0; seed < 2; seed++) {
        import.seed = (uint64_t)seed;
        expect_status(ls_import_csv(&import), LS_OK);
        for (int s = 0; s < 3; s++) {
            struct ls_data *data;
            size_t x, y;
            float before = -1;

            expect_status(ls_data_open(&data, splits[s]), LS_OK);
            expect_status(ls_data_find(data, "x", &x), LS_OK);
            expect_status(ls_data_find(data, "y", &y), LS_OK);
            assert_int_equal(ls_data_samples(data), counts[s]);
            for (int64_t i = 0; i < counts[s]; i++) {
                float value;
                int32_t target;

                expect_status(ls_data_read(data, x, &value, &i, 1), LS_OK);
                expect_status(ls_data_read(data, y, &target, &i, 1), LS_OK);
                assert_true(value > before);
                assert_int_equal(target, (int)value * 2);
                seen[(int)value]++;
                first[seed] += s == 2 ? (int)value * (int)(i + 1) % 1009 : 0;
                before = value;
            }
            ls_data_free(data);
        }
    }
    for (int i = 0; i < ROWS; i++)
        assert_int_equal(seen[i], 2);
    assert_int_not_equal(first[0], first[1]);
}

static void test_names_of_splits(void **state)
{
    struct ls_import import = {.files = FILES("s.csv"), .out = "s.h5", .split = "0.8,0.2"};

    (void)state;
    write_text("s.csv", "a,b\n1,2\n3,4\n5,6\n7,8\n9,10\n");
    expect_status(ls_import_csv(&import), LS_OK);
    expect_samples("s.h5:train", 4);
    expect_samples("s.h5:test", 1);
    import.split = "holdout";
    expect_status(ls_import_csv(&import), LS_OK);
    expect_samples("s.h5:holdout", 5);
}

static void test_wrong_shares(void **state)
{
    static const char *const wrong[] = {"0.8,0.3", "1.0",     "0.5,0.5,0",    "0.2,0.2,0.2,0.4",
                                        "0.8,",    ",0.2",    "0.8,-0.2,0.4", "1",
                                        "nan",     "nan,0.5", "train,test",   "1e-1,inf"};
    struct ls_import import = {.files = FILES("ws.csv"), .out = "ws.h5"};

    (void)state;
    write_text("ws.csv", "a,b\n1,2\n3,4\n");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char message[256];

        snprintf(message, sizeof message,
                 "split '%s': shares must be positive and add up to 1, two or three of them, as "
                 "0.8,0.2 (train,test) or 0.7,0.1,0.2 (train,validation,test)",
                 wrong[i]);
        import.split = wrong[i];
        expect_failure(ls_import_csv(&import), LS_USAGE, message);
    }
    import.split = "a:b";
    expect_failure(ls_import_csv(&import), LS_USAGE,
                   "'a:b': not a name for a split (no '/', no ':')");
    import.split = "0.9,0.1";
    expect_failure(ls_import_csv(&import), LS_BAD_INPUT,
                   "ws.csv: of 2 rows none are left for the split 'test'");
}

/* -- many columns ----------------------------------------------------------------------------- */

enum { MANY = 100000 };

static void write_many(const char *path, int first, int step)
{
    FILE *file = fopen(path, "w");

    for (int row = 0; row < 2; row++)
        for (int i = 0, column = first; i < MANY; i++, column += step)
            fprintf(file, row == 0 ? "column%d%c" : "%d%c", column, i + 1 < MANY ? ',' : '\n');
    fclose(file);
}

/* In seconds, in whatever order the second file has them; what takes a time by their square is
 * ended by the alarm. */
static void test_many_columns(void **state)
{
    struct ls_import import = {.files = FILES("many.csv", "turned.csv"), .out = "many.h5"};
    struct ls_data *data;
    float *values;

    (void)state;
    write_many("many.csv", 0, 1);
    write_many("turned.csv", MANY - 1, -1);
    alarm(20);
    expect_status(ls_import_csv(&import), LS_OK);
    expect_status(ls_data_open(&data, "many.h5:train"), LS_OK);
    alarm(0);
    assert_int_equal(ls_data_column(data, 0)->shape.size[0], MANY);
    values = calloc(MANY, sizeof *values);
    for (int64_t row = 0; row < 2; row++) {
        expect_status(ls_data_read(data, 0, values, &row, 1), LS_OK);
        for (int i = 0; i < MANY; i += 997)
            assert_float_equal(values[i], i, 0);
    }
    free(values);
    ls_data_free(data);
}

/* -- append ----------------------------------------------------------------------------------- */

/* A later file is read as the first one was: by name, with its numbers for classes. */
static void test_append_keeps_what_was_learnt(void **state)
{
    struct ls_import import = {.files = FILES("later.csv"),
                               .out = "learnt.h5",
                               .split = "test",
                               .target = "kind",
                               .append = true};

    (void)state;
    write_text("first.csv", "size,colour,kind\n1,red,b\n2,blue,c\n3,green,a\n");
    expect_status(import_csv("learnt.h5", "first.csv", "kind"), LS_OK);
    write_text("later.csv", "kind,colour,size\nc,red,4\n");
    expect_status(ls_import_csv(&import), LS_OK);
    expect_x("learnt.h5:test", 1, 2, (const float[]){4, 2});
    expect_y("learnt.h5:test", LS_NUMBER_INT32, (const double[]){2}, 1);
    expect_y("learnt.h5:train", LS_NUMBER_INT32, (const double[]){1, 2, 0}, 3);
    /* without its target: nothing to learn from, but to predict */
    import.target = NULL;
    import.split = "new";
    write_text("later.csv", "colour,size\nblue,5\n");
    expect_status(ls_import_csv(&import), LS_OK);
    expect_x("learnt.h5:new", 1, 2, (const float[]){5, 0});
    expect_columns("learnt.h5:new", 1);

    import.split = "more";
    write_text("later.csv", "colour,size\npink,5\n");
    expect_failure(ls_import_csv(&import), LS_BAD_INPUT,
                   "later.csv:2: column 1 'colour': 'pink' is none of the 3 classes known from "
                   "before ('blue' to 'red')");
    write_text("later.csv", "colour,size\nred,large\n");
    expect_failure(ls_import_csv(&import), LS_BAD_INPUT,
                   "later.csv:2: column 2 'size': 'large' is not a number, as those known from "
                   "before");
    write_text("later.csv", "colour\nred\n");
    expect_failure(ls_import_csv(&import), LS_BAD_INPUT,
                   "later.csv: no column 'size'; the columns are: colour");
    write_text("later.csv", "colour,size,weight\nred,1,2\n");
    expect_failure(ls_import_csv(&import), LS_BAD_INPUT,
                   "later.csv:1: column 3: 'weight' is no column of learnt.h5");
    import.target = "colour";
    expect_failure(ls_import_csv(&import), LS_BAD_INPUT,
                   "the target is 'colour', but in learnt.h5 it is 'kind'");
    import.target = NULL;
    import.text_columns = FILES("size");
    expect_failure(ls_import_csv(&import), LS_BAD_INPUT,
                   "later.csv: column 'size' is to be one of texts, but learnt.h5 has it as "
                   "numbers");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_and_classes),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_quoting),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_no_header_and_text_columns),
        cmocka_unit_test(test_several_files_and_gzip),
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_many_columns),
        cmocka_unit_test(test_names_of_splits),
        cmocka_unit_test(test_wrong_shares),
        cmocka_unit_test(test_append_keeps_what_was_learnt),
    };
    return cmocka_run_group_tests(tests, start_kernels, remove_directory);
}
