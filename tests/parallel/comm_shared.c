/* Shared memory of a node, the ways it is passed, and every way in which it can fail. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/memory.h"
#include "check.h"
#include "comm/crew.h"
#include "comm/shared.h"
#include "kernel/kernels.h"

enum { MEGABYTE = 1 << 20 };

/* -- taking away what it needs */

static struct rlimit before;

static void limit(int resource, rlim_t value)
{
    struct rlimit limit;

    CHECK_INT(getrlimit(resource, &before), 0);
    limit = before;
    limit.rlim_cur = value;
    CHECK_INT(setrlimit(resource, &limit), 0);
}

static void lift(int resource)
{
    CHECK_INT(setrlimit(resource, &before), 0);
}

/* So many descriptors can still be opened. */
static void limit_descriptors(int more)
{
    int number = 0;

    for (;; number++)
        if (fcntl(number, F_GETFD) < 0 && more-- == 0)
            break;
    limit(RLIMIT_NOFILE, (rlim_t)number);
}

static void limit_memory(size_t more)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    CHECK(file && fscanf(file, "%lu", &pages) == 1);
    if (file)
        fclose(file);
    limit(RLIMIT_AS, pages * (rlim_t)sysconf(_SC_PAGESIZE) + more);
}

/* -- working */

static ls_status create(struct ls_shared *shared, struct ls_comm *comm, size_t bytes,
                        size_t too_many)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const struct ls_place *place = ls_comm_place(comm);
    struct ls_range mine = ls_part((int64_t)(bytes / page), place->node_size, place->node_rank);
    struct ls_piece piece = {(size_t)mine.begin * page, (size_t)(mine.end - mine.begin) * page};

    if (too_many)
        piece.bytes = too_many;
    return ls_shared_create(shared, comm, bytes, &piece, 1);
}

/* Larger than a container's usual /dev/shm leaves room for when several do it. */
static void write_and_read(const struct ls_comm_test *test, int ranks)
{
    struct ls_comm *comm = check_part(ranks, test);
    struct ls_shared shared;

    if (!comm)
        return;
    const struct ls_place *place = ls_comm_place(comm);
    ls_status status = create(&shared, comm, 3 * MEGABYTE, 0);
    CHECK_OK(status);
    if (status == LS_OK) {
        CHECK_INT((uintptr_t)shared.base % 4096, 0);
        CHECK_INT(shared.base[place->node_rank], 0);
        ls_comm_barrier(comm);
        shared.base[place->node_rank] = (char)(1 + place->node_rank);
        shared.base[3 * MEGABYTE - 1 - place->node_rank] = (char)(50 + place->node);
        ls_comm_barrier(comm);
        for (int i = 0; i < place->node_size; i++) {
            CHECK_INT(shared.base[i], 1 + i);
            CHECK_INT(shared.base[3 * MEGABYTE - 1 - i], 50 + place->node); /* not another node's */
        }
        ls_shared_release(&shared);
    }
    ls_comm_free(comm);
}

/* -- failing */

struct loss {
    const char *message; /* on every rank */
    bool no_proc;
    int rank; /* that cannot */
    int descriptors;
    int resource; /* 0 (RLIMIT_CPU, which is none of ours): it asks for more than there can be */
};

static const struct loss losses[] = {
    {"memfd_create failed: Too many open files", false, 0, 0, RLIMIT_NOFILE},
    {"cannot make shared memory of 67108864 bytes: File too large", false, 0, 0, RLIMIT_FSIZE},
    {"no memory for 9223372036854775808 bytes of shared memory: Invalid argument", false, 1, 0, 0},
    {"cannot map 67108864 bytes of shared memory: Cannot allocate memory", false, 1, 0, RLIMIT_AS},
    {"cannot open a socket: Too many open files", true, 0, 1, RLIMIT_NOFILE},
    {"cannot open a socket: Too many open files", false, 1, 0, RLIMIT_NOFILE},
    {"cannot pass shared memory over a socket: Too many open files", true, 0, 2, RLIMIT_NOFILE},
    {"shared memory did not come over the socket", true, 1, 1, RLIMIT_NOFILE},
};

static void lose(const struct loss *loss)
{
    struct ls_comm_test test = {.no_proc = loss->no_proc};
    struct ls_comm *comm = check_part(2, &test);
    struct ls_shared shared;

    if (!comm)
        return;
    bool mine = ls_comm_rank(comm) == loss->rank;
    size_t more =
        mine && loss->resource == 0 ? (size_t)1 << 63 /* refused at once, not tried */ : 0;
    if (mine && loss->resource == RLIMIT_NOFILE)
        limit_descriptors(loss->descriptors);
    else if (mine && loss->resource == RLIMIT_FSIZE)
        limit(RLIMIT_FSIZE, MEGABYTE);
    else if (mine && loss->resource == RLIMIT_AS)
        limit_memory(16 * MEGABYTE);
    ls_status status = create(&shared, comm, 64 * MEGABYTE, more);
    if (mine && loss->resource)
        lift(loss->resource);
    CHECK_INT(status, LS_FAILED);
    CHECK_TEXT(ls_message(), loss->message);
    CHECK(shared.base == NULL);
    ls_comm_free(comm);
}

/* -- the combine goes on by message */

static void sum_once(struct ls_combine *combine)
{
    struct ls_range mine = ls_combine_replicas(combine);
    struct ls_combined sum;

    for (int64_t r = mine.begin; r < mine.end; r++) {
        struct ls_slot slot = ls_combine_slot(combine, r);
        for (int i = 0; i < 100; i++)
            slot.floats[i] = (float)(i + r);
        slot.doubles[0] = (double)r;
        ls_combine_push(combine, r);
    }
    CHECK_OK(ls_combine_finish(combine, &sum));
    for (int i = 0; i < 100; i++)
        CHECK_INT(sum.floats[i], 5 * i + 10);
    CHECK_INT(sum.doubles[0], 10);
}

/* Rank 1 cannot open files: its node falls apart, another node does not. */
static void fall_back(int ranks_per_node)
{
    struct ls_comm_test test = {.ranks_per_node = ranks_per_node};
    struct ls_comm *comm = check_part(4, &test);
    struct ls_combine_options options = {.floats = 100, .doubles = 1, .replicas = 5};
    struct ls_combine *combine = NULL;
    char expected[300];

    if (!comm)
        return;
    if (ls_comm_rank(comm) == 1)
        limit_descriptors(0);
    CHECK_OK(ls_combine_create(&combine, comm, &options));
    if (ls_comm_rank(comm) == 1)
        lift(RLIMIT_NOFILE);
    snprintf(expected, sizeof expected,
             "the ranks of host %s exchange messages in place of shared memory: cannot open a "
             "socket: Too many open files",
             ls_comm_host(comm, 1));
    CHECK_HAS(ls_comm_fallback(comm), expected);
    if (combine) {
        sum_once(combine);
        sum_once(combine);
    }
    ls_combine_free(combine);
    ls_comm_free(comm);
}

static void points_fall_back(void)
{
    struct ls_comm *comm = check_part(2, NULL);
    struct ls_combine_options options = {.floats = 100, .doubles = 1, .replicas = 5};
    struct ls_combine *combine = NULL;
    double values[5] = {1, 1, 1, 1, 1}, sum = 0;

    if (!comm)
        return;
    CHECK_OK(ls_combine_create(&combine, comm, &options));
    if (ls_comm_rank(comm) == 0)
        limit_descriptors(0);
    CHECK_OK(ls_combine_reserve_points(combine, 1));
    if (ls_comm_rank(comm) == 0)
        lift(RLIMIT_NOFILE);
    CHECK_HAS(ls_comm_fallback(comm), "cross-replica points go by message in place of shared "
                                      "memory: memfd_create failed: Too many open files");
    CHECK_OK(ls_combine_point(combine, &sum, values, 1));
    CHECK_INT(sum, 5);
    sum_once(combine);
    ls_combine_free(combine);
    ls_comm_free(comm);
}

/* -- a crew */

/* In its memory each rank has a number, and rank 0 of all the last one. */
static void work_together(struct ls_crew *crew, int64_t *memory, int first)
{
    const int size = ls_crew_size(crew), rank = ls_crew_rank(crew);

    for (int64_t turn = 1; turn <= 50; turn++) {
        memory[rank] += turn * (first + rank);
        CHECK_OK(ls_crew_wait(crew));
        for (int r = 0; r < size; r++)
            CHECK_INT(memory[r], turn * (turn + 1) / 2 * (first + r));
        CHECK_OK(ls_crew_wait(crew));
    }
}

static void make_crew(const struct ls_comm_test *test, int ranks, bool share)
{
    struct ls_comm *comm = check_part(ranks, test);
    struct ls_crew *crew = NULL;
    int64_t *memory = NULL, *own = NULL;

    if (!comm)
        return;
    const struct ls_place *place = ls_comm_place(comm);
    CHECK_OK(ls_crew_create(&crew, comm, share));
    int size = ls_crew_size(crew), rank = ls_crew_rank(crew);
    CHECK_INT(size, share ? place->node_size : 1);
    CHECK_INT(rank, share ? place->node_rank : 0);
    CHECK(ls_crew_comm(crew) == comm && ls_crew_fallback(crew) == NULL);
    CHECK_OK(ls_crew_allocate(crew, &memory, (size_t)(size + 1) * sizeof *memory));
    work_together(crew, memory, place->rank - rank);
    if (place->rank == 0)
        memory[size] = 123456789;
    CHECK_OK(ls_crew_broadcast(crew, memory + size, sizeof *memory));
    CHECK_INT(memory[size], 123456789);
    CHECK_OK(ls_crew_wait(crew));
    CHECK_OK(ls_crew_take(crew, memory, &own));
    own[size] = place->rank; /* of this rank alone */
    CHECK_OK(ls_crew_wait(crew));
    CHECK_INT(own[size], place->rank);
    ls_release(own);
    CHECK_OK(ls_crew_allocate(crew, &memory, MEGABYTE)); /* which goes with the crew */
    if (size == 1)
        ls_crew_release(crew, memory);
    ls_crew_free(crew);
    ls_comm_free(comm);
}

/* Rank 1 cannot open files: the ranks of its node are alone, those of another node are not. */
static void crew_falls_apart(int ranks_per_node)
{
    struct ls_comm_test test = {.ranks_per_node = ranks_per_node};
    struct ls_comm *comm = check_part(4, &test);
    struct ls_crew *crew = NULL;
    char expected[300];

    if (!comm)
        return;
    int rank = ls_comm_rank(comm);
    if (rank == 1)
        limit_descriptors(0);
    CHECK_OK(ls_crew_create(&crew, comm, true));
    if (rank == 1)
        lift(RLIMIT_NOFILE);
    CHECK_INT(ls_crew_size(crew), ranks_per_node && rank >= ranks_per_node ? ranks_per_node : 1);
    snprintf(expected, sizeof expected,
             "each rank of host %s has weights and optimizer for itself, since they cannot share "
             "memory: cannot open a socket: Too many open files",
             ls_comm_host(comm, 1));
    CHECK_TEXT(ls_crew_fallback(crew), expected);
    CHECK_OK(ls_crew_wait(crew));
    ls_crew_free(crew);
    ls_comm_free(comm);
}

/* What there is no memory for fails on all ranks. */
static void crew_without_memory(void)
{
    struct ls_comm *comm = check_part(2, NULL);
    struct ls_crew *crew = NULL;
    float *memory = NULL;
    char expected[300];

    if (!comm)
        return;
    CHECK_OK(ls_crew_create(&crew, comm, true));
    if (ls_comm_rank(comm) == 0)
        limit(RLIMIT_FSIZE, MEGABYTE);
    CHECK_INT(ls_crew_allocate(crew, &memory, 64 * MEGABYTE), LS_FAILED);
    if (ls_comm_rank(comm) == 0)
        lift(RLIMIT_FSIZE);
    snprintf(expected, sizeof expected,
             "fit.shard_optimizer: host %s: cannot make shared memory of 67108864 bytes: File too "
             "large",
             ls_comm_host(comm, 0));
    CHECK_TEXT(ls_message(), expected);
    CHECK(memory == NULL);
    ls_crew_free(crew);
    ls_comm_free(comm);
}

/* Ranks that are on a node each say so. */
static void crew_of_one(void)
{
    struct ls_comm *comm = check_part(3, &(struct ls_comm_test){.no_shared_memory = true});
    struct ls_crew *crew = NULL;

    if (!comm)
        return;
    CHECK_OK(ls_crew_create(&crew, comm, true));
    CHECK_INT(ls_crew_size(crew), 1);
    CHECK_TEXT(ls_crew_fallback(crew),
               "each rank has weights and optimizer for itself, since no two are on one node");
    ls_crew_free(crew);
    ls_comm_free(comm);
}

int main(void)
{
    static const struct ls_comm_test tests[] = {
        {0}, {.no_proc = true}, {.ranks_per_node = 2}, {.ranks_per_node = 3, .no_proc = true}};

    signal(SIGXFSZ, SIG_IGN);
    if (ls_comm_create(&check_world) != LS_OK || ls_kernels_init(NULL) != LS_OK) {
        fprintf(stderr, "%s\n", ls_message());
        return 1;
    }
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        for (int ranks = 1; ranks <= ls_comm_size(check_world); ranks++) {
            write_and_read(&tests[i], ranks);
            make_crew(&tests[i], ranks, false);
            make_crew(&tests[i], ranks, true);
        }
    if (ls_comm_size(check_world) == 4) {
        for (size_t i = 0; i < sizeof losses / sizeof *losses; i++)
            lose(&losses[i]);
        fall_back(0);
        fall_back(2);
        points_fall_back();
        crew_falls_apart(0);
        crew_falls_apart(2);
        crew_without_memory();
        crew_of_one();
    }
    return check_end();
}
