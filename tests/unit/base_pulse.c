/* The pulse of a thread: what is told of it, and when it counts as getting on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/pulse.h"

static struct ls_pulse pulse;

static struct ls_pulse_view look(void)
{
    struct ls_pulse_view view;
    ls_pulse_look(&view, &pulse);
    return view;
}

static int begin(void **state)
{
    (void)state;
    pulse = (struct ls_pulse){0};
    ls_pulse_show(&pulse);
    return 0;
}

static int end(void **state)
{
    (void)state;
    ls_pulse_show(NULL);
    return 0;
}

static void work_is_told_and_beats(void **state)
{
    (void)state;
    ls_pulse_step(12);
    ls_pulse_begin(LS_PULSE_FORWARD, "dense_1");
    struct ls_pulse_view first = look();
    assert_int_equal(first.step, 12);
    assert_int_equal(first.doing, LS_PULSE_FORWARD);
    assert_string_equal(first.name, "dense_1");
    ls_pulse_begin(LS_PULSE_BACKWARD, "a");
    struct ls_pulse_view second = look();
    assert_string_equal(second.name, "a"); /* nothing is left of the longer name */
    assert_true(second.beats != first.beats);
}

static void a_wait_beats_at_its_end_alone(void **state)
{
    (void)state;
    uint64_t before = look().beats;
    ls_pulse_wait("MPI_Allreduce");
    ls_pulse_wait("MPI_Iprobe");
    ls_pulse_begin(LS_PULSE_WORK, "inside");
    ls_pulse_done();
    assert_true(look().beats == before);
    assert_int_equal(look().doing, LS_PULSE_WAIT);
    assert_string_equal(look().name, "MPI_Allreduce");
    ls_pulse_done();
    assert_true(look().beats != before);
    assert_int_equal(look().doing, LS_PULSE_AFTER);
}

static void waits_are_timed(void **state)
{
    (void)state;
    double before = ls_pulse_waited(), began = ls_seconds();
    ls_pulse_show(NULL); /* without a place as well */
    ls_pulse_wait("x");
    ls_pulse_wait("y");
    while (ls_seconds() < began + 0.02)
        ;
    ls_pulse_done();
    ls_pulse_done();
    double waited = ls_pulse_waited() - before;
    assert_true(waited >= 0.019 && waited <= ls_seconds() - began);
}

static void long_names_lose_their_end(void **state)
{
    (void)state;
    static const char name[] = "abcdefghijklmnopqrstuvwxyz/abcdefghijklmnopqrstuvwxyz";
    ls_pulse_begin(LS_PULSE_WORK, name);
    assert_memory_equal(look().name, name, LS_PULSE_WORDS * sizeof(uint64_t));
    assert_int_equal(look().name[LS_PULSE_WORDS * sizeof(uint64_t)], '\0');
}

static void nothing_is_told_without_a_place(void **state)
{
    (void)state;
    ls_pulse_show(NULL);
    ls_pulse_begin(LS_PULSE_WORK, "x");
    ls_pulse_step(3);
    ls_pulse_beat(ls_pulse_here());
    assert_int_equal(look().beats, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(work_is_told_and_beats, begin, end),
        cmocka_unit_test_setup_teardown(a_wait_beats_at_its_end_alone, begin, end),
        cmocka_unit_test_setup_teardown(waits_are_timed, begin, end),
        cmocka_unit_test_setup_teardown(long_names_lose_their_end, begin, end),
        cmocka_unit_test_setup_teardown(nothing_is_told_without_a_place, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
