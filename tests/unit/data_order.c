/* The order of samples: bijections, windows, slices. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/order.h"

static void check_bijection(const struct ls_order *order, int64_t epoch)
{
    unsigned char *seen = calloc((size_t)order->samples, 1);

    for (int64_t i = 0; i < order->samples; i++) {
        int64_t sample = ls_order_sample(order, epoch, i);

        assert_in_range(sample, 0, order->samples - 1);
        assert_int_equal(seen[sample], 0);
        seen[sample] = 1;
    }
    free(seen);
}

static void test_bijections(void **state)
{
    const int64_t samples[] = {1, 2, 3, 7, 64, 100, 1000, 1023};
    const int64_t chunks[] = {1, 3, 10, 64, 2000};
    const int64_t windows[] = {1, 2, 5, 1000};

    (void)state;
    for (size_t s = 0; s < sizeof samples / sizeof samples[0]; s++)
        for (int64_t epoch = 0; epoch < 3; epoch++) {
            check_bijection(&(struct ls_order){.samples = samples[s]}, epoch);
            check_bijection(
                &(struct ls_order){.samples = samples[s], .shuffle = LS_SHUFFLE_GLOBAL, .seed = 5},
                epoch);
            for (size_t c = 0; c < 5; c++)
                for (size_t w = 0; w < 4; w++)
                    check_bijection(&(struct ls_order){.samples = samples[s],
                                                       .shuffle = LS_SHUFFLE_CHUNK,
                                                       .chunk = chunks[c],
                                                       .window = windows[w],
                                                       .seed = 5},
                                    epoch);
        }
}

/* How many of the positions hold another sample. */
static int64_t differences(const struct ls_order *a, int64_t a_epoch, const struct ls_order *b,
                           int64_t b_epoch)
{
    int64_t count = 0;

    for (int64_t i = 0; i < a->samples; i++)
        count += ls_order_sample(a, a_epoch, i) != ls_order_sample(b, b_epoch, i);
    return count;
}

static void test_epoch_and_seed_matter(void **state)
{
    (void)state;
    for (int shuffle = LS_SHUFFLE_GLOBAL; shuffle <= LS_SHUFFLE_CHUNK; shuffle++) {
        struct ls_order order = {
            .samples = 1000, .shuffle = (enum ls_shuffle)shuffle, .chunk = 64, .window = 3};
        struct ls_order other = order;
        struct ls_order none = {.samples = 1000};

        other.seed = 1;
        assert_int_equal(differences(&order, 0, &order, 0), 0);
        assert_in_range(differences(&order, 0, &order, 1), 900, 1000);
        assert_in_range(differences(&order, 0, &other, 0), 900, 1000);
        assert_in_range(differences(&order, 0, &none, 0), 900, 1000);
    }
}

/* One chunk that is the whole: only what happens within a window is left. */
static void test_epoch_matters_within_a_window(void **state)
{
    const struct ls_order order = {
        .samples = 1000, .shuffle = LS_SHUFFLE_CHUNK, .chunk = 1000, .window = 1, .seed = 4};

    (void)state;
    assert_in_range(differences(&order, 0, &order, 1), 900, 1000);
}

/* A window draws from no more chunks than it has; all of each. */
static void test_windows_are_of_whole_chunks(void **state)
{
    const struct ls_order order = {
        .samples = 1003, .shuffle = LS_SHUFFLE_CHUNK, .chunk = 10, .window = 4, .seed = 9};
    const int64_t chunks = 101;
    int64_t last_seen[101], first_seen[101], moved = 0;

    (void)state;
    memset(first_seen, -1, sizeof first_seen);
    for (int64_t i = 0; i < order.samples; i++) {
        int64_t chunk = ls_order_sample(&order, 2, i) / order.chunk;

        if (first_seen[chunk] < 0)
            first_seen[chunk] = i;
        last_seen[chunk] = i;
    }
    for (int64_t c = 0; c < chunks; c++) {
        assert_in_range(last_seen[c] - first_seen[c], 0, order.chunk * order.window - 1);
        moved += first_seen[c] / order.chunk != c;
    }
    assert_in_range(moved, 80, chunks); /* the chunks themselves are permuted */
}

/* The short chunk is not always at the same place. */
static void test_short_chunk_moves(void **state)
{
    const struct ls_order order = {
        .samples = 103, .shuffle = LS_SHUFFLE_CHUNK, .chunk = 10, .window = 1, .seed = 3};
    int64_t places = 0, before = -1;

    (void)state;
    for (int64_t epoch = 0; epoch < 20; epoch++)
        for (int64_t i = 0; i < order.samples; i++)
            if (ls_order_sample(&order, epoch, i) >= 100) {
                places += i != before;
                before = i;
                break;
            }
    assert_in_range(places, 10, 20);
}

static void test_slices_cover_each_epoch_once(void **state)
{
    const int64_t cases[][3] = {{100, 32, 4}, {100, 32, 3}, {7, 10, 4}, {1, 1, 3}, {64, 2, 5}};

    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        int64_t samples = cases[k][0], batch = cases[k][1], replicas = cases[k][2], at = 0;

        for (int64_t step = 0; step < ls_order_steps(samples, batch); step++)
            for (int64_t replica = 0; replica < replicas; replica++) {
                struct ls_range range = ls_order_slice(samples, batch, step, replicas, replica);

                assert_int_equal(range.begin, at);
                assert_true(range.end >= range.begin);
                at = range.end;
            }
        assert_int_equal(at, samples);
    }
}

static void test_steps_by_hand(void **state)
{
    struct ls_range range;

    (void)state;
    assert_int_equal(ls_order_steps(100, 32), 4);
    assert_int_equal(ls_order_steps(96, 32), 3);
    assert_int_equal(ls_order_steps(1, 32), 1);
    range = ls_order_slice(100, 32, 3, 4, 2); /* 4 rows, 1 each */
    assert_int_equal(range.begin, 98);
    assert_int_equal(range.end, 99);
    range = ls_order_slice(100, 32, 4, 4, 0); /* beyond the epoch */
    assert_int_equal(range.begin, range.end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bijections),
        cmocka_unit_test(test_epoch_and_seed_matter),
        cmocka_unit_test(test_epoch_matters_within_a_window),
        cmocka_unit_test(test_windows_are_of_whole_chunks),
        cmocka_unit_test(test_short_chunk_moves),
        cmocka_unit_test(test_slices_cover_each_epoch_once),
        cmocka_unit_test(test_steps_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
