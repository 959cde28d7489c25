/* The combine against a plain serial tree, bit for bit: replicas x ranks x nodes x sizes x steps.
 */
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "kernel/kernels.h"

enum { REPLICAS = 9, DOUBLES = 3, SMALL = 5000, LARGE = 100003, STEPS = 3 };

/* -- values, and what they should come to */

static uint32_t mix(uint32_t x)
{
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    return x ^ x >> 16;
}

/* Signs and exponents differ, so that another order of additions gives other bits. */
static float float_of(int64_t replica, int64_t element, int step)
{
    uint32_t bits = mix((uint32_t)element * 31u + (uint32_t)replica * 0x9e3779b9u + (uint32_t)step);

    return ((float)(bits >> 8) - 8388608.0f) / (float)(1 << (bits & 15));
}

static double double_of(int64_t replica, int64_t element, int step)
{
    return (double)float_of(replica, element + LARGE, step) / 3.0;
}

static float values[STEPS][REPLICAS][LARGE];

static void make_values(void)
{
    for (int step = 0; step < STEPS; step++)
        for (int replica = 0; replica < REPLICAS; replica++)
            for (int e = 0; e < LARGE; e++)
                values[step][replica][e] = float_of(replica, e, step);
}

static int64_t largest_power_below(int64_t n)
{
    int64_t power = 1;

    while (2 * power < n)
        power *= 2;
    return power;
}

static float serial(const float *leaves, int64_t n)
{
    if (n == 1)
        return leaves[0];
    int64_t left = largest_power_below(n);
    return serial(leaves, left) + serial(leaves + left, n - left);
}

static double serial_double(const double *leaves, int64_t n)
{
    if (n == 1)
        return leaves[0];
    int64_t left = largest_power_below(n);
    return serial_double(leaves, left) + serial_double(leaves + left, n - left);
}

/* expected[step][replicas]: made once. */
static float expected[STEPS][REPLICAS + 1][LARGE];

static void make_expected(void)
{
    float leaves[REPLICAS];

    for (int step = 0; step < STEPS; step++)
        for (int n = 1; n <= REPLICAS; n++)
            for (int e = 0; e < LARGE; e++) {
                for (int r = 0; r < n; r++)
                    leaves[r] = values[step][r][e];
                expected[step][n][e] = serial(leaves, n);
            }
}

static double expected_double(int64_t replicas, int element, int step)
{
    double leaves[REPLICAS];

    for (int64_t r = 0; r < replicas; r++)
        leaves[r] = double_of(r, element, step);
    return serial_double(leaves, replicas);
}

/* -- one run */

struct setting {
    struct ls_comm_test test;
    const char *name;
};

struct run {
    const char *name;
    struct ls_comm *comm;
    struct ls_combine *combine;
    struct ls_combine_options options;
    int step;
};

static void write_floats(const struct run *run, int64_t replica, struct ls_range elements)
{
    struct ls_slot slot = ls_combine_slot(run->combine, replica);

    memcpy(slot.floats + elements.begin, values[run->step][replica] + elements.begin,
           (size_t)(elements.end - elements.begin) * sizeof(float));
}

static void write_replica(const struct run *run, int64_t replica, bool floats)
{
    struct ls_slot slot = ls_combine_slot(run->combine, replica);

    CHECK_INT((uintptr_t)slot.floats % 64, 0);
    for (size_t e = 0; !floats && e < run->options.floats; e++)
        slot.floats[e] = NAN; /* who adds it too early shows it */
    if (floats)
        write_floats(run, replica, (struct ls_range){0, (int64_t)run->options.floats});
    for (int i = 0; i < (int)run->options.doubles; i++)
        slot.doubles[i] = double_of(replica, i, run->step);
}

/* The last replica's floats bucket by bucket, those of all replicas where all have slots. Each rank
 * says of another number of buckets that it has written them, none and all among them. */
static void write_buckets(const struct run *run)
{
    const struct ls_combine_options *options = &run->options;
    struct ls_range mine = ls_combine_replicas(run->combine);
    int64_t first = options->resident ? mine.begin : mine.end - 1;
    size_t told = (size_t)(run->step + ls_comm_rank(run->comm)) % 3 * options->buckets / 2;

    for (size_t b = 0; b < options->buckets; b++) {
        for (int64_t r = first; r < mine.end; r++)
            write_floats(run, r, options->bucket[b]);
        if (b < told)
            ls_combine_write(run->combine);
        if (b % 3 == 0)
            ls_combine_progress(run->combine);
    }
}

static void write_all(const struct run *run)
{
    struct ls_range mine = ls_combine_replicas(run->combine);
    bool whole = run->options.buckets == 0;

    /* Resident slots are written in any order, then pushed. */
    if (run->options.resident) {
        for (int64_t r = mine.end - 1; r >= mine.begin; r--)
            write_replica(run, r, whole);
        write_buckets(run);
    }
    for (int64_t r = mine.begin; r < mine.end; r++) {
        if (!run->options.resident)
            write_replica(run, r, whole || r + 1 < mine.end);
        if (!run->options.resident && r + 1 == mine.end)
            write_buckets(run);
        ls_combine_push(run->combine, r);
    }
}

static void compare(const struct run *run, const struct ls_combined *sum)
{
    const float *right = expected[run->step][run->options.replicas];

    for (size_t e = 0; e < run->options.floats; e++)
        if (memcmp(&sum->floats[e], &right[e], sizeof(float)) != 0) {
            check_failed(__FILE__, __LINE__,
                         "%s, %d ranks, %d replicas, %zu floats, %zu buckets, resident %d, step "
                         "%d: element %zu is %a, expected %a",
                         run->name, ls_comm_size(run->comm), (int)run->options.replicas,
                         run->options.floats, run->options.buckets, run->options.resident,
                         run->step, e, (double)sum->floats[e], (double)right[e]);
            return;
        }
    for (int i = 0; i < (int)run->options.doubles; i++) {
        double wanted = expected_double(run->options.replicas, i, run->step);
        if (memcmp(&sum->doubles[i], &wanted, sizeof wanted) != 0)
            check_failed(__FILE__, __LINE__,
                         "%s, %d ranks, %d replicas, step %d: double %d is %a, "
                         "expected %a",
                         run->name, ls_comm_size(run->comm), (int)run->options.replicas, run->step,
                         i, sum->doubles[i], wanted);
    }
}

static void run_steps(struct run *run)
{
    ls_status status = ls_combine_create(&run->combine, run->comm, &run->options);
    struct ls_combined sum;

    CHECK_INT(status, LS_OK);
    if (status != LS_OK) {
        check_failed(__FILE__, __LINE__, "%s", ls_message());
        return;
    }
    for (run->step = 0; run->step < STEPS; run->step++) {
        write_all(run);
        CHECK_OK(ls_combine_finish(run->combine, &sum));
        /* One rank is late, so that the others are in the next step while it still reads. */
        if (run->options.floats == SMALL &&
            run->step % ls_comm_size(run->comm) == ls_comm_rank(run->comm))
            usleep(200);
        compare(run, &sum);
    }
    ls_combine_free(run->combine);
}

/* Buckets of so many elements, in an order that is neither that of the arena nor its reverse. */
static void cut(struct ls_combine_options *options, struct ls_range *bucket, size_t floats)
{
    size_t n = (options->floats + floats - 1) / floats, from = n / 3;

    options->bucket = bucket;
    options->buckets = n;
    for (size_t i = 0; i < n; i++) {
        size_t begin = (i < from ? i : n - 1 - (i - from)) * floats, end = begin + floats;
        bucket[i].begin = (int64_t)begin;
        bucket[i].end = (int64_t)(end < options->floats ? end : options->floats);
    }
}

static struct ls_range buckets[LARGE / 16 + 1];

static void run_buckets(struct run *run)
{
    static const size_t sizes[] = {16, 64, 1600, SMALL};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int resident = 0; resident < 2; resident++) {
            run->options.floats = i == 0 ? 100 : SMALL;
            run->options.resident = resident;
            cut(&run->options, buckets, sizes[i]);
            run_steps(run);
        }
    run->options.buckets = 0;
    run->options.bucket = NULL;
}

static void run_sizes(struct run *run)
{
    static const size_t sizes[] = {0, 1, 15, 16, 17, SMALL};

    for (int resident = 0; resident < 2; resident++) {
        run->options.resident = resident;
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            run->options.floats = sizes[i];
            run_steps(run);
        }
    }
    run_buckets(run);
    run->options.resident = false;
    run->options.floats = LARGE;
    if (run->options.replicas >= 7)
        run_steps(run);
}

static void run_setting(const struct setting *setting)
{
    for (int ranks = 1; ranks <= ls_comm_size(check_world); ranks++) {
        struct run run = {.name = setting->name, .comm = check_part(ranks, &setting->test)};
        if (!run.comm)
            continue;
        for (int replicas = ranks; replicas <= REPLICAS; replicas++) {
            run.options = (struct ls_combine_options){.doubles = DOUBLES, .replicas = replicas};
            run_sizes(&run);
        }
        CHECK(ls_comm_fallback(run.comm) == NULL);
        ls_comm_free(run.comm);
    }
}

/* -- a rank that falls behind in the middle */

static const struct ls_kernels *chosen;

static void add_slowly(float *out, const float *a, const float *b, size_t n)
{
    usleep(300);
    chosen->add(out, a, b, n);
}

/* One rank takes long over each addition: who does not wait for it where it should reads what is
 * not there yet. No doubles, since the ranks would wait for each other's. */
static void one_slow_rank(const struct setting *setting)
{
    struct ls_kernels slow = *ls_k;
    int size = ls_comm_size(check_world);
    struct run run = {.name = setting->name, .comm = check_part(size, &setting->test)};

    chosen = ls_k;
    slow.add = add_slowly;
    for (int rank = 0; rank < size; rank++)
        for (int replicas = size; replicas <= 8; replicas += 2) {
            ls_k = rank == ls_comm_rank(check_world) ? &slow : chosen;
            run.options = (struct ls_combine_options){.floats = SMALL, .replicas = replicas};
            run_steps(&run);
            cut(&run.options, buckets, SMALL / 3);
            run_steps(&run);
        }
    ls_k = chosen;
    ls_comm_free(run.comm);
}

/* -- what is refused */

static void more_ranks_than_replicas(void)
{
    struct ls_comm *part = check_part(2, NULL);
    struct ls_combine_options options = {.floats = 10, .replicas = 1};
    struct ls_combine *combine;

    if (!part)
        return;
    CHECK_INT(ls_combine_create(&combine, part, &options), LS_USAGE);
    CHECK_TEXT(ls_message(), "2 ranks are more than the run's 1 replica: use at most 1 rank, or "
                             "define the run with more replicas");
    CHECK(combine == NULL);
    ls_comm_free(part);
}

static void finish_too_early(void)
{
    struct ls_comm *part = check_part(1, NULL);
    struct ls_combine_options options = {.floats = 10, .replicas = 3};
    struct ls_combine *combine = NULL;
    struct ls_combined sum;

    if (!part)
        return;
    CHECK_OK(ls_combine_create(&combine, part, &options));
    ls_combine_slot(combine, 0);
    ls_combine_push(combine, 0);
    CHECK_INT(ls_combine_finish(combine, &sum), LS_USAGE);
    CHECK_TEXT(ls_message(), "the combine of replicas 0 to 2 was finished before all were pushed");
    ls_combine_free(combine);
    ls_comm_free(part);
}

/* Two combines at a time, on one comm and between nodes, keep their messages apart. */
static void two_combines(void)
{
    struct ls_comm_test test = {.ranks_per_node = 2};
    struct ls_comm *comm = check_part(3, &test);
    struct run a = {.name = "first of two", .comm = comm}, b = {.name = "second", .comm = comm};
    struct ls_combined sum;

    if (!comm)
        return;
    a.options = (struct ls_combine_options){.floats = 170, .doubles = DOUBLES, .replicas = 5};
    b.options = (struct ls_combine_options){
        .floats = SMALL, .doubles = DOUBLES, .replicas = 7, .resident = true};
    cut(&b.options, buckets, 800);
    CHECK_OK(ls_combine_create(&a.combine, comm, &a.options));
    CHECK_OK(ls_combine_create(&b.combine, comm, &b.options));
    for (a.step = 0; a.step < STEPS; a.step++) {
        b.step = STEPS - 1 - a.step;
        write_all(&a);
        write_all(&b);
        CHECK_OK(ls_combine_finish(b.combine, &sum));
        compare(&b, &sum);
        CHECK_OK(ls_combine_finish(a.combine, &sum));
        compare(&a, &sum);
    }
    ls_combine_free(a.combine);
    ls_combine_free(b.combine);
    ls_comm_free(comm);
}

int main(void)
{
    static const struct setting settings[] = {
        {{0}, "one node"},
        {{.ranks_per_node = 1}, "1 rank a node"},
        {{.ranks_per_node = 2}, "2 ranks a node"},
        {{.ranks_per_node = 3}, "3 ranks a node"},
        {{.ranks_per_node = 1, .no_threads = true}, "1 rank a node, no threads"},
        {{.ranks_per_node = 2, .no_threads = true}, "2 ranks a node, no threads"},
        {{.no_shared_memory = true}, "no shared memory"},
    };

    if (ls_comm_create(&check_world) != LS_OK || ls_kernels_init(NULL) != LS_OK) {
        fprintf(stderr, "%s\n", ls_message());
        return 1;
    }
    make_values();
    make_expected();
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        run_setting(&settings[i]);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        one_slow_rank(&settings[i]);
    more_ranks_than_replicas();
    finish_too_early();
    two_combines();
    return check_end();
}
