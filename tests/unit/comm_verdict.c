/* Who holds a job up, from tables made up here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "comm/verdict.h"

enum { RANKS = 6, LIMIT = 10 };

static struct ls_seen_rank ranks[RANKS];
static struct ls_verdict verdict;

static void set(int rank, enum ls_pulse_doing doing, const char *name, double idle)
{
    ranks[rank].idle = idle;
    ranks[rank].pulse.doing = doing;
    snprintf(ranks[rank].pulse.name, sizeof ranks[rank].pulse.name, "%s", name);
}

/* All have waited in MPI_Allreduce for `idle` seconds, at step 7. */
static void all_wait(double idle)
{
    static const char *const hosts[RANKS] = {"a", "a", "b", "b", "c", "c"};
    for (int rank = 0; rank < RANKS; rank++) {
        ranks[rank] =
            (struct ls_seen_rank){.known = true, .host = hosts[rank], .pulse = {.step = 7}};
        set(rank, LS_PULSE_WAIT, "MPI_Allreduce", idle);
    }
}

static int found(void)
{
    return ls_verdict_find(&verdict, ranks, RANKS, LIMIT);
}

static void who_gets_on_is_left_alone(void **state)
{
    (void)state;
    all_wait(9);
    assert_false(found());
    all_wait(100);
    set(3, LS_PULSE_FORWARD, "dense", 9); /* a long wait for one that computes */
    assert_false(found());
}

static void the_one_that_works_is_named(void **state)
{
    (void)state;
    all_wait(12);
    set(3, LS_PULSE_BACKWARD, "dense", 11);
    assert_true(found());
    assert_int_equal(verdict.rank, 3);
    assert_string_equal(verdict.text,
                        "rank 3 (host b) made no progress for 10 s at step 7 (backward of layer "
                        "'dense'); ranks 0-2, 4-5 wait for it in MPI_Allreduce");
    ranks[3].state = 'D';
    set(3, LS_PULSE_WORK, "writing a checkpoint", 11);
    assert_true(found());
    assert_string_equal(verdict.text,
                        "rank 3 (host b) made no progress for 10 s at step 7 (writing a "
                        "checkpoint, waiting for a disk); ranks 0-2, 4-5 wait for it in "
                        "MPI_Allreduce");
}

static void a_stopped_rank_is_named_even_while_it_waits(void **state)
{
    (void)state;
    all_wait(12);
    ranks[1].silent = 11;
    assert_true(found());
    assert_string_equal(verdict.text, "rank 1 (host a) gave no sign of life for 10 s at step 7 (in "
                                      "MPI_Allreduce); ranks 0, 2-5 wait for it in MPI_Allreduce");
    ranks[1].state = 'T';
    assert_true(found());
    assert_non_null(strstr(verdict.text, "rank 1 (host a) stood still, stopped by a signal, for"));
}

static void several_are_named(void **state)
{
    (void)state;
    all_wait(0);
    for (int rank = 1; rank < RANKS; rank++)
        ranks[rank].silent = 20;
    assert_true(found());
    assert_int_equal(verdict.rank, 1);
    assert_string_equal(verdict.text,
                        "ranks 1 (host a), 2 (host b), 3 (host b), 4 (host c) and 1 more gave no "
                        "sign of life for 10 s at step 7 (in MPI_Allreduce); rank 0 waits for it "
                        "in MPI_Allreduce");
}

static void a_lost_message_is_told_as_one(void **state)
{
    (void)state;
    all_wait(11);
    assert_true(found());
    assert_int_equal(verdict.rank, -1);
    assert_string_equal(verdict.text,
                        "all 6 ranks have waited for each other for 10 s at step 7 (rank 0 in "
                        "MPI_Allreduce): messages between them are lost, or held up");
    ranks[5].idle = 1; /* it came out of a wait a moment ago */
    assert_false(found());
}

static void who_was_never_heard_or_has_left_is_not_missed(void **state)
{
    (void)state;
    all_wait(11);
    ranks[2].known = false;
    ranks[2].silent = 100;
    assert_false(found());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_gets_on_is_left_alone),
        cmocka_unit_test(the_one_that_works_is_named),
        cmocka_unit_test(a_stopped_rank_is_named_even_while_it_waits),
        cmocka_unit_test(several_are_named),
        cmocka_unit_test(a_lost_message_is_told_as_one),
        cmocka_unit_test(who_was_never_heard_or_has_left_is_not_missed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
