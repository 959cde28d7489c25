/* What a run file's entry says of its call: `call: {use_causal_mask: true, attention_mask: mask}`.
 */
#include "model/parse_graph.h"

/* Names of results: one, or of a list. */
static ls_status add_tensors(const struct ls_graph_parser *p, struct ls_entry *entry,
                             const struct ls_layer *layer, const struct ls_tree *value)
{
    struct ls_edge edge[LS_TENSORS_MAX];
    struct ls_call_tensors tensors = {.name = value->key, .edge = edge, .place = value};
    const bool list = value->type == LS_TREE_LIST;
    if (list && value->count > LS_TENSORS_MAX)
        return ls_fail_at(value, LS_BAD_INPUT, "a layer has at most %d inputs", LS_TENSORS_MAX);
    for (const struct ls_tree *name = list ? value->child : value; name;
         name = list ? name->next : NULL)
        LS_TRY(ls_entries_find(p, name, &edge[tensors.count++]));
    return ls_use_add_tensors(&entry->use, layer, &tensors);
}

ls_status ls_entry_parse_call(const struct ls_graph_parser *p, struct ls_entry *entry)
{
    const char *names[LS_CALL_NAMES_MAX];
    const struct ls_layer *layer = p->model->part[entry->use.part].layer;
    const struct ls_tree *call = entry->call;
    if (!call || ls_tree_is_null(call))
        return LS_OK;
    if (call->type != LS_TREE_MAP)
        return ls_fail_at(call, LS_BAD_INPUT, "expected a map of arguments of the call");
    ls_call_names(layer, LS_CALL_TRAINING | LS_CALL_TENSORS | LS_CALL_OPTIONS, names);
    LS_TRY(ls_keys_check(call, names));
    for (const struct ls_tree *value = call->child; value; value = value->next)
        if (ls_call_takes(layer, value->key) && !ls_tree_is_null(value))
            LS_TRY(add_tensors(p, entry, layer, value));
    return ls_use_set_options(&entry->use, layer, call);
}
