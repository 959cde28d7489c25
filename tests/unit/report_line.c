/* The text of progress lines: numbers with their units, and what a narrow terminal leaves out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "report/line.h"

static const char *const names[] = {"loss", "accuracy", "val_loss"};
static const double values[] = {0.29123, 0.91234, 0.00012345};

static struct ls_run_progress half(void)
{
    return (struct ls_run_progress){.epoch = 1,
                                    .epochs = 5,
                                    .step = 50,
                                    .steps = 100,
                                    .seconds = 20.0,
                                    .steps_here = 50,
                                    .samples_per_second = 160.4,
                                    .names = names,
                                    .values = values,
                                    .count = 2};
}

static void expect(struct ls_text *text, const char *expected)
{
    assert_int_equal(ls_text_status(text), LS_OK);
    assert_string_equal(text->data != NULL ? text->data : "", expected);
    ls_text_release(text);
}

static void test_step_times(void **state)
{
    (void)state;
    static const struct {
        double seconds;
        const char *text;
    } cases[] = {{2.54, "2.5s/step"},       {12.4, "12s/step"},      {0.0016, "1.6ms/step"},
                 {0.0301, "30ms/step"},     {0.00015, "150us/step"}, {0.0000032, "3.2us/step"},
                 {0.9996, "1.0s/step"},     {0.9994, "999ms/step"},  {0.00996, "10ms/step"},
                 {0.0009997, "1.0ms/step"}, {0.0, "0.0us/step"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct ls_text text = {0};
        ls_line_step_time(&text, cases[i].seconds);
        expect(&text, cases[i].text);
    }
}

static void test_durations(void **state)
{
    (void)state;
    static const struct {
        double seconds;
        const char *text;
    } cases[] = {{0.0, "0.0s"},  {0.44, "0.4s"},      {9.94, "9.9s"},
                 {9.96, "10s"},  {59.4, "59s"},       {59.6, "1:00"},
                 {65.0, "1:05"}, {3599.6, "1:00:00"}, {7400, "2:03:20"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct ls_text text = {0};
        ls_line_duration(&text, cases[i].seconds);
        expect(&text, cases[i].text);
    }
}

static void test_bars(void **state)
{
    (void)state;
    struct ls_text text = {0};
    ls_line_bar(&text, 4, 0.5, true);
    ls_text_append(&text, " ");
    ls_line_bar(&text, 4, 1.0, true);
    ls_text_append(&text, " ");
    ls_line_bar(&text, 4, 0.0, true);
    expect(&text, "[==>.] [====] [>...]");
    text = (struct ls_text){0};
    ls_line_bar(&text, 4, 0.5, false);
    assert_int_equal(ls_line_columns(text.data), 4);
    expect(&text, "\u2501\u2501\u2500\u2500");
}

static void test_running_line(void **state)
{
    (void)state;
    struct ls_run_progress progress = half();
    struct ls_line_style style = {.ascii = true, .columns = 200};
    struct ls_text text = {0};
    ls_line_epoch(&text, &progress, &style);
    expect(&text, " 50/100 [==========>.........] 20s left 400ms/step 160 samples/s - loss: 0.2912 "
                  "- accuracy: 0.9123");
}

static void test_finished_line(void **state)
{
    (void)state;
    struct ls_run_progress progress = half();
    progress.step = progress.steps_here = 100;
    progress.seconds = 75.0;
    progress.epoch_done = true;
    progress.count = 3;
    struct ls_line_style style = {.ascii = true, .columns = 30}; /* told whole nevertheless */
    struct ls_text text = {0};
    ls_line_epoch(&text, &progress, &style);
    expect(&text, "100/100 [====================] 1:15 750ms/step 160 samples/s - loss: 0.2912 - "
                  "accuracy: 0.9123 - val_loss: 1.2345e-04");
}

static void test_straggler(void **state)
{
    (void)state;
    struct ls_run_progress progress = half();
    progress.epoch_done = true;
    progress.count = 1;
    progress.straggler = 3;
    progress.straggler_host = "b";
    progress.straggler_factor = 1.84;
    struct ls_text text = {0};
    ls_line_plain(&text, &progress);
    expect(&text, "Epoch 2/5 - 50/100 - 20s - 400ms/step - 160 samples/s - loss: 0.2912 - "
                  "straggler: rank 3 (host b) 1.8x");
}

static void test_resumed_epoch_counts_own_steps(void **state)
{
    (void)state;
    struct ls_run_progress progress = half();
    progress.steps_here = 10; /* 40 were done before */
    progress.seconds = 1.0;
    progress.count = 0;
    struct ls_line_style style = {.ascii = true, .columns = 60};
    struct ls_text text = {0};
    ls_line_epoch(&text, &progress, &style);
    expect(&text, " 50/100 [==========>.........] 5.0s left 100ms/step");
}

/* At every width a running line stays within it, and wider ones hold no less. */
static void test_narrow_terminals(void **state)
{
    (void)state;
    struct ls_run_progress progress = half();
    size_t before = 0;
    for (int ascii = 0; ascii < 2; ascii++, before = 0) {
        for (int columns = 1; columns < 130; columns++) {
            struct ls_line_style style = {.ascii = ascii, .columns = columns};
            struct ls_text text = {0};
            ls_line_epoch(&text, &progress, &style);
            assert_int_equal(ls_text_status(&text), LS_OK);
            size_t width = ls_line_columns(text.data);
            if (columns > 1)
                assert_in_range(width, 1, columns - 1);
            if (columns > 1 && width < before)
                fail_msg("%d columns: %zu used, fewer than the %zu before", columns, width, before);
            before = width;
            ls_text_release(&text);
        }
    }
}

static void test_plain_line(void **state)
{
    (void)state;
    struct ls_run_progress progress = half();
    struct ls_text text = {0};
    ls_line_plain(&text, &progress);
    expect(&text, "Epoch 2/5 - 50/100 - 20s - 400ms/step - 160 samples/s - loss: 0.2912 - "
                  "accuracy: 0.9123");
}

static void test_wild_numbers(void **state)
{
    (void)state;
    static const char *const wild[] = {"loss", "zero", "huge", "minus"};
    double nan[] = {__builtin_nan(""), 0.0, 1.5e32, -3.25e-5};
    struct ls_run_progress progress = half();
    progress.names = wild;
    progress.values = nan;
    progress.count = 4;
    struct ls_text text = {0};
    ls_line_plain(&text, &progress);
    expect(&text, "Epoch 2/5 - 50/100 - 20s - 400ms/step - 160 samples/s - loss: nan - "
                  "zero: 0.0000 - huge: 1.5000e+32 - minus: -3.2500e-05");
}

static void test_start(void **state)
{
    (void)state;
    struct ls_run_start start = {.directory = "runs/a",
                                 .nodes = 1,
                                 .ranks = 2,
                                 .threads = 1,
                                 .replicas = 2,
                                 .batch_size = 64,
                                 .samples = 4000,
                                 .validation_samples = 1000,
                                 .steps = 63,
                                 .epochs = 5,
                                 .kernels = "avx512"};
    struct ls_text text = {0};
    ls_line_start(&text, &start);
    expect(&text, "runs/a: 1 node, 2 ranks x 1 thread, 2 replicas x 32 samples = batch of 64, "
                  "kernels avx512\n"
                  "4000 samples, 1000 for validation, 63 steps an epoch, 5 epochs\n");
    start.replicas = 3;
    start.nodes = 2;
    start.threads = 2;
    start.epochs = 1;
    start.steps = 1;
    start.validation_samples = 0;
    start.resumed_from = "runs/a/checkpoints/step-00000001.h5";
    start.epoch = 1;
    start.step = 1;
    start.shared_bytes = 442e6;
    text = (struct ls_text){0};
    ls_line_start(&text, &start);
    expect(&text, "runs/a: 2 nodes, 2 ranks x 2 threads, 3 replicas x 21 to 22 samples = batch of "
                  "64, kernels avx512\n"
                  "4000 samples, 1 step an epoch, 1 epoch\n"
                  "weights and optimizer: 442.0 MB once a node, not once a rank\n"
                  "resumed from runs/a/checkpoints/step-00000001.h5: epoch 2, after step 1/1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_step_times),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_bars),
        cmocka_unit_test(test_running_line),
        cmocka_unit_test(test_finished_line),
        cmocka_unit_test(test_straggler),
        cmocka_unit_test(test_resumed_epoch_counts_own_steps),
        cmocka_unit_test(test_narrow_terminals),
        cmocka_unit_test(test_plain_line),
        cmocka_unit_test(test_wild_numbers),
        cmocka_unit_test(test_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
