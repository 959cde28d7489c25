#include "base_test.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/status.h"

static void test_message_and_status(void **state)
{
    (void)state;
    assert_int_equal(ls_fail(LS_BAD_INPUT, "%s:%d: wrong", "run.yaml", 3), 65);
    assert_string_equal(ls_message(), "run.yaml:3: wrong");
    assert_int_equal(ls_fail_within(LS_NO_INPUT, "layer %d", 2), 66);
    assert_string_equal(ls_message(), "layer 2: run.yaml:3: wrong");
}

static void test_message_of_the_old_message(void **state)
{
    (void)state;
    ls_fail(LS_FAILED, "inner");
    ls_fail(LS_FAILED, "outer: %s", ls_message());
    assert_string_equal(ls_message(), "outer: inner");
}

static void test_message_is_one_clean_line(void **state)
{
    (void)state;
    ls_fail(LS_FAILED, "a\nb\rc\td\033[31me\177f\xc2\x9bg");
    assert_string_equal(ls_message(), "a b c d [31me f  g");
    ls_fail(LS_FAILED, "Gr\xc3\xb6\xc3\x9f"
                       "e");
    assert_string_equal(ls_message(), "Gr\xc3\xb6\xc3\x9f"
                                      "e");
}

static void test_long_message_is_cut(void **state)
{
    (void)state;
    char text[3000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    ls_fail(LS_FAILED, "%s", text);
    assert_int_equal(strlen(ls_message()), 2047);
    assert_string_equal(ls_message() + 2042, "xx...");
    ls_fail_within(LS_FAILED, "y%s", text);
    assert_int_equal(strlen(ls_message()), 2047);
    assert_string_equal(ls_message() + 2042, "xx...");
}

/* Never in the middle of a character of UTF-8, wherever the cut falls. */
static void test_cut_keeps_characters_whole(void **state)
{
    (void)state;
    for (int shift = 0; shift < 4; shift++) {
        char text[4096] = "abcd";
        size_t length = (size_t)shift;
        while (length + 3 < sizeof text) {
            memcpy(text + length, "\xe2\x82\xac", 3);
            length += 3;
        }
        text[length] = '\0';
        ls_fail(LS_FAILED, "%s", text);
        size_t end = strlen(ls_message());
        assert_in_range(end, 2045, 2047);
        assert_string_equal(ls_message() + end - 6, "\xe2\x82\xac...");
    }
}

static void *fail_in_thread(void *unused)
{
    (void)unused;
    ls_fail(LS_FAILED, "of the other thread");
    return NULL;
}

static void test_message_belongs_to_its_thread(void **state)
{
    (void)state;
    pthread_t thread;
    ls_fail(LS_FAILED, "of this thread");
    assert_int_equal(pthread_create(&thread, NULL, fail_in_thread, NULL), 0);
    pthread_join(thread, NULL);
    assert_string_equal(ls_message(), "of this thread");
}

struct log {
    char last[256];
    enum ls_log_level level;
    long lines; /* not atomic: the callback is called on one thread at a time */
    bool again; /* writes a note itself */
    _Atomic int inside, overlaps;
};

static void take_line(void *user, enum ls_log_level level, const char *line)
{
    struct log *log = user;
    snprintf(log->last, sizeof log->last, "%s", line);
    log->level = level;
    log->lines++;
    if (log->again) {
        log->again = false;
        ls_note("from the callback");
    }
}

static void test_log(void **state)
{
    (void)state;
    struct log log = {.lines = 0};
    ls_note("to nobody");
    ls_log_set(take_line, &log);
    ls_note("step %d", 3);
    assert_string_equal(log.last, "step 3");
    assert_int_equal(log.level, LS_LOG_NOTE);
    ls_warn("slow\ndisk");
    assert_string_equal(log.last, "slow disk");
    assert_int_equal(log.level, LS_LOG_WARNING);
    log.again = true;
    ls_note("outer");
    assert_string_equal(log.last, "from the callback");
    assert_int_equal(log.lines, 4);
    ls_log_set(NULL, NULL);
    ls_note("to nobody");
    assert_int_equal(log.lines, 4);
}

enum { THREADS = 4, LINES = 2000 };

/* Lets others run in the middle of a call, so that they would be seen inside it. */
static void take_line_slowly(void *user, enum ls_log_level level, const char *line)
{
    struct log *log = user;
    if (atomic_fetch_add(&log->inside, 1) != 0)
        atomic_fetch_add(&log->overlaps, 1);
    sched_yield();
    take_line(user, level, line);
    atomic_fetch_sub(&log->inside, 1);
}

static void *write_notes(void *unused)
{
    (void)unused;
    for (int i = 0; i < LINES; i++)
        ls_note("line %d", i);
    return NULL;
}

static void test_log_from_many_threads(void **state)
{
    (void)state;
    struct log log = {.lines = 0};
    pthread_t threads[THREADS];
    ls_log_set(take_line_slowly, &log);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_notes, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ls_log_set(NULL, NULL);
    assert_int_equal(log.overlaps, 0);
    assert_int_equal(log.lines, THREADS * LINES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message_and_status),
        cmocka_unit_test(test_message_of_the_old_message),
        cmocka_unit_test(test_message_is_one_clean_line),
        cmocka_unit_test(test_long_message_is_cut),
        cmocka_unit_test(test_cut_keeps_characters_whole),
        cmocka_unit_test(test_message_belongs_to_its_thread),
        cmocka_unit_test(test_log),
        cmocka_unit_test(test_log_from_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
