/* Import of CSV: each malformed line by number and column; nothing half-written. */
#include "data_csv.h"

static void expect_bad(const char *text, const char *target, const char *message)
{
    int before;

    write_text("bad.csv", text);
    before = count_files();
    expect_failure(import_csv("bad.h5", "bad.csv", target), LS_BAD_INPUT, message);
    assert_int_equal(count_files(), before);
}

static void test_malformed_lines(void **state)
{
    (void)state;
    expect_bad("a,b\n1,2\n3\n", NULL, "bad.csv:3: 1 columns, but the first line has 2");
    expect_bad("a,b\n1,2,3\n", NULL, "bad.csv:2: 3 columns, but the first line has 2");
    expect_bad("a,b\n1,\"2\n3,4\n", NULL,
               "bad.csv:2: column 2 'b': the quote that opens here is not closed");
    expect_bad("a,b\n1,\"2\"3\n", NULL,
               "bad.csv:2: column 2 'b': text after a closing quote (a quote within a quoted field "
               "is written twice)");
    expect_bad("a,b\nx\"y\",2\n", NULL,
               "bad.csv:2: column 1 'a': a quote within a field that is not quoted");
    expect_bad("a,b\n1,2\r3,4\n", NULL,
               "bad.csv:2: column 2 'b': a carriage return that ends no line");
    expect_bad("a,b\nx,\xff\xfe\n", NULL, "bad.csv:2: column 2 'b': not UTF-8");
    expect_bad("a,b\nx,\xc0\x80\n", NULL, "bad.csv:2: column 2 'b': not UTF-8");
    expect_bad("a,b\n\"x\ny\",\xe2\x82\n", NULL, "bad.csv:3: column 2 'b': not UTF-8");
    write_bytes("nul.csv", "a,b\n1,2\0\n", 9);
    expect_failure(import_csv("bad.h5", "nul.csv", NULL), LS_BAD_INPUT,
                   "nul.csv:2: column 2 'b': a NUL byte; this is no text file");
}

/* Physical lines are counted, those within quotes and blank ones too. */
static void test_missing_values(void **state)
{
    (void)state;
    expect_bad("a,b\n\n1,2\n3,\n", NULL, "bad.csv:4: column 2 'b': a missing value");
    expect_bad("a,b\n\"x\n\ny\",2\n,3\n", NULL, "bad.csv:5: column 1 'a': a missing value");
    expect_bad("a,b\n1,2\n3,\"\"\n", NULL, "bad.csv:3: column 2 'b': a missing value");
    expect_bad("a,b\n1,x\n3,NA\n", NULL, "bad.csv:3: column 2 'b': a missing value ('NA')");
    expect_bad("a,b\n1,x\n?,y\n", NULL, "bad.csv:3: column 1 'a': a missing value ('?')");
    expect_bad("a,b\n1,2\nnan,3\n", NULL, "bad.csv:3: column 1 'a': a missing value ('nan')");
}

static void test_values_that_do_not_fit(void **state)
{
    (void)state;
    expect_bad("a,b\n1,2\nabc,3\n", NULL,
               "bad.csv:3: column 1 'a': 'abc' is not a number, as the values before are (name the "
               "column in text_columns (--text) if its values are classes)");
    expect_bad("a,b\nabc,2\n1,3\n", NULL,
               "bad.csv:3: column 1 'a': '1' is a number, but there is text on line 2 (name the "
               "column in text_columns (--text) if its values are classes)");
    expect_bad("a,b\n1,2\n1e39,3\n", NULL,
               "bad.csv:3: column 1 'a': '1e39' is too large for a 32-bit float");
    expect_bad("a,b\n1,2\ninf,3\n", NULL,
               "bad.csv:3: column 1 'a': 'inf' is too large for a 32-bit float");
    expect_bad("a,b\n1,2\n0x10,3\n", NULL,
               "bad.csv:3: column 1 'a': '0x10' is not a number, as the values before are (name "
               "the column in text_columns (--text) if its values are classes)");
}

static void test_headers(void **state)
{
    (void)state;
    expect_bad("", NULL, "bad.csv: an empty file");
    expect_bad("\n\n", NULL, "bad.csv: an empty file");
    expect_bad("a,b\n", NULL, "bad.csv: no rows after the header");
    expect_bad("a,,c\n1,2,3\n", NULL, "bad.csv:1: column 2: the header has no name for it");
    expect_bad("a,b,a\n1,2,3\n", NULL, "bad.csv:1: column 3: the name 'a' is that of column 1 too");
    expect_bad("1,2\n3,4\n", NULL,
               "bad.csv:1: the header has only numbers; if the file has none, set no_header "
               "(--no-header)");
    expect_bad("a,b\n1,2\n", "c", "bad.csv: no target column 'c'; the columns are: a, b");
    expect_bad("a;b\n1;2\n", "a;b",
               "bad.csv: no columns but the target 'a;b' (columns are parted by commas)");
}

static void test_too_many_classes(void **state)
{
    FILE *file = fopen("names.csv", "w");

    (void)state;
    fprintf(file, "id,n\n");
    for (int i = 0; i <= 4000; i++)
        fprintf(file, "name%d,1\n", i);
    fclose(file);
    expect_failure(import_csv("names.h5", "names.csv", NULL), LS_BAD_INPUT,
                   "names.csv:4002: column 1 'id': more than 4000 different texts: neither numbers "
                   "nor classes");
}

static void test_wrong_calls(void **state)
{
    struct ls_import import = {.files = FILES("a.csv"), .out = "calls.h5"};

    (void)state;
    write_text("a.csv", "a,b\n1,2\n");
    import.text_columns = FILES("z");
    expect_failure(ls_import_csv(&import), LS_BAD_INPUT,
                   "a.csv: no column 'z', which is to be one of texts");
    import.text_columns = NULL;
    import.files = FILES("gone.csv");
    expect_failure(ls_import_csv(&import), LS_NO_INPUT, "gone.csv: no such file");
    import.files = (const char *const[]){NULL};
    expect_failure(ls_import_csv(&import), LS_USAGE, "no CSV file is named");
    write_text("b.csv", "a,c\n1,2\n");
    import.files = FILES("a.csv", "b.csv");
    expect_failure(ls_import_csv(&import), LS_BAD_INPUT,
                   "b.csv:1: column 2: 'c' is no column of a.csv");
    write_text("b.csv", "b\n1\n");
    expect_failure(ls_import_csv(&import), LS_BAD_INPUT,
                   "b.csv: no column 'a'; the columns are: b");
    import.target = "b";
    write_text("b.csv", "a\n1\n");
    expect_failure(ls_import_csv(&import), LS_BAD_INPUT,
                   "b.csv: no target column 'b'; the columns are: a");
}

/* The file is another one in the second pass. */
static void rewrite(void *user, int64_t done, int64_t total)
{
    const char **text = user;

    if (*text && done >= total / 2) {
        write_text("moving.csv", *text);
        *text = NULL;
    }
}

static void test_file_that_changes(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"a,b\n1,x\n", "moving.csv: changed while it was read"},
        {"a,b\n1,x\n2,y\n1,y\n", "moving.csv: changed while it was read"},
        {"a,b\n1,x\n2,z\n",
         "moving.csv:3: column 2 'b': 'z' was not there before: the file changed while it was "
         "read"},
        {"a,b\n9,x\n2,y\n",
         "moving.csv:2: column 1 'a': '9' was not there before: the file changed while it was "
         "read"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *text = cases[i].text;
        const struct ls_import import = {
            .files = FILES("moving.csv"), .out = "moving.h5", .progress = rewrite, .user = &text};

        write_text("moving.csv", "a,b\n1,x\n2,y\n");
        expect_failure(ls_import_csv(&import), LS_BAD_INPUT, cases[i].message);
        assert_int_not_equal(access("moving.h5", F_OK), 0);
    }
}

static void test_stop(void **state)
{
    static volatile sig_atomic_t stop = 1;
    struct ls_import import = {.files = FILES("stop.csv"), .out = "stop.h5", .stop = &stop};
    int before;

    (void)state;
    write_text("stop.csv", "a,b\n1,2\n");
    before = count_files();
    expect_failure(ls_import_csv(&import), LS_INTERRUPTED,
                   "import stopped; nothing was written to stop.h5");
    assert_int_equal(count_files(), before);
    /* while the file is copied: before it is found to be none of HDF5 */
    write_text("stop.h5", "text");
    import.append = true;
    expect_failure(ls_import_csv(&import), LS_INTERRUPTED,
                   "import stopped; nothing was written to stop.h5");
    stop = 0;
    expect_failure(ls_import_csv(&import), LS_BAD_INPUT, "stop.h5: not an HDF5 file");
    stop = 1;
}

/* Random damage: an error that names the file, or an import; no crash, nothing left behind. */
static void test_damaged_text(void **state)
{
    static const char whole[] = "size,\"the colour\",kind\r\n1.5,red,b\r\n2,\"bl\"\"ue\",c\r\n"
                                "3e2,\"gr\neen\",a\r\n4,red,b\r\n";
    static const char bytes[] = {'"', ',', '\n', '\r', '\0', (char)0xff, 'x', '1'};
    char text[sizeof whole];
    int before;

    (void)state;
    write_text("fuzz.csv", whole);
    expect_status(import_csv("fuzz.h5", "fuzz.csv", "kind"), LS_OK);
    before = count_files();
    for (size_t i = 0; i < sizeof whole - 1; i += 2)
        for (size_t k = 0; k < sizeof bytes; k++) {
            memcpy(text, whole, sizeof whole);
            text[i] = bytes[k];
            write_bytes("fuzz.csv", text, sizeof whole - 1);
            if (import_csv("fuzz.h5", "fuzz.csv", "kind") != LS_OK)
                assert_non_null(strstr(ls_message(), "fuzz.csv"));
        }
    assert_int_equal(count_files(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_malformed_lines),        cmocka_unit_test(test_missing_values),
        cmocka_unit_test(test_values_that_do_not_fit), cmocka_unit_test(test_headers),
        cmocka_unit_test(test_too_many_classes),       cmocka_unit_test(test_wrong_calls),
        cmocka_unit_test(test_file_that_changes),      cmocka_unit_test(test_stop),
        cmocka_unit_test(test_damaged_text),
    };
    return cmocka_run_group_tests(tests, start_kernels, remove_directory);
}
