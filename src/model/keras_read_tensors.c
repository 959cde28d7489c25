/* Layers by their names, and tensors, in Keras' config of a Functional model. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/keras_read_graph.h"

#define no_memory ls_keras_no_memory
#define find      ls_keras_find

/* -- layers by name */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct ls_keras_layer *)a)->name,
                  ((const struct ls_keras_layer *)b)->name);
}

static struct ls_keras_layer *find_entry(const struct ls_keras_layers *r, const char *name)
{
    const struct ls_keras_layer key = {.name = name};
    return bsearch(&key, r->layer, r->count, sizeof key, by_name);
}

bool ls_keras_computes_mask(const struct ls_keras_layers *r, const char *name)
{
    return find_entry(r, name)->computes_mask;
}

const struct ls_tree *ls_keras_calls(const struct ls_tree *layer)
{
    const struct ls_tree *calls = find(layer, "inbound_nodes");
    return calls && calls->type == LS_TREE_LIST ? calls : NULL;
}

const struct ls_tree *ls_keras_arguments(const struct ls_tree *call)
{
    return call->type == LS_TREE_LIST ? call : find(call, "args");
}

/* A layer without calls, an InputLayer, is there once. */
static size_t layer_calls(const struct ls_keras_layer *layer)
{
    return layer->calls ? layer->calls : 1;
}

ls_status ls_keras_list_layers(struct ls_keras_layers *r, const struct ls_tree *layers)
{
    LS_TRY(ls_allocate(&r->layer, layers->count + 1, sizeof *r->layer));
    for (const struct ls_tree *layer = layers->child; layer; layer = layer->next) {
        struct ls_keras_layer *entry = &r->layer[r->count];
        const struct ls_tree *name = find(layer, "name"), *calls = ls_keras_calls(layer);
        if (!name)
            name = find(find(layer, "config"), "name");
        if (!name || name->type != LS_TREE_SCALAR)
            return ls_fail_at(layer, LS_BAD_INPUT, "a layer without a name");
        *entry = (struct ls_keras_layer){.name = name->text,
                                         .tree = layer,
                                         .calls = calls ? calls->count : 0,
                                         .first_call = r->calls};
        r->calls += layer_calls(entry);
        if (entry->calls > 0 && calls->child->type == LS_TREE_LIST)
            r->lists = true;
        r->count++;
    }
    qsort(r->layer, r->count, sizeof *r->layer, by_name);
    for (size_t i = 1; i < r->count; i++)
        if (strcmp(r->layer[i - 1].name, r->layer[i].name) == 0)
            return ls_fail_at(r->layer[i].tree, LS_BAD_INPUT, "the name '%s' is used twice",
                              r->layer[i].name);
    return LS_OK;
}

/* -- tensors */

bool ls_keras_says_nothing(const struct ls_tree *value)
{
    if (value->type != LS_TREE_LIST)
        return ls_tree_is_null(value);
    for (const struct ls_tree *item = value->child; item; item = item->next)
        if (!ls_tree_is_null(item))
            return false;
    return true;
}

ls_status ls_keras_format_result(char **text, const char *name, int64_t call, int64_t result)
{
    char number[32] = "", which[32] = "";
    if (call > 0)
        snprintf(number, sizeof number, "/%lld", (long long)call);
    if (result > 0)
        snprintf(which, sizeof which, ":%lld", (long long)result);
    return ls_format(text, "%s%s%s", name, number, which);
}

ls_status ls_keras_find_tensor(struct ls_keras_tensor *tensor, const struct ls_keras_layers *r,
                               const struct ls_tree *history, bool ends)
{
    const char *name;
    int64_t call, result;
    if (history->type != LS_TREE_LIST || history->count < 3)
        return ls_fail_at(history, LS_BAD_INPUT, "expected [layer, call, result]");
    LS_TRY(ls_tree_text(history->child, &name));
    LS_TRY(ls_tree_int(history->child->next, &call));
    LS_TRY(ls_tree_int(history->child->next->next, &result));
    struct ls_keras_layer *layer = find_entry(r, name);
    if (!layer)
        return ls_fail_at(history, LS_BAD_INPUT, "there is no layer '%s'", name);
    const char *class_name = ls_keras_class(layer->tree);
    bool nested = ls_keras_is_model(layer->tree);
    bool from_one = nested && (r->lists || (ends && strcmp(class_name, "Sequential") != 0));
    int64_t calls = (int64_t)layer_calls(layer);
    if (from_one && call > 0)
        call--;
    if (call < 0 || call >= calls || result < 0)
        return ls_fail_at(history, LS_BAD_INPUT,
                          "layer '%s' has %lld call%s: there is no call %lld", name,
                          (long long)calls, calls == 1 ? "" : "s", (long long)call);
    *tensor = (struct ls_keras_tensor){layer, call, result};
    return LS_OK;
}

ls_status ls_keras_read_history(char **text, const struct ls_keras_layers *r,
                                const struct ls_tree *history, bool ends)
{
    struct ls_keras_tensor tensor = {0};
    *text = NULL;
    LS_TRY(ls_keras_find_tensor(&tensor, r, history, ends));
    if (tensor.layer->computes_mask)
        return ls_fail_at(history, LS_BAD_INPUT,
                          "'%s' computes the mask of a call: nothing else can be done with it here",
                          tensor.layer->name);
    return ls_keras_format_result(text, tensor.layer->name, tensor.call, tensor.result);
}

static bool is_tensor(const struct ls_tree *tree)
{
    const char *name = ls_keras_class(tree);
    return name && strcmp(name, "__keras_tensor__") == 0;
}

bool ls_keras_is_history(const struct ls_tree *tree)
{
    return tree->type == LS_TREE_LIST && tree->count >= 3 && tree->child->type == LS_TREE_SCALAR &&
           tree->child->next->type == LS_TREE_SCALAR &&
           tree->child->next->next->type == LS_TREE_SCALAR;
}

static int by_key(const void *a, const void *b)
{
    return strcmp((*(const struct ls_tree *const *)a)->key,
                  (*(const struct ls_tree *const *)b)->key);
}

ls_status ls_keras_sort_entries(const struct ls_tree ***sorted, const struct ls_tree *map)
{
    size_t count = 0;
    LS_TRY(ls_allocate(sorted, map->count + 1, sizeof(struct ls_tree *)));
    for (const struct ls_tree *entry = map->child; entry; entry = entry->next)
        (*sorted)[count++] = entry;
    qsort(*sorted, count, sizeof(struct ls_tree *), by_key);
    return LS_OK;
}

ls_status ls_keras_take_tensors(const struct ls_keras_taker *taker, const struct ls_tree *argument)
{
    const struct ls_tree **sorted;
    if (ls_tree_is_null(argument))
        return LS_OK;
    if (is_tensor(argument)) {
        const struct ls_tree *history = find(find(argument, "config"), "keras_history");
        return history ? taker->take(taker, history)
                       : ls_fail_at(argument, LS_BAD_INPUT, "a tensor without keras_history");
    }
    if (ls_keras_is_history(argument))
        return taker->take(taker, argument);
    if (argument->type == LS_TREE_SCALAR)
        return taker->constants ? LS_OK
                                : ls_fail_at(argument, LS_BAD_INPUT,
                                             "a call with the constant %s: only tensors are known "
                                             "here",
                                             argument->text);
    if (argument->type == LS_TREE_LIST) {
        for (const struct ls_tree *item = argument->child; item; item = item->next)
            LS_TRY(ls_keras_take_tensors(taker, item));
        return LS_OK;
    }
    LS_TRY(ls_keras_sort_entries(&sorted, argument));
    ls_status status = LS_OK;
    for (size_t i = 0; i < argument->count && status == LS_OK; i++)
        status = ls_keras_take_tensors(taker, sorted[i]);
    ls_release(sorted);
    return status;
}
