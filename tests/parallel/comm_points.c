/* Cross-replica points and sums over blocks, against the plain serial tree. */
#include "check.h"
#include "kernel/kernels.h"

enum { REPLICAS = 9, COUNT = 19, BLOCKS = 40, ROUNDS = 7 };

static double value_of(int64_t leaf, size_t column, int round)
{
    uint64_t x =
        (uint64_t)leaf * 0x9e3779b97f4a7c15u + column * 0xbf58476d1ce4e5b9u + (uint64_t)round;

    x ^= x >> 31;
    x *= 0x94d049bb133111ebu;
    x ^= x >> 29;
    return ((double)(x >> 12) - 0x1p51) / (double)(1 << (x & 15));
}

static double serial(int64_t lo, int64_t hi, size_t column, int round)
{
    int64_t power = 1;

    if (hi - lo == 1)
        return value_of(lo, column, round);
    while (2 * power < hi - lo)
        power *= 2;
    return serial(lo, lo + power, column, round) + serial(lo + power, hi, column, round);
}

static void compare(const char *what, const double *sums, int64_t n, size_t count, int round)
{
    for (size_t i = 0; i < count; i++) {
        double right = n > 0 ? serial(0, n, i, round) : 0;
        if (memcmp(&sums[i], &right, sizeof right) != 0)
            check_failed(__FILE__, __LINE__, "%s: sum %zu over %d in round %d is %a, expected %a",
                         what, i, (int)n, round, sums[i], right);
    }
}

static void fill(double *values, struct ls_range range, size_t count, int round)
{
    for (int64_t leaf = range.begin; leaf < range.end; leaf++)
        for (size_t i = 0; i < count; i++)
            *values++ = value_of(leaf, i, round);
}

static void points(struct ls_comm *comm, int64_t replicas)
{
    struct ls_combine_options options = {.floats = 40, .doubles = 2, .replicas = replicas};
    struct ls_combine *combine = NULL;
    double values[REPLICAS * COUNT], sums[COUNT];

    CHECK_OK(ls_combine_create(&combine, comm, &options));
    if (!combine)
        return;
    CHECK_OK(ls_combine_reserve_points(combine, COUNT));
    for (int round = 0; round < ROUNDS; round++) {
        size_t count = round % 2 ? COUNT : 1;
        fill(values, ls_combine_replicas(combine), count, round);
        CHECK_OK(ls_combine_point(combine, sums, values, count));
        compare("point", sums, replicas, count, round);
    }
    CHECK_INT(ls_combine_point(combine, sums, values, COUNT + 1), LS_USAGE);
    CHECK_TEXT(ls_message(), "a point of 20 values where 19 were reserved");
    ls_combine_free(combine);
}

/* Fewer blocks than ranks, none, and many. */
static void blocks(struct ls_comm *comm)
{
    double values[BLOCKS * COUNT], sums[COUNT];
    static const size_t counts[] = {1, COUNT};

    for (int64_t n = 0; n <= BLOCKS; n += n < 10 ? 1 : 15)
        for (size_t i = 0; i < 2; i++) {
            struct ls_range mine = ls_part(n, ls_comm_size(comm), ls_comm_rank(comm));
            fill(values, mine, counts[i], (int)n);
            CHECK_OK(ls_comm_sum_blocks(comm, sums, values, n, counts[i]));
            compare("blocks", sums, n, counts[i], (int)n);
        }
}

static void too_many_values(struct ls_comm *comm)
{
    double value = 0;

    CHECK_INT(ls_comm_sum_blocks(comm, &value, &value, 3, (size_t)1 << 30), LS_FAILED);
    CHECK_TEXT(ls_message(), "too many values to sum over ranks: 1073741824 times 3 partial sums");
}

int main(void)
{
    static const struct ls_comm_test tests[] = {
        {0}, {.ranks_per_node = 1}, {.ranks_per_node = 2}, {.no_shared_memory = true}};

    if (ls_comm_create(&check_world) != LS_OK || ls_kernels_init(NULL) != LS_OK) {
        fprintf(stderr, "%s\n", ls_message());
        return 1;
    }
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        for (int ranks = 1; ranks <= ls_comm_size(check_world); ranks++) {
            struct ls_comm *part = check_part(ranks, &tests[i]);
            if (!part)
                continue;
            for (int64_t replicas = ranks; replicas <= REPLICAS; replicas++)
                points(part, replicas);
            blocks(part);
            if (ranks == 3)
                too_many_values(part);
            ls_comm_free(part);
        }
    return check_end();
}
