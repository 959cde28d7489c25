/* Folding in one process: every number of replicas, without MPI. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "comm/combine.h"
#include "comm/combine_private.h"
#include "kernel/kernels.h"

enum { FLOATS = 37, REPLICAS = 40 };

static struct ls_comm *comm;

static float value_of(int64_t replica, size_t element, int step)
{
    uint32_t x = (uint32_t)replica * 0x9e3779b9u + (uint32_t)element * 0x85ebca6bu + (uint32_t)step;

    x ^= x >> 15;
    x *= 0xc2b2ae35u;
    x ^= x >> 13;
    return ((float)(x >> 8) - 8388608.0f) / (float)(1 << (x & 15));
}

static float serial(int64_t lo, int64_t hi, size_t element, int step)
{
    int64_t power = 1;

    if (hi - lo == 1)
        return value_of(lo, element, step);
    while (2 * power < hi - lo)
        power *= 2;
    return serial(lo, lo + power, element, step) + serial(lo + power, hi, element, step);
}

static void step_of(struct ls_combine *combine, const struct ls_combine_options *options, int step)
{
    struct ls_combined sum;

    for (int64_t i = 0; i < 2 * options->replicas; i++) {
        int64_t replica = options->resident ? options->replicas - 1 - i : i;
        if (options->resident ? replica < 0 : replica >= options->replicas)
            break;
        struct ls_slot slot = ls_combine_slot(combine, replica);
        for (size_t e = 0; e < FLOATS; e++)
            slot.floats[e] = value_of(replica, e, step);
        slot.doubles[0] = (double)replica;
        if (!options->resident)
            ls_combine_push(combine, replica);
    }
    for (int64_t replica = 0; options->resident && replica < options->replicas; replica++)
        ls_combine_push(combine, replica);
    assert_int_equal(ls_combine_finish(combine, &sum), LS_OK);
    for (size_t e = 0; e < FLOATS; e++) {
        float right = serial(0, options->replicas, e, step);
        if (memcmp(&sum.floats[e], &right, sizeof right) != 0)
            fail_msg("%d replicas, element %zu: %a, expected %a", (int)options->replicas, e,
                     (double)sum.floats[e], (double)right);
    }
    assert_true(sum.doubles[0] == (double)(options->replicas * (options->replicas - 1)) / 2);
}

static void every_number_of_replicas(void **state)
{
    (void)state;
    for (int64_t replicas = 1; replicas <= REPLICAS; replicas++)
        for (int resident = 0; resident < 2; resident++) {
            struct ls_combine_options options = {
                .floats = FLOATS, .doubles = 1, .replicas = replicas, .resident = resident};
            struct ls_combine *combine = NULL;
            assert_int_equal(ls_combine_create(&combine, comm, &options), LS_OK);
            for (int step = 0; step < 2; step++)
                step_of(combine, &options, step);
            ls_combine_free(combine);
        }
    ls_combine_free(NULL);
}

/* What one replica has written is the sum itself. */
static void one_replica_is_not_copied(void **state)
{
    (void)state;
    struct ls_combine_options options = {.floats = FLOATS, .doubles = 1, .replicas = 1};
    struct ls_combine *combine = NULL;
    struct ls_combined sum;

    assert_int_equal(ls_combine_create(&combine, comm, &options), LS_OK);
    struct ls_slot slot = ls_combine_slot(combine, 0);
    ls_combine_push(combine, 0);
    assert_int_equal(ls_combine_finish(combine, &sum), LS_OK);
    assert_ptr_equal(sum.floats, slot.floats);
    assert_ptr_equal(sum.doubles, slot.doubles);
    ls_combine_free(combine);
}

static void points_and_blocks(void **state)
{
    (void)state;
    struct ls_combine_options options = {.floats = FLOATS, .replicas = 3, .resident = true};
    struct ls_combine *combine = NULL;
    const double values[3][2] = {{1e17, 1}, {1, 2}, {-1e17, 3}};
    double sums[2];

    assert_int_equal(ls_combine_create(&combine, comm, &options), LS_OK);
    assert_int_equal(ls_combine_reserve_points(combine, 2), LS_OK);
    assert_int_equal(ls_combine_point(combine, sums, values[0], 2), LS_OK);
    assert_true(sums[0] == 0 && sums[1] == 6); /* (1e17 + 1) - 1e17 in double */
    ls_combine_free(combine);
    assert_int_equal(ls_comm_sum_blocks(comm, sums, values[0], 3, 2), LS_OK);
    assert_true(sums[0] == 0 && sums[1] == 6);
    assert_int_equal(ls_comm_sum_blocks(comm, sums, NULL, 0, 2), LS_OK);
    assert_true(sums[0] == 0 && sums[1] == 0);
}

/* Slots are counted by the formula; here by pushing. */
static void slots_are_as_many_as_are_used(void **state)
{
    (void)state;
    for (int64_t n = 1; n <= 33; n++)
        for (int64_t begin = 0; begin < n; begin++)
            for (int64_t end = begin + 1; end <= n; end++) {
                struct ls_range parts[LS_SUBTREES_MAX];
                size_t count = ls_tree_subtrees(parts, n, (struct ls_range){begin, end});
                size_t most = 0;
                for (size_t i = 0; i < count; i++)
                    for (int64_t leaf = 0; leaf < parts[i].end - parts[i].begin; leaf++) {
                        size_t used = i + (size_t)__builtin_popcountll((uint64_t)leaf) + 1;
                        most = used > most ? used : most;
                    }
                assert_int_equal(ls_combine_slots(n, (struct ls_range){begin, end}, false), most);
                assert_int_equal(ls_combine_slots(n, (struct ls_range){begin, end}, true),
                                 end - begin);
            }
}

static void what_a_rank_pays(void **state)
{
    (void)state;
    struct ls_combine_options options = {.floats = 100, .doubles = 4, .replicas = 64};

    assert_int_equal(ls_combine_partials(64, 8), 1);
    assert_int_equal(ls_combine_partials(64, 64), 1);
    assert_int_equal(ls_combine_partials(8, 3), 2); /* [0,3) [3,6) [6,8): 2 + 1, 1 + 2, 2 */
    assert_int_equal(ls_combine_bytes(&options, 64), 448 + 64);
    assert_int_equal(ls_combine_bytes(&options, 8), 4 * (448 + 64));
    options.resident = true;
    assert_int_equal(ls_combine_bytes(&options, 8), 8 * (448 + 64));
}

static void failing_memory(void **state)
{
    (void)state;
    struct ls_combine_options options = {.floats = FLOATS, .doubles = 1, .replicas = 5};
    struct ls_combine *combine = NULL;
    ls_status status = LS_FAILED;
    int n = 0;

    while (status != LS_OK && ++n < 100) {
        ls_memory_fail_at(n);
        status = ls_combine_create(&combine, comm, &options);
        assert_true(status == LS_OK || combine == NULL);
    }
    ls_memory_fail_at(0);
    assert_in_range(n, 3, 50);
    ls_combine_free(combine);
}

static void kernels_come_first(void **state)
{
    (void)state;
    struct ls_combine_options options = {.floats = FLOATS, .doubles = 1, .replicas = 5};
    struct ls_combine *combine = NULL;
    const struct ls_kernels *chosen = ls_k;

    ls_k = NULL;
    assert_int_equal(ls_combine_create(&combine, comm, &options), LS_FAILED);
    ls_k = chosen;
    assert_string_equal(ls_message(), "the kernels are not chosen yet: call ls_kernels_init first");
}

static int start(void **state)
{
    (void)state;
    return ls_kernels_init(NULL) != LS_OK || ls_comm_create_alone(&comm) != LS_OK;
}

static int end(void **state)
{
    (void)state;
    ls_comm_free(comm);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_of_replicas), cmocka_unit_test(one_replica_is_not_copied),
        cmocka_unit_test(points_and_blocks),        cmocka_unit_test(slots_are_as_many_as_are_used),
        cmocka_unit_test(what_a_rank_pays),         cmocka_unit_test(failing_memory),
        cmocka_unit_test(kernels_come_first),
    };
    return cmocka_run_group_tests(tests, start, end);
}
