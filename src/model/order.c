/* The order of a Functional model's parts, as Keras computes it from the graph: by depth, counted
 * from the outputs; of the same depth, as a walk from the outputs meets them first. The weights in
 * Keras' files are in this order, whatever order the description has. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/append.h"

struct node {
    bool done;
    size_t next; /* input to be visited */
    int64_t depth;
};

struct rank {
    size_t part;
    int64_t depth, index; /* index: when it was met; -1: never */
};

struct walk {
    const struct ls_model *model;
    struct node *node; /* by use */
    struct rank *rank; /* by part */
    size_t *list;      /* uses, each after those it reads */
    size_t listed;
    size_t *stack, height;
    int64_t met;
};

static void enter(struct walk *w, size_t use)
{
    struct rank *rank = &w->rank[w->model->use[use].part];
    if (w->node[use].done)
        return;
    w->node[use].done = true;
    if (rank->index < 0)
        rank->index = w->met++;
    w->stack[w->height++] = use;
}

/* Depth first, with a stack of its own: graphs may be deeper than the program's. */
static void visit(struct walk *w, size_t from)
{
    enter(w, from);
    while (w->height > 0) {
        size_t use = w->stack[w->height - 1];
        if (w->node[use].next < w->model->use[use].inputs)
            enter(w, w->model->use[use].in[w->node[use].next++].call);
        else
            w->list[w->listed++] = w->stack[--w->height];
    }
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void find_depths(struct walk *w)
{
    for (size_t i = w->listed; i-- > 0;) {
        const struct ls_use *use = &w->model->use[w->list[i]];
        struct rank *rank = &w->rank[use->part];
        int64_t depth = larger(w->node[w->list[i]].depth, rank->depth);
        w->node[w->list[i]].depth = rank->depth = depth;
        for (size_t in = 0; in < use->inputs; in++) {
            struct node *parent = &w->node[use->in[in].call];
            parent->depth = larger(parent->depth, depth + 1);
        }
    }
}

static int deeper_first(const void *a, const void *b)
{
    const struct rank *left = a, *right = b;
    if (left->depth != right->depth)
        return left->depth > right->depth ? -1 : 1;
    if (left->index != right->index)
        return left->index < right->index ? -1 : 1;
    return left->part < right->part ? -1 : left->part > right->part;
}

static bool is_input(const struct ls_part *part)
{
    return part->layer && part->layer->kind->flags & LS_LAYER_INPUT;
}

static ls_status check_connected(const struct walk *w)
{
    for (size_t p = 0; p < w->model->parts; p++) {
        const struct ls_part *part = &w->model->part[p];
        const struct ls_tree *place = part->layer ? part->layer->place : NULL;
        if (w->rank[p].index < 0 && !is_input(part))
            return ls_fail_at(place && place->file ? place : NULL, LS_BAD_INPUT,
                              "layer '%s' leads to no output of the model", ls_part_name(part));
    }
    for (size_t u = 0; u < w->model->uses; u++) {
        const struct ls_part *part = &w->model->part[w->model->use[u].part];
        if (!w->node[u].done && !is_input(part))
            return ls_fail(LS_BAD_INPUT, "call %zu of layer '%s' leads to no output of the model",
                           w->model->use[u].nth + 1, ls_part_name(part));
    }
    return LS_OK;
}

/* Puts the parts in the order of the ranks. */
static ls_status arrange(struct ls_model *model, const struct rank *rank)
{
    struct ls_part *part = NULL;
    size_t *place = NULL;
    ls_status status = ls_allocate(&part, model->parts, sizeof *part);
    if (status == LS_OK)
        status = ls_allocate(&place, model->parts, sizeof *place);
    for (size_t i = 0; i < model->parts && status == LS_OK; i++) {
        part[i] = model->part[rank[i].part];
        place[rank[i].part] = i;
    }
    for (size_t u = 0; u < model->uses && status == LS_OK; u++)
        model->use[u].part = place[model->use[u].part];
    if (status == LS_OK)
        memcpy(model->part, part, model->parts * sizeof *part);
    ls_release(part);
    ls_release(place);
    return status;
}

size_t ls_model_output_rank(const struct ls_model *model, size_t output)
{
    size_t rank = 0;
    if (model->output_structure != LS_STRUCTURE_DICTIONARY)
        return output;
    for (size_t o = 0; o < model->outputs; o++)
        rank += strcmp(model->output_name[o], model->output_name[output]) < 0;
    return rank;
}

static void visit_outputs(struct walk *w)
{
    for (size_t rank = 0; rank < w->model->outputs; rank++)
        for (size_t o = 0; o < w->model->outputs; o++)
            if (ls_model_output_rank(w->model, o) == rank)
                visit(w, w->model->result[o].call);
}

ls_status ls_model_order(struct ls_model *model)
{
    struct walk w = {.model = model};
    ls_status status = LS_OK;
    if (model->ordered || model->sequential)
        return LS_OK;
    LS_TRY_OUT(ls_allocate(&w.node, model->uses, sizeof *w.node));
    LS_TRY_OUT(ls_allocate(&w.list, model->uses, sizeof *w.list));
    LS_TRY_OUT(ls_allocate(&w.stack, model->uses, sizeof *w.stack));
    LS_TRY_OUT(ls_allocate(&w.rank, model->parts, sizeof *w.rank));
    for (size_t p = 0; p < model->parts; p++)
        w.rank[p] = (struct rank){.part = p, .index = -1};
    visit_outputs(&w);
    LS_TRY_OUT(check_connected(&w));
    find_depths(&w);
    qsort(w.rank, model->parts, sizeof *w.rank, deeper_first);
    LS_TRY_OUT(arrange(model, w.rank));
    model->ordered = true;
out:
    ls_release(w.node);
    ls_release(w.list);
    ls_release(w.stack);
    ls_release(w.rank);
    return status;
}
