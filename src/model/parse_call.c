/* What a run file's entry says of its call: `call: {use_causal_mask: true, attention_mask: mask}`.
 */
#include <string.h>

#include "base/memory.h"
#include "model/parse_graph.h"

ls_status ls_entry_add_source(struct ls_entry *entry, struct ls_edge edge)
{
    if (entry->inputs == LS_TENSORS_MAX)
        return ls_fail_at(entry->tree, LS_BAD_INPUT, "a layer has at most %d inputs",
                          LS_TENSORS_MAX);
    LS_TRY(ls_reallocate(&entry->in, entry->inputs + 1, sizeof *entry->in));
    entry->in[entry->inputs++] = edge;
    return LS_OK;
}

/* The names of the map's entries that a call of the kind takes: `training`, tensors, and, where
 * `options` says so, the others; ends with NULL. */
static size_t list_names(const char **names, const struct ls_layer_kind *kind, bool options)
{
    size_t count = 0;
    names[count++] = "training";
    for (size_t i = 0; kind && kind->input_names && kind->input_names[i]; i++)
        names[count++] = kind->input_names[i];
    const struct ls_option *option = kind && kind->arguments ? kind->arguments->options : NULL;
    for (; options && option && option->name; option++)
        names[count++] = option->name;
    names[count] = NULL;
    return count;
}

/* Inputs by name, in the order of the names, in which Keras takes them. */
static ls_status add_named(const struct ls_graph_parser *p, struct ls_entry *entry,
                           const struct ls_layer_kind *kind)
{
    const struct ls_tree *last = NULL;
    for (;;) {
        const struct ls_tree *next = NULL;
        for (const struct ls_tree *value = entry->call->child; value; value = value->next)
            if (ls_layer_input_name(kind, value->key) != SIZE_MAX && !ls_tree_is_null(value) &&
                (!last || strcmp(value->key, last->key) > 0) &&
                (!next || strcmp(value->key, next->key) < 0))
                next = value;
        if (!next)
            return LS_OK;
        struct ls_edge edge;
        LS_TRY(ls_entries_find(p, next, &edge));
        LS_TRY(ls_entry_add_source(entry, edge));
        entry->name_of[entry->inputs - 1] = (uint8_t)ls_layer_input_name(kind, next->key);
        entry->named++;
        last = next;
    }
}

ls_status ls_entry_parse_call(const struct ls_graph_parser *p, struct ls_entry *entry)
{
    enum { NAMES_MAX = 32 };
    const char *names[NAMES_MAX];
    const struct ls_layer *layer = p->model->part[entry->part].layer;
    const struct ls_layer_kind *kind = layer ? layer->kind : NULL;
    const struct ls_tree *call = entry->call, *value;
    bool training = true;
    if (!call || ls_tree_is_null(call))
        return LS_OK;
    if (call->type != LS_TREE_MAP)
        return ls_fail_at(call, LS_BAD_INPUT, "expected a map of arguments of the call");
    list_names(names, kind, true);
    LS_TRY(ls_keys_check(call, names));
    value = ls_tree_find(call, "training");
    if (value && !ls_tree_is_null(value))
        LS_TRY(ls_tree_bool(value, &training));
    entry->inference = !training;
    if (kind && kind->input_names)
        LS_TRY(add_named(p, entry, kind));
    list_names(names, kind, false);
    return kind && kind->arguments
               ? ls_instance_create(&entry->arguments, kind->arguments, call, names)
               : LS_OK;
}
