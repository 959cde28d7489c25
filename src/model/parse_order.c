/* The order in which the entries of a run file's model can run. */
#include <string.h>

#include "base/memory.h"
#include "model/parse_graph.h"

static ls_status fail_cycle(const struct ls_graph_parser *p, const size_t *stack, size_t height,
                            size_t again)
{
    struct ls_text text = {0};
    size_t begin = 0;
    while (stack[begin] != again)
        begin++;
    for (size_t i = begin; i <= height; i++) {
        size_t at = i < height ? stack[i] : again;
        const char *name = p->entry[at].result;
        ls_text_append(&text, "%s%s", i > begin ? " <- " : "",
                       name ? name : ls_part_name(&p->model->part[p->entry[at].use.part]));
    }
    ls_status status = ls_fail_at(p->entry[again].tree, LS_BAD_INPUT, "the model has a cycle: %s",
                                  text.data ? text.data : "");
    ls_text_release(&text);
    return status;
}

static ls_status finish(struct ls_graph_parser *p, struct ls_entry *entry)
{
    if (entry->result)
        LS_TRY(ls_duplicate(&entry->use.name, entry->result));
    struct ls_use use = entry->use;
    use.place = entry->tree;
    for (size_t i = 0; i < use.inputs; i++)
        use.in[i].call = p->entry[use.in[i].call].number;
    entry->number = p->model->uses;
    entry->state = LS_ENTRY_DONE;
    LS_TRY(ls_model_add_use(p->model, &use));
    entry->use.arguments = (struct ls_instance){0}; /* the model's from now on, as is */
    entry->use.name = NULL;
    return LS_OK;
}

/* Depth first, with a stack of its own: what an entry reads is used before it. */
static ls_status order_from(struct ls_graph_parser *p, size_t from, size_t *stack)
{
    size_t height = 0;
    if (p->entry[from].state == LS_ENTRY_DONE)
        return LS_OK;
    stack[height++] = from;
    p->entry[from].state = LS_ENTRY_OPEN;
    while (height > 0) {
        struct ls_entry *entry = &p->entry[stack[height - 1]];
        if (entry->next == entry->use.inputs) {
            LS_TRY(finish(p, entry));
            height--;
            continue;
        }
        size_t source = entry->use.in[entry->next++].call;
        if (p->entry[source].state == LS_ENTRY_OPEN)
            return fail_cycle(p, stack, height, source);
        if (p->entry[source].state == LS_ENTRY_DONE)
            continue;
        p->entry[source].state = LS_ENTRY_OPEN;
        stack[height++] = source;
    }
    return LS_OK;
}

ls_status ls_entries_order(struct ls_graph_parser *p)
{
    size_t *stack = NULL;
    ls_status status = ls_allocate(&stack, p->entries + 1, sizeof *stack);
    for (size_t i = 0; i < p->entries && status == LS_OK; i++)
        status = order_from(p, i, stack);
    ls_release(stack);
    return status;
}
