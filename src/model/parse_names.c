/* The names of results in a run file's model. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/parse_graph.h"

static int by_name(const void *a, const void *b)
{
    const struct ls_entry *const *left = a, *const *right = b;
    int order = strcmp((*left)->result, (*right)->result);
    return order ? order : (*left > *right) - (*left < *right);
}

ls_status ls_entries_name(struct ls_graph_parser *p)
{
    LS_TRY(ls_allocate(&p->named, p->entries + 1, sizeof(struct ls_entry *)));
    for (size_t i = 0; i < p->entries; i++)
        if (p->entry[i].result)
            p->named[p->names++] = &p->entry[i];
    qsort(p->named, p->names, sizeof(struct ls_entry *), by_name);
    for (size_t i = 1; i < p->names; i++)
        if (strcmp(p->named[i - 1]->result, p->named[i]->result) == 0)
            return ls_fail_at(p->named[i]->tree, LS_BAD_INPUT,
                              "the name '%s' is used twice: `as` names a result",
                              p->named[i]->result);
    return LS_OK;
}

static int compare_name(const void *name, const void *entry)
{
    return strcmp(name, (*(struct ls_entry *const *)entry)->result);
}

static const struct ls_entry *find_result(const struct ls_graph_parser *p, const char *name)
{
    struct ls_entry **found =
        bsearch(name, p->named, p->names, sizeof(struct ls_entry *), compare_name);
    return found ? *found : NULL;
}

static ls_status fail_unknown(const struct ls_graph_parser *p, const struct ls_tree *place,
                              const char *name)
{
    const char **known = NULL;
    size_t count = 0;
    LS_TRY(ls_allocate(&known, p->names + 1, sizeof *known));
    while (count < p->names) {
        known[count] = p->named[count]->result;
        count++;
    }
    const char *near = ls_nearest(name, known);
    ls_status status =
        near ? ls_fail_at(place, LS_BAD_INPUT, "nothing is named '%s' (did you mean '%s'?)", name,
                          near)
             : ls_fail_at(place, LS_BAD_INPUT, "nothing is named '%s' in this model", name);
    ls_release(known);
    return status;
}

/* "lstm:1": the second result of lstm. A name may have a colon of its own. */
ls_status ls_entries_find(const struct ls_graph_parser *p, const struct ls_tree *tree,
                          struct ls_edge *edge)
{
    const char *name;
    char *base = NULL, *end = NULL;
    LS_TRY(ls_tree_text(tree, &name));
    const struct ls_entry *found = find_result(p, name);
    const char *colon = strrchr(name, ':');
    edge->output = 0;
    if (!found && colon && colon[1] >= '0' && colon[1] <= '9') {
        edge->output = strtoul(colon + 1, &end, 10);
        LS_TRY(ls_format(&base, "%.*s", (int)(colon - name), name));
        if (*end == '\0')
            found = find_result(p, base);
        ls_release(base);
    }
    if (!found)
        return fail_unknown(p, tree, name);
    edge->call = (size_t)(found - p->entry);
    return LS_OK;
}
