#include "comm/comm.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "comm/launch.h"
#include "comm/sweep.h"
#include "comm/world.h"
#include "lockstep/mpi.h"

ls_status ls_mpi_check(int code, const char *function)
{
    char text[MPI_MAX_ERROR_STRING];
    int length = 0;

    ls_pulse_done();
    if (code == MPI_SUCCESS)
        return LS_OK;
    if (MPI_Error_string(code, text, &length) != MPI_SUCCESS)
        length = 0;
    return ls_fail(LS_FAILED, "%s failed: %.*s", function, length, text);
}

/* -- who is where */

static ls_status allocate_tables(struct ls_comm *comm)
{
    size_t size = (size_t)comm->place.size;

    LS_TRY(ls_allocate(&comm->hosts, size, sizeof *comm->hosts));
    LS_TRY(ls_allocate(&comm->rank_at, size, sizeof *comm->rank_at));
    return ls_allocate(&comm->node_first, size + 1, sizeof *comm->node_first);
}

static void name_host(char host[LS_HOST_BYTES])
{
    memset(host, 0, LS_HOST_BYTES);
    if (gethostname(host, LS_HOST_BYTES - 1) != 0)
        memcpy(host, "unknown", sizeof "unknown");
}

/* Whether the ranks of a host are more than the cores that they may run on together: each may be
 * bound to a core of its own, so one mask alone does not say. */
static ls_status look_for_crowd(struct ls_comm *comm, MPI_Comm host)
{
    cpu_set_t cores;
    int ranks;

    CPU_ZERO(&cores);
    if (sched_getaffinity(0, sizeof cores, &cores) != 0)
        for (long i = 0; i < sysconf(_SC_NPROCESSORS_ONLN) && i < CPU_SETSIZE; i++)
            CPU_SET(i, &cores);
    LS_TRY(LS_MPI(MPI_Comm_size, host, &ranks));
    LS_TRY(LS_MPI(MPI_Allreduce, MPI_IN_PLACE, &cores, sizeof cores, MPI_BYTE, MPI_BOR, host));
    comm->crowded = ranks > CPU_COUNT(&cores);
    return LS_OK;
}

/* comm->node: the ranks of this host, or of the part of it that a test pretends to be a node. */
static ls_status split_nodes(struct ls_comm *comm, const struct ls_comm_test *test)
{
    MPI_Comm host = MPI_COMM_NULL;
    ls_status status;
    int rank = comm->place.rank, host_rank, per_node = test ? test->ranks_per_node : 0;

    LS_TRY_OUT(
        LS_MPI(MPI_Comm_split_type, comm->world, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &host));
    LS_TRY_OUT(look_for_crowd(comm, host));
    LS_TRY_OUT(LS_MPI(MPI_Comm_rank, host, &host_rank));
    if (test && test->no_shared_memory)
        per_node = 1;
    LS_TRY_OUT(
        LS_MPI(MPI_Comm_split, host, per_node > 0 ? host_rank / per_node : 0, rank, &comm->node));
    LS_TRY_OUT(LS_MPI(MPI_Comm_rank, comm->node, &comm->place.node_rank));
    LS_TRY_OUT(LS_MPI(MPI_Comm_size, comm->node, &comm->place.node_size));
out:
    if (host != MPI_COMM_NULL)
        MPI_Comm_free(&host);
    return status;
}

/* Nodes in the order of their lowest rank, positions in the order of nodes. leader[rank] is the
 * lowest rank of the rank's node. */
static void order_ranks(struct ls_comm *comm, const int *leader)
{
    struct ls_place *place = &comm->place;
    int position = 0;

    place->nodes = 0;
    for (int first = 0; first < place->size; first++) {
        if (leader[first] != first)
            continue;
        comm->node_first[place->nodes] = position;
        for (int rank = first; rank < place->size; rank++) {
            if (leader[rank] != first)
                continue;
            if (rank == place->rank) {
                place->node = place->nodes;
                place->position = position;
            }
            comm->rank_at[position++] = rank;
        }
        place->nodes++;
    }
    comm->node_first[place->nodes] = position;
}

static ls_status find_places(struct ls_comm *comm, const struct ls_comm_test *test)
{
    int mine = comm->place.rank, *leader = NULL;
    ls_status status;
    char host[LS_HOST_BYTES];

    LS_TRY_OUT(split_nodes(comm, test));
    LS_TRY_OUT(ls_comm_agree(comm, ls_allocate(&leader, (size_t)comm->place.size, sizeof *leader)));
    LS_TRY_OUT(LS_MPI(MPI_Bcast, &mine, 1, MPI_INT, 0, comm->node));
    LS_TRY_OUT(LS_MPI(MPI_Allgather, &mine, 1, MPI_INT, leader, 1, MPI_INT, comm->world));
    order_ranks(comm, leader);
    name_host(host);
    LS_TRY_OUT(LS_MPI(MPI_Allgather, host, LS_HOST_BYTES, MPI_CHAR, comm->hosts, LS_HOST_BYTES,
                      MPI_CHAR, comm->world));
out:
    ls_release(leader);
    return status;
}

/* -- creation */

static ls_status build(struct ls_comm **out_comm, MPI_Comm parent, const struct ls_comm_test *test)
{
    struct ls_comm *comm = NULL;
    ls_status status;

    *out_comm = NULL;
    LS_TRY(ls_allocate(&comm, 1, sizeof *comm));
    comm->world = comm->node = comm->fast = MPI_COMM_NULL;
    comm->no_proc = test && test->no_proc;
    LS_TRY_OUT(LS_MPI(MPI_Comm_dup, parent, &comm->world));
    LS_TRY_OUT(LS_MPI(MPI_Comm_set_errhandler, comm->world, MPI_ERRORS_RETURN));
    LS_TRY_OUT(LS_MPI(MPI_Comm_rank, comm->world, &comm->place.rank));
    LS_TRY_OUT(LS_MPI(MPI_Comm_size, comm->world, &comm->place.size));
    LS_TRY_OUT(ls_comm_agree(comm, allocate_tables(comm)));
    LS_TRY_OUT(find_places(comm, test));
out:
    if (status != LS_OK)
        ls_comm_free(comm);
    else
        *out_comm = comm;
    return status;
}

ls_status ls_comm_create_alone(struct ls_comm **out_comm)
{
    struct ls_comm *comm = NULL;
    ls_status status;

    *out_comm = NULL;
    LS_TRY(ls_allocate(&comm, 1, sizeof *comm));
    comm->world = comm->node = comm->fast = MPI_COMM_NULL;
    comm->place = (struct ls_place){.size = 1, .nodes = 1, .node_size = 1};
    LS_TRY_OUT(allocate_tables(comm));
    comm->node_first[1] = 1;
    name_host(comm->hosts[0]);
out:
    if (status != LS_OK)
        ls_comm_free(comm);
    else
        *out_comm = comm;
    return status;
}

/* Whether MPI runs; LS_USAGE when it did and does no more. */
static ls_status look_for_mpi(bool *running)
{
    int initialized = 0, finalized = 0;

    LS_TRY(LS_MPI(MPI_Initialized, &initialized));
    LS_TRY(LS_MPI(MPI_Finalized, &finalized));
    if (finalized)
        return ls_fail(LS_USAGE, "MPI was finalized and cannot start again in this process: create "
                                 "the comm before, and once");
    *running = initialized;
    return LS_OK;
}

ls_status ls_comm_create(struct ls_comm **comm)
{
    struct ls_launch launch;
    int level = 0;
    bool running = false;
    ls_status status;

    *comm = NULL;
    ls_launch_read(&launch);
    LS_TRY(look_for_mpi(&running));
    if (!running) {
        if (!launch.launched)
            return ls_comm_create_alone(comm);
        if (!launch.reachable)
            return ls_launch_refuse(&launch); /* MPI_Init would end the process */
        LS_TRY(LS_MPI(MPI_Init_thread, NULL, NULL, MPI_THREAD_SERIALIZED, &level));
    }
    LS_TRY_OUT(ls_comm_create_mpi(comm, MPI_COMM_WORLD));
    /* Who did not initialize MPI may have threads that call it, and know nothing of ours. */
    (*comm)->threads |= !running && level >= MPI_THREAD_SERIALIZED;
    if (launch.processes > 1 && (*comm)->place.size == 1)
        status = ls_launch_refuse(&launch);
    if (!running && (*comm)->place.node_rank == 0)
        ls_sweep("/dev/shm", launch.sessions);
out:
    if (status != LS_OK) {
        ls_comm_free(*comm);
        *comm = NULL;
        if (!running)
            MPI_Finalize();
    } else {
        (*comm)->finalize = !running;
    }
    return status;
}

ls_status ls_comm_create_mpi(struct ls_comm **comm, MPI_Comm parent)
{
    int level = 0, between = 0;
    bool running = false;

    *comm = NULL;
    LS_TRY(look_for_mpi(&running));
    if (!running)
        return ls_fail(LS_USAGE, "MPI is not initialized: call MPI_Init_thread before "
                                 "ls_comm_create_mpi");
    LS_TRY(LS_MPI(MPI_Query_thread, &level));
    if (level < MPI_THREAD_FUNNELED)
        return ls_fail(LS_USAGE, "MPI was initialized without threads: call MPI_Init_thread with "
                                 "MPI_THREAD_FUNNELED or more");
    LS_TRY(LS_MPI(MPI_Comm_test_inter, parent, &between));
    if (between)
        return ls_fail(LS_USAGE, "an intercommunicator cannot train: merge it with "
                                 "MPI_Intercomm_merge first");
    LS_TRY(build(comm, parent, NULL));
    (*comm)->threads = level >= MPI_THREAD_MULTIPLE;
    return LS_OK;
}

ls_status ls_comm_create_test(struct ls_comm **comm, const struct ls_comm *parent, int ranks,
                              const struct ls_comm_test *test)
{
    MPI_Comm part = MPI_COMM_NULL;
    int rank = parent->place.rank;
    ls_status status = LS_OK;

    *comm = NULL;
    if (ls_comm_alone(parent))
        return ls_comm_create_alone(comm);
    LS_TRY(LS_MPI(MPI_Comm_split, parent->world, rank < ranks ? 0 : MPI_UNDEFINED, rank, &part));
    if (part != MPI_COMM_NULL) {
        status = build(comm, part, test);
        if (status == LS_OK)
            (*comm)->threads = parent->threads && !(test && test->no_threads);
        MPI_Comm_free(&part);
    }
    return status;
}

void ls_comm_free(struct ls_comm *comm)
{
    if (!comm)
        return;
    bool finalize = comm->finalize;
    if (comm->node != MPI_COMM_NULL)
        MPI_Comm_free(&comm->node);
    if (comm->fast != MPI_COMM_NULL)
        MPI_Comm_free(&comm->fast);
    if (comm->world != MPI_COMM_NULL)
        MPI_Comm_free(&comm->world);
    ls_release(comm->hosts);
    ls_release(comm->rank_at);
    ls_release(comm->node_first);
    ls_release(comm->fallback);
    ls_release(comm);
    if (finalize)
        MPI_Finalize();
}

void ls_comm_abort(struct ls_comm *comm, int exit_status)
{
    if (comm && !ls_comm_alone(comm))
        MPI_Abort(comm->world, exit_status);
    _Exit(exit_status);
}

/* -- looking */

int ls_comm_rank(const struct ls_comm *comm)
{
    return comm->place.rank;
}

int ls_comm_size(const struct ls_comm *comm)
{
    return comm->place.size;
}

const struct ls_place *ls_comm_place(const struct ls_comm *comm)
{
    return &comm->place;
}

const char *ls_comm_host(const struct ls_comm *comm, int rank)
{
    return comm->hosts[rank];
}

bool ls_comm_crowded(const struct ls_comm *comm)
{
    return comm->crowded;
}

const char *ls_comm_fallback(const struct ls_comm *comm)
{
    return comm->fallback;
}
