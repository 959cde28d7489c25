#include "comm/crew.h"

#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "comm/shared.h"
#include "comm/team.h"

struct ls_crew {
    struct ls_comm *comm;
    MPI_Comm leaders; /* rank 0 of each crew; MPI_COMM_NULL on the others */
    struct ls_team team;
    uint64_t waits;
    struct ls_shared flags;
    struct ls_shared *memory; /* of ls_crew_allocate */
    size_t memories;
    char *fallback;
};

int ls_crew_rank(const struct ls_crew *crew)
{
    return crew ? crew->team.rank : 0;
}

int ls_crew_size(const struct ls_crew *crew)
{
    return crew ? crew->team.size : 1;
}

struct ls_comm *ls_crew_comm(const struct ls_crew *crew)
{
    return crew->comm;
}

const char *ls_crew_fallback(const struct ls_crew *crew)
{
    return crew->fallback;
}

/* -- making */

/* Each rank allocates a run of pages, so that a large memory lies near those who work on it. */
static ls_status share(struct ls_shared *shared, const struct ls_crew *crew, size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = (bytes + page - 1) / page;
    struct ls_range part = ls_part((int64_t)pages, crew->team.size, crew->team.rank);
    struct ls_piece piece = {(size_t)part.begin * page, (size_t)(part.end - part.begin) * page};

    return ls_shared_create(shared, crew->comm, pages * page, &piece, 1);
}

static ls_status gather(struct ls_crew *crew)
{
    const struct ls_place *place = &crew->comm->place;

    crew->team.rank = place->node_rank;
    crew->team.size = place->node_size;
    ls_status status = share(&crew->flags, crew, ls_team_bytes(place->node_size));
    if (status != LS_OK) {
        crew->team.rank = 0;
        crew->team.size = 1;
        return ls_fail_within(status,
                              "each rank of host %s has weights and optimizer for itself, since "
                              "they cannot share memory",
                              crew->comm->hosts[place->rank]);
    }
    crew->team.flags = (struct ls_flag *)crew->flags.base;
    return LS_OK;
}

/* Some node's ranks may be alone, and others not. */
static ls_status gather_all(struct ls_crew *crew, bool share)
{
    struct ls_comm *comm = crew->comm;
    ls_status status = LS_OK;

    if (share && comm->place.node_size > 1)
        status = gather(crew);
    else if (share && comm->place.nodes == comm->place.size && comm->place.size > 1)
        status = ls_fail(LS_FAILED, "each rank has weights and optimizer for itself, since no two "
                                    "are on one node");
    if (ls_comm_agree(comm, status) == LS_OK)
        return LS_OK;
    return ls_comm_agree(comm, ls_duplicate(&crew->fallback, ls_message()));
}

ls_status ls_crew_create(struct ls_crew **out_crew, struct ls_comm *comm, bool share)
{
    struct ls_crew *crew = NULL;
    ls_status status;

    *out_crew = NULL;
    status = ls_comm_agree(comm, ls_allocate(&crew, 1, sizeof *crew));
    if (status == LS_OK) {
        crew->comm = comm;
        crew->leaders = MPI_COMM_NULL;
        crew->team = (struct ls_team){
            .size = 1,
            .crowded = comm->crowded,
            .progress = comm->place.nodes > 1 ? comm->world : MPI_COMM_NULL,
        };
        status = gather_all(crew, share);
    }
    if (status == LS_OK && !ls_comm_alone(comm))
        status = LS_MPI(MPI_Comm_split, comm->world, ls_crew_leads(crew) ? 0 : MPI_UNDEFINED,
                        comm->place.rank, &crew->leaders);
    if (status == LS_OK)
        *out_crew = crew;
    else
        ls_crew_free(crew);
    return status;
}

void ls_crew_free(struct ls_crew *crew)
{
    if (!crew)
        return;
    for (size_t i = 0; i < crew->memories; i++)
        ls_shared_release(&crew->memory[i]);
    ls_release(crew->memory);
    ls_shared_release(&crew->flags);
    if (crew->leaders != MPI_COMM_NULL)
        MPI_Comm_free(&crew->leaders);
    ls_release(crew->fallback);
    ls_release(crew);
}

/* -- memory */

ls_status ls_crew_allocate(struct ls_crew *crew, void *memory, size_t bytes)
{
    struct ls_shared shared;

    if (ls_crew_size(crew) == 1)
        return ls_allocate(memory, bytes, 1);
    memset(memory, 0, sizeof(void *));
    LS_TRY(ls_mpi_agree(crew->comm->node,
                        ls_grow(&crew->memory, crew->memories, sizeof *crew->memory)));
    ls_status status = share(&shared, crew, bytes);
    if (status != LS_OK)
        return ls_fail_within(status, "fit.shard_optimizer: host %s",
                              crew->comm->hosts[crew->comm->place.rank]);
    crew->memory[crew->memories++] = shared;
    memcpy(memory, &shared.base, sizeof shared.base);
    return LS_OK;
}

static struct ls_shared *find(const struct ls_crew *crew, const void *memory)
{
    for (size_t i = 0; crew && i < crew->memories; i++)
        if (crew->memory[i].base == memory)
            return &crew->memory[i];
    return NULL;
}

void ls_crew_release(struct ls_crew *crew, void *memory)
{
    struct ls_shared *shared = memory ? find(crew, memory) : NULL;

    if (!shared) {
        ls_release(memory);
        return;
    }
    ls_shared_release(shared);
    *shared = crew->memory[--crew->memories];
}

ls_status ls_crew_take(struct ls_crew *crew, void *memory, void *own)
{
    struct ls_shared *shared = find(crew, memory);
    char *copy = memory;

    if (shared) {
        LS_TRY(ls_allocate(&copy, shared->bytes, 1));
        memcpy(copy, memory, shared->bytes);
        ls_crew_release(crew, memory);
    }
    memcpy(own, &copy, sizeof copy);
    return LS_OK;
}

/* -- together */

ls_status ls_crew_wait(struct ls_crew *crew)
{
    if (ls_crew_size(crew) == 1)
        return LS_OK;
    crew->waits++;
    ls_team_publish(&crew->team, LS_EVENT_CREW, crew->waits);
    return ls_team_wait(&crew->team, LS_EVENT_CREW, crew->waits);
}

/* A leader that failed waits too: the others wait for it. */
ls_status ls_crew_broadcast(struct ls_crew *crew, void *bytes, size_t length)
{
    ls_status status = LS_OK;

    if (crew->leaders != MPI_COMM_NULL)
        status = ls_mpi_broadcast(crew->leaders, bytes, length, 0);
    ls_status waited = ls_crew_wait(crew);
    return status == LS_OK ? waited : status;
}
