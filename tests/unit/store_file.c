#include "unit/store_test.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "store/file.h"

static void a_file_is_published_whole(void **state)
{
    (void)state;
    char *bytes;
    assert_ok(ls_file_publish("a.txt", "first", 5));
    assert_ok(ls_file_publish("a.txt", "other", 5));
    assert_int_equal(read_bytes("a.txt", &bytes), 5);
    assert_string_equal(bytes, "other");
    assert_int_equal(count_entries("."), 1);
    free(bytes);
}

static void it_is_replaced_whole_too(void **state)
{
    (void)state;
    char *bytes;
    assert_ok(ls_file_replace("a.txt", "first", 5));
    assert_ok(ls_file_replace("a.txt", "second", 6));
    assert_int_equal(read_bytes("a.txt", &bytes), 6);
    assert_string_equal(bytes, "second");
    assert_int_equal(count_entries("."), 1);
    assert_fails(ls_file_replace("no/where.txt", "x", 1), LS_CANNOT_WRITE,
                 "cannot write 'no/where.txt': No such file or directory");
    free(bytes);
}

static void an_empty_file_too(void **state)
{
    (void)state;
    struct stat info;
    assert_ok(ls_file_publish("empty", NULL, 0));
    assert_int_equal(stat("empty", &info), 0);
    assert_int_equal(info.st_size, 0);
}

static void the_umask_holds(void **state)
{
    (void)state;
    struct stat info;
    mode_t before = umask(077);
    assert_ok(ls_file_publish("private", "x", 1));
    umask(before);
    assert_int_equal(stat("private", &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
}

static void a_missing_directory_is_named(void **state)
{
    (void)state;
    assert_fails(ls_file_publish("no/where.txt", "x", 1), LS_CANNOT_WRITE,
                 "cannot write 'no/where.txt': No such file or directory");
}

static void a_directory_in_the_way_is_named(void **state)
{
    (void)state;
    assert_int_equal(mkdir("taken", 0777), 0);
    assert_fails(ls_file_publish("taken", "x", 1), LS_CANNOT_WRITE,
                 "cannot write 'taken': Is a directory");
    assert_int_equal(count_entries("."), 1);
}

static void no_symbolic_link_is_followed(void **state)
{
    (void)state;
    char *bytes;
    write_bytes("victim", "safe", 4);
    assert_int_equal(symlink("victim", "link"), 0);
    assert_ok(ls_file_publish("link", "x", 1));
    assert_int_equal(read_bytes("victim", &bytes), 4);
    free(bytes);
    assert_int_equal(read_bytes("link", &bytes), 1);
    free(bytes);
    /* A link under the temporary's name is passed over. */
    char name[64];
    snprintf(name, sizeof name, ".lockstep-%ld-0.tmp", (long)getpid());
    assert_int_equal(symlink("victim", name), 0);
    assert_ok(ls_file_publish("other", "xyz", 3));
    assert_int_equal(read_bytes("victim", &bytes), 4);
    assert_string_equal(bytes, "safe");
    free(bytes);
}

/* A full disk, as a limit of the file's size. */
static void a_full_disk_leaves_what_was_there(void **state)
{
    (void)state;
    enum { BYTES = 1 << 20 };
    char *bytes = calloc(BYTES, 1);
    struct rlimit before, limit;
    write_bytes("a", "old", 3);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    for (rlim_t at = 0; at < BYTES; at += BYTES / 4) {
        limit = (struct rlimit){at, before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        ls_status status = ls_file_publish("a", bytes, BYTES);
        setrlimit(RLIMIT_FSIZE, &before);
        assert_int_equal(status, LS_CANNOT_WRITE);
        assert_string_equal(ls_message(), "cannot write 'a': File too large");
        assert_int_equal(count_entries("."), 1);
    }
    free(bytes);
    assert_int_equal(read_bytes("a", &bytes), 3);
    assert_string_equal(bytes, "old");
    free(bytes);
}

static void other_bytes_than_were_written_are_seen(void **state)
{
    (void)state;
    struct ls_draft draft;
    assert_ok(ls_draft_open(&draft, "a"));
    assert_ok(ls_draft_write(&draft, "abc", 3));
    assert_int_equal(pwrite(draft.file, "x", 1, 1), 1);
    assert_fails(ls_draft_publish(&draft), LS_CANNOT_WRITE,
                 "cannot write 'a': reading it back gives other bytes than were written");
    ls_draft_close(&draft);
    assert_int_equal(count_entries("."), 0);
}

static void a_link_replaces_what_was_there(void **state)
{
    (void)state;
    struct stat a, b;
    write_bytes("one", "1", 1);
    write_bytes("two", "2", 1);
    assert_ok(ls_file_link("one", "newest"));
    assert_ok(ls_file_link("two", "newest"));
    assert_ok(ls_file_link("two", "newest")); /* another name of the same file already */
    assert_int_equal(stat("two", &a), 0);
    assert_int_equal(stat("newest", &b), 0);
    assert_int_equal(a.st_ino, b.st_ino);
    assert_int_equal(count_entries("."), 3);
}

static atomic_bool enough;

static void *link_on(void *failed)
{
    for (int i = 0; !enough; i++)
        if (ls_file_link(i % 2 ? "one" : "two", "newest") != LS_OK)
            *(bool *)failed = true;
    return NULL;
}

/* As when a run writes its status while its writer's thread gives a checkpoint a second name. */
static void two_threads_keep_their_temporaries(void **state)
{
    (void)state;
    enum { FILES = 1000 };
    pthread_t thread;
    bool failed = false;
    write_bytes("one", "1", 1);
    write_bytes("two", "2", 1);
    enough = false;
    assert_int_equal(pthread_create(&thread, NULL, link_on, &failed), 0);
    ls_status status = LS_OK;
    for (int i = 0; i < FILES && status == LS_OK; i++)
        status = ls_file_replace("other", "x", 1);
    enough = true;
    pthread_join(thread, NULL);
    assert_ok(status);
    assert_false(failed);
    assert_int_equal(count_entries("."), 4);
}

static void where_there_are_no_links_it_is_a_copy(void **state)
{
    (void)state;
    char *bytes;
    struct stat info;
    /* Another file system than /tmp's, where one is at hand. */
    char other[] = "/dev/shm/lockstep-test-XXXXXX";
    struct stat here, there;
    if (stat(".", &here) != 0 || stat("/dev/shm", &there) != 0 || here.st_dev == there.st_dev ||
        !mkdtemp(other))
        skip();
    char path[sizeof other + 16];
    snprintf(path, sizeof path, "%s/model.h5", other);
    write_bytes("one", "123", 3);
    assert_ok(ls_file_link("one", path));
    assert_int_equal(read_bytes(path, &bytes), 3);
    assert_string_equal(bytes, "123");
    free(bytes);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(count_entries(other), 1);
    assert_int_equal(ls_file_link("none", path), LS_CANNOT_WRITE);
    assert_non_null(strstr(ls_message(), "No such file or directory"));
    unlink(path);
    rmdir(other);
}

static void stale_temporaries_are_swept_live_ones_are_not(void **state)
{
    (void)state;
    char live[64], own[64];
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    waitpid(child, NULL, 0);
    char stale[64];
    snprintf(stale, sizeof stale, ".lockstep-%ld-0.tmp", (long)child);
    snprintf(live, sizeof live, ".lockstep-%ld-0.tmp", (long)getppid());
    snprintf(own, sizeof own, ".lockstep-%ld-9.tmp", (long)getpid());
    write_bytes(stale, "x", 1);
    write_bytes(live, "x", 1);
    write_bytes(own, "x", 1); /* of a process that had our id before */
    write_bytes(".lockstep-x-0.tmp", "x", 1);
    write_bytes("mine.tmp", "x", 1);
    struct ls_draft draft;
    assert_ok(ls_draft_open(&draft, "draft"));
    ls_file_sweep(".");
    ls_file_sweep("no such directory");
    assert_false(exists(stale));
    assert_false(exists(own));
    assert_true(exists(live));
    assert_true(exists(".lockstep-x-0.tmp"));
    assert_true(exists("mine.tmp"));
    assert_true(exists(draft.temporary));
    /* The lock tells, where the id does not: one of another host. */
    char *locked = draft.temporary;
    assert_int_equal(rename(locked, stale), 0);
    ls_file_sweep(".");
    assert_true(exists(stale));
    ls_draft_close(&draft);
    ls_file_sweep(".");
    assert_false(exists(stale));
}

static void directories_are_made(void **state)
{
    (void)state;
    assert_ok(ls_directory_make("a"));
    assert_ok(ls_directory_make("a"));
    write_bytes("f", "x", 1);
    assert_fails(ls_directory_make("f"), LS_CANNOT_WRITE, "cannot write 'f': Not a directory");
    assert_fails(ls_directory_make("b/c"), LS_CANNOT_WRITE,
                 "cannot write 'b/c': No such file or directory");
}

static void memory_that_runs_out_leaves_nothing(void **state)
{
    (void)state;
    ls_status status = LS_FAILED;
    for (long n = 1; status != LS_OK; n++) {
        ls_memory_fail_at(n);
        status = ls_file_publish("a", "x", 1);
        ls_memory_fail_at(0);
        assert_true(status == LS_OK || status == LS_FAILED);
        assert_int_equal(exists("a"), status == LS_OK);
    }
    assert_int_equal(count_entries("."), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(a_file_is_published_whole),
        scratch_test(it_is_replaced_whole_too),
        scratch_test(an_empty_file_too),
        scratch_test(the_umask_holds),
        scratch_test(a_missing_directory_is_named),
        scratch_test(a_directory_in_the_way_is_named),
        scratch_test(no_symbolic_link_is_followed),
        scratch_test(a_full_disk_leaves_what_was_there),
        scratch_test(other_bytes_than_were_written_are_seen),
        scratch_test(a_link_replaces_what_was_there),
        scratch_test(two_threads_keep_their_temporaries),
        scratch_test(where_there_are_no_links_it_is_a_copy),
        scratch_test(stale_temporaries_are_swept_live_ones_are_not),
        scratch_test(directories_are_made),
        scratch_test(memory_that_runs_out_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
