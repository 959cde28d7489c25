/* The calls of a Functional model in Keras' config, as entries with `from` and `apply`. Keras says
 * of a tensor which layer made it, in which of its calls, as which result; the n-th call of layer
 * "a" is named "a/n" here ("a" the first), which no layer can be named. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/keras_read_graph.h"

#define no_memory ls_keras_no_memory
#define find      ls_keras_find

/* -- tensors */

static ls_status add_source(const struct ls_keras_taker *taker, const struct ls_tree *history)
{
    char *text;
    LS_TRY(ls_keras_read_history(&text, taker->r, history, false));
    bool added = ls_tree_add_text(taker->into, NULL, text);
    ls_release(text);
    return added ? LS_OK : no_memory();
}

/* All tensors of an argument, left to right. */
static ls_status read_tensors(struct ls_tree *from, const struct ls_keras_layers *r,
                              const struct ls_tree *argument)
{
    return ls_keras_take_tensors(&(struct ls_keras_taker){.take = add_source, .r = r, .into = from},
                                 argument);
}

/* -- calls */

/* A call that is read: into which entry, whose `from` is there, and of which kind, or NULL. */
struct target {
    const struct ls_keras_layers *r;
    struct ls_tree *entry, *from;
    const struct ls_layer_kind *kind;
    bool checked; /* its mask: ls_keras_read_masks */
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
static ls_status read_input(struct ls_tree *call, const struct ls_keras_layers *r,
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
        if (to->checked && strcmp(value->key, "mask") == 0)
            continue;
        if (ls_keras_says_nothing(value) || is_default(to, named, value) ||
            says_training(to, value))
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
    if (ls_keras_is_history(call)) { /* not wrapped: one tensor */
        LS_TRY(read_tensors(to->from, to->r, call));
        return read_named(to, call->count > 3 ? call->last : NULL);
    }
    for (const struct ls_tree *tensor = call->child; tensor; tensor = tensor->next) {
        if (!ls_keras_is_history(tensor))
            return ls_fail_at(tensor, LS_BAD_INPUT, "expected [layer, call, result]");
        LS_TRY(read_tensors(to->from, to->r, tensor));
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

static ls_status read_call(struct ls_tree *entry, const struct ls_keras_layers *r,
                           const struct ls_tree *layer, const struct ls_tree *call)
{
    const struct target to = {r, entry, ls_tree_add(entry, "from", LS_TREE_LIST), kind_of(layer),
                              call->type == LS_TREE_MAP};
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
static ls_status read_calls(struct ls_tree *layers, const struct ls_keras_layers *r,
                            const struct ls_tree *layer, const char *name)
{
    int64_t number = 0;
    const struct ls_tree *calls = ls_keras_calls(layer);
    for (const struct ls_tree *call = calls->child; call; call = call->next, number++) {
        struct ls_tree *entry = ls_tree_add(layers, NULL, LS_TREE_MAP);
        char *text = NULL;
        if (!entry)
            return no_memory();
        if (number == 0) {
            LS_TRY(ls_keras_read_part(entry, layer));
        } else {
            LS_TRY(ls_keras_format_result(&text, name, number, 0));
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

static ls_status read_layers(struct ls_tree *model, const struct ls_keras_layers *r,
                             const struct ls_tree *keras)
{
    struct ls_tree *layers = ls_tree_add(model, "layers", LS_TREE_LIST);
    for (const struct ls_tree *layer = keras->child; layers && layer; layer = layer->next) {
        const char *class_name = ls_keras_class(layer);
        const struct ls_tree *calls = ls_keras_calls(layer), *name = find(layer, "name");
        if (!name)
            name = find(find(layer, "config"), "name");
        if (ls_keras_computes_mask(r, name->text)) {
            continue;
        } else if (calls && calls->count > 0) {
            LS_TRY(read_calls(layers, r, layer, name->text));
        } else if (class_name && strcmp(class_name, "InputLayer") == 0) {
            struct ls_tree *entry = ls_tree_add(layers, NULL, LS_TREE_MAP);
            LS_TRY(entry ? ls_keras_read_part(entry, layer) : no_memory());
        }
    }
    return layers ? LS_OK : no_memory();
}

/* -- inputs and outputs */

static ls_status add_end(struct ls_tree *parent, const char *key, const struct ls_keras_layers *r,
                         const struct ls_tree *history)
{
    char *text;
    LS_TRY(ls_keras_read_history(&text, r, history, true));
    bool added = ls_tree_add_text(parent, key, text);
    ls_release(text);
    return added ? LS_OK : no_memory();
}

/* One tensor, a list, or a dictionary. */
static ls_status read_ends(struct ls_tree *model, const char *key, const struct ls_keras_layers *r,
                           const struct ls_tree *ends)
{
    const struct ls_tree **sorted = NULL;
    if (!ends || (ends->type != LS_TREE_LIST && ends->type != LS_TREE_MAP) || ends->count == 0)
        return ls_fail_at(ends, LS_BAD_INPUT, "a Functional model without %s", key);
    if (ls_keras_is_history(ends))
        return add_end(model, key, r, ends);
    struct ls_tree *made = ls_tree_add(model, key, ends->type);
    if (!made)
        return no_memory();
    if (ends->type == LS_TREE_LIST) {
        for (const struct ls_tree *end = ends->child; end; end = end->next)
            LS_TRY(add_end(made, NULL, r, end));
        return LS_OK;
    }
    LS_TRY(ls_keras_sort_entries(&sorted, ends));
    ls_status status = LS_OK;
    for (size_t i = 0; i < ends->count && status == LS_OK; i++)
        status = add_end(made, sorted[i]->key, r, sorted[i]);
    ls_release(sorted);
    return status;
}

ls_status ls_keras_read_graph(struct ls_tree *model, const struct ls_tree *config)
{
    struct ls_keras_layers r = {0};
    const struct ls_tree *layers = find(config, "layers");
    if (!layers || layers->type != LS_TREE_LIST || layers->count == 0)
        return ls_fail_at(config, LS_BAD_INPUT, "the model has no layers");
    ls_status status = ls_keras_list_layers(&r, layers);
    if (status == LS_OK)
        status = ls_keras_read_masks(&r, layers);
    if (status == LS_OK)
        status = read_ends(model, "inputs", &r, find(config, "input_layers"));
    if (status == LS_OK)
        status = read_layers(model, &r, layers);
    if (status == LS_OK)
        status = read_ends(model, "outputs", &r, find(config, "output_layers"));
    ls_release(r.layer);
    return status;
}
