/* Sums without a promise of bits: in MPI's own order, and through 16 bits between nodes. All ranks
 * have the same, and it is near the right one. */
#include <math.h>

#include "check.h"
#include "kernel/kernels.h"

enum { FLOATS = 3000, BUCKET = 480, BUCKETS = (FLOATS + BUCKET - 1) / BUCKET, REPLICAS = 8 };

struct setting {
    struct ls_comm_test test;
    const char *name;
    bool nodes; /* several */
};

/* Whole numbers below 2^17 over 64, whose sums are exact in any order; or a third of them. */
static float value_of(int64_t replica, size_t element, bool exact)
{
    uint32_t x = (uint32_t)replica * 0x9e3779b9u + (uint32_t)element * 0x85ebca6bu;
    x ^= x >> 15;
    x *= 0xc2b2ae35u;
    float whole = (float)((int32_t)(x >> 14) - (1 << 17)) / 64;
    return exact ? whole : whole / 3;
}

static double right_of(int64_t replicas, size_t element, bool exact)
{
    double sum = 0;
    for (int64_t r = 0; r < replicas; r++)
        sum += (double)value_of(r, element, exact);
    return sum;
}

struct run {
    struct ls_comm *comm;
    struct ls_combine *combine;
    struct ls_combine_options options;
    const char *name;
    bool exact;
    double *mean; /* of the sums; NULL */
    double worst, largest;
    uint64_t hash;
};

static void create(struct run *run, const struct setting *setting)
{
    struct ls_range bucket[BUCKETS];
    for (int b = 0; b < BUCKETS; b++) /* from the end */
        bucket[BUCKETS - 1 - b] =
            (struct ls_range){b * BUCKET, (b + 1) * BUCKET < FLOATS ? (b + 1) * BUCKET : FLOATS};
    run->comm = check_part(ls_comm_size(check_world), &setting->test);
    run->name = setting->name;
    run->options.floats = FLOATS;
    run->options.doubles = 1;
    run->options.bucket = bucket;
    run->options.buckets = BUCKETS;
    CHECK_OK(ls_combine_create(&run->combine, run->comm, &run->options));
}

static void release(struct run *run)
{
    CHECK_OK(ls_comm_same(run->comm, run->hash, run->name));
    ls_combine_free(run->combine);
    ls_comm_free(run->comm);
}

static void write_replica(const struct run *run, int64_t replica)
{
    struct ls_slot slot = ls_combine_slot(run->combine, replica);
    for (size_t e = 0; e < FLOATS; e++)
        slot.floats[e] = value_of(replica, e, run->exact);
    slot.doubles[0] = (double)replica;
}

static void step(struct run *run, int64_t replicas)
{
    struct ls_range mine = ls_combine_replicas(run->combine);
    struct ls_combined sum;
    for (int64_t r = mine.begin; r < mine.end; r++) {
        for (int64_t i = mine.begin; run->options.resident && r == mine.begin && i < mine.end; i++)
            write_replica(run, i);
        if (!run->options.resident)
            write_replica(run, r);
        for (int b = 0;
             b < BUCKETS / 2 && (run->options.resident ? r == mine.begin : r + 1 == mine.end); b++)
            ls_combine_write(run->combine);
        ls_combine_push(run->combine, r);
    }
    CHECK_OK(ls_combine_finish(run->combine, &sum));
    CHECK(sum.doubles[0] == (double)(replicas * (replicas - 1)) / 2);
    for (size_t e = 0; e < FLOATS; e++) {
        const double right = right_of(replicas, e, run->exact);
        uint32_t bits;
        memcpy(&bits, &sum.floats[e], sizeof bits);
        run->hash = run->hash * 31 + bits;
        run->largest = fmax(run->largest, fabs(right));
        run->worst = fmax(run->worst, fabs((double)sum.floats[e] - right));
        if (run->mean)
            run->mean[e] += (double)sum.floats[e];
    }
}

static void fast(const struct setting *setting, int64_t replicas, bool exact)
{
    struct run run = {.exact = exact, .options = {.replicas = replicas, .fast = true}};
    run.options.resident = replicas % 2;
    create(&run, setting);
    for (int i = 0; i < 3; i++)
        step(&run, replicas);
    CHECK_THAT(run.worst <= (exact ? 0 : 1e-6 * run.largest), "%s, %d replicas: off by %g of %g",
               run.name, (int)replicas, run.worst, run.largest);
    release(&run);
}

/* The same values step after step: each sum is near the right one, the mean of all of them nearer
 * by far, since what rounding leaves is told the next time. On one node nothing is rounded. */
static void narrow(const struct setting *setting, int64_t replicas, enum ls_wire wire)
{
    enum { STEPS = 64 };
    static double mean[FLOATS];
    const double near = wire == LS_WIRE_BF16 ? 1.0 / 64 : 1.0 / 512;
    double worst_mean = 0;
    struct run run = {.exact = true, .options = {.replicas = replicas, .wire = wire}, .mean = mean};
    memset(mean, 0, sizeof mean);
    create(&run, setting);
    for (int i = 0; i < STEPS; i++)
        step(&run, replicas);
    for (size_t e = 0; e < FLOATS; e++)
        worst_mean = fmax(worst_mean, fabs(mean[e] / STEPS - right_of(replicas, e, true)));
    CHECK_THAT(setting->nodes ? run.worst > 0 && run.worst <= near * run.largest : run.worst == 0,
               "%s, wire %d, %d replicas: off by %g of %g", run.name, wire, (int)replicas,
               run.worst, run.largest);
    CHECK_THAT(worst_mean <= near / 24 * run.largest,
               "%s, wire %d, %d replicas: the mean is off by %g of %g", run.name, wire,
               (int)replicas, worst_mean, run.largest);
    release(&run);
}

static void fast_and_narrow(void)
{
    struct ls_comm *part = check_part(2, NULL);
    struct ls_combine_options options = {
        .floats = 10, .replicas = 2, .fast = true, .wire = LS_WIRE_BF16};
    struct ls_combine *combine;

    if (!part)
        return;
    CHECK_INT(ls_combine_create(&combine, part, &options), LS_USAGE);
    CHECK_TEXT(ls_message(), "MPI's own sum (combine: fast) is of float32: leave `wire` out, or "
                             "`combine`");
    ls_comm_free(part);
}

int main(void)
{
    static const struct setting settings[] = {
        {{0}, "one node", false},
        {{.ranks_per_node = 1}, "1 rank a node", true},
        {{.ranks_per_node = 2}, "2 ranks a node", true},
        {{.ranks_per_node = 3, .no_threads = true}, "3 ranks a node, no threads", true},
    };

    if (ls_comm_create(&check_world) != LS_OK || ls_kernels_init(NULL) != LS_OK) {
        fprintf(stderr, "%s\n", ls_message());
        return 1;
    }
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        for (int replicas = ls_comm_size(check_world); replicas <= REPLICAS; replicas++) {
            fast(&settings[i], replicas, true);
            fast(&settings[i], replicas, false);
            if (replicas % 2 == 0)
                continue;
            narrow(&settings[i], replicas, LS_WIRE_BF16);
            narrow(&settings[i], replicas, LS_WIRE_FP16);
        }
    fast_and_narrow();
    return check_end();
}
