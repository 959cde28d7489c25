/* What the tests of src/base share. */
#ifndef UNIT_BASE_TEST_H
#define UNIT_BASE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/tree.h"

/* Fails with the message of the call. */
#define assert_ok(call)                                                                            \
    do {                                                                                           \
        ls_status assert_status = (call);                                                          \
        if (assert_status != LS_OK)                                                                \
            fail_msg("%s: status %d: %s", #call, (int)assert_status, ls_message());                \
    } while (0)

#define assert_fails(call, status, message)                                                        \
    do {                                                                                           \
        assert_int_equal((call), (status));                                                        \
        assert_string_equal(ls_message(), (message));                                              \
    } while (0)

static inline struct ls_tree *yaml_tree(const char *text)
{
    struct ls_tree *tree;
    assert_ok(ls_tree_parse_yaml(&tree, text, strlen(text), "run.yaml"));
    return tree;
}

static inline struct ls_tree *json_tree(const char *text)
{
    struct ls_tree *tree;
    assert_ok(ls_tree_parse_json(&tree, text, strlen(text), "net.json"));
    return tree;
}

static inline void assert_json(const struct ls_tree *tree, const char *expected)
{
    struct ls_text text = {0};
    ls_tree_format_json(&text, tree);
    assert_ok(ls_text_status(&text));
    assert_string_equal(text.data, expected);
    ls_text_release(&text);
}

static inline void assert_yaml(const struct ls_tree *tree, const char *expected)
{
    struct ls_text text = {0};
    ls_tree_format_yaml(&text, tree);
    assert_ok(ls_text_status(&text));
    assert_string_equal(text.data, expected);
    ls_text_release(&text);
}

/* A group's set-up and tear-down: nothing may be left behind. */
static long blocks_before;
static inline int count_blocks(void **state)
{
    (void)state;
    blocks_before = ls_memory_blocks();
    return 0;
}
static inline int check_blocks(void **state)
{
    (void)state;
    long left = ls_memory_blocks() - blocks_before;
    if (left != 0)
        print_error("%ld blocks of memory were not released\n", left);
    return left == 0 ? 0 : -1;
}
#define leak_checked_test(function)                                                                \
    cmocka_unit_test_setup_teardown(function, count_blocks, check_blocks)

#endif
