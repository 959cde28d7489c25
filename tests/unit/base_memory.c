#include "base_test.h"

static void test_blocks_are_aligned_and_zero(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes < 5000; bytes += 37) {
        unsigned char *block;
        assert_ok(ls_allocate(&block, bytes, 1));
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % LS_ALIGNMENT, 0);
        for (size_t i = 0; i < bytes; i++)
            assert_int_equal(block[i], 0);
        memset(block, 0xff, bytes);
        ls_release(block);
    }
}

static void test_reallocate_keeps_and_zeroes(void **state)
{
    (void)state;
    unsigned char *block = NULL;
    assert_ok(ls_reallocate(&block, 10, 1));
    memset(block, 1, 10);
    static const size_t sizes[] = {11, 100, 5000, 100, 70, 200000, 3};
    size_t kept = 10;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        assert_ok(ls_reallocate(&block, sizes[s], 1));
        assert_int_equal((uintptr_t)block % LS_ALIGNMENT, 0);
        kept = kept < sizes[s] ? kept : sizes[s];
        for (size_t i = 0; i < sizes[s]; i++)
            assert_int_equal(block[i], i < kept ? 1 : 0);
    }
    ls_release(block);
}

static void test_texts(void **state)
{
    (void)state;
    char *text;
    assert_ok(ls_duplicate(&text, "abc"));
    assert_string_equal(text, "abc");
    assert_ok(ls_reallocate(&text, 300, 1));
    assert_string_equal(text, "abc");
    ls_release(text);
    assert_ok(ls_format(&text, "%s-%0200d", "a", 1));
    assert_int_equal(strlen(text), 202);
    ls_release(text);
    ls_release(NULL);
}

static void test_too_much(void **state)
{
    (void)state;
    void *block = &block;
    assert_fails(ls_allocate(&block, SIZE_MAX / 2, 4), LS_FAILED,
                 "out of memory: no room for 9223372036854775807 items of 4 bytes");
    assert_null(block);
    assert_fails(ls_allocate(&block, SIZE_MAX / 2 + 1, 1), LS_FAILED,
                 "out of memory: no room for 9223372036854775808 bytes");
    assert_null(block);
    assert_ok(ls_allocate(&block, 3, 1));
    void *before = block;
    assert_int_equal(ls_reallocate(&block, SIZE_MAX, 2), LS_FAILED);
    assert_ptr_equal(block, before);
    assert_int_equal(ls_reallocate(&block, SIZE_MAX, 1), LS_FAILED);
    assert_ptr_equal(block, before);
    ls_release(block);
}

static void test_the_nth_fails(void **state)
{
    (void)state;
    for (long n = 1; n <= 4; n++) {
        ls_memory_fail_at(n);
        for (long i = 1; i <= 6; i++) {
            char *text;
            if (i == n) {
                assert_fails(ls_duplicate(&text, "ab"), LS_FAILED,
                             "out of memory: no room for 3 bytes");
                assert_null(text);
            } else {
                assert_ok(ls_duplicate(&text, "ab"));
                ls_release(text);
            }
        }
    }
    ls_memory_fail_at(1);
    ls_memory_fail_at(0);
    void *block;
    assert_ok(ls_allocate(&block, 1, 1));
    ls_release(block);
}

static void test_blocks_are_counted(void **state)
{
    (void)state;
    long before = ls_memory_blocks();
    char *a, *b;
    assert_ok(ls_duplicate(&a, "a"));
    assert_ok(ls_allocate(&b, 8, 8));
    assert_int_equal(ls_memory_blocks(), before + 2);
    assert_ok(ls_reallocate(&b, 800, 8));
    assert_int_equal(ls_memory_blocks(), before + 2);
    ls_release(a);
    ls_release(b);
    assert_int_equal(ls_memory_blocks(), before);
}

static void test_round_up(void **state)
{
    (void)state;
    assert_int_equal(ls_round_up(0, 16), 0);
    assert_int_equal(ls_round_up(1, 16), 16);
    assert_int_equal(ls_round_up(16, 16), 16);
    assert_int_equal(ls_round_up(17, 16), 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        leak_checked_test(test_blocks_are_aligned_and_zero),
        leak_checked_test(test_reallocate_keeps_and_zeroes),
        leak_checked_test(test_texts),
        leak_checked_test(test_too_much),
        leak_checked_test(test_the_nth_fails),
        leak_checked_test(test_blocks_are_counted),
        cmocka_unit_test(test_round_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
