/* Import of IDX: values, pairs, splits; bytes that are wrong; whole or not there. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "data_files.h"
#include "lockstep/run.h"

/* A file of `type` with these sizes and bytes; gzip where the name ends so. */
static void make_idx(const char *path, unsigned char type, const int sizes[4], const char *values,
                     size_t count)
{
    unsigned char bytes[512] = {0, 0, type, 0};
    size_t used = 4;

    for (int i = 0; i < 4 && sizes[i] >= 0; i++, used += 4) {
        bytes[3]++;
        bytes[used + 2] = (unsigned char)(sizes[i] >> 8);
        bytes[used + 3] = (unsigned char)sizes[i];
    }
    memcpy(bytes + used, values, count);
    if (strstr(path, ".gz"))
        write_gzip(path, bytes, used + count);
    else
        write_bytes(path, bytes, used + count);
}

#define SIZES(...) ((const int[4]){__VA_ARGS__, -1})

/* Three images of 2 x 2, and their labels. */
static void make_pair(const char *images, const char *labels, const char *numbers)
{
    make_idx(images, 8, (const int[4]){3, 2, 2, -1}, "abcdefghijkl", 12);
    make_idx(labels, 8, SIZES(3, -1, -1), numbers, 3);
}

static ls_status import_idx(const char *out, const char *const *files, const char *split,
                            bool append)
{
    return ls_import_idx(
        &(struct ls_import){.files = files, .out = out, .split = split, .append = append});
}
#define FILES(...) ((const char *const[]){__VA_ARGS__, NULL})

/* A sample of both columns of a split, as text: "abcd 7". */
static void expect_sample(const char *source, int64_t sample, const char *expected)
{
    struct ls_data *data;
    unsigned char x[4], y;
    size_t column;
    char got[16];

    expect_status(ls_data_open(&data, source), LS_OK);
    expect_status(ls_data_find(data, "x", &column), LS_OK);
    assert_int_equal(ls_data_column(data, column)->type, LS_NUMBER_UINT8);
    assert_int_equal(ls_data_column(data, column)->shape.rank, 2);
    expect_status(ls_data_read(data, column, x, &sample, 1), LS_OK);
    expect_status(ls_data_find(data, "y", &column), LS_OK);
    expect_status(ls_data_read(data, column, &y, &sample, 1), LS_OK);
    snprintf(got, sizeof got, "%.4s %d", (char *)x, y);
    assert_string_equal(got, expected);
    ls_data_free(data);
}

static void test_a_pair(void **state)
{
    (void)state;
    make_pair("images", "labels", "\1\2\3");
    expect_status(import_idx("pair.h5", FILES("images", "labels"), NULL, false), LS_OK);
    expect_sample("pair.h5:train", 0, "abcd 1");
    expect_sample("pair.h5:train", 2, "ijkl 3");
    /* in the other order the axes tell which is which */
    expect_status(import_idx("pair.h5", FILES("labels", "images"), "digits", false), LS_OK);
    expect_sample("pair.h5:digits", 1, "efgh 2");
    /* gzip */
    make_pair("images.gz", "labels.gz", "\4\5\6");
    expect_status(import_idx("pair.h5", FILES("images.gz", "labels.gz"), NULL, false), LS_OK);
    expect_sample("pair.h5:train", 1, "efgh 5");
}

static void test_four_files(void **state)
{
    (void)state;
    make_pair("train-images", "train-labels", "\1\2\3");
    make_pair("t10k-images", "t10k-labels", "\4\5\6");
    expect_status(import_idx("four.h5",
                             FILES("t10k-labels", "train-images", "t10k-images", "train-labels"),
                             NULL, false),
                  LS_OK);
    expect_sample("four.h5:train", 0, "abcd 1");
    expect_sample("four.h5:test", 0, "abcd 4");
    make_pair("a", "b", "\1\2\3");
    make_pair("c", "d", "\4\5\6");
    expect_status(import_idx("four.h5", FILES("a", "b", "c", "d"), NULL, false), LS_OK);
    expect_sample("four.h5:train", 2, "ijkl 3");
    expect_sample("four.h5:test", 2, "ijkl 6");
    expect_failure(import_idx("four.h5", FILES("train-images", "b", "c", "d"), NULL, false),
                   LS_USAGE,
                   "1 of the four files have 'train' in their names and 0 't10k' or 'test'; "
                   "expected two each (or none: then the order is train images, train labels, test "
                   "images, test labels)");
    expect_failure(import_idx("four.h5", FILES("a", "b", "c", "d"), "test", false), LS_USAGE,
                   "four files are the splits train and test; 'test' names one");
    make_idx("c", 8, (const int[4]){3, 4, 1, -1}, "abcdefghijkl", 12);
    expect_failure(import_idx("four.h5", FILES("a", "b", "c", "d"), NULL, false), LS_BAD_INPUT,
                   "a and c: shapes differ: (None, 2, 2) and (None, 4, 1)");
}

static void test_types(void **state)
{
    const struct {
        unsigned char code;
        enum ls_number_type type;
        const char *bytes;
        size_t count;
        double expected;
    } cases[] = {
        {0x08, LS_NUMBER_UINT8, "\xff", 1, 255},
        {0x09, LS_NUMBER_INT8, "\xff", 1, -1},
        {0x0b, LS_NUMBER_INT16, "\x01\x02", 2, 258},
        {0x0c, LS_NUMBER_INT32, "\xff\xff\xff\xfe", 4, -2},
        {0x0d, LS_NUMBER_FLOAT, "\x3f\xc0\0\0", 4, 1.5},
        {0x0e, LS_NUMBER_DOUBLE, "\xbf\xf8\0\0\0\0\0\0", 8, -1.5},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ls_data *data;
        unsigned char bytes[8];
        float value;

        make_idx("typed", cases[i].code, SIZES(1, -1, -1), cases[i].bytes, cases[i].count);
        expect_status(import_idx("typed.h5", FILES("typed"), "s", false), LS_OK);
        expect_status(ls_data_open(&data, "typed.h5:s"), LS_OK);
        assert_int_equal(ls_data_columns(data), 1);
        assert_int_equal(ls_data_column(data, 0)->type, cases[i].type);
        expect_status(ls_data_read(data, 0, bytes, &(int64_t){0}, 1), LS_OK);
        ls_k->convert(&value, bytes, cases[i].type, 1);
        assert_float_equal(value, cases[i].expected, 0);
        ls_data_free(data);
    }
}

static void test_class_names(void **state)
{
    static const char *const names[] = {"zero", "one", "two", NULL};
    struct ls_import import = {
        .files = FILES("named-x", "named-y"), .out = "named.h5", .class_names = names};
    struct ls_data *data;
    size_t y;

    (void)state;
    make_pair("named-x", "named-y", "\2\0\1");
    expect_status(ls_import_idx(&import), LS_OK);
    expect_status(ls_data_open(&data, "named.h5:train"), LS_OK);
    expect_status(ls_data_find(data, "y", &y), LS_OK);
    assert_int_equal(ls_data_column(data, y)->classes, 3);
    assert_string_equal(ls_data_column(data, y)->class_names[2], "two");
    ls_data_free(data);
    make_pair("named-x", "named-y", "\2\3\1");
    expect_failure(ls_import_idx(&import), LS_BAD_INPUT,
                   "named-y: byte 9: label 3, but there are 3 class names");
}

static void test_append(void **state)
{
    (void)state;
    make_pair("first-x", "first-y", "\1\2\3");
    make_pair("second-x", "second-y", "\4\5\6");
    expect_status(import_idx("grow.h5", FILES("first-x", "first-y"), NULL, true), LS_OK);
    expect_status(import_idx("grow.h5", FILES("second-x", "second-y"), "test", true), LS_OK);
    expect_sample("grow.h5:train", 1, "efgh 2");
    expect_sample("grow.h5:test", 1, "efgh 5");
    expect_failure(import_idx("grow.h5", FILES("second-x", "second-y"), "test", true), LS_BAD_INPUT,
                   "grow.h5: has a split 'test' already");
    expect_sample("grow.h5:test", 0, "abcd 4");
    write_text("text.h5", "no HDF5");
    expect_failure(import_idx("text.h5", FILES("first-x", "first-y"), NULL, true), LS_BAD_INPUT,
                   "text.h5: not a whole HDF5 file");
    /* without it a file is replaced */
    expect_status(import_idx("grow.h5", FILES("second-x", "second-y"), NULL, false), LS_OK);
    expect_sample("grow.h5:train", 0, "abcd 4");
}

/* -- what is wrong */

static void expect_bad(const char *const *files, const char *message)
{
    int before = count_files();

    expect_failure(import_idx("bad.h5", files, NULL, false), LS_BAD_INPUT, message);
    assert_int_equal(count_files(), before); /* nothing half-written */
}

static void test_wrong_headers(void **state)
{
    (void)state;
    write_bytes("h", "PK\3\4", 4);
    expect_bad(FILES("h"), "h: byte 0: not an IDX file: it begins with 50 4b, not 00 00");
    write_bytes("h", "\0\0\7\1\0\0\0\1a", 9);
    expect_bad(FILES("h"), "h: byte 2: 07 is no type of values (08, 09, 0b to 0e)");
    write_bytes("h", "\0\0\x08\0", 4);
    expect_bad(FILES("h"), "h: byte 3: 0 axes; 1 to 9 can be read");
    write_bytes("h", "\0\0\x08\x0a", 4);
    expect_bad(FILES("h"), "h: byte 3: 10 axes; 1 to 9 can be read");
    write_bytes("h", "", 0);
    expect_bad(FILES("h"), "h: byte 0: the file ends in its header");
    write_bytes("h", "\0\0\x08\2\0\0\0\1\0", 9);
    expect_bad(FILES("h"), "h: byte 9: the file ends in its header");
    write_bytes("h", "\0\0\x08\1\0\0\0\0", 8);
    expect_bad(FILES("h"), "h: byte 4: no samples");
    write_bytes("h", "\0\0\x08\2\0\0\0\1\0\0\0\0", 12);
    expect_bad(FILES("h"), "h: byte 8: an axis of size 0");
    write_bytes("h", "\0\0\x08\3\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 16);
    expect_bad(FILES("h"), "h: byte 8: more values than any file has");
}

static void test_wrong_lengths(void **state)
{
    unsigned char bytes[256];
    size_t count;
    FILE *file;

    (void)state;
    make_pair("long-x", "long-y", "\1\2\3");
    make_idx("long-y", 8, SIZES(4, -1, -1), "\1\2\3\4", 4);
    expect_bad(FILES("long-x", "long-y"), "long-x has 3 samples, but long-y has 4");
    make_idx("long-y", 8, SIZES(3, -1, -1), "\1\2", 2);
    expect_bad(FILES("long-x", "long-y"),
               "long-y: byte 10: the file ends, 1 bytes before its header says");
    make_idx("long-y", 8, SIZES(3, -1, -1), "\1\2\3\4", 4);
    expect_bad(FILES("long-x", "long-y"), "long-y: byte 11: the file goes on after its last value");
    make_idx("long-y.gz", 8, SIZES(3, -1, -1), "\1\2", 2);
    expect_bad(FILES("long-x", "long-y.gz"),
               "long-y.gz: byte 10: the file ends, 1 bytes before its header says");
    make_idx("long-y.gz", 8, SIZES(3, -1, -1), "\1\2\3\4", 4);
    expect_bad(FILES("long-x", "long-y.gz"),
               "long-y.gz: byte 11: the file goes on after its last value");
    make_idx("long-y.gz", 8, (const int[4]){65535, 65535, -1}, "\1\2", 2);
    expect_bad(FILES("long-y.gz"), "long-y.gz: byte 4: the header says 4294836225 bytes of values; "
                                   "the gzip file is too short for them");
    make_idx("cut.gz", 8, SIZES(3, -1, -1), "\1\2\3", 3);
    file = fopen("cut.gz", "rb");
    count = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    write_bytes("cut.gz", bytes, count - 6); /* without all of its checksum */
    expect_bad(FILES("cut.gz"), "cut.gz: byte 11: the gzip file is cut off");
    bytes[count - 6] ^= 1;
    write_bytes("cut.gz", bytes, count);
    expect_bad(FILES("cut.gz"), "cut.gz: byte 0: damaged gzip data: incorrect data check");
}

static void test_wrong_files(void **state)
{
    static const char *const shares[] = {"0.8,0.2", "a,b", "1", "0.5", "nan"};

    (void)state;
    make_pair("f-x", "f-y", "\1\2\3");
    expect_failure(import_idx("f.h5", FILES("f-x", "gone"), NULL, false), LS_NO_INPUT,
                   "gone: no such file");
    expect_failure(import_idx("f.h5", FILES("f-x", "."), NULL, false), LS_BAD_INPUT,
                   ".: not a file");
    expect_failure(import_idx("f.h5", FILES("f-x", "f-y", "f-x"), NULL, false), LS_USAGE,
                   "3 files; expected images and labels, of one split (2 files) or of train and "
                   "test (4)");
    expect_failure(import_idx("f.h5", FILES("f-x", "f-y"), "a/b", false), LS_USAGE,
                   "'a/b': not a name for a split (no '/', no ':')");
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        char message[256];

        snprintf(message, sizeof message,
                 "split '%s': import idx takes the split's name, or four files for train and test",
                 shares[i]);
        expect_failure(import_idx("f.h5", FILES("f-x", "f-y"), shares[i], false), LS_USAGE,
                       message);
    }
    expect_failure(import_idx("f-x", FILES("f-x", "f-y"), NULL, false), LS_USAGE,
                   "f-x: is both what is read and what is written");
    expect_failure(import_idx("", FILES("f-x", "f-y"), NULL, false), LS_USAGE,
                   "the file to write is not named");
}

static void test_wrong_pairs(void **state)
{
    (void)state;
    make_pair("p-x", "p-y", "\1\2\3");
    make_idx("p-z", 8, SIZES(3, 2, -1), "abcdef", 6);
    expect_failure(import_idx("p.h5", FILES("p-z", "p-x"), NULL, false), LS_USAGE,
                   "p-z has 2 axes, but p-x, taken for its labels, has 3: images and labels are "
                   "swapped");
    expect_status(import_idx("p.h5", FILES("p-x", "p-z"), NULL, false), LS_OK);
    expect_failure(import_idx("p.h5", FILES("p-x", "p-x"), NULL, false), LS_USAGE,
                   "p-x and p-x are the same file");
    expect_failure(import_idx("p.h5", FILES("p-x", "p-y", "p-z", "./p-y"), NULL, false), LS_USAGE,
                   "p-y and ./p-y are the same file");
}

static void test_where_it_cannot_write(void **state)
{
    (void)state;
    make_pair("w-x", "w-y", "\1\2\3");
    expect_failure(import_idx("none/out.h5", FILES("w-x", "w-y"), NULL, false), LS_CANNOT_WRITE,
                   "none/out.h5: cannot be written: No such file or directory");
    /* before anything is read: the input is no IDX file */
    write_text("w-none", "text");
    expect_failure(import_idx("none/out.h5", FILES("w-none"), NULL, false), LS_CANNOT_WRITE,
                   "none/out.h5: cannot be written: No such file or directory");
    mkdir("folder", 0777);
    expect_failure(import_idx("folder", FILES("w-x", "w-y"), NULL, false), LS_CANNOT_WRITE,
                   "folder: cannot be written: it is there and not a file");
    expect_failure(import_idx("/dev/null", FILES("w-x", "w-y"), NULL, false), LS_CANNOT_WRITE,
                   "/dev/null: cannot be written: it is there and not a file");
    expect_failure(import_idx("/proc/out.h5", FILES("w-x", "w-y"), NULL, false), LS_CANNOT_WRITE,
                   "/proc/out.h5: cannot be written: No such file or directory");
}

/* A file may not grow beyond 2 MB: as on a full disk, but with another name. */
static void test_no_room(void **state)
{
    const struct rlimit small = {2000000, RLIM_INFINITY};
    struct rlimit before;
    ls_status status;
    char message[256];
    unsigned char *bytes = calloc(16 + 4000 * 784, 1);
    int files;

    (void)state;
    memcpy(bytes, "\0\0\x08\3\0\0\x0f\xa0\0\0\0\x1c\0\0\0\x1c", 16);
    write_bytes("large", bytes, 16 + 4000 * 784);
    free(bytes);
    files = count_files();
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    setrlimit(RLIMIT_FSIZE, &small);
    status = import_idx("large.h5", FILES("large"), NULL, false);
    snprintf(message, sizeof message, "%s", ls_message());
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(status, LS_CANNOT_WRITE);
    assert_string_equal(message, "large.h5: cannot be written: File too large");
    assert_int_equal(count_files(), files);
}

/* -- whole or not there */

struct watcher {
    volatile sig_atomic_t stop;
    int64_t done, total;
    int calls;
};

static void watch(void *user, int64_t done, int64_t total)
{
    struct watcher *watcher = user;

    assert_true(done >= watcher->done);
    watcher->done = done;
    watcher->total = total;
    watcher->calls++;
}

static void test_progress_and_stop(void **state)
{
    struct watcher watcher = {0};
    struct ls_import import = {.files = FILES("p-x", "p-y"),
                               .out = "p.h5",
                               .progress = watch,
                               .user = &watcher,
                               .stop = &watcher.stop};
    int before;

    (void)state;
    make_pair("p-x", "p-y", "\1\2\3");
    expect_status(ls_import_idx(&import), LS_OK);
    assert_true(watcher.calls > 0);
    assert_int_equal(watcher.done, watcher.total);
    assert_int_equal(watcher.total, 16 + 12 + 8 + 3);
    make_pair("p-x", "p-y", "\4\5\6");
    before = count_files();
    watcher = (struct watcher){.stop = 1};
    expect_failure(ls_import_idx(&import), LS_INTERRUPTED,
                   "import stopped; nothing was written to p.h5");
    assert_int_equal(count_files(), before);
    expect_sample("p.h5:train", 0, "abcd 1"); /* as it was */
}

static void test_links_and_modes(void **state)
{
    struct stat about;
    mode_t mask = umask(077);

    (void)state;
    make_pair("l-x", "l-y", "\1\2\3");
    write_text("l-real.h5", "old");
    assert_int_equal(symlink("l-real.h5", "l-link.h5"), 0);
    expect_status(import_idx("l-link.h5", FILES("l-x", "l-y"), NULL, false), LS_OK);
    umask(mask);
    assert_int_equal(lstat("l-link.h5", &about), 0);
    assert_true(S_ISLNK(about.st_mode));
    expect_sample("l-real.h5:train", 0, "abcd 1");
    assert_int_equal(stat("l-real.h5", &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
}

/* What a killed import left goes with the next to the same file; other files stay. */
static void test_stale_temporaries(void **state)
{
    (void)state;
    make_pair("s-x", "s-y", "\1\2\3");
    write_text(".s.h5.4242-0.tmp", "stale");
    write_text(".s.h5.4243-0.tmp", "young");
    write_text(".s.h5.mine.tmp", "another's");
    assert_int_equal(system("touch -d '2 hours ago' .s.h5.4242-0.tmp .s.h5.mine.tmp"), 0);
    expect_status(import_idx("s.h5", FILES("s-x", "s-y"), NULL, false), LS_OK);
    assert_int_not_equal(access(".s.h5.4242-0.tmp", F_OK), 0);
    assert_int_equal(access(".s.h5.4243-0.tmp", F_OK), 0);
    assert_int_equal(access(".s.h5.mine.tmp", F_OK), 0);
}

/* The part of MNIST that is in the tree. */
static void test_the_digits_in_the_tree(void **state)
{
    static const char *const directory = SOURCE_DIRECTORY "/datasets/mnist-5k/";
    static const char *const names[] = {"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz",
                                        "test-images-idx3-ubyte.gz", "test-labels-idx1-ubyte.gz"};
    static const char *const splits[] = {"mnist-5k.h5:train", "mnist-5k.h5:test"};
    char path[4][512];

    (void)state;
    for (int i = 0; i < 4; i++)
        snprintf(path[i], sizeof path[i], "%s%s", directory, names[i]);
    expect_status(import_idx("mnist-5k.h5", FILES(path[0], path[1], path[2], path[3]), NULL, false),
                  LS_OK);
    for (int s = 0; s < 2; s++) {
        struct ls_data *data;
        int counts[10] = {0};
        char shape[LS_SHAPE_TEXT];
        size_t x, y;

        expect_status(ls_data_open(&data, splits[s]), LS_OK);
        expect_status(ls_data_find(data, "x", &x), LS_OK);
        expect_status(ls_data_find(data, "y", &y), LS_OK);
        ls_shape_format(shape, &ls_data_column(data, x)->shape);
        assert_string_equal(shape, "(None, 28, 28)");
        assert_int_equal(ls_data_samples(data), s == 0 ? 4000 : 1000);
        for (int64_t i = 0; i < ls_data_samples(data); i++) {
            unsigned char label;

            expect_status(ls_data_read(data, y, &label, &i, 1), LS_OK);
            assert_in_range(label, 0, 9);
            counts[label]++;
        }
        for (int digit = 0; digit < 10; digit++)
            assert_int_equal(counts[digit], s == 0 ? 400 : 100);
        ls_data_free(data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_pair),
        cmocka_unit_test(test_four_files),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_class_names),
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_wrong_headers),
        cmocka_unit_test(test_wrong_lengths),
        cmocka_unit_test(test_wrong_files),
        cmocka_unit_test(test_wrong_pairs),
        cmocka_unit_test(test_where_it_cannot_write),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_progress_and_stop),
        cmocka_unit_test(test_links_and_modes),
        cmocka_unit_test(test_stale_temporaries),
        cmocka_unit_test(test_the_digits_in_the_tree),
    };
    return cmocka_run_group_tests(tests, start_kernels, remove_directory);
}
