/* ZIP archives: whole members, and archives that are not right. */
#include "unit/store_test.h"

#include <zip.h>

#include "store/archive.h"

static const struct ls_member two[] = {{"a.json", "{\"a\": 1}", 8}, {"b", "0123456789", 10}};

static void publish(const char *path)
{
    assert_ok(ls_archive_publish(path, two, 2));
}

static ls_status read_member(const char *path, const char *name, char **bytes, size_t *length)
{
    struct ls_archive archive;
    ls_status status = ls_archive_open(&archive, path);
    *bytes = NULL;
    if (status == LS_OK)
        status = ls_archive_read(&archive, name, bytes, length);
    ls_archive_close(&archive);
    return status;
}

static void members_come_back(void **state)
{
    (void)state;
    char *bytes;
    size_t length;
    publish("a.zip");
    for (size_t i = 0; i < 2; i++) {
        assert_ok(read_member("a.zip", two[i].name, &bytes, &length));
        assert_int_equal(length, two[i].length);
        assert_memory_equal(bytes, two[i].bytes, length);
        assert_int_equal(bytes[length], '\0');
        ls_release(bytes);
    }
    assert_ok(read_member("a.zip", "c", &bytes, &length));
    assert_null(bytes);
    assert_int_equal(count_entries("."), 1); /* no temporary is left */
}

static void the_same_members_give_the_same_bytes_uncompressed(void **state)
{
    (void)state;
    char *first, *second;
    publish("a.zip");
    publish("b.zip");
    size_t length = read_bytes("a.zip", &first);
    assert_int_equal(read_bytes("b.zip", &second), length);
    assert_memory_equal(first, second, length);
    assert_non_null(memmem(first, length, "0123456789", 10));
    free(first);
    free(second);
}

static void archives_are_told_by_name_or_beginning(void **state)
{
    (void)state;
    publish("a.zip");
    write_bytes("text", "hello", 5);
    write_bytes("short", "PK", 2);
    assert_int_equal(mkfifo("pipe", 0600), 0);
    assert_true(ls_archive_is("a.zip"));
    assert_true(ls_archive_is("none.keras"));
    assert_false(ls_archive_is("text"));
    assert_false(ls_archive_is("short"));
    assert_false(ls_archive_is("none"));
    assert_false(ls_archive_is("pipe"));
}

static void what_cannot_be_read_is_named(void **state)
{
    (void)state;
    struct ls_archive archive;
    assert_fails(ls_archive_open(&archive, "none.keras"), LS_NO_INPUT,
                 "cannot read 'none.keras': No such file or directory");
    assert_fails(ls_archive_open(&archive, "."), LS_NO_INPUT, "cannot read '.': it is no file");
    write_bytes("text", "hello", 5);
    assert_fails(ls_archive_open(&archive, "text"), LS_BAD_INPUT,
                 "text: not a whole archive (Not a zip archive)");
}

static void what_cannot_be_written_is_named(void **state)
{
    (void)state;
    assert_fails(ls_archive_publish("none/a.zip", two, 2), LS_CANNOT_WRITE,
                 "cannot write 'none/a.zip': No such file or directory");
    const struct ls_member same[] = {{"a", "1", 1}, {"a", "2", 1}};
    assert_fails(ls_archive_publish("a.zip", same, 2), LS_CANNOT_WRITE,
                 "cannot lay out 'a.zip': File already exists");
    assert_false(exists("a.zip"));
}

/* The byte `at` after the first mark: 2 is the list of members at the end, 4 what is before each.
 */
static void change(char mark, size_t at, unsigned char to)
{
    char *bytes;
    publish("a.zip");
    size_t length = read_bytes("a.zip", &bytes);
    char *found = memmem(bytes, length, (const char[]){'P', 'K', (char)(mark - 1), mark}, 4);
    assert_non_null(found);
    found[at] = (char)to;
    write_bytes("changed.zip", bytes, length);
    free(bytes);
}

static void assert_refused(const char *message)
{
    char *bytes;
    size_t length;
    assert_fails(read_member("changed.zip", "a.json", &bytes, &length), LS_BAD_INPUT, message);
    assert_null(bytes);
}

static void members_that_are_not_whole_are_refused(void **state)
{
    (void)state;
    change(4, 36 + 3, '#'); /* in a.json */
    assert_refused("changed.zip: a.json: CRC error");
    change(2, 24 + 3, 1); /* its size: 16 MiB more */
    assert_refused("changed.zip: a.json: larger than the archive can hold");
    change(2, 10, 97); /* its compression */
    assert_refused("changed.zip: a.json: Compression method not supported");
    change(2, 24, 9);
    assert_refused("changed.zip: a.json: Zip archive inconsistent");
}

/* Other programs compress: "a.json" of a thousand blanks, which says that it has `size` bytes. */
static void write_compressed(size_t size)
{
    char blanks[1000], *bytes;
    memset(blanks, ' ', sizeof blanks);
    remove("changed.zip");
    zip_t *zip = zip_open("changed.zip", ZIP_CREATE, NULL);
    assert_non_null(zip);
    zip_source_t *source = zip_source_buffer(zip, blanks, sizeof blanks, 0);
    assert_true(zip_file_add(zip, "a.json", source, 0) >= 0);
    assert_int_equal(zip_close(zip), 0);
    size_t length = read_bytes("changed.zip", &bytes);
    char *end = memmem(bytes, length, "PK\1\2", 4);
    assert_non_null(end);
    bytes[22] = end[24] = (char)(size & 0xff);
    bytes[23] = end[25] = (char)(size >> 8);
    write_bytes("changed.zip", bytes, length);
    free(bytes);
}

static void compressed_members_are_read(void **state)
{
    (void)state;
    char *bytes;
    size_t length;
    write_compressed(1000);
    assert_ok(read_member("changed.zip", "a.json", &bytes, &length));
    assert_int_equal(length, 1000);
    assert_int_equal(strspn(bytes, " "), 1000);
    ls_release(bytes);
    write_compressed(999);
    assert_refused("changed.zip: a.json: of another size than it says");
    write_compressed(1001);
    assert_refused("changed.zip: a.json: of another size than it says");
}

/* Cut anywhere, or any one byte another: an answer, and nothing left. */
static void no_bytes_do_harm(void **state)
{
    (void)state;
    char *whole, *bytes;
    size_t length;
    publish("a.zip");
    size_t size = read_bytes("a.zip", &whole);
    for (size_t i = 0; i < size; i++) {
        write_bytes("cut.zip", whole, i);
        assert_int_equal(read_member("cut.zip", "b", &bytes, &length), LS_BAD_INPUT);
        whole[i] ^= 0x55;
        write_bytes("changed.zip", whole, size);
        whole[i] ^= 0x55;
        ls_status status = read_member("changed.zip", "b", &bytes, &length);
        assert_true(status == LS_OK || status == LS_BAD_INPUT);
        if (bytes)
            assert_string_equal(bytes, "0123456789");
        ls_release(bytes);
    }
    free(whole);
}

static void memory_that_runs_out_leaves_nothing(void **state)
{
    (void)state;
    char *bytes;
    size_t length;
    ls_status status = LS_FAILED;
    for (long n = 1; status != LS_OK; n++) {
        ls_memory_fail_at(n);
        status = ls_archive_publish("a.zip", two, 2);
        ls_memory_fail_at(0);
        assert_int_equal(exists("a.zip"), status == LS_OK);
    }
    ls_memory_fail_at(1);
    assert_int_equal(read_member("a.zip", "b", &bytes, &length), LS_FAILED);
    ls_memory_fail_at(0);
    assert_null(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(members_come_back),
        scratch_test(the_same_members_give_the_same_bytes_uncompressed),
        scratch_test(archives_are_told_by_name_or_beginning),
        scratch_test(what_cannot_be_read_is_named),
        scratch_test(what_cannot_be_written_is_named),
        scratch_test(members_that_are_not_whole_are_refused),
        scratch_test(compressed_members_are_read),
        scratch_test(no_bytes_do_harm),
        scratch_test(memory_that_runs_out_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
