/* Where everything of a combine lies: arithmetic only, but for its tables. */
#include <unistd.h>

#include "comm/combine_private.h"

/* -- arithmetic */

/* Leaves are pushed one by one and added like the bits of a counter: n of them need at most
 * log2(n) + 1 slots, above the slots of the partial sums that are finished. */
size_t ls_combine_slots(int64_t replicas, struct ls_range part, bool resident)
{
    struct ls_range subtrees[LS_SUBTREES_MAX];
    size_t count = ls_tree_subtrees(subtrees, replicas, part), most = 0;

    if (resident)
        return (size_t)(part.end - part.begin);
    for (size_t i = 0; i < count; i++) {
        uint64_t n = (uint64_t)(subtrees[i].end - subtrees[i].begin);
        size_t depth = i + (size_t)(64 - __builtin_clzll(n));
        most = depth > most ? depth : most;
    }
    return most;
}

size_t ls_combine_partials(int64_t replicas, int size)
{
    struct ls_range subtrees[LS_SUBTREES_MAX];
    size_t most = 0;

    for (int i = 0; i < size; i++) {
        size_t count = ls_tree_subtrees(subtrees, replicas, ls_part(replicas, size, i));
        most = count > most ? count : most;
    }
    return most;
}

static size_t arena_bytes(const struct ls_combine_options *options, size_t step)
{
    size_t floats = ls_round_up(options->floats * sizeof(float), LS_ALIGNMENT);

    return ls_round_up(floats + options->doubles * sizeof(double), step);
}

size_t ls_combine_bytes(const struct ls_combine_options *options, int size)
{
    size_t most = 0;

    for (int i = 0; i < size; i++) {
        size_t slots = ls_combine_slots(options->replicas, ls_part(options->replicas, size, i),
                                        options->resident);
        most = slots > most ? slots : most;
    }
    return most * arena_bytes(options, LS_ALIGNMENT);
}

struct ls_range ls_combine_split(struct ls_range elements, int parts, int index)
{
    int64_t line = LS_ALIGNMENT_FLOATS, n = elements.end - elements.begin;
    struct ls_range lines = ls_part((n + line - 1) / line, parts, index);
    int64_t begin = elements.begin + lines.begin * line, end = elements.begin + lines.end * line;

    return (struct ls_range){begin < elements.end ? begin : elements.end,
                             end < elements.end ? end : elements.end};
}

float *ls_combine_arena(const struct ls_combine *combine, size_t arena)
{
    const struct ls_layout *layout = &combine->layout;

    return (float *)(combine->memory.base + layout->flags_bytes + arena * layout->arena_bytes);
}

double *ls_combine_doubles(const struct ls_combine *combine, size_t arena)
{
    return (double *)((char *)ls_combine_arena(combine, arena) + combine->layout.doubles_offset);
}

size_t ls_combine_leaf_arena(const struct ls_combine *combine, int position, int leaf)
{
    size_t slot = combine->options.resident
                      ? (size_t)(combine->leaves.range[leaf].begin - combine->begins[position])
                      : (size_t)(leaf - combine->leaves.first[position]);

    return combine->layout.first_slot[position - combine->node_first[combine->node]] + slot;
}

/* -- who holds what */

static ls_status deal_replicas(struct ls_combine *combine)
{
    const struct ls_place *place = &combine->comm->place;
    int64_t replicas = combine->options.replicas;

    LS_TRY(ls_allocate(&combine->begins, (size_t)place->size + 1, sizeof *combine->begins));
    for (int i = 0; i < place->size; i++)
        combine->begins[i] = ls_part(replicas, place->size, i).begin;
    combine->begins[place->size] = replicas;
    combine->replicas = ls_part(replicas, place->size, place->position);
    return ls_leaves_create(&combine->leaves, replicas, place->size, combine->begins);
}

/* The comm's nodes, but those that cannot share memory taken apart (alone[node]; NULL: none). For
 * MPI's own sum each rank stands for itself. */
static ls_status number_nodes(struct ls_combine *combine, const bool *alone)
{
    const struct ls_comm *comm = combine->comm;
    int nodes = 0;

    if (!combine->node_first)
        LS_TRY(ls_allocate(&combine->node_first, (size_t)comm->place.size + 1,
                           sizeof *combine->node_first));
    for (int node = 0; node < comm->place.nodes; node++)
        for (int p = comm->node_first[node]; p < comm->node_first[node + 1]; p++) {
            if (p == comm->node_first[node] || combine->options.fast || (alone && alone[node]))
                combine->node_first[nodes++] = p;
            if (p == comm->place.position)
                combine->node = nodes - 1;
        }
    combine->nodes = nodes;
    combine->node_first[nodes] = comm->place.size;
    int first = combine->node_first[combine->node];
    combine->team = (struct ls_team){
        .rank = comm->place.position - first,
        .size = combine->node_first[combine->node + 1] - first,
        .crowded = comm->crowded,
        .progress = nodes > 1 ? comm->world : MPI_COMM_NULL,
    };
    return LS_OK;
}

static ls_status divide_by_node(struct ls_combine *combine)
{
    int64_t *begins = NULL;
    ls_status status;

    ls_leaves_release(&combine->node_leaves);
    LS_TRY_OUT(ls_allocate(&begins, (size_t)combine->nodes + 1, sizeof *begins));
    for (int i = 0; i <= combine->nodes; i++)
        begins[i] = combine->begins[combine->node_first[i]];
    LS_TRY_OUT(
        ls_leaves_create(&combine->node_leaves, combine->options.replicas, combine->nodes, begins));
out:
    ls_release(begins);
    return status;
}

/* This node's ranks' partial sums: a run of the leaves. */
struct ls_range ls_combine_node_run(const struct ls_combine *combine)
{
    const int *first = combine->leaves.first;

    return (struct ls_range){first[combine->node_first[combine->node]],
                             first[combine->node_first[combine->node + 1]]};
}

/* The arena of the node's partial sum i: a rank's slot where that holds all of it, else the next
 * of those that follow the sum. */
size_t ls_combine_root_arena(const struct ls_combine *combine, int i, size_t *next)
{
    struct ls_range run = ls_combine_node_run(combine);
    int64_t leaf = ls_treesum_leaf(combine->leaves.range + run.begin, (size_t)(run.end - run.begin),
                                   combine->node_leaves.range[i]);
    int position = combine->node_first[combine->node];

    if (leaf < 0)
        return (*next)++;
    leaf += run.begin;
    while (combine->leaves.first[position + 1] <= leaf)
        position++;
    return ls_combine_leaf_arena(combine, position, (int)leaf);
}

static ls_status lay_out(struct ls_combine *combine)
{
    struct ls_layout *layout = &combine->layout;
    const struct ls_team *team = &combine->team;
    size_t page = team->size > 1 ? (size_t)sysconf(_SC_PAGESIZE) : LS_ALIGNMENT;
    int position = combine->node_first[combine->node];

    if (!layout->first_slot)
        LS_TRY(ls_allocate(&layout->first_slot, (size_t)combine->comm->place.size + 1,
                           sizeof *layout->first_slot));
    layout->arena_bytes = arena_bytes(&combine->options, page);
    layout->doubles_offset = ls_round_up(combine->options.floats * sizeof(float), LS_ALIGNMENT);
    layout->flags_bytes = team->size > 1 ? ls_round_up(ls_team_bytes(team->size), page) : 0;
    for (int i = 0; i < team->size; i++, position++) {
        struct ls_range part = {combine->begins[position], combine->begins[position + 1]};
        layout->first_slot[i + 1] =
            layout->first_slot[i] +
            ls_combine_slots(combine->options.replicas, part, combine->options.resident);
    }
    layout->sum = layout->first_slot[team->size];
    layout->partials = layout->arenas = layout->sum + (combine->comm->place.size > 1);
    if (combine->nodes > 1)
        for (int i = combine->node_leaves.first[combine->node];
             i < combine->node_leaves.first[combine->node + 1]; i++)
            ls_combine_root_arena(combine, i, &layout->arenas);
    return LS_OK;
}

ls_status ls_combine_plan(struct ls_combine *combine, const bool *alone)
{
    if (!combine->begins)
        LS_TRY(deal_replicas(combine));
    LS_TRY(number_nodes(combine, alone));
    LS_TRY(divide_by_node(combine));
    return lay_out(combine);
}
