/* When lines are drawn, and what stands on the terminal afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lockstep/report.h"
#include "report/progress.h"

/* A progress that writes into memory. */
struct fixture {
    struct ls_progress *progress;
    const struct ls_run_observer *observer;
    FILE *out;
    char *text;
    size_t length;
};

static void begin(struct fixture *fixture, enum ls_progress_style style)
{
    *fixture = (struct fixture){0};
    fixture->out = open_memstream(&fixture->text, &fixture->length);
    assert_non_null(fixture->out);
    struct ls_progress_options options = {.style = style, .ascii = true, .columns = 80};
    assert_int_equal(ls_progress_create(&fixture->progress, fixture->out, &options), LS_OK);
    fixture->observer = ls_progress_observer(fixture->progress);
}

static void end(struct fixture *fixture)
{
    ls_progress_free(fixture->progress);
    fclose(fixture->out);
    free(fixture->text);
}

static size_t count(const char *text, const char *part)
{
    size_t found = 0;
    for (; (text = strstr(text, part)) != NULL; text += strlen(part))
        found++;
    return found;
}

static void tell(struct fixture *fixture, int64_t epoch, int64_t step, double seconds, bool done)
{
    static const char *const names[] = {"loss"};
    static const double values[] = {0.5};
    struct ls_run_progress progress = {.epoch = epoch,
                                       .epochs = 2,
                                       .step = step,
                                       .steps = 1000,
                                       .seconds = seconds,
                                       .steps_here = step,
                                       .samples_per_second = 1000.0,
                                       .names = names,
                                       .values = values,
                                       .count = 1,
                                       .epoch_done = done};
    fixture->observer->progress(fixture->observer->user, &progress);
}

/* 1000 steps of 1 ms: the bar is drawn ten times a second, and once at the end. */
static void test_redraws_are_rare(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, LS_PROGRESS_TERMINAL);
    for (int step = 1; step <= 1000; step++)
        tell(&f, 0, step, step * 1e-3, false);
    tell(&f, 0, 1000, 1.2, true);
    fflush(f.out);
    assert_int_equal(count(f.text, "Epoch 1/2\n"), 1);
    assert_in_range(count(f.text, "\r"), 9, 12);
    assert_int_equal(count(f.text, "\n"), 2);
    assert_int_equal(f.text[f.length - 1], '\n');
    end(&f);
}

/* Epochs shorter than the interval: one line each, no bar between. */
static void test_short_epochs(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, LS_PROGRESS_TERMINAL);
    for (int epoch = 0; epoch < 2; epoch++) {
        for (int step = 1; step <= 1000; step++)
            tell(&f, epoch, step, step * 1e-6, false);
        tell(&f, epoch, 1000, 1e-3, true);
    }
    fflush(f.out);
    assert_string_equal(
        f.text, "Epoch 1/2\n"
                "\r1000/1000 [====================] 0.0s 1.0us/step 1000 samples/s - loss: 0.5000\n"
                "Epoch 2/2\n"
                "\r1000/1000 [====================] 0.0s 1.0us/step 1000 samples/s - loss: "
                "0.5000\n");
    end(&f);
}

/* A shorter line leaves nothing of the longer one before it. */
static void test_shorter_line_covers_longer(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, LS_PROGRESS_TERMINAL);
    tell(&f, 0, 1, 100.0, false); /* "27:45:00 left 100s/step" */
    fflush(f.out);
    const char *line = strrchr(f.text, '\r');
    assert_non_null(line);
    size_t longer = strlen(line + 1);
    tell(&f, 0, 999, 101.0, false);
    fflush(f.out);
    line = strrchr(f.text, '\r');
    assert_int_equal(strlen(line + 1), longer);
    assert_int_equal(f.text[f.length - 1], ' ');
    end(&f);
}

/* What is printed in between finds an empty line; the end of a line that is drawn is kept. */
static void test_clear_and_free(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, LS_PROGRESS_TERMINAL);
    ls_progress_clear(f.progress); /* nothing drawn: nothing written */
    assert_int_equal(fflush(f.out), 0);
    assert_int_equal(f.length, 0);
    tell(&f, 0, 500, 1.0, false);
    ls_progress_clear(f.progress);
    fflush(f.out);
    assert_int_equal(f.text[f.length - 1], '\r');
    const char *blank = strrchr(f.text, '\n') + 1;
    const char *drawn = strchr(blank, '\r') + 1;
    const char *blanks = strchr(drawn, '\r') + 1;
    assert_int_equal(blanks - drawn - 1, strrchr(f.text, '\r') - blanks);
    tell(&f, 0, 600, 2.0, false);
    ls_progress_free(f.progress);
    f.progress = NULL;
    fflush(f.out);
    assert_int_equal(f.text[f.length - 1], '\n');
    assert_int_equal(count(f.text, "Epoch"), 1);
    end(&f);
}

static void test_plain_lines(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, LS_PROGRESS_PLAIN);
    for (int second = 1; second <= 130; second++)
        tell(&f, 0, second, second, false);
    tell(&f, 0, 1000, 140.0, true);
    tell(&f, 1, 1000, 1.0, true);
    fflush(f.out);
    assert_string_equal(
        f.text, "Epoch 1/2 - 60/1000 - 1:00 - 1.0s/step - 1000 samples/s - loss: 0.5000\n"
                "Epoch 1/2 - 120/1000 - 2:00 - 1.0s/step - 1000 samples/s - loss: 0.5000\n"
                "Epoch 1/2 - 1000/1000 - 2:20 - 140ms/step - 1000 samples/s - loss: 0.5000\n"
                "Epoch 2/2 - 1000/1000 - 1.0s - 1.0ms/step - 1000 samples/s - loss: 0.5000\n");
    end(&f);
}

static double now;

static double fake_clock(void)
{
    return now;
}

static void test_import(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, LS_PROGRESS_TERMINAL);
    ls_progress_set_clock(f.progress, fake_clock);
    now = 5.0;
    ls_progress_import(f.progress, 0, 200); /* starts the clock */
    now = 5.05;
    ls_progress_import(f.progress, 50, 200);
    now = 5.2;
    ls_progress_import(f.progress, 100, 200);
    now = 5.21;
    ls_progress_import(f.progress, 200, 200);
    fflush(f.out);
    assert_string_equal(f.text, "\r 50% [====================>...................]"
                                "\r100% [========================================]\n");
    end(&f);
    begin(&f, LS_PROGRESS_TERMINAL);
    ls_progress_set_clock(f.progress, fake_clock);
    ls_progress_import(f.progress, 1, 1); /* over before it was worth a bar */
    fflush(f.out);
    assert_string_equal(f.text, "");
    end(&f);
    begin(&f, LS_PROGRESS_PLAIN);
    ls_progress_set_clock(f.progress, fake_clock);
    ls_progress_import(f.progress, 1, 100);
    now += 61.0;
    ls_progress_import(f.progress, 25, 100);
    ls_progress_import(f.progress, 100, 100);
    fflush(f.out);
    assert_string_equal(f.text, " 25%\n");
    end(&f);
}

static void test_bad_setting(void **state)
{
    (void)state;
    struct ls_progress *progress;
    setenv("LOCKSTEP_OUTPUT", "colour", 1);
    assert_int_equal(ls_progress_create(&progress, stdout, NULL), LS_USAGE);
    unsetenv("LOCKSTEP_OUTPUT");
    assert_string_equal(ls_message(),
                        "LOCKSTEP_OUTPUT: 'colour' is neither 'terminal' nor 'plain'");
    assert_null(progress);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_redraws_are_rare),
        cmocka_unit_test(test_short_epochs),
        cmocka_unit_test(test_shorter_line_covers_longer),
        cmocka_unit_test(test_clear_and_free),
        cmocka_unit_test(test_plain_lines),
        cmocka_unit_test(test_import),
        cmocka_unit_test(test_bad_setting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
