/* What a checkpoint takes of the thread that trains, and of the writer's own: bench-snapshot [DIR]
 * [UNITS]. The wide network of this folder with Adam's slots; each figure is the median of several,
 * the first is told apart: it takes the memory that the others find. */
#include <time.h>

#include <stdio.h>
#include <stdlib.h>

#include "unit/store_test.h"

#include "base/clock.h"

enum { REPEATS = 9, SLOTS = 2, UNITS = 4096 };

static const char wide[] = "model:\n"
                           "  input: {shape: [784]}\n"
                           "  layers:\n"
                           "    - Dense: {units: %d}\n"
                           "    - Dense: {units: %d}\n"
                           "    - Dense: {units: %d}\n"
                           "    - Dense: {units: 10}\n";

struct figures {
    double snapshot, snapshot_cpu, written, writer_cpu; /* seconds */
};

static double cpu(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static struct figures write_one(struct ls_checkpoint_writer *writer,
                                const struct ls_checkpoint *checkpoint, int64_t step)
{
    double start = ls_seconds(), mine = cpu(CLOCK_THREAD_CPUTIME_ID);
    double all = cpu(CLOCK_PROCESS_CPUTIME_ID);
    struct figures taken;
    assert_ok(ls_checkpoint_begin(writer, checkpoint, step));
    taken.snapshot = ls_seconds() - start;
    taken.snapshot_cpu = cpu(CLOCK_THREAD_CPUTIME_ID) - mine;
    assert_ok(ls_checkpoint_wait(writer));
    taken.written = ls_seconds() - start;
    taken.writer_cpu = cpu(CLOCK_PROCESS_CPUTIME_ID) - all - (cpu(CLOCK_THREAD_CPUTIME_ID) - mine);
    return taken;
}

static int compare(const void *a, const void *b)
{
    const double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double median(const struct figures *taken, size_t field)
{
    double values[REPEATS];
    for (size_t i = 0; i < REPEATS; i++)
        memcpy(&values[i], (const char *)&taken[i] + field, sizeof values[i]);
    qsort(values, REPEATS, sizeof *values, compare);
    return values[REPEATS / 2];
}

int main(int count, char **arguments)
{
    char yaml[sizeof wide + 32];
    int units = count > 2 ? atoi(arguments[2]) : UNITS;
    struct ls_checkpoint_writer *writer;
    struct figures first, taken[REPEATS];
    if (count > 1 && chdir(arguments[1]) != 0)
        return 1;
    snprintf(yaml, sizeof yaml, wide, units, units, units);
    assert_ok(ls_kernels_init(NULL));
    struct ls_checkpoint made = {.model = make_model(yaml),
                                 .state = json_tree("{\"step\": 1}"),
                                 .slot_name = {"momentum", "velocity"},
                                 .slots = SLOTS};
    for (size_t s = 0; s < SLOTS; s++) {
        assert_ok(ls_allocate(&made.slot[s], made.model->trainable_floats, sizeof(float)));
        memcpy(made.slot[s], made.model->weights, made.model->trainable_floats * sizeof(float));
    }
    assert_ok(ls_checkpoint_writer_create(&writer, ".", 1));
    first = write_one(writer, &made, 1);
    for (int i = 0; i < REPEATS; i++)
        taken[i] = write_one(writer, &made, 2 + i);
    printf(
        "snapshot: %.1f ms (%.1f ms of computing), the first %.1f ms; written after %.1f ms, by a "
        "thread that computes for %.1f ms\n",
        median(taken, offsetof(struct figures, snapshot)) * 1e3,
        median(taken, offsetof(struct figures, snapshot_cpu)) * 1e3, first.snapshot * 1e3,
        median(taken, offsetof(struct figures, written)) * 1e3,
        median(taken, offsetof(struct figures, writer_cpu)) * 1e3);
    ls_checkpoint_writer_free(writer);
    for (size_t s = 0; s < SLOTS; s++)
        ls_release(made.slot[s]);
    made.slots = 0;
    ls_checkpoint_release(&made);
    return 0;
}
