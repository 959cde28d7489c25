/* Laying out and making what a combine needs. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "comm/combine_private.h"
#include "comm/wire.h"
#include "kernel/kernels.h"

/* -- memory */

/* Each rank allocates its slots, and of what all work on the pages that it works on. */
static ls_status share_memory(struct ls_combine *combine)
{
    const struct ls_layout *layout = &combine->layout;
    const struct ls_team *team = &combine->team;
    size_t page = (size_t)sysconf(_SC_PAGESIZE), arena = layout->arena_bytes;
    size_t count = 0, slots = layout->first_slot[team->rank];
    struct ls_piece *piece = NULL;
    ls_status status;

    status = ls_allocate(&piece, 2 + layout->arenas - layout->sum, sizeof *piece);
    if (status == LS_OK) {
        if (team->rank == 0)
            piece[count++] = (struct ls_piece){0, layout->flags_bytes};
        piece[count++] = (struct ls_piece){layout->flags_bytes + slots * arena,
                                           (layout->first_slot[team->rank + 1] - slots) * arena};
        for (size_t i = layout->sum; i < layout->arenas; i++) {
            struct ls_range pages = ls_part((int64_t)(arena / page), team->size, team->rank);
            piece[count++] =
                (struct ls_piece){layout->flags_bytes + i * arena + (size_t)pages.begin * page,
                                  (size_t)(pages.end - pages.begin) * page};
        }
    }
    LS_TRY_OUT(ls_mpi_agree(combine->comm->node, status));
    LS_TRY_OUT(ls_shared_create(&combine->memory, combine->comm,
                                layout->flags_bytes + layout->arenas * arena, piece, count));
out:
    ls_release(piece);
    return status;
}

/* Ranks that could not share memory go on as nodes of their own; the comm says why. `status` is
 * that of this rank's node. */
static ls_status fall_back(struct ls_combine *combine, ls_status status)
{
    struct ls_comm *comm = combine->comm;
    const struct ls_place *place = &comm->place;
    bool *alone = NULL;
    int mine = status == LS_OK ? -1 : place->node, *failed = NULL;
    char *text = NULL;

    if (status != LS_OK)
        ls_fail_within(status, "the ranks of host %s exchange messages in place of shared memory",
                       comm->hosts[place->rank]);
    status = ls_comm_agree(comm, status);
    if (status == LS_OK)
        return LS_OK;
    status = ls_duplicate(&text, ls_message());
    if (status == LS_OK)
        status = ls_allocate(&alone, (size_t)place->nodes, sizeof *alone);
    if (status == LS_OK)
        status = ls_allocate(&failed, (size_t)place->size, sizeof *failed);
    LS_TRY_OUT(ls_comm_agree(comm, status));
    LS_TRY_OUT(LS_MPI(MPI_Allgather, &mine, 1, MPI_INT, failed, 1, MPI_INT, comm->world));
    for (int i = 0; i < place->size; i++)
        if (failed[i] >= 0)
            alone[failed[i]] = true;
    ls_release(comm->fallback);
    comm->fallback = text;
    text = NULL;
    status = ls_combine_plan(combine, alone);
out:
    ls_release(text);
    ls_release(alone);
    ls_release(failed);
    return status;
}

static ls_status get_memory(struct ls_combine *combine)
{
    ls_status status = LS_OK;

    if (!ls_comm_alone(combine->comm)) {
        if (combine->team.size > 1)
            status = share_memory(combine);
        LS_TRY(fall_back(combine, status));
    }
    if (combine->team.size > 1) {
        combine->team.flags = (struct ls_flag *)combine->memory.base;
        return LS_OK;
    }
    return ls_shared_create_alone(&combine->memory,
                                  combine->layout.arenas * combine->layout.arena_bytes);
}

/* -- buckets */

static ls_status cut(struct ls_combine *combine)
{
    const struct ls_combine_options *options = &combine->options;
    const struct ls_range all = {0, (int64_t)options->floats};

    combine->buckets = options->buckets ? options->buckets : 1;
    LS_TRY(ls_allocate(&combine->bucket, combine->buckets, sizeof *combine->bucket));
    for (size_t b = 0; b < combine->buckets; b++) {
        struct ls_bucket *bucket = &combine->bucket[b];
        bucket->elements = options->buckets ? options->bucket[b] : all;
        bucket->slice = ls_combine_split(bucket->elements, combine->team.size, combine->team.rank);
    }
    return LS_OK;
}

/* -- trees */

static ls_status make_tree(struct ls_combine *combine)
{
    const struct ls_leaves *leaves = &combine->leaves, *node_leaves = &combine->node_leaves;
    struct ls_range run = ls_combine_node_run(combine);
    int root = node_leaves->first[combine->node], end = node_leaves->first[combine->node + 1];
    size_t next = combine->layout.partials;
    struct ls_operand *operand;

    LS_TRY(ls_treesum_create(&combine->tree, leaves->range + run.begin,
                             (size_t)(run.end - run.begin), node_leaves->range + root,
                             (size_t)(end - root)));
    operand = combine->tree.operand;
    for (int p = combine->node_first[combine->node]; p < combine->node_first[combine->node + 1];
         p++)
        for (int i = leaves->first[p]; i < leaves->first[p + 1]; i++)
            *operand++ = (struct ls_operand){
                ls_combine_arena(combine, ls_combine_leaf_arena(combine, p, i)), 0};
    for (int i = root; i < end; i++) {
        size_t arena =
            combine->nodes > 1 ? ls_combine_root_arena(combine, i, &next) : combine->layout.sum;
        *operand++ = (struct ls_operand){ls_combine_arena(combine, arena), 0};
    }
    return LS_OK;
}

static ls_status find_doubles(struct ls_combine *combine)
{
    LS_TRY(ls_allocate(&combine->doubles, combine->options.doubles, sizeof *combine->doubles));
    LS_TRY(
        ls_allocate(&combine->leaf_doubles, combine->leaves.count, sizeof *combine->leaf_doubles));
    if (combine->nodes > 1)
        return LS_OK;
    for (int p = 0; p < combine->comm->place.size; p++)
        for (int i = combine->leaves.first[p]; i < combine->leaves.first[p + 1]; i++)
            combine->leaf_doubles[i] =
                ls_combine_doubles(combine, ls_combine_leaf_arena(combine, p, i));
    return LS_OK;
}

/* The rest of the tree: over all nodes' partial sums, which differ in place from bucket to bucket.
 */
static ls_status make_rest(struct ls_combine *combine)
{
    const struct ls_leaves *leaves = &combine->node_leaves;
    const struct ls_range all = {0, leaves->n};
    float *sum = ls_combine_arena(combine, combine->layout.sum);

    LS_TRY(ls_treesum_create(&combine->rest, leaves->range, leaves->count, &all, 1));
    combine->rest.operand[leaves->count] = (struct ls_operand){sum, 0};
    for (size_t b = 0; b < combine->buckets; b++)
        LS_TRY(ls_exchange_create(&combine->bucket[b].exchange, combine, &combine->bucket[b]));
    return LS_OK;
}

static ls_status make_trees(struct ls_combine *combine)
{
    LS_TRY(cut(combine));
    LS_TRY(ls_combine_make_folds(combine));
    if (combine->comm->place.size == 1)
        return LS_OK;
    LS_TRY(make_tree(combine));
    LS_TRY(find_doubles(combine));
    return combine->nodes > 1 ? make_rest(combine) : LS_OK;
}

/* With one bucket nothing is under way while the rank computes. */
static ls_status make_pump(struct ls_combine *combine)
{
    if (combine->nodes == 1 || combine->buckets == 1 || !combine->comm->threads)
        return LS_OK;
    return ls_pump_create(&combine->pump, combine);
}

/* -- creation */

/* Combines of one comm keep their messages apart by tags: two each, above those of others. */
enum { FIRST_TAG = 1000, COMBINES = 10000 };

static ls_status check(const struct ls_comm *comm, const struct ls_combine_options *options)
{
    if (!ls_k)
        return ls_fail(LS_FAILED, "the kernels are not chosen yet: call ls_kernels_init first");
    if (options->replicas < comm->place.size)
        return ls_fail(LS_USAGE,
                       "%d ranks are more than the run's %lld replica%s: use at most %lld rank%s, "
                       "or define the run with more replicas",
                       comm->place.size, (long long)options->replicas,
                       options->replicas == 1 ? "" : "s", (long long)options->replicas,
                       options->replicas == 1 ? "" : "s");
    if (options->fast && options->wire != LS_WIRE_FLOAT32)
        return ls_fail(LS_USAGE,
                       "MPI's own sum (combine: fast) is of float32: leave `wire` out, or "
                       "`combine`");
    return LS_OK;
}

ls_status ls_combine_create(struct ls_combine **out_combine, struct ls_comm *comm,
                            const struct ls_combine_options *options)
{
    struct ls_combine *combine = NULL;
    ls_status status;

    *out_combine = NULL;
    int number = comm->combines++;
    status = check(comm, options);
    if (status == LS_OK)
        status = ls_allocate(&combine, 1, sizeof *combine);
    if (status == LS_OK) {
        combine->comm = comm;
        combine->tag = FIRST_TAG + 2 * (number % COMBINES);
        combine->options = *options;
        status = ls_combine_plan(combine, NULL);
    }
    LS_TRY_OUT(ls_comm_agree(comm, status));
    if (options->fast && !ls_comm_alone(comm) && comm->fast == MPI_COMM_NULL)
        LS_TRY_OUT(LS_MPI(MPI_Comm_dup, comm->world, &comm->fast));
    status = get_memory(combine);
    if (status == LS_OK)
        status = make_trees(combine);
    LS_TRY_OUT(ls_comm_agree(comm, status));
    if (combine->nodes > 1)
        LS_TRY_OUT(ls_gather_create(&combine->gather, comm, &combine->leaves, comm->rank_at,
                                    options->doubles));
    status = ls_comm_agree(comm, make_pump(combine));
out:
    if (status != LS_OK)
        ls_combine_free(combine);
    else
        *out_combine = combine;
    return status;
}

ls_status ls_combine_needs(struct ls_comm *comm, const struct ls_combine_options *options,
                           size_t *bytes)
{
    struct ls_combine *dry = NULL;
    *bytes = 0;
    LS_TRY(check(comm, options));
    LS_TRY(ls_allocate(&dry, 1, sizeof *dry));
    dry->comm = comm;
    dry->options = *options;
    ls_status status = ls_combine_plan(dry, NULL);
    if (status == LS_OK) {
        const struct ls_layout *layout = &dry->layout;
        const size_t rank = (size_t)dry->team.rank, size = (size_t)dry->team.size;
        size_t received = dry->node_leaves.count - (size_t)dry->node_leaves.first[dry->node + 1] +
                          (size_t)dry->node_leaves.first[dry->node];
        *bytes =
            (layout->first_slot[rank + 1] - layout->first_slot[rank]) * layout->arena_bytes +
            ((layout->arenas - layout->sum) * layout->arena_bytes + layout->flags_bytes) / size;
        if (dry->nodes > 1 && !options->fast)
            *bytes += received * (options->floats / (size_t)comm->place.size) * sizeof(float);
        if (dry->nodes > 1 && options->wire != LS_WIRE_FLOAT32)
            *bytes +=
                ls_wire_bytes(dry->node_leaves.count - received, received,
                              options->floats / (size_t)comm->place.size, options->floats / size);
    }
    ls_combine_free(dry);
    return status;
}

void ls_combine_free(struct ls_combine *combine)
{
    if (!combine)
        return;
    ls_pump_free(combine->pump);
    for (size_t b = 0; combine->bucket && b < combine->buckets; b++)
        ls_exchange_free(combine->bucket[b].exchange);
    ls_gather_free(combine->gather);
    ls_treesum_release(&combine->tree);
    ls_treesum_release(&combine->rest);
    ls_leaves_release(&combine->leaves);
    ls_leaves_release(&combine->node_leaves);
    ls_shared_release(&combine->memory);
    ls_shared_release(&combine->point_memory);
    ls_release(combine->node_first);
    ls_release(combine->layout.first_slot);
    ls_release(combine->begins);
    ls_release(combine->bucket);
    ls_release(combine->slot);
    ls_release(combine->fold);
    ls_release(combine->folds);
    ls_release(combine->leaf_doubles);
    ls_release(combine->doubles);
    ls_release(combine->point_values);
    ls_release(combine);
}
