/* The table of a profile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "lockstep/lockstep.h"

static struct ls_run_profile_row rows[] = {
    {.name = "dense",
     .kind = "Dense",
     .seconds = 0.0003,
     .share = 0.6,
     .forward_seconds = 0.0001,
     .backward_seconds = 0.0002,
     .forward_flops = 1e7,
     .backward_flops = 1e7},
    {.name = "a_layer_with_a_name",
     .kind = "Dropout",
     .seconds = 0.00005,
     .share = 0.1,
     .forward_seconds = 0.00005},
    {.name = "combine: between nodes"},
    {.name = "optimizer", .seconds = 0.00015, .share = 0.3},
};
static const struct ls_run_profile profile = {.steps = 12,
                                              .step_seconds = 0.0005,
                                              .peak_gflops = 100,
                                              .hidden_seconds = 0.00125,
                                              .rows = rows,
                                              .count = 4};

static void test_table(void **state)
{
    (void)state;
    static const char expected[] =
        "profile:    12 steps of rank 0, milliseconds a step; peak 100.0 GFLOPS\n"
        "layer                   class        forward  GFLOPS     backward  GFLOPS  of peak"
        "         both   share\n"
        "dense                   Dense         0.1000   100.0       0.2000    50.0    66.7%"
        "       0.3000   60.0%\n"
        "a_layer_with_a_name     Dropout       0.0500               0.0000                 "
        "       0.0500   10.0%\n"
        "optimizer                                                                         "
        "       0.1500   30.0%\n"
        "a step                                                                       40.0%"
        "       0.5000  100.0%\n"
        "hidden:     1.2 ms a step of messages between nodes, while it computed\n";
    char *text;
    assert_int_equal(ls_profile_format(&profile, &text), LS_OK);
    assert_string_equal(text, expected);
    ls_text_free(text);
}

static void test_no_memory(void **state)
{
    (void)state;
    char *text;
    for (long n = 1;; n++) {
        ls_memory_fail_at(n);
        ls_status status = ls_profile_format(&profile, &text);
        ls_memory_fail_at(0);
        if (status == LS_OK)
            break;
        assert_null(text);
        assert_int_equal(ls_memory_blocks(), 0);
    }
    ls_text_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
