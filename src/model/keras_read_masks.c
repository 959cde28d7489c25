/* Masks of calls in Keras' config. Keras writes what computes them, its own operations, as layers,
 * and their results as the argument `mask` of calls. The graph makes and hands on masks by itself
 * (masks.c): here the operations are passed over, and a mask that is another than the input's own
 * is refused. Two masks are the same when they come of the same comparisons (x != 0), in the same
 * order: what joins them follows from the shapes. */
#include <string.h>

#include "base/memory.h"
#include "model/append.h"
#include "model/keras_read_graph.h"

#define no_memory ls_keras_no_memory
#define find      ls_keras_find

/* What a mask comes of: the places where a tensor is not this value. */
struct comparison {
    struct ls_keras_tensor tensor;
    double value;
};

struct walk {
    struct ls_keras_layers *r;
    struct ls_keras_tensor *pending; /* the next one last */
    size_t pendings;
    struct comparison *found; /* each once, by the first way to it */
    size_t count;
    bool whole; /* all ways end in comparisons */
};

static void release(struct walk *walk)
{
    ls_release(walk->pending);
    ls_release(walk->found);
}

static ls_status push(const struct ls_keras_taker *taker, const struct ls_tree *history)
{
    struct walk *walk = taker->into;
    LS_TRY(ls_grow(&walk->pending, walk->pendings, sizeof *walk->pending));
    LS_TRY(ls_keras_find_tensor(&walk->pending[walk->pendings], walk->r, history, false));
    walk->pendings++;
    return LS_OK;
}

/* The tensors of an argument come next, the first of them first. */
static ls_status push_tensors(struct walk *walk, const struct ls_tree *argument)
{
    const size_t first = walk->pendings;
    const struct ls_keras_taker taker = {
        .take = push, .r = walk->r, .into = walk, .constants = true};
    LS_TRY(ls_keras_take_tensors(&taker, argument));
    for (size_t i = first, j = walk->pendings; i + 1 < j; i++) {
        struct ls_keras_tensor tensor = walk->pending[i];
        walk->pending[i] = walk->pending[--j];
        walk->pending[j] = tensor;
    }
    return LS_OK;
}

static ls_status call_of(const struct ls_tree **call, const struct ls_keras_tensor *tensor)
{
    const struct ls_tree *calls = ls_keras_calls(tensor->layer->tree);
    const struct ls_tree *at = calls ? calls->child : NULL;
    for (int64_t i = 0; at && i < tensor->call; i++)
        at = at->next;
    *call = at;
    return !at || ls_keras_arguments(at)
               ? LS_OK
               : ls_fail_at(at, LS_BAD_INPUT, "expected a call: its args and kwargs");
}

/* The first tensor of the call's arguments is compared with a value. */
static ls_status add_comparison(struct walk *walk, const struct ls_tree *arguments, double value)
{
    struct walk one = {.r = walk->r};
    ls_status status = push_tensors(&one, arguments);
    if (status == LS_OK && one.pendings > 0)
        status = ls_grow(&walk->found, walk->count, sizeof *walk->found);
    if (status == LS_OK && one.pendings > 0)
        walk->found[walk->count++] = (struct comparison){one.pending[one.pendings - 1], value};
    else
        walk->whole = false;
    release(&one);
    return status;
}

/* -- the mask that the graph makes */

static ls_status learn_flags(struct ls_keras_layer *layer)
{
    struct ls_tree *entry;
    struct ls_part part = {0};
    const struct ls_model none = {0};
    const struct ls_kind *kind;
    if (layer->known)
        return LS_OK;
    layer->known = true;
    if (ls_keras_is_model(layer->tree))
        return LS_OK;
    entry = ls_tree_new(LS_TREE_MAP);
    ls_status status = entry ? ls_keras_read_part(entry, layer->tree) : no_memory();
    if (status == LS_OK)
        status = ls_kind_require_keras(&ls_layers, layer->tree, &kind);
    if (status == LS_OK)
        status = ls_layer_create(&none, &part.layer, kind, entry->child);
    if (status == LS_OK) {
        layer->flags = ls_layer_flags(part.layer);
        ls_part_release(&part);
    }
    ls_tree_free(entry);
    return status;
}

static ls_status step_of_input(struct walk *walk, const struct ls_keras_tensor *tensor)
{
    const struct ls_tree *call;
    LS_TRY(call_of(&call, tensor));
    LS_TRY(learn_flags(tensor->layer));
    const unsigned flags = tensor->layer->flags;
    const struct ls_tree *arguments = call ? ls_keras_arguments(call) : NULL;
    if (!call || tensor->result > 0) {
        walk->whole = false;
    } else if (flags & LS_LAYER_MAKES_MASK) {
        double value = 0;
        const struct ls_tree *given = find(find(tensor->layer->tree, "config"), "mask_value");
        if (given)
            LS_TRY(ls_tree_double(given, &value));
        return add_comparison(walk, arguments, value);
    } else if (!(flags & LS_LAYER_PASSES_MASK)) {
        walk->whole = false;
    } else {
        const size_t first = walk->pendings;
        LS_TRY(push_tensors(walk, arguments));
        if (flags & LS_LAYER_READS_MASK && walk->pendings > first + 1) {
            walk->pending[first] = walk->pending[walk->pendings - 1];
            walk->pendings = first + 1; /* the first input's mask goes on */
        }
    }
    return LS_OK;
}

/* -- the mask that Keras says */

/* In .h5 files objects have no module; but every layer says there whether it trains. */
static bool is_operation(const struct ls_tree *layer)
{
    static const char within[] = "keras.src.ops.";
    const struct ls_tree *module = find(layer, "module");
    return module ? module->type == LS_TREE_SCALAR &&
                        strncmp(module->text, within, sizeof within - 1) == 0
                  : !find(find(layer, "config"), "trainable");
}

/* Any of the last axis. */
static bool is_last_axis(const struct ls_tree *layer)
{
    const struct ls_tree *axis = find(find(layer, "config"), "axis");
    int64_t value;
    return axis && axis->type == LS_TREE_SCALAR && ls_tree_int(axis, &value) == LS_OK &&
           value == -1;
}

static ls_status step_of_operation(struct walk *walk, const struct ls_keras_tensor *tensor)
{
    static const char *const joins[] = {"LogicalOr", "Concatenate", "ExpandDims",
                                        "ConvertToTensor"};
    const char *name = ls_keras_class(tensor->layer->tree);
    const struct ls_tree *call;
    LS_TRY(call_of(&call, tensor));
    if (!name || !call || !is_operation(tensor->layer->tree)) {
        walk->whole = false;
        return LS_OK;
    }
    const struct ls_tree *arguments = ls_keras_arguments(call);
    tensor->layer->computes_mask = true;
    if (strcmp(name, "NotEqual") == 0 && arguments->count == 2 &&
        arguments->last->type == LS_TREE_SCALAR) {
        double value;
        LS_TRY(ls_tree_double(arguments->last, &value));
        return add_comparison(walk, arguments->child, value);
    }
    if (strcmp(name, "Any") == 0 && is_last_axis(tensor->layer->tree))
        return push_tensors(walk, arguments);
    for (size_t i = 0; i < sizeof joins / sizeof *joins; i++)
        if (strcmp(name, joins[i]) == 0)
            return push_tensors(walk, arguments);
    if (strcmp(name, "ZerosLike") != 0) /* it only widens a mask that it is joined with */
        walk->whole = false;
    return LS_OK;
}

/* -- both */

typedef ls_status stepper(struct walk *walk, const struct ls_keras_tensor *tensor);

/* Follows the pending tensors to the comparisons that their masks come of. */
static ls_status follow(struct walk *walk, stepper *step)
{
    bool *visited;
    LS_TRY(ls_allocate(&visited, walk->r->calls + 1, sizeof *visited));
    ls_status status = LS_OK;
    walk->whole = walk->pendings > 0;
    while (walk->pendings > 0 && walk->whole && status == LS_OK) {
        struct ls_keras_tensor tensor = walk->pending[--walk->pendings];
        bool *seen = &visited[tensor.layer->first_call + (size_t)tensor.call];
        if (!*seen)
            status = step(walk, &tensor);
        *seen = true;
    }
    ls_release(visited);
    return status;
}

static bool is_same(const struct walk *a, const struct walk *b)
{
    bool same = a->whole && b->whole && a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++) {
        const struct comparison *x = &a->found[i], *y = &b->found[i];
        same = x->tensor.layer == y->tensor.layer && x->tensor.call == y->tensor.call &&
               x->tensor.result == y->tensor.result && x->value == y->value;
    }
    return same;
}

/* mask: a tensor, or null. */
static ls_status check_mask(struct ls_keras_layers *r, const struct ls_keras_tensor *input,
                            const struct ls_tree *mask)
{
    struct walk own = {.r = r}, said = {.r = r};
    ls_status status = LS_OK;
    LS_TRY_OUT(ls_grow(&own.pending, 0, sizeof *own.pending));
    own.pending[own.pendings++] = *input;
    LS_TRY_OUT(follow(&own, step_of_input));
    LS_TRY_OUT(push_tensors(&said, mask));
    LS_TRY_OUT(follow(&said, step_of_operation));
    if (ls_tree_is_null(mask) ? own.whole : !is_same(&own, &said))
        status = ls_fail_at(mask, LS_BAD_INPUT,
                            "the mask of a call must be the one that its input '%s' has by itself, "
                            "of an Embedding or a Masking: another one is not known here",
                            input->layer->name);
out:
    release(&own);
    release(&said);
    return status;
}

static ls_status check_call(struct ls_keras_layers *r, const struct ls_tree *call)
{
    const struct ls_tree *named = find(call, "kwargs"), *mask = find(named, "mask");
    const struct ls_tree *states = find(named, "initial_state");
    struct walk inputs = {.r = r};
    ls_status status = LS_OK;
    if (!mask || ls_keras_says_nothing(mask) || !find(call, "args"))
        return LS_OK;
    LS_TRY_OUT(push_tensors(&inputs, find(call, "args")));
    bool list = mask->type == LS_TREE_LIST && !ls_keras_is_history(mask);
    size_t i = inputs.pendings;
    if (i != (list ? mask->count : 1) || (states && !ls_tree_is_null(states))) {
        status = ls_fail_at(mask, LS_BAD_INPUT,
                            "a mask beside other arguments of a call is not known here");
        goto out;
    }
    if (!list)
        status = check_mask(r, &inputs.pending[0], mask);
    for (mask = mask->child; list && mask && status == LS_OK; mask = mask->next)
        status = check_mask(r, &inputs.pending[--i], mask);
out:
    release(&inputs);
    return status;
}

ls_status ls_keras_read_masks(struct ls_keras_layers *r, const struct ls_tree *layers)
{
    for (const struct ls_tree *layer = layers->child; layer; layer = layer->next) {
        const struct ls_tree *calls = ls_keras_calls(layer);
        for (const struct ls_tree *call = calls ? calls->child : NULL; call; call = call->next)
            LS_TRY(check_call(r, call));
    }
    return LS_OK;
}
