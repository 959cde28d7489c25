/* The calls of a Functional model in Keras' config, as entries with `from` and `apply`. Keras says
 * of a tensor which layer made it, in which of its calls, as which result; the n-th call of layer
 * "a" is named "a/n" here ("a" the first), which no layer can be named. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/keras_read.h"

#define no_memory ls_keras_no_memory
#define find      ls_keras_find

struct entry {
    const char *name;
    const struct ls_tree *tree;
    size_t calls;
};

struct reader {
    struct entry *entry; /* by name */
    size_t entries;
    bool lists; /* calls are lists of tensors, as Keras 2 writes them: it counts from 1 what a
                   nested model was called */
};

/* -- layers by name */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static const struct entry *find_entry(const struct reader *r, const char *name)
{
    const struct entry key = {.name = name};
    return bsearch(&key, r->entry, r->entries, sizeof key, by_name);
}

static const struct ls_tree *calls_of(const struct ls_tree *layer)
{
    const struct ls_tree *calls = find(layer, "inbound_nodes");
    return calls && calls->type == LS_TREE_LIST ? calls : NULL;
}

static ls_status list_layers(struct reader *r, const struct ls_tree *layers)
{
    LS_TRY(ls_allocate(&r->entry, layers->count + 1, sizeof *r->entry));
    for (const struct ls_tree *layer = layers->child; layer; layer = layer->next) {
        struct entry *entry = &r->entry[r->entries];
        const struct ls_tree *name = find(layer, "name"), *calls = calls_of(layer);
        if (!name)
            name = find(find(layer, "config"), "name");
        if (!name || name->type != LS_TREE_SCALAR)
            return ls_fail_at(layer, LS_BAD_INPUT, "a layer without a name");
        *entry = (struct entry){name->text, layer, calls ? calls->count : 0};
        if (entry->calls > 0 && calls->child->type == LS_TREE_LIST)
            r->lists = true;
        r->entries++;
    }
    qsort(r->entry, r->entries, sizeof *r->entry, by_name);
    for (size_t i = 1; i < r->entries; i++)
        if (strcmp(r->entry[i - 1].name, r->entry[i].name) == 0)
            return ls_fail_at(r->entry[i].tree, LS_BAD_INPUT, "the name '%s' is used twice",
                              r->entry[i].name);
    return LS_OK;
}

/* -- tensors */

/* "name", or "name/2" of a later call, ":1" of a second result. */
static ls_status format_result(char **text, const char *name, int64_t call, int64_t output)
{
    char number[32] = "", result[32] = "";
    if (call > 0)
        snprintf(number, sizeof number, "/%lld", (long long)call);
    if (output > 0)
        snprintf(result, sizeof result, ":%lld", (long long)output);
    return ls_format(text, "%s%s%s", name, number, result);
}

/* history: [layer, call, result, ...]. `ends`: it is one of input_layers or output_layers. */
static ls_status read_history(char **text, const struct reader *r, const struct ls_tree *history,
                              bool ends)
{
    const char *name;
    int64_t call, output;
    *text = NULL;
    if (history->type != LS_TREE_LIST || history->count < 3)
        return ls_fail_at(history, LS_BAD_INPUT, "expected [layer, call, result]");
    LS_TRY(ls_tree_text(history->child, &name));
    LS_TRY(ls_tree_int(history->child->next, &call));
    LS_TRY(ls_tree_int(history->child->next->next, &output));
    const struct entry *entry = find_entry(r, name);
    if (!entry)
        return ls_fail_at(history, LS_BAD_INPUT, "there is no layer '%s'", name);
    const char *class_name = ls_keras_class(entry->tree);
    bool nested = ls_keras_is_model(entry->tree);
    bool from_one = nested && (r->lists || (ends && strcmp(class_name, "Sequential") != 0));
    int64_t calls = entry->calls ? (int64_t)entry->calls : 1;
    if (from_one && call > 0)
        call--;
    if (call < 0 || call >= calls || output < 0)
        return ls_fail_at(history, LS_BAD_INPUT,
                          "layer '%s' has %lld call%s: there is no call %lld", name,
                          (long long)calls, calls == 1 ? "" : "s", (long long)call);
    return format_result(text, name, call, output);
}

static bool is_tensor(const struct ls_tree *tree)
{
    const char *name = ls_keras_class(tree);
    return name && strcmp(name, "__keras_tensor__") == 0;
}

/* Keras 2's: ["x", 0, 0] or ["x", 0, 0, {...}] */
static bool is_history(const struct ls_tree *tree)
{
    return tree->type == LS_TREE_LIST && tree->count >= 3 && tree->child->type == LS_TREE_SCALAR &&
           tree->child->next->type == LS_TREE_SCALAR &&
           tree->child->next->next->type == LS_TREE_SCALAR;
}

static ls_status add_source(struct ls_tree *from, const struct reader *r,
                            const struct ls_tree *history)
{
    char *text;
    LS_TRY(read_history(&text, r, history, false));
    bool added = ls_tree_add_text(from, NULL, text);
    ls_release(text);
    return added ? LS_OK : no_memory();
}

static int by_key(const void *a, const void *b)
{
    return strcmp((*(const struct ls_tree *const *)a)->key,
                  (*(const struct ls_tree *const *)b)->key);
}

/* The entries of a map in the order in which Keras takes them. */
static ls_status sort_entries(const struct ls_tree ***sorted, const struct ls_tree *map)
{
    size_t count = 0;
    LS_TRY(ls_allocate(sorted, map->count + 1, sizeof(struct ls_tree *)));
    for (const struct ls_tree *entry = map->child; entry; entry = entry->next)
        (*sorted)[count++] = entry;
    qsort(*sorted, count, sizeof(struct ls_tree *), by_key);
    return LS_OK;
}

/* All tensors of an argument, left to right. */
static ls_status read_tensors(struct ls_tree *from, const struct reader *r,
                              const struct ls_tree *argument)
{
    const struct ls_tree **sorted;
    if (ls_tree_is_null(argument))
        return LS_OK;
    if (is_tensor(argument)) {
        const struct ls_tree *history = find(find(argument, "config"), "keras_history");
        return history ? add_source(from, r, history)
                       : ls_fail_at(argument, LS_BAD_INPUT, "a tensor without keras_history");
    }
    if (is_history(argument))
        return add_source(from, r, argument);
    if (argument->type == LS_TREE_SCALAR)
        return ls_fail_at(argument, LS_BAD_INPUT,
                          "a call with the constant %s: only tensors are known here",
                          argument->text);
    if (argument->type == LS_TREE_LIST) {
        for (const struct ls_tree *item = argument->child; item; item = item->next)
            LS_TRY(read_tensors(from, r, item));
        return LS_OK;
    }
    LS_TRY(sort_entries(&sorted, argument));
    ls_status status = LS_OK;
    for (size_t i = 0; i < argument->count && status == LS_OK; i++)
        status = read_tensors(from, r, sorted[i]);
    ls_release(sorted);
    return status;
}

/* -- calls */

/* null, or a list of nothing else: the masks of a nested model's inputs that have none. */
static bool says_nothing(const struct ls_tree *value)
{
    if (value->type != LS_TREE_LIST)
        return ls_tree_is_null(value);
    for (const struct ls_tree *item = value->child; item; item = item->next)
        if (!ls_tree_is_null(item))
            return false;
    return true;
}

/* A call that is read: into which entry, whose `from` is there, and of which kind, or NULL. */
struct target {
    const struct reader *r;
    struct ls_tree *entry, *from;
    const struct ls_layer_kind *kind;
};

static const struct ls_layer_kind *kind_of(const struct ls_tree *layer)
{
    const char *name = ls_keras_class(layer);
    return name ? ls_layer_kind_of(ls_kind_find(&ls_layers, name)) : NULL;
}

static bool is_argument(const struct ls_layer_kind *kind, const char *name)
{
    const struct ls_option *option = kind && kind->arguments ? kind->arguments->options : NULL;
    while (option && option->name && strcmp(option->name, name) != 0)
        option++;
    return option && option->name;
}

static ls_status read_training(struct ls_tree *call, const struct ls_tree *value)
{
    bool training;
    LS_TRY(ls_tree_bool(value, &training));
    if (training)
        return ls_fail_at(value, LS_BAD_INPUT, "a call that is always training is not known here");
    return ls_tree_add_bool(call, "training", false) ? LS_OK : no_memory();
}

/* A tensor by the name of its argument. */
static ls_status read_input(struct ls_tree *call, const struct reader *r,
                            const struct ls_tree *value)
{
    struct ls_tree *one = ls_tree_new(LS_TREE_LIST);
    ls_status status = one ? read_tensors(one, r, value) : no_memory();
    if (status == LS_OK && one->count != 1)
        status = ls_fail_at(value, LS_BAD_INPUT, "argument '%s' of a call: expected one tensor",
                            value->key);
    if (status == LS_OK && !ls_tree_add_text(call, value->key, one->child->text))
        status = no_memory();
    ls_tree_free(one);
    return status;
}

static bool has_states(const struct ls_layer_kind *kind)
{
    return kind && kind->flags & LS_LAYER_STATES;
}

/* Keras writes the defaults of recurrent layers' calls, training and mask, as if they had been
 * given; training is none then. */
static bool is_default(const struct target *to, const struct ls_tree *named,
                       const struct ls_tree *value)
{
    return has_states(to->kind) && strcmp(value->key, "training") == 0 && find(named, "mask");
}

/* Whether it is `training: true` as a default that Keras wrote. */
static bool says_training(const struct target *to, const struct ls_tree *value)
{
    bool training = false;
    return to->kind && to->kind->flags & LS_LAYER_SAYS_TRAINING &&
           strcmp(value->key, "training") == 0 && value->type == LS_TREE_SCALAR &&
           ls_tree_bool(value, &training) == LS_OK && training;
}

/* Arguments by name: training false, and what the layer's calls take; what is null says nothing. */
static ls_status read_named(const struct target *to, const struct ls_tree *named)
{
    for (const struct ls_tree *value = named ? named->child : NULL; value; value = value->next) {
        if (says_nothing(value) || is_default(to, named, value) || says_training(to, value))
            continue;
        if (has_states(to->kind) && strcmp(value->key, "initial_state") == 0) {
            LS_TRY(read_tensors(to->from, to->r, value));
            continue;
        }
        struct ls_tree *call = (struct ls_tree *)ls_tree_find(to->entry, "call");
        if (!call)
            call = ls_tree_add(to->entry, "call", LS_TREE_MAP);
        if (!call)
            return no_memory();
        if (ls_tree_find(call, value->key)) /* each tensor of a list has them all */
            continue;
        if (strcmp(value->key, "training") == 0)
            LS_TRY(read_training(call, value));
        else if (to->kind && ls_layer_input_name(to->kind, value->key) != SIZE_MAX)
            LS_TRY(read_input(call, to->r, value));
        else if (!is_argument(to->kind, value->key))
            return ls_fail_at(value, LS_BAD_INPUT, "argument '%s' of a call is not known here",
                              value->key);
        else if (!ls_tree_add_copy(call, value->key, value))
            return no_memory();
    }
    return LS_OK;
}

/* A call as a list of tensors; what follows the third item of the first are arguments by name. */
static ls_status read_list(const struct target *to, const struct ls_tree *call)
{
    if (is_history(call)) { /* not wrapped: one tensor */
        LS_TRY(add_source(to->from, to->r, call));
        return read_named(to, call->count > 3 ? call->last : NULL);
    }
    for (const struct ls_tree *tensor = call->child; tensor; tensor = tensor->next) {
        if (!is_history(tensor))
            return ls_fail_at(tensor, LS_BAD_INPUT, "expected [layer, call, result]");
        LS_TRY(add_source(to->from, to->r, tensor));
        if (tensor->count > 3 && tensor->last->type == LS_TREE_MAP)
            LS_TRY(read_named(to, tensor->last));
    }
    return LS_OK;
}

/* Tensors that are arguments of their own: none stands behind one that is left out. */
static ls_status check_arguments(const struct target *to, const struct ls_tree *arguments)
{
    size_t given = 0, place = 0;
    for (const struct ls_tree *one = arguments->child; one; one = one->next, place++) {
        if (ls_tree_is_null(one))
            continue;
        if (given++ < place || place >= to->kind->most_inputs)
            return ls_fail_at(one, LS_BAD_INPUT,
                              "argument %zu of a call of %s is known here by its name only", place,
                              to->kind->kind.name);
    }
    return LS_OK;
}

static ls_status read_call(struct ls_tree *entry, const struct reader *r,
                           const struct ls_tree *layer, const struct ls_tree *call)
{
    const struct target to = {r, entry, ls_tree_add(entry, "from", LS_TREE_LIST), kind_of(layer)};
    if (!to.from)
        return no_memory();
    if (call->type == LS_TREE_LIST) {
        LS_TRY(read_list(&to, call));
    } else {
        const struct ls_tree *arguments = find(call, "args");
        if (!arguments)
            return ls_fail_at(call, LS_BAD_INPUT, "expected a call: its args and kwargs");
        if (to.kind && to.kind->input_names)
            LS_TRY(check_arguments(&to, arguments));
        LS_TRY(read_tensors(to.from, r, arguments));
        LS_TRY(read_named(&to, find(call, "kwargs")));
    }
    const bool named = to.kind && to.kind->input_names && ls_tree_find(entry, "call");
    return to.from->count > 0 || named ? LS_OK
                                       : ls_fail_at(call, LS_BAD_INPUT, "a call without tensors");
}

/* The first call brings the layer, the others apply it. */
static ls_status read_calls(struct ls_tree *layers, const struct reader *r,
                            const struct ls_tree *layer, const char *name)
{
    int64_t number = 0;
    const struct ls_tree *calls = calls_of(layer);
    for (const struct ls_tree *call = calls->child; call; call = call->next, number++) {
        struct ls_tree *entry = ls_tree_add(layers, NULL, LS_TREE_MAP);
        char *text = NULL;
        if (!entry)
            return no_memory();
        if (number == 0) {
            LS_TRY(ls_keras_read_part(entry, layer));
        } else {
            LS_TRY(format_result(&text, name, number, 0));
            bool added =
                ls_tree_add_text(entry, "apply", name) && ls_tree_add_text(entry, "as", text);
            ls_release(text);
            if (!added)
                return no_memory();
        }
        LS_TRY(read_call(entry, r, layer, call));
    }
    return LS_OK;
}

static ls_status read_layers(struct ls_tree *model, const struct reader *r,
                             const struct ls_tree *keras)
{
    struct ls_tree *layers = ls_tree_add(model, "layers", LS_TREE_LIST);
    for (const struct ls_tree *layer = keras->child; layers && layer; layer = layer->next) {
        const char *class_name = ls_keras_class(layer);
        const struct ls_tree *calls = calls_of(layer), *name = find(layer, "name");
        if (!name)
            name = find(find(layer, "config"), "name");
        if (calls && calls->count > 0) {
            LS_TRY(read_calls(layers, r, layer, name->text));
        } else if (class_name && strcmp(class_name, "InputLayer") == 0) {
            struct ls_tree *entry = ls_tree_add(layers, NULL, LS_TREE_MAP);
            LS_TRY(entry ? ls_keras_read_part(entry, layer) : no_memory());
        }
    }
    return layers ? LS_OK : no_memory();
}

/* -- inputs and outputs */

static ls_status add_end(struct ls_tree *parent, const char *key, const struct reader *r,
                         const struct ls_tree *history)
{
    char *text;
    LS_TRY(read_history(&text, r, history, true));
    bool added = ls_tree_add_text(parent, key, text);
    ls_release(text);
    return added ? LS_OK : no_memory();
}

/* One tensor, a list, or a dictionary. */
static ls_status read_ends(struct ls_tree *model, const char *key, const struct reader *r,
                           const struct ls_tree *ends)
{
    const struct ls_tree **sorted = NULL;
    if (!ends || (ends->type != LS_TREE_LIST && ends->type != LS_TREE_MAP) || ends->count == 0)
        return ls_fail_at(ends, LS_BAD_INPUT, "a Functional model without %s", key);
    if (is_history(ends))
        return add_end(model, key, r, ends);
    struct ls_tree *made = ls_tree_add(model, key, ends->type);
    if (!made)
        return no_memory();
    if (ends->type == LS_TREE_LIST) {
        for (const struct ls_tree *end = ends->child; end; end = end->next)
            LS_TRY(add_end(made, NULL, r, end));
        return LS_OK;
    }
    LS_TRY(sort_entries(&sorted, ends));
    ls_status status = LS_OK;
    for (size_t i = 0; i < ends->count && status == LS_OK; i++)
        status = add_end(made, sorted[i]->key, r, sorted[i]);
    ls_release(sorted);
    return status;
}

ls_status ls_keras_read_graph(struct ls_tree *model, const struct ls_tree *config)
{
    struct reader r = {0};
    const struct ls_tree *layers = find(config, "layers");
    if (!layers || layers->type != LS_TREE_LIST || layers->count == 0)
        return ls_fail_at(config, LS_BAD_INPUT, "the model has no layers");
    ls_status status = list_layers(&r, layers);
    if (status == LS_OK)
        status = read_ends(model, "inputs", &r, find(config, "input_layers"));
    if (status == LS_OK)
        status = read_layers(model, &r, layers);
    if (status == LS_OK)
        status = read_ends(model, "outputs", &r, find(config, "output_layers"));
    ls_release(r.entry);
    return status;
}
