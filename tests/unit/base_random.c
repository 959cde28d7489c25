#include "base_test.h"

#include <math.h>

#include "base/random.h"

/* Random123's published vectors (kat_vectors, philox4x32 10). */
static void test_known_answers(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4];
        struct ls_random_key key;
        uint32_t expected[4];
    } vectors[] = {
        {{0, 0, 0, 0}, {{0, 0}}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {{0xffffffff, 0xffffffff}},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {{0xa4093822, 0x299f31d0}},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t v = 0; v < sizeof vectors / sizeof *vectors; v++) {
        uint32_t out[4];
        ls_philox(out, vectors[v].counter, vectors[v].key);
        for (int i = 0; i < 4; i++)
            assert_int_equal(out[i], vectors[v].expected[i]);
    }
}

/* Purposes and seeds have their own streams; and runs stay what they were: these are the words of
 * the first release. */
static void test_keys(void **state)
{
    (void)state;
    struct ls_random_key a = ls_random_key(1, LS_PURPOSE_SHUFFLE);
    struct ls_random_key b = ls_random_key(1, LS_PURPOSE_DROPOUT);
    struct ls_random_key c = ls_random_key(1 + ((uint64_t)1 << 32), LS_PURPOSE_SHUFFLE);
    assert_memory_not_equal(&a, &b, sizeof a);
    assert_memory_not_equal(&a, &c, sizeof a);
    assert_int_equal(a.word[0], 0x05ef105a);
    assert_int_equal(a.word[1], 0x76a7d5c4);
}

static void test_uniform(void **state)
{
    (void)state;
    assert_true(ls_uniform_float(0) == 0.0f);
    assert_true(ls_uniform_float(UINT32_MAX) < 1.0f);
    assert_true(ls_uniform_double(0, 0) == 0.0);
    assert_true(ls_uniform_double(UINT32_MAX, UINT32_MAX) < 1.0);
    assert_true(ls_uniform_double(0x80000000, 0) == 0.5);
}

static void test_permutation_is_a_bijection(void **state)
{
    (void)state;
    static unsigned char seen[70000];
    static const uint64_t more[] = {255,  256,  257,   1000,  1023, 1024,
                                    1025, 4097, 60000, 65536, 65537};
    struct ls_random_key key = ls_random_key(7, LS_PURPOSE_SHUFFLE);
    for (size_t i = 0; i < 130 + sizeof more / sizeof *more; i++) {
        uint64_t n = i < 130 ? i + 1 : more[i - 130];
        for (uint64_t round = 0; round < (n < 100 ? 20 : 3); round++) {
            memset(seen, 0, n);
            for (uint64_t index = 0; index < n; index++) {
                uint64_t image = ls_permute(index, n, key, round);
                if (image >= n || seen[image]++)
                    fail_msg(
                        "n %llu, round %llu: the image %llu of %llu is outside or a second one",
                        (unsigned long long)n, (unsigned long long)round, (unsigned long long)image,
                        (unsigned long long)index);
            }
        }
    }
}

static void test_permutation_of_very_many(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {((uint64_t)1 << 40) + 1, (uint64_t)1 << 62, UINT64_MAX};
    struct ls_random_key key = ls_random_key(7, LS_PURPOSE_SHUFFLE);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        uint64_t last = 0;
        for (uint64_t index = 0; index < 1000; index++) {
            uint64_t image = ls_permute(index, sizes[s], key, UINT64_MAX);
            assert_true(image < sizes[s]);
            assert_true(index == 0 || image != last);
            last = image;
        }
    }
}

/* Pearson's statistic of counts that should all be equal. */
static double chi_square(const long *counts, size_t cells, long total)
{
    double expected = (double)total / (double)cells, sum = 0;
    for (size_t i = 0; i < cells; i++)
        sum += ((double)counts[i] - expected) * ((double)counts[i] - expected) / expected;
    return sum;
}

/* Five standard deviations above the mean of a chi-square distribution. */
static void assert_even(const long *counts, size_t cells, long total, size_t freedom)
{
    double statistic = chi_square(counts, cells, total);
    double limit = (double)freedom + 5 * sqrt(2 * (double)freedom);
    if (statistic > limit)
        fail_msg("chi-square %.1f of %zu cells, above %.1f", statistic, cells, limit);
}

/* All 120 orders of five samples are met equally often over the epochs. */
static void test_orders_of_five_are_even(void **state)
{
    (void)state;
    enum { N = 5, ORDERS = 120, ROUNDS = 60000 };
    long counts[ORDERS] = {0};
    struct ls_random_key key = ls_random_key(3, LS_PURPOSE_SHUFFLE);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        uint64_t image[N];
        size_t number = 0; /* of the order, in Lehmer's code */
        for (int i = 0; i < N; i++)
            image[i] = ls_permute((uint64_t)i, N, key, round);
        for (int i = 0; i < N; i++) {
            size_t smaller = 0;
            for (int j = i + 1; j < N; j++)
                smaller += image[j] < image[i];
            number = number * (size_t)(N - i) + smaller;
        }
        counts[number]++;
    }
    assert_even(counts, ORDERS, ROUNDS, ORDERS - 1);
}

/* Where a sample goes, and where its neighbour goes after it, are even at sizes around the powers
 * of two, where the network has many or few values to walk over. */
static void assert_places_even(uint64_t n, uint64_t rounds)
{
    static long place[100 * 100], distance[100];
    struct ls_random_key key = ls_random_key(11, LS_PURPOSE_SHUFFLE);
    memset(place, 0, sizeof place);
    memset(distance, 0, sizeof distance);
    for (uint64_t round = 0; round < rounds; round++) {
        uint64_t before = ls_permute(n - 1, n, key, round);
        for (uint64_t index = 0; index < n; index++) {
            uint64_t image = ls_permute(index, n, key, round);
            place[index * n + image]++;
            distance[(image + n - before) % n]++;
            before = image;
        }
    }
    assert_even(place, n * n, (long)(n * rounds), (n - 1) * (n - 1));
    assert_even(distance + 1, n - 1, (long)(n * rounds), n - 2);
}

static void test_places_are_even(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {4, 10, 63, 64, 65, 100};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        assert_places_even(sizes[s], 40 * sizes[s]);
}

/* Seeds and epochs give unrelated orders. */
static void test_rounds_and_keys_differ(void **state)
{
    (void)state;
    enum { N = 1000 };
    struct ls_random_key a = ls_random_key(1, LS_PURPOSE_SHUFFLE);
    struct ls_random_key b = ls_random_key(2, LS_PURPOSE_SHUFFLE);
    int same_round = 0, same_key = 0, fixed = 0;
    for (uint64_t i = 0; i < N; i++) {
        uint64_t image = ls_permute(i, N, a, 0);
        same_round += image == ls_permute(i, N, b, 0);
        same_key += image == ls_permute(i, N, a, 1);
        fixed += image == i;
    }
    assert_in_range(same_round, 0, 8); /* one is to be expected */
    assert_in_range(same_key, 0, 8);
    assert_in_range(fixed, 0, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_uniform),
        cmocka_unit_test(test_permutation_is_a_bijection),
        cmocka_unit_test(test_permutation_of_very_many),
        cmocka_unit_test(test_orders_of_five_are_even),
        cmocka_unit_test(test_places_are_even),
        cmocka_unit_test(test_rounds_and_keys_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
