/* Places, agreement, broadcasts and gathers. */
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "check.h"
#include "lockstep/mpi.h"

/* What no rank but it has set must not come from this rank's own last message. */
static void forget_message(void)
{
    ls_fail(LS_FAILED, "an old message");
}

static void agree(struct ls_comm *comm)
{
    int size = ls_comm_size(comm), rank = ls_comm_rank(comm);
    char expected[64];

    CHECK_INT(ls_comm_agree(comm, LS_OK), LS_OK);
    for (int first = 0; first < size; first++)
        for (int second = first; second < size; second++) {
            ls_status mine = LS_OK;
            forget_message();
            if (rank == first || rank == second)
                mine = ls_fail(rank == first ? LS_BAD_INPUT : LS_NO_INPUT, "rank %d: cannot", rank);
            CHECK_INT(ls_comm_agree(comm, mine), LS_BAD_INPUT);
            snprintf(expected, sizeof expected, "rank %d: cannot", first);
            CHECK_TEXT(ls_message(), expected);
        }
}

static void same(struct ls_comm *comm)
{
    int size = ls_comm_size(comm), rank = ls_comm_rank(comm);
    char expected[1024];
    const uint64_t high = UINT64_C(1) << 63;

    CHECK_OK(ls_comm_same(comm, high, "the hash"));
    for (int odd = 0; odd < size && size > 2; odd++) {
        CHECK_INT(ls_comm_same(comm, high + (rank == odd), "the hash"), LS_FAILED);
        snprintf(expected, sizeof expected, "the hash differs on rank %d (host %s)", odd,
                 ls_comm_host(comm, odd));
        CHECK_TEXT(ls_message(), expected);
    }
    if (size == 4) {
        CHECK_INT(ls_comm_same(comm, rank % 2, "the seed"), LS_FAILED);
        const char *host = ls_comm_host(comm, 0);
        snprintf(expected, sizeof expected,
                 "the seed differs between ranks 0 (host %s), 1 (host %s), 2 (host %s), 3 (host "
                 "%s): no majority tells which is right",
                 host, host, host, host);
        CHECK_TEXT(ls_message(), expected);
    }
    bool odd[4];
    CHECK_OK(ls_comm_compare(comm, high, "it", odd));
    CHECK(!odd[0] && !odd[size - 1]);
    if (size == 1)
        return;
    CHECK_INT(ls_comm_compare(comm, high + (rank == size - 1), "it", odd), LS_FAILED);
    CHECK(odd[0] == (size == 2) && odd[size - 1]);
}

/* The same text on all ranks, other texts on one and on several, and a failure that comes first. */
static void agree_on(struct ls_comm *comm)
{
    int size = ls_comm_size(comm), rank = ls_comm_rank(comm);
    char expected[2048], text[4096];
    const char *several[] = {"", "", "; not as rank 0 either: 2", "; not as rank 0 either: 2, 3"};

    CHECK_INT(ls_comm_agree_on(comm, LS_OK, "train a"), LS_OK);
    CHECK_INT(ls_comm_agree_on(comm, LS_OK, ""), LS_OK);
    for (int odd = 0; odd < size; odd++) {
        bool failed = rank == odd;
        CHECK_INT(ls_comm_agree_on(comm, failed ? LS_NO_INPUT : LS_OK, failed ? "no" : "train a"),
                  LS_NO_INPUT);
        CHECK_TEXT(ls_message(), "no");
    }
    for (int odd = 1; odd < size; odd++) {
        CHECK_INT(ls_comm_agree_on(comm, LS_OK, rank == odd ? "train a b" : "train a"), LS_USAGE);
        snprintf(expected, sizeof expected,
                 "ranks were started with other options: rank %d has 'train a b', rank 0 has "
                 "'train a'",
                 odd);
        CHECK_TEXT(ls_message(), expected);
    }
    if (size == 1)
        return;
    CHECK_INT(ls_comm_agree_on(comm, LS_OK, rank == 0 ? "" : "x"), LS_USAGE);
    snprintf(expected, sizeof expected,
             "ranks were started with other options: rank 1 has 'x', rank 0 has ''%s",
             several[size - 1]);
    CHECK_TEXT(ls_message(), expected);
    /* Both texts are seen, however long they are. */
    memset(text, rank == 0 ? 'a' : 'b', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    CHECK_INT(ls_comm_agree_on(comm, LS_OK, text), LS_USAGE);
    CHECK_HAS(ls_message(), "rank 1 has 'bbb");
    CHECK_HAS(ls_message(), "rank 0 has 'aaa");
}

/* A rank without memory does not leave the others waiting. */
static void agree_on_without_memory(struct ls_comm *comm)
{
    bool last = ls_comm_rank(comm) == ls_comm_size(comm) - 1;

    if (ls_comm_size(comm) == 1)
        return;
    for (size_t i = 1; i <= 3; i++) {
        if (last)
            ls_memory_fail_at(i);
        ls_status status = ls_comm_agree_on(comm, LS_OK, "train a");
        ls_memory_fail_at(0);
        CHECK_INT(status, LS_FAILED);
        CHECK_HAS(ls_message(), "out of memory");
    }
}

static void broadcasts(struct ls_comm *comm)
{
    int size = ls_comm_size(comm), rank = ls_comm_rank(comm);

    for (int root = 0; root < size; root++) {
        char bytes[1000];
        memset(bytes, rank == root ? 'a' + root : '?', sizeof bytes);
        ls_comm_broadcast(comm, bytes, sizeof bytes, root);
        CHECK_INT(bytes[0], 'a' + root);
        CHECK_INT(bytes[999], 'a' + root);
        ls_comm_broadcast(comm, bytes, 0, root);

        char own[] = "a text", *text = rank == root ? own : NULL;
        CHECK_OK(ls_comm_broadcast_text(comm, &text, root));
        CHECK_TEXT(text, "a text");
        CHECK((text == own) == (rank == root));
        if (rank != root)
            ls_release(text);
        char none[] = "";
        text = rank == root ? none : NULL;
        CHECK_OK(ls_comm_broadcast_text(comm, &text, root));
        CHECK_TEXT(text, "");
        if (rank != root)
            ls_release(text);
    }
}

/* A rank without memory for a text does not leave the others waiting. */
static void broadcast_without_memory(struct ls_comm *comm)
{
    int last = ls_comm_size(comm) - 1;
    char own[] = "a text", *text = own;

    if (last == 0)
        return;
    if (ls_comm_rank(comm) == last)
        ls_memory_fail_at(1);
    ls_status status = ls_comm_broadcast_text(comm, &text, 0);
    ls_memory_fail_at(0);
    CHECK_INT(status, LS_FAILED);
    CHECK_HAS(ls_message(), "out of memory");
    if (ls_comm_rank(comm) != 0)
        ls_release(text);
}

static void gathers(struct ls_comm *comm)
{
    int size = ls_comm_size(comm), rank = ls_comm_rank(comm);
    int32_t mine[2] = {rank, -rank}, all[8];
    size_t lengths[4], total = 0;
    char pieces[16], piece[4];

    ls_comm_allgather(comm, all, mine, sizeof mine);
    for (int i = 0; i < size; i++) {
        CHECK_INT(all[2 * i], i);
        CHECK_INT(all[2 * i + 1], -i);
        lengths[i] = (size_t)(3 - i); /* the last of four has nothing */
        total += lengths[i];
    }
    memset(piece, 'a' + rank, sizeof piece);
    memset(pieces, 0, sizeof pieces);
    ls_comm_allgather_pieces(comm, pieces, piece, lengths);
    CHECK_INT(strlen(pieces), total);
    CHECK(strncmp(pieces, "aaabbc", total) == 0);

    ls_comm_barrier(comm);
    CHECK_INT(ls_comm_sum(comm, (int64_t)1 << 40), (int64_t)size << 40);
    CHECK_INT(ls_comm_max(comm, -5 + rank), -6 + size);
}

static void places(struct ls_comm *comm, const struct ls_comm_test *test)
{
    const struct ls_place *place = ls_comm_place(comm);
    int32_t mine[4] = {place->node, place->node_rank, place->position, place->node_size};
    int32_t all[4][4];
    char host[256] = "";
    int position = 0;

    ls_comm_allgather(comm, all, mine, sizeof mine);
    CHECK_INT(place->rank, ls_comm_rank(comm));
    CHECK_INT(place->size, ls_comm_size(comm));
    if (test->no_shared_memory || test->ranks_per_node == 1)
        CHECK_INT(place->nodes, place->size);
    CHECK(test->ranks_per_node == 0 || place->node_size <= test->ranks_per_node);
    CHECK_INT(all[0][0], 0); /* nodes are numbered by their lowest rank */
    for (int node = 0; node < place->nodes; node++) {
        int node_rank = 0;
        for (int rank = 0; rank < place->size; rank++)
            if (all[rank][0] == node) {
                CHECK_INT(all[rank][1], node_rank++);
                CHECK_INT(all[rank][2], position++);
            }
        CHECK(node_rank > 0);
    }
    CHECK_INT(position, place->size);
    gethostname(host, sizeof host - 1);
    CHECK_TEXT(ls_comm_host(comm, place->rank), host);
}

/* MPI's own failure is kept until the next call that returns a status, on all ranks. */
static void failure_of_mpi(void)
{
    struct ls_comm *comm = check_part(2, NULL);
    int value = 0;

    if (!comm)
        return;
    if (ls_comm_rank(comm) == 1)
        ls_comm_broadcast(comm, &value, sizeof value, 77);
    CHECK_INT(ls_comm_agree(comm, LS_OK), LS_FAILED);
    CHECK_HAS(ls_message(), "MPI_Bcast failed: ");
    CHECK_HAS(ls_message(), "invalid root");
    ls_comm_free(comm);
}

static void communicator_of_ones_own(void)
{
    struct ls_comm *comm = NULL;
    MPI_Comm reversed, half, between;
    int rank = ls_comm_rank(check_world), size = ls_comm_size(check_world);

    MPI_Comm_split(MPI_COMM_WORLD, 0, -rank, &reversed);
    CHECK_OK(ls_comm_create_mpi(&comm, reversed));
    MPI_Comm_free(&reversed); /* the comm has its own */
    CHECK_INT(ls_comm_rank(comm), size - 1 - rank);
    gathers(comm);
    ls_comm_free(comm);

    if (size < 2)
        return;
    MPI_Comm_split(MPI_COMM_WORLD, rank > 0, rank, &half);
    MPI_Intercomm_create(half, 0, MPI_COMM_WORLD, rank > 0 ? 0 : 1, 5, &between);
    CHECK_INT(ls_comm_create_mpi(&comm, between), LS_USAGE);
    CHECK_TEXT(ls_message(),
               "an intercommunicator cannot train: merge it with MPI_Intercomm_merge first");
    CHECK(comm == NULL);
    MPI_Comm_free(&between);
    MPI_Comm_free(&half);
}

int main(void)
{
    static const struct ls_comm_test tests[] = {
        {0}, {.ranks_per_node = 1}, {.ranks_per_node = 2}, {.no_shared_memory = true}};

    if (ls_comm_create(&check_world) != LS_OK) {
        fprintf(stderr, "%s\n", ls_message());
        return 1;
    }
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        for (int ranks = 1; ranks <= ls_comm_size(check_world); ranks++) {
            struct ls_comm *part = check_part(ranks, &tests[i]);
            if (!part)
                continue;
            places(part, &tests[i]);
            agree(part);
            agree_on(part);
            agree_on_without_memory(part);
            same(part);
            broadcasts(part);
            broadcast_without_memory(part);
            gathers(part);
            ls_comm_free(part);
        }
    failure_of_mpi();
    communicator_of_ones_own();
    return check_end();
}
